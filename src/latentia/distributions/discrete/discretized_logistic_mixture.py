"""A mixture of discretized logistics: grey levels with more than one peak.

Salimans, Karpathy, Chen & Kingma (2017), PixelCNN++: Improving the PixelCNN with Discretized Logistic Mixture Likelihood
and Other Modifications.
"""

import torch
from torch import Tensor
from torch.distributions import constraints
from torch.types import _size

from latentia.core.errors import ShapeError
from latentia.distributions.discrete.discretized_logistic import (
    DiscretizedLogistic,
    Grid,
    checked_levels,
    draw_level,
    log_cell_mass,
    mask_beyond_ends,
)
from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric


class DiscretizedLogisticMixture(Parametric):
    """Mass of each of ``levels`` grey levels under K discretized logistics with weights softmax(logits).

    Args:
        logits: (*batch, K), the components' unnormalized log-weights.
        loc: (*batch, K), locations on the [0, 1] scale.
        scale: (*batch, K), positive widths on the same scale.
        levels: number of grey levels, at least 2; 256 for a stored byte.

    A number in place of ``loc`` or ``scale`` is that of every component.

    Raises:
        ShapeError: the three differ in K.
        SupportError: ``levels`` is no whole number of at least 2.
    """

    arg_constraints = {
        "logits": constraints.real_vector,
        "loc": constraints.real_vector,
        "scale": constraints.independent(constraints.positive, 1),
    }
    has_enumerate_support = True
    logits: Tensor
    loc: Tensor
    scale: Tensor

    def __init__(
        self,
        logits: Tensor,
        loc: Tensor | float,
        scale: Tensor | float,
        levels: int = 256,
        validate_args: bool | None = None,
    ) -> None:
        like = next((p for p in (loc, scale) if isinstance(p, Tensor)), logits)
        loc, scale = (
            p if isinstance(p, Tensor) else torch.full(logits.shape[-1:], p, dtype=like.dtype, device=like.device)
            for p in (loc, scale)
        )
        if not logits.shape[-1:] == loc.shape[-1:] == scale.shape[-1:] != ():
            shapes = f"logits {tuple(logits.shape)}, loc {tuple(loc.shape)}, scale {tuple(scale.shape)}"
            raise ShapeError(f"DiscretizedLogisticMixture: {shapes}, wanted one number of components as the last of each.")
        self.levels = checked_levels(levels, type(self).__name__)
        super().__init__(logits=logits, loc=loc, scale=scale, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> constraints.Constraint:  # pyright: ignore[reportIncompatibleVariableOverride]
        return Grid(self.levels)

    def log_prob(self, value: Tensor) -> Tensor:
        """log mass in nats: value (..., on the grid) -> (...); unchecked, that of the nearest cell, -inf beyond the ends."""
        if self._validate_args:
            self._validate_sample(value)
        return mask_beyond_ends(value, self.levels, self._log_mass(value))

    def _log_mass(self, value: Tensor) -> Tensor:
        each = log_cell_mass(value.unsqueeze(-1), self.loc, self.scale, self.levels)
        return torch.logsumexp(self.logits.log_softmax(-1) + each, -1)

    def cdf(self, value: Tensor) -> Tensor:
        """Mass up to a value (...) -> (...): that of the levels that do not exceed it."""
        weight, component = self._components()
        # Rounded weights may sum to a little more than one.
        return (weight * component.cdf(value.unsqueeze(-1))).sum(-1).clamp(max=1)

    def sample(self, sample_shape: _size = ()) -> Tensor:
        shape = self._draw_shape(sample_shape)
        with torch.no_grad():
            # Gumbel's trick: the largest of logits + noise is a component drawn by its weight.
            noise = torch.empty((*shape, self.logits.shape[-1]), dtype=self.loc.dtype, device=self.loc.device).exponential_()
            component = (self.logits - noise.log()).argmax(-1, keepdim=True)
            loc, scale = (p.expand(noise.shape).gather(-1, component).squeeze(-1) for p in (self.loc, self.scale))
            return draw_level(loc, scale, self.levels)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """The grey levels: (levels, *batch), or (levels, 1, ...) where ``expand`` is False."""
        grid = torch.linspace(0, 1, self.levels, dtype=self.loc.dtype, device=self.loc.device)
        grid = grid.reshape((-1,) + (1,) * len(self.batch_shape))
        return grid.expand(-1, *self.batch_shape) if expand else grid

    def _components(self) -> tuple[Tensor, DiscretizedLogistic]:
        return self.logits.softmax(-1), DiscretizedLogistic(self.loc, self.scale, self.levels, validate_args=False)

    @property
    def mean(self) -> Tensor:
        weight, component = self._components()
        return (weight * component.mean).sum(-1)

    @property
    def variance(self) -> Tensor:
        weight, component = self._components()
        between = (component.mean - self.mean.unsqueeze(-1)).square()
        return (weight * (component.variance + between)).sum(-1)

    @property
    def mode(self) -> Tensor:
        grid = self.enumerate_support(expand=False)
        return grid.flatten()[self._log_mass(grid).argmax(0)]

    def entropy(self) -> Tensor:
        log_mass = self._log_mass(self.enumerate_support(expand=False))
        return -(log_mass.exp() * log_mass).sum(0)


DISCRETIZED_LOGISTIC_MIXTURE = Entry(
    DiscretizedLogisticMixture,
    How.NONE,
    "sum over k of softmax(logits)_k · DiscretizedLogistic(loc_k, scale_k)",
    "Salimans et al. (2017), PixelCNN++",
    typical={
        "logits": [[0.0, 1.0], [-0.5, 0.5]],
        "loc": [[0.2, 0.7], [0.1, 0.9]],
        "scale": [[0.05, 0.1], [0.3, 0.02]],
        "levels": 17,
    },
    extreme={
        "logits": [[-1e4, 1e4], [0.0, 0.0], [1e4, -1e4]],
        "loc": [[-1e3, 1e3], [0.5, 0.5], [0.0, 1.0]],
        "scale": [[1e-6, 1.0], [1e5, 1e-6], [1e-3, 1e5]],
        "levels": 256,
    },
    invalid={"scale": [[-1.0, 1.0], [0.1, 0.1]]},
)
