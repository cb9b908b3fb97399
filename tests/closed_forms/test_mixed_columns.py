"""A table's row against torch's and SciPy's own law of each column, and against sums and integrals over all it can be."""

import math

import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.distributions import Bernoulli, Beta, Independent, Normal, OneHotCategorical, Poisson
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from helpers.quadrature import places_of_columns
from latentia.core.checks import check_support
from latentia.core.errors import LatentiaError, ShapeError, SupportError
from latentia.distributions import ColumnLayout, MixedColumns, MixedColumnsSupport, definite_row, observed_parts
from latentia.families import Columns

KINDS = ["category", "real", "hurdle", "count", "proportion", "binary", "positive", "category"]
WIDTHS = [3, 1, 2, 1, 1, 1, 1, 2]
LAYOUT = ColumnLayout(KINDS, WIDTHS)
PLACES = dict(zip(range(8), LAYOUT.places, strict=True))


def rows(*batch: int, layout: ColumnLayout = LAYOUT) -> MixedColumns:
    raw = torch.randn(*batch, 2, layout.n_values, dtype=torch.float64)
    columns = [{"kind": k, "width": w} for k, w in zip(layout.kinds, layout.widths, strict=True)]
    q = Columns(columns).distribution(raw)
    assert isinstance(q, MixedColumns)
    return q


def column_by_column(d: MixedColumns, x: Tensor) -> Tensor:
    """The same by torch's distributions and SciPy's: (..., columns)."""
    out = []
    for i, kind in enumerate(d.layout.kinds):
        place, spread, value = d.place[..., PLACES[i]], d.spread[..., PLACES[i]], x[..., PLACES[i]]
        first, wide, v = place[..., 0], spread[..., 0], value[..., 0]
        if kind in ("real", "positive"):
            out.append(Normal(first, wide).log_prob(v))
        elif kind == "category":
            out.append(OneHotCategorical(logits=place).log_prob(value))
        elif kind == "binary":
            out.append(Bernoulli(logits=first).log_prob(v))
        elif kind == "proportion":
            out.append(Beta(first * wide, (1 - first) * wide).log_prob(v))
        elif kind == "count":
            n = (1 / wide).numpy()
            out.append(torch.as_tensor(stats.nbinom.logpmf(v.numpy(), n, n / (n + first.numpy()))))
        else:
            number = Normal(place[..., 1], spread[..., 1]).log_prob(value[..., 1])
            out.append(Bernoulli(logits=first).log_prob(v) + torch.where(v == 1, 0.0, number))
    return torch.stack(out, -1)


def test_each_column_has_the_law_of_its_kind() -> None:
    d = rows(5)
    x = d.sample((7,))
    each = column_by_column(d, x)
    assert_close(d.column_log_prob(x), each)
    assert_close(d.log_prob(x), each.sum(-1))
    assert_close(d.expand((2, 5)).column_log_prob(x[0]), each[0].expand(2, -1, -1))
    kinds = ["count", "real", "hurdle"]
    other = rows(2, layout=ColumnLayout(kinds, [1, 1, 2]))
    assert other.column_log_prob(other.sample()).shape == (2, 3)


@pytest.mark.parametrize(("kind", "width"), list(zip(KINDS[:7], WIDTHS[:7], strict=True)))
def test_mass_moments_and_draws_of_each_kind(kind: str, width: int) -> None:
    """False alarm: 1e-6 over the seed, for each kind."""
    torch.manual_seed(3)
    d = rows(layout=ColumnLayout([kind], [width]))
    points, weights = places_of_columns(d)
    mass = d.log_prob(points).exp() * weights
    assert_close(mass.sum(), torch.ones_like(mass.sum()), rtol=0, atol=1e-6)
    mean = mass @ points
    assert_close(d.mean, mean, rtol=1e-5, atol=1e-6)
    assert_close(d.variance, mass @ (points - mean).square(), rtol=1e-4, atol=1e-6)
    draws = d.sample((20_000,))
    assert bool(MixedColumnsSupport(d.layout).check(draws).all())
    assert_mean_is(draws, mean, kind, false_alarm=5e-7)
    assert_mean_is((draws - mean).square(), d.variance, f"{kind}: variance", resolution=0.1, false_alarm=5e-7)


def test_columns_are_drawn_independently() -> None:
    """False alarm: 1e-6 over the seed."""
    d = rows()
    centered = d.sample((20_000,)) - d.mean
    firsts = centered[:, list(LAYOUT.starts)] / d.variance[list(LAYOUT.starts)].sqrt()
    pairs = torch.tril_indices(8, 8, -1)
    assert_mean_is(firsts[:, pairs[0]] * firsts[:, pairs[1]], torch.zeros(28).double(), "pairs", size=1.0)


def test_what_a_column_cannot_hold_has_no_mass_and_is_named() -> None:
    layout = ColumnLayout(KINDS, WIDTHS, ["job", "age", "gain", "visits", "share", "sex", "pay", "pet"])
    d = MixedColumns(layout, rows(4).place, rows(4).spread, validate_args=False)
    d = MixedColumns(layout, d.place.clamp(0.1, 0.9), d.spread.clamp(0.5, 2.0), validate_args=False)
    good = d.sample()
    support = MixedColumnsSupport(layout)
    assert bool(support.check(good).all())
    breaks = {"job": (0, 0.5), "visits": (6, -1.0), "share": (7, 1.5), "sex": (8, 2.0), "gain": (4, 0.0), "pet": (11, 7.0)}
    for name, (place, value) in breaks.items():
        bad = good.clone()
        bad[2, place] = value
        if name == "gain":
            bad[2, 3:5] = torch.tensor([1.0, 0.5])  # at the spike, and beside it
        assert float(d.log_prob(bad)[2]) == -math.inf, name
        assert bool(d.log_prob(bad)[[0, 1, 3]].isfinite().all())
        with pytest.raises(SupportError, match=rf"^1 of 4 rows .* in {name} \({layout.kinds[layout.names.index(name)]}\), "):
            check_support("the likelihood Columns", d, bad, cure="look.")
        hidden = torch.ones(4, layout.n_values, dtype=torch.bool)
        hidden[2, layout.places[layout.names.index(name)]] = False
        check_support("the likelihood Columns", d, bad, cure="look.", mask=hidden)
    many = torch.full_like(good, 0.5)
    with pytest.raises(SupportError, match="and 2 more"):
        check_support("p", d, many, cure="look.")
    with pytest.raises(SupportError, match="what each column's kind may hold"):
        MixedColumns(layout, d.place, d.spread, validate_args=True).log_prob(many)


def test_a_column_counts_as_seen_where_all_of_it_is() -> None:
    d = rows(3, 4)
    x = d.sample()[0]
    mask = torch.rand(4, LAYOUT.n_values) < 0.7
    seen = torch.stack([mask[:, place].all(-1) for place in LAYOUT.places], -1)
    each = torch.where(seen, d.column_log_prob(x), 0.0)
    assert not bool(seen.all())
    for holed in (torch.where(mask, x, torch.nan), torch.where(mask, x, 1e30)):
        assert_close(d.observed_log_prob(holed, mask), each.sum(-1))
        assert_close(observed_parts(d, holed, mask), each)
    rowwise = torch.tensor([True, False, True, True])
    assert_close(d.observed_log_prob(x, rowwise), d.log_prob(x) * rowwise)


def test_states_that_cannot_be_are_neither_drawn_nor_a_nan() -> None:
    layout = ColumnLayout(["category"], [3])
    place = torch.tensor([0.0, -math.inf, 1.0], requires_grad=True)
    d = MixedColumns(layout, place, torch.ones(3), validate_args=False)
    assert bool((d.sample((500,))[:, 1] == 0).all())
    assert float(d.log_prob(torch.tensor([0.0, 1.0, 0.0])).detach()) == -math.inf
    d.log_prob(torch.tensor([1.0, 0.0, 0.0])).backward()
    assert place.grad is not None
    assert bool(place.grad.isfinite().all())
    assert_close(d.mean.detach()[1], torch.tensor(0.0))


def test_draws_before_a_density_take_no_gradient_away() -> None:
    raw = torch.randn(2, LAYOUT.n_values, requires_grad=True)
    d = Columns([{"kind": k, "width": w} for k, w in zip(KINDS, WIDTHS, strict=True)]).distribution(raw)
    d.log_prob(d.sample()).backward()
    assert raw.grad is not None
    assert bool((raw.grad[0] != 0).sum() >= LAYOUT.n_values - 2), "one of a hurdle at its spike, one of a width of 1"


@pytest.mark.parametrize(("mean", "count"), [(1e7, 1e7), (1e7, 0.0), (1e-3, 12.0), (4e8, 3e8)])
def test_counts_of_any_size_keep_their_digits_in_single_precision(mean: float, count: float) -> None:
    layout = ColumnLayout(["count"], [1])
    for dispersion in (1e-6, 0.1, 100.0):
        wide, short = (
            MixedColumns(layout, torch.tensor([mean], dtype=t), torch.tensor([dispersion], dtype=t)).log_prob(
                torch.tensor([count], dtype=t)
            )
            for t in (torch.float64, torch.float32)
        )
        assert_close(short.double(), wide, rtol=2e-4, atol=1e-3)


def test_a_number_that_all_rows_repeat_gains_no_more_than_the_floor_allows() -> None:
    family = Columns([{"kind": "real"}, {"kind": "hurdle"}], smallest_scale=0.05)
    raw = torch.zeros(2, 3)
    raw[1] = -1e4
    most = -math.log(0.05) - 0.5 * math.log(2 * math.pi)
    found = family.distribution(raw).column_log_prob(torch.zeros(3))  # pyright: ignore[reportAttributeAccessIssue]
    assert_close(found, torch.tensor([most, most + math.log(0.5)]))


def test_a_decoder_starts_at_what_each_column_is_like() -> None:
    truth = MixedColumns(
        ColumnLayout(["category", "real", "hurdle", "count", "proportion", "binary"], [3, 1, 2, 1, 1, 1]),
        torch.tensor([0.5, 0.0, -1.0, 2.0, 1.0, -1.5, 4.0, 0.3, 1.2]),
        torch.tensor([1.0, 1.0, 1.0, 0.7, 1.0, 0.4, 0.5, 9.0, 1.0]),
    )
    x = truth.sample((40_000,))
    columns = [{"kind": k, "width": w} for k, w in zip(truth.layout.kinds, truth.layout.widths, strict=True)]
    start = Columns(columns)
    found = start.distribution(start.raw_at(x.mean(0), x.std(0, correction=0)))
    assert_close(found.mean, truth.mean, rtol=0.02, atol=0.03)
    assert_close(found.variance, truth.variance, rtol=0.1, atol=0.03)
    blank = start.distribution(start.raw_at(torch.zeros(9), torch.zeros(9)))
    assert bool(blank.log_prob(x[:50]).isfinite().all())


def test_a_definite_row_is_what_each_column_is_expected_to_be() -> None:
    d = rows(50)
    row = d.definite()
    assert bool(MixedColumnsSupport(LAYOUT).check(row).all())
    assert_close(row, definite_row(LAYOUT, d.mean))
    job, gain = d.place[:, :3], d.place[:, 4:6]
    assert bool((row[:, :3].argmax(-1) == job.argmax(-1)).all())
    assert bool((row[:, 8 + 0] == (d.place[:, 8] > 0)).all())
    spike = gain[:, 0] >= 0
    assert bool((row[:, 4] == spike).all())
    assert_close(row[:, 5], torch.where(spike, 0.0, gain[:, 1]))
    assert_close(row[:, 6], d.place[:, 6].round())


def test_layouts_and_parameters_that_do_not_fit_are_refused() -> None:
    for kinds, widths, said in (
        ([], [], "at least 1"),
        (["reel"], [1], "did you mean 'real'"),
        (["hurdle"], [1], "wanted 2"),
        (["category"], [0], "wanted at least 1"),
        (["real"], [1, 1], "give as many"),
    ):
        with pytest.raises(ShapeError, match=said):
            ColumnLayout(kinds, widths)
    with pytest.raises(ShapeError, match="wanted both to end in 11"):
        MixedColumns(ColumnLayout(["category"], [11]), torch.zeros(4), torch.ones(11))
    with pytest.raises(ShapeError, match="a row has 5 values, wanted 12"):
        MixedColumnsSupport(LAYOUT).check(torch.zeros(5))
    with pytest.raises(LatentiaError, match="wanted a kind"):
        Columns([{"kind": "real", "levels": 3}])
    with pytest.raises(ShapeError, match="a vector of 1 values"):
        Columns([{"kind": "real"}]).distribution(torch.zeros(2, 4))


def test_a_rate_of_counts_is_torch_s_poisson() -> None:
    from latentia.families import Poisson as Family

    raw = torch.randn(3, 1, 4, dtype=torch.float64)
    x = torch.poisson(torch.full((3, 4), 2.0, dtype=torch.float64))
    want = Independent(Poisson(raw.squeeze(1).exp()), 1).log_prob(x)
    assert_close(Family().distribution(raw).log_prob(x), want)
