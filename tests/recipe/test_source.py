"""A model by where its numbers come from: the definition is read once, and is all that a recipe keeps."""

from pathlib import Path
from typing import Any

import pytest

from helpers.known import needs, write_bif
from latentia.core.errors import LatentiaError
from latentia.recipe import build_model, describe_model, parse_recipe, with_overrides, with_source


def test_a_file_becomes_a_definition_that_builds_the_same_model(tmp_path: Path) -> None:
    path = write_bif(tmp_path)
    component = parse_recipe({"model": {"source": str(path)}}, "test").model
    assert component == {"source": str(path)}
    model: Any = build_model(component, None, 10)
    path.unlink()
    whole = describe_model(model)
    assert whole["name"] == "bayes-net"
    assert [variable["name"] for variable in whole["variables"]] == ["flu", "fever", "cough"]
    again: Any = build_model(whole, tuple(model.x_shape), 10)
    assert describe_model(again) == whole
    assert again.sizes == model.sizes == [2, 3, 2]


def test_options_of_the_recipe_win_over_those_of_the_source(tmp_path: Path) -> None:
    own = {"name": "a", "states": ["u", "v"], "table": [0.25, 0.75]}
    component = with_source({"source": str(write_bif(tmp_path)), "variables": [own]})
    assert component == {"name": "bayes-net", "variables": [own]}
    assert with_source({"name": "ppca"}) == {"name": "ppca"}


@needs("health_knowledge_graph", "noisy_or.npz")
def test_what_nobody_published_can_be_said_in_the_recipe() -> None:
    values = with_overrides({"model": {"source": "health_knowledge_graph"}}, ["model.leak=0.01", "model.base_rate=0.05"])
    model: Any = build_model(values["model"], None, 10)
    assert (len(model.causes), len(model.effects)) == (156, 330)
    assert (model.leak, model.base_rate) == (0.01, 0.05)


@pytest.mark.parametrize(
    ("component", "message"),
    [
        ({"source": "asai"}, "there is no model 'asai'; did you mean 'asia'?"),
        ({"source": 3}, "model.source is 3, wanted a .bif file, or one of: asia"),
        ({"source": "nowhere.bif"}, "there is no file nowhere.bif"),
        ({"source": "TINY", "name": "noisy-or"}, "model.name is 'noisy-or', but"),
        ({"source": "TINY", "leek": 1}, "model.leek: unknown option of 'bayes-net'"),
        ({"source": "TINY", "variables": [3]}, "model.variables[0] is 3: input should be a valid dictionary"),
    ],
)
def test_a_wrong_source_is_refused_in_one_line(component: dict[str, Any], message: str, tmp_path: Path) -> None:
    tiny = str(write_bif(tmp_path))
    component = {key: tiny if value == "TINY" else value for key, value in component.items()}
    with pytest.raises(LatentiaError) as error:
        build_model(component, None, 10)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_model_that_knows_no_shape_of_its_own_has_to_be_told() -> None:
    for name in ("decoded", "ppca", "sigmoid-belief"):
        with pytest.raises(LatentiaError, match="has to be learned from rows"):
            build_model({"name": name}, None, 3)
