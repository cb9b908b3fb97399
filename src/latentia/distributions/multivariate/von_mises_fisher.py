"""The von Mises-Fisher distribution: a normal's analogue on the unit sphere, with a direction and a concentration.

Wood (1994), Simulation of the von Mises Fisher distribution; Davidson et al. (2018), Hyperspherical Variational
Auto-Encoders; Figurnov, Mohamed & Mnih (2018), Implicit Reparameterization Gradients, for the gradient of a draw.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.distributions import constraints
from torch.nn import functional as F
from torch.types import _size

from latentia.core.errors import ShapeError
from latentia.distributions.entry import Entry, How
from latentia.distributions.multivariate import artanh_cosine as cosine
from latentia.distributions.multivariate.parts import require_tensors
from latentia.distributions.multivariate.sphere import log_area, unit_vector, unit_vector_from
from latentia.distributions.parametric import Parametric


class VonMisesFisher(Parametric):
    """Density proportional to exp(concentration * loc'z) on the unit sphere, with respect to its area.

    The length of ``loc`` is divided out, so that gradients in it lie along the sphere. Draws carry a gradient that turns
    with ``loc`` (by the smallest rotation) and slides along the meridian with ``concentration``; of the first
    order only: a second derivative through them raises.

    Args:
        loc: (*batch, D) unit vector, D at least 2: the mode, and the direction of the mean.
        concentration: (*batch) kappa >= 0; 0 prefers no direction.

    Raises:
        ShapeError: D is below 2.
    """

    arg_constraints = {"loc": unit_vector, "concentration": constraints.nonnegative}
    support = unit_vector
    has_rsample = True
    loc: Tensor
    concentration: Tensor

    def __init__(self, loc: Tensor, concentration: Tensor | float, validate_args: bool | None = None) -> None:
        require_tensors(type(self).__name__, loc=loc)
        self.dim = loc.shape[-1] if loc.ndim else 0
        if self.dim < 2:
            raise ShapeError(f"VonMisesFisher: loc has shape {tuple(loc.shape)}, wanted (..., D) with D at least 2.")
        super().__init__((self.dim,), validate_args, loc=loc, concentration=concentration)
        self.support = unit_vector_from(self.loc.dtype, self.concentration.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats: value (..., D) -> (...)."""
        if self._validate_args:
            self._validate_sample(value)
        # loc'z - 1, without the cancellation at a sharp peak, and blind to a rounded length of z there.
        below_peak = -0.5 * (value - self._axis).square().sum(-1)
        log_density = self.concentration * below_peak - self._log_normalizer()
        return torch.where(self.support.check(value), log_density, -torch.inf)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        shape = self._draw_shape(sample_shape)
        kappa, axis = _Once.apply(self.concentration), F.normalize(_Once.apply(self.loc), dim=-1)
        s = cosine.draw(kappa, self.dim, shape[:-1])
        if torch.is_grad_enabled() and kappa.requires_grad:
            s = s + cosine.slope_in_kappa(s, kappa, self.dim) * (kappa - kappa.detach())
        across = self._across(shape, axis.detach())
        # The product is zero, to rounding; its gradient tilts the direction as the smallest rotation of the axis does.
        across = across - (across * axis).sum(-1, keepdim=True) * axis.detach()
        return torch.tanh(s).unsqueeze(-1) * axis + cosine.log_sech(s).exp().unsqueeze(-1) * across

    @staticmethod
    def _across(shape: _size, axis: Tensor) -> Tensor:
        """Uniform directions at right angles to the axis."""
        with torch.no_grad():
            normal = torch.randn(shape, dtype=axis.dtype, device=axis.device)
            # Where nothing is left of a draw along the axis, which in few dimensions and digits does happen.
            tip = 1e-12 * F.one_hot(axis.abs().argmin(-1), axis.shape[-1]).to(axis.dtype)
            for _ in range(2):  # the second time for what rounding left of the first
                normal = normal - (normal * axis).sum(-1, keepdim=True) * axis + tip
                normal = normal / torch.linalg.vector_norm(normal, dim=-1, keepdim=True)
            return normal

    @property
    def mean(self) -> Tensor:
        return self.mean_resultant_length.unsqueeze(-1) * self._axis

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def mean_resultant_length(self) -> Tensor:
        """E[loc'z], between 0 and 1: (*batch)."""
        s, log_mass = cosine.quadrature(self.concentration, self.dim)
        return (log_mass.softmax(0) * torch.tanh(s)).sum(0)

    @property
    def variance(self) -> Tensor:
        away, along = self._away_moments()
        # What loc'z does not take of a length of one is shared by the directions across.
        across = (2 * away - away.square() - along) / (self.dim - 1)
        share = self._axis.square()
        return along.unsqueeze(-1) * share + across.unsqueeze(-1) * (1 - share)

    def entropy(self) -> Tensor:
        away, _ = self._away_moments()
        return self._log_normalizer() + self.concentration * away

    @property
    def _axis(self) -> Tensor:
        return F.normalize(self.loc, dim=-1)

    def _log_normalizer(self) -> Tensor:
        """log of the integral over the sphere of exp(concentration * (loc'z - 1)): (*batch)."""
        _, log_mass = cosine.quadrature(self.concentration, self.dim)
        return log_mass.logsumexp(0) + log_area(self.dim - 1)

    def _away_moments(self) -> tuple[Tensor, Tensor]:
        """Mean and variance of 1 - loc'z, with all their digits where it is small: (*batch) each."""
        s, log_mass = cosine.quadrature(self.concentration, self.dim)
        away, mass = cosine.one_minus_tanh(s), log_mass.softmax(0)
        mean = (mass * away).sum(0)
        return mean, (mass * (away - mean).square()).sum(0)


class _Once(torch.autograd.Function):
    """A parameter as it is, whose gradient cannot be differentiated.

    What the draws are made of is partly detached: its first derivative is right, its second would be wrong without a word.
    """

    @staticmethod
    def forward(_ctx: Any, parameter: Tensor) -> Tensor:
        return parameter.view_as(parameter)

    @staticmethod
    @once_differentiable
    def backward(_ctx: Any, *grads: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return grads[0]


VON_MISES_FISHER = Entry(
    VonMisesFisher,
    How.IMPLICIT,
    "w · loc + sqrt(1 - w^2) · v, v uniform across loc, w by rejection (D = 3: 1 + log(u + (1 - u) exp(-2 kappa)) / kappa)",
    "Wood (1994), Simulation of the von Mises Fisher distribution; Davidson et al. (2018), Hyperspherical VAE",
    typical={"loc": [[0.6, 0.0, 0.8], [2 / 3, -2 / 3, 1 / 3]], "concentration": [2.0, 5.0]},
    extreme={
        "loc": [[0.5, 0.5, -0.5, 0.5], [1.0, 0.0, 0.0, 0.0], [0.0, -0.6, 0.8, 0.0]],
        "concentration": [0.0, 1e5, 1e-6],
    },
    invalid={"loc": [[0.6, 0.0, 0.8], [1.0, 1.0, 0.0]], "concentration": [-1.0, 5.0]},
)
