"""The normal mixture: its density against SciPy's, and the gradients of its draws against every other way to have them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.distributions import Independent, Normal

from helpers.chance import FALSE_ALARM, assert_mean_is
from latentia.core.errors import ShapeError, SupportError
from latentia.distributions.multivariate import NormalMixture
from latentia.distributions.multivariate.normal_mixture import _Transport
from latentia.families import NormalMixture as MixtureFamily

Numbers = dict[str, Tensor]
NAMES = ("logits", "loc", "scale")
PROBES: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": lambda z: torch.tanh(z.sum(-1)),
    "bell": lambda z: 1 / (1 + z.square().sum(-1)),
    "wave": lambda z: torch.cos(1.5 * z[..., 0] - z[..., -1] + 0.3),
}


def wide(numbers: list[Any]) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def some(dim: int) -> Numbers:
    """Three components in one dimension or two."""
    loc = wide([[-1.2, 0.4], [0.3, -0.6], [1.4, 0.9]])[:, :dim]
    scale = wide([[0.6, 0.8], [1.0, 0.5], [0.5, 0.7]])[:, :dim]
    return {"logits": wide([0.4, -0.3, 0.1]), "loc": loc, "scale": scale}


def mixture(p: Numbers) -> NormalMixture:
    return NormalMixture(p["logits"], p["loc"], p["scale"])


def random_numbers(k: int, dim: int, *batch: int) -> Numbers:
    return {
        "logits": torch.randn(*batch, k).double(),
        "loc": torch.randn(*batch, k, dim).double(),
        "scale": 0.3 + torch.rand(*batch, k, dim).double(),
    }


def test_density_is_the_weighted_sum_of_scipy_s() -> None:
    p = random_numbers(4, 3, 2)
    q, z = mixture(p), 2 * torch.randn(5, 2, 3).double()
    weights = torch.softmax(p["logits"], -1).numpy()
    for b in range(2):
        components: list[Any] = [stats.norm(p["loc"][b, k].numpy(), p["scale"][b, k].numpy()) for k in range(4)]
        each = [component.pdf(z[:, b].numpy()).prod(-1) for component in components]
        want = np.log((weights[b] * np.stack(each, -1)).sum(-1))
        torch.testing.assert_close(q.log_prob(z)[:, b], torch.from_numpy(want))
    torch.testing.assert_close(q.component_probs, torch.from_numpy(weights))


def test_the_density_s_gradients_are_its_differences() -> None:
    z = torch.randn(4, 2, 2).double()
    leaves = tuple(value.requires_grad_() for value in random_numbers(3, 2, 2).values())
    assert torch.autograd.gradcheck(lambda *numbers: NormalMixture(*numbers).log_prob(z), leaves)


def test_moments_are_those_of_draws() -> None:
    """False alarm: 1e-6 over the seed."""
    q = mixture(random_numbers(4, 3, 2))
    z = q.sample((40_000,))
    assert_mean_is(z, q.mean, "mean")
    assert_mean_is((z - q.mean).square(), q.variance, "variance")


def test_in_one_dimension_draws_fill_the_cdf() -> None:
    """Kolmogorov-Smirnov. False alarm: 1e-6 over the seed, by Massart's bound."""
    n = 20_000
    p = some(1)
    q = mixture(p)
    z = q.sample((n,))
    weights = torch.softmax(p["logits"], -1).numpy()
    want = (weights * stats.norm(p["loc"][:, 0], p["scale"][:, 0]).cdf(z.numpy())).sum(-1)
    torch.testing.assert_close(q.cdf(z), torch.from_numpy(want))
    heights, steps = np.sort(want), np.arange(n + 1) / n
    furthest = max((steps[1:] - heights).max(), (heights - steps[:-1]).max())
    assert furthest < math.sqrt(math.log(2 / FALSE_ALARM) / (2 * n))
    z.requires_grad_()
    torch.testing.assert_close(torch.autograd.grad(q.cdf(z).sum(), z)[0].squeeze(-1).log(), q.log_prob(z))
    with pytest.raises(NotImplementedError):
        mixture(some(2)).cdf(torch.zeros(2))


def test_components_are_drawn_by_weights_however_small_or_large() -> None:
    """False alarm: 1e-6 over the seed for the frequencies."""
    logits = torch.tensor([0.0, -1e4, math.log(3.0), 1e4])
    loc = torch.arange(4.0).unsqueeze(-1)
    q = NormalMixture(logits[:3], loc[:3], torch.full((3, 1), 1e-3))
    drawn = q.sample((20_000,)).round().squeeze(-1)
    assert_mean_is((drawn.unsqueeze(-1) == torch.arange(3)).double(), wide([0.25, 0.0, 0.75]), "frequencies")
    heavy = NormalMixture(logits, loc, torch.full((4, 1), 1e-3))
    assert bool((heavy.sample((100,)).round() == 3).all())


def naive_uniforms(z: Tensor, logits: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    """S_d = F(z_d | z_1 .. z_d-1), by Bayes' rule as it stands: (D) -> (D)."""
    weights, found = torch.softmax(logits, -1), []
    for d in range(z.shape[-1]):
        component = Normal(loc[:, d], scale[:, d])
        found.append((weights * component.cdf(z[d])).sum() / weights.sum())
        weights = weights * component.log_prob(z[d]).exp()
    return torch.stack(found)


@pytest.mark.parametrize(("k", "dim"), [(3, 1), (2, 2), (4, 3), (5, 6)])
def test_each_draw_moves_as_the_implicit_rule_says(k: int, dim: int) -> None:
    """Against the rule with both of its Jacobians by autograd, draw by draw."""
    p = random_numbers(k, dim)
    leaves = tuple(p[name].requires_grad_() for name in NAMES)
    for z in NormalMixture(leaves[0], leaves[1], leaves[2]).rsample((8,)):
        by_z = torch.autograd.functional.jacobian(lambda at: naive_uniforms(at, *leaves), z.detach())
        by_parameters = torch.autograd.functional.jacobian(lambda *at, z=z: naive_uniforms(z.detach(), *at), leaves)
        for d in range(dim):
            found = torch.autograd.grad(z[d], leaves, retain_graph=True)
            for slope, jacobian in zip(found, by_parameters, strict=True):
                want = -torch.linalg.solve(by_z, jacobian.flatten(1))[d].reshape(slope.shape)
                torch.testing.assert_close(slope, want, rtol=1e-7, atol=1e-9)


def test_in_one_dimension_each_draw_moves_as_graves_says() -> None:
    """dz/dpi_k = -(Phi_k - Phi_K) / p with the last weight left over, Graves (2016), equation 6 in one dimension."""
    p = some(1)
    weights = torch.softmax(p["logits"], -1)[:2].requires_grad_()
    logits = torch.cat([weights, 1 - weights.sum(-1, keepdim=True)]).log()
    q = NormalMixture(logits, p["loc"], p["scale"])
    z = q.rsample((50,))
    heights = Normal(p["loc"][:, 0], p["scale"][:, 0]).cdf(z.detach())
    want = -(heights[:, :2] - heights[:, 2:]) / q.log_prob(z.detach()).exp().unsqueeze(-1)
    found = torch.stack([torch.autograd.grad(each, weights, retain_graph=True)[0] for each in z.squeeze(-1)])
    torch.testing.assert_close(found, want.detach())


def grid(dim: int) -> tuple[Tensor, float]:
    line = torch.linspace(-9, 9, 1_001 if dim == 1 else 151, dtype=torch.float64)
    return torch.cartesian_prod(*[line] * dim).reshape(-1, dim), float(line[1] - line[0]) ** dim


def truth_by_differences(p: Numbers, dim: int, f: Callable[[Tensor], Tensor], step: float = 1e-4) -> Numbers:
    z, cell = grid(dim)
    value = f(z)

    def expectation(moved: Numbers) -> float:
        return float((mixture(moved).log_prob(z).exp() * value).sum() * cell)

    slopes = {}
    for name, number in p.items():
        found = []
        for i in range(number.numel()):
            off = torch.zeros(number.numel()).double()
            off[i] = step
            up, down = (expectation({**p, name: number + sign * off.reshape(number.shape)}) for sign in (1, -1))
            found.append((up - down) / (2 * step))
        slopes[name] = wide(found).reshape(number.shape)
    return slopes


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("probe", PROBES)
def test_both_estimators_have_the_gradient_of_the_expectation(dim: int, probe: str) -> None:
    """Every parameter against differences of a quadrature. False alarm: 1e-6 over the seed, for each estimator."""
    n, p, f = 40_000, some(dim), PROBES[probe]
    truth = truth_by_differences(p, dim, f)
    copies = {name: value.expand(n, *value.shape).clone().requires_grad_() for name, value in p.items()}
    q = mixture(copies)
    z, log_weights = q.stratified()
    estimates = {"implicit": f(q.rsample()), "stratified": (log_weights.exp() * f(z)).sum(0)}
    for what, value in estimates.items():
        found = torch.autograd.grad(value.sum(), list(copies.values()))
        for name, slopes in zip(NAMES, found, strict=True):
            assert_mean_is(slopes, truth[name], f"{what}, {probe}, {name}", resolution=0.1, false_alarm=FALSE_ALARM / 3)


def test_stratified_draws_have_an_axis_of_components_after_that_of_draws() -> None:
    q = mixture(random_numbers(4, 3, 2))
    z, log_weights = q.stratified((5,))
    assert z.shape == (5, 4, 2, 3)
    assert log_weights.shape == (4, 2)
    torch.testing.assert_close(log_weights.logsumexp(0), torch.zeros(2).double())
    assert q.log_prob(z).shape == (5, 4, 2)
    torch.testing.assert_close(log_weights.exp().movedim(0, -1), q.component_probs)
    tight = NormalMixture(q.logits, q.loc, 1e-9 * q.scale)
    torch.testing.assert_close(tight.stratified()[0], q.loc.movedim(-2, 0), rtol=0, atol=1e-6)


def test_one_component_is_the_plain_normal() -> None:
    loc, scale = torch.randn(2, 1, 3, requires_grad=True), torch.rand(2, 1, 3, requires_grad=True)
    q, plain = NormalMixture(torch.zeros(2, 1), loc, scale), Independent(Normal(loc[:, 0], scale[:, 0]), 1)
    state = torch.get_rng_state()
    z = q.rsample((5,))
    torch.set_rng_state(state)
    want = plain.rsample((5,))
    assert torch.equal(z, want)
    slope = torch.randn_like(z)
    found, right = (torch.autograd.grad((slope * draws).sum(), (loc, scale)) for draws in (z, want))
    assert all(torch.equal(a, b) for a, b in zip(found, right, strict=True))
    torch.testing.assert_close(q.log_prob(z), plain.log_prob(z))


def test_equal_components_share_the_plain_normal_s_gradient() -> None:
    loc, scale = torch.randn(1, 3).double().requires_grad_(), torch.rand(1, 3).double().requires_grad_()
    logits = wide([0.3, -1.0, 2.0, 0.0]).requires_grad_()
    z = NormalMixture(logits, loc.expand(4, 3), scale.expand(4, 3)).rsample((6,))
    slope = torch.randn_like(z)
    for_logits, for_loc, for_scale = torch.autograd.grad((slope * z).sum(), (logits, loc, scale))
    torch.testing.assert_close(for_logits, torch.zeros(4).double())
    torch.testing.assert_close(for_loc, slope.sum(0, keepdim=True))
    torch.testing.assert_close(for_scale, (slope * (z.detach() - loc) / scale).sum(0, keepdim=True))


@pytest.mark.parametrize("far", [-25.0, -8.0, 0.0, 8.0, 25.0])
def test_float32_gradients_keep_their_digits_far_out_in_either_tail(far: float) -> None:
    p = some(2)
    z = wide([[far, 0.4], [0.2, far], [far, far]])
    slopes = []
    for dtype in (torch.float32, torch.float64):
        leaves = tuple(p[name].to(dtype).requires_grad_() for name in NAMES)
        moved = _Transport.apply(z.to(dtype), *leaves)
        assert isinstance(moved, Tensor)
        slopes.append(torch.autograd.grad(moved.sum(), leaves))
    # The weights are exponentials of squares as large as this, each rounded.
    rtol = max(2e-5, 3e-6 * far**2)
    for short, long in zip(*slopes, strict=True):
        torch.testing.assert_close(short.double(), long, rtol=rtol, atol=rtol / 10)


def test_far_components_leave_float32_finite() -> None:
    loc = torch.tensor([[-1e4, 1e4], [1e4, 1e4], [0.0, 0.0]])
    for scale in (1e-4, 1.0, 1e4):
        p = {"logits": torch.tensor([0.0, -1e3, 5.0]), "loc": loc, "scale": torch.full((3, 2), scale)}
        leaves = [value.requires_grad_() for value in p.values()]
        q = mixture(p)
        z = q.rsample((2_000,))
        middle: Any = _Transport.apply(torch.full((2,), 50.0), leaves[0], loc / 100, 1 + 0 * leaves[2])
        for value in (z, q.log_prob(z.detach()), q.log_prob(z), middle):
            assert bool(value.isfinite().all())
            assert all(bool(g.isfinite().all()) for g in torch.autograd.grad(value.sum(), leaves, retain_graph=True))


def test_gradients_that_nobody_wants_cost_nothing() -> None:
    p = some(2)
    assert mixture(p).rsample().grad_fn is None
    p["logits"].requires_grad_()
    assert [mixture(p).sample().requires_grad, mixture(p).rsample().requires_grad] == [False, True]


def test_parts_that_do_not_fit_are_refused() -> None:
    logits, loc = torch.zeros(3), torch.zeros(3, 2)
    for wrong in ((logits[:2], loc, loc + 1), (logits, loc, loc[:, :1] + 1), (logits, logits, logits + 1)):
        with pytest.raises(ShapeError, match=r"\(K, D\)"):
            NormalMixture(*wrong)
    with pytest.raises(ShapeError, match="scale is of type float"):
        NormalMixture(logits, loc, 1.0)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ShapeError, match="no component"):
        NormalMixture(logits[:0], loc[:0], loc[:0])
    with pytest.raises(SupportError, match="scale"):
        NormalMixture(logits, loc, loc, validate_args=True)
    with pytest.raises(ShapeError, match="broadcast"):
        NormalMixture(logits.expand(2, 3), loc.expand(5, 3, 2), torch.ones(3, 2))
    assert NormalMixture(logits.expand(2, 3), loc.expand(5, 1, 3, 2), torch.ones(3, 2)).batch_shape == (5, 2)


def test_an_untrained_family_is_about_a_standard_normal_of_parts_that_differ() -> None:
    for dim, k in ((1, 5), (7, 4), (2, 1)):
        family = MixtureFamily(dim, k)
        q = family.distribution(torch.zeros(2, family.raw_per_value, dim))
        torch.testing.assert_close(q.mean, torch.zeros(2, dim))
        torch.testing.assert_close(q.variance, torch.ones(2, dim), rtol=0, atol=1e-3)
        assert bool((torch.pdist(family.places) > 0.2).all())


@pytest.mark.parametrize("apart", [True, False])
def test_components_part_in_training_because_they_start_apart(apart: bool) -> None:
    """Random with a wide margin: none of nine other seeds raised a false alarm; the seed is fixed."""
    family = MixtureFamily(1, 2)
    if not apart:
        family.places.zero_()
    target = NormalMixture(torch.zeros(2), torch.tensor([[-2.0], [2.0]]), torch.full((2, 1), 0.7))
    raw = torch.zeros(family.raw_per_value, 1, requires_grad=True)
    adam = torch.optim.Adam([raw], 0.1)
    for z in (family.distribution(raw).rsample((64,)) for _ in range(100)):
        loss = (family.distribution(raw.detach()).log_prob(z) - target.log_prob(z)).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    z = target.sample((20_000,))
    divergence = float((target.log_prob(z) - family.distribution(raw.detach()).log_prob(z)).mean())
    assert divergence < 0.05 if apart else divergence > 0.2
