"""What ``latentia interpolate`` and ``latentia neighbors`` do, once their arguments are read."""

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text

from latentia.cli.commands import say_written
from latentia.cli.row_commands import targets, write_tables
from latentia.cli.tables import write_npz
from latentia.core.errors import DataError
from latentia.data import Split
from latentia.evaluation import Metric, Neighbors, NeighborSearch, WalkPath
from latentia.report import save_grid
from latentia.runs import Run, as_table, load, rows_for, schema_of

# Queries in one picture; a table names them all.
MOST_STRIPS = 24


def interpolate_command(folder: Path, a: str, b: str, steps: int, path: str | None, split: str, out: Path | None) -> None:
    """Walk from one row to another; a picture with the rows themselves at its ends, and the arrays; of a table, a table."""
    run = load(folder)
    schema = schema_of(run)
    picture, arrays = targets(out, folder / "interpolation.png", is_table=schema is not None)
    ends = [_rows(run, text, split) for text in (a, b)]
    for text, rows in zip((a, b), ends, strict=True):
        if len(rows) != 1:
            raise DataError(f"{text} holds {len(rows)} rows, wanted one; give a file of one row, or a row's number.")
    z = run.walk(ends[0], ends[1], steps, cast("WalkPath | None", path))
    x, rows = run.decode_walk(z), [end.filled() for end in ends]
    if schema is not None:
        table = as_table(schema, torch.cat([rows[0].cpu(), x, rows[1].cpu()]))
        table.insert(0, "step", np.array(["row", *range(steps), "row"], dtype=object))
        say_written(*write_tables(arrays, [table]))
        return
    write_npz(arrays, x=x.numpy(), z=z.numpy(), rows=torch.cat(rows).numpy())
    say_written(save_grid(picture, torch.cat([rows[0], x, rows[1]]), columns=len(x) + 2), arrays)


def neighbors_command(
    folder: Path, what: str, k: int, split: str, of: str, metric: str, method: str, as_json: bool, out: Path | None
) -> None:
    """Look up the nearest rows; a table or JSON, a CSV, and a picture of each query before its neighbors."""
    target = out or folder / "neighbors.csv"
    if target.suffix != ".csv":
        raise DataError(f"--out {target} ends in {target.suffix or 'nothing'}, wanted .csv; a .png is written beside it.")
    if not target.parent.is_dir():
        raise DataError(f"the folder {target.parent} does not exist; make it first.")
    run = load(folder)
    queries = _rows(run, what, of)
    # A row of the very split that is searched is not its own neighbor.
    itself = int(what) if what.isdecimal() and of == split else queries
    found = run.neighbors(itself, k, split, cast("Metric", metric), cast("NeighborSearch", method))
    lines = _lines(run, found, split)
    with target.open("w", newline="", encoding="utf-8") as file:
        told = _with_columns(run, lines, split)
        writer = csv.DictWriter(file, list(told[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(told)
    if schema_of(run) is not None:
        if as_json:
            _print_json(found, split, lines)
            return
        _print_table(found, split, lines)
        say_written(target)
        return
    among = run.dataset().split(split)
    shown = min(MOST_STRIPS, len(queries))
    strips = [torch.cat([queries.filled()[q : q + 1], among.take(found.rows[q]).filled()]) for q in range(shown)]
    picture = save_grid(target.with_suffix(".png"), torch.cat(strips), columns=k + 1)
    if as_json:
        _print_json(found, split, lines)
        return
    _print_table(found, split, lines)
    say_written(target, picture)


def _rows(run: Run, text: str, split: str) -> Split:
    """A row of the run's own by its number, else the rows of a file or of a named data set."""
    if text.isdecimal():
        part = run.dataset().split(split)
        if int(text) >= len(part):
            raise DataError(f"there is no row {text} in {split}, whose rows run from 0 to {len(part) - 1}.")
        return part.take(torch.tensor([int(text)]))
    return rows_for(run, text, split).split


def _lines(run: Run, found: Neighbors, split: str) -> list[dict[str, Any]]:
    """One a neighbor: query, rank from 1, row, label where there are any, distance."""
    data = run.dataset()
    labels, names = data.split(split).labels, data.label_names
    out = []
    for query, (rows, distances) in enumerate(zip(found.rows.tolist(), found.distances.tolist(), strict=True)):
        for rank, (row, distance) in enumerate(zip(rows, distances, strict=True), 1):
            label = {}
            if labels is not None:
                number = int(labels[row])
                label = {"label": names[number] if names is not None else number}
            out.append({"query": query, "rank": rank, "row": row, **label, "distance": distance})
    return out


def _with_columns(run: Run, lines: list[dict[str, Any]], split: str) -> list[dict[str, Any]]:
    """The lines, each with the neighbor's own columns where the rows are a table's."""
    schema = schema_of(run)
    if schema is None:
        return lines
    rows = run.dataset().split(split).take(torch.tensor([line["row"] for line in lines]))
    # As a file of the table itself would say it: dates without the hour that they lack.
    text = io.StringIO()
    schema.decode(rows.values(), rows.mask).to_csv(text, index=False)
    text.seek(0)
    return [{**line, **cells} for line, cells in zip(lines, csv.DictReader(text), strict=True)]


def _print_json(found: Neighbors, split: str, lines: list[dict[str, Any]]) -> None:
    about = {"split": split, "metric": found.metric, "method": found.method, "recall": found.recall}
    sys.stdout.write(json.dumps({**about, "neighbors": lines}, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _print_table(found: Neighbors, split: str, lines: list[dict[str, Any]]) -> None:
    title = f"{split} rows nearest by posterior mean, {found.metric} distance"
    if found.recall is not None:
        title += f"; by a graph, {found.recall:.0%} of neighbors right in a sample"
    # Not the table's own title, which would be broken to the width of its columns.
    Console().print(title, highlight=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    columns = [name for name in lines[0] if name != "query" or len(found.rows) > 1]
    for name in columns:
        table.add_column(name, justify="left" if name == "label" else "right", no_wrap=True)
    for line in lines:
        table.add_row(*(f"{line[name]:.4g}" if name == "distance" else Text(str(line[name])) for name in columns))
    Console().print(table)
