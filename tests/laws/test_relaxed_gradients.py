"""A relaxed gradient is that of its relaxed objective, known by quadrature; its bias falls with the temperature."""

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution, RelaxedBernoulli, RelaxedOneHotCategorical
from torch.testing import assert_close

from helpers.chance import FALSE_ALARM, assert_mean_is
from helpers.discrete_oracles import CodeOracle, ManyBitOracle
from helpers.oracles import BitOracle, Numbers, Oracle, bit_states, log_bits
from helpers.structured_bits import Opaque, SelfSaid
from latentia.bounds import Elbo, Iwae
from latentia.core import Batch
from latentia.core.errors import LatentiaError, NoReparameterization
from latentia.distributions import closed_kl
from latentia.gradients import Enumerated, Relaxed

N = 40_000


def line(n: int, reach: float = 34.0) -> tuple[Tensor, Tensor]:
    """Nodes of standard logistic noise and their weights: the trapezoid rule, which is exact to many digits here."""
    noise = torch.linspace(-reach, reach, n, dtype=torch.float64)
    return noise, torch.sigmoid(noise) * torch.sigmoid(-noise) * (noise[1] - noise[0])


def grid(n_dims: int, n: int) -> tuple[Tensor, Tensor]:
    """Noise (n^d, d) and weights (n^d,)."""
    noise, weight = line(n)
    points = torch.cartesian_prod(*[noise] * n_dims).reshape(-1, n_dims)
    return points, torch.cartesian_prod(*[weight] * n_dims).reshape(-1, n_dims).prod(-1)


def parameters(oracle: Oracle) -> tuple[Numbers, Numbers]:
    fresh = [{key: value.clone().requires_grad_() for key, value in held.items()} for held in (oracle.theta, oracle.phi)]
    return fresh[0], fresh[1]


def slopes(objective: Tensor, theta: Numbers, phi: Numbers) -> Numbers:
    found = torch.autograd.grad(objective, [*theta.values(), *phi.values()])
    return dict(zip([*theta, *phi], found, strict=True))


def fit(oracle: Oracle, theta: Numbers, z: Tensor) -> Tensor:
    """log p(x | z): z (..., D) -> (...)."""
    return log_bits(oracle.x, z @ theta["weight"].T + theta["mean"])


def bits_kl(theta: Numbers, phi: Numbers) -> Tensor:
    states = bit_states(len(phi["logits"]))
    log_q = log_bits(states, phi["logits"])
    return log_q.exp() @ (log_q - log_bits(states, theta["prior_logits"]))


def relaxed_elbo(oracle: BitOracle, temperature: float, kl_weight: float) -> Numbers:
    """The gradient of E log p(x | relaxed z) - weight KL, by quadrature over two bits' noise."""
    theta, phi = parameters(oracle)
    noise, weight = grid(2, 240)
    objective = weight @ fit(oracle, theta, torch.sigmoid((phi["logits"] + noise) / temperature))
    return slopes(objective - kl_weight * bits_kl(theta, phi), theta, phi)


def assert_slopes(draws: Numbers, truth: Numbers) -> None:
    size = float(torch.cat([value.flatten() for value in truth.values()]).norm())
    for name, value in truth.items():
        assert_mean_is(draws[name], value, name, resolution=0.02, size=size, false_alarm=FALSE_ALARM / len(truth))


@pytest.mark.parametrize(("temperature", "n_draws", "kl_weight"), [(1.0, 1, 1.0), (0.5, 3, 0.3), (0.2, 2, 1.0)])
def test_on_bits_it_is_the_relaxed_elbo_s_by_quadrature(temperature: float, n_draws: int, kl_weight: float) -> None:
    """False alarm: 1e-6 over the seed, for each temperature. 40,000 rows, two bits, every parameter of p and q."""
    oracle = ManyBitOracle(2, 4)
    draws = oracle.draws(Relaxed(temperature), Elbo(), n_draws, kl_weight, N)
    assert_slopes(draws, relaxed_elbo(oracle, temperature, kl_weight))


def test_under_another_bound_it_is_that_of_relaxed_log_weights_by_quadrature() -> None:
    """False alarm: 1e-6 over the seed. 40,000 rows, one bit drawn twice, every parameter of p and q."""
    oracle, temperature, kl_weight = ManyBitOracle(1, 4), 0.6, 0.7
    theta, phi = parameters(oracle)
    noise, weight = grid(2, 240)
    z = torch.sigmoid((phi["logits"] + noise) / temperature).T.unsqueeze(-1)  # two draws of one bit
    log_q, log_prior = (log_bits(z, logits) for logits in (phi["logits"], theta["prior_logits"]))
    truth = slopes(weight @ Iwae()(fit(oracle, theta, z) + kl_weight * (log_prior - log_q)), theta, phi)
    assert_slopes(oracle.draws(Relaxed(temperature), Iwae(), 2, kl_weight, N), truth)


@pytest.mark.parametrize("n_draws", [1, 3])
def test_straight_through_is_the_hard_slope_times_the_relaxed_draw_s(n_draws: int) -> None:
    """False alarm: 1e-6 over the seed. 40,000 rows; the model's gradient is the enumeration's itself.

    For the posterior: E[df/dz at the hard draw * d relaxed / d logit] is a sum over states of a product of integrals, one
    a bit, over the noise that leads to that state.
    """
    oracle, temperature, kl_weight = ManyBitOracle(2, 4), 0.6, 0.7
    truth = oracle.truth(Elbo(), n_draws, kl_weight)
    theta, phi = parameters(oracle)
    states = bit_states(2).requires_grad_()
    (at_states,) = torch.autograd.grad(fit(oracle, theta, states).sum(), states)
    noise, weight = line(40_001)
    soft = torch.sigmoid((phi["logits"] + noise.unsqueeze(-1)) / temperature)
    rise = soft * (1 - soft) / temperature * weight.unsqueeze(-1)  # (n, D)
    ends = torch.stack([(rise * (phi["logits"] + noise.unsqueeze(-1) <= 0)).sum(0), rise.sum(0)])
    rising = torch.stack([ends[0], ends[1] - ends[0]])  # (2, D): over noise that leads to 0, to 1
    chance = torch.stack([torch.sigmoid(-phi["logits"]), torch.sigmoid(phi["logits"])])
    slope = torch.zeros(2, dtype=torch.float64)
    for state, at_state in zip(bit_states(2).long().tolist(), at_states, strict=True):
        for d in (0, 1):
            slope[d] += at_state[d] * rising[state[d], d] * chance[state[1 - d], 1 - d]
    (kl_slope,) = torch.autograd.grad(bits_kl(theta, phi), phi["logits"])
    truth["logits"] = (slope - kl_weight * kl_slope).detach()
    draws = oracle.draws(Relaxed(temperature, straight_through=True), Elbo(), n_draws, kl_weight, N)
    del truth["bound"], truth["rate"]
    for name, value in truth.items():
        assert_mean_is(
            draws[name], value, name, resolution=0.02, size=3.0, false_alarm=FALSE_ALARM / len(truth), rounding=1e-4
        )


@pytest.mark.parametrize("oracle", [BitOracle(), CodeOracle()], ids=["bits", "codes"])
def test_its_gradient_is_the_one_by_torch_s_own_relaxed_draws(oracle: BitOracle | CodeOracle) -> None:
    """False alarm: 1e-6 over the seed. Twice 40,000 rows: the difference of two means against its standard error."""
    temperature = torch.tensor(0.5).double()
    ours = oracle.draws(Relaxed(0.5), Elbo(), 1, 1.0, N)
    model = oracle.rows(N)
    logits = oracle.phi["logits"].expand(N, *oracle.z_shape).clone().requires_grad_()
    kind = RelaxedOneHotCategorical if isinstance(oracle, CodeOracle) else RelaxedBernoulli
    z = kind(temperature, logits=logits, validate_args=False).rsample((1,))
    batch = Batch(oracle.x.expand(N, *oracle.x.shape), torch.arange(N), N)
    kl = closed_kl(oracle.q({"logits": logits}), model.prior())
    (model.log_likelihood(z, batch).squeeze(0) - kl).sum().backward()
    theirs = {**{name: value.grad for name, value in model.theta.items()}, "logits": logits.grad}
    for name, value in theirs.items():
        assert value is not None
        assert_mean_is(ours[name] - value, torch.zeros_like(value[0]), name, size=1.0, false_alarm=FALSE_ALARM / len(theirs))


@pytest.mark.parametrize("oracle", [BitOracle(), CodeOracle()], ids=["bits", "codes"])
@pytest.mark.parametrize("bound", [Elbo(), Iwae()], ids=["elbo", "iwae"])
@pytest.mark.parametrize("straight_through", [False, True], ids=["relaxed", "straight-through"])
def test_what_it_reports_is_the_bound_at_hard_draws(
    oracle: BitOracle | CodeOracle, bound: Elbo | Iwae, straight_through: bool
) -> None:
    """False alarm: 1e-6 over the seed, for each pair. 40,000 rows."""
    draws, truth = oracle.draws(Relaxed(0.7, straight_through), bound, 2, 0.3, N), oracle.truth(bound, 2, 0.3)
    for name in ("bound", "rate"):
        assert_mean_is(draws[name], truth[name], name, resolution=0.02, false_alarm=FALSE_ALARM / 2)


@pytest.mark.parametrize("oracle", [BitOracle(), CodeOracle()], ids=["bits", "codes"])
def test_its_bias_falls_with_the_temperature_and_its_variance_grows(oracle: BitOracle | CodeOracle) -> None:
    """Each bias is known to a fifth of itself, and differs from the next by 6 standard errors. 80,000 rows a temperature.

    Half of the draws give the direction of the bias, the other half its length along it, which is then unbiased.
    """
    truth = oracle.truth(Elbo(), 1, 1.0)
    names = [name for name in truth if name not in ("bound", "rate")]
    center = torch.cat([truth[name].flatten() for name in names])
    found = []
    for temperature in (1.0, 0.4, 0.1):
        draws = oracle.draws(Relaxed(temperature), Elbo(), 1, 1.0, 80_000)
        error = torch.cat([draws[name].flatten(1) for name in names], -1) - center
        first, second = error.chunk(2)
        direction = first.mean(0) / first.mean(0).norm()
        along = second @ direction
        found.append((float(along.mean()), float(along.std()) / len(along) ** 0.5, float(error.var(0).sum())))
    for (large, error, quiet), (small, other, loud) in pairwise(found):
        assert large - small > 6 * (error**2 + other**2) ** 0.5, found
        assert large > 5 * error
        assert quiet < loud
    assert found[-1][0] < 0.25 * found[0][0]


def opaque(kind: Callable[[Tensor], Distribution]) -> tuple[BitOracle, Distribution, Tensor, Batch]:
    oracle = BitOracle()
    logits = oracle.phi["logits"].expand(5, 3).clone().requires_grad_()
    return oracle, kind(logits), logits, Batch(oracle.x.expand(5, 4), torch.arange(5), 5)


def test_a_posterior_that_relaxes_itself_is_taken_at_its_word() -> None:
    oracle, q, logits, batch = opaque(SelfSaid)
    found = []
    for each in (q, oracle.q({"logits": logits})):
        torch.manual_seed(3)
        surrogate = Relaxed(0.4)(Iwae(), oracle.rows(5), each, batch, 3, 0.7).surrogate.sum()
        found.append(torch.autograd.grad(surrogate, logits)[0])
    assert_close(found[0], found[1])
    with pytest.raises(LatentiaError, match="straight_through=False"):
        Relaxed(0.4, straight_through=True)(Iwae(), oracle.rows(5), q, batch, 3)


def test_a_posterior_that_lists_its_states_is_enumerated() -> None:
    oracle, q, logits, batch = opaque(SelfSaid)
    for bound in (Elbo(), Iwae()):
        surrogate = Enumerated()(bound, oracle.rows(5), q, batch, 2, 0.7).surrogate.sum()
        (slope,) = torch.autograd.grad(surrogate, logits)
        assert_close(slope, oracle.truth(bound, 2, 0.7)["logits"].expand(5, 3))


def test_what_cannot_be_relaxed_or_listed_is_refused() -> None:
    oracle, q, _, batch = opaque(Opaque)
    with pytest.raises(NoReparameterization, match="leave-one-out"):
        Relaxed()(Elbo(), oracle.rows(5), q, batch, 2)
    with pytest.raises(LatentiaError, match="leave-one-out"):
        Enumerated()(Elbo(), oracle.rows(5), q, batch, 2)
    for temperature in (0.0, -1.0, float("nan")):
        with pytest.raises(LatentiaError, match="positive"):
            Relaxed(temperature)
