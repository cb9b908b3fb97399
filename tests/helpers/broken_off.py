"""A small fit that is broken off, and what is the same of two runs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from latentia.runs import Run, fit_recipe
from latentia.runs.checkpoints import CHECKPOINTS, step_of
from latentia.training import Silent, State

ROWS = (np.random.default_rng(0).random((60, 5)) < 0.4).astype(np.uint8)
SMALL = {"network": {"name": "mlp", "hidden": [4]}}
RECIPE = {
    "name": "tiny",
    "latents": 2,
    "model": SMALL,
    "posterior": SMALL,
    "fit": {"epochs": 3, "batch_size": 16, "device": "cpu"},
}
STEPS = 9


class BreaksOff(Silent):
    """Ctrl-C once so many steps were taken."""

    refresh_seconds = -1.0

    def __init__(self, after: int) -> None:
        self.after = after

    def show(self, state: State, epoch_ended: bool) -> None:
        if state.done >= self.after / STEPS:
            raise KeyboardInterrupt


def begun(folder: Path, after: int = 7, seconds: float = 0.0, **changes: Any) -> Path:
    """The folder of a fit that was broken off."""
    run = fit_recipe({**RECIPE, **changes}, data=ROWS, folder=folder, progress=BreaksOff(after), checkpoint_seconds=seconds)
    assert run.history.ended == "interrupted"
    return folder


def checkpoints(folder: Path) -> list[Path]:
    return sorted((folder / CHECKPOINTS).glob("*.ckpt"), key=step_of)


def assert_same(one: Run, other: Run) -> None:
    for a, b in ((one.model, other.model), (one.posterior, other.posterior)):
        want, got = a.state_dict(), b.state_dict()
        assert list(want) == list(got)
        assert all(torch.equal(want[name], got[name]) for name in want)
    assert one.history.best_epoch == other.history.best_epoch
    assert [r["valid_bound"] for r in one.history.rows] == pytest.approx(
        [r["valid_bound"] for r in other.history.rows], rel=1e-7
    )
    assert (one.history.ended, one.notes) == (other.history.ended, other.notes)
