"""What stands between a client and the application, from the outside in: headers, crowd, hosts, rate, token, bodies."""

from latentia.web.service.guards.bodies import Bodies
from latentia.web.service.guards.crowd import Crowd
from latentia.web.service.guards.headers import SafeHeaders
from latentia.web.service.guards.hosts import Hosts
from latentia.web.service.guards.rate import Rate
from latentia.web.service.guards.token import Token

__all__ = ["Bodies", "Crowd", "Hosts", "Rate", "SafeHeaders", "Token"]
