"""What holds of every family. A new line in ``FAMILIES`` is held to it without another edit here."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from helpers.chance import assert_mean_is
from helpers.construct import build, cases
from helpers.quadrature import innermost, masses, masses_2d, support_of
from latentia.core.errors import LatentiaError, NoClosedForm, ShapeError
from latentia.distributions import MixedColumns, MultinomialGivenTotal, observed_log_prob
from latentia.families import FAMILIES, Beta, Family, OneHot, Poisson
from latentia.families.base import positive, raw_of_positive
from latentia.families.counts import Counts

D = 2
KNOWN = {"n_latents": D, "x_shape": (D,), "n_classes": 3, "levels": 5, "sizes": [D]}
KNOWN["columns"] = [{"kind": "real"}, {"kind": "binary"}]
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "normal": [{"scale": "per-value"}, {"scale": 0.3}],
    "laplace": [{"scale": "per-value"}, {"scale": 0.3}],
    "categorical": [{"n_classes": 5}],
    "multinomial": [{"total": 4}],
    "discretized-logistic": [{"levels": 2}, {"levels": 17}],
    "columns": [
        {"columns": [{"kind": "hurdle"}], "smallest_scale": 0.2},
        {"columns": [{"kind": "count"}, {"kind": "proportion"}]},
        {"columns": [{"kind": "positive"}, {"kind": "count"}]},
    ],
    "negative-binomial": [{"dispersion": "network"}, {"dispersion": 0.5}],
    "zero-inflated-negative-binomial": [{"dispersion": "network"}],
}
every_family = pytest.mark.parametrize(("name", "options"), cases(FAMILIES, VARIANTS))
K, B = 4, 3


def make(name: str, options: dict[str, Any]) -> Family:
    return build(FAMILIES[name], options, KNOWN).double()


def is_vector(family: Family) -> bool:
    """A family built for so many latents, or that says so, describes a vector; any other splits into values of any shape."""
    return hasattr(family, "n_latents") or family.whole


def is_whole(family: Family) -> bool:
    """A family whose event does not split into single values: a vector's, or one of codes along the last axis."""
    return is_vector(family) or isinstance(family, OneHot)


def events(family: Family) -> list[tuple[int, ...]]:
    if isinstance(family, OneHot):
        return [(3,), (2, 3), (2, 1, 3)]
    return [(D,)] if is_vector(family) else [(1,), (3,), (3, 1, 2)]


def raw_like(family: Family, lead: tuple[int, ...], event: tuple[int, ...], spread: float = 1.0) -> Tensor:
    return spread * torch.randn(*lead, family.raw_per_value, *event, dtype=torch.float64)


def one_value(family: Family) -> Distribution:
    """Rows of a single value, from mild raw numbers and from all ends of the range: batch (30,), event (1,)."""
    mild = 2 * torch.randn(20, family.raw_per_value, 1, dtype=torch.float64)
    if isinstance(family, Counts | Poisson | Beta):  # counts without end, and mass at 0 and 1, are beyond every node
        with torch.no_grad():
            return family.distribution((0.2 if isinstance(family, Beta) else 0.6) * mild)
    ends = 50 * torch.randn(10, family.raw_per_value, 1, dtype=torch.float64).sign()
    with torch.no_grad():
        return family.distribution(torch.cat([mild, ends]))


def first_two_moments(points: Tensor, mass: Tensor) -> Tensor:
    """Points and masses (n, B) -> (B, 2)."""
    return torch.stack([(mass * points).sum(0), (mass * points.square()).sum(0)], -1)


@every_family
def test_log_prob_is_one_number_a_row(name: str, options: dict[str, Any]) -> None:
    family = make(name, options)
    for event in events(family):
        q = family.distribution(raw_like(family, (K, B), event), event_dim=len(event))
        assert q.batch_shape == (K, B)
        assert q.event_shape == event
        assert q.sample((5,)).shape == (5, K, B, *event)
        assert q.log_prob(q.sample()).shape == (K, B)
        assert q.log_prob(q.sample()[0]).shape == (K, B), "rows (B, *event) must meet every draw"
        one = family.distribution(raw_like(family, (), event), event_dim=len(event))
        assert one.log_prob(one.sample()).shape == ()


@every_family
def test_a_vector_family_refuses_images_and_any_other_takes_them(name: str, options: dict[str, Any]) -> None:
    family = make(name, options)
    raw = raw_like(family, (B,), (1, D, D))
    if is_vector(family):
        with pytest.raises(ShapeError, match="vector"):
            family.distribution(raw, event_dim=3)
    else:
        assert family.distribution(raw, event_dim=3).event_shape == (1, D, D)


@every_family
def test_mass_is_one(name: str, options: dict[str, Any]) -> None:
    family = make(name, options)
    if is_whole(family):
        for _ in range(3):
            _, mass = masses_2d(family.distribution(raw_like(family, (), (D,))))
            torch.testing.assert_close(mass.sum(), torch.ones_like(mass.sum()), rtol=0, atol=2e-5)
    else:
        _, mass = masses(one_value(family))
        torch.testing.assert_close(mass.sum(0), torch.ones_like(mass.sum(0)), rtol=0, atol=1e-6)


@every_family
def test_independent_values_add_up(name: str, options: dict[str, Any]) -> None:
    family = make(name, options)
    if is_whole(family):
        pytest.skip("a vector's log density is no sum over its entries; test_mass_is_one checks it in two dimensions")
    raw = raw_like(family, (B,), (3, 1, 2))
    whole = family.distribution(raw, event_dim=3)
    x = whole.sample()
    value_by_value = family.distribution(raw.flatten(2).movedim(-1, 0).unsqueeze(-1))
    each = value_by_value.log_prob(x.flatten(1).movedim(-1, 0).unsqueeze(-1))
    torch.testing.assert_close(whole.log_prob(x), each.sum(0))


@every_family
def test_stated_moments_are_those_of_the_density(name: str, options: dict[str, Any]) -> None:
    family = make(name, options)
    q = family.distribution(raw_like(family, (), (D,))) if is_whole(family) else one_value(family)
    try:
        mean, variance = q.mean, q.variance
    except NotImplementedError:
        pytest.skip("states no moments; its draws are held to its density below")
    if bool(mean.isnan().all()):
        pytest.skip("classes have no mean; their draws are held to their masses below")
    if is_whole(family):
        points, mass = masses_2d(q)
        mass = mass.unsqueeze(-1)
    else:
        points, mass = (each.unsqueeze(-1) for each in masses(q))
    found = torch.stack([(mass * points).sum(0), (mass * (points - mean).square()).sum(0)])
    sizable = variance < 1e9  # a heavier tail has its moments beyond every node
    torch.testing.assert_close(found[0][sizable], mean[sizable], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found[1][sizable], variance[sizable], rtol=1e-3, atol=1e-6)


@every_family
def test_draws_follow_the_density(name: str, options: dict[str, Any]) -> None:
    """False alarm: 1e-6 over the seed, for each family. First and second moments of 20,000 draws against quadrature."""
    family = make(name, options)
    n = 20_000
    if is_whole(family):
        q = family.distribution(raw_like(family, (), (D,)))
        points, mass = masses_2d(q)
        truth = torch.cat(
            [mass @ points, (points.unsqueeze(-1) * points.unsqueeze(-2) * mass[:, None, None]).sum(0).flatten()]
        )
        z = q.sample((n,))
        draws = torch.cat([z, (z.unsqueeze(-1) * z.unsqueeze(-2)).flatten(1)], -1)
    else:
        # Near the middle of what the family can say: an average of very rare events is not normal.
        middle = family.raw_at(torch.full((1,), 0.4).double(), torch.full((1,), 0.3).double())
        q = family.distribution(middle + 0.2 * raw_like(family, (4,), (1,)))
        truth = first_two_moments(*masses(q))
        z = q.sample((n,)).squeeze(-1)
        draws = torch.stack([z, z.square()], -1).to(torch.float64)
    assert_mean_is(draws, truth, "moments")


@every_family
@pytest.mark.parametrize("size", [1.0, 50.0, 1e4])
def test_draws_lie_in_the_support_and_stay_finite_with_their_gradients(
    name: str, options: dict[str, Any], size: float
) -> None:
    family = make(name, options).float()
    for event in events(family):
        signs = raw_like(family, (16, B), event).sign().float()
        raw = (size * signs).requires_grad_()
        q = family.distribution(raw, event_dim=len(event))
        x = q.sample()
        assert bool(torch.isfinite(x).all())
        assert bool(support_of(q).check(x).all())
        log_prob = q.log_prob(x)
        assert bool(torch.isfinite(log_prob).all())
        if q.has_rsample:
            log_prob = log_prob + q.log_prob(q.rsample())
        log_prob.sum().backward()
        for what, value in [("raw", raw), *family.named_parameters()]:
            assert value.grad is not None, what
            assert bool(torch.isfinite(value.grad).all()), what


@every_family
def test_every_raw_number_and_every_parameter_is_read(name: str, options: dict[str, Any]) -> None:
    family = make(name, options)
    for event in events(family):
        raw = raw_like(family, (8,), event).requires_grad_()
        q = family.distribution(raw, event_dim=len(event))
        q.log_prob(q.sample()).sum().backward()
        assert raw.grad is not None
        reach = raw.grad.abs().sum(0).reshape(family.raw_per_value, -1).sum(-1)
        assert bool((reach > 0).all()), f"reach of each of {family.raw_per_value} raw numbers: {reach.tolist()}"
        for parameter, value in family.named_parameters():
            assert value.grad is not None, parameter
            assert bool((value.grad != 0).any()), parameter
        family.zero_grad()


@every_family
def test_discrete_says_whether_log_prob_is_a_mass(name: str, options: dict[str, Any]) -> None:
    family = make(name, options)
    q = family.distribution(raw_like(family, (B,), (D,)))
    assert family.discrete == innermost(support_of(q)).is_discrete


@every_family
def test_raw_at_answers_with_about_the_mean_it_is_given(name: str, options: dict[str, Any]) -> None:
    family = make(name, options)
    event = events(family)[-1]
    for place in (0.15, 0.4, 0.85):
        mean = torch.full(event, place, dtype=torch.float64)
        if isinstance(family, OneHot):  # the mean of codes sums to 1
            mean = mean.div(mean.shape[-1] - 1).index_fill_(-1, torch.tensor(0), 1 - place)
        # Bits that are on so often have this spread; other data may have any.
        raw = family.raw_at(mean, (mean * (1 - mean)).sqrt())
        assert raw.shape == (family.raw_per_value, *event)
        q = family.distribution(raw, event_dim=len(event))
        assert q.batch_shape == ()
        if type(family).raw_at is Family.raw_at:
            assert not bool(raw.any()), "a family that knows no better starts at zero"
        elif isinstance(q, MultinomialGivenTotal):  # given a total of its own
            torch.testing.assert_close(q.probs, mean / mean.sum())
        else:
            torch.testing.assert_close(q.mean, mean, rtol=0, atol=0.1)


@every_family
def test_raw_at_is_finite_where_the_data_never_vary(name: str, options: dict[str, Any]) -> None:
    family = make(name, options)
    event = events(family)[-1]
    for constant in (0.0, 1.0):
        raw = family.raw_at(torch.full(event, constant).double(), torch.zeros(event).double())
        q = family.distribution(raw, event_dim=len(event))
        assert bool(torch.isfinite(q.log_prob(q.sample())))


@every_family
@pytest.mark.parametrize("prefix", [1, 3])
def test_a_masked_value_reaches_neither_log_prob_nor_gradient(name: str, options: dict[str, Any], prefix: int) -> None:
    family = make(name, options)
    event = (D,) if is_vector(family) else (3, 1, 2)
    raw = raw_like(family, (K, B), event).requires_grad_()
    q = family.distribution(raw, event_dim=len(event))
    x = q.sample()[0].to(torch.float64)
    mask = torch.zeros(B, *event[:prefix], dtype=torch.bool)
    mask[0] = True
    mask[1, 0] = True  # row 2 saw nothing
    if isinstance(q, MixedColumns):
        mask[1] = torch.tensor([True] * (D - 1) + [len(q.layout.kinds) == 1])
    elif not isinstance(q, Independent) or isinstance(family, OneHot):
        with pytest.raises(NoClosedForm, match="mask"):
            observed_log_prob(q, x, mask)
        return
    seen = mask.reshape(*mask.shape, *(1,) * (x.ndim - mask.ndim)).expand_as(x)
    value = observed_log_prob(q, torch.where(seen, x, torch.nan), mask)
    value.sum().backward()
    if isinstance(q, MixedColumns):  # a column of one value is a part, one of two is there or not
        parts = seen if len(q.layout.kinds) == D else seen[:, :1]
        each = torch.where(parts, q.column_log_prob(x), 0.0)
    else:
        assert isinstance(q, Independent)
        each = torch.where(seen, q.base_dist.log_prob(x), 0.0)
    torch.testing.assert_close(value, each.flatten(2).sum(-1))
    assert not bool(value[:, 2].any())
    assert raw.grad is not None
    assert bool(torch.isfinite(raw.grad).all())
    hidden = (~seen).unsqueeze(1).expand(B, family.raw_per_value, *event)
    assert not bool(raw.grad[:, hidden].any()), "a masked value pulls at its raw numbers"


@every_family
def test_without_a_mask_all_is_observed(name: str, options: dict[str, Any]) -> None:
    family = make(name, options)
    q = family.distribution(raw_like(family, (K, B), (D,)))
    x = q.sample()[0]
    torch.testing.assert_close(observed_log_prob(q, x, None), q.log_prob(x))
    if isinstance(q, Independent | MixedColumns) and not isinstance(family, OneHot):
        torch.testing.assert_close(observed_log_prob(q, x, torch.ones_like(x, dtype=torch.bool)), q.log_prob(x))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("normal", {"scale": 0.0}),
        ("laplace", {"scale": "wide"}),
        ("categorical", {"n_classes": 1}),
        ("discretized-logistic", {"levels": 1}),
        ("multinomial", {"total": 0}),
        ("flow", {"n_latents": 1}),
        ("columns", {"columns": []}),
        ("columns", {"columns": [{"width": 2}]}),
        ("columns", {"columns": [{"kind": "real", "width": 2}]}),
        ("columns", {"columns": [{"kind": "reel"}]}),
        ("columns", {"columns": [{"kind": "real"}], "smallest_scale": 0.0}),
        ("negative-binomial", {"dispersion": 0.0}),
        ("negative-binomial", {"dispersion": "wide"}),
    ],
)
def test_a_family_that_cannot_be_is_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(LatentiaError):
        build(FAMILIES[name], options, KNOWN)


def test_raw_of_positive_undoes_positive() -> None:
    scale = torch.tensor([2e-3, 0.1, 1.0, 7.0, 1e3], dtype=torch.float64)
    torch.testing.assert_close(positive(raw_of_positive(scale)), scale)


@every_family
def test_the_mean_and_the_spread_are_those_of_the_distribution(name: str, options: dict[str, Any]) -> None:
    family = make(name, options)
    for event in events(family):
        raw = raw_like(family, (K, B), event)
        q = family.distribution(raw, len(event))
        try:
            want = q.mean, q.variance.sqrt()
        except NotImplementedError:
            with pytest.raises(NotImplementedError):
                family.mean_and_sd(raw, len(event))
            continue
        for got, wanted in zip(family.mean_and_sd(raw, len(event)), want, strict=True):
            torch.testing.assert_close(got, wanted, equal_nan=True)


@pytest.mark.parametrize("name", ["bernoulli", "one-hot", "one-hot-blocks"])
def test_the_spread_of_what_is_nearly_certain_keeps_its_digits(name: str) -> None:
    # Chances of e^-20, in float32, where 1 - p is 0: the root of p (1 - p) is e^-10.
    raw = torch.tensor([[20.0, 0.0]]) if name != "bernoulli" else torch.tensor([[20.0, -20.0]])
    _, sd = build(FAMILIES[name], {}, KNOWN).mean_and_sd(raw)
    torch.testing.assert_close(sd, torch.full((2,), -10.0).exp(), rtol=1e-4, atol=0)
