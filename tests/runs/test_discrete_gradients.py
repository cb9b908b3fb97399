"""Every gradient for a discrete z from recipe to run: fitted, saved, loaded, and of the same belief afterwards."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from latentia.runs import fit_recipe, load

CODES: dict[str, Any] = {
    "name": "decoded",
    "prior": {"name": "codes", "n_classes": 4},
    "network": {"name": "mlp", "hidden": [16]},
    "family": {"name": "bernoulli"},
}
BELIEF: dict[str, Any] = {"name": "sigmoid-belief", "layers": [8]}
GRADIENTS: dict[str, tuple[dict[str, Any], int]] = {
    "score-function": ({}, 1),
    "nvil": ({"hidden": [10]}, 2),
    "leave-one-out": ({}, 3),
    "enumerated": ({}, 1),
    "relaxed": ({"temperature": 0.6}, 1),
    "straight through": ({"name": "relaxed", "straight_through": True}, 1),
    "rebar": ({}, 1),
    "relax": ({"hidden": [10]}, 1),
}


@pytest.mark.parametrize("kind", ["bits", "codes"])
@pytest.mark.parametrize("name", GRADIENTS)
def test_a_run_by_it_survives_the_folder(name: str, kind: str, tmp_path: Path) -> None:
    options, draws = GRADIENTS[name]
    recipe = {
        "name": "tiny",
        "data": {"name": "digits", "binarize": "static"},
        "model": BELIEF if kind == "bits" else CODES,
        "latents": 3,
        "posterior": {"name": "layered"} if kind == "bits" else {"name": "amortized", "network": {"name": "mlp"}},
        "gradient": {"name": name, **options},
        "draws": draws,
        "fit": {"epochs": 3, "batch_size": 50, "lr": 0.02},
        "evaluation_draws": 20,
    }
    run = fit_recipe(recipe, progress=False)
    bounds = [row["train_bound"] for row in run.history.rows]
    assert bounds[-1] > bounds[0]
    again = load(run.save(tmp_path / "run"))
    for mine, its in zip(run.model.state_dict().values(), again.model.state_dict().values(), strict=True):
        assert torch.equal(mine, its)
    x = run.dataset().test.values()[:5]
    assert_close(again.encode(x), run.encode(x), rtol=0, atol=0)
    assert again.known_recipe().gradient["name"] == {"straight through": "relaxed"}.get(name, name)
