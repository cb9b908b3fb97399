"""The rules by which a page reads and writes a table's cells are the schema's; asked of the very file that is built."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from helpers import in_node
from helpers.chance import assert_mean_is
from helpers.explored import about, numbers
from helpers.in_node import needs_node
from helpers.small_table import KINDS, fitted, table
from latentia.data import Column, Schema, infer_schema
from latentia.evaluation import quiet
from latentia.evaluation.draws import row_totals
from latentia.runs import Run, as_table
from latentia.web.scene import write_scene
from latentia.web.scene.domains.table import cells_of, rule

DAY = 86_400 * 10**9


@pytest.fixture(scope="module")
def run() -> Run:
    return fitted(epochs=2)


@pytest.fixture(scope="module")
def scene(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scene(run, tmp_path_factory.mktemp("scene")).folder


def many_kinds(rows: int = 200) -> tuple[pd.DataFrame, Schema]:
    """Every kind of column, with dates, durations, truth values, whole numbers and numbered states besides."""
    random = np.random.default_rng(5)
    frame = table(rows, holes=0.1)
    frame["born"] = pd.Timestamp("1980-01-01") + pd.to_timedelta(random.integers(0, 9000, rows), unit="D")
    frame["seen"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 10**7, rows), unit="s")
    frame["stay"] = pd.to_timedelta(random.gamma(2.0, 3.0, rows).round(2), unit="D")
    frame["smokes"] = random.random(rows) < 0.3
    frame["beds"] = random.integers(1, 4, rows)
    frame["rank"] = random.integers(-500, 500, rows)
    return frame, infer_schema(frame, kinds=KINDS | {"beds": "category"}).schema


def asked(tmp_path: Path, what: str, given: dict[str, Any]) -> Any:
    return in_node.asked("columns.js", tmp_path, what, given)


def rules_of(schema: Schema) -> list[dict[str, Any]]:
    return json.loads(json.dumps([rule(c, at.start) for c, at in zip(schema.columns, schema.places, strict=True)]))


def test_the_cells_of_the_map_are_the_tables(run: Run, scene: Path) -> None:
    said = about(scene)
    cells = json.loads((scene / said["table_rows"]).read_text(encoding="utf-8"))["columns"]
    assert said["kind"] == "table"
    assert [column["name"] for column in said["columns"]] == list(KINDS)
    data = run.dataset()
    schema = data.schema
    assert schema is not None
    for name, (start, end) in said["splits"].items():
        split = data.split(name)
        frame = schema.decode(split.values(), split.mask)
        for column, values in zip(said["columns"], cells, strict=True):
            want = [None if pd.isna(cell) else cell for cell in frame[column["name"]].astype(object)]
            got = values[start:end]
            if column["states"]:
                got = [None if code is None else column["states"][code] for code in got]
            assert got == want, column["name"]


def test_a_table_has_its_map_and_its_scores(run: Run, scene: Path) -> None:
    said = about(scene)
    start, end = said["splits"]["test"]
    np.testing.assert_allclose(numbers(scene, "codes")[start:end], run.encode(split="test").numpy(), atol=1e-6)
    assert np.isfinite(numbers(scene, "scores")).all()
    assert (said["image"], said["thumbs"], said["manifold"]) == (None, None, None)


def test_scores_are_in_the_columns_own_units_as_those_of_score(run: Run, scene: Path) -> None:
    # One draw a row against 300: false-alarm rate 1e-6, by assert_mean_is.
    said, split = about(scene), run.dataset().split("test")
    schema = run.dataset().schema
    assert schema is not None
    units = np.zeros(len(split))
    frame = schema.decode(split.values(), split.mask)
    for column in schema.columns:
        if column.kind in ("binary", "category", "count"):
            continue
        cells = frame[column.name].to_numpy(float, na_value=np.nan)
        gain = -np.log(column.scale) - (np.log(cells) if column.kind == "positive" else 0.0 * cells)
        units += np.where(np.isnan(cells) | ((column.kind == "hurdle") & (cells == column.spike)), 0.0, gain)
    assert abs(units.mean()) > 1, "one unit could not be told from another"
    with quiet(run.model, run.posterior, seed=1):
        elbo = row_totals(run.model, run.posterior, split, 300).elbo
    start, end = said["splits"]["test"]
    away = torch.from_numpy(numbers(scene, "scores")[start:end] - units) - elbo
    assert_mean_is(away.unsqueeze(1), torch.zeros(1), "score less ELBO", size=float(elbo.abs().mean()))
    assert said["score_name"] == "ELBO from one draw, nats in the columns' own units"


def test_values_are_plain_numbers_in_own_units() -> None:
    frame, schema = many_kinds()
    encoded = schema.encode(frame)
    for column, at in zip(schema.columns, schema.places, strict=True):
        seen = encoded.mask[:, at].all(1).numpy()
        got = cells_of(column, encoded.x[:, at].double().numpy(), seen)
        assert [value is not None for value in got] == frame[column.name].notna().tolist()
        cells = frame[column.name]
        if column.kind in ("binary", "category"):
            want = [column.states[int(value)] for value in got if value is not None]
            assert want == cells.dropna().tolist()
            continue
        if cells.dtype.kind in "mM":
            cells = (
                (cells - pd.Timestamp(0)) / pd.Timedelta(days=1) if cells.dtype.kind == "M" else cells / pd.Timedelta(days=1)
            )
        want = cells.astype(float).to_numpy()
        lost = 4 * column.scale * 2.0**-24 * (1 + np.abs((want - column.shift) / column.scale))
        lost = 1e-5 * np.abs(want) if column.kind == "positive" else lost
        assert (np.abs(np.array([np.nan if v is None else v for v in got], float) - want)[seen] <= lost[seen] + 1e-12).all()


@needs_node
def test_javascript_reads_a_typed_cell_as_the_schema_does(tmp_path: Path) -> None:
    frame, schema = many_kinds(120)
    text = frame.astype(object).map(lambda cell: None if pd.isna(cell) else str(cell))
    odd = [
        "",
        "?",
        "NA",
        " 12 ",
        "1,234.5",
        "1 234",
        "\u22123",
        "1e3",
        "1e400",
        "abc",
        "007",
        "0.5",
        "-1",
        "1.5",
        "12.",
        ".5",
    ]
    odd += ["2020-02-30", "2020-02-29", "1999-12-31T23:59:30+01:30", "2020-01-01 12:30Z", "2020-13-01", "0.25x", "F", "true"]
    for name in text:
        text.loc[: len(odd) - 1, name] = odd
    text["stay"] = [cell if k < len(odd) else f"{k / 7:.3f}" for k, cell in enumerate(text["stay"])]
    want = schema.encode(text)
    rows = text.astype(object).where(text.notna(), None).to_dict("records")
    columns = rules_of(schema)
    got = asked(tmp_path, "given.rows.map((row) => rules.encodeRow(given.columns, row))", {"rows": rows, "columns": columns})
    mask = np.array([row["mask"] for row in got], bool)
    differ = np.argwhere(mask != want.mask.numpy())
    names = schema.value_names
    assert not len(differ), [(names[j], text.iloc[i][names[j].split("=")[0]], bool(mask[i, j])) for i, j in differ[:5]]
    x = np.array([row["x"] for row in got])
    np.testing.assert_allclose(x, want.x.numpy(), rtol=1e-6, atol=1e-6)
    assert sum(len(row["notes"]) for row in got) > 20


@needs_node
def test_javascript_writes_what_a_decoder_means_as_the_runs_own_table_does(run: Run, tmp_path: Path) -> None:
    schema = run.dataset().schema
    assert schema is not None
    torch.manual_seed(1)
    x = run.decode(3 * torch.randn(200, 2))
    # Chances near a half and values beyond the training rows', too.
    spike, number = next(at for c, at in zip(schema.columns, schema.places, strict=True) if c.kind == "hurdle"), slice(0, 1)
    x[:50, spike.start] = torch.linspace(0, 1, 50)
    x[50:60, number] *= 100
    check_decoded(schema, x, tmp_path)


@needs_node
def test_javascript_writes_dates_durations_and_states_as_the_schema_does(tmp_path: Path) -> None:
    frame, schema = many_kinds(80)
    frame = frame.ffill().bfill()
    check_decoded(schema, schema.encode(frame).x, tmp_path)
    cells = [cells_of(c, schema.encode(frame).x[:, at].double().numpy(), np.ones(80, bool)) for c, at in columns(schema)]
    given = {"cells": [list(column) for column in zip(*cells, strict=True)], "columns": rules_of(schema)}
    got = asked(tmp_path, "given.cells.map((row) => row.map((v, j) => rules.cellText(given.columns[j], v)))", given)
    texts = pd.DataFrame(got).set_axis([column.name for column in schema.columns], axis=1)
    assert texts["born"].tolist() == frame["born"].dt.strftime("%Y-%m-%d").tolist()
    away = (pd.to_datetime(texts["seen"]) - frame["seen"]).dt.total_seconds().abs()
    # float32 holds a place in a third of a year to within a second or two.
    assert away.max() <= 2
    assert texts["smokes"].str.lower().tolist() == frame["smokes"].astype(str).str.lower().tolist()
    assert texts["beds"].astype(int).tolist() == frame["beds"].tolist()
    assert texts["rank"].astype(int).tolist() == frame["rank"].tolist()
    assert texts["stay"].str.endswith(" days").all()


def columns(schema: Schema) -> list[tuple[Column, slice]]:
    return list(zip(schema.columns, schema.places, strict=True))


def check_decoded(schema: Schema, x: torch.Tensor, tmp_path: Path) -> None:
    """Every cell of every row is the table's."""
    given = {"x": x.double().tolist(), "columns": rules_of(schema)}
    got = asked(tmp_path, "given.x.map((row) => rules.decodeRow(given.columns, row).map((cell) => cell.value))", given)
    plain = Schema(
        tuple(c if c.states else replace(c, dtype="float64", whole=c.whole or "int" in c.dtype) for c in schema.columns)
    )
    want = as_table(plain, x)
    for j, (column, _) in enumerate(columns(schema)):
        values = [row[j] for row in got]
        if column.states:
            assert [column.states[value] for value in values] == want[column.name].tolist(), column.name
            continue
        truth = want[column.name].to_numpy(float)
        lost = 8 * column.scale * 2.0**-24 * (1 + np.abs(truth - column.shift) / column.scale)
        lost = 1e-5 * np.abs(truth) if column.kind == "positive" else lost
        # A whole number may be the next one where the mean lies half-way.
        assert (np.abs(np.array(values, float) - truth) <= lost + 1e-9).mean() > 0.98, column.name
