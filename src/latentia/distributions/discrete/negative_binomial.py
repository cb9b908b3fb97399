"""The negative binomial by its mean and its dispersion, from the Poisson limit to a spread without end.

Hilbe (2011), Negative Binomial Regression, chapter 8 (the form called NB2); masses after Loader (2000).
"""

from typing import Self

import torch
from torch import Tensor
from torch.distributions import Gamma, constraints
from torch.types import _size

from latentia.distributions.discrete.stirling import NEAR, deviance, log_excess, stirling_error
from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric


class NegativeBinomial(Parametric):
    """Counts with mean mu and variance mu + dispersion * mu^2; Poisson at dispersion 0.

    It has no ``cdf``: that is an incomplete beta function, which torch lacks.

    Args:
        mu: mean, positive.
        dispersion: not negative; 1 / dispersion is torch's ``total_count`` and scipy's ``n``.
    """

    arg_constraints = {"mu": constraints.positive, "dispersion": constraints.nonnegative}
    support = constraints.nonnegative_integer
    mu: Tensor
    dispersion: Tensor

    def __init__(self, mu: Tensor | float, dispersion: Tensor | float, validate_args: bool | None = None) -> None:
        super().__init__(mu=mu, dispersion=dispersion, validate_args=validate_args)

    @classmethod
    def from_total_count(cls, total_count: Tensor, probs: Tensor, validate_args: bool | None = None) -> Self:
        """The same law in the words of ``torch.distributions.NegativeBinomial``: successes before ``total_count`` failures.

        >>> from torch.distributions import NegativeBinomial as Torch
        >>> total_count, probs, x = torch.tensor(4.0), torch.tensor(0.3), torch.tensor(2.0)
        >>> ours, theirs = NegativeBinomial.from_total_count(total_count, probs), Torch(total_count, probs)
        >>> torch.allclose(ours.log_prob(x), theirs.log_prob(x))
        True
        """
        return cls(total_count * probs / (1 - probs), 1 / total_count, validate_args)

    @property
    def total_count(self) -> Tensor:
        """1 / dispersion: torch's ``total_count``; infinite in the Poisson limit."""
        return 1 / self.dispersion

    @property
    def probs(self) -> Tensor:
        """torch's ``probs``, the chance of a success: mu dispersion / (1 + mu dispersion)."""
        return self.mu * self.dispersion / (1 + self.mu * self.dispersion)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log mass in nats: value (...), whole numbers -> (...); -inf for any other number, NaN for NaN."""
        if self._validate_args:
            self._validate_sample(value)
        a, mu = self.dispersion, self.mu
        is_count = (value >= 0) & (value < torch.inf) & (value == value.floor())
        k = torch.where(is_count, value, 0).to(mu.dtype)
        # Loader's binomial of 1 / a failures among 1 / a + k trials, multiplied out so that nothing is divided by a.
        k_spread, mu_spread = 1 + a * k, 1 + a * mu
        gap = (k - mu) / mu_spread
        relative = (k - mu) / (mu * k_spread)
        successes = deviance(k, gap, relative, k * mu_spread / (mu * k_spread))
        relative = -a * (k - mu) / k_spread
        far = 1 / torch.where(relative.abs() < NEAR, 1.0, a)
        failures = deviance(far, -gap, relative, mu_spread / k_spread)
        errors = stirling_error(a / k_spread) - stirling_error(a) - log_excess(k)
        log_mass = errors - 0.5 * torch.log1p(a * k) - successes - failures
        return torch.where(value.isnan(), torch.nan, torch.where(is_count, log_mass, -torch.inf))

    def sample(self, sample_shape: _size = ()) -> Tensor:
        with torch.no_grad():
            shape = self._draw_shape(sample_shape)
            is_spread = self.dispersion > 0
            shape_of_rate = 1 / torch.where(is_spread, self.dispersion, 1.0)
            noise = Gamma(shape_of_rate, torch.ones_like(shape_of_rate), validate_args=False).expand(shape).sample()
            return torch.poisson(self.mu * torch.where(is_spread, noise * self.dispersion, 1.0))

    @property
    def mean(self) -> Tensor:
        return self.mu

    @property
    def mode(self) -> Tensor:
        return (self.mu * (1 - self.dispersion).clamp_min(0)).floor()

    @property
    def variance(self) -> Tensor:
        return self.mu + self.dispersion * self.mu.square()


NEGATIVE_BINOMIAL = Entry(
    NegativeBinomial,
    How.NONE,
    "Gamma(k + r) / (k! Gamma(r)) · (mu / (r + mu))^k · (r / (r + mu))^r, r = 1 / dispersion",
    "Hilbe (2011), Negative Binomial Regression, ch. 8",
    typical={"mu": [3.0, 0.8], "dispersion": [0.3, 1.0]},
    extreme={"mu": [1e-6, 1e6, 1e6, 1.0], "dispersion": [1e4, 1e4, 1e-8, 0.0]},
    invalid={"mu": [-1.0, 1.0], "dispersion": [0.5, -0.1]},
)
