"""Columns that a person really has and that are easily taken for something else, and what comes out of them again."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from latentia.core.errors import DataError
from latentia.data import Schema, infer_schema, read_data
from latentia.data.tables.restoring import shortest

rng = np.random.default_rng(0)
V = rng.normal(size=40).round(3)


def test_codes_with_a_leading_zero_are_names(tmp_path: Path) -> None:
    codes = np.array(["00123", "10115", "80331", "01067"])[rng.integers(0, 4, 40)]
    frame = pd.DataFrame({"zip": codes, "v": V})
    frame.to_csv(tmp_path / "a.csv", index=False)
    for found in (infer_schema(frame).schema, read_data(tmp_path / "a.csv").schema):
        assert found is not None
        assert found.columns[0].kind == "category"
        assert set(found.columns[0].states) == set(codes)
    assert infer_schema(frame, {"zip": "real"}).schema.columns[0].kind == "real"


def test_numbers_with_a_sign_beside_them_are_no_ids() -> None:
    for form in ("{:.2f}%", "€{:.2f}", "{:.2f} €", "$ {:.2f}"):
        frame = pd.DataFrame({"share": [form.format(abs(v)) for v in V], "v": V})
        with pytest.raises(DataError) as caught:
            infer_schema(frame)
        first = frame["share"][0]
        assert str(caught.value) == (
            f"column 'share' holds numbers with a sign beside them (first {first!r}); take it away, or leave the "
            "column out: kinds 'share': 'drop'."
        )
    few = pd.DataFrame({"share": np.array(["5%", "10%", "20%"])[rng.integers(0, 3, 40)], "v": V})
    assert infer_schema(few).schema.columns[0].kind == "category"


def test_one_row_to_learn_from_is_said_to_be_one() -> None:
    with pytest.raises(DataError) as caught:
        read_data(pd.DataFrame({"a": [1.5, 2.5, 3.5], "b": ["x", "y", "z"]}))
    assert (
        str(caught.value)
        == "one row is left to learn the columns from, wanted at least two; give more, or train a larger share."
    )


def test_a_cell_that_is_a_list_is_refused() -> None:
    with pytest.raises(DataError, match="column 'v' holds a list in a cell, wanted one number or name"):
        read_data(pd.DataFrame({"v": [[1, 2], [3, 4], [5, 6]], "w": [1.0, 2.0, 3.0]}))


def test_a_header_is_not_markup() -> None:
    console = Console(width=100, file=io.StringIO())
    with console.capture() as capture:
        console.print(infer_schema(pd.DataFrame({"[red]x[/red]": V, "[y]": V[::-1]})).table())
    shown = capture.get()
    assert "[red]x[/red]" in shown
    assert "[y]" in shown


def test_numbers_come_back_with_the_decimals_that_they_had() -> None:
    frame = pd.DataFrame(
        {
            "real": rng.normal(50, 9, 200).round(1),
            "positive": rng.lognormal(7, 0.7, 200).round(2),
            "proportion": rng.beta(2, 5, 200).round(3),
        }
    )
    schema = infer_schema(frame).schema
    assert [column.kind for column in schema.columns] == list(frame.columns)
    x, mask, _ = schema.encode(frame)
    pd.testing.assert_frame_equal(schema.decode(x, mask), frame, check_exact=True)
    assert Schema.from_dict(schema.to_dict()) == schema


def test_shortest_says_no_more_than_is_sure() -> None:
    v = np.array([57.899999798680575, 123456789.4, -0.019999999851, 0.0, np.nan, np.inf, 1e300])
    found = shortest(v, np.array([1e-6, 0.5, 1e-8, 1e-8, 1.0, 1.0, 1e290]))
    np.testing.assert_array_equal(found[:6], [57.9, 123456789.0, -0.02, 0.0, np.nan, np.inf])
    assert abs(found[6] - 1e300) <= 1e290
    assert shortest(v[:1], np.array([0.0]))[0] == v[0]


def test_hugging_face_columns_of_arrays_are_rows() -> None:
    datasets = pytest.importorskip("datasets")
    x = rng.normal(size=(20, 3)).astype(np.float32)
    data = datasets.Dataset.from_dict({"x": x.tolist(), "label": ["a", "b"] * 10})
    found = read_data(data, label="label")
    assert tuple(found.x_shape) == (3,)
    assert found.label_names == ("a", "b")
    coded = data.cast_column("label", datasets.ClassLabel(names=["a", "b"]))
    for form in (None, "torch", "numpy"):
        again = read_data(coded.with_format(form))
        assert tuple(again.x_shape) == (3,)
        assert again.label_names == ("a", "b")
    two = datasets.Dataset.from_dict({"u": x.tolist(), "v": x.tolist()})
    with pytest.raises(DataError, match="columns of arrays u, v; say which are the rows: array=NAME"):
        read_data(two)
    assert tuple(read_data(two, array="v").x_shape) == (3,)
    with pytest.raises(DataError, match="the cells of 'w' are no arrays of numbers of one shape"):
        read_data(datasets.Dataset.from_dict({"w": [[1.0], [1.0, 2.0]] * 5}))
