"""Several processes end with one line, whichever of them failed, and none waits for one that is gone."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from torch import distributed as dist

from latentia.core.errors import LatentiaError
from latentia.core.ranks import Lost, Ranks
from latentia.training import launch

SPOKEN, ENDED, MOUTH, LAST = (f"latentia/{name}" for name in ("spoken", "ended", "mouth", "last"))
# Long enough for a process to come out of a step, short enough for nobody to notice.
WAIT = 3.0


def last_words(message: str, error: Exception | None = None) -> str:
    """What this process is to say of its end: its own words, those of the one that failed, or nothing.

    Args:
        message: why it ends.
        error: what that was; ``Lost`` is only that another process has ended.
    """
    try:
        if launch.launched() == 1:
            return message
    except LatentiaError:
        return message  # that its numbers make no sense is what it is about to say
    lost, kept = isinstance(error, Lost), error.kept if isinstance(error, Lost) else ""
    ranks = launch.started()
    if ranks is None:
        # They never met, so that each machine's first one speaks for it.
        return message if launch.comes_first() else ""
    # Whoever waits for these processes may ask the others to end as soon as the first one does.
    with suppress(ValueError):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    store = dist.distributed_c10d._get_default_store() if dist.is_initialized() else None
    if store is None:
        return message if ranks.leads else ""
    with _torch_silent():
        said = _of_the_first(message, lost, kept, ranks, store) if ranks.leads else _of_another(message, lost, ranks, store)
    if ranks.device.type != "cpu":
        # Kernels that wait for the others would keep the interpreter from ending.
        os.write(2, f"latentia: {said}\n".encode() if said else b"")
        os._exit(1)
    return said


def _of_the_first(message: str, lost: bool, kept: str, ranks: Ranks, store: Any) -> str:
    with suppress(RuntimeError):
        if lost and store.add(MOUTH, 1) > 1:
            return ""
        if lost and (reason := _reason(ranks, store)):
            message = reason + kept
        store.set(SPOKEN, "1")
    _leave(ranks)
    with suppress(RuntimeError):
        end = time.monotonic() + WAIT
        while store.add(ENDED, 0) < ranks.of - 1 and time.monotonic() < end:
            time.sleep(0.02)
    return message


def _of_another(message: str, lost: bool, ranks: Ranks, store: Any) -> str:
    own = message if lost else f"process {ranks.rank} of {ranks.of}: {message}"
    try:
        if not lost:
            store.set(f"{LAST}/{ranks.rank}", own)
        _leave(ranks)
        try:
            store.wait([SPOKEN], timedelta(seconds=WAIT))
        except dist.DistStoreError:
            return own if store.add(MOUTH, 1) == 1 else ""
        store.add(ENDED, 1)
        return ""
    except RuntimeError:
        # The first one held the store, and is gone without a word.
        return own if ranks.rank == 1 or launch.comes_first() else ""


def _reason(ranks: Ranks, store: Any) -> str:
    """What another process said of its failure."""
    for rank in range(1, ranks.of):
        if store.check([f"{LAST}/{rank}"]):
            return store.get(f"{LAST}/{rank}").decode()
    return ""


@contextmanager
def _torch_silent() -> Iterator[None]:
    """Inside, what torch's own C++ prints of a store that is gone, in many lines, is left out."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _leave(ranks: Ranks) -> None:
    if ranks.device.type == "cpu":
        launch.part()
