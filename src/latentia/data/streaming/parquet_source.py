"""Row groups of a Parquet file as rows of values, decoded a slice at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Size

from latentia.core.errors import DataError
from latentia.data.reading.limits import check_bytes, reason
from latentia.data.streaming.encoding import Encoder
from latentia.data.streaming.source import LANES, PACKED, Source
from latentia.data.tables.schema import Schema

SLICE_BYTES, SLICE_ROWS = 8 << 20, (1 << 10, 1 << 14)
LANE_BYTES, PAGE, READ = 256 << 20, 1 << 20, 1 << 16


@dataclass(frozen=True)
class TableFile:
    """A Parquet file whose rows are left on disk.

    Attributes:
        path: of the file.
        n: rows.
        names: of its columns.
    """

    path: Path
    n: int
    names: tuple[str, ...]

    def __len__(self) -> int:
        return self.n


def table_file(path: Path) -> TableFile:
    """A Parquet file by what its end says of it."""
    import pyarrow.parquet

    about = pyarrow.parquet.read_metadata(path)
    # What pandas has kept as the rows' own names is no column.
    frame = about.schema.to_arrow_schema().empty_table().to_pandas()
    return TableFile(path, about.num_rows, tuple(str(name) for name in frame.columns))


class Slices:
    """The rows of a Parquet file, cut into slices that never cross a row group; several groups are read side by side.

    Args:
        path: of the file.
        columns: which to read; None for all.

    Attributes:
        starts: see ``Source``.
        chains: the row group of each slice.
        lanes: row groups that may be read side by side within bounds.
    """

    def __init__(self, path: Path, columns: list[str] | None = None) -> None:
        import pyarrow.parquet

        self.path, self.columns = path, columns
        with self._damage():
            about = pyarrow.parquet.read_metadata(path)
            groups = [about.row_group(group) for group in range(about.num_row_groups)]
        sizes = [group.num_rows for group in groups]
        n_columns = max(1, len(columns) if columns is not None else about.num_columns)
        least, most = SLICE_ROWS
        self.each = min(most, max(least, SLICE_BYTES // (4 * n_columns)))
        cuts, chains, at = [], [], 0
        for group, rows in enumerate(sizes):
            cuts += range(at, at + rows, self.each)
            chains += [group] * len(range(0, rows, self.each))
            at += rows
        self.starts, self.chains = np.array([*cuts, at]), np.array(chains, int)
        self._first = np.searchsorted(self.chains, np.arange(len(sizes)))
        largest = max((int(group.total_byte_size) for group in groups), default=0)
        check_bytes(f"a row group of {path}", largest)
        by_page = n_columns * (PAGE + READ)
        self._buffered = largest * 3 // 2 > by_page
        self.lanes = int(min(LANES, max(1, LANE_BYTES // max(1, min(largest * 3 // 2, by_page)))))
        self._open: dict[int, tuple[int, Iterator[Any]]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.chains)

    def read(self, block: int) -> Any:
        """A slice as an Arrow table. Front to back within a row group it costs nothing beyond itself.

        Raises:
            DataError: the file is damaged, or was changed.
        """
        group = int(self.chains[block])
        with self._lock, self._damage():
            at, cursor = self._open.pop(group, (-1, iter(())))
            if at != block:
                at, cursor = int(self._first[group]), self._slices(group)
                while at < block:
                    next(cursor)
                    at += 1
            table = next(cursor)
            if len(table) != self.starts[block + 1] - self.starts[block]:
                raise DataError(f"{self.path} has changed while it was read; restore it.")
            if block + 1 < len(self) and self.chains[block + 1] == group:
                self._open[group] = (block + 1, cursor)
                while len(self._open) > self.lanes:
                    self._open.pop(next(iter(self._open)))
        return table

    def _slices(self, group: int) -> Iterator[Any]:
        """Tables of ``each`` rows of one row group."""
        import pyarrow as pa
        import pyarrow.parquet

        with self.path.open("rb") as stream:
            file = pyarrow.parquet.ParquetFile(stream, buffer_size=READ if self._buffered else 0)
            kept: list[Any] = []
            for batch in file.iter_batches(self.each, row_groups=[group], columns=self.columns, use_threads=False):
                kept.append(batch)
                if sum(len(one) for one in kept) >= self.each:
                    table = pa.Table.from_batches(kept)
                    yield table[: self.each]
                    kept = table[self.each :].to_batches()
            if kept:
                yield pa.Table.from_batches(kept)

    @contextmanager
    def _damage(self) -> Iterator[None]:
        try:
            yield
        except DataError:
            raise
        except Exception as error:  # damaged bytes can end in nearly any error inside the parser
            what = f"{type(error).__name__}: {reason(error)[:80]}"
            raise DataError(f"{self.path} is a Parquet file that is damaged ({what}); get it again.") from None


class ParquetSource(Source):
    """Rows of a Parquet file by a schema; NaN where a cell is missing.

    Args:
        path: of the file.
        schema: by which cells become values.
    """

    dtype = torch.float32

    def __init__(self, path: Path, schema: Schema) -> None:
        known = table_file(path).names
        self.schema, self._encoder = schema, Encoder(schema)
        self._slices = Slices(path, [column.name for column in schema.columns if column.name in known])
        self.starts, self.chains, self.lanes = self._slices.starts, self._slices.chains, self._slices.lanes
        self.row_shape = Size((schema.n_values,))

    def read(self, block: int, out: np.ndarray) -> None:
        self._encoder.encode(self._slices.read(block), out)

    def pick(self, block: int, inside: np.ndarray) -> np.ndarray:
        table = self._slices.read(block).take(inside)
        out = np.empty((len(inside), *self.row_shape), PACKED[self.dtype])
        self._encoder.encode(table, out)
        return out

    def mark(self) -> str:
        return f"{self._slices.path.name} {self._slices.each} {self.lanes} {self.schema.to_dict()}"
