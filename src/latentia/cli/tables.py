"""Encodings and arrays out: .csv, .npz and .parquet."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from latentia.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Write = Callable[[np.ndarray, np.ndarray, np.ndarray | None], None]


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


def picture_and_arrays(out: Path | None, default: Path) -> tuple[Path, Path]:
    """The .png and the .npz that a command writes side by side; ``--out`` may name either.

    Raises:
        DataError: another ending, or no such folder.
    """
    path = out or default
    if path.suffix not in (".png", ".npz"):
        raise DataError(f"--out {path} ends in {path.suffix or 'nothing'}, wanted .png or .npz; both are written.")
    if not path.parent.is_dir():
        raise DataError(f"the folder {path.parent} does not exist; make it first.")
    return path.with_suffix(".png"), path.with_suffix(".npz")


def named(frame: "pd.DataFrame", places: Tensor, what: str) -> "pd.DataFrame":
    """A table with the number of each row and what the rows are before its columns, which keep their names."""
    import pandas as pd

    beside = pd.DataFrame({_free("row", frame): places.cpu().numpy(), _free("what", frame): what})
    return pd.concat([beside, frame.reset_index(drop=True)], axis=1)


def pairwise_rows(first: "pd.DataFrame", second: "pd.DataFrame") -> "pd.DataFrame":
    """Rows of two tables by turns."""
    import pandas as pd

    return pd.concat([first, second]).sort_index(kind="stable").reset_index(drop=True)


def _free(name: str, frame: "pd.DataFrame") -> str:
    """A header that no column has."""
    return name if name not in frame.columns else _free(f"{name}_", frame)


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
