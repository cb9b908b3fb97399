"""How fast the machine multiplies fp32 matrices, so that a step's share of it can be said: the best of some square sizes."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.speed.task import Rows, Task

SIDES = (512, 1024, 2048)
GFLOP_AN_EPOCH = 140.0


def train(task: Task, rows: Rows, epochs: int, ended: Callable[[], None]) -> dict[str, Any]:
    torch.manual_seed(task.seed)
    pairs = {side: (torch.randn(side, side), torch.randn(side, side), torch.empty(side, side)) for side in SIDES}
    gflop = {side: 2 * side**3 / 1e9 for side in SIDES}
    best = max(SIDES, key=lambda side: gflop[side] / quickest(*pairs[side]))
    a, b, out = pairs[best]
    times = round(GFLOP_AN_EPOCH / gflop[best])
    for _ in range(epochs):
        for _ in range(times):
            torch.mm(a, b, out=out)
        ended()
    exact = a.double() @ b.double()
    wrong = (out.double() - exact).norm() / exact.norm()
    return {"relative_error": float(wrong), "gflop_an_epoch": times * gflop[best], "side": best}


def quickest(a: Tensor, b: Tensor, out: Tensor) -> float:
    """Seconds of the best of some."""
    seconds = []
    for _ in range(8):
        began = time.perf_counter()
        torch.mm(a, b, out=out)
        seconds.append(time.perf_counter() - began)
    return min(seconds)
