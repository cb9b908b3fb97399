"""The Erlang distribution, a sum of exponential waiting times.

Johnson, Kotz & Balakrishnan (1994), Continuous Univariate Distributions 1, chapter 17.
"""

import math

import torch
from torch import Size, Tensor
from torch.distributions import Gamma, constraints
from torch.types import _size

from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric, open_uniform, within

# Terms up to which a draw is their sum; beyond, one draw of a gamma costs less than that many uniforms.
MOST_TERMS = 16
# Shapes from which Stirling's series is better than a difference of large numbers.
LARGE = 10


class Erlang(Parametric):
    """Density rate^shape x^(shape - 1) exp(-rate x) / (shape - 1)! for x >= 0: the wait for event number ``shape``.

    No gradient reaches the shape, which is a whole number. Where all shapes are 16 or less a draw is minus the logarithm of
    a product of uniforms, over the rate; otherwise it is torch's gamma over the rate, which has the same law and the same
    gradient by the rate, -x / rate.

    Args:
        shape: positive whole number.
        rate: positive.
    """

    arg_constraints = {"shape": constraints.positive_integer, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    shape: Tensor
    rate: Tensor

    def __init__(self, shape: Tensor | float, rate: Tensor | float, validate_args: bool | None = None) -> None:
        if isinstance(shape, Tensor) and not shape.is_floating_point():
            shape = shape.to(rate.dtype if isinstance(rate, Tensor) else torch.get_default_dtype())
        super().__init__(shape=shape, rate=rate, validate_args=validate_args)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats: value (...) -> (...)."""
        if self._validate_args:
            self._validate_sample(value)
        k = self.shape.detach()
        inside = (value > 0) | ((value == 0) & (k == 1))
        ratio = self.rate * torch.where(inside & (value < torch.inf), value, 1.0) / k
        # A shape of one has no logarithm, which would be infinite at 0.
        log_ratio = torch.where(k == 1, 1.0, ratio).log()
        log_density = (k - 1) * log_ratio - k * (ratio - 1) + self.rate.log() - k.log() + _stirling(k)[0]
        return within(inside, log_density, value)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        shape, k = self._draw_shape(sample_shape), self.shape.detach()
        terms = int(k.max()) if k.numel() else 0
        if terms > MOST_TERMS:
            return Gamma(k, self.rate, validate_args=False).rsample(Size(sample_shape))
        u = open_uniform((*shape, terms), self.rate)
        counts = torch.arange(terms, dtype=k.dtype, device=k.device) < k.unsqueeze(-1)
        u = torch.where(counts, u, 1.0)
        # One logarithm is cheaper than many, but a product of sixteen underflows where numbers are short.
        log_product = u.prod(-1).log() if torch.finfo(u.dtype).bits >= 32 else u.log().sum(-1)
        return -log_product / self.rate

    def cdf(self, value: Tensor) -> Tensor:
        return torch.special.gammainc(self.shape.detach(), self.rate * value.clamp_min(0))

    @property
    def mean(self) -> Tensor:
        return self.shape.detach() / self.rate

    @property
    def mode(self) -> Tensor:
        return (self.shape.detach() - 1) / self.rate

    @property
    def variance(self) -> Tensor:
        return self.shape.detach() / self.rate.square()

    def entropy(self) -> Tensor:
        k = self.shape.detach()
        peak, gap = _stirling(k)
        return k * gap + (k.log() - gap) - peak - self.rate.log()


def _stirling(k: Tensor) -> tuple[Tensor, Tensor]:
    """The small differences k log k - k - log Gamma(k) and log k - digamma(k), for k >= 1."""
    is_large = k >= LARGE
    near, far = torch.where(is_large, 1.0, k), torch.where(is_large, k, LARGE)
    q = far.square().reciprocal()
    tail = (1 / 12 - q * (1 / 360 - q * (1 / 1260 - q * (1 / 1680 - q * (1 / 1188 - q * (691 / 360360)))))) / far
    gap = q * (1 / 12 - q * (1 / 120 - q * (1 / 252 - q * (1 / 240 - q * (1 / 132 - q * (691 / 32760))))))
    return (
        torch.where(is_large, (far / (2 * math.pi)).log() / 2 - tail, near * near.log() - near - torch.lgamma(near)),
        torch.where(is_large, 0.5 / far + gap, near.log() - torch.digamma(near)),
    )


ERLANG = Entry(
    Erlang,
    How.COMPOSITION,
    "-log(u_1 · ... · u_shape) / rate",
    "Johnson, Kotz & Balakrishnan (1994), Continuous Univariate Distributions 1, ch. 17",
    typical={"shape": [2.0, 3.0], "rate": [1.0, 2.0]},
    extreme={"shape": [1.0, 1e4, 1.0, 1e4], "rate": [1e-4, 1e4, 1e4, 1e-4]},
    invalid={"shape": [2.0, 2.5], "rate": [-1.0, 1.0]},
)
