"""What the gradients for discrete z share: what they refuse, and what they see."""

import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.core import Batch
from latentia.core.checks import expand_mask
from latentia.core.errors import LatentiaError, NoReparameterization
from latentia.distributions import Relaxable, describe, relaxable
from latentia.models import GenerativeModel

INSTEAD = "use gradient='leave-one-out' with draws >= 2"


def refuse_continuous(q: Distribution, needed_by: str) -> None:
    """Refuse draws that carry a gradient already.

    Raises:
        LatentiaError: q is continuous and reparameterized.
    """
    if q.has_rsample and not _is_discrete(q):
        raise LatentiaError(
            f"{needed_by!r} is for a discrete z, and {describe(q)} draws carry a gradient as they are; use gradient='auto'."
        )


def relaxable_or_refuse(q: Distribution, needed_by: str) -> Relaxable:
    """q as noise that is cut.

    Raises:
        LatentiaError: q is continuous and reparameterized.
        NoReparameterization: q is neither independent bits nor independent one-hot codes.
    """
    refuse_continuous(q, needed_by)
    found = relaxable(q)
    if found is None:
        raise NoReparameterization(
            f"{describe(q)} draws cannot be relaxed, which {needed_by!r} needs: wanted independent bits or one-hot codes; "
            f"{INSTEAD}."
        )
    return found


def linear_log_prior(model: GenerativeModel, z: Tensor, batch: Batch) -> Tensor | None:
    """log p(z) continued linearly between the states: z (K, B, *z_shape) -> (K, B); None where it does not factorize."""
    factors = relaxable(model.prior(batch.given))
    return None if factors is None else factors.log_mass(z)


def seen(batch: Batch) -> Tensor:
    """x with zeros where it was not observed: (B, *x_shape)."""
    x = batch.x
    if batch.mask is None:
        return x
    return torch.where(expand_mask(batch.mask, x), x, torch.zeros((), dtype=x.dtype, device=x.device))


def _is_discrete(q: Distribution) -> bool:
    try:
        return q.support is not None and q.support.is_discrete
    except NotImplementedError:  # torch's answer of a distribution that does not say
        return False
