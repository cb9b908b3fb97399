"""What ``latentia score`` and ``latentia impute`` do, once their arguments are read."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text

from latentia.cli.tables import picture_and_arrays, write_npz
from latentia.core.errors import DataError
from latentia.runs import Scored, load, schema_of

SHOWN = 10
# A weighted figure from fewer effective draws than this is not to be leaned on.
FEW_DRAWS = 10
TABLES, ARRAYS = (".csv", ".parquet"), (".npy", ".npz")


def score_command(
    folder: Path,
    data: str | None,
    out: Path | None,
    top: int,
    shares: bool,
    split: str,
    draws: int,
    seed: int,
    memory: int,
) -> None:
    """Write a line for each row, and show the least probable ones."""
    out = out or folder / "scores.csv"
    check_out(out, (".csv",))
    found = load(folder).score(data, draws=draws, split=split, seed=seed, memory=memory)
    if shares and (found.shares is None or len(found.names) > 2000):
        raise DataError("--shares wants a likelihood that splits into at most 2,000 parts; leave it out.")
    _write_scores(out, found, top, shares)
    console = Console()
    _say(console, found.notes)
    console.print(_least_probable(found, top))
    few = int((found.effective < FEW_DRAWS).sum())
    if few:
        _say(console, [f"{few} of {len(found.log_px)} rows rest on fewer than {FEW_DRAWS} effective draws; raise --draws."])
    _say(console, [f"wrote {out}"])


def impute_command(
    folder: Path, data: str | None, out: Path | None, multiple: int, split: str, draws: int, seed: int, memory: int
) -> None:
    """Write the filled rows; M completed copies beside them as <name>-1, ..., or as an array of the .npz."""
    if out is not None:
        check_out(out, TABLES + ARRAYS)
    run = load(folder)
    is_table = schema_of(run) is not None
    out, wanted = out or folder / ("filled.csv" if is_table else "filled.npz"), TABLES if is_table else ARRAYS
    if out.suffix not in wanted:
        what = "a table" if is_table else "an array"
        raise DataError(f"--out {out} ends in {out.suffix}, but the rows are {what}; write {' or '.join(wanted)}.")
    check_out(out, wanted)
    found = run.impute(data, multiple=multiple, draws=draws, split=split, seed=seed, memory=memory)
    console = Console()
    _say(console, found.notes)
    written = write_tables(out, [found.values, *found.draws]) if is_table else _write_arrays(out, found)
    rows = len(found.effective)
    few = int((found.effective < FEW_DRAWS).sum())
    doubt = f", {few} of them by fewer than {FEW_DRAWS} effective draws: raise --draws" if few else ""
    _say(console, [f"{found.holes} holes filled in {rows} rows{doubt}", *(f"wrote {path}" for path in written)])


def targets(out: Path | None, default: Path, is_table: bool) -> tuple[Path, Path]:
    """Where a command's picture and its arrays go; both are one file of a table. ``default`` ends as ``--out`` may of rows.

    Raises:
        DataError: another ending, or no such folder.
    """
    if not is_table:
        return picture_and_arrays(out, default)
    table = out or default.with_suffix(".csv")
    check_out(table, TABLES)
    return table, table


def check_out(out: Path, endings: tuple[str, ...]) -> None:
    if out.suffix not in endings:
        raise DataError(f"--out {out} ends in {out.suffix or 'nothing'}, wanted {' or '.join(endings)}.")
    if not out.parent.is_dir():
        raise DataError(f"the folder {out.parent} does not exist; make it first.")


def _say(console: Console, lines: list[str]) -> None:
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def _write_scores(out: Path, found: Scored, top: int, shares: bool) -> None:
    splits = found.shares is not None
    head = ["row", "log_px", "error", "effective_draws"]
    for k in range(1, (top if splits else 0) + 1):
        head += [f"unusual_{k}", f"unusual_{k}_nats"]
    parts = found.shares.flatten(1).tolist() if shares and found.shares is not None else []
    head += [f"share {name}" for name in found.names] if parts else []
    figures = zip(found.log_px.tolist(), found.error.tolist(), found.effective.tolist(), strict=True)
    heaviest = found.heaviest(top) if top else [[] for _ in found.log_px]
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        for row, ((log_px, error, effective), unusual) in enumerate(zip(figures, heaviest, strict=True)):
            told = [cell for part in unusual for cell in (part.name, f"{part.nats:.4f}")]
            told += [""] * (2 * top * splits - len(told))
            cells = [row, f"{log_px:.4f}", f"{error:.4f}", f"{effective:.1f}", *told]
            writer.writerow(cells + ([f"{share:.4f}" for share in parts[row]] if parts else []))


def _least_probable(found: Scored, top: int) -> Table:
    table = Table(title=f"the least probable of {len(found.log_px)} rows", title_justify="left")
    for name in ("row", "log p(x)", "±"):
        table.add_column(name, justify="right")
    table.add_column("least usual, by so many nats beside what the row leads one to expect")
    lowest = found.log_px.nan_to_num(nan=-torch.inf).argsort()[:SHOWN].tolist()
    heaviest = found.heaviest(top) if top else [[] for _ in found.log_px]
    for row in lowest:
        said = ", ".join(f"{part.name} {part.nats:.1f}" for part in heaviest[row])
        table.add_row(str(row), f"{float(found.log_px[row]):.2f}", f"{float(found.error[row]):.2f}", Text(said))
    return table


def write_tables(out: Path, frames: list[Any]) -> list[Path]:
    paths = [out] + [out.with_stem(f"{out.stem}-{k}") for k in range(1, len(frames))]
    for path, frame in zip(paths, frames, strict=True):
        if path.suffix == ".csv":
            frame.to_csv(path, index=False, lineterminator="\n")
            continue
        try:
            frame.to_parquet(path, index=False)
        except ImportError:
            raise DataError(".parquet needs pyarrow; pip install 'latentia[parquet]', or write .csv.") from None
    return paths


def _write_arrays(out: Path, found: Any) -> list[Path]:
    arrays = {"x": found.values.numpy(), "sd": found.sd.numpy(), "effective": found.effective.numpy()}
    if found.draws:
        arrays["draws"] = torch.stack(found.draws).numpy()
    if out.suffix == ".npz":
        write_npz(out, **arrays)
        return [out]
    paths = [out] + [out.with_stem(f"{out.stem}-{k}") for k in range(1, len(found.draws) + 1)]
    for path, x in zip(paths, [arrays["x"], *arrays.get("draws", [])], strict=True):
        np.save(path, x)
    return paths
