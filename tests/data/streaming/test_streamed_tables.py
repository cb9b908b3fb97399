"""A Parquet file that stays on disk gives the schema, the rows and the cuts of one that is read whole."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch

from latentia.core.errors import DataError, LatentiaError
from latentia.data import Dataset, Split, Streamed, infer_schema, read_data
from latentia.data.streaming.parquet_source import ParquetSource, Slices

N = 900


def table(n: int = N) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": rng.normal(35, 5, n),
            "income": rng.lognormal(10, 1, n),
            "share": rng.beta(2, 3, n),
            "city": rng.choice(["Bonn", "Kiel", "Ulm"], n),
            "smoker": rng.random(n) < 0.2,
            "two": rng.choice([3, 7], n),
            "children": rng.poisson(2, n),
            "gain": np.where(rng.random(n) < 0.7, 0, rng.gamma(2, 500, n)),
            "joined": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), "D"),
            "same": 1.5,
            "plan": rng.choice(["a", "b", "c"], n),
            "who": rng.integers(0, 60, n),
            "part": rng.choice(["train", "train", "train", "valid", "test"], n),
        }
    )
    frame.loc[rng.random(n) < 0.1, "age"] = np.nan
    frame.loc[rng.random(n) < 0.1, "city"] = None
    frame["children"] = frame["children"].astype("Int64").mask(rng.random(n) < 0.05)
    return frame


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latentia.data.streaming.parquet_source.SLICE_ROWS", (16, 16))
    monkeypatch.setattr("latentia.data.streaming.tables.BUFFER_BYTES", 2000)


def written(path: Path, frame: Any, rows: int = 100) -> Path:
    pyarrow.parquet.write_table(pa.Table.from_pandas(frame, preserve_index=False), path / "t.parquet", row_group_size=rows)
    return path / "t.parquet"


def both(path: Path, **options: Any) -> tuple[Dataset, Dataset]:
    return read_data(path, **options), read_data(path, stream="always", **options)


def lines(split: Any) -> np.ndarray:
    """(N, 2 V) values and masks, in an order of their own."""
    parts = [
        torch.cat([b.x, torch.ones_like(b.x) if b.mask is None else b.mask.float()], 1) for b in split.batches(64, True)
    ]
    values = torch.cat(parts).numpy()
    return values[np.lexsort(values.T)]


CUTS: dict[str, dict[str, Any]] = {
    "shares": {},
    "label": {"label": "plan", "stratify": False},
    "classes": {"label": "plan", "stratify": True},
    "groups": {"group": "who"},
    "a column": {"split": "part", "label": "plan"},
    "kinds": {"kinds": {"children": "real", "joined": "drop"}},
}


@pytest.mark.parametrize("name", CUTS)
def test_schema_rows_and_cuts_are_those_of_memory(name: str, tmp_path: Path) -> None:
    kept, left = both(written(tmp_path, table()), **CUTS[name])
    assert isinstance(left.train, Streamed)
    assert left.schema == kept.schema
    assert left.inferred is not None
    assert kept.inferred is not None
    assert left.inferred.reasons == kept.inferred.reasons
    assert left.inferred.missing == pytest.approx(kept.inferred.missing)
    assert left.label_names == kept.label_names
    assert np.array_equal(lines(left.train), lines(kept.train))
    for part in ("valid", "test"):
        want: Split = getattr(kept, part)
        got: Split = getattr(left, part)
        assert np.array_equal(lines(want), lines(got))
        assert (want.labels is None) == (got.labels is None)
        if name in ("shares", "label") and want.labels is not None and got.labels is not None:
            assert torch.equal(want.labels, got.labels)
    assert left.train.values_a_row() == pytest.approx(kept.train.values_a_row())
    if kept.train.labels is not None:
        assert left.train.labels is not None
        assert left.train.labels.bincount().tolist() == kept.train.labels.bincount().tolist()


def test_rows_come_once_by_the_seed_and_are_skipped_without_a_difference(tmp_path: Path) -> None:
    narrow = table()[["age", "city", "gain"]]
    train = read_data(written(tmp_path, narrow, rows=50), stream="always").train
    whole = list(train.batches(32, True, torch.Generator().manual_seed(1)))
    assert torch.cat([b.row for b in whole]).sort().values.tolist() == list(range(len(train)))
    for skip in (0, 5, len(whole) - 1):
        rest = list(train.batches(32, True, torch.Generator().manual_seed(1), skip=skip))
        assert all(torch.equal(a.x, b.x) and torch.equal(a.row, b.row) for a, b in zip(whole[skip:], rest, strict=True))
    batch = whole[3]
    assert torch.equal(train.batch(batch.row).x, batch.x)


def test_rows_that_a_sample_does_not_show_reach_the_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = table()
    frame["part"] = "train"
    frame["late"] = 2.0
    frame.loc[N - 3, "city"] = "Trier"
    frame.loc[N - 4, "same"] = 9.0
    frame.loc[N - 5, "late"] = 1.25
    frame["mostly"] = np.arange(N) % 5
    frame["mostly"] = frame["mostly"].astype(float)
    frame.loc[N - 6, "mostly"] = 2.5
    path = written(tmp_path, frame)
    whole = read_data(path, split="part")
    monkeypatch.setattr("latentia.data.streaming.tables.SAMPLE", 60)
    left = read_data(path, split="part", stream="always")
    assert whole.schema is not None
    assert left.schema is not None
    want, got = {c.name: c for c in whole.schema.columns}, {c.name: c for c in left.schema.columns}
    assert got["city"].states == want["city"].states == ("Bonn", "Kiel", "Trier", "Ulm")
    assert "same" in got
    assert got["mostly"].kind == want["mostly"].kind == "real"
    for name in ("age", "income", "joined", "mostly"):
        one, other = want[name], got[name]
        assert (one.kind, one.low, one.high, one.whole) == (other.kind, other.low, other.high, other.whole)
        assert (other.shift, other.scale) == pytest.approx((one.shift, one.scale), rel=1e-9)


def test_many_columns_at_once_are_encoded_as_each_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    n = 70
    x = {f"r{i}": rng.normal(i, i + 1, n) for i in range(80)} | {f"c{i}": rng.poisson(3, n) for i in range(3)}
    frame = pd.DataFrame(
        {**x, "p": rng.lognormal(0, 1, n), "q": rng.random(n), "b": rng.random(n) < 0.5, "h": rng.choice([1, 4], n)}
    )
    schema = infer_schema(frame).schema
    odd = frame.astype({"c0": float, "h": float})
    odd.loc[3, "r5"], odd.loc[4, "r6"], odd.loc[5, "p"], odd.loc[6, "q"] = np.nan, np.inf, -1.0, 1.5
    odd.loc[7, "c0"], odd.loc[8, "h"], odd.loc[9, "r7"] = 2.5, 2.0, 1e300
    path = written(tmp_path, odd, rows=33)
    source = ParquetSource(path, schema)
    got = source.rows(np.arange(n)).numpy()
    want = schema.encode(odd)
    assert np.array_equal(~np.isnan(got), want.mask.numpy())
    assert np.array_equal(np.nan_to_num(got), want.x.numpy())


def test_a_slice_is_the_same_in_whatever_order_it_is_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, pd.DataFrame({"a": np.arange(N)}), rows=70)
    slices = Slices(path)
    order = torch.randperm(len(slices), generator=torch.Generator().manual_seed(0)).tolist()
    for block in [*order, 0, 0, len(slices) - 1]:
        start, stop = slices.starts[block], slices.starts[block + 1]
        assert slices.read(block).column("a").to_pylist() == list(range(start, stop))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "label": ({"label": "plam"}, "label is 'plam', which is no column; did you mean 'plan'?"),
    "kinds": ({"kinds": {"plan": "reel"}}, "kinds says 'reel' of column 'plan'"),
    "split": ({"split": "plan"}, "column 'plan' says '"),
    "binarize": ({"binarize": "dynamic"}, "binarize='dynamic' is for grey levels, and this is a table"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_as_of_memory(name: str, tmp_path: Path) -> None:
    path, (options, message) = written(tmp_path, table()), WRONG[name]
    said = []
    for stream in ("never", "always"):
        with pytest.raises(LatentiaError) as error:
            read_data(path, stream=stream, **options)
        said.append(str(error.value))
    assert message in said[0]
    assert said[0] == said[1]


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    frame = table()
    frame.loc[N - 1, "income"] = np.inf
    frame["part"] = "train"
    path = written(tmp_path, frame)
    with pytest.raises(DataError, match=rf"column 'income' is infinite in 1 of {N} cells \(first in row {N - 1}\)"):
        read_data(path, stream="always", split="part")
    with pytest.raises(DataError, match="stand alone; put all into one"):
        read_data(path, stream="always", test=path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(DataError, match="damaged"):
        read_data(path, stream="always")


def test_few_row_groups_of_many_rows_are_told(tmp_path: Path) -> None:
    narrow = table()[["age"]]
    one = read_data(written(tmp_path, narrow, rows=N), stream="always")
    assert one.notes[-1].startswith("it has 1 row groups")
    many = read_data(written(tmp_path, narrow, rows=40), stream="always")
    assert "row groups" not in many.notes[-1]
