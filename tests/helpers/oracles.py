"""Two small models whose expected bounds, and so whose gradients, are known to many digits.

Each is a single row of data. It is copied over thousands of rows, every one with parameters of its own, so that one backward
pass returns thousands of independent draws of the gradient.
"""

import math
from abc import ABC, abstractmethod

import torch
from numpy.polynomial.hermite_e import hermegauss
from torch import Size, Tensor, nn
from torch.distributions import Bernoulli, Distribution, Independent, Normal

from latentia.bounds import Bound, Elbo
from latentia.core import Batch
from latentia.gradients import Gradient
from latentia.models import GenerativeModel

Numbers = dict[str, Tensor]


class Rows(GenerativeModel):
    """A model whose every row has its own copy of ``theta``."""

    def __init__(self, theta: Numbers, n_rows: int) -> None:
        super().__init__()
        self.theta = nn.ParameterDict({name: value.expand(n_rows, *value.shape).clone() for name, value in theta.items()})


class LinearGaussianRows(Rows):
    """z ~ N(a, diag e^2b), x | z ~ N(W z + m, s^2 I): PPCA, but for a prior that learns too."""

    def prior(self, given: Tensor | None = None) -> Distribution:
        return Independent(
            Normal(self.theta["prior_loc"], self.theta["prior_log_scale"].exp(), validate_args=False), 1, validate_args=False
        )

    def likelihood(self, z: Tensor, given: Tensor | None = None) -> Distribution:
        loc = torch.einsum("rdq,krq->krd", self.theta["weight"], z) + self.theta["mean"]
        return Independent(
            Normal(loc, self.theta["log_sigma"].exp().unsqueeze(-1), validate_args=False), 1, validate_args=False
        )


class BitRows(Rows):
    """Independent bits z, and independent bits x given z."""

    def prior(self, given: Tensor | None = None) -> Distribution:
        return Independent(Bernoulli(logits=self.theta["prior_logits"], validate_args=False), 1, validate_args=False)

    def likelihood(self, z: Tensor, given: Tensor | None = None) -> Distribution:
        logits = torch.einsum("rdq,krq->krd", self.theta["weight"], z) + self.theta["mean"]
        return Independent(Bernoulli(logits=logits, validate_args=False), 1, validate_args=False)


class Oracle(ABC):
    """One row x, a model of it, a wrong posterior, and what any bound is worth in expectation."""

    def __init__(self, x: Tensor, theta: Numbers, phi: Numbers) -> None:
        self.x, self.theta, self.phi = x, theta, phi

    @property
    def z_shape(self) -> Size:
        return next(iter(self.phi.values())).shape

    @abstractmethod
    def rows(self, n: int) -> Rows:
        """The library's view: a model of n rows."""

    @abstractmethod
    def q(self, phi: Numbers) -> Distribution:
        """The posterior with parameters ``phi``."""

    @abstractmethod
    def expected(self, theta: Numbers, phi: Numbers, bound: Bound, n_draws: int, kl_weight: float) -> Tensor:
        """E[bound(log-weights)], written out without the library's model."""

    @abstractmethod
    def kl(self) -> Tensor:
        """KL(q || prior)."""

    def truth(self, bound: Bound, n_draws: int, kl_weight: float) -> Numbers:
        """The gradient by every parameter's name, the bound at KL weight 1 as "bound", and the KL as "rate"."""
        theta = {name: value.clone().requires_grad_() for name, value in self.theta.items()}
        phi = {name: value.clone().requires_grad_() for name, value in self.phi.items()}
        self.expected(theta, phi, bound, n_draws, kl_weight).backward()
        slopes = {name: value.grad for name, value in [*theta.items(), *phi.items()]}
        assert all(slope is not None for slope in slopes.values())
        plain = self.expected(self.theta, self.phi, bound, n_draws, 1.0)
        return {**slopes, "bound": plain, "rate": self.kl()}  # pyright: ignore[reportReturnType]  none is None

    def draws(self, gradient: Gradient, bound: Bound, n_draws: int, kl_weight: float, n: int) -> Numbers:
        """What the library estimates, n times: the same names, (n, ...) each."""
        model, phi = self.rows(n), {k: v.expand(n, *v.shape).clone().requires_grad_() for k, v in self.phi.items()}
        batch = Batch(self.x.expand(n, *self.x.shape), torch.arange(n), n)
        estimate = gradient(bound, model, self.q(phi), batch, n_draws, kl_weight)
        estimate.surrogate.sum().backward()
        slopes = {name: value.grad for name, value in [*model.theta.items(), *phi.items()]}
        lost = [name for name, slope in slopes.items() if slope is None]
        assert not lost, f"no gradient reached {lost}"
        assert not estimate.bound.requires_grad
        assert not estimate.rate.requires_grad
        return {**slopes, "bound": estimate.bound, "rate": estimate.rate}  # pyright: ignore[reportReturnType]


def _wide(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


class GaussianOracle(Oracle):
    """A linear Gaussian model of ``n_latents`` latents (1 or 2) and three values, and a diagonal q that misses."""

    def __init__(self, n_latents: int) -> None:
        weight = torch.stack([_wide(1.0, -0.6, 0.4), _wide(0.3, 0.8, -0.5)][:n_latents], -1)
        theta = {
            "prior_loc": _wide(0.3, -0.4)[:n_latents],
            "prior_log_scale": _wide(0.2, -0.1)[:n_latents],
            "weight": weight,
            "mean": _wide(0.1, -0.2, 0.3),
            "log_sigma": _wide(0.1).squeeze(),
        }
        phi = {"loc": _wide(1.8, -0.6)[:n_latents], "log_scale": _wide(0.2, -0.7)[:n_latents]}
        super().__init__(_wide(0.9, -1.5, 1.2), theta, phi)

    def rows(self, n: int) -> Rows:
        model = LinearGaussianRows(self.theta, n)
        model.x_shape, model.z_shape = Size((3,)), self.phi["loc"].shape
        return model

    def q(self, phi: Numbers) -> Distribution:
        return Independent(Normal(phi["loc"], phi["log_scale"].exp()), 1)

    def kl(self) -> Tensor:
        return gaussian_kl(self.theta, self.phi)

    def elbo(self, theta: Numbers, phi: Numbers, kl_weight: float) -> Tensor:
        """The ELBO in closed form."""
        variance = (2 * theta["log_sigma"]).exp()
        miss = (self.x - theta["weight"] @ phi["loc"] - theta["mean"]).square().sum()
        spread = ((2 * phi["log_scale"]).exp() * theta["weight"].square()).sum()
        fit = -1.5 * math.log(2 * math.pi) - 3 * theta["log_sigma"] - (miss + spread) / (2 * variance)
        return fit - kl_weight * gaussian_kl(theta, phi)

    def expected(self, theta: Numbers, phi: Numbers, bound: Bound, n_draws: int, kl_weight: float, nodes: int = 0) -> Tensor:
        """Gauss-Hermite quadrature over the noise of all draws at once, for one latent."""
        assert len(phi["loc"]) == 1, "the product rule is written for one latent"
        points, shares = (torch.from_numpy(a) for a in hermegauss(nodes or {1: 64, 2: 40, 3: 26}[n_draws]))
        shares = shares / shares.sum()
        grids = torch.meshgrid(*[points] * n_draws, indexing="ij")
        share = torch.stack([g.flatten() for g in torch.meshgrid(*[shares] * n_draws, indexing="ij")]).prod(0)
        noise = torch.stack([g.flatten() for g in grids])  # (K, nodes ** K)
        z = phi["loc"] + phi["log_scale"].exp() * noise
        misses = self.x - z.unsqueeze(-1) * theta["weight"][:, 0] - theta["mean"]
        log_likelihood = log_normal(misses, theta["log_sigma"]).sum(-1)
        log_prior = log_normal(z - theta["prior_loc"], theta["prior_log_scale"])
        log_q = log_normal(z - phi["loc"], phi["log_scale"])
        return share @ bound(log_likelihood + kl_weight * (log_prior - log_q))


class BitOracle(Oracle):
    """Three bits behind four, and independent q-bits that miss; every tuple of draws is enumerated."""

    def __init__(self) -> None:
        weight = torch.stack([_wide(1.5, -1.0, 0.5, 2.0), _wide(-2.0, 0.7, 1.0, -0.3), _wide(0.4, 1.2, -1.6, 0.8)], -1)
        theta = {"prior_logits": _wide(0.5, -0.8, 0.2), "weight": weight, "mean": _wide(-0.5, 0.3, 0.1, -0.9)}
        super().__init__(_wide(1, 0, 1, 1), theta, {"logits": _wide(1.2, 0.7, -0.9)})

    def rows(self, n: int) -> Rows:
        model = BitRows(self.theta, n)
        model.x_shape, model.z_shape = self.x.shape, self.phi["logits"].shape
        return model

    def q(self, phi: Numbers) -> Distribution:
        return Independent(Bernoulli(logits=phi["logits"]), 1)

    def kl(self) -> Tensor:
        states = bit_states(len(self.phi["logits"]))
        log_q = log_bits(states, self.phi["logits"])
        return log_q.exp() @ (log_q - log_bits(states, self.theta["prior_logits"]))

    def expected(self, theta: Numbers, phi: Numbers, bound: Bound, n_draws: int, kl_weight: float) -> Tensor:
        states = bit_states(len(phi["logits"]))
        log_q = log_bits(states, phi["logits"])
        log_likelihood = log_bits(self.x, states @ theta["weight"].T + theta["mean"])
        w = log_likelihood + kl_weight * (log_bits(states, theta["prior_logits"]) - log_q)
        return over_tuples(log_q, w, bound, n_draws)


def gaussian_kl(theta: Numbers, phi: Numbers) -> Tensor:
    """KL between the diagonal normals of ``phi`` and of the prior."""
    ratio = (2 * (phi["log_scale"] - theta["prior_log_scale"])).exp()
    distance = ((phi["loc"] - theta["prior_loc"]) / theta["prior_log_scale"].exp()).square()
    return 0.5 * (ratio + distance - 1 - ratio.log()).sum()


def log_normal(miss: Tensor, log_scale: Tensor) -> Tensor:
    """log N(miss; 0, e^(2 log_scale))."""
    return -0.5 * math.log(2 * math.pi) - log_scale - 0.5 * (miss / log_scale.exp()).square()


def log_bits(bits: Tensor, logits: Tensor) -> Tensor:
    """log-mass of independent bits, summed over the last axis."""
    return (bits * torch.sigmoid(logits).log() + (1 - bits) * torch.sigmoid(-logits).log()).sum(-1)


def bit_states(n: int) -> Tensor:
    """(2^n, n)."""
    return torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * n).reshape(-1, n)


def over_tuples(log_q: Tensor, w: Tensor, bound: Bound, n_draws: int) -> Tensor:
    """E[bound] over all tuples of states: log q and log-weights (S,) -> ()."""
    n_draws = 1 if isinstance(bound, Elbo) else n_draws  # a mean over draws is worth one draw
    tuples = torch.cartesian_prod(*[torch.arange(len(w))] * n_draws).reshape(-1, n_draws).T  # (K, S ** K)
    return log_q[tuples].sum(0).exp() @ bound(w[tuples])
