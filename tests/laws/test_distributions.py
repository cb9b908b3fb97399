"""What holds of every row of the table of distributions. A new row is held to it without another edit here."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution

from helpers.chance import FALSE_ALARM, assert_mean_is
from helpers.measure import Measure, observed
from helpers.quadrature import support_of
from helpers.scipy_twins import TWINS
from latentia.distributions import DISTRIBUTIONS, Delta, Entry

# Moments of draws are no test where the fourth moment is infinite, or so large that no affordable number of draws shows it.
HEAVY_TAILS = {"cauchy", "student-t", "pareto", "fisher-snedecor", "elliptical-student-t", "log-normal"}
# A point has no density, and what it puts on its place is no probability.
NO_DENSITY = {"delta"}

every_distribution = pytest.mark.parametrize("name", DISTRIBUTIONS)
N = 20_000


def entry(name: str) -> Entry:
    return DISTRIBUTIONS[name]


def wide(name: str, which: str = "typical") -> Distribution:
    return entry(name).example(which, torch.float64)


def is_discrete(d: Distribution) -> bool:
    return support_of(d).is_discrete


def stated(d: Distribution, what: str) -> Tensor | None:
    """A moment that the distribution states, or None."""
    try:
        value = getattr(d, what)
        return d.entropy() if what == "entropy" else value
    except NotImplementedError:
        return None


@every_distribution
def test_shapes_are_sample_then_batch_then_event(name: str) -> None:
    d = wide(name)
    (b,) = d.batch_shape
    assert b in (2, 3)
    z = d.sample((5, 4))
    assert z.shape == (5, 4, b, *d.event_shape)
    assert d.log_prob(z).shape == (5, 4, b)
    assert d.sample().shape == (b, *d.event_shape)
    if d.has_rsample:
        assert d.rsample((5,)).shape == (5, b, *d.event_shape)


@every_distribution
def test_mass_is_one(name: str) -> None:
    d = wide(name)
    whole = Measure(d).expect(d, lambda z: torch.ones_like(z.reshape(*z.shape[: 1 + len(d.batch_shape)], -1)[..., 0]))
    want = d.log_density.exp() if isinstance(d, Delta) else torch.ones_like(whole)
    torch.testing.assert_close(whole, want, rtol=0, atol=2e-6)


@every_distribution
def test_stated_moments_mode_and_entropy_are_those_of_the_density(name: str) -> None:
    d = wide(name)
    measure = Measure(d)
    mean, variance, mode, entropy = (stated(d, what) for what in ("mean", "variance", "mode", "entropy"))
    for what, given, truth in (
        ("mean", mean, lambda z: z),
        ("variance", variance, lambda z: (z - mean).square()),
        ("entropy", entropy, lambda z: -d.log_prob(z)),
    ):
        if given is None or name in NO_DENSITY:
            continue
        if what != "entropy":
            given = observed(d, given)
        known = given.isfinite()
        if name in HEAVY_TAILS:  # a quadrature reaches for the mean of a Cauchy and finds a number
            known = known & (given.abs() < 1e3)
        found = measure.expect(d, truth)
        found = observed(d, found) if what != "entropy" else found
        torch.testing.assert_close(
            found[known], given[known].double(), rtol=2e-5, atol=2e-6, msg=lambda m, w=what: f"{w}: {m}"
        )
    if mode is not None and name not in NO_DENSITY:
        points, _ = measure.at(d)
        density = d.log_prob(points).nan_to_num(nan=-math.inf)
        highest = torch.where(density.isfinite(), density, -math.inf).max(0).values
        sound = mode.reshape(*d.batch_shape, -1).isfinite().all(-1)
        at_mode = d.log_prob(torch.where(mode.isfinite(), mode, points[len(points) // 2]))
        assert bool((at_mode >= highest - 1e-6)[sound].all()), "the density is higher elsewhere than at the mode"


@every_distribution
def test_draws_have_the_stated_moments(name: str) -> None:
    """False alarm: 1e-6 over the seed, for each row."""
    if name in HEAVY_TAILS:
        pytest.skip("the fourth moment is infinite or out of reach; the draws are held to the cumulated mass below")
    d = wide(name)
    mean, variance = stated(d, "mean"), stated(d, "variance")
    if mean is None:
        measure = Measure(d)
        center = mean = measure.expect(d, lambda z: z)
        variance = measure.expect(d, lambda z: (z - center).square())
    mean = observed(d, mean)
    z = observed(d, d.sample((N,)).double())
    assert_mean_is(z - mean, torch.zeros_like(mean), f"{name}: mean", size=float("inf"))
    if variance is not None:
        assert_mean_is((z - mean).square(), observed(d, variance), f"{name}: variance", resolution=0.1)


def furthest(draws: Tensor, places: Tensor, cumulated: Tensor, mass: Tensor) -> float:
    """Kolmogorov's distance: draws (n,), places (m,) in order, the mass up to and with each place, and its own mass."""
    draws = draws.sort().values.contiguous()
    below = torch.searchsorted(draws, places.contiguous()) / len(draws)
    upto = torch.searchsorted(draws, places.contiguous(), right=True) / len(draws)
    return float(torch.maximum((below - (cumulated - mass)).abs(), (upto - cumulated).abs()).max())


# Dvoretzky, Kiefer & Wolfowitz (1956) with the constant of Massart (1990): chance carries N draws further with probability
# FALSE_ALARM at most. The last digits are for what the quadrature's cells leave out.
def kolmogorov_limit(n_tests: int) -> float:
    return math.sqrt(math.log(2 * n_tests / FALSE_ALARM) / (2 * N)) + 1e-3


@every_distribution
def test_draws_fill_the_cumulated_mass(name: str) -> None:
    """Kolmogorov-Smirnov, each value of the event against sums and quadrature of the density. False alarm: 1e-6."""
    d = wide(name)
    z = observed(d, d.sample((N,)).double()).reshape(N, *d.batch_shape, -1)
    points, weights = Measure(d).at(d)
    mass = (d.log_prob(points).exp() * weights).nan_to_num(nan=0.0, posinf=0.0)
    points = observed(d, points.double()).reshape(len(points), *d.batch_shape, -1)
    limit = kolmogorov_limit(z[0].numel())
    for b in range(d.batch_shape[0]):
        for i in range(z.shape[-1]):
            places, order = points[:, b, i].sort()
            share = mass[order, b] / mass[:, b].sum()
            if is_discrete(d) or name in NO_DENSITY:
                # States of a vector share the values of one entry.
                places, which = places.unique(return_inverse=True)
                share = torch.zeros_like(places).index_add(0, which, share.to(places))
                distance = furthest(z[:, b, i], places, share.cumsum(0), share)
            else:
                middle = share.cumsum(0) - share / 2
                distance = furthest(z[:, b, i], places, middle, torch.zeros_like(share))
            assert distance < limit, f"{name}, row {b}, value {i}: {distance:.4f} from its mass, {limit:.4f} is chance"


@every_distribution
def test_cdf_is_the_cumulated_mass_and_icdf_its_inverse(name: str) -> None:
    """Kolmogorov-Smirnov of draws under the stated cdf, too. False alarm: 1e-6."""
    d = wide(name)
    z = d.sample((N,))
    try:
        heights = d.cdf(z).double()
    except NotImplementedError:
        pytest.skip("states no cdf; the draws are held to the cumulated density above")
    if is_discrete(d) or name in NO_DENSITY:
        pytest.skip("a step; held to the masses above")
    heights = heights.reshape(N, -1)
    for b in range(heights.shape[-1]):
        places = heights[:, b].sort().values
        distance = furthest(heights[:, b], places, places, torch.zeros_like(places))
        assert distance < kolmogorov_limit(heights.shape[-1])
    if d.event_shape:
        return
    inner = z[:200].requires_grad_()
    slope = torch.autograd.grad(d.cdf(inner).sum(), inner, allow_unused=True)[0]
    if slope is not None:
        torch.testing.assert_close(slope.log(), d.log_prob(inner.detach()), rtol=1e-6, atol=1e-6)
    try:
        back = d.icdf(d.cdf(inner.detach()))
    except NotImplementedError:
        return
    torch.testing.assert_close(back, inner.detach(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", TWINS)
def test_scipy_says_the_same(name: str) -> None:
    """Density, and Kolmogorov-Smirnov of the draws against SciPy's cdf. False alarm: 1e-6."""
    d, parameters = wide(name), entry(name).parameters(dtype=torch.float64)
    z = d.sample((N,)).double()
    for b in range(d.batch_shape[0]):
        twin = TWINS[name](**{k: float(v[b]) if isinstance(v, Tensor) else v for k, v in parameters.items()})
        log_density, density = (twin.logpmf, twin.pmf) if is_discrete(d) else (twin.logpdf, twin.pdf)
        value = z[:, b].contiguous()
        torch.testing.assert_close(d.log_prob(z)[:, b], torch.from_numpy(log_density(value.numpy())), rtol=1e-8, atol=1e-8)
        places = value.unique()
        cumulated = torch.from_numpy(twin.cdf(places.numpy()))
        own = torch.from_numpy(density(places.numpy())) if is_discrete(d) else torch.zeros_like(cumulated)
        assert furthest(value, places, cumulated, own) < kolmogorov_limit(d.batch_shape[0])
