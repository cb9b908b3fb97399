"""The ladder where every rung's place is known: all meet at log p(x), none passes it, and what cannot be had is named."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from helpers.digits import digits
from latentia.core.errors import LatentiaError
from latentia.data import Dataset, from_arrays
from latentia.evaluation import Ladder
from latentia.families import Bernoulli, DiagonalNormal, FullRankNormal
from latentia.ladder import climb, train_each, train_posterior
from latentia.ladder import measure as measure_module
from latentia.ladder import own_training as own_module
from latentia.ladder.rungs import RUNGS, Scene
from latentia.learners import ExpectationMaximization, Joint, LearningRate
from latentia.models import PPCA, BernoulliLogit, Decoded, LatentDirichlet
from latentia.networks import MLP
from latentia.posteriors import Amortized, Exact, PerDatum, Posterior, SemiAmortized, VariationalFactor
from latentia.priors import StandardNormal
from latentia.recipe import build_posterior, parse_recipe
from latentia.report import ladder_chart, standalone
from latentia.training import train


@pytest.fixture(scope="module")
def rows() -> Dataset:
    return from_arrays(digits().float())


@pytest.fixture(scope="module")
def bits() -> Dataset:
    return from_arrays((digits()[:, 16:48] > 0.5).to(torch.uint8))


@pytest.fixture(scope="module")
def ppca_ladder(rows: Dataset) -> Ladder:
    model = PPCA.maximum_likelihood(rows.split("train").filled(), 5)
    names = ("exact", "mean-field", "black-box", "per-datum", "encoder", "encoder+20", "semi-amortized", "iterative", "flow")
    return climb(model, Exact(), rows, names, rows=60, draws=200, training_steps=300)


# Nats a row by which a rung may miss log p(x): searches are near it, what 300 steps have taught is not yet.
TOLERANCE = {
    "exact": 1e-4,
    "mean-field": 1e-3,
    "per-datum": 0.02,
    "black-box": 0.05,
    "encoder+20": 0.3,
    "encoder": 3.0,
    "semi-amortized": 3.0,
    "iterative": 3.0,
    "flow": 3.0,
}


def test_on_ppca_all_rungs_meet_at_log_p(ppca_ladder: Ladder) -> None:
    """The maximum of the likelihood has a diagonal precision, so that a product of normals holds the posterior."""
    assert ppca_ladder.yardstick == "exact"
    for rung in ppca_ladder.rungs:
        assert rung.gap.value < TOLERANCE[rung.name], rung.name
        assert rung.gap.value > -4 * rung.gap.error - 1e-4, rung.name


def test_refinement_lowers_no_gap(ppca_ladder: Ladder) -> None:
    gap = {rung.name: rung.gap.value for rung in ppca_ladder.rungs}
    assert gap["encoder+20"] < gap["encoder"]
    assert gap["semi-amortized"] < gap["encoder"]


def test_costs_are_what_they_are(ppca_ladder: Ladder) -> None:
    rungs = {rung.name: rung for rung in ppca_ladder.rungs}
    assert rungs["exact"].parameters == rungs["per-datum"].parameters == 0
    assert [rungs[name].per_row for name in ("exact", "per-datum", "encoder", "encoder+20", "flow")] == [0, 10, 0, 10, 0]
    assert rungs["encoder"].training > 0
    assert rungs["per-datum"].training == 0
    assert rungs["per-datum"].seconds > rungs["encoder"].seconds


def test_the_ladder_survives_json_and_says_itself(ppca_ladder: Ladder) -> None:
    values = json.loads(json.dumps(ppca_ladder.to_dict(), allow_nan=False))
    again = Ladder.from_dict(values)
    assert str(again) == str(ppca_ladder)
    assert again.lines() == ppca_ladder.lines()
    for rung in ppca_ladder.rungs:
        assert rung.name in str(ppca_ladder)
        assert f"| {rung.name} |" in ppca_ladder.markdown()
    picture = standalone(ladder_chart(ppca_ladder))
    assert picture.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert picture.count("dot ours") == len(ppca_ladder.rungs)


def test_on_bernoulli_logit_no_bound_passes_the_quadrature(bits: Dataset) -> None:
    model = BernoulliLogit(2, 32)
    train_by_em(model, bits)
    names = ("exact", "mean-field", "per-datum", "full-rank", "encoder", "encoder+20")
    found = climb(model, Exact(), bits, names, rows=60, draws=300, training_steps=300)
    assert found.yardstick == "by quadrature"
    assert [note.split(" left out")[0] for note in found.notes] == ["exact", "mean-field"]
    gap = {rung.name: rung.gap for rung in found.rungs}
    assert all(each.value > -4 * each.error for each in gap.values())
    assert gap["full-rank"].value < 0.05
    assert gap["full-rank"].value < gap["per-datum"].value + 4 * gap["per-datum"].error
    assert gap["per-datum"].value < gap["encoder+20"].value + 0.02 < gap["encoder"].value + 0.04
    weighted = next(figure for name, figure in found.estimates.items() if name.startswith("importance-weighted"))
    assert found.log_px is not None
    assert abs(weighted.value - found.log_px.value) < 0.05


def train_by_em(model: BernoulliLogit, data: Dataset) -> None:
    """A few steps of variational EM, so that the posterior is no prior."""
    learner = ExpectationMaximization(model, PerDatum(DiagonalNormal(), 2, steps=20), lr=LearningRate(3e-2))
    train(learner, data, epochs=3, batch_size=200)


def test_a_model_without_a_yardstick_is_annealed_and_sandwiched(bits: Dataset) -> None:
    """The sandwich: annealed >= weighted >= bound, each within four standard errors."""
    model = Decoded(StandardNormal(2), MLP(2, [16], 32, activation="tanh"), Bernoulli())
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(3.0)
    found = climb(
        model, Exact(), bits, ("encoder", "encoder+5"), rows=30, draws=100, training_steps=100, temperatures=50, simulated=30
    )
    assert found.log_px is not None
    names = list(found.estimates)
    weighted, annealed, below, above = (found.estimates[name] for name in names)
    assert [name.split(",")[0].split(" from ")[0] for name in names] == [
        "importance-weighted",
        "annealed",
        "annealed",
        "annealed",
    ]
    assert annealed.value > weighted.value - 0.5
    assert weighted.value > max(rung.bound.value for rung in found.rungs)
    assert below.value < above.value + 0.1
    assert all(p.requires_grad for p in model.parameters())


def test_training_a_posterior_leaves_the_model_alone(bits: Dataset) -> None:
    model = Decoded(StandardNormal(2), MLP(2, [16], 32), Bernoulli())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    encoder = build_posterior({"name": "amortized"}, model)
    start = [p.clone() for p in encoder.parameters()]
    assert train_posterior(model, encoder, bits, steps=20) > 0
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(torch.equal(p, q) for p, q in zip(start, encoder.parameters(), strict=True))
    assert model.fresh


def test_each_rung_trains_a_model_of_its_own(rows: Dataset) -> None:
    values: dict[str, Any] = {
        "latents": 2,
        "model": {"name": "ppca"},
        "posterior": {"name": "amortized", "network": {"name": "mlp", "hidden": [16]}},
        "fit": {"epochs": 2},
    }
    recipe = parse_recipe(values, "test")
    found = train_each(recipe, rows, ("em", "per-datum", "encoder", "iterative"), rows=40, draws=50)
    assert [rung.name for rung in found.rungs] == ["em", "per-datum", "encoder", "iterative"]
    assert found.own_training
    for rung in found.rungs:
        assert rung.log_px is not None
        assert rung.gap.value > -4 * rung.gap.error - 1e-4
        assert rung.training > 0
    assert found.rungs[0].gap.value < 1e-4
    assert standalone(ladder_chart(found)).count("dot best") == 4
    bernoulli = parse_recipe({"latents": 2, "model": {"name": "decoded", "family": "normal"}, "fit": {"epochs": 1}}, "test")
    left_out = train_each(bernoulli, rows, ("em", "encoder"), rows=10, draws=10)
    assert [rung.name for rung in left_out.rungs] == ["encoder"]
    assert "em left out" in left_out.notes[0]


def test_what_cannot_be_climbed_is_refused(rows: Dataset) -> None:
    model = PPCA.maximum_likelihood(rows.split("train").filled(), 2)
    for names, message in ((("encodr",), "did you mean 'encoder'"), (("encoder+0",), "no rung"), ((), "no rung is left")):
        with pytest.raises(LatentiaError, match=message):
            climb(model, Exact(), rows, names)
    with pytest.raises(LatentiaError, match="shares that sum to 1"):
        climb(LatentDirichlet(2, 64), VariationalFactor(), rows, ("per-datum",))
    with pytest.raises(LatentiaError, match="rows is 0"):
        climb(model, Exact(), rows, ("exact",), rows=0)
    with pytest.raises(LatentiaError, match="simulated is 3, but temperatures is 0"):
        climb(model, Exact(), rows, ("exact",), temperatures=0, simulated=3)
    with pytest.raises(LatentiaError, match="training of its own"):
        train_each(parse_recipe({}, "test"), rows, ("exact",))


def test_a_rung_that_left_the_finite_numbers_says_in_how_many_rows(rows: Dataset) -> None:
    model = PPCA.maximum_likelihood(rows.split("train").filled(), 2)
    encoder = build_posterior({"name": "amortized"}, model)
    with torch.no_grad():
        next(encoder.parameters()).fill_(math.nan)
    found = climb(model, encoder, rows, ("encoder", "exact"), rows=10, draws=5)
    assert "encoder left out: its answers are not finite in 10 of 10 rows" in str(found)
    assert found.rungs[0].gap.value < 1e-3


def test_missing_cells_are_no_rows_that_were_filled(rows: Dataset) -> None:
    """PPCA says log p(x) of whole rows alone, so that with holes the yardstick is an estimate, and no gap is negative."""
    x = torch.cat([rows.split("train").filled(), rows.valid.filled(), rows.test.filled()])
    holed = from_arrays(x, mask=torch.rand(x.shape) < 0.5)
    model = PPCA.maximum_likelihood(rows.split("train").filled(), 3)
    found = climb(
        model, Exact(), holed, ("exact", "per-datum"), rows=30, draws=100, training_steps=30, temperatures=20, chains=4
    )
    assert "exact left out" in found.notes[0]
    assert found.yardstick != "exact"
    assert all(rung.gap.value > -4 * rung.gap.error - 1e-3 for rung in found.rungs)


def test_what_the_model_s_layers_keep_is_held_still_too(bits: Dataset) -> None:
    model = Decoded(StandardNormal(2), MLP(2, [8], 32, norm="batch"), Bernoulli()).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    climb(model, Exact(), bits, ("encoder",), rows=10, draws=5, training_steps=10, temperatures=0)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(module.training for module in model.modules())


def test_a_run_s_own_posterior_is_the_rung_of_its_kind(bits: Dataset) -> None:
    model = Decoded(StandardNormal(2), MLP(2, [8], 32), Bernoulli())
    own = SemiAmortized(MLP(32, [8], 2, per_value=2), DiagonalNormal())
    weights = [p.clone() for p in own.parameters()]
    found = climb(model, own, bits, ("semi-amortized", "encoder"), rows=10, draws=20, training_steps=10, temperatures=0)
    assert all(torch.equal(p, q) for p, q in zip(weights, own.parameters(), strict=True))
    assert [rung.training for rung in found.rungs] == [0.0, 0.0]
    scene = Scene(model, own.encoder, bits.test.batch(torch.arange(3)), lambda _: 0.0)
    own.encoder.center.fill_(0.3)
    made = RUNGS["semi-amortized"].make(scene)
    assert isinstance(made, SemiAmortized)
    assert_close(made.encoder.raw(scene.batch.x), own.encoder.raw(scene.batch.x))


def test_a_search_is_in_the_run_s_own_family_and_no_encoder_is_trained_to_read_its_family(bits: Dataset) -> None:
    trained: list[Posterior] = []

    def taught(one: Posterior) -> float:
        trained.append(one)
        return 0.0

    def made(own: Posterior, name: str) -> Posterior:
        model = Decoded(StandardNormal(2), MLP(2, [8], 32), Bernoulli())
        return RUNGS[name].make(Scene(model, own, bits.test.batch(torch.arange(3)), taught))

    searches = PerDatum(FullRankNormal(2), 2)
    for own, family in ((searches, FullRankNormal), (Exact(), DiagonalNormal)):
        for name in ("per-datum", "iterative"):
            assert isinstance(getattr(made(own, name), "family", None), family)
    full = Amortized(MLP(32, [8], 2, per_value=FullRankNormal(2).raw_per_value), FullRankNormal(2))
    assert isinstance(getattr(made(full, "per-datum"), "family", None), FullRankNormal)
    made(full, "flow")
    assert not trained
    assert isinstance(getattr(made(searches, "encoder"), "family", None), FullRankNormal), "one family for all rungs"
    assert len(trained) == 1


def test_annealing_from_the_prior_trains_no_encoder(bits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the family's density is slow, chains start at the prior."""
    monkeypatch.setattr(DiagonalNormal, "slow_density", True)
    model = Decoded(StandardNormal(2), MLP(2, [8], 32), Bernoulli())
    own = PerDatum(DiagonalNormal(), 2, steps=3)
    asked: dict[str, Any] = {"rows": 5, "draws": 5, "temperatures": 3, "chains": 2}
    monkeypatch.setattr(Joint, "step", lambda *_: pytest.fail("an encoder was trained"))
    found = climb(model, own, bits, ("black-box",), **asked)
    assert "annealed from the prior, 3 temperatures of 2 chains" in found.estimates


def test_the_yardstick_is_the_higher_estimate_and_a_thousand_rows_are_a_thousand(
    bits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(10_000))
    monkeypatch.setattr(measure_module, "_now", lambda _: float(next(ticks)))
    model = Decoded(StandardNormal(2), MLP(2, [8], 32), Bernoulli())
    found = climb(model, Exact(), bits, ("encoder",), rows=20, draws=5, training_steps=10, temperatures=3, chains=2)
    assert found.rungs[0].seconds == 1000 / 20  # one batch, one tick
    assert found.log_px is not None
    assert found.log_px.value == max(figure.value for figure in found.estimates.values())
    assert found.estimates[found.yardstick] == found.log_px


def test_a_training_of_its_own_takes_parts_and_no_numbers_from_the_recipe(
    rows: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def noted(recipe: Any, **_: Any) -> Any:
        asked.append(recipe)
        raise LatentiaError("enough")

    monkeypatch.setattr(own_module, "fit_recipe", noted)
    values: dict[str, Any] = {
        "posterior": {"name": "per-datum", "steps": 77, "table": True, "family": {"name": "full-rank-normal"}},
        "fit": {"beta": 4.0},
    }
    with pytest.raises(LatentiaError, match="enough"):
        train_each(parse_recipe(values, "test"), rows, ("semi-amortized", "per-datum", "variational-em"))
    assert asked[0].posterior == {"family": {"name": "full-rank-normal"}, "name": "semi-amortized"}
    assert asked[1].posterior["steps"] == 77
    assert asked[2].learner == {"name": "em"}
    assert asked[2].fit.beta == 1.0


def test_a_training_of_its_own_takes_the_recipe_s_learner_where_it_is_the_same(
    rows: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def noted(recipe: Any, **_: Any) -> Any:
        asked.append(recipe)
        raise LatentiaError("enough")

    monkeypatch.setattr(own_module, "fit_recipe", noted)
    values: dict[str, Any] = {"posterior": "exact", "learner": {"name": "em", "m_steps": 7, "m_draws": 3}}
    with pytest.raises(LatentiaError, match="enough"):
        train_each(parse_recipe(values, "test"), rows, ("variational-em", "em", "encoder"))
    assert [recipe.learner for recipe in asked] == [values["learner"], values["learner"], {"name": "joint"}]


def test_simulated_rows_are_annealed_in_as_many_temperatures_as_were_asked_for(bits: Dataset) -> None:
    model = Decoded(StandardNormal(2), MLP(2, [8], 32), Bernoulli())
    asked: dict[str, Any] = {"rows": 10, "draws": 5, "training_steps": 5, "temperatures": 1, "chains": 2, "simulated": 3}
    found = climb(model, Exact(), bits, ("encoder",), **asked)
    assert "annealed from above, 3 rows drawn from the model, 1 temperatures" in found.estimates


def test_each_model_s_evidence_lies_above_its_bound(bits: Dataset) -> None:
    values: dict[str, Any] = {
        "latents": 2,
        "model": {"name": "decoded", "family": "bernoulli", "network": {"name": "mlp", "hidden": [16]}},
        "posterior": {"name": "amortized", "network": {"name": "mlp", "hidden": [16]}},
        "fit": {"epochs": 3},
    }
    found = train_each(parse_recipe(values, "test"), bits, ("encoder", "iterative"), rows=30, draws=50)
    for rung in found.rungs:
        assert rung.log_px is not None
        assert_close(rung.log_px.value - rung.bound.value, rung.gap.value)
        assert rung.gap.value > 1e-3
    assert [rung.per_row for rung in found.rungs] == [0, 4]


@pytest.mark.parametrize("own", [False, True])
def test_an_interruption_ends_the_ladder(bits: Dataset, own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Joint, "step", stop)
    recipe = parse_recipe({"fit": {"epochs": 1}}, "test")
    model = Decoded(StandardNormal(2), MLP(2, [8], 32), Bernoulli())
    names: tuple[str, ...] = ("encoder", "flow")
    with pytest.raises(KeyboardInterrupt):
        _ = train_each(recipe, bits, names) if own else climb(model, Exact(), bits, names)


def _stopping_at(words: str) -> Callable[[str], None]:
    def told(line: str) -> None:
        if line == words:
            raise KeyboardInterrupt

    return told


@pytest.mark.parametrize("own", [False, True])
def test_an_interrupted_ladder_has_the_rungs_that_were_finished(bits: Dataset, own: bool) -> None:
    values: dict[str, Any] = {"latents": 2, "fit": {"epochs": 1, "batch_size": 500}}
    names = ("encoder", "iterative", "flow")
    told = _stopping_at("measuring iterative")
    if own:
        found = train_each(parse_recipe(values, "test"), bits, names, rows=10, draws=5, told=told)
    else:
        model = Decoded(StandardNormal(2), MLP(2, [8], 32), Bernoulli())
        found = climb(model, Exact(), bits, names, rows=10, draws=5, training_steps=5, simulated=3, told=told)
        assert found.yardstick == "importance-weighted, 5 draws from encoder"
        assert list(found.estimates) == [found.yardstick]
        assert all(p.requires_grad for p in model.parameters())
    assert [rung.name for rung in found.rungs] == ["encoder"]
    assert found.interrupted
    ahead = "iterative, flow" if own else "iterative, flow, annealing, simulated rows"
    assert found.notes == (f"interrupted; not finished: {ahead}",)
    assert Ladder.from_dict(found.to_dict()) == found


@pytest.mark.parametrize("at", ["annealed importance sampling", "both sides of simulated rows"])
def test_an_interruption_while_annealing_keeps_every_rung(bits: Dataset, at: str) -> None:
    model = Decoded(StandardNormal(2), MLP(2, [8], 32), Bernoulli())
    asked: dict[str, Any] = {"rows": 10, "draws": 5, "training_steps": 5, "temperatures": 3, "chains": 2, "simulated": 3}
    found = climb(model, Exact(), bits, ("encoder", "encoder+1"), **asked, told=_stopping_at(at))
    assert [rung.name for rung in found.rungs] == ["encoder", "encoder+1"]
    kept = ["importance-weighted", "annealed"][: 1 + at.startswith("both")]
    assert [name.split(",")[0].split(" from ")[0] for name in found.estimates] == kept
    assert found.interrupted


def test_a_ladder_from_before_interruptions_were_kept_is_read(ppca_ladder: Ladder) -> None:
    values = ppca_ladder.to_dict()
    del values["interrupted"]
    assert Ladder.from_dict(values) == ppca_ladder
