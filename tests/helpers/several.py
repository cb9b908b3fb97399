"""Several processes of one training, as a launcher starts them, and a training of theirs that knows its answer."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.distributions import Distribution

from helpers.zygote import Ended, Process, Zygote
from latentia.bounds import Bound
from latentia.core import Batch, LatentiaError
from latentia.core.random import FACTORIES, CommonNoise, seeded
from latentia.data import Dataset, Split
from latentia.families import Bernoulli, DiagonalNormal, Family
from latentia.gradients import AnalyticKL, Enumerated, Estimate, Nvil, Rebar, Reparameterized, ScoreFunction
from latentia.learners import (
    ExpectationMaximization,
    Joint,
    Learner,
    LearningRate,
    NaturalGradient,
    ReweightedWakeSleep,
    WakeSleep,
)
from latentia.models import Decoded, GenerativeModel, LatentDirichlet
from latentia.networks import MLP
from latentia.posteriors import Amortized, PerDatum
from latentia.priors import BernoulliPrior, Prior, StandardNormal
from latentia.training import train

D, V = 3, 5
STEPS = 50


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def environment(rank: int, of: int, port: int) -> dict[str, str]:
    """What torchrun tells a process."""
    told = {"RANK": rank, "WORLD_SIZE": of, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": of, "MASTER_PORT": port}
    return {name: str(value) for name, value in told.items()} | {"MASTER_ADDR": "127.0.0.1", "LATENTIA_RANKS_TIMEOUT": "20"}


def started(
    zygote: Zygote,
    *arguments: str,
    of: int = 2,
    before: str = "",
    only: dict[int, str] | None = None,
    told: Callable[[int, int, int], dict[str, str]] = environment,
) -> list[Process]:
    """A command in several processes; ``only`` is code for some of them."""
    port = free_port()
    codes = [f"os.environ.update({told(r, of, port)!r})\n{before}\n{(only or {}).get(r, '')}" for r in range(of)]
    return [zygote.start(*arguments, before=code) for code in codes]


def ended(zygote: Zygote, *arguments: str, **options: Any) -> list[Ended]:
    return [process.wait() for process in started(zygote, *arguments, **options)]


def _parts(family: Family, prior: Prior) -> tuple[Decoded, Amortized]:
    model = Decoded(prior, MLP(D, [8], V, activation="tanh"), Bernoulli())
    return model, Amortized(MLP(V, [8], D, per_value=family.raw_per_value, activation="tanh"), family)


def _normal() -> tuple[Decoded, Amortized]:
    return _parts(DiagonalNormal(), StandardNormal(D))


def _bits() -> tuple[Decoded, Amortized]:
    return _parts(Bernoulli(), BernoulliPrior(D))


def _dreaming(learner: WakeSleep | ReweightedWakeSleep) -> Learner:
    """Dreams that stand beside their rows, whoever has those."""
    generator = torch.Generator().manual_seed(4)
    z, x = torch.randn(1000, D, generator=generator), (torch.rand(1000, V, generator=generator) < 0.4).float()
    learner.dreams = lambda batch: (z[batch.row], batch._replace(x=x[batch.row]))
    return learner


class OwnCopies(CommonNoise):
    """Common noise that may be changed in place."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        found = super().__torch_function__(func, types, args, kwargs)
        return found.clone() if func in FACTORIES else found


class InfiniteAt(Reparameterized):
    """One row's bound is infinite, by a constant, so that no gradient tells."""

    def __init__(self, row: int) -> None:
        self.row = row

    def __call__(
        self, bound: Bound, model: GenerativeModel, q: Distribution, batch: Batch, n_draws: int, kl_weight: float = 1.0
    ) -> Estimate:
        found = super().__call__(bound, model, q, batch, n_draws, kl_weight)
        return found._replace(surrogate=found.surrogate + torch.where(batch.row == self.row, torch.inf, 0.0))


LR = LearningRate(3e-3)
LEARNERS: dict[str, Callable[[], Learner]] = {
    "joint": lambda: Joint(*_normal(), draws=2, lr=LR),
    "clipped": lambda: Joint(*_normal(), lr=LR, clip=0.05),
    "free bits": lambda: Joint(*_normal(), gradient=AnalyticKL(free_bits=0.02), lr=LR),
    "infinite at 77": lambda: Joint(*_normal(), gradient=InfiniteAt(77), lr=LR),
    "enumerated": lambda: Joint(*_bits(), gradient=Enumerated(), lr=LR),
    "nvil": lambda: Joint(*_bits(), gradient=Nvil((V,), hidden=[4]), lr=LR),
    "score function": lambda: Joint(*_bits(), gradient=ScoreFunction(), lr=LR),
    "rebar": lambda: Joint(*_bits(), gradient=Rebar(), lr=LR),
    "em, a table": lambda: ExpectationMaximization(
        _normal()[0], PerDatum(DiagonalNormal(), D, steps=3, table=True, table_steps=2), m_steps=2, m_draws=2, lr=LR
    ),
    "wake-sleep": lambda: _dreaming(WakeSleep(*_normal(), lr=LR)),
    "reweighted wake-sleep": lambda: _dreaming(ReweightedWakeSleep(*_normal(), draws=3, lr=LR)),
    "natural gradient": lambda: NaturalGradient(LatentDirichlet(D, V)),
}


def rows(n: int, counts: bool = False) -> Dataset:
    generator = torch.Generator().manual_seed(3)
    x = (torch.rand(n + 20, V, generator=generator) < torch.linspace(0.2, 0.8, V)).float()
    x = x * torch.arange(1.0, V + 1) + 1 if counts else x
    return Dataset("rows", Split(x[:n]), Split(x[n : n + 10]), Split(x[n + 10 :]))


def trained(
    name: str, n: int, batch_size: int, spoilt: int | None = None, **options: Any
) -> tuple[dict[str, Tensor], list[Any]]:
    """Steps whose noise is the same for every row, wherever it is: all numbers at the end, and what the epochs say."""
    torch.manual_seed(int(os.environ.get("RANK", "0")))  # it begins where the first one does
    learner, data = LEARNERS[name](), rows(n, counts=name == "natural gradient")
    step, heard = learner.step, []

    def fixed(batch: Batch) -> dict[str, Tensor]:
        heard.append(float(torch.rand(())))  # the noise that this would meet were it not fixed
        if spoilt is not None:
            spoils = (batch.row == spoilt).reshape(-1, 1)
            batch = batch._replace(x=torch.where(spoils, torch.nan, batch.x))
        with seeded(learner.steps), OwnCopies(len(batch.x)):
            return step(batch)

    learner.step = fixed
    epochs = -(-STEPS // -(-n // batch_size))
    history = train(learner, data, epochs, batch_size, device="cpu", **options)
    told = [[row[k] for k in ("train_bound", "train_rate", "grad_norm", "skipped", "valid_bound")] for row in history.rows]
    whole = torch.nn.ModuleDict({**learner.modules, "model": learner.model, "posterior": learner.posterior})
    numbers = {key: value.detach().clone() for key, value in whole.state_dict().items()}
    if isinstance(learner.posterior, PerDatum):
        numbers["table"] = learner.posterior.raw
    return numbers, [told, history.best_epoch, history.skipped_steps, heard]


def work(path: str, jobs: list[tuple[str, int, int, dict[str, Any]]]) -> None:
    """The same, one after the other, written down by this process, which then ends."""
    rank = os.environ["RANK"]
    for i, (name, n, batch_size, options) in enumerate(jobs):
        try:
            numbers, told = trained(name, n, batch_size, **options)
        except LatentiaError as error:
            Path(f"{path}/{i}.{rank}.txt").write_text(f"{type(error).__name__}: {error}")
            continue
        save_file({key: value.contiguous().clone() for key, value in numbers.items()}, f"{path}/{i}.{rank}")
        Path(f"{path}/{i}.{rank}.txt").write_text(repr(told))
    os._exit(0)
