"""A generative model: p(x, z | given), in nats, one number a draw and row."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Size, Tensor, nn
from torch.distributions import Distribution

from latentia.core import Batch
from latentia.distributions import observed_log_prob


class GenerativeModel(nn.Module, ABC):
    """What generates x. A model says its prior and its likelihood; the rest follows.

    Attributes:
        x_shape: shape of one x.
        z_shape: shape of one z.
        fresh: True until training rows were looked at; a trained model is never put back to its start.
        shows_latents: x is a copy of z, of which a mask says what was seen.
    """

    x_shape: Size
    z_shape: Size
    fresh: bool = True
    shows_latents: bool = False

    @abstractmethod
    def prior(self, given: Tensor | None = None) -> Distribution:
        """p(z | given): batch () or (B,), event z_shape."""

    @abstractmethod
    def likelihood(self, z: Tensor, given: Tensor | None = None) -> Distribution:
        """p(x | z, given): z (K, B or 1, *z_shape) -> batch (K, B), event x_shape."""

    def log_prior(self, z: Tensor, batch: Batch) -> Tensor:
        """log p(z | given): z (K, B, *z_shape) -> (K, B)."""
        return self.prior(batch.given).log_prob(z)

    def log_likelihood(self, z: Tensor, batch: Batch) -> Tensor:
        """log p(x | z, given) of what was observed: z (K, B, *z_shape) -> (K, B)."""
        return observed_log_prob(self.likelihood(z, batch.given), batch.x, batch.mask)

    def log_joint(self, z: Tensor, batch: Batch) -> Tensor:
        """log p(x, z | given): z (K, B, *z_shape) -> (K, B)."""
        return self.log_likelihood(z, batch) + self.log_prior(z, batch)

    @torch.no_grad()
    def sample(self, n: int, given: Tensor | None = None) -> Tensor:
        """n ancestral draws of x: (n, *x_shape). ``given`` has n rows, if any."""
        return self.sample_joint(n, given)[1]

    @torch.no_grad()
    def sample_joint(self, n: int, given: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """n ancestral draws of both: z (n, *z_shape) and x (n, *x_shape). ``given`` has n rows, if any."""
        z = self.sample_prior(n, given)
        return z, self.likelihood(z.unsqueeze(0), given).sample().squeeze(0)

    @torch.no_grad()
    def sample_prior(self, n: int, given: Tensor | None = None) -> Tensor:
        """n draws of z: (n, *z_shape)."""
        prior = self.prior(given)
        return prior.sample(() if prior.batch_shape else (n,))

    def draw_mask(self, shares: Tensor) -> Tensor:
        """Which values are seen: each value of row i with chance ``shares[i]``, (n,) -> (n, *x_shape) bool.

        Values are drawn one by one; a model whose values come in blocks overrides it.
        """
        chance = torch.rand(len(shares), *self.x_shape, dtype=shares.dtype, device=shares.device)
        return chance < shares.reshape(-1, *(1,) * len(self.x_shape))

    def start_at(self, x: Tensor) -> None:
        """A hook: look once at training rows (N, *x_shape) before the first step. Does nothing unless overridden."""


@runtime_checkable
class HasExactPosterior(Protocol):
    """A model whose p(z | x) has a closed form."""

    def exact_posterior(self, batch: Batch) -> Distribution:
        """p(z | x): batch (B,), event z_shape."""
        ...


@runtime_checkable
class HasMStep(HasExactPosterior, Protocol):
    """A model that expectation-maximization can fit: p(z | x), p(x) and the M step have closed forms."""

    def log_marginal(self, x: Tensor) -> Tensor:
        """log p(x), without z: (B, *x_shape) -> (B,) nats."""
        ...

    def maximize(self, x: Tensor, q: Distribution) -> None:
        """Put the parameters where sum_i E_q log p(x_i, z_i) is largest, or where log p(x) is higher still.

        Args:
            x: (N, *x_shape) all training rows.
            q: p(z | x) at the present parameters: batch (N,), event z_shape.
        """
        ...


@runtime_checkable
class HasCoordinateAscent(Protocol):
    """A Bayesian model whose mean-field posterior has a closed-form update a factor.

    The posterior is q(z) q(first factor) q(second factor) ...; q(z) is handed about as a distribution, the other factors are
    the model's buffers.
    """

    @property
    def factors(self) -> tuple[str, ...]:
        """Names of the factors beside q(z), in the order of a sweep."""
        ...

    def variational_posterior(self, batch: Batch) -> Distribution:
        """The best q(z) for the other factors as they are: event z_shape, batch (B,), or () for one z shared by all rows."""
        ...

    def update(self, factor: str, batch: Batch, q: Distribution) -> None:
        """Put one factor, in place, where the bound is largest for the others as they are.

        Args:
            factor: one of ``factors``.
            batch: all training rows.
            q: q(z).
        """
        ...

    def elbo(self, batch: Batch, q: Distribution) -> Tensor:
        """E_q[log p(x, z, parameters) - log q]: () nats in float64, the sum over all rows of the batch."""
        ...


@runtime_checkable
class HasNamedEvidence(Protocol):
    """A model whose observations and latents have names."""

    def evidence(self, observed: Mapping[str, str]) -> tuple[Tensor, Tensor]:
        """Findings {name: value} as x (*x_shape) and mask (*x_shape), True where something was said; x is zero elsewhere.

        Raises:
            LatentiaError: a name or a value that the model does not know, with the nearest.
        """
        ...

    def answers(self, mean: Tensor) -> list[tuple[str, str, float]]:
        """(variable, state, probability) for a mean (*z_shape) of q."""
        ...


@runtime_checkable
class HasExactMarginals(Protocol):
    """A model that can say the posterior's mean without sampling, for some batches at least."""

    def exact_marginals(self, batch: Batch) -> Tensor:
        """E[z | x]: (B, *z_shape), float64.

        Raises:
            LatentiaError: evidence that cannot be, or more work than a machine should do.
        """
        ...


@runtime_checkable
class HasSearchedPosterior(HasCoordinateAscent, Protocol):
    """A model whose ``variational_posterior`` is the end of a search, and so may be worse than an earlier answer."""

    def better_of(self, batch: Batch, one: Distribution, other: Distribution) -> Distribution:
        """Row by row, whichever of two q(z) has the higher bound for the other factors as they are."""
        ...


@runtime_checkable
class HasRowBounds(HasCoordinateAscent, Protocol):
    """A model whose ``elbo`` is a sum over rows, less a KL of the other factors; so that it bounds rows held out, too."""

    def row_bounds(self, batch: Batch, q: Distribution) -> Tensor:
        """Each row's part, E_q[log p(x | z, parameters)] - KL(q(z) || p(z)): (B,) nats in float64."""
        ...


@runtime_checkable
class HasNaturalGradient(HasCoordinateAscent, Protocol):
    """A model whose factors, beside q(z), are of the exponential family, so that some rows say where all would move them.

    ``elbo`` of a batch that holds only some of the rows is an estimate for all of them: its rows' part times n_rows / B.
    """

    def natural_step(self, factor: str, batch: Batch, q: Distribution, rate: float) -> None:
        """Move one factor's natural parameters, in place, towards where the bound is largest, were all rows like these.

        The way is along the natural gradient (Hoffman et al. 2013, Stochastic Variational Inference, section 2.3): the new
        parameters are 1 - rate parts of the old and ``rate`` parts of those that ``update`` would find in n_rows / B copies
        of the batch. At rate 1, with all rows, it is ``update``.

        Args:
            factor: one of ``factors``.
            batch: some training rows.
            q: q(z) of these rows.
            rate: in [0, 1].
        """
        ...
