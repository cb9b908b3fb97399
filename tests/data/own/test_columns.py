"""Columns as values: what goes in comes out, own units keep their nats, and nothing at prediction time is refused."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from latentia.core.errors import DataError
from latentia.data import Column, Schema, infer_schema

FLOAT32 = 2.0**-22
quick = settings(max_examples=60, deadline=None, derandomize=True, database=None)
WORDS = st.sampled_from(["a", "b", "c d", "é", "yes", "no", "0", "NaN?"])
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "real": st.floats(-1e6, 1e6, allow_nan=False),
    "positive": st.floats(1e-3, 1e6),
    "proportion": st.floats(0, 1),
    "count": st.integers(0, 1000),
    "hurdle": st.one_of(st.just(0.0), st.floats(1, 1e4)),
    "category": WORDS,
    "binary": st.booleans(),
}


def columns(kind: str) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.one_of(st.none(), CELLS[kind]), min_size=4, max_size=30).filter(
        lambda cells: len({cell for cell in cells if cell is not None}) > 2 - (kind == "binary")
    )


def schema_of(kind: str, cells: list[Any]) -> tuple[Schema, pd.DataFrame]:
    frame = pd.DataFrame({"v": pd.Series(cells, dtype=object if kind in ("category", "binary") else "float64")})
    return infer_schema(frame, {"v": kind}).schema, frame


@pytest.mark.parametrize("kind", CELLS)
def test_decode_undoes_encode(kind: str) -> None:
    @quick
    @given(columns(kind))
    def holds(cells: list[Any]) -> None:
        schema, frame = schema_of(kind, cells)
        x, mask, notes = schema.encode(frame)
        assert not notes
        back = schema.decode(x, mask)["v"]
        column = schema.columns[0]
        assert back.isna().tolist() == [cell is None for cell in cells]
        for cell, found in zip(cells, back, strict=True):
            if cell is None:
                continue
            if kind in ("category", "binary"):
                assert found == cell
            else:
                # a value of z units keeps z * 2^-24 of them, and a logarithm turns that into a share of v
                z = abs(float((np.log(cell) if kind == "positive" else cell) - column.shift)) / column.scale
                slack = column.scale * (z + 1) * FLOAT32 * (abs(cell) if kind == "positive" else 1) + 1e-9
                assert abs(found - cell) <= slack

    holds()


DTYPES = ("int8", "int64", "uint16", "Int64", "float32", "Float64", "bool", "boolean", "object", "string")


@pytest.mark.parametrize("dtype", DTYPES)
def test_decode_restores_the_type(dtype: str) -> None:
    values: list[Any] = [True, False, True, True] * 6 if "bool" in dtype else [f"w{i % 3}" for i in range(24)]
    if dtype[0] in "iufIF":
        values = [3 * i % 50 + 1 for i in range(24)]
    frame = pd.DataFrame({"v": pd.Series(values).astype(dtype)})
    schema = infer_schema(frame).schema
    back = schema.decode(schema.encode(frame).x)
    pd.testing.assert_frame_equal(back, frame, check_exact=False, rtol=1e-5)
    # with a hole it takes the type's relative that can hold one
    x, mask, _ = schema.encode(frame)
    mask[5] = False
    holed = schema.decode(x, mask)["v"]
    assert holed.isna().tolist() == [row == 5 for row in range(24)]


def test_decode_restores_categories_and_dates() -> None:
    n = 24
    frame = pd.DataFrame(
        {
            "size": pd.Categorical(["s", "m", "l"] * 8, categories=["s", "m", "l", "xl"], ordered=True),
            "grade": pd.Categorical([3, 1, 2] * 8, categories=[1, 2, 3]),
            "day": pd.Timestamp("1999-12-31") + pd.to_timedelta(np.arange(n) ** 2, "D"),
            "zone": pd.Timestamp("1999-12-31", tz="Europe/Berlin") + pd.to_timedelta(np.arange(n) ** 2, "D"),
            "lasted": pd.to_timedelta(np.arange(n) ** 2, "D"),
        }
    )
    schema = infer_schema(frame).schema
    assert [column.kind for column in schema.columns] == ["category", "category", "real", "real", "real"]
    back = schema.decode(schema.encode(frame).x)
    want = frame.assign(size=frame["size"].cat.remove_unused_categories())
    # A time of day is kept to the seconds that float32 leaves of a year; whole days come back as they were.
    assert ((back["zone"] - want["zone"]).abs() < pd.Timedelta(seconds=30)).all()
    pd.testing.assert_frame_equal(back.drop(columns="zone"), want.drop(columns="zone"))
    assert back["zone"].dtype == want["zone"].dtype


@pytest.mark.parametrize("kind", ["real", "positive", "proportion", "hurdle"])
def test_slopes_are_those_of_differences(kind: str) -> None:
    """The slope of encode by central differences in float64, to its error of h^2 and of rounding by h."""
    rng = np.random.default_rng(0)
    v = {"real": rng.normal(30, 9, 50), "positive": rng.lognormal(2, 1, 50), "proportion": rng.beta(2, 3, 50)}.get(kind)
    v = np.where(np.arange(50) % 2 == 0, 0.0, rng.gamma(2, 10, 50)) if v is None else v
    frame = pd.DataFrame({"v": v})
    schema = infer_schema(frame, {"v": kind}).schema
    column, h = schema.columns[0], 1e-4
    low, high = (column.encode(pd.Series(v * (1 + sign * h)))[0][:, -1] for sign in (-1, 1))
    moves = v != 0
    slopes = schema.log_slopes(schema.encode(frame).x)[:, 0].numpy()
    want = np.log((high - low)[moves] / (2 * h * v[moves]))
    np.testing.assert_allclose(slopes[moves], want, atol=2e-6)
    np.testing.assert_array_equal(slopes[~moves], 0)


def test_a_slope_turns_nats_of_the_scaled_value_into_nats_of_the_own_unit() -> None:
    """A log-normal's density, once by SciPy and once through the schema."""
    from scipy.stats import lognorm, norm

    v = np.random.default_rng(1).lognormal(3, 0.7, 40)
    frame = pd.DataFrame({"v": v, "w": v - 20})
    schema = infer_schema(frame, {"v": "positive", "w": "real"}).schema
    x = schema.encode(frame).x.double().numpy()
    own = norm.logpdf(x) + schema.log_slopes(x).numpy()
    first, second = schema.columns
    densities = (
        lognorm.logpdf(v, first.scale, scale=np.exp(first.shift)),
        norm.logpdf(v - 20, second.shift, second.scale),
    )
    want = np.stack(densities, 1)
    np.testing.assert_allclose(own, want, atol=1e-4)


def test_states_and_counts_have_masses_so_their_slopes_are_zero() -> None:
    frame = pd.DataFrame({"a": ["x", "y", "z"] * 8, "b": [True, False] * 12, "c": [0, 1, 5] * 8})
    schema = infer_schema(frame).schema
    assert torch.equal(schema.log_slopes(schema.encode(frame).x), torch.zeros(24, 3))


@pytest.fixture
def people(a_frame: Any) -> tuple[Schema, pd.DataFrame]:
    frame = a_frame(40)
    return infer_schema(frame).schema, frame


def test_what_stands_where(people: tuple[Schema, pd.DataFrame]) -> None:
    schema, frame = people
    assert [(c.name, c.kind) for c in schema.columns] == [
        ("age", "real"), ("city", "category"), ("sex", "binary"), ("children", "count"), ("born", "real"),
    ]  # fmt: skip
    assert schema.widths == (1, 3, 1, 1, 1)
    assert schema.n_values == 7
    assert schema.places == (slice(0, 1), slice(1, 4), slice(4, 5), slice(5, 6), slice(6, 7))
    assert schema.value_names == ("age", "city=Bonn", "city=Kiel", "city=Ulm", "sex=m", "children", "born")
    x, mask, _ = schema.encode(frame)
    assert x.dtype == torch.float32
    assert torch.equal(mask[:, 0], torch.from_numpy(frame["age"].notna().to_numpy()))
    assert bool((x[~mask] == 0).all())
    assert torch.equal(x[:, 1:4].argmax(1), torch.tensor([["Bonn", "Kiel", "Ulm"].index(city) for city in frame["city"]]))
    assert torch.equal(x[:, 5], torch.tensor(frame["children"].to_numpy(), dtype=torch.float32))
    seen = x[mask[:, 0], 0]
    assert abs(float(seen.mean())) < 1e-6
    assert abs(float(seen.std(correction=0)) - 1) < 1e-6


def test_nothing_is_refused_at_prediction_time(people: tuple[Schema, pd.DataFrame]) -> None:
    schema, _ = people
    new = pd.DataFrame({
        "age": ["41", "old", None, "1,000.5"],
        "city": ["Ulm", "Rome", "", "Kiel"],
        "children": [2, -1, 1.5, "3"],
        "born": ["1999-01-01", "soon", "NA", "2000-02-30"],
        "extra": [1, 2, 3, 4],
    })  # fmt: skip
    x, mask, notes = schema.encode(new)
    assert notes == [
        "'extra' is no column of the schema; it is ignored.",
        "'age': 1 of 4 cells hold no number that a real takes (first 'old' in row 1); they are taken as missing.",
        "'city': 1 of 4 cells hold a state that no training row has (first 'Rome' in row 1); they are taken as missing.",
        "there is no column 'sex'; it is taken as missing in every row.",
        "'children': 2 of 4 cells hold no number that a count takes (first '-1' in row 1); they are taken as missing.",
        "'born': 2 of 4 cells hold no number that a real takes (first 'soon' in row 1); they are taken as missing.",
    ]
    assert mask.int().tolist() == [
        [1, 1, 1, 1, 0, 1, 1],
        [0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 1, 0],
    ]
    assert bool((x[~mask] == 0).all())
    back = schema.decode(x, mask)
    assert back["age"].tolist()[0] == pytest.approx(41, abs=1e-4)
    assert back["born"][0] == pd.Timestamp("1999-01-01")
    assert list(back.columns) == [c.name for c in schema.columns]


def test_what_a_model_draws_becomes_cells_that_can_be(people: tuple[Schema, pd.DataFrame]) -> None:
    schema, _ = people
    chances = torch.tensor([[9.0, 0.2, 0.5, 0.3, 0.7, 2.6, 1e9], [-9.0, 0.4, 0.3, 0.3, 0.2, -3.0, -1e9]])
    back = schema.decode(chances)
    assert back["city"].tolist() == ["Kiel", "Bonn"]
    assert back["sex"].tolist() == ["m", "f"]
    assert back["children"].tolist() == [3, 0]
    assert bool(back["born"].notna().to_numpy().all())
    share = Schema((Column("p", "proportion", shift=-0.005, scale=1.01),))
    assert share.decode([[1.0], [0.0], [0.5]])["p"].tolist() == pytest.approx([1, 0, 0.5])


def test_a_schema_travels_through_json(people: tuple[Schema, pd.DataFrame]) -> None:
    import json

    schema, frame = people
    whole = Schema(schema.columns, {"id": "as asked"})
    again = Schema.from_dict(json.loads(json.dumps(whole.to_dict())))
    assert again == whole
    assert torch.equal(again.encode(frame).x, whole.encode(frame).x)


WRONG: list[tuple[Any, str]] = [
    (None, 'a schema is {"columns": [{"name": ..., "kind": ...}, ...], "dropped": {name: why}}.'),
    ({"columns": []}, 'a schema is {"columns": [{"name": ..., "kind": ...}, ...], "dropped": {name: why}}.'),
    ({"columns": [3]}, 'a column of a schema wants at least {"name": ..., "kind": ...}.'),
    ({"columns": [{"name": "a", "kind": "reel"}]}, "column 'a' is of kind 'reel'; did you mean 'real'?"),
    ({"columns": [{"name": "a", "kind": "real", "scael": 1}]}, "a column of a schema has no 'scael'; did you mean 'scale'?"),
    ({"columns": [{"name": "a", "kind": "real", "scale": "1"}]}, "column 'a' of the schema has a wrong scale (str)."),
    (
        {"columns": [{"name": "a", "kind": "real", "scale": 0}]},
        "column 'a' has shift 0.0 and scale 0, wanted finite ones and a scale above 0.",
    ),
    (
        {"columns": [{"name": "a", "kind": "category", "states": ["x", "x "]}]},
        "column 'a', a category, has 2 states, wanted 2 to 10000 that differ.",
    ),
    (
        {"columns": [{"name": "a", "kind": "real", "dtype": "os.system"}]},
        "column 'a' has dtype 'os.system', wanted a name such as float64, int64, bool or object.",
    ),
    ({"columns": [{"name": "a", "kind": "real"}] * 2}, "two columns are called 'a'; rename one."),
    (
        {"columns": [{"name": "a", "kind": "hurdle"}]},
        "column 'a' is a hurdle with spike None, wanted the number that so many of its cells hold.",
    ),
]


@pytest.mark.parametrize(("values", "message"), WRONG)
def test_what_is_no_schema_is_refused(values: Any, message: str, refused: Any) -> None:
    with refused(message):
        Schema.from_dict(values)


def test_rows_of_another_length_are_refused(people: tuple[Schema, pd.DataFrame]) -> None:
    schema, _ = people
    with pytest.raises(DataError, match=r"rows have shape \(2, 3\), wanted \(N, 7\)"):
        schema.decode(np.zeros((2, 3)))
    with pytest.raises(DataError, match="the table has no rows"):
        schema.encode(pd.DataFrame({"age": []}))
