"""Parquet and Feather files, whose sizes are read from what they declare before a column is unpacked."""

from pathlib import Path
from typing import Any

from latentia.core.errors import DataError
from latentia.data.reading.arrow_sizes import unpacked_bytes
from latentia.data.reading.limits import check_bytes, reason
from latentia.data.reading.material import Material, never_streamed
from latentia.data.reading.options import Options
from latentia.data.streaming.budget import streams
from latentia.data.streaming.parquet_source import table_file

# A value takes at least this many bytes in a frame, however well a file packs it.
VALUE = 8
# What unpacks to more than so many times its size is left on disk only where that was said: it may be a bomb.
PACKED = 1000


def read_parquet(path: Path, options: Options) -> Material:
    """A Parquet file as a frame; or left on disk.

    Raises:
        DataError: pyarrow is missing, or the file is damaged or too large.
    """
    parquet = _pyarrow(path).parquet
    try:
        # A path, not a stream: pyarrow would otherwise hold the file open.
        with path.open("rb") as stream:
            file = parquet.ParquetFile(stream)
            about = file.metadata
            groups = range(about.num_row_groups)
            packed = sum(about.row_group(group).total_byte_size for group in groups)
            size = max(packed, VALUE * about.num_rows * max(about.num_columns, 1))
            plain = options.stream == "always" or size <= PACKED * path.stat().st_size
            if plain and streams(options.stream, size):
                return Material(x=table_file(path), shown=str(path))
            check_bytes(str(path), size)
            table = file.read(use_threads=False)
        frame = table.to_pandas()
    except DataError:
        raise
    except Exception as error:  # damaged bytes can end in nearly any error inside the parser
        raise _damaged(path, "Parquet", error) from None
    return never_streamed(_material(path, frame), size)


def read_feather(path: Path, _: Options) -> Material:
    """A Feather file (version 2, the Arrow format) as a frame; raises as ``read_parquet``."""
    pa = _pyarrow(path)
    try:
        with path.open("rb") as stream:
            content = stream.read()
        check_bytes(str(path), unpacked_bytes(content))
        with pa.ipc.open_file(content) as file:
            table = file.read_all()
            table.validate(full=True)
        frame = table.to_pandas()
    except DataError:
        raise
    except Exception as error:  # damaged bytes can end in nearly any error inside the parser
        raise _damaged(path, "Feather", error) from None
    return _material(path, frame)


def _material(path: Path, frame: Any) -> Material:
    if not len(frame) or not len(frame.columns):
        raise DataError(f"{path} has {len(frame)} rows and {len(frame.columns)} columns; give a file with some of both.")
    return Material(frame=frame, shown=str(path))


def _pyarrow(path: Path) -> Any:
    try:
        import pyarrow as pa
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError:
        raise DataError(f"{path} needs pyarrow to be read; pip install 'latentia[tables]', or write CSV.") from None
    return pa


def _damaged(path: Path, what: str, error: BaseException) -> DataError:
    return DataError(
        f"{path} is a {what} file that is damaged ({type(error).__name__}: {reason(error)[:80]}); get it again."
    )
