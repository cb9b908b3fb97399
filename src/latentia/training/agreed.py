"""What processes must know alike between two steps: that one was interrupted, that a checkpoint is due, what it holds."""

import signal
import time
from typing import Any

from torch import Tensor

from latentia.core.ranks import Ranks
from latentia.training.checkpoint import Checkpoint, from_bytes
from latentia.training.keeper import Keeper, Terminated

# Seconds between two looks at each other, about; a look costs a message.
LOOK, MOST_STEPS = 0.1, 1_000


class Agreed:
    """A ``Keeper`` whose answers are those of all processes: a signal that came to any, and the first one's clock.

    They look at each other every so many steps, as the first one says; in between all signals are held. The first one keeps
    what there is to keep, with what the others give it of theirs.

    Args:
        keeper: this process's own.
        ranks: the others.

    Attributes:
        looked: whether they looked at the last release.
        ending: whether they agreed to end.
    """

    def __init__(self, keeper: Keeper, ranks: Ranks) -> None:
        self._keeper, self._ranks = keeper, ranks
        found = ranks.leaders(None if keeper.found is None else b"".join(keeper.found.to_bytes()))
        self.found: Checkpoint | None = None if found is None else from_bytes(found)
        self.looked, self._due, self.ending = False, False, False
        self._late = 0
        self._every = self._left = 1
        self._since = time.monotonic()

    def due(self) -> bool:
        return self._due

    def keep(self, checkpoint: Checkpoint, step: int) -> None:
        # Whoever is torn out of a step by itself, by a second signal, finds nobody who would keep anything with it.
        if not (self._due or self.ending):
            return
        parts = self._ranks.each(own_state(checkpoint))
        if self._ranks.leads:
            try:
                self._keeper.keep(with_parts(checkpoint, parts), step)
            except KeyboardInterrupt:
                self._late = int(signal.SIGINT)
            except Terminated as ended:
                self._late = int(str(ended.code))
            self._keeper.hold()

    def hold(self) -> None:
        self._keeper.hold()

    def release(self) -> None:
        self._left -= 1
        self.looked, self._due = self._left <= 0, False
        if self.looked:
            self._look()

    def look_next(self) -> None:
        """Look at the next release, whenever that was to be."""
        self._left = 1

    def end(self) -> None:
        """Nothing is left to agree on; raises as ``Keeper.release``."""
        self._keeper.release()

    def _look(self) -> None:
        due = self._ranks.leads and self._keeper.due()
        came, due, every = self._ranks.most(self._came(), int(due), self._steps(due) if self._ranks.leads else 0)
        self._every = self._left = every
        self._since, self._due, self.ending = time.monotonic(), bool(due), came != 0
        if came == signal.SIGINT:
            raise KeyboardInterrupt
        if came:
            raise Terminated(came)

    def _came(self) -> int:
        """The signal that came here meanwhile, if one did, as ``Terminated`` and Ctrl-C number them."""
        late, self._late = self._late, 0
        try:
            self._keeper.release()
            self._keeper.hold()
        except KeyboardInterrupt:
            return int(signal.SIGINT)
        except Terminated as ended:
            return int(str(ended.code))
        return late

    def _steps(self, due: bool) -> int:
        """Until the next look."""
        if due:
            return 1
        a_step = max(1e-9, (time.monotonic() - self._since) / self._every)
        return max(1, min(int(LOOK / a_step), 2 * self._every, MOST_STEPS))


def own_state(checkpoint: Checkpoint) -> dict[str, Any]:
    """Of a checkpoint what no other process can know: random states, and what was summed in the epoch under way."""
    tensors = {name: t.cpu() for name, t in checkpoint.tensors.items() if name.startswith("random.") or name == "totals"}
    return {"tensors": tensors, "rows": _rows(checkpoint)}


def with_parts(checkpoint: Checkpoint, parts: list[dict[str, Any]]) -> Checkpoint:
    """The first process's checkpoint, with every other's own."""
    tensors = {f"ranks.{i}.{name}": t for i, part in enumerate(parts) if i for name, t in part["tensors"].items()}
    values = {"of": len(parts), "rows": [part["rows"] for part in parts]}
    return Checkpoint({**checkpoint.values, "ranks": values}, {**checkpoint.tensors, **tensors})


def kept_of(checkpoint: Checkpoint) -> int:
    """How many processes a checkpoint is of."""
    return checkpoint.values["ranks"]["of"] if "ranks" in checkpoint.values else 1


def own_part(kept: Checkpoint, rank: int, of: int) -> Checkpoint:
    """The checkpoint as this process would have written it alone.

    Where others were there than are now, the first takes over what all have summed, and a process that is new begins with
    random states that the caller has to replace.
    """
    n = kept_of(kept)
    if n == 1 and rank == 0:
        return kept
    tensors = {name: t for name, t in kept.tensors.items() if not name.startswith("ranks.")}
    theirs = [tensors, *(_inside(kept.tensors, f"ranks.{i}.") for i in range(1, n))]
    if rank < n:
        tensors = tensors | theirs[rank]
    values = kept.values
    if "totals" in tensors:
        rows = values["ranks"]["rows"] if n > 1 else [_rows(kept)]
        mine = rows[rank] if rank < n else 0
        if n != of:
            totals, mine = tensors["totals"].clone(), sum(rows) if rank == 0 else 0
            totals[:2] = sum(part["totals"][:2] for part in theirs) if rank == 0 else 0.0
            tensors["totals"] = totals
        number, batches, _, beta, lr = values["loop"]["epoch"]
        values = values | {"loop": values["loop"] | {"epoch": [number, batches, mine, beta, lr]}}
    return Checkpoint(values, tensors)


def _rows(checkpoint: Checkpoint) -> int:
    epoch = checkpoint.values["loop"].get("epoch")
    return epoch[2] if epoch else 0


def _inside(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
