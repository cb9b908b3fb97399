"""Bits and one-hot codes as thresholded noise: drawn hard, relaxed, or relaxed given what was drawn.

Maddison, Mnih & Teh (2017), The concrete distribution; Jang, Gu & Poole (2017), Categorical reparameterization with
Gumbel-softmax; the conditional draw is that of Tucker et al. (2017), REBAR, appendix.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent, OneHotCategorical
from torch.nn import functional as F

from latentia.distributions.parametric import open_uniform


class Relaxable(ABC):
    """A factorized discrete distribution, batch (B,), as noise that is cut.

    Attributes:
        logits: (B, *event); of codes, log-probabilities that sum to one over the last axis.
        event: the axes of an event, counted from the end.
    """

    def __init__(self, logits: Tensor, event_dims: int) -> None:
        self.logits = logits
        self.event = tuple(range(-event_dims, 0))

    def held(self) -> "Relaxable":
        """The same with logits that pass no gradient on."""
        return type(self)(self.logits.detach(), len(self.event))

    @abstractmethod
    def noisy(self, n_draws: int) -> Tensor:
        """Logits plus standard noise, whose cut is a draw: (K, B, *event). It carries a gradient."""

    def draw(self, n_draws: int) -> Tensor:
        """K draws in 0 and 1, (K, B, *event); where a logit is not a number one of them, without the host looking."""
        return self.harden(self.noisy(n_draws))

    @abstractmethod
    def harden(self, noisy: Tensor) -> Tensor:
        """The draw that the noise makes, in 0 and 1; no gradient."""

    @abstractmethod
    def soften(self, noisy: Tensor, temperature: Tensor | float) -> Tensor:
        """Between 0 and 1, the nearer to ``harden`` the lower the temperature."""

    @abstractmethod
    def log_mass(self, z: Tensor) -> Tensor:
        """log q(z) of a draw, and between draws linear in z: (..., B, *event) -> (..., B) nats."""

    @property
    @abstractmethod
    def mean(self) -> Tensor:
        """The probability of each 1: (B, *event)."""

    @abstractmethod
    def beside_conditional(self, slope: Tensor, noisy: Tensor) -> Tensor:
        """``slope`` d(noisy - conditional)/d logits, where the conditional draw is made so that both are the same number.

        Given what was drawn, noise is drawn again from where it would have led to the same draw (Tucker et al. 2017); it
        may be tied to the first, so that noisy = conditional in value. They move differently when the logits do.

        Args:
            slope: of any function at ``noisy``, (K, B, *event).
            noisy: as drawn.

        Returns:
            (K, B, *event), for free logits.
        """


class Bits(Relaxable):
    """Independent bits: a logistic above zero is a 1."""

    def noisy(self, n_draws: int) -> Tensor:
        return self.logits + torch.logit(open_uniform((n_draws, *self.logits.shape), self.logits))

    def harden(self, noisy: Tensor) -> Tensor:
        return (noisy > 0).to(noisy.dtype)

    def soften(self, noisy: Tensor, temperature: Tensor | float) -> Tensor:
        return torch.sigmoid(noisy / temperature)

    def log_mass(self, z: Tensor) -> Tensor:
        return (z * self.logits - F.softplus(self.logits)).sum(self.event)

    @property
    def mean(self) -> Tensor:
        return torch.sigmoid(self.logits)

    def beside_conditional(self, slope: Tensor, noisy: Tensor) -> Tensor:
        # conditional = s softplus(v + softplus(s logits)), s = +-1 the side drawn and v free noise: its slope at the noise v
        # that makes it equal to noisy is (1 - e^-|noisy|) times the probability of that side.
        side = noisy.sign()
        return slope * (1 + torch.expm1(-noisy.abs()) * torch.sigmoid(side * self.logits))


class Codes(Relaxable):
    """Independent one-hot codes over the last axis: the largest of C Gumbels is the 1."""

    def __init__(self, logits: Tensor, event_dims: int) -> None:
        # A class that cannot be drawn has a logit of -inf, and 0 times that would be no number.
        super().__init__(logits.clamp_min(torch.finfo(logits.dtype).min / 4), event_dims)

    def noisy(self, n_draws: int) -> Tensor:
        return self.logits - (-open_uniform((n_draws, *self.logits.shape), self.logits).log()).log()

    def harden(self, noisy: Tensor) -> Tensor:
        return F.one_hot(noisy.argmax(-1), noisy.shape[-1]).to(noisy.dtype)

    def soften(self, noisy: Tensor, temperature: Tensor | float) -> Tensor:
        return torch.softmax(noisy / temperature, -1)

    def log_mass(self, z: Tensor) -> Tensor:
        return (z * self.logits).sum(self.event)

    @property
    def mean(self) -> Tensor:
        return self.logits.exp()

    def beside_conditional(self, slope: Tensor, noisy: Tensor) -> Tensor:
        # The largest, T, is Gumbel(0) whatever the logits; the others are -log(e^-T + exponential noise / probability).
        each = slope * (noisy - noisy.amax(-1, keepdim=True)).exp()
        # From normalized log-probabilities to free logits.
        return each - self.mean * each.sum(-1, keepdim=True)


def relaxable(distribution: Distribution) -> Relaxable | None:
    """Independent bits or one-hot codes, seen as noise that is cut; None of anything else."""
    base, dims = distribution, 0
    while isinstance(base, Independent):
        base, dims = base.base_dist, dims + base.reinterpreted_batch_ndims
    if isinstance(base, Bernoulli):
        return Bits(base.logits, dims)
    if isinstance(base, OneHotCategorical):
        return Codes(base.logits, dims + 1)
    return None
