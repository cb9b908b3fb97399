"""Documents made up of three kinds, and latent Dirichlet allocation in double precision, for the tests of topics."""

from typing import Any

import torch
from torch import Tensor

from latentia.core import Batch
from latentia.models import LatentDirichlet

T, V, N = 3, 7, 40


def batch_of(x: Tensor, n_rows: int | None = None) -> Batch:
    return Batch(x, torch.arange(len(x)), n_rows or len(x))


def counts(n: int = N, v: int = V, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    rates = torch.rand(3, v, dtype=torch.float64, generator=generator)[torch.randint(3, (n,), generator=generator)]
    return torch.poisson(3 * rates**4, generator=generator)


def model(t: int = T, v: int = V, **options: Any) -> LatentDirichlet:
    options = options or {"tolerance": 1e-9, "most_steps": 5_000}
    return LatentDirichlet(t, v, **options).double()
