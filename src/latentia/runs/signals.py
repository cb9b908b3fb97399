"""Ctrl-C and the system's wish that a process end wait for the end of what must not be left half done."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from latentia.training import Terminated

ASKED_TO_END = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Signals:
    """Inside, as a context: SIGTERM and SIGHUP raise ``Terminated``, Ctrl-C ``KeyboardInterrupt``, unless they are held.

    What comes while they are held is raised at the release; of two the second is not held. A signal that somebody else
    handles, or ignores as ``nohup`` does, is left to them; outside of the main thread all are.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._held = False
        self._came: int | None = None

    def __enter__(self) -> "Signals":
        if threading.current_thread() is threading.main_thread():
            usual = {signal.SIGINT: signal.default_int_handler, **dict.fromkeys(ASKED_TO_END, signal.SIG_DFL)}
            for number, handler in usual.items():
                if signal.getsignal(number) is handler:
                    self._before[number] = signal.signal(number, self._arrived)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._held = False
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def hold(self) -> None:
        """Let them wait."""
        self._held = True

    def release(self) -> None:
        """Raise what came meanwhile.

        Raises:
            KeyboardInterrupt: Ctrl-C.
            Terminated: SIGTERM or SIGHUP; its code is the exit status by custom, 128 and the signal's number.
        """
        self._held = False
        if self._came is not None:
            self._raise(self._came)

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        if self._held and self._came is None:
            self._came = number
            return
        self._raise(number)

    def _raise(self, number: int) -> None:
        self._came, self._held = None, False
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise Terminated(128 + number)
