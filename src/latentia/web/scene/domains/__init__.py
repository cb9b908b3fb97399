"""Kinds of rows that the page draws, each by one file here and one renderer in the page.

To add one: a subclass of ``Domain`` and its line in ``DOMAINS``, before ``other``, which takes every run.
"""

from latentia.web.scene.domains.base import Domain, Material
from latentia.web.scene.domains.image import ImageDomain
from latentia.web.scene.domains.other import OtherDomain
from latentia.web.scene.domains.table import TableDomain

DOMAINS: dict[str, type[Domain]] = {
    "image": ImageDomain,
    "table": TableDomain,
    "other": OtherDomain,
}

__all__ = ["DOMAINS", "Domain", "Material"]
