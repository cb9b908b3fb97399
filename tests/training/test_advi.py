"""What ADVI makes of targets whose answer is known: normals, a funnel, two modes, and reference draws where they are."""

import math
import os
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Beta, Gamma, MultivariateNormal, Normal, StudentT, constraints
from torch.testing import assert_close

from latentia.core.errors import LatentiaError, NonFinite, NoReparameterization
from latentia.data import sources
from latentia.families import Bernoulli, DiagonalNormal, Family, Flow, FullRankNormal, LowRankNormal, NormalMixture
from latentia.families.base import SMALLEST_SCALE
from latentia.models import LogJoint
from latentia.posteriors import Shared
from latentia.training import advi
from latentia.training.laplace import find_mode

F64 = torch.float64
LOG_Z = 2.5
MEAN = torch.tensor([1.0, -50.0, 3.0], dtype=F64)
# Scales from 0.1 to 40, correlations up to 0.8.
FACTOR = torch.tensor([[0.1, 0.0, 0.0], [3.0, 4.0, 0.0], [-10.0, 20.0, 30.0]], dtype=F64)
COVARIANCE = FACTOR @ FACTOR.mT
REFERENCE = "reference_posteriors.py"
FEWER: dict[str, Any] = {"starts": 2, "steps": 150, "rounds": 2}


def normal_joint() -> LogJoint:
    p = MultivariateNormal(MEAN, scale_tril=FACTOR)
    return LogJoint(lambda z: p.log_prob(z) + LOG_Z, z=(constraints.real, 3))


def moments(posterior: Shared) -> tuple[Tensor, Tensor]:
    q = posterior.infer()
    assert isinstance(q, MultivariateNormal)
    return q.mean, q.covariance_matrix


def test_a_full_covariance_finds_a_normal_exactly() -> None:
    found = advi(normal_joint(), FullRankNormal, steps=100, dtype=F64)
    mean, covariance = moments(found.posterior)
    sd = COVARIANCE.diagonal().sqrt()
    assert_close(mean / sd, MEAN / sd, rtol=0, atol=1e-5)
    # At raw zeros a scale is 1 + SMALLEST_SCALE, and no bound pays for moving it.
    correlated = COVARIANCE / sd / sd.unsqueeze(-1)
    assert_close(covariance / sd / sd.unsqueeze(-1), correlated, rtol=0, atol=2.1 * SMALLEST_SCALE)
    assert abs(found.elbo.value - LOG_Z) < 1e-3
    assert found.elbo.error < 1e-3
    assert found.gap < 1e-3
    assert found.usable
    assert found.verdict.startswith("good")


def test_it_climbs_there_from_a_unit_normal_too() -> None:
    p = MultivariateNormal(torch.tensor([1.0, -2.0], dtype=F64), torch.tensor([[0.5, 0.6], [0.6, 2.0]], dtype=F64))
    joint = LogJoint(lambda z: p.log_prob(z), z=(constraints.real, 2))
    found = advi(joint, FullRankNormal, starts=1, whiten=False, dtype=F64)
    mean, covariance = moments(found.posterior)
    assert_close(mean, p.mean, rtol=0, atol=0.02)
    assert_close(covariance, p.covariance_matrix, rtol=0.02, atol=0.02)
    assert abs(found.elbo.value) < 1e-3


def test_a_product_of_normals_finds_the_best_product_and_says_that_it_is_too_narrow() -> None:
    """The best product has the mean, and as variances the inverse of the precision's diagonal (Bishop 2006, sec. 10.1.2)."""
    found = advi(normal_joint(), DiagonalNormal, steps=100, dtype=F64)
    precision = torch.linalg.inv(COVARIANCE)
    mean, covariance = moments(found.posterior)
    sd = COVARIANCE.diagonal().sqrt()
    assert_close(mean / sd, MEAN / sd, rtol=0, atol=0.02)
    assert_close(covariance, torch.diag(1 / precision.diagonal()), rtol=0.02, atol=1e-9)
    best = LOG_Z - 0.5 * (precision.diagonal().log().sum() - torch.logdet(precision))
    assert abs(found.elbo.value - float(best)) < 4.5 * found.elbo.error + 0.01
    assert not found.usable


def family_cases() -> list[Any]:
    made: list[Family] = [LowRankNormal(3, rank=2), NormalMixture(3, 3), Flow(3, layers=2, hidden=16)]
    return [pytest.param(family, id=type(family).__name__) for family in made]


@pytest.mark.parametrize("family", family_cases())
def test_a_family_that_holds_the_normal_reaches_its_evidence(family: Family) -> None:
    found = advi(normal_joint(), family, starts=1, steps=150, dtype=F64)
    assert found.elbo.value > LOG_Z - 0.02
    assert found.elbo.value < LOG_Z + 4.5 * found.elbo.error + 1e-6
    draws = found.draws(20_000)["z"]
    sd = COVARIANCE.diagonal().sqrt()
    # The 0.02 nats allow 0.2 standard deviations; standard errors are below a hundredth.
    assert_close(draws.mean(0) / sd, MEAN / sd, rtol=0, atol=0.2)
    assert_close(draws.std(0) / sd, torch.ones(3, dtype=F64), rtol=0, atol=0.2)


def test_constrained_moments_are_those_of_the_conjugate_posterior() -> None:
    """A Gamma and a Beta posterior, exact in closed form; the bound is below the evidence."""
    counts = torch.tensor([3.0, 5.0, 2.0, 6.0], dtype=F64)

    def log_density(rate: Tensor, share: Tensor) -> Tensor:
        poisson = counts * rate.log() - rate - torch.lgamma(counts + 1)
        return Gamma(2.0, 1.0).log_prob(rate) + poisson.sum() + Beta(7.0, 4.0).log_prob(share)

    joint = LogJoint(log_density, rate=constraints.positive, share=constraints.unit_interval)
    found = advi(joint, Flow(2, layers=2, hidden=32), dtype=F64, starts=1, steps=200)
    rate, share = Gamma(2.0 + counts.sum(), 5.0), Beta(7.0, 4.0)
    log_evidence = math.lgamma(18) - 18 * math.log(5.0) - float(torch.lgamma(counts + 1).sum())
    assert abs(float(found.mean["rate"] - rate.mean) / float(rate.stddev)) < 0.1
    assert abs(float(found.mean["share"] - share.mean) / float(share.stddev)) < 0.1
    assert abs(float(found.sd["rate"] / rate.stddev) - 1) < 0.1
    assert found.elbo.value < log_evidence + 4.5 * found.elbo.error
    assert log_evidence - found.elbo.value < 0.05
    better = found.draws(4000, resampled=True)
    assert better["rate"].shape == (4000,)
    assert abs(float(better["rate"].mean() - rate.mean) / float(rate.stddev)) < 0.1


def test_batches_find_what_all_rows_find() -> None:
    """y ~ N(w, 1), w ~ N(0, 1): the posterior is N(sum y / (n + 1), 1 / (n + 1))."""
    y = 2 + torch.randn(200, dtype=F64)
    joint = LogJoint.of_rows(
        lambda w: Normal(0.0, 1.0).log_prob(w), lambda y, w: Normal(w, 1.0).log_prob(y), y, w=constraints.real
    )
    truth, sd = float(y.sum() / 201), 201**-0.5
    for batch_size in (None, 50):
        found = advi(joint, FullRankNormal, batch_size=batch_size, starts=1, steps=150)
        assert found.posterior.raw.dtype == F64, "the data's float type"
        assert abs(float(found.mean["w"]) - truth) / sd < 0.1
        assert abs(float(found.sd["w"]) / sd - 1) < 0.1


def test_the_mode_and_its_curvature_are_those_of_a_normal() -> None:
    mode = find_mode(normal_joint(), torch.zeros(3, dtype=F64), steps=1000)
    assert mode is not None
    sd = COVARIANCE.diagonal().sqrt()
    assert_close(mode.z / sd, MEAN / sd, rtol=0, atol=0.01)
    assert_close(mode.precision, torch.linalg.inv(COVARIANCE), rtol=1e-6, atol=1e-9)
    assert_close(mode.scale_tril(diagonal=False), FACTOR, rtol=1e-6, atol=1e-6)
    assert_close(mode.scale_tril(diagonal=True).diagonal(), torch.linalg.inv(COVARIANCE).diagonal().rsqrt())


def regression(dtype: torch.dtype) -> LogJoint:
    """One mode: y ~ N(x w, s), 300 rows; its start at zero meets two float32 values that are equal to the last digit."""
    rows = torch.Generator().manual_seed(0)
    x = torch.randn(300, 2, generator=rows)
    y = x @ torch.tensor([1.0, -2.0]) + 0.5 * torch.randn(300, generator=rows)
    return LogJoint.of_rows(
        lambda w, s: Normal(0.0, 3.0).log_prob(w).sum() + Normal(0.0, 1.0).log_prob(s.log()),
        lambda x, y, w, s: Normal(x @ w, s).log_prob(y),
        (x.to(dtype), y.to(dtype)),
        w=(constraints.real, 2),
        s=constraints.positive,
    )


def test_a_search_in_single_precision_ends_where_one_in_double_does() -> None:
    truth = find_mode(regression(F64), torch.zeros(3, dtype=F64), steps=1000)
    assert truth is not None
    for scale in range(3):
        start = 0.3 * scale * torch.tensor([1.0, -1.0, 1.0])
        mode = find_mode(regression(torch.float32), start)
        assert mode is not None
        assert truth.near(mode._replace(z=mode.z.double())), scale
        assert_close(mode.precision.double(), truth.precision, rtol=1e-2, atol=2.0)
    found = advi(regression(torch.float32), starts=3, steps=5, rounds=1)
    assert found.modes == 1
    assert "modes" not in found.verdict


def test_a_curvature_that_is_not_a_number_is_found_by_differences() -> None:
    """Torch's second derivative of logaddexp is NaN where one of its terms is far below the other."""

    def log_density(v: Tensor) -> Tensor:
        return torch.logaddexp(Normal(-8.0, 0.5).log_prob(v), Normal(8.0, 0.5).log_prob(v) - 3)

    for dtype in (torch.float32, F64):
        joint = LogJoint(log_density, v=constraints.real)
        for start, end in ((1.0, 8.0), (-1.0, -8.0)):
            mode = find_mode(joint, torch.tensor([start], dtype=dtype))
            assert mode is not None
            assert_close(mode.z, torch.tensor([end], dtype=dtype), rtol=0, atol=0.02)
            assert_close(mode.precision, torch.tensor([[4.0]], dtype=dtype), rtol=1e-2, atol=0)


def test_starts_that_end_at_one_posterior_are_one_place() -> None:
    """Without a look for modes each start is fitted by itself."""
    p = MultivariateNormal(torch.tensor([0.5, -0.5], dtype=F64), torch.tensor([[0.5, 0.3], [0.3, 1.0]], dtype=F64))
    joint = LogJoint(lambda z: p.log_prob(z), z=(constraints.real, 2))
    found = advi(joint, starts=2, steps=100, rounds=1, lr=0.1, whiten=False, dtype=F64)
    assert len(set(found.starts)) == 2
    assert found.modes == 1


def test_two_modes_are_two_places_and_the_starts_disagree() -> None:
    def log_density(v: Tensor) -> Tensor:
        return torch.logaddexp(math.log(0.9) + Normal(8.0, 0.5).log_prob(v), math.log(0.1) + Normal(-8.0, 0.5).log_prob(v))

    found = advi(LogJoint(log_density, v=constraints.real), FullRankNormal, starts=6, steps=50, dtype=F64)
    assert found.modes == 2
    assert abs(found.disagreement - math.log(9)) < 0.01
    assert "several modes" in found.verdict
    assert float(found.mean["v"]) > 7, "the heavier one is kept"


def test_a_density_without_a_mode_is_fitted_from_the_unit_normal() -> None:
    """log v ~ N(0, 3), x | v ~ N(0, v): the density grows without end down the neck of the funnel (Neal 2003)."""

    def log_density(log_v: Tensor, x: Tensor) -> Tensor:
        return Normal(0.0, 3.0).log_prob(log_v) + Normal(0.0, log_v.exp()).log_prob(x).sum()

    found = advi(
        LogJoint(log_density, log_v=constraints.real, x=(constraints.real, 5)),
        FullRankNormal,
        dtype=F64,
        starts=2,
        steps=50,
        rounds=2,
    )
    assert math.isfinite(found.elbo.value)
    assert found.elbo.value < 0, "the evidence is 1"
    assert not found.usable


@pytest.mark.parametrize("beyond", [math.nan, math.inf, -math.inf])
def test_a_density_that_is_not_finite_where_q_draws_is_not_to_be_trusted(beyond: float) -> None:
    """Not random: with this seed the 500 judging draws stay below 3.2, and the 4,000 of the verdict do not."""

    def log_density(x: Tensor) -> Tensor:
        return torch.where(x < 3.2, Normal(0.0, 1.0).log_prob(x), torch.tensor(beyond))

    found = advi(LogJoint(log_density, x=constraints.real), starts=1, steps=5, rounds=1, seed=1)
    assert not math.isfinite(found.gap)
    assert math.isnan(found.k_hat)
    assert not found.usable
    assert 0 < found.lost < 40
    assert found.verdict.startswith(f"do not trust: the density is not finite in {found.lost} of 4000 draws")
    with pytest.raises(NonFinite, match=r"not finite in \d+ of 4000 draws") as caught:
        found.draws(10, resampled=True)
    assert "\n" not in str(caught.value)
    assert found.draws(10)["x"].shape == (10,)


def test_rounds_that_were_undone_are_no_plateau() -> None:
    joint = LogJoint(lambda x: StudentT(3.0).log_prob(x - 3).sum(), x=(constraints.real, 3))
    for lr, how in ((50.0, r"led down by \S+ nats"), (1e30, "left the finite numbers")):
        found = advi(joint, starts=1, steps=20, rounds=3, lr=lr)
        assert found.kept == 0
        assert found.gain < -found.tolerance
        assert not found.converged
        assert re.search(f"the last round {how} and was undone, try a smaller lr", found.verdict), found.verdict
        assert "inf " not in found.verdict
    # A round that ends where it began, to the tolerance, is a plateau all the same.
    found = advi(normal_joint(), starts=1, steps=50, rounds=3, dtype=F64)
    assert found.converged
    assert abs(found.gain) < found.tolerance
    assert "undone" not in found.verdict


def test_a_seed_is_a_result_and_the_callers_random_state_stays() -> None:
    state = torch.get_rng_state()
    one, two = (advi(normal_joint(), FullRankNormal, starts=2, steps=20, rounds=1, seed=3) for _ in range(2))
    assert torch.equal(one.posterior.raw, two.posterior.raw)
    assert torch.equal(one.draws(5)["z"], two.draws(5)["z"])
    assert torch.equal(state, torch.get_rng_state())
    text = str(one)
    assert "z[2]" in text
    assert one.verdict in text


def test_what_cannot_be_fitted_is_refused_in_one_line() -> None:
    nowhere = LogJoint(lambda v: v * torch.nan, v=constraints.real)
    cases: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
        (nowhere, {}, NonFinite, "none of 4 starts"),
        (normal_joint(), {"starts": 0}, LatentiaError, "starts is 0"),
        (normal_joint(), {"steps": 1.5}, LatentiaError, "steps is 1.5, wanted a whole number"),
        (normal_joint(), {"lr": -1.0}, LatentiaError, "lr is -1"),
        (normal_joint(), {"lr": 0.0}, LatentiaError, "lr is 0"),
        (normal_joint(), {"lr": math.nan}, LatentiaError, "lr is nan"),
        (normal_joint(), {"tolerance": -1.0}, LatentiaError, "tolerance is -1"),
        (normal_joint(), {"family": "full-rank"}, LatentiaError, "'full-rank', wanted a family"),
        (normal_joint(), {"batch_size": 0}, LatentiaError, "batch_size is 0"),
        (normal_joint(), {"batch_size": 5}, LatentiaError, "of_rows"),
        (normal_joint(), {"family": Bernoulli}, NoReparameterization, "continuous"),
    ]
    for joint, options, kind, words in cases:
        with pytest.raises(kind, match=words) as caught:
            advi(joint, **options)
        assert "\n" not in str(caught.value)
    found = advi(normal_joint(), starts=1, steps=1, rounds=1)
    for n in (0, -1):
        with pytest.raises(LatentiaError, match=f"n is {n}"):
            found.draws(n)


def reference(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    root = Path(__file__).parents[2]
    folder = Path(os.environ.get(sources.VARIABLE) or root.parent / "shared" / "data")
    if not (folder / "posteriordb" / f"{name}.draws.npz").is_file():
        pytest.skip(f"the reference draws of {name} are neither under {sources.VARIABLE} nor in ../shared/data")
    monkeypatch.setenv(sources.VARIABLE, str(folder))
    return runpy.run_path(str(root / "examples" / REFERENCE))


@pytest.mark.parametrize("name", ["kidscore_momhsiq", "logearn_height", "arK"])
def test_a_full_covariance_meets_the_reference_draws(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, ways = reference(name, monkeypatch)["fit"](name, "full-rank-normal", **FEWER)
    error, low, high = ways[False]
    assert error < 0.1
    assert low > 0.9
    assert high < 1.1


def test_a_product_is_too_narrow_for_a_regression_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    found, ways = reference("kidscore_momhsiq", monkeypatch)["fit"]("kidscore_momhsiq", "diagonal-normal", **FEWER)
    assert ways[False][1] < 0.3
    assert not found.usable


def test_eight_schools_is_flagged(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "eight_schools_noncentered"
    found, ways = reference(name, monkeypatch)["fit"](name, "diagonal-normal", **FEWER)
    assert ways[False][0] > 0.1, "the mean of tau is off"
    assert not found.usable
    assert ways[True][0] < 0.1, "resampled draws mend it"
