"""Rows in and tables out: whatever a run can read in; .csv, .npz and .parquet out."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from latentia.core.errors import DataError, nearest
from latentia.data import DATASETS, Binarize, Split, load_data, new_rows
from latentia.recipe import DataSection

Write = Callable[[np.ndarray, np.ndarray, np.ndarray | None], None]


class Rows(NamedTuple):
    """Rows to encode, their labels if there are any, and sentences about what could not be read."""

    x: Split
    labels: np.ndarray | None
    notes: list[str]


def read_rows(data: str, split: str, section: DataSection, binarize: Binarize | None = None) -> Rows:
    """Rows of a named data set's split, or of a file or folder by the rules of the rows that a run was fitted on.

    Args:
        data: the name or the path.
        split: which rows of a named data set.
        section: what the run's recipe says of its data.
        binarize: how a named set was read when the model was fitted; None for what is usual with it.

    Raises:
        DataError: no such data set or file, or no rows in it.
    """
    if data in DATASETS and not Path(data).exists():
        part = load_data(data, binarize, flatten=section.flatten).split(split)
        return Rows(part, None if part.labels is None else part.labels.numpy(), [])
    if not Path(data).exists():
        if Path(data).suffix or "/" in data:
            raise DataError(f"{data} does not exist; check the path.")
        raise DataError(f"there is no data set, file or folder {data!r}; {nearest(data, list(DATASETS))}")
    rows, labels, notes = new_rows(data, section.schema_, section.options())
    return Rows(rows.flattened() if section.flatten else rows, labels, notes)


def table_writer(path: Path) -> Write:
    """What writes encodings to a file of this ending, found before anything is computed.

    Raises:
        DataError: an ending that is not known, or pyarrow is missing for .parquet.
    """
    writers = {".csv": _write_csv, ".npz": _write_npz, ".parquet": _write_parquet}
    if path.suffix not in writers:
        raise DataError(f"--out {path} ends in {path.suffix or 'nothing'}, wanted .csv, .npz or .parquet.")
    if path.suffix == ".parquet":
        try:
            import pyarrow  # noqa: F401  an extra; its absence is told before the work
        except ImportError:
            raise DataError(".parquet needs pyarrow; pip install 'latentia[parquet]', or write .csv or .npz.") from None
    if not path.parent.is_dir():
        raise DataError(f"the folder {path.parent} does not exist; make it first.")

    def write(mean: np.ndarray, sd: np.ndarray, labels: np.ndarray | None) -> None:
        writers[path.suffix](path, mean, sd, labels)

    return write


def write_npz(path: Path, **arrays: np.ndarray) -> None:
    """A compressed .npz.

    Raises:
        DataError: another ending.
    """
    if path.suffix != ".npz":
        raise DataError(f"--out {path} ends in {path.suffix or 'nothing'}, wanted .npz.")
    np.savez_compressed(path, **arrays)  # pyright: ignore[reportArgumentType]  arrays by name


def _columns(mean: np.ndarray, sd: np.ndarray, labels: np.ndarray | None) -> dict[str, np.ndarray]:
    out: dict[str, np.ndarray] = {"row": np.arange(len(mean))}
    if labels is not None:
        out["label"] = labels
    out |= {f"mean_{d}": mean[:, d] for d in range(mean.shape[1])}
    return out | {f"sd_{d}": sd[:, d] for d in range(sd.shape[1])}


def _write_csv(path: Path, mean: np.ndarray, sd: np.ndarray, labels: np.ndarray | None) -> None:
    columns = _columns(mean, sd, labels)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))


def _write_npz(path: Path, mean: np.ndarray, sd: np.ndarray, labels: np.ndarray | None) -> None:
    write_npz(path, mean=mean, sd=sd, **({} if labels is None else {"label": labels}))


def _write_parquet(path: Path, mean: np.ndarray, sd: np.ndarray, labels: np.ndarray | None) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(_columns(mean, sd, labels)), path)
