"""Scores, imputations and synthetic rows of a fitted run: tables stay tables, cells that were seen stay as they are."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.testing import assert_close

from helpers.small_table import KINDS, dataset, fitted, table
from latentia.cli import main
from latentia.core import Batch
from latentia.core.errors import DataError, LatentiaError, ShapeError
from latentia.data import from_arrays
from latentia.evaluation import score
from latentia.families import DiagonalNormal, Normal
from latentia.models import PPCA, Decoded
from latentia.networks import MLP
from latentia.posteriors import Amortized
from latentia.priors import StandardNormal
from latentia.runs import Run, fit


@pytest.fixture(scope="module")
def run() -> Run:
    return fitted()


@pytest.fixture(scope="module")
def array_run() -> Run:
    torch.manual_seed(0)
    truth = PPCA(1, 4)
    x = truth.sample(300)
    mask = torch.rand(300, 4) < 0.8
    model = Decoded(StandardNormal(1), MLP(1, [8], 4), Normal())
    network = MLP(Amortized.input_shape((4,), see_mask=True), [8], 1, per_value=2)
    data = from_arrays(torch.where(mask, x, torch.nan), mask=mask)
    return fit(model, Amortized(network, DiagonalNormal(), see_mask=True), data, epochs=2, progress=False)


def test_a_row_that_cannot_be_like_the_others_is_least_probable_and_its_column_is_named(run: Run) -> None:
    frame = table(60, seed=1, holes=0.0)
    frame.loc[7, "age"] = 400.0
    rich = int(frame["pay"].rank(pct=True).sub(0.8).abs().argmin())
    frame.loc[rich, "job"] = "cook"
    found = run.score(frame, draws=200)
    assert found.names == tuple(KINDS)
    assert found.shares is not None
    assert found.shares.shape == (60, 7)
    assert int(found.log_px.argmin()) == 7
    assert found.heaviest(2)[7][0].name == "age"
    assert found.heaviest(2)[7][0].nats > 50
    assert found.heaviest(1)[rich][0].name == "job"
    assert_close(found.shares.sum(-1) - found.rate, found.log_px)


def test_a_table_s_scores_are_in_the_columns_own_units(run: Run) -> None:
    frame = table(20, seed=2)
    schema = run.dataset().schema
    assert schema is not None
    x, mask, _ = schema.encode(frame)
    found = run.score(frame, draws=50)
    scaled = score(run.model, run.posterior, Batch(x, torch.arange(20), 20, None, mask), 50)
    scales = {c.name: np.log(c.scale) for c in schema.columns}
    want = scaled.log_px.clone()
    for row in range(20):
        cells = frame.iloc[row]
        want[row] -= sum(scales[name] for name in ("age", "share") if not pd.isna(cells[name]))
        if not pd.isna(cells["pay"]):
            want[row] -= scales["pay"] + np.log(cells["pay"])
        if not pd.isna(cells["gain"]) and cells["gain"] != 0:
            want[row] -= scales["gain"]
    assert_close(found.log_px, want, rtol=1e-4, atol=1e-3)
    assert found.observed is not None
    assert torch.equal(found.observed, torch.from_numpy(frame.notna().to_numpy(dtype=bool, copy=True)))
    unusual = found.unusual()
    assert unusual is not None
    assert not bool(unusual[~found.observed].any())


def test_missing_cells_are_filled_and_all_others_stay_as_they_are(run: Run) -> None:
    frame = table(80, seed=3, holes=0.25)
    found = run.impute(frame, multiple=3, draws=200)
    assert found.holes == int(frame.isna().to_numpy().sum())
    assert len(found.draws) == 3
    for filled in (found.values, *found.draws):
        assert isinstance(filled, pd.DataFrame)
        assert list(filled.columns) == list(frame.columns)
        assert int(filled.isna().to_numpy().sum()) == 0
        for name in frame:
            seen = frame[name].notna()
            assert filled.loc[seen, name].tolist() == frame.loc[seen, name].tolist(), name
        assert {"F", "M"} >= set(filled["sex"])
        assert {"cook", "clerk", "boss"} >= set(filled["job"])
        assert bool((filled["visits"] >= 0).all())
        assert filled["visits"].dtype.kind in "iu"
        assert filled["age"].dtype == frame["age"].dtype
        assert bool((filled["age"] == filled["age"].round()).all()), "whole as the training rows"
        assert bool(filled["share"].between(0, 1).all())
    assert any(not a.equals(b) for a, b in zip(found.draws, found.draws[1:], strict=False)), "draws differ"
    assert run.impute(frame, draws=200).values.equals(found.values)


def test_a_hurdle_is_filled_by_its_spike_or_by_its_mean(run: Run) -> None:
    frame = table(60, seed=8, holes=0.0)
    frame["gain"] = np.nan
    typical, mean = (run.impute(frame, draws=100, answer=how).values["gain"] for how in ("typical", "mean"))
    assert int((typical == 0).sum()) > 10
    assert int((mean == 0).sum()) == 0, "no mean is the spike itself"
    drawn = np.mean([one["gain"].to_numpy() for one in run.impute(frame, multiple=200, draws=500).draws], 0)
    assert float(np.corrcoef(mean, drawn)[0, 1]) > 0.98
    assert abs(float(mean.mean() - drawn.mean())) < 0.1 * float(drawn.mean())
    with pytest.raises(LatentiaError, match="answer is 'median'"):
        run.impute(frame, answer="median")  # pyright: ignore[reportArgumentType]


def test_a_fit_fills_better_than_means_and_modes_do(run: Run) -> None:
    """Deterministic by its seeds; z explains most of each column."""
    whole, holed = table(200, seed=5, holes=0.0), table(200, seed=5, holes=0.3)
    filled, hidden = run.impute(holed, draws=200).values, holed.isna()
    train = table()
    age = hidden["age"]
    error = float((filled["age"] - whole["age"])[age].pow(2).mean())
    assert error < 0.5 * float((whole["age"] - train["age"].mean())[age].pow(2).mean())
    job = hidden["job"]
    right = float((filled["job"] == whole["job"])[job].mean())
    assert right > float((whole["job"] == train["job"].mode()[0])[job].mean()) + 0.1


def test_a_column_that_the_table_lacks_is_added_and_strangers_are_kept(run: Run) -> None:
    frame = table(10, seed=4).drop(columns="pay").assign(note="x")
    frame["job"] = frame["job"].astype(object)
    frame.loc[0, "job"] = "pilot"  # no training row has it
    found = run.impute(frame, draws=50)
    assert list(found.values.columns) == [*frame.columns, "pay"]
    assert found.values["pay"].notna().all()
    assert found.values.loc[0, "job"] == "pilot"
    assert any("pay" in note for note in found.notes)
    assert any("pilot" in note for note in run.score(frame, draws=20).notes)


def test_synthetic_rows_are_a_table_of_the_same_columns_and_types(run: Run) -> None:
    full = table(400, holes=0.0)
    for mean in (False, True):
        drawn = run.sample(50, mean=mean, seed=1)
        assert isinstance(drawn, pd.DataFrame)
        assert list(drawn.columns) == list(full.columns)
        assert int(drawn.isna().to_numpy().sum()) == 0
        assert {"F", "M"} >= set(drawn["sex"])
        assert bool(drawn["age"].between(table()["age"].min(), table()["age"].max()).all()), "within the training rows"
        assert bool((drawn["gain"] >= 0).all())
    assert run.sample(50, seed=1).equals(run.sample(50, seed=1))
    big = run.sample(2000)
    assert abs(float((big["gain"] == 0).mean() - (full["gain"] == 0).mean())) < 0.15


def test_arrays_are_scored_and_filled_with_nan_as_missing(array_run: Run) -> None:
    x = array_run.dataset().test.values()[:20].clone()
    x[3, 1] = x[5, :2] = torch.nan
    found = array_run.impute(x, multiple=2, draws=100)
    seen = ~x.isnan()
    assert torch.equal(found.values[seen], x[seen])
    assert bool(found.values.isfinite().all())
    assert found.holes == 3
    assert [tuple(one.shape) for one in found.draws] == [(20, 4)] * 2
    scored = array_run.score(x, draws=100)
    assert scored.names == tuple(f"value {i}" for i in range(4))
    assert scored.shares is not None
    assert not bool(scored.shares[~seen].any())
    assert_close(array_run.score(x.nan_to_num(), mask=seen, draws=100).log_px, scored.log_px)
    own = array_run.score(draws=20)
    assert len(own.log_px) == len(array_run.dataset().test)


def test_what_cannot_be_asked_is_refused(run: Run, array_run: Run) -> None:
    with pytest.raises(DataError, match="was not fitted on a table"):
        array_run.score(table(5))
    with pytest.raises(ShapeError, match="shaped like those fitted on"):
        array_run.score(torch.zeros(3, 5))
    with pytest.raises(DataError, match="nothing is missing"):
        array_run.impute(torch.zeros(3, 4))
    with pytest.raises(LatentiaError, match="draws is 0"):
        run.score(table(5), draws=0)
    whole = run.impute(table(5, holes=0.0), draws=10)
    assert (whole.holes, len(whole.draws)) == (0, 0)


def latentia(*arguments: Any, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(one) for one in arguments])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_a_table_file_is_scored_and_filled(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run.save(tmp_path / "run")
    frame = table(30, seed=6)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    code, said, complaint = latentia(
        "score",
        tmp_path / "run",
        tmp_path / "rows.csv",
        "--out",
        tmp_path / "s.csv",
        "--draws",
        30,
        "--shares",
        capsys=capsys,
    )
    assert code == 0, complaint
    assert "the least probable of 30 rows" in said
    with (tmp_path / "s.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 30
    assert {"row", "log_px", "error", "effective_draws", "unusual_1", "unusual_3_nats", "share job"} <= lines[0].keys()
    shares = sum(float(lines[0][f"share {name}"]) for name in KINDS)
    assert shares >= float(lines[0]["log_px"]) - 0.5
    code, said, complaint = latentia(
        *("impute", tmp_path / "run", tmp_path / "rows.csv", "--out", tmp_path / "f.csv", "--multiple", 2, "--draws", 30),
        capsys=capsys,
    )
    assert code == 0, complaint
    assert f"{int(frame.isna().to_numpy().sum())} holes filled in 30 rows" in said
    for name in ("f.csv", "f-1.csv", "f-2.csv"):
        filled = pd.read_csv(tmp_path / name)
        assert list(filled.columns) == list(frame.columns)
        assert int(filled.isna().to_numpy().sum()) == 0
        assert filled["visits"].dtype.kind == "i"
    code, _, complaint = latentia(
        "impute", tmp_path / "run", tmp_path / "rows.csv", "--out", tmp_path / "f.npy", capsys=capsys
    )
    assert code == 1
    assert "the rows are a table" in complaint
    code, said, complaint = latentia("sample", tmp_path / "run", "-n", 12, capsys=capsys)
    assert code == 0, complaint
    drawn = pd.read_csv(tmp_path / "run" / "samples.csv")
    assert (len(drawn), list(drawn.columns)) == (12, list(frame.columns))


def test_an_array_file_is_scored_and_filled_from_a_saved_run(
    array_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    array_run.save(tmp_path / "run")
    x = array_run.dataset().test.values()[:9].numpy().copy()
    x[2, 0] = np.nan
    np.save(tmp_path / "x.npy", x)
    where = tmp_path / "run", tmp_path / "x.npy", "--draws", 20
    code, _, complaint = latentia("score", *where, "--out", tmp_path / "s.csv", "--top", 1, capsys=capsys)
    assert code == 0, complaint
    code, said, complaint = latentia("impute", *where, "--out", tmp_path / "x.npz", "--multiple", 2, capsys=capsys)
    assert code == 0, complaint
    assert "1 holes filled in 9 rows" in said
    filled = np.load(tmp_path / "x.npz")
    assert filled["draws"].shape == (2, 9, 4)
    assert np.isfinite(filled["x"]).all()
    latentia("impute", *where, "--out", tmp_path / "y.npy", "--multiple", 1, capsys=capsys)
    assert np.load(tmp_path / "y-1.npy").shape == (9, 4)
    code, _, complaint = latentia("score", *where, "--out", tmp_path / "s.txt", capsys=capsys)
    assert (code, "wanted .csv" in complaint) == (1, True)


def test_a_run_on_a_table_is_measured_and_reported(run: Run, tmp_path: Path) -> None:
    numbers = run.evaluate(draws=10)
    assert np.isfinite(numbers.elbo.value)
    assert dataset().schema == run.dataset().schema
    page = run.write_report(tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Reconstructions" in page
    section = page.split('<section id="columns">')[1].split("</section>")[0]
    assert all(f">{name}</th>" in section for name in KINDS)
    assert "category of 3 states" in section
