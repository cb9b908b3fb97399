"""Pyro: a model, a guide and SVI with validation off; the KL in closed form, or RenyiELBO at alpha 0 for IWAE."""

from collections.abc import Callable
from typing import Any

import pyro  # pyright: ignore[reportMissingImports]
import pyro.distributions as dist  # pyright: ignore[reportMissingImports]
import torch
from pyro.infer import SVI, RenyiELBO, TraceMeanField_ELBO  # pyright: ignore[reportMissingImports]
from pyro.optim import Adam  # pyright: ignore[reportMissingImports, reportAttributeAccessIssue]
from torch import nn

from benchmarks.speed.task import Rows, Task
from benchmarks.speed.torch_networks import decoder, encoder


class Pair(nn.Module):
    """The two networks, and what Pyro says with them."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task, self.encode, self.decode = task, encoder(task), decoder(task)
        self.x_axes = 3 if task.network == "conv" else 1

    def model(self, x: torch.Tensor) -> None:
        pyro.module("decode", self.decode)
        with pyro.plate("rows", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(self.task.latents), 1.0).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=self.decode(z)).to_event(self.x_axes), obs=x)

    def guide(self, x: torch.Tensor) -> None:
        pyro.module("encode", self.encode)
        with pyro.plate("rows", len(x)):
            mean, log_var = self.encode(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(mean, (0.5 * log_var).exp()).to_event(1))


def train(task: Task, rows: Rows, epochs: int, ended: Callable[[], None], own_adam: bool = False) -> dict[str, Any]:
    pyro.enable_validation(False)
    pyro.set_rng_seed(task.seed)
    pyro.clear_param_store()
    pair = Pair(task)
    if task.bound == "iwae":
        loss: Any = RenyiELBO(alpha=0, num_particles=task.draws, vectorize_particles=True, max_plate_nesting=1)
    else:
        loss = TraceMeanField_ELBO(max_plate_nesting=1)
    step = by_module(pair, loss, task) if own_adam else by_svi(pair, loss, task)
    x = torch.from_numpy(rows.train)
    for _ in range(epochs):
        order = torch.randperm(len(x))
        for start in range(0, len(x), task.batch):
            step(x.index_select(0, order[start : start + task.batch]).float())
        ended()
    with torch.no_grad():
        said = -loss.loss(pair.model, pair.guide, torch.from_numpy(rows.check).float()) / len(rows.check)
    return {"bound": float(said)}


def by_svi(pair: Pair, loss: Any, task: Task) -> Callable[[torch.Tensor], Any]:
    """As Pyro's tutorials do it: an Adam for each parameter."""
    return SVI(pair.model, pair.guide, Adam({"lr": task.lr}), loss).step


def by_module(pair: Pair, loss: Any, task: Task) -> Callable[[torch.Tensor], Any]:
    """As Pyro's documentation says that torch optimizers are to be used."""
    adam = torch.optim.Adam(pair.parameters(), lr=task.lr, fused=True)

    def step(x: torch.Tensor) -> None:
        adam.zero_grad(set_to_none=True)
        if task.bound == "iwae":
            loss.loss_and_grads(pair.model, pair.guide, x)  # RenyiELBO has no differentiable loss
        else:
            loss.differentiable_loss(pair.model, pair.guide, x).backward()
        adam.step()

    return step
