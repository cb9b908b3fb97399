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
from latentia.training.progress import Progress, Silent, State
from latentia.training.snapshot import Snapshot

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

    Returns:
        One row an epoch and how it ended. Ctrl-C ends it early, with what was learned.

    Raises:
        LatentiaError: see ``check_fit`` and ``check_first_batch``.
        Stopped: something was not finite.
    """
    batch_size = max(1, len(data.train)) if learner.full_batch else batch_size
    steps_an_epoch = check_fit(learner, data, epochs, batch_size)
    if patience is not None and patience < 1:
        raise LatentiaError(f"patience is {patience}, wanted at least 1 epoch, or none at all.")
    if on_nonfinite not in ("stop", "skip"):
        raise LatentiaError(f"on_nonfinite is {on_nonfinite!r}, wanted 'stop' or 'skip'.")
    where = pick_device(device)
    # All of it, though not every learner owns both.
    for part in (learner.modules, learner.model, learner.posterior):
        part.to(where)
    run = _Training(learner, data.to(where), epochs, batch_size, epochs * steps_an_epoch, on_nonfinite, progress or Silent())
    with seeded(seed), run.shown():
        run.prepare(seed)
        try:
            for epoch in range(1, epochs + 1):
                run.epoch(epoch)
                if patience is not None and run.epochs_since_best >= patience:
                    run.history.ended = "early"
                    break
            run.check_outcome()
        except KeyboardInterrupt:
            run.history.ended = "interrupted"
        except NonFinite as cause:
            run.history.ended = "stopped"
            raise Stopped(cause, run.history) from None
        finally:
            run.finish()
    return run.history


class _Training:
    """One training under way."""

    def __init__(
        self,
        learner: Learner,
        data: Dataset,
        epochs: int,
        batch_size: int,
        total_steps: int,
        on_nonfinite: OnNonFinite,
        progress: Progress,
    ) -> None:
        self.learner, self.data, self.progress = learner, data, progress
        self.epochs, self.batch_size, self.total_steps = epochs, batch_size, total_steps
        self.on_nonfinite = on_nonfinite
        self.history = History()
        self.best = Snapshot(learner.modules)
        self.best_bound = -math.inf
        self.epochs_since_best = 0
        self.order = torch.Generator()
        self.first_step = learner.steps
        self.watch = time.perf_counter()
        self.last_look: dict[str, float] = {}
        # On a CPU looking costs nothing; elsewhere it waits for the next refresh.
        self.looks_each_step = data.train.stored.device.type == "cpu"

    def prepare(self, seed: int) -> None:
        """Seed the order, let fresh parts look at the data, check the first batch."""
        self.order.manual_seed(seed)
        train = self.data.train
        some = train.head(ROWS_TO_START_AT).filled()
        for part in (self.learner.model, self.learner.posterior):
            if part.fresh:
                part.start_at(some)
                part.fresh = False
        self.learner.modules.eval()
        rows = torch.arange(min(self.batch_size, len(train)), device=train.stored.device)
        check_first_batch(self.learner, self.data, train.batch(rows))
        self.watch = time.perf_counter()

    def epoch(self, number: int) -> None:
        """One pass over the training rows, then a look at the validation rows."""
        self.learner.modules.train()
        began = shown = time.perf_counter()
        beta, lr = self.learner.effective_beta, self.learner.lr
        totals = torch.zeros(4, dtype=torch.float64, device=self.data.train.stored.device)
        rows_done = steps = 0
        pending: list[tuple[int, Tensor, Tensor]] = []
        for batch in self.data.train.batches(self.batch_size, shuffle=True, generator=self.order):
            step, beta, lr = self.learner.steps, self.learner.effective_beta, self.learner.lr
            log = self.learner.step(batch)
            n = len(batch.x)
            rows_done, steps = rows_done + n, steps + 1
            taken = torch.stack(
                [log["bound"] * n, log["rate"] * n, log["grad_norm"], torch.ones_like(log["bound"])]
            ).double()
            totals += torch.where(log["skipped"], torch.zeros_like(taken), taken)
            pending.append((step, batch.row, log["skipped"]))
            now = time.perf_counter()
            refresh = now - shown >= self.progress.refresh_seconds
            if self.looks_each_step or refresh:
                self.look_for_skips(pending)
            if refresh:
                self.show(number, totals.tolist(), rows_done, beta, now - began, epoch_ended=False)
                shown = now
        self.look_for_skips(pending)
        sums = totals.tolist()
        taken_steps = max(1.0, sums[3])
        spent = time.perf_counter() - began
        means = {"train_bound": sums[0] / rows_done, "train_rate": sums[1] / rows_done, "grad_norm": sums[2] / taken_steps}
        if sums[3] < steps:
            # Some steps were not taken; their rows are not in the sums.
            share = sums[3] / steps
            means = {k: (v / share if share and k != "grad_norm" else v if share else math.nan) for k, v in means.items()}
        self.last_look = self.look_at_validation()
        self.history.seconds = time.perf_counter() - self.watch
        row = {
            "epoch": number,
            "step": self.learner.steps,
            **means,
            "valid_bound": self.last_look.get("bound", math.nan),
            "valid_rate": self.last_look.get("rate", math.nan),
            "valid_reconstruction": self.last_look.get("reconstruction", math.nan),
            "active_units": self.last_look.get("active_units", math.nan),
            "beta": beta,
            "lr": lr,
            "skipped": steps - sums[3],
            "rows_per_second": rows_done / spent,
            "seconds": self.history.seconds,
        }
        self.history.rows.append(row)
        self.judge(row)
        self.show(number, sums, rows_done, beta, spent, epoch_ended=True)

    def look_for_skips(self, pending: list[tuple[int, Tensor, Tensor]]) -> None:
        """Read which steps since the last look were not finite; stop at the first, or count them."""
        if pending and bool(torch.stack([skipped for _, _, skipped in pending]).any()):
            for step, rows, skipped in pending:
                if not bool(skipped):
                    continue
                if self.on_nonfinite == "stop":
                    raise name_the_culprit(self.learner, self.data.train.batch(rows), step)
                self.history.skipped_steps.append(step)
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

    def judge(self, row: dict[str, float]) -> None:
        """Keep these weights if they are the best that compare."""
        if self.learner.steps < self.learner.warm_up_steps:
            return
        bound = row["valid_bound"] if len(self.data.valid) else row["train_bound"]
        if bound > self.best_bound:
            self.best_bound, self.epochs_since_best = bound, 0
            self.history.best_epoch = int(row["epoch"])
            self.best.take()
        else:
            self.epochs_since_best += 1

    def show(self, epoch: int, sums: list[float], rows: int, beta: float, seconds: float, epoch_ended: bool) -> None:
        """Hand the moment to whatever shows it."""
        taken = max(1, rows)
        state = State(
            epoch=epoch,
            epochs=self.epochs,
            done=(self.learner.steps - self.first_step) / self.total_steps,
            bound=sums[0] / taken,
            rate=sums[1] / taken,
            valid_bound=self.last_look.get("bound", math.nan),
            active_units=self.last_look.get("active_units", math.nan),
            beta=beta,
            rows_per_second=rows / max(seconds, 1e-9),
            seconds=time.perf_counter() - self.watch,
        )
        self.progress.show(state, epoch_ended)

    def check_outcome(self) -> None:
        """Refuse to call a training done that has nothing to show.

        Raises:
            NonFinite: no epoch that counts ended with a finite bound.
        """
        if self.history.best_epoch is not None:
            return
        skipped = len(self.history.skipped_steps)
        if not skipped and self.last_look.get("bound") == -math.inf:
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
        self.best.put_back()
        self.learner.modules.eval()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """The progress, started and always stopped."""
        self.progress.start()
        try:
            yield
        finally:
            self.progress.stop()
