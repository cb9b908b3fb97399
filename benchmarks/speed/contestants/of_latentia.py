"""Latentia through ``latentia.fit``, all that its loop does between two epochs included."""

from collections.abc import Callable
from typing import Any

import torch

import latentia as la
from benchmarks.speed import routes
from benchmarks.speed.contestants.latentia_parts import parts_for
from benchmarks.speed.task import Rows, Task
from latentia.data import Split, from_splits
from latentia.evaluation import quick_look
from latentia.gradients import Reparameterized
from latentia.training import Silent

VALIDATION_ROWS = 100  # looked at after each epoch; the others look at none


def train(
    task: Task,
    rows: Rows,
    epochs: int,
    ended: Callable[[], None],
    gradient: str = "same",
    matmul: str = "auto",
    compiled: bool = False,
) -> dict[str, Any]:
    torch.manual_seed(task.seed)
    model, posterior = parts_for(task)
    # All begin alike: the decoder's bias is not put at the data's mean.
    model.fresh = posterior.fresh = False
    train_rows, valid, check = (as_split(part) for part in (rows.train, rows.valid[:VALIDATION_ROWS], rows.check))
    data = from_splits("rows", train_rows, valid, check)
    seen: list[str] = []

    def noted() -> None:
        seen.append(routes.taken())
        ended()

    bound = la.Iwae() if task.bound == "iwae" else la.Elbo()
    how = Reparameterized() if task.bound == "iwae" and gradient == "same" else None
    run = la.fit(
        model,
        posterior,
        data,
        bound=bound,
        gradient=how,
        draws=task.draws,
        epochs=epochs,
        batch_size=task.batch,
        lr=task.lr,
        seed=task.seed,
        device="cpu",
        matmul=matmul,
        compile=compiled,
        progress=AtEpochEnd(noted),
    )
    last = run.history.rows[-1]
    said = quick_look(run.model, run.posterior, data.test, bound, task.draws)["bound"]
    return {
        "bound": said,
        "route": seen[-1],
        "own_rows_per_second": last["rows_per_second"],
        "notes": list(run.notes),
    }


def as_split(x: Any) -> Split:
    """Bits stay bytes; words are floats, as every ``Batch.x`` is."""
    stored = torch.from_numpy(x)
    return Split(stored if stored.dtype == torch.uint8 else stored.float())


class AtEpochEnd(Silent):
    """Shows nothing, and calls."""

    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended = ended

    def show(self, state: Any, epoch_ended: bool) -> None:
        if epoch_ended:
            self._ended()
