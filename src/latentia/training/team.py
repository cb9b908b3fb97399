"""The loop's processes: one alone, or several that take each step together and go on from it alike."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from latentia.core import Batch
from latentia.core.errors import DataError, LatentiaError
from latentia.core.ranks import Ranks, together
from latentia.data import AnySplit
from latentia.learners import Learner
from latentia.training.agreed import Agreed, kept_of, own_part
from latentia.training.checkpoint import Checkpoint
from latentia.training.keeper import Keeper
from latentia.training.launch import part, seed_of
from latentia.training.matmul import Route, exact_here
from latentia.training.standing import Epoch

T = TypeVar("T")
# Of a sum of numbers that should be the same everywhere; other processors round otherwise.
DRIFT = 1e-3


class Team:
    """What the loop asks of the others; alone, each answer is this process's own.

    Args:
        ranks: the others; None alone.
        keeper: as the loop is given it.
    """

    def __init__(self, ranks: Ranks | None, keeper: Keeper) -> None:
        self._ranks = ranks
        self._agreed = None if ranks is None else Agreed(keeper, ranks)
        self.keeper: Keeper = self._agreed or keeper

    @property
    def leads(self) -> bool:
        """Whether this process is the one that speaks and writes."""
        return self._ranks is None or self._ranks.leads

    @property
    def place(self) -> tuple[int, int]:
        """This process among how many."""
        return (0, 1) if self._ranks is None else (self._ranks.rank, self._ranks.of)

    def check(self, learner: Learner, batch_size: int, rows: str) -> None:
        """Refuse what several processes could not do as one would.

        Args:
            learner: whose steps they are to take.
            batch_size: of all of them.
            rows: the fingerprint of the data as this process has them.

        Raises:
            LatentiaError: a learner that takes all rows at once, batch norm, or fewer rows a step than processes.
            DataError: they read different rows.
        """
        if self._ranks is None:
            return
        n = self._ranks.of
        if learner.full_batch:
            raise LatentiaError(
                f"{type(learner).__name__} takes all rows in one step and in one process, {n} were started; start one, or "
                "use a learner that takes batches."
            )
        whole = torch.nn.ModuleList([*learner.modules.values(), learner.model, learner.posterior])
        if any(isinstance(module, _BatchNorm) for module in whole.modules()):
            raise LatentiaError(
                f"batch norm needs the whole batch in one process, {n} were started; start one, or use norm 'layer' or none."
            )
        if batch_size < n:
            raise LatentiaError(f"batch_size is {batch_size} for {n} processes, wanted a row for each at least.")
        theirs = self._ranks.each(rows)
        if (odd := next((i for i, other in enumerate(theirs) if other != theirs[0]), None)) is not None:
            raise DataError(
                f"process {odd} of {n} read other rows than the first (sha256 {theirs[odd][:8]}, wanted {theirs[0][:8]}); "
                "give every machine the same files."
            )

    def own_part(self, found: Checkpoint) -> Checkpoint:
        """Of a checkpoint, what this process goes on from."""
        return own_part(found, *self.place)

    def begin(self, learner: Learner, seed: int) -> None:
        """The same numbers everywhere, and from here on noise of each one's own. Went on already: see ``go_on``."""
        if self._ranks is None:
            return
        whole = torch.nn.ModuleDict({**learner.modules, "model": learner.model, "posterior": learner.posterior})
        self._ranks.take_over(list(whole.state_dict().values()))
        if not self.leads:
            torch.manual_seed(seed_of(seed, self._ranks.rank))

    def go_on(self, found: Checkpoint, steps: int, seed: int) -> None:
        """Noise of its own for a process that the checkpoint does not know."""
        rank, _ = self.place
        if rank >= kept_of(found):
            torch.manual_seed(seed_of(seed_of(seed, rank), steps))

    def step(self, learner: Learner, batch: Batch, rows: int, train: AnySplit) -> dict[str, Tensor]:
        """A learner's step on this process's part of a batch of so many rows, which may be none of them."""
        if self._ranks is None:
            return learner.step(batch)
        own = len(batch.x)
        if not own:
            # Every process has to take part in the step's messages; what this row says counts for nothing.
            batch = train.batch(torch.zeros(1, dtype=torch.long, device=batch.x.device))
        with together(self._ranks, own / rows):
            log = learner.step(batch)
        return log if own else log | {name: torch.zeros_like(log[name]) for name in ("bound", "rate")}

    def agreed_route(self, route: Route) -> Route:
        """The first process's way to multiply, unless it is no float32 somewhere."""
        if self._ranks is None:
            return route
        said = self._ranks.leaders(route)
        bad = said.name == "onednn" and not exact_here()
        if self._ranks.most(int(bad))[0]:
            return Route(reason="matrix products by torch's default: oneDNN rounds on some machine")
        return said

    def looks(self, due: bool) -> bool:
        """Whether to look at the training now: when it is due; in company, whenever all look."""
        return due if self._agreed is None else self._agreed.looked

    def end_epoch(self, epoch: Epoch, learner: Learner) -> None:
        """Sum what was counted, and see that the parameters are the same everywhere.

        Raises:
            LatentiaError: they are not.
        """
        if self._ranks is None or self._agreed is None:
            return
        self._agreed.look_next()
        sums = [p.detach().double().abs().sum() for p in learner.modules.parameters()]
        mine = (epoch.totals[:2], epoch.rows, torch.stack(sums).tolist() if sums else [])
        theirs = self._ranks.each(mine)
        totals, rows, sums = zip(*theirs, strict=True)
        epoch.totals[:2] = [sum(own) for own in zip(*totals, strict=True)]
        epoch.rows = sum(rows)
        for values in zip(*sums, strict=True):
            if max(values) - min(values) > DRIFT * (1 + max(values)):
                raise LatentiaError(
                    f"the parameters of {len(theirs)} processes are no longer the same after epoch {epoch.number}, a "
                    "mistake of Latentia's own; please report it, and go on with one process."
                )

    def leaders(self, value: Callable[[], T]) -> T:
        """What the first process finds, which alone computes it."""
        return agreed_value(self._ranks, value)

    def all_rows(self, rows: Tensor) -> Tensor:
        """The rows of the whole batch."""
        if self._ranks is None:
            return rows
        return torch.cat([part.to(rows.device) for part in self._ranks.each(rows.cpu())])

    def interrupted(self) -> None:
        """This process was: unless all of them were, the others are not to wait for it."""
        if self._agreed is not None and not self._agreed.ending:
            part()

    def end(self) -> None:
        """Nothing is left to be done together: what was held back may come."""
        if self._agreed is not None:
            self._agreed.end()


def agreed_value(ranks: Ranks | None, value: Callable[[], T]) -> T:
    """What the first process finds, which alone computes it."""
    if ranks is None:
        return value()
    said: list[T | None] = [value() if ranks.leads else None]
    return ranks.leaders(said)[0]  # pyright: ignore[reportReturnType]  the first one's is a value
