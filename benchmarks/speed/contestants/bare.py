"""The least that torch asks for: a loop, a bound, fused Adam, rows by ``index_select``."""

from collections.abc import Callable
from typing import Any

import torch

from benchmarks.speed.task import Rows, Task
from benchmarks.speed.torch_networks import BOUNDS, decoder, encoder


def train(task: Task, rows: Rows, epochs: int, ended: Callable[[], None]) -> dict[str, Any]:
    torch.manual_seed(task.seed)
    encode, decode, bound = encoder(task), decoder(task), BOUNDS[task.bound]
    adam = torch.optim.Adam([*encode.parameters(), *decode.parameters()], lr=task.lr, fused=True)
    x = torch.from_numpy(rows.train)
    for _ in range(epochs):
        order = torch.randperm(len(x))
        for start in range(0, len(x), task.batch):
            batch = entering(x.index_select(0, order[start : start + task.batch]), task)
            loss = -bound(encode, decode, batch, task).mean()
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
        ended()
    with torch.no_grad():
        said = bound(encode, decode, entering(torch.from_numpy(rows.check), task), task).mean()
    return {"bound": float(said)}


def entering(x: torch.Tensor, task: Task) -> torch.Tensor:
    return x if task.network == "lstm" else x.float()
