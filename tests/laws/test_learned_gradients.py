"""What gradients learn of their own: baselines and control variates change how an estimate scatters, never its mean."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.testing import assert_close

from helpers.chance import FALSE_ALARM, assert_mean_is
from helpers.discrete_oracles import CodeOracle, ManyBitOracle
from helpers.oracles import BitOracle, BitRows, Rows
from helpers.structured_bits import Opaque
from latentia.bounds import Elbo, Iwae
from latentia.core import Batch
from latentia.core.errors import LatentiaError
from latentia.gradients import Enumerated, Estimate, Gradient, Nvil, Rebar, Relax
from latentia.gradients.moving import Moving
from latentia.weights import log_weights

Bits = BitOracle | CodeOracle
every_control = pytest.mark.parametrize("name", ["rebar", "relax"])


def make(name: str, oracle: Bits, stirred: float = 0.0) -> Rebar | Relax:
    start: dict[str, Any] = {"temperature": 2.0, "scale": 0.2}
    gradient = Rebar(**start) if name == "rebar" else Relax(oracle.x.shape, oracle.z_shape, [8], **start)
    gradient.double()
    with torch.no_grad():
        for parameter in gradient.parameters():
            parameter.add_(stirred * torch.randn_like(parameter))
    return gradient


class Scene:
    """n rows of an oracle's, each with parameters of its own."""

    def __init__(self, oracle: Bits, n: int) -> None:
        self.oracle, self.model = oracle, oracle.rows(n)
        self.logits = oracle.phi["logits"].expand(n, *oracle.z_shape).clone().requires_grad_()
        self.batch = Batch(oracle.x.expand(n, *oracle.x.shape), torch.arange(n), n)

    def estimate(self, gradient: Gradient, n_draws: int, seed: int, kl_weight: float = 1.0) -> Estimate:
        torch.manual_seed(seed)
        return gradient(Elbo(), self.model, self.oracle.q({"logits": self.logits}), self.batch, n_draws, kl_weight)

    def slope(self, gradient: Gradient, n_draws: int, seed: int) -> Tensor:
        """For the logits of each row: (n, *z_shape)."""
        return torch.autograd.grad(self.estimate(gradient, n_draws, seed).surrogate.sum(), self.logits)[0]


def settled(gradient: Rebar | Relax | Nvil, mean: float, variance: float = 1.0) -> None:
    """A past, held still."""
    gradient.moving.started, gradient.moving.decay = True, 1.0
    gradient.moving.mean.fill_(mean)
    gradient.moving.variance.fill_(variance)


@every_control
@pytest.mark.parametrize(("oracle", "n_draws"), [(BitOracle(), 1), (CodeOracle(), 2)], ids=["bits", "codes"])
def test_its_parameters_go_down_the_mean_square_of_the_estimate(name: str, oracle: Bits, n_draws: int) -> None:
    """By finite differences of the square of what the surrogate gives the logits, at the same draws."""
    gradient, scene = make(name, oracle, stirred=0.1), Scene(oracle, 3)
    settled(gradient, -4.0)
    parameters = list(gradient.parameters())
    surrogate = scene.estimate(gradient, n_draws, 3).surrogate.mean()
    slopes = torch.autograd.grad(surrogate, parameters)
    step = 1e-5
    for parameter, slope in zip(parameters, slopes, strict=True):
        place = int(slope.abs().argmax())
        squares = []
        for side in (step, -step):
            with torch.no_grad():
                parameter.view(-1)[place] += side
            squares.append(float(scene.slope(gradient, n_draws, 3).square().flatten(1).sum(-1).mean()))
            with torch.no_grad():
                parameter.view(-1)[place] -= side
        assert float(slope.view(-1)[place]) == pytest.approx(-(squares[0] - squares[1]) / (2 * step), rel=1e-4, abs=1e-8)


@every_control
def test_what_it_learns_by_reaches_neither_model_nor_posterior(name: str) -> None:
    """The gradient of p and q is the same, bit for bit, whether the control variate learns or is held."""
    oracle, found = CodeOracle(), []
    for learns in (True, False):
        torch.manual_seed(1)
        gradient, scene = make(name, oracle, stirred=0.1).requires_grad_(learns), Scene(oracle, 4)
        settled(gradient, -4.0)
        parameters = [*scene.model.parameters(), scene.logits]
        found.append(torch.autograd.grad(scene.estimate(gradient, 2, 3).surrogate.mean(), parameters))
    for learning, held in zip(*found, strict=True):
        assert torch.equal(learning, held)


@every_control
@pytest.mark.parametrize("oracle", [ManyBitOracle(), CodeOracle()], ids=["12 bits", "3 codes"])
def test_learning_lowers_the_variance(name: str, oracle: Bits) -> None:
    """From a bad start; random with a wide margin: none of nine other seeds raised a false alarm; the seed is fixed."""
    gradient, small, large = make(name, oracle), Scene(oracle, 50), Scene(oracle, 3_000)
    before = float(large.slope(gradient, 1, 4).var(0).sum())
    optimizer = torch.optim.Adam(gradient.parameters(), lr=0.02)
    for step in range(60):
        optimizer.zero_grad()
        (-small.estimate(gradient, 1, 100 + step).surrogate.mean()).backward()
        optimizer.step()
    after = float(large.slope(gradient, 1, 4).var(0).sum())
    assert after < (0.5 if isinstance(oracle, ManyBitOracle) else 0.85) * before


def test_a_network_that_says_nothing_yet_makes_relax_rebar() -> None:
    rebar, relax = Rebar(0.7, 0.8).double(), Relax((4,), (3,), temperature=0.7, scale=0.8).double()
    assert_close(Scene(BitOracle(), 5).slope(rebar, 2, 3), Scene(BitOracle(), 5).slope(relax, 2, 3), rtol=0, atol=0)


class UnderAnOpaquePrior(BitRows):
    def prior(self, given: Tensor | None = None) -> Distribution:
        return Opaque(self.theta["prior_logits"])


class OpaquePriorOracle(BitOracle):
    def rows(self, n: int) -> Rows:
        model = UnderAnOpaquePrior(self.theta, n)
        model.x_shape, model.z_shape = self.x.shape, self.z_shape
        return model


@every_control
def test_a_prior_that_does_not_factorize_leaves_it_unbiased(name: str) -> None:
    """False alarm: 1e-6 over the seed. 40,000 rows; the prior's mass is then no part of the control variate."""
    oracle = OpaquePriorOracle()
    draws, truth = oracle.draws(make(name, oracle), Elbo(), 1, 0.7, 40_000), oracle.truth(Elbo(), 1, 0.7)
    for key, value in truth.items():
        assert_mean_is(draws[key], value, key, resolution=0.02, size=3.0, false_alarm=FALSE_ALARM / len(truth))


@every_control
def test_a_posterior_that_does_not_factorize_is_refused(name: str) -> None:
    oracle = BitOracle()
    batch = Batch(oracle.x.expand(2, 4), torch.arange(2), 2)
    with pytest.raises(LatentiaError, match="leave-one-out"):
        make(name, oracle)(Elbo(), oracle.rows(2), Opaque(torch.zeros(2, 3).double()), batch, 2)


@pytest.mark.parametrize("n_draws", [1, 3])
def test_nvil_s_network_goes_down_its_squared_error(n_draws: int) -> None:
    oracle = BitOracle()
    gradient, scene = Nvil((4,), [5]).double(), Scene(oracle, 6)
    with torch.no_grad():
        for parameter in gradient.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    settled(gradient, -2.0, variance=9.0)
    weights = list(gradient.parameters())
    slopes = torch.autograd.grad(scene.estimate(gradient, n_draws, 3).surrogate.mean(), weights)
    seen: list[Tensor] = []
    watch(scene.model, seen)
    scene.estimate(gradient, n_draws, 3)
    w = log_weights(scene.model, oracle.q({"logits": scene.logits}), scene.batch, seen[0]).detach()
    error = (w - gradient.guess(scene.batch) - (-2.0)).square().mean()
    by_hand = torch.autograd.grad(-0.5 * error / 3.0, weights)  # over the moving standard deviation
    for slope, theirs in zip(slopes, by_hand, strict=True):
        assert_close(slope, theirs)


def watch(model: Rows, seen: list[Tensor]) -> None:
    """Keep what the model is asked about."""
    likelihood = model.likelihood

    def watched(z: Tensor, given: Tensor | None = None) -> Distribution:
        seen.append(z)
        return likelihood(z, given)

    model.likelihood = watched


@pytest.mark.parametrize("variance", [0.01, 25.0])
@pytest.mark.parametrize("bound", [Elbo(), Iwae()], ids=["elbo", "iwae"])
def test_normalizing_scales_the_posterior_s_gradient_and_nothing_else(variance: float, bound: Elbo | Iwae) -> None:
    """By 1 / max(1, moving standard deviation). False alarm: 1e-6 over the seed, for each pair. 40,000 rows."""
    oracle, gradient = BitOracle(), Nvil((4,), normalize=True).double()
    settled(gradient, -3.0, variance)
    truth = oracle.truth(bound, 2, 0.7)
    truth["logits"] /= max(1.0, variance**0.5)
    draws = oracle.draws(gradient, bound, 2, 0.7, 40_000)
    for key, value in truth.items():
        assert_mean_is(draws[key], value, key, resolution=0.02, size=4.0, false_alarm=FALSE_ALARM / len(truth))


def test_nvil_learns_what_x_says_of_the_reward() -> None:
    """Random with a wide margin: none of nine other seeds raised a false alarm; the seed is fixed."""
    oracle, n = BitOracle(), 256
    model = oracle.rows(n)
    logits = oracle.phi["logits"].expand(n, 3).clone().requires_grad_()
    x = (torch.rand(n, 4) < 0.5).double()
    gradient, batch = Nvil((4,), [16]).double(), Batch(x, torch.arange(n), n)
    optimizer = torch.optim.Adam(gradient.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        (-gradient(Elbo(), model, oracle.q({"logits": logits}), batch, 1).surrogate.mean()).backward()
        optimizer.step()
    best = Enumerated()(Elbo(), model, oracle.q({"logits": logits}), batch, 1).bound
    guess = gradient.guess(batch).detach() + gradient.moving.mean
    assert float((best - guess).square().mean()) < 0.2 * float(best.var())


def test_the_moving_mean_and_variance_are_those_of_earlier_rewards() -> None:
    moving = Moving(0.75).double()
    first = torch.tensor([1.0, 5.0]).double()
    mean, variance = moving.before(torch.tensor([100.0]).double(), lambda: first)
    assert (float(mean), float(variance)) == (3.0, 4.0), "other draws of the first batch, not these"
    mean, variance = moving.before(torch.tensor([7.0]).double(), lambda: first)
    assert float(mean) == pytest.approx(0.75 * 3 + 0.25 * 100)
    assert float(variance) == pytest.approx(0.75 * 4 + 0.25 * 97**2)


def test_a_reward_that_is_not_finite_leaves_no_trace_and_a_resumed_past_goes_on() -> None:
    moving, other = Moving(0.5), Moving(0.5)
    for bad in (torch.nan, torch.inf, -torch.inf):
        moving.before(torch.tensor([1.0, bad]), lambda: torch.tensor([torch.nan]))
    assert bool(moving.mean.isnan())
    moving.before(torch.tensor([4.0]), lambda: torch.zeros(1))
    held = {key: value.clone() for key, value in moving.state_dict().items()}
    assert float(held["mean"]) == 4.0
    moving.before(torch.tensor([torch.nan]), lambda: torch.zeros(1))
    assert_close(moving.state_dict(), held, rtol=0, atol=0)
    other.load_state_dict(held)
    assert float(other.before(torch.tensor([9.0]), lambda: torch.zeros(1))[0]) == 4.0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Nvil((4,), decay=1.0),
        lambda: Nvil((4,), hidden=[0]),
        lambda: Rebar(temperature=0.0),
        lambda: Rebar(speed=0.0),
        lambda: Relax((4,), (3,), decay=-0.1),
        lambda: Enumerated(limit=0),
    ],
)
def test_a_gradient_that_cannot_be_is_refused(wrong: Callable[[], Any]) -> None:
    with pytest.raises(LatentiaError):
        wrong()


def test_more_tuples_than_the_limit_are_refused_and_fewer_draws_are_not() -> None:
    scene = Scene(BitOracle(), 2)
    q = scene.oracle.q({"logits": scene.logits})
    Enumerated()(Iwae(), scene.model, q, scene.batch, 4)
    with pytest.raises(LatentiaError, match=r"8\^5 tuples of states, wanted at most 4096; .*leave-one-out"):
        Enumerated()(Iwae(), scene.model, q, scene.batch, 5)
    with pytest.raises(LatentiaError, match=r"8 states an event, wanted at most 7; .*leave-one-out"):
        Enumerated(limit=7)(Elbo(), scene.model, q, scene.batch, 1)


def test_a_control_variate_starts_where_it_was_told_to() -> None:
    for speed in (1.0, 10.0):
        temperature, scale = Rebar(0.3, 0.7, speed).present
        assert (temperature.item(), scale.item()) == (pytest.approx(0.3), pytest.approx(0.7))


@pytest.mark.parametrize("name", ["nvil", "relax"])
def test_a_network_hears_x_and_nothing_that_was_not_observed(name: str) -> None:
    gradient = Nvil((4,), [8]) if name == "nvil" else Relax((4,), (3,), [8])
    for parameter in gradient.parameters():
        nn.init.normal_(parameter)
    x = torch.rand(5, 4)

    def heard(x: Tensor, mask: Tensor | None = None) -> Tensor:
        batch = Batch(x, torch.arange(5), 5, mask=mask)
        if isinstance(gradient, Nvil):
            return gradient.guess(batch)
        return gradient.free_form(torch.full((2, 5, 3), 0.4), batch)

    assert bool((heard(x) != heard(x + 0.1)).all())
    mask = torch.rand(5, 4) < 0.5
    hidden = torch.where(mask, x, torch.nan)
    assert_close(heard(hidden, mask), heard(torch.where(mask, x, 0.0)))
