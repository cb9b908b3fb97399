"""Rows drawn from a known model: the same at every call, from a folder too, and with holes where it was asked for."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.chance import assert_mean_is
from helpers.known import write_bif
from latentia.core.errors import DataError, RecipeError
from latentia.data import Dataset
from latentia.models import PPCA, NoisyOr
from latentia.runs import Run, fit_recipe, load, simulated

CAUSES, EFFECTS = ["flu", "cold"], ["fever", "cough", "back pain"]
EDGES = [[0, 0, 0.8], [0, 1, 0.6], [1, 1, 0.7], [0, 2, 0.3]]
NETWORK: dict[str, Any] = {"causes": CAUSES, "effects": EFFECTS, "edges": EDGES, "base_rate": [0.3, 0.4], "leak": 0.1}


def recipe(**data: Any) -> dict[str, Any]:
    return {
        "name": "small",
        "data": {"name": "simulated", "rows": 400, **data},
        "model": {"name": "noisy-or", **NETWORK},
        "posterior": {"network": {"hidden": [4]}, "see_mask": True},
        "draws": 2,
        "evaluation_draws": 3,
        "fit": {"epochs": 1},
    }


def quick(**data: Any) -> Run:
    return fit_recipe(recipe(**data), progress=False)


def same(one: Dataset, two: Dataset) -> bool:
    parts = [(getattr(one, name), getattr(two, name)) for name in ("train", "valid", "test")]
    return all(
        torch.equal(a.values(), b.values()) and ((a.mask is b.mask is None) or torch.equal(a.mask, b.mask)) for a, b in parts
    )


def test_rows_follow_the_models_law() -> None:
    """At most a share of 1e-6 of all seeds fails: each effect is on as often as the causes say, by enumeration."""
    model = NoisyOr(CAUSES, EFFECTS, [(0, 0, 0.8), (0, 1, 0.6), (1, 1, 0.7), (0, 2, 0.3)], [0.3, 0.4], 0.1)
    data = simulated(model, 10_000)
    assert [len(split) for split in (data.train, data.valid, data.test)] == [8000, 1000, 1000]
    assert data.levels == 2
    z = torch.cartesian_prod(torch.arange(2.0), torch.arange(2.0))
    mass = model.prior().log_prob(z).exp()
    truth = (mass.unsqueeze(1) * model.likelihood(z).mean).sum(0)
    x = torch.cat([split.values() for split in (data.split("train"), data.valid, data.test)])
    assert_mean_is(x, truth, "an effect is on")


def test_the_same_rows_come_at_every_call_and_leave_the_callers_random_state_alone() -> None:
    model = NoisyOr(CAUSES, EFFECTS, [(0, 0, 0.8)], leak=0.3)
    before = torch.get_rng_state()
    one = simulated(model, 50, (0.2, 0.7))
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    assert same(one, simulated(model, 50, (0.2, 0.7)))
    assert not torch.equal(one.valid.values(), one.test.values())


def test_a_share_of_the_values_of_held_out_rows_is_seen() -> None:
    """At most a share of 1e-6 of all seeds fails."""
    data = simulated(NoisyOr(CAUSES, EFFECTS, []), 10_000, (0.2, 0.6))
    assert data.split("train").mask is None
    for split in (data.valid, data.test):
        assert split.mask is not None
        assert_mean_is(split.mask.double(), torch.full((3,), 0.4).double(), "a value is seen")
        assert not bool(split.values()[~split.mask].any())


@pytest.mark.parametrize("data", [{}, {"observed": [0.1, 0.9]}], ids=["whole", "holed"])
def test_a_loaded_run_draws_the_rows_that_it_was_fitted_on(data: dict[str, Any], tmp_path: Path) -> None:
    run = quick(**data)
    numbers = run.evaluate(draws=3)
    run.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert again.data is None
    assert same(run.dataset(), again.dataset())
    assert again.evaluate(draws=3) == numbers
    assert again.known_recipe().data == run.known_recipe().data
    assert json.loads((tmp_path / "run" / "recipe.json").read_text())["model"]["edges"] == EDGES


def test_a_run_of_a_published_model_needs_nothing_but_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_bif(tmp_path)
    wanted = {**recipe(observed=[0.2, 0.9]), "model": {"source": str(path)}, "posterior": {"name": "clamped"}, "draws": 1}
    wanted["learner"] = {"name": "sleep", "observed": [0, 1]}
    run = fit_recipe(wanted, progress=False)
    run.save(tmp_path / "run")
    path.unlink()
    monkeypatch.setenv("LATENTIA_DATA", str(tmp_path / "nowhere"))
    again = load(tmp_path / "run")
    assert "source" not in again.known_recipe().model
    assert same(run.dataset(), again.dataset())
    split = again.dataset().test
    assert split.mask is not None
    blocks = torch.stack([block.float().std(-1) for block in split.mask.double().split([2, 3, 2], -1)])
    assert not bool(blocks.any()), "a variable is seen as a whole"


def test_another_seed_of_the_fit_is_judged_by_the_same_rows() -> None:
    assert same(quick().dataset(), fit_recipe(recipe(), ["fit.seed=5"], progress=False).dataset())


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model=decoded"], "model 'decoded' has to be learned from rows before it can draw any"),
        (["model=ppca"], "model 'ppca' has to be learned from rows"),
        (["data.name=digits"], "rows and observed are of data 'simulated' alone"),
        (["data.flatten=true"], "leave out flatten and binarize"),
        (["data.binarize=dynamic"], "leave out flatten and binarize"),
        (["data.observed=[0.8, 0.2]"], "the lower one first"),
        (["data.observed=[0, 0]"], "the higher one above 0"),
        (["data.observed=[0.1, 1.2]"], "less than or equal to 1"),
        (["rows=0"], "greater than 0"),
        (["model.edges=[[0, 7, 0.5]]"], "edge 0 is (0, 7, 0.5)"),
        (['model.edges=[[0, 1, "x"]]'], "model.edges[0][2] is 'x'"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(overrides: list[str], message: str) -> None:
    with pytest.raises((RecipeError, ValueError)) as error:
        fit_recipe(recipe(), overrides, progress=False)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def test_a_model_with_something_to_learn_draws_nothing() -> None:
    model = PPCA(2, 5)
    with pytest.raises(RecipeError, match="PPCA has 16 numbers to learn"):
        simulated(model)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    assert simulated(model, 30).levels is None
    with pytest.raises(DataError, match="2 rows cannot be cut"):
        simulated(model, 2)
