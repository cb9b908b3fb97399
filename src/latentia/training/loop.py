"""The one training loop."""

import math
import time
from typing import Literal, get_args

import torch

from latentia.core.errors import LatentiaError, NonFinite
from latentia.core.freed_memory import keep_freed_memory
from latentia.core.random import seeded
from latentia.data import Dataset
from latentia.evaluation import quick_look, quiet
from latentia.learners import Learner
from latentia.training.checks import check_first_batch, check_fit, check_outcome, name_the_culprit, products_of
from latentia.training.device import pick_device
from latentia.training.history import History
from latentia.training.keeper import Forgets, Keeper, Terminated, check_rows, fingerprint
from latentia.training.launch import start
from latentia.training.matmul import Matmul, checked, chosen, setting_kept, take
from latentia.training.progress import Progress, Silent, State, running
from latentia.training.standing import Epoch, Standing, Taken, numbers
from latentia.training.team import Team

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
    matmul: Matmul = "auto",
) -> History:
    """Improve ``learner``'s model and posterior on ``data.train``, in place; at the end they hold the best epoch's weights.

    The best epoch is the one with the highest validation bound (training bound where there are no validation rows) among
    those whose KL weight was final. The caller's random state is left as it was; the same seed gives the same bits on one
    machine, unless its two ways to multiply are nearly as fast as each other (``matmul``).

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
        matmul: how a CPU multiplies float32 matrices: "default", "onednn", or "auto", the faster (``training.matmul``).

    Returns:
        One row an epoch and how it ended. Ctrl-C ends it early, with what was learned.

    Raises:
        LatentiaError: see ``check_fit`` and ``check_first_batch``.
        Stopped: something was not finite.
        DataError: what is to be gone on from was fitted to other rows.
        Terminated: the keeper says that the system asked to end.
    """
    if matmul not in get_args(Matmul):
        raise LatentiaError(f"matmul is {matmul!r}, wanted 'auto', 'default' or 'onednn'.")
    batch_size = max(1, len(data.train)) if learner.full_batch else batch_size
    check_fit(learner, data, epochs, batch_size)
    if patience is not None and patience < 1:
        raise LatentiaError(f"patience is {patience}, wanted at least 1 epoch, or none at all.")
    if on_nonfinite not in ("stop", "skip"):
        raise LatentiaError(f"on_nonfinite is {on_nonfinite!r}, wanted 'stop' or 'skip'.")
    keep_freed_memory()
    ranks = start(device)
    where = pick_device(device) if ranks is None else ranks.device
    # All of it, though not every learner owns both.
    for part in (learner.modules, learner.model, learner.posterior):
        part.to(where)
    rows = "" if keeper is None and ranks is None else fingerprint(data)
    team = Team(ranks, keeper or Forgets())
    team.check(learner, batch_size, rows)
    if team.keeper.found is not None:
        check_rows(data, rows, team.keeper.found)
    shown = progress if progress is not None and team.leads else Silent()
    run = _Training(learner, data.to(where), epochs, batch_size, on_nonfinite, shown, team, rows)
    with seeded(seed), running(shown), setting_kept():
        run.prepare(seed, matmul)
        history = run.at.history
        try:
            while len(history.rows) < epochs and not run.gave_up(patience):
                run.epoch()
            check_outcome(history, learner.lr)
            history.ended = "early" if run.gave_up(patience) else "done"
        except KeyboardInterrupt:
            run.keep()
            team.interrupted()
            history.ended = "interrupted"
        except Terminated:
            run.keep()
            raise
        except NonFinite as cause:
            history.ended = "stopped"
            raise Stopped(cause, history) from None
        finally:
            run.finish()
    team.end()
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
        team: Team,
        rows: str,
    ) -> None:
        self.learner, self.data, self.progress, self.keeper, self.team = learner, data, progress, team.keeper, team
        self.epochs, self.batch_size, self.on_nonfinite = epochs, batch_size, on_nonfinite
        self.at = Standing(learner, data.train.device, rows)
        self.whole = True
        self.pending: list[Taken] = []
        # On a CPU looking costs nothing; elsewhere it waits for the next refresh.
        self.looks_each_step = data.train.device.type == "cpu"

    def prepare(self, seed: int, matmul: Matmul) -> None:
        """Go on from what was kept; or seed the order, let fresh parts look at the data, check the first batch."""
        if (found := self.keeper.found) is not None:
            self.at.go_on_from(self.team.own_part(found))
            self.team.go_on(found, self.learner.steps, seed)
            self.at.history.route = self.team.agreed_route(checked(self.at.history.route))
            take(self.at.history.route.name)
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
        first = train.batch(rows)
        check_first_batch(self.learner, self.data, first)
        if train.device.type == "cpu":
            part = first.head(-(-len(first.x) // self.team.place[1]))
            steps = self.epochs * -(-len(train) // self.batch_size)
            route = chosen(matmul, lambda: products_of(self.learner, part), steps)
            self.at.history.route = self.team.agreed_route(route)
            take(self.at.history.route.name)
        self.team.begin(self.learner, seed)
        self.at.watch = time.perf_counter()

    def epoch(self) -> None:
        """What is left of a pass over the training rows, then a look at the validation rows."""
        self.learner.modules.train()
        epoch, shown = self.at.begin_epoch(), time.perf_counter()
        order, train, share = self.at.order, self.data.train, self.team.place
        self.hold()
        for batch in train.batches(self.batch_size, shuffle=True, generator=order, skip=epoch.batches, share=share):
            step, epoch.beta, epoch.lr = self.learner.steps, self.learner.effective_beta, self.learner.lr
            rows = min(self.batch_size, len(train) - epoch.batches * self.batch_size)
            log = self.team.step(self.learner, batch, rows, train)
            self.pending.append(Taken(step, batch.row, log))
            epoch.batches, epoch.rows = epoch.batches + 1, epoch.rows + len(batch.x)
            if self.looks_each_step:
                self.settle(epoch)
            self.release()
            now = time.perf_counter()
            refresh, due = self.team.looks(now - shown >= self.progress.refresh_seconds), self.keeper.due()
            if refresh or due:
                self.settle(epoch)
            if refresh:
                self.show(epoch, epoch_ended=False)
                shown = now
            if due:
                self.keep()
            self.hold()
        self.release()
        epoch.ended = time.perf_counter()
        self.settle(epoch)
        self.team.end_epoch(epoch, self.learner)
        look = self.team.leaders(self.look_at_validation)
        self.hold()
        history = self.at.history
        history.seconds = time.perf_counter() - self.at.watch
        own = {
            "epoch": epoch.number,
            "step": self.learner.steps,
            **epoch.means(),
            **{f"valid_{name}": look.get(name, math.nan) for name in ("bound", "rate", "reconstruction")},
            "active_units": look.get("active_units", math.nan),
            "beta": epoch.beta,
            "lr": epoch.lr,
            "seconds": history.seconds,
        }
        row = self.team.leaders(lambda: own)
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
        """Write down where the training stands, unless it was torn out of a step, or one was not finite."""
        if not self.whole:
            return
        if self.at.epoch is not None:
            try:
                self.settle(self.at.epoch)
            except NonFinite:
                return
        self.keeper.keep(self.at.checkpoint(), self.learner.steps)

    def gave_up(self, patience: int | None) -> bool:
        """Whether so many epochs brought nothing better."""
        return patience is not None and self.at.epochs_since_best >= patience

    def settle(self, epoch: Epoch) -> None:
        """Count the steps since the last look by their logs; stop at the first that was not finite, or note it."""
        pending, self.pending = self.pending, []
        for taken, (bound, rate, norm, skipped) in zip(pending, numbers(pending), strict=True):
            if not skipped:
                epoch.add(bound, rate, norm, len(taken.rows))
            elif self.on_nonfinite == "stop":
                rows = self.team.all_rows(taken.rows)
                raise name_the_culprit(self.learner, self.data.train.batch(rows), taken.step)
            else:
                self.at.history.skipped_steps.append(taken.step)

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
        sums, taken = epoch.totals, max(1, epoch.rows)
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
            rows_per_second=min(epoch.batches * self.batch_size, len(self.data.train)) / epoch.seconds,
            seconds=time.perf_counter() - self.at.watch,
        )
        self.progress.show(state, epoch_ended)

    def finish(self) -> None:
        """The best weights back in place, ready to be used."""
        self.at.best.put_back()
        self.learner.modules.eval()
