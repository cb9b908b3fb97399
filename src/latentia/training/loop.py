"""The one training loop."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor

from latentia.core.errors import LatentiaError, NonFinite
from latentia.core.random import seeded
from latentia.data import Dataset
from latentia.evaluation import quick_look, quiet
from latentia.learners import Learner
from latentia.training.checks import check_first_batch, check_fit, name_the_culprit
from latentia.training.device import pick_device
from latentia.training.history import History
from latentia.training.keeper import Forgets, Keeper, Terminated, check_rows, fingerprint
from latentia.training.progress import Progress, Silent, State
from latentia.training.standing import Epoch, Standing

OnNonFinite = Literal["stop", "skip"]
ROWS_TO_START_AT = 10_000


class Stopped(LatentiaError):
    """A training that ended at something not finite; ``history`` tells how far it came, the best weights are in place."""

    def __init__(self, cause: NonFinite, history: History) -> None:
        super().__init__(str(cause))
        self.history = history


def train(
    learner: Learner,
    data: Dataset,
    epochs: int = 100,
    batch_size: int = 128,
    patience: int | None = None,
    on_nonfinite: OnNonFinite = "stop",
    seed: int = 0,
    device: str = "auto",
    progress: Progress | None = None,
    keeper: Keeper | None = None,
) -> History:
    """Improve ``learner``'s model and posterior on ``data.train``, in place; at the end they hold the best epoch's weights.

    The best epoch is the one with the highest validation bound (training bound where there are no validation rows) among
    those whose KL weight was final. The caller's random state is left as it was; the same seed gives the same bits on one
    machine.

    Args:
        learner: who moves when.
        data: three splits; the last small batch of each epoch is used.
        epochs: passes over the training rows.
        batch_size: rows a step.
        patience: end after this many epochs without a better bound, counted from the end of the KL warm-up; None never.
        on_nonfinite: "stop" at the first step that is not finite, or "skip" such steps and count them.
        seed: of everything random.
        device: "auto" or a torch device.
        progress: where to show it.
        keeper: where to keep checkpoints, and what to go on from; none are kept unless there is one.

    Returns:
        One row an epoch and how it ended. Ctrl-C ends it early, with what was learned.

    Raises:
        LatentiaError: see ``check_fit`` and ``check_first_batch``.
        Stopped: something was not finite.
        DataError: what is to be gone on from was fitted to other rows.
        Terminated: the keeper says that the system asked to end.
    """
    batch_size = max(1, len(data.train)) if learner.full_batch else batch_size
    check_fit(learner, data, epochs, batch_size)
    if patience is not None and patience < 1:
        raise LatentiaError(f"patience is {patience}, wanted at least 1 epoch, or none at all.")
    if on_nonfinite not in ("stop", "skip"):
        raise LatentiaError(f"on_nonfinite is {on_nonfinite!r}, wanted 'stop' or 'skip'.")
    where = pick_device(device)
    # All of it, though not every learner owns both.
    for part in (learner.modules, learner.model, learner.posterior):
        part.to(where)
    rows = "" if keeper is None else fingerprint(data)
    keeper = keeper or Forgets()
    if keeper.found is not None:
        check_rows(data, rows, keeper.found)
    run = _Training(learner, data.to(where), epochs, batch_size, on_nonfinite, progress or Silent(), keeper, rows)
    with seeded(seed), run.shown():
        run.prepare(seed)
        history = run.at.history
        try:
            while len(history.rows) < epochs and not run.gave_up(patience):
                run.epoch()
            run.check_outcome()
            history.ended = "early" if run.gave_up(patience) else "done"
        except KeyboardInterrupt:
            run.keep()
            history.ended = "interrupted"
        except Terminated:
            run.keep()
            raise
        except NonFinite as cause:
            history.ended = "stopped"
            raise Stopped(cause, history) from None
        finally:
            run.finish()
    return history


class _Training:
    """One training under way."""

    def __init__(
        self,
        learner: Learner,
        data: Dataset,
        epochs: int,
        batch_size: int,
        on_nonfinite: OnNonFinite,
        progress: Progress,
        keeper: Keeper,
        rows: str,
    ) -> None:
        self.learner, self.data, self.progress, self.keeper = learner, data, progress, keeper
        self.epochs, self.batch_size, self.on_nonfinite = epochs, batch_size, on_nonfinite
        self.at = Standing(learner, data.train.device, rows)
        self.whole = True
        # On a CPU looking costs nothing; elsewhere it waits for the next refresh.
        self.looks_each_step = data.train.device.type == "cpu"

    def prepare(self, seed: int) -> None:
        """Go on from what was kept; or seed the order, let fresh parts look at the data, check the first batch."""
        if self.keeper.found is not None:
            self.at.go_on_from(self.keeper.found)
            return
        self.at.order.manual_seed(seed)
        train = self.data.train
        some = train.head(ROWS_TO_START_AT).filled()
        for part in (self.learner.model, self.learner.posterior):
            if part.fresh:
                part.start_at(some)
                part.fresh = False
        self.learner.modules.eval()
        rows = torch.arange(min(self.batch_size, len(train)), device=train.device)
        check_first_batch(self.learner, self.data, train.batch(rows))
        self.at.watch = time.perf_counter()

    def epoch(self) -> None:
        """What is left of a pass over the training rows, then a look at the validation rows."""
        self.learner.modules.train()
        epoch, shown = self.at.begin_epoch(), time.perf_counter()
        pending: list[tuple[int, Tensor, Tensor]] = []
        order = self.at.order
        self.hold()
        for batch in self.data.train.batches(self.batch_size, shuffle=True, generator=order, skip=epoch.batches):
            step, epoch.beta, epoch.lr = self.learner.steps, self.learner.effective_beta, self.learner.lr
            log = self.learner.step(batch)
            epoch.add(log, len(batch.x))
            pending.append((step, batch.row, log["skipped"]))
            self.release()
            now = time.perf_counter()
            refresh, due = now - shown >= self.progress.refresh_seconds, self.keeper.due()
            if self.looks_each_step or refresh or due:
                self.look_for_skips(pending)
            if refresh:
                self.show(epoch, epoch_ended=False)
                shown = now
            if due:
                self.keep()
            self.hold()
        self.release()
        epoch.ended = time.perf_counter()
        self.look_for_skips(pending)
        look = self.look_at_validation()
        self.hold()
        history = self.at.history
        history.seconds = time.perf_counter() - self.at.watch
        row = {
            "epoch": epoch.number,
            "step": self.learner.steps,
            **epoch.means(),
            **{f"valid_{name}": look.get(name, math.nan) for name in ("bound", "rate", "reconstruction")},
            "active_units": look.get("active_units", math.nan),
            "beta": epoch.beta,
            "lr": epoch.lr,
            "seconds": history.seconds,
        }
        compares = self.learner.steps >= self.learner.warm_up_steps
        self.at.end_epoch(row, compares, row["valid_bound"] if len(self.data.valid) else row["train_bound"])
        self.release()
        self.show(epoch, epoch_ended=True)
        if self.keeper.due():
            self.keep()

    def hold(self) -> None:
        """What follows is whole again after ``release``; until then nothing may be kept."""
        self.keeper.hold()
        self.whole = False

    def release(self) -> None:
        """See ``Keeper.release``."""
        self.whole = True
        self.keeper.release()

    def keep(self) -> None:
        """Write down where the training stands, unless it was torn out of a step."""
        if self.whole:
            self.keeper.keep(self.at.checkpoint(), self.learner.steps)

    def gave_up(self, patience: int | None) -> bool:
        """Whether so many epochs brought nothing better."""
        return patience is not None and self.at.epochs_since_best >= patience

    def look_for_skips(self, pending: list[tuple[int, Tensor, Tensor]]) -> None:
        """Read which steps since the last look were not finite; stop at the first, or count them."""
        if pending and bool(torch.stack([skipped for _, _, skipped in pending]).any()):
            for step, rows, skipped in pending:
                if not bool(skipped):
                    continue
                if self.on_nonfinite == "stop":
                    raise name_the_culprit(self.learner, self.data.train.batch(rows), step)
                self.at.history.skipped_steps.append(step)
        pending.clear()

    def look_at_validation(self) -> dict[str, float]:
        """Bound, rate, reconstruction and active units on validation rows; training rows' active units without any.

        What the learner says of these rows itself goes first.
        """
        if len(self.data.valid):
            look = quick_look(
                self.learner.model, self.learner.posterior, self.data.valid, self.learner.bound, self.learner.draws
            )
            with quiet(self.learner.model, self.learner.posterior, seed=0):
                return look | self.learner.own_look(self.data.valid)
        look = quick_look(self.learner.model, self.learner.posterior, self.data.train.head(1000))
        return {"active_units": look["active_units"]}

    def show(self, epoch: Epoch, epoch_ended: bool) -> None:
        """Hand the moment to whatever shows it."""
        sums, taken = epoch.totals.tolist(), max(1, epoch.rows)
        total = self.epochs * -(-len(self.data.train) // self.batch_size)
        state = State(
            epoch=epoch.number,
            epochs=self.epochs,
            done=(self.learner.steps - self.at.first_step) / total,
            bound=sums[0] / taken,
            rate=sums[1] / taken,
            valid_bound=self.at.last("valid_bound"),
            active_units=self.at.last("active_units"),
            beta=epoch.beta,
            rows_per_second=epoch.rows / epoch.seconds,
            seconds=time.perf_counter() - self.at.watch,
        )
        self.progress.show(state, epoch_ended)

    def check_outcome(self) -> None:
        """Refuse to call a training done that has nothing to show.

        Raises:
            NonFinite: no epoch that counts ended with a finite bound.
        """
        if self.at.history.best_epoch is not None:
            return
        skipped = len(self.at.history.skipped_steps)
        if not skipped and self.at.last("valid_bound") == -math.inf:
            raise NonFinite(
                "the bound on the validation rows was -inf after every epoch though every step was finite: the posterior "
                "draws what is impossible under the model, which no learning rate mends; use learner 'sleep', which needs "
                "no such bound, or a model without probabilities of zero."
            )
        raise NonFinite(
            f"no epoch ended with a finite bound ({skipped} steps were skipped); "
            f"the learning rate was {self.learner.lr:g}: try a tenth of it, or clip=10, the gradient's largest norm."
        )

    def finish(self) -> None:
        """The best weights back in place, ready to be used."""
        self.at.best.put_back()
        self.learner.modules.eval()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """The progress, started and always stopped."""
        self.progress.start()
        try:
            yield
        finally:
            self.progress.stop()
