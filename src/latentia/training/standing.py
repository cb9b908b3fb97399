"""Where a training stands between two steps: what the loop itself must remember, written down and read again."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from latentia.core.random import random_states, set_random_states
from latentia.learners import Learner
from latentia.training.checkpoint import Checkpoint
from latentia.training.history import COLUMNS, History
from latentia.training.matmul import Route
from latentia.training.snapshot import Snapshot

WHOLE_NUMBERS = ("epoch", "step")


@dataclass
class Epoch:
    """An epoch under way.

    Attributes:
        number: from 1.
        order: state of the generator before it put the epoch's rows in order.
        totals: sums over steps that were taken: bound and rate, each times its rows; gradient norm; steps.
        beta: effective KL weight of the last step.
        lr: its learning rate.
        batches: done, whether their steps were taken or not.
        rows: in them.
        began: when, by ``time.perf_counter``, less the time that was lost in between.
        ended: when its last step was taken; None before.
    """

    number: int
    order: Tensor
    totals: list[float]
    beta: float
    lr: float
    batches: int = 0
    rows: int = 0
    began: float = 0.0
    ended: float | None = None

    @property
    def seconds(self) -> float:
        """That its steps took so far."""
        return max(1e-9, (self.ended or time.perf_counter()) - self.began)

    def add(self, bound: float, rate: float, norm: float, rows: int) -> None:
        """Count a step that was taken, by its log; in their order, so that no bit hangs on when they are read."""
        self.totals = [a + b for a, b in zip(self.totals, (bound * rows, rate * rows, norm, 1.0), strict=True)]

    def means(self) -> dict[str, float]:
        """Of ``metrics.csv``, what is told by the steps; bounds and rates are means over the rows of steps taken."""
        bound, rate, norm, taken = self.totals
        share = taken / self.batches
        return {
            "train_bound": bound / self.rows / share if share else math.nan,
            "train_rate": rate / self.rows / share if share else math.nan,
            "grad_norm": norm / taken if share else math.nan,
            "skipped": self.batches - taken,
            "rows_per_second": self.rows / self.seconds,
        }


class Taken(NamedTuple):
    """A step whose log was not read yet.

    Attributes:
        step: its number.
        rows: (B,) which it was taken by.
        log: what the learner said of it.
    """

    step: int
    rows: Tensor
    log: Mapping[str, Tensor]


def numbers(pending: Sequence[Taken]) -> list[list[float]]:
    """Bound, rate, gradient norm and whether it was skipped, of each step; in one transfer where that costs one."""
    logs = [[taken.log[name] for name in ("bound", "rate", "grad_norm", "skipped")] for taken in pending]
    if len(logs) < 2:
        return [[float(value) for value in log] for log in logs]
    return torch.stack([torch.stack([value.double() for value in log]) for log in logs]).tolist()


class Standing:
    """What is known of a training so far; made before its first step, for a learner whose parts are on their device.

    Args:
        learner: who moves when.
        device: where its parts are.
        rows: the fingerprint of the data.

    Attributes:
        history: one row a finished epoch.
        best: weights of the best epoch.
        best_bound: nats a row, by which it is the best; minus infinity before there is one.
        epochs_since_best: that count.
        first_step: steps that the learner had taken before.
        order: where the order of rows comes from.
        epoch: the one under way; None between two.
        watch: when the training began, by ``time.perf_counter``, less the time that was lost in between.
    """

    def __init__(self, learner: Learner, device: torch.device, rows: str = "") -> None:
        self.learner, self.device, self.rows = learner, device, rows
        self.history = History()
        self.best = Snapshot(learner.modules)
        self.best_bound = -math.inf
        self.epochs_since_best = 0
        self.first_step = learner.steps
        self.order = torch.Generator()
        self.epoch: Epoch | None = None
        self.watch = time.perf_counter()

    def last(self, name: str) -> float:
        """A number of the last finished epoch; NaN before there was one."""
        return self.history.rows[-1][name] if self.history.rows else math.nan

    def begin_epoch(self) -> Epoch:
        """The epoch under way, or else the next one."""
        if self.epoch is None:
            self.epoch = Epoch(
                len(self.history.rows) + 1,
                self.order.get_state(),
                [0.0] * 4,
                self.learner.effective_beta,
                self.learner.lr,
                began=time.perf_counter(),
            )
        return self.epoch

    def end_epoch(self, row: dict[str, float], compares: bool, bound: float) -> None:
        """Note an epoch's row, and its weights if they are the best of those that compare."""
        self.epoch = None
        self.history.rows.append(row)
        if not compares:
            return
        if bound > self.best_bound:
            self.best_bound, self.epochs_since_best = bound, 0
            self.history.best_epoch = int(row["epoch"])
            self.best.take()
        else:
            self.epochs_since_best += 1

    def checkpoint(self) -> Checkpoint:
        """All of it, the learner's memory and torch's random state; of live tensors, to be written before the next step."""
        now, epoch, history = time.perf_counter(), self.epoch, self.history
        values = {
            "best_epoch": history.best_epoch,
            "epochs_since_best": self.epochs_since_best,
            "first_step": self.first_step,
            "columns": list(COLUMNS),
            "matmul": [history.route.name, history.route.reason],
        }
        tensors = {
            "history": torch.tensor([[row[name] for name in COLUMNS] for row in history.rows], dtype=torch.float64),
            "skipped": torch.tensor(history.skipped_steps, dtype=torch.int64),
            "numbers": torch.tensor([self.best_bound, now - self.watch, now - (epoch.began if epoch else now)]).double(),
            "order": epoch.order if epoch else self.order.get_state(),
        }
        tensors |= {f"random.{name}": state for name, state in random_states(self.device).items()}
        if epoch is not None:
            values["epoch"] = [epoch.number, epoch.batches, epoch.rows, epoch.beta, epoch.lr]
            tensors["totals"] = torch.tensor(epoch.totals, dtype=torch.float64)
        bare = Checkpoint({"rows": self.rows, "loop": values}, tensors)
        return bare.with_memory("best", self.best.memory()).with_memory("learner", self.learner.memory())

    def go_on_from(self, kept: Checkpoint) -> None:
        """Stand where ``checkpoint`` was taken; torch's random state, too.

        Raises:
            ShapeError: the learner's parts are not built as those were.
        """
        values, tensors, now = kept.values["loop"], kept.tensors, time.perf_counter()
        self.learner.restore(kept.memory("learner", self.device))
        self.learner.modules.to(self.device)  # restoring may have made a part
        self.best.restore(kept.memory("best", self.device))
        self.best_bound, seconds, spent = tensors["numbers"].tolist()
        self.epochs_since_best, self.first_step = values["epochs_since_best"], values["first_step"]
        self.history = History(
            rows=[_row(values["columns"], numbers) for numbers in tensors["history"].tolist()],
            best_epoch=values["best_epoch"],
            skipped_steps=tensors["skipped"].tolist(),
            seconds=seconds,
            route=Route(*values.get("matmul", ())),
        )
        self.watch, self.epoch = now - seconds, None
        # The rows of an epoch under way are put in the same order again, and those that were done are left out.
        order = tensors["order"].clone()
        self.order.set_state(order)
        if "epoch" in values:
            number, batches, rows, beta, lr = values["epoch"]
            self.epoch = Epoch(number, order, tensors["totals"].tolist(), beta, lr, batches, rows, now - spent)
        states = {name: state.clone() for name, state in tensors.items() if name.startswith("random.")}
        set_random_states({name.removeprefix("random."): state for name, state in states.items()}, self.device)


def _row(columns: list[str], numbers: list[float]) -> dict[str, float]:
    row = dict(zip(columns, numbers, strict=True))
    return row | {name: int(row[name]) for name in WHOLE_NUMBERS}
