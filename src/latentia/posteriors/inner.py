"""The bound of each row as a function of that row's raw numbers, and its slope: what every refinement climbs."""

from contextlib import nullcontext

import torch
from torch import Tensor

from latentia.core import Batch
from latentia.core.errors import NoClosedForm, NoReparameterization
from latentia.core.random import CommonNoise, seeded
from latentia.distributions import closed_kl
from latentia.families import Family
from latentia.models import GenerativeModel
from latentia.weights import log_weights


def check_reparameterized(family: Family, raw: Tensor) -> None:
    """Refuse a family whose draws carry no gradient.

    Raises:
        NoReparameterization: with the family's name.
    """
    if not family.distribution(raw, raw.ndim - 2).has_rsample:
        raise NoReparameterization(
            f"draws of {type(family).__name__} carry no gradient, which the search needs; use a continuous family."
        )


def landing_slope(
    model: GenerativeModel, family: Family, raw: Tensor, batch: Batch, draws: int, common_noise: bool = True
) -> tuple[Tensor, Tensor]:
    """Each row's ELBO by a few draws, (B,), and an estimate of its slope in the raw numbers, (B, raw_per_value, *z_shape).

    log q enters by its slope in z alone (sticking the landing), so that noise fades where the family holds the posterior.
    With ``common_noise`` every row sees the same noise, and no row depends on another.
    """
    with torch.enable_grad():
        at = raw.detach().requires_grad_()
        event = raw.ndim - 2
        with CommonNoise(len(raw)) if common_noise else nullcontext():
            z = family.distribution(at, event).rsample((draws,))
        bound = log_weights(model, family.distribution(raw.detach(), event), batch, z).mean(0)
        (found,) = torch.autograd.grad(bound.sum(), at)
    return bound.detach(), found


def score_slope(model: GenerativeModel, family: Family, raw: Tensor, batch: Batch, draws: int) -> tuple[Tensor, Tensor]:
    """As ``landing_slope``, by the score function alone: the model is evaluated at draws and never differentiated.

    Each draw is credited with its log-weight less the mean of the others (Ranganath et al. 2014, Black Box Variational
    Inference; Kool et al. 2019, Buy 4 REINFORCE Samples, Get a Baseline for Free). Takes at least two draws.
    """
    with torch.enable_grad():
        at = raw.detach().requires_grad_()
        q = family.distribution(at, raw.ndim - 2)
        with torch.no_grad():
            with CommonNoise(len(raw)):
                z = q.sample((draws,))
            w = log_weights(model, q, batch, z)
            credit = (w - w.mean(0)) / (draws - 1)
        (found,) = torch.autograd.grad((credit * q.log_prob(z)).sum(), at)
    return w.mean(0), found


def judged_bound(model: GenerativeModel, family: Family, raw: Tensor, batch: Batch, draws: int) -> Tensor:
    """Each row's ELBO, (B,), by the same noise for every row and at every call, so that small gains show."""
    with torch.no_grad(), seeded(1):
        q = family.distribution(raw, raw.ndim - 2)
        with CommonNoise(len(raw)):
            z = q.sample((draws,)) if not q.has_rsample else q.rsample((draws,))
        return log_weights(model, q, batch, z).mean(0)


def smooth_slope(
    model: GenerativeModel, family: Family, raw: Tensor, batch: Batch, draws: int, differentiate: bool
) -> tuple[Tensor, Tensor]:
    """Each row's ELBO by a few draws, (B,), and its slope, (B, raw_per_value, *z_shape).

    The KL is closed where it can be. With ``differentiate`` the slope is a function of ``raw`` that can itself be
    differentiated, in raw and in the model; without, it is a number. Every row sees the same
    noise.
    """
    with torch.enable_grad():
        at = raw if differentiate else raw.detach().requires_grad_()
        q = family.distribution(at, raw.ndim - 2)
        with CommonNoise(len(raw)):
            z = q.rsample((draws,))
        try:
            bound = model.log_likelihood(z, batch).mean(0) - closed_kl(q, model.prior(batch.given))
        except NoClosedForm:
            bound = log_weights(model, q, batch, z).mean(0)
        (found,) = torch.autograd.grad(bound.sum(), at, create_graph=differentiate)
    return bound, found


def per_row(value: Tensor, like: Tensor) -> Tensor:
    """(B,) -> (B, 1, ...), to multiply a table of raw numbers (B, ...)."""
    return value.reshape(-1, *(1,) * (like.ndim - 1))
