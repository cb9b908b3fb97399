"""One connection, with patience that ends: a client that does not send, or does not take what it asked for, is cut off.

Connections beyond what may be open are marked, so that ``guards.Crowd`` tells them; far beyond, they are closed unheard.
"""

import asyncio
import json
from collections import Counter
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from latentia.web.service.guards.crowd import CROWDED
from latentia.web.service.guards.rate import client_of

# Times what may be open: so many are listened to, if only to be refused.
HEARD = 2


def patient(seconds: float, most: int, each: int | None = None) -> type[H11Protocol]:
    """A protocol for uvicorn whose clients have so many seconds for a request's head, for what is left of it once it was
    answered, and for taking an answer.

    A body that is waited for has a limit of its own (``guards.Bodies``), so that its client is told.

    Args:
        seconds: of patience.
        most: connections of all clients.
        each: connections of one client; None for any number.
    """
    open_ = Counter[str]()

    class Patient(H11Protocol):
        _who = ""
        _alarm: asyncio.TimerHandle | None = None
        _stalled: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._set_alarm()
            self._who = client_of({"client": self.client})
            open_[self._who] += 1
            if len(self.connections) > HEARD * most:
                self.transport.abort()
            elif len(self.connections) > most:
                self._mark(f"more than {most} connections are open; come again in a moment.")
            elif each is not None and open_[self._who] > each:
                self._mark(
                    f"more than {each} connections of this client are open; close some, and use each for many requests."
                )

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
                # The first byte starts the clock, and no later one puts it back.
                if self._alarm is None:
                    self._set_alarm()
            else:
                self._unset_alarm()

        def connection_lost(self, exc: Exception | None) -> None:
            self._unset_alarm()
            self._taken()
            open_[self._who] -= 1
            if not open_[self._who]:
                del open_[self._who]
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._taken()
            self._stalled = self.loop.call_later(seconds, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._taken()

        def timeout_keep_alive_handler(self) -> None:
            super().timeout_keep_alive_handler()
            # Closing waits for what is still to be sent.
            self.loop.call_later(seconds, self.transport.abort)

        def send_400_response(self, msg: str) -> None:
            body = json.dumps({"detail": f"{msg.rstrip('.').lower()}; speak HTTP/1.1."}).encode()
            headers = [("content-type", "application/json"), ("content-length", str(len(body))), ("connection", "close")]
            if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
                    self.transport.write(self.conn.send(event) or b"")
            self.transport.close()

        def _mark(self, why: str) -> None:
            self.app_state = {**self.app_state, CROWDED: why}

        def _set_alarm(self) -> None:
            self._alarm = self.loop.call_later(seconds, self._rang)

        def _unset_alarm(self) -> None:
            if self._alarm is not None:
                self._alarm.cancel()
                self._alarm = None

        def _taken(self) -> None:
            if self._stalled is not None:
                self._stalled.cancel()
                self._stalled = None

        def _rang(self) -> None:
            self._alarm = None
            waited_for = self.conn.their_state is h11.SEND_BODY and not self.cycle.response_complete
            if waited_for:
                self._set_alarm()
            else:
                self.transport.abort()

    return Patient
