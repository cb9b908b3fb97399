"""Successes among a number of trials whose chance is itself drawn from a beta distribution.

Skellam (1948), A probability distribution derived from the binomial distribution by regarding the probability of success as
variable between the sets of trials; masses after Loader (2000).
"""

from functools import reduce

import torch
from torch import Tensor
from torch.distributions import Gamma, constraints
from torch.types import _size

from latentia.core.errors import ShapeError
from latentia.distributions.discrete.stirling import deviance, log_excess
from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric, open_uniform


class _UpTo(constraints.integer_interval):
    """0, 1, ..., total_count; does not print the tensor."""

    def __repr__(self) -> str:
        return "a whole number from 0 to total_count"


class BetaBinomial(Parametric):
    """Counts k of total_count trials, each a success with one chance p ~ Beta(concentration1, concentration0).

    Args:
        total_count: number of trials, a whole number or a tensor of such.
        concentration1: of successes, positive.
        concentration0: of failures, positive.
    """

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    has_enumerate_support = True
    total_count: Tensor
    concentration1: Tensor
    concentration0: Tensor

    def __init__(
        self,
        total_count: Tensor | int,
        concentration1: Tensor | float,
        concentration0: Tensor | float,
        validate_args: bool | None = None,
    ) -> None:
        given = [c for c in (concentration1, concentration0) if isinstance(c, Tensor)] or [torch.zeros(())]
        # One dtype for all three, as torch's binomial draws refuse two.
        dtype, device = reduce(torch.promote_types, (c.dtype for c in given)), given[0].device
        # Kept as it came: of a batch without rows nothing is left after it is expanded.
        self._total = torch.as_tensor(total_count, dtype=dtype, device=device)
        super().__init__(
            total_count=self._total,
            concentration1=torch.as_tensor(concentration1, dtype=dtype, device=device),
            concentration0=torch.as_tensor(concentration0, dtype=dtype, device=device),
            validate_args=validate_args,
        )

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> constraints.Constraint:  # pyright: ignore[reportIncompatibleVariableOverride]
        return _UpTo(0, self.total_count)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log mass in nats: value (...), whole numbers -> (...); -inf for any other number, NaN for NaN."""
        if self._validate_args:
            self._validate_sample(value)
        a, b, n = self.concentration1, self.concentration0, self.total_count
        is_count = (value >= 0) & (value <= n) & (value == value.floor())
        k = torch.where(is_count, value, 0).to(a.dtype)
        # The powers in Stirling's formula add up to the likelihood ratio of independence in the table (k, n - k; a, b).
        trials, every = a + b, a + b + n
        gap = (k * b - (n - k) * a) / every
        ones, zeros = (a + k) / every, (b + (n - k)) / every
        cells = ((k, n * ones, gap), (n - k, n * zeros, -gap), (a, trials * ones, -gap), (b, trials * zeros, gap))
        tiny = torch.finfo(a.dtype).tiny
        powers = sum(deviance(x, d, d / m.clamp_min(tiny), x / m.clamp_min(tiny)) for x, m, d in cells)
        errors = log_excess(n) - log_excess(k) - log_excess(n - k) + log_excess(trials) - log_excess(every)
        errors = errors + log_excess(a + k) - log_excess(a) + log_excess(b + (n - k)) - log_excess(b)
        odds = torch.log1p(n / trials) - torch.log1p(k / a) - torch.log1p((n - k) / b)
        return torch.where(value.isnan(), torch.nan, torch.where(is_count, errors + odds - powers, -torch.inf))

    def cdf(self, value: Tensor) -> Tensor:
        """Mass up to a value (...) -> (...), from the masses of all counts.

        Raises:
            ShapeError: rows differ in total_count.
        """
        counts = self.enumerate_support()
        up_to = self.log_prob(counts).exp().cumsum(0).clamp(max=1)
        last = value.floor().expand(torch.broadcast_shapes(value.shape, self.batch_shape))
        row = last.nan_to_num(nan=0.0).clamp(0, len(counts) - 1).long()
        lead = last.shape[: last.ndim - len(self.batch_shape)]
        inner = up_to.gather(0, row.reshape(lead.numel(), *self.batch_shape)).reshape(last.shape)
        inner = torch.where(last < 0, 0.0, torch.where(last >= len(counts) - 1, 1.0, inner))
        return torch.where(last.isnan(), torch.nan, inner)

    def sample(self, sample_shape: _size = ()) -> Tensor:
        with torch.no_grad():
            shape = self._draw_shape(sample_shape)
            # The chance's logit, as a beta draw of a small concentration rounds to 0 / 0.
            logit = _log_gamma_draw(self.concentration1.expand(shape)) - _log_gamma_draw(self.concentration0.expand(shape))
            n = self.total_count.expand(shape)
            rarer = torch.binomial(n, torch.sigmoid(-logit.abs()))
            return torch.where(logit > 0, n - rarer, rarer)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """0, 1, ..., total_count: (total_count + 1, *batch), or (total_count + 1, 1, ...) where ``expand`` is False.

        An empty tensor of totals names none, and 0 is listed alone.

        Raises:
            ShapeError: rows differ in total_count.
        """
        low, high = self._total.aminmax() if self._total.numel() else (0, 0)
        n = int(high)
        if int(low) != n:
            raise ShapeError("BetaBinomial: rows differ in total_count, so no one list holds their values; ask row by row.")
        counts = torch.arange(n + 1, dtype=self.total_count.dtype, device=self.total_count.device)
        counts = counts.reshape((-1,) + (1,) * len(self.batch_shape))
        return counts.expand(-1, *self.batch_shape) if expand else counts

    @property
    def mean(self) -> Tensor:
        return self.total_count * (self.concentration1 / (self.concentration1 + self.concentration0))

    @property
    def variance(self) -> Tensor:
        trials = self.concentration1 + self.concentration0
        return self.mean * (self.concentration0 / trials) * ((trials + self.total_count) / (trials + 1))

    @property
    def mode(self) -> Tensor:
        """The likeliest count; total_count where both ends are equally likely and nothing between them is more so."""
        a, b, n = self.concentration1, self.concentration0, self.total_count
        beyond = a + b - 2
        peak = ((n + 1) * (a - 1) / torch.where(beyond > 0, beyond, 1.0)).floor().clamp_min(0).minimum(n)
        return torch.where(beyond > 0, peak, torch.where(a >= b, n, 0.0))

    def entropy(self) -> Tensor:
        log_mass = self.log_prob(self.enumerate_support(expand=False))
        return -(log_mass.exp() * log_mass).sum(0)


def _log_gamma_draw(concentration: Tensor) -> Tensor:
    """log of a Gamma(concentration, 1) draw, from one of concentration + 1 (Marsaglia & Tsang 2000, section 6)."""
    higher = Gamma(concentration + 1, torch.ones_like(concentration), validate_args=False).sample()
    return higher.log() + open_uniform(concentration.shape, concentration).log() / concentration


BETA_BINOMIAL = Entry(
    BetaBinomial,
    How.NONE,
    "C(n, k) · B(k + concentration1, n - k + concentration0) / B(concentration1, concentration0), n = total_count",
    "Skellam (1948), A probability distribution derived from the binomial distribution",
    typical={"total_count": 6, "concentration1": [2.0, 0.7], "concentration0": [3.0, 1.2]},
    extreme={"total_count": [1e6, 20.0, 1e6], "concentration1": [1e6, 1e-3, 1e-3], "concentration0": [1e6, 1e-3, 1e6]},
    invalid={"total_count": [-1.0, 2.5], "concentration1": [-1.0, 1.0], "concentration0": [1.0, 0.0]},
)
