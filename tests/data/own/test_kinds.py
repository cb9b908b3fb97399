"""Which kind a column is taken for, by the stated rules; what is left out, and what is refused with which words."""

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest

from latentia.data import infer_schema

N = 400
rng = np.random.default_rng(7)
REALS, CITIES = rng.normal(0, 3, N), ["Bonn", "Kiel", "Ulm"]
KINDS: dict[str, tuple[Any, str, str]] = {
    "normal": (REALS, "real", "numbers from"),
    "whole and negative": (np.round(REALS), "real", "whole numbers from"),
    "log-normal": (np.exp(REALS / 3), "positive", "skewed"),
    "above 0 but not skewed": (50 + REALS, "real", "numbers from"),
    "fractions": (rng.beta(2, 2, N), "proportion", "fractions from"),
    "poisson": (rng.poisson(2, N), "count", "whole numbers from 0 to"),
    "few events": (rng.poisson(0.3, N), "count", "whole numbers from 0 to"),
    "floats that are counts": (rng.poisson(2, N).astype(float), "count", "whole numbers from 0 to"),
    "too large for counts": (np.r_[0, rng.integers(1, 10**7, N - 1)], "real", "whole numbers from 0 to"),
    "mostly zero, else large": (np.where(rng.random(N) < 0.8, 0, rng.gamma(3, 1000, N).round()), "hurdle", "0 in"),
    "mostly forty": (np.where(rng.random(N) < 0.5, 40, rng.integers(1, 90, N)), "hurdle", "40 in"),
    "two words": (np.where(rng.random(N) < 0.5, "yes", "no"), "binary", "two states, no, yes"),
    "two whole numbers": (rng.integers(1, 3, N), "binary", "two states, 1, 2"),
    "truth": (rng.random(N) < 0.5, "binary", "two states, False, True"),
    "words": (rng.choice(CITIES, N), "category", "3 states, Bonn, Kiel, Ulm"),
    "a category of pandas": (pd.Categorical(rng.choice([3, 1, 2], N)), "category", "3 states, 1, 2, 3"),
    "dates": (pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, N), "D"), "real", "dates"),
    "dates in text": ([f"20{i % 24:02d}-0{1 + i % 9}-1{i % 9}" for i in range(N)], "real", "dates"),
    "numbers in text": ([f"{1000 + 3 * i:,}" for i in range(N)], "real", "whole numbers from 1000 to"),
    "codes with zeros in front": ([f"0{i % 7}" for i in range(N)], "category", "7 states, 00, 01, 02"),
}


@pytest.mark.parametrize("what", KINDS)
def test_the_rules(what: str) -> None:
    values, kind, why = KINDS[what]
    found = infer_schema(pd.DataFrame({"v": values}))
    assert found.schema.columns[0].kind == kind
    assert why in found.reasons["v"]


LEFT_OUT: dict[str, tuple[Any, str]] = {
    "empty": ([None] * N, "every cell is missing"),
    "only blanks and question marks": (["", "?"] * (N // 2), "every cell is missing"),
    "constant": ([3.5] * N, "the same in every row"),
    "row numbers": (rng.permutation(N) + 17, "it counts the rows"),
    "ids": ([f"p{i}" for i in range(N)], "400 words that are all different, so ids"),
}


@pytest.mark.parametrize("what", LEFT_OUT)
def test_what_is_left_out(what: str, refused: Any) -> None:
    values, why = LEFT_OUT[what]
    found = infer_schema(pd.DataFrame({"v": values, "x": REALS}))
    assert dict(found.schema.dropped) == {"v": why}
    assert found.reasons["v"] == why
    with refused(f"no column is left to model ('v': {why}); give a table with columns that vary."):
        infer_schema(pd.DataFrame({"v": values}))


REFUSED: dict[str, tuple[Any, dict[str, str], str]] = {
    "free text": (
        [f"a sentence about {i}" for i in range(N)],
        {},
        "column 'v' looks like free text (400 different texts in 400 cells); leave it out: kinds 'v': 'drop', or say "
        "'category' if these are states.",
    ),
    "dates that can be read in two ways": (
        [f"{1 + i % 12}/{1 + i % 28}/2020" for i in range(N)],
        {},
        "column 'v' looks like dates that can be read in two ways (first '1/1/2020'); write them as 2020-12-31, or leave "
        "the column out: kinds 'v': 'drop'.",
    ),
    "numbers but for a few": (
        [*map(str, REALS[:-2]), "about 3", "x"],
        {},
        "column 'v' holds numbers but for 2 of 400 cells (first 'about 3' in row 398); correct or empty those, or say kinds "
        "'v': 'real' to take them as missing.",
    ),
    "infinite": (
        np.r_[REALS[:-1], np.inf],
        {},
        "column 'v' is infinite in 1 of 400 cells (first in row 399); correct them, or leave them empty.",
    ),
    "positive asked of negatives": (
        np.r_[-1.5, np.arange(1, N)],
        {"v": "positive"},
        "column 'v' cannot be 'positive': not every cell is above 0 (-1.5 to 399); use 'real'.",
    ),
    "count asked of fractions": (
        np.arange(N) / 2,
        {"v": "count"},
        "column 'v' cannot be 'count': not every cell is a whole number from 0 (0 to 199.5); use 'real'.",
    ),
    "binary asked of three": (
        [*CITIES, "Ulm"] * (N // 4),
        {"v": "binary"},
        "column 'v' cannot be 'binary': it has 3 states; use 'category'.",
    ),
    "real asked of what is constant": (
        [3.5] * N,
        {"v": "real"},
        "column 'v' cannot be 'real': the same in every row; use 'drop'.",
    ),
    "real asked of words": (
        [*CITIES, "Ulm"] * (N // 4),
        {"v": "real"},
        "column 'v' cannot be 'real': its cells hold no two different numbers; use 'drop'.",
    ),
    "an unknown column": (REALS, {"w": "real"}, "kinds names a column 'w', which is not there; known: v"),
    "an unknown kind": (REALS, {"v": "reall"}, "kinds says 'reall' of column 'v'; did you mean 'real'?"),
    "complex numbers": (
        REALS + 1j,
        {},
        "column 'v' holds complex128, which no kind takes; turn it into numbers or dates, or 'drop' it.",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(what: str, refused: Any) -> None:
    values, kinds, message = REFUSED[what]
    with refused(message):
        infer_schema(pd.DataFrame({"v": values}), kinds)


def test_what_was_said_wins() -> None:
    frame = pd.DataFrame(
        {"age": rng.integers(0, 90, N), "id": [f"p{i % 50}" for i in range(N)], "grade": rng.integers(1, 4, N)}
    )
    found = infer_schema(frame, {"age": "real", "id": "drop", "grade": "category"})
    assert [(c.name, c.kind) for c in found.schema.columns] == [("age", "real"), ("grade", "category")]
    assert found.schema.columns[1].states == (1, 2, 3)
    assert found.reasons == {"age": "as asked", "id": "as asked", "grade": "as asked"}
    text = pd.DataFrame({"v": [*map(str, REALS[:-1]), "x"]})
    schema = infer_schema(text, {"v": "real"}).schema
    assert schema.encode(text).notes == [
        "'v': 1 of 400 cells hold no number that a real takes (first 'x' in row 399); they are taken as missing."
    ]


def test_the_table_shown_before_the_fit_says_kind_likelihood_and_why() -> None:
    from rich.console import Console

    frame = pd.DataFrame({"age": np.where(np.arange(N) % 4 == 0, np.nan, REALS), "city": rng.choice(CITIES, N), "k": 1})
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(infer_schema(frame).table())
    lines = [" ".join(line.split()) for line in console.export_text().splitlines()]
    assert lines[0] == "column kind likelihood because missing"
    assert lines[1].startswith("age real normal numbers from")
    assert lines[1].endswith("25.0%")
    assert lines[2] == "city category categorical 3 states, Bonn, Kiel, Ulm"
    assert lines[3] == "k left out the same in every row"
