"""How fast the machine multiplies fp32 matrices, so that a step's share of it can be said."""

from collections.abc import Callable
from typing import Any

import torch

from benchmarks.speed.task import Rows, Task

SIDE, TIMES = 2048, 8
GFLOP_AN_EPOCH = TIMES * 2 * SIDE**3 / 1e9


def train(task: Task, rows: Rows, epochs: int, ended: Callable[[], None]) -> dict[str, Any]:
    torch.manual_seed(task.seed)
    a, b = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    out = torch.empty(SIDE, SIDE)
    for _ in range(epochs):
        for _ in range(TIMES):
            torch.mm(a, b, out=out)
        ended()
    wrong = (out[:64].double() - a[:64].double() @ b.double()).norm() / (a[:64].double() @ b.double()).norm()
    return {"relative_error": float(wrong), "gflop_an_epoch": GFLOP_AN_EPOCH}
