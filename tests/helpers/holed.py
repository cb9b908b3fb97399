"""Rows with holes, for models whose answers are known."""

import torch
from torch.distributions import Independent, Normal

from helpers.fixed import Fixed
from latentia.core import Batch
from latentia.families import Columns
from latentia.models import PPCA, Decoded
from latentia.networks import MLP
from latentia.priors import StandardNormal

D, V, B = 2, 4, 5
WIDE = Fixed(Independent(Normal(torch.zeros(D).double(), 1.3), 1))
SEEN = torch.tensor([[1, 1, 1, 1], [1, 0, 1, 1], [0, 0, 0, 1], [0, 1, 1, 0], [0, 0, 0, 0]], dtype=torch.bool)


def ppca() -> PPCA:
    torch.manual_seed(1)
    model = PPCA(D, V).double()
    with torch.no_grad():
        model.mean.copy_(torch.randn(V))
        model.log_sigma.fill_(-0.2)
    return model


def rows(model: PPCA) -> Batch:
    return Batch(torch.where(SEEN, model.sample(B), torch.nan), torch.arange(B), B, None, SEEN)


def table() -> tuple[Decoded, Batch]:
    """A decoder of mixed columns from one latent, and rows of which some columns are missing."""
    torch.manual_seed(4)
    kinds = [{"kind": "category", "width": 3}, {"kind": "real"}, {"kind": "hurdle"}, {"kind": "count"}, {"kind": "binary"}]
    family = Columns(kinds)
    model = Decoded(StandardNormal(1), MLP(1, [6], family.layout.n_values, per_value=2, activation="tanh"), family).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.0)
    x = model.sample(4)
    seen = torch.rand(4, len(kinds)) < 0.7
    return model, Batch(x, torch.arange(4), 4, None, seen[:, family.layout.at("owner", x.device)])
