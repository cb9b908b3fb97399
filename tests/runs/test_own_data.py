"""A table of one's own from fit to loaded run: it reads new rows by itself, and the old ones only if they are the same."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from latentia.core.errors import DataError, RecipeError
from latentia.data import Schema, new_rows
from latentia.families import Columns, DiscretizedLogistic, NegativeBinomial, Normal
from latentia.runs import Run, fit_recipe, load

QUICK = ("fit.epochs=1", "latents=2", "model.network.hidden=[4]", "posterior.network.hidden=[4]", "fit.batch_size=20")


def people(n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": np.where(rng.random(n) < 0.1, np.nan, rng.normal(40, 9, n).round(1)),
            "city": rng.choice(["Bonn", "Kiel", "Ulm"], n),
            "children": rng.poisson(1.5, n),
            "kind": rng.choice(["a", "b"], n),
        }
    )


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    people().to_csv(path, index=False)
    return path


def fitted(what: Any, *overrides: str, **options: Any) -> Run:
    return fit_recipe(what, [*QUICK, *overrides], progress=False, **options)


def test_a_table_from_fit_to_loaded_run(csv: Path, tmp_path: Path) -> None:
    heard: list[Any] = []
    run = fitted(str(csv), "data.label=kind", "data.kinds.children=real", told=heard.append)
    assert heard == [run.data]
    run.save(tmp_path / "run")
    before = run.dataset()
    section = run.known_recipe().data
    assert section.path == str(csv)
    assert section.options() == {"binarize": "none", "label": "kind", "kinds": {"children": "real"}}
    assert isinstance(run.model.family, Columns)
    posterior: Any = run.posterior
    assert posterior.scale_each
    assert posterior.see_mask

    csv.rename(tmp_path / "gone.csv")
    again = load(tmp_path / "run")
    rows = new_rows(tmp_path / "gone.csv", again.known_recipe().data.schema_, section.options()).rows
    assert torch.equal(again.encode(rows), run.encode(rows))
    with pytest.raises(DataError, match="does not exist"):
        again.dataset()

    (tmp_path / "gone.csv").rename(csv)
    found = again.dataset()
    assert found.schema is not None
    for name in ("train", "valid", "test"):
        assert torch.equal(found.split(name).values(), before.split(name).values())
        one, other = found.split(name).labels, before.split(name).labels
        assert one is not None
        assert other is not None
        assert torch.equal(one, other)


@pytest.mark.parametrize("change", ["a byte", "a line"])
def test_rows_that_changed_since_the_fit_are_not_taken_for_them(change: str, csv: Path, tmp_path: Path) -> None:
    fitted(str(csv)).save(tmp_path / "run")
    text = csv.read_text()
    csv.write_text(text.replace("Kiel", "Kial") if change == "a byte" else text + "41,Ulm,1,a\n")
    with pytest.raises(DataError) as caught:
        load(tmp_path / "run").dataset()
    assert str(caught.value) == (
        f"{csv} is no longer what the run was fitted on (its sha256 differs); restore it, fit again, or pass the rows as "
        "data."
    )


def test_a_run_does_not_read_what_it_was_not_fitted_on(csv: Path, tmp_path: Path) -> None:
    """A run folder may come from anyone: a path that it names is compared before anything is made of it."""
    fitted(str(csv)).save(tmp_path / "run")
    recipe = tmp_path / "run" / "recipe.json"
    for path in ("/dev/zero", "/etc/hostname", str(tmp_path)):
        text = recipe.read_text().replace(str(csv), path)
        (tmp_path / "run" / "recipe.json").write_text(text)
        with pytest.raises(DataError, match=r"no regular file|no longer what"):
            load(tmp_path / "run").dataset()
        recipe.write_text(text.replace(path, str(csv), 1))


def test_a_frame_in_place_of_a_path_keeps_its_schema_but_no_rows(tmp_path: Path) -> None:
    run = fitted({"data": {"label": "kind"}}, data=people())
    run.save(tmp_path / "run")
    again = load(tmp_path / "run")
    schema = again.known_recipe().data.schema_
    assert isinstance(schema, Schema)
    x, mask, _ = schema.encode(people())
    assert torch.equal(again.encode(people()), run.encode(x, mask))
    assert again.evaluate(draws=2, data=people()).rows == 40
    assert schema == run.dataset().schema
    with pytest.raises(DataError, match="which is no named data set; pass the rows as data"):
        again.dataset()


def test_options_of_ones_own_data_beside_a_named_set_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"data.label is for data of one's own; say data.path, or leave it out"):
        fitted("digits", "data.label=kind")


def test_the_default_likelihood_is_that_of_the_values(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "reals.npy", rng.normal(size=(40, 3)))
    np.save(tmp_path / "counts.npy", rng.poisson(3, (40, 3)))
    for i in range(6):
        (tmp_path / "pictures").mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (4, 4), dtype=np.uint8)).save(tmp_path / "pictures" / f"{i}.png")
    for name, family in (("reals.npy", Normal), ("counts.npy", NegativeBinomial), ("pictures", DiscretizedLogistic)):
        run = fitted(str(tmp_path / name))
        assert isinstance(run.model.family, family)
        run.save(tmp_path / f"run of {name}")
        again = load(tmp_path / f"run of {name}")
        assert torch.equal(again.encode(again.dataset().test), run.encode(run.dataset().test))
    posterior: Any = fitted(str(tmp_path / "counts.npy")).posterior
    assert posterior.log_values == "all"


def test_a_path_that_is_not_there_is_said() -> None:
    with pytest.raises(RecipeError, match=r"nowhere\.csv does not exist; check the path"):
        fitted("nowhere.csv")
