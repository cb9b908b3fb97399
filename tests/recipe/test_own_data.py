"""The data section of a recipe: a path of one's own, what may be said of it, and where a recipe file may not lead."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from helpers.spoiling import spoilt
from latentia.core.errors import LatentiaError, RecipeError
from latentia.data import Column, Schema
from latentia.recipe import build, named_recipes, parse_recipe, read_recipe, sizes, with_overrides
from latentia.recipe.schema import LARGEST_JSON
from latentia.runs import read

SCHEMA = Schema(
    (
        Column("age", "real", shift=40.0, scale=9.0),
        Column("city", "category", "object", ("Bonn", "Kiel", "Ulm")),
        Column("n", "count", "int64", whole=True),
        Column("gain", "hurdle", spike=0.0),
    )
)


def written(folder: Path, **data: Any) -> Path:
    path = folder / "recipe.json"
    path.write_text(json.dumps({"name": "own", "data": data}))
    return path


def test_a_path_in_a_recipe_file_is_seen_from_its_folder(tmp_path: Path) -> None:
    recipe = read(written(tmp_path, path="rows/a.csv", test="rows/b.csv", kinds={"age": "real"}))
    assert recipe.data.path == str(tmp_path / "rows" / "a.csv")
    assert recipe.data.test == str(tmp_path / "rows" / "b.csv")
    assert recipe.data.name == "a"


@pytest.mark.parametrize(
    "path", ["../a.csv", "/etc/passwd", "rows/../../a.csv", "C:\\a.csv", "\\\\host\\a", "..\\a.csv", "link/a.csv", "a\0b"]
)
def test_a_path_that_leads_out_of_the_folder_is_refused(path: str, tmp_path: Path) -> None:
    folder = tmp_path / "recipe"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    file = written(folder, path=path)
    with pytest.raises(RecipeError) as caught:
        read(file)
    assert str(caught.value) == (
        f"{file} names data.path {path!r}, which leads out of the recipe's folder; put the data beside it, or say --set "
        "data.path=... yourself."
    )
    assert read(file, ["data.path=/any/where.csv"]).data.path == "/any/where.csv"
    assert read({"data": {"path": path}}).data.path == path


def test_overrides_reach_columns_whatever_they_are_called() -> None:
    values = with_overrides(
        {}, ["data.kinds.age=real", "data.kinds.a.b c=drop", "data.label=kind", "data.splits=[0.5,0.5,0]"]
    )
    assert values == {
        "data": {"kinds": {"age": "real", "a.b c": "drop"}, "label": "kind", "splits": [0.5, 0.5, 0]},
    }
    section = parse_recipe({**values, "data": {**values["data"], "path": "x.csv"}}, "test").data
    assert section.options() == {
        "kinds": {"age": "real", "a.b c": "drop"}, "label": "kind", "splits": (0.5, 0.5, 0.0),
    }  # fmt: skip


def test_what_was_not_said_is_not_written() -> None:
    written = json.loads(parse_recipe({"data": {"name": "digits"}}, "test").to_json())["data"]
    assert written == {"name": "digits", "binarize": None, "flatten": False, "rows": None, "observed": None}
    own = {"path": "a.csv", "header": False, "columns": SCHEMA.to_dict()}
    again = json.loads(parse_recipe({"data": own}, "test").to_json())["data"]
    assert {key: again[key] for key in own} == own


def test_a_schema_makes_the_family_and_no_data_are_needed() -> None:
    values = {
        "x_shape": [7],
        "data": {"path": "a.csv", "columns": SCHEMA.to_dict()},
        "model": {"network": {"hidden": [4]}},
        "posterior": {"network": {"hidden": [4]}},
    }
    model, _ = build(parse_recipe(values, "test"), (7,))
    family: Any = model.family
    assert family.columns == [
        {"kind": "real", "name": "age"},
        {"kind": "category", "name": "city", "width": 3},
        {"kind": "count", "name": "n"},
        {"kind": "hurdle", "name": "gain"},
    ]
    assert model.likelihood(torch.zeros(1, 1, 10)).event_shape == (7,)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"pth": "a.csv"}, "unknown key 'data.pth'; did you mean 'data.path'?"),
    ({"path": ""}, "data.path is '': string should have at least 1 character"),
    ({"path": "a.csv", "rows": 3}, "rows and observed are of data 'simulated' alone; leave them out"),
    ({"path": "a.csv", "fingerprint": {"sha256": "x", "size": 1, "files": 1}}, "data.fingerprint.sha256 is 'x'"),
    ({"path": "a.csv", "columns": {"columns": [{"name": "a", "kind": "no"}]}}, "column 'a' is of kind 'no'"),
    ({"path": "a.csv", "columns": 3}, "data.columns is 3"),
]


@pytest.mark.parametrize(("data", "message"), REFUSED)
def test_what_a_data_section_refuses(data: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe({"data": data}, "test")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_json_that_means_harm(tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    with path.open("wb") as file:
        file.truncate(LARGEST_JSON + 1)
    with pytest.raises(RecipeError, match="is larger than 64 MiB, which no recipe is"):
        read_recipe(path)
    path.write_text("[" * 100_000)
    with pytest.raises(RecipeError, match="is not JSON"):
        read_recipe(path)
    path.write_text('{"latents": ' + "9" * 5000 + "}")
    with pytest.raises(RecipeError, match="is not JSON"):
        read_recipe(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(RecipeError, match="is no file"):
        read_recipe(path)


@pytest.mark.parametrize("hidden", [[100_000, 100_000], [10**12], [10**30]])
def test_a_network_that_no_machine_holds_is_refused_before_it_is_made(hidden: list[int]) -> None:
    values = {"model": {"network": {"hidden": hidden}}}
    with pytest.raises(RecipeError) as caught:
        build(parse_recipe(values, "test"), (7,))
    assert str(caught.value) == "model.network would hold more than 2,000,000,000 numbers to learn; make it smaller."


def test_counting_a_wide_network_leaves_its_weights_alone() -> None:
    weights = []
    for wide in (8192, 10**9):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sizes, "WIDE", wide)
            torch.manual_seed(0)
            model, _ = build(parse_recipe({"latents": 1, "model": {"network": {"hidden": [9000]}}}, "test"), (2,))
            weights.append(torch.cat([p.flatten() for p in model.parameters()]))
    assert torch.equal(*weights)


def test_the_file_of_a_known_model_is_seen_from_the_recipe_s_folder_too(tmp_path: Path) -> None:
    file = tmp_path / "recipe.json"
    for inside in ("net.bif", "nets/net.bif.gz"):
        file.write_text(json.dumps({"model": {"source": inside}, "data": {"name": "simulated"}}))
        assert read(file).model["source"] == str(tmp_path / inside)
    for outside in ("/etc/net.bif", "../net.bif", "C:\\net.bif"):
        file.write_text(json.dumps({"model": {"source": outside}, "data": {"name": "simulated"}}))
        with pytest.raises(RecipeError) as caught:
            read(file)
        assert str(caught.value) == (
            f"{file} names model.source {outside!r}, which leads out of the recipe's folder; put the file beside it, or say "
            "--set model.source=... yourself."
        )
        assert read(file, ["model.source=/any/net.bif"]).model["source"] == "/any/net.bif"
    file.write_text(json.dumps({"model": {"source": "asia"}, "data": {"name": "simulated"}}))
    assert read(file).model["source"] == "asia"


N = int(os.environ.get("LATENTIA_FUZZ", "200"))


@pytest.mark.parametrize("which", ["own", "named"])
def test_a_spoilt_recipe_is_read_or_refused(which: str, tmp_path: Path) -> None:
    """Networks stay small, since a digit more is a recipe too; what may be built is built."""
    path = tmp_path / "recipe.json"
    text = named_recipes()["digits"].read_bytes()
    if which == "own":
        path.write_text(json.dumps({"name": "own", "data": {"path": "a.csv", "kinds": {"age": "real"}}}))
        values = {**json.loads(path.read_text()), "x_shape": [7]}
        values["data"] |= {"columns": SCHEMA.to_dict(), "fingerprint": {"sha256": "0" * 64, "size": 1, "files": 1}}
        text = json.dumps(values).encode()

    @settings(
        max_examples=N, deadline=None, derandomize=N <= 1000, database=None,
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large), phases=(Phase.generate,),
    )  # fmt: skip
    @given(st.data())
    def holds(data: Any) -> None:
        path.write_bytes(data.draw(spoilt(text)))
        try:
            recipe = read(path)
            hidden = {"network": {"hidden": [2]}}
            small = {"model": {**recipe.model, **hidden}, "posterior": {**recipe.posterior, **hidden}, "latents": 2}
            build(recipe.model_copy(update=small), (7,) if which == "own" else (1, 8, 8), 17)
        except LatentiaError as error:
            message = str(error)
        else:
            message = ""
        assert "\n" not in message

    holds()
