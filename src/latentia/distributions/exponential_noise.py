"""Averages over standard exponential noise by one fixed rule, for moments that have no closed form.

The double exponential substitution of Takahasi & Mori (1974), Double exponential formulas for numerical integration, with
t = exp(w - exp(-w)).
"""

import torch
from torch import Tensor

# Even steps of w; below the lowest nothing is left of t, above the highest nothing of exp(-t).
STEP, LOWEST, HIGHEST = 0.06, -62, 111


def exponential_nodes(like: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes t and log weights (n,) such that E f(t) = sum exp(log weight) f(t) for t ~ Exponential(1); dtype of ``like``."""
    w = STEP * torch.arange(LOWEST, HIGHEST + 1, dtype=like.dtype, device=like.device)
    t = torch.exp(w - torch.exp(-w))
    return t, torch.log_softmax(t.log() + torch.log1p(torch.exp(-w)) - t, 0)
