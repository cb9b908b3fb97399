"""Arrays from .npy, .npz and .safetensors: mapped where they lie open on disk, never unpickled, as large as declared."""

import json
import math
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from latentia.core.errors import DataError
from latentia.data.reading.limits import check_bytes, reason
from latentia.data.reading.material import Material, never_streamed
from latentia.data.reading.options import Options
from latentia.data.streaming.array_source import ArrayFile
from latentia.data.streaming.budget import streams

ROWS = ("x", "X", "data", "images", "counts", "features")
LABELS = ("label", "labels", "y", "Y", "target", "targets")
MASKS = ("mask",)
PICKLED = "holds pickled objects, which could run code and are never read; save plain arrays of numbers or text."
DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    SyntaxError,
    zlib.error,
    zipfile.BadZipFile,
    NotImplementedError,
)
SAFETENSORS = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8", "I64": "<i8",
    "F16": "<f2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip
# Larger ones make no table of numbers.
LONGEST_HEADER = 1 << 24


def read_npy(path: Path, options: Options) -> Material:
    """One array, mapped; raises as ``read_npz``."""
    try:
        with path.open("rb") as stream:
            shape, dtype, by_row = _header(stream, f"{path}")
            start = stream.tell()
        file = ArrayFile(path, start, dtype, shape)
        if by_row and shape and start + file.nbytes <= path.stat().st_size and streams(options.stream, file.nbytes):
            return Material(x=file, shown=str(path))
        check_bytes(str(path), max(math.prod(shape), 1) * max(dtype.itemsize, 1))
        if start + math.prod(shape) * dtype.itemsize > path.stat().st_size:
            raise EOFError("it ends early")
        array = np.load(path, mmap_mode="c", allow_pickle=False) if math.prod(shape) else np.zeros(shape, dtype)
    except DataError:
        raise
    except DAMAGE as error:
        raise _damaged(path, ".npy", error) from None
    material = rows_and_more(str(path), {"x": array}, options)
    return never_streamed(material, math.prod(shape) * dtype.itemsize)


def read_npz(path: Path, options: Options) -> Material:
    """The arrays of an archive: rows, and what comes beside them by name.

    Raises:
        DataError: damaged, pickled or too large; or no array that is plainly the rows.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if info.filename.endswith(".npy")]
            check_bytes(str(path), sum(info.file_size for info in infos))
            arrays = {}
            for info in infos:
                name = info.filename.removesuffix(".npy")
                with archive.open(info) as stream:
                    shape, dtype, _ = _header(stream, f"{name!r} in {path}")  # pyright: ignore[reportArgumentType]
                    size = math.prod(shape) * dtype.itemsize
                    if size > info.file_size:
                        raise EOFError("it ends early")
                with archive.open(info) as stream:
                    arrays[name] = np.lib.format.read_array(stream, allow_pickle=False)  # pyright: ignore[reportArgumentType]
    except DataError:
        raise
    except DAMAGE as error:
        raise _damaged(path, ".npz", error) from None
    except RuntimeError as error:
        raise _damaged(path, ".npz", error) from None
    return rows_and_more(str(path), arrays, options)


def read_safetensors(path: Path, options: Options) -> Material:
    """The tensors of a safetensors file; raises as ``read_npz``."""
    from safetensors import SafetensorError, safe_open

    try:
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if length > LONGEST_HEADER:
                raise EOFError("its header is too long")
            header = json.loads(stream.read(length))
        size = path.stat().st_size
        if streams(options.stream, size):
            return _left_in_place(path, header, 8 + length, options)
        check_bytes(str(path), size)
        with safe_open(path, framework="pt") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping
    except (*DAMAGE, SafetensorError, RecursionError) as error:
        raise _damaged(path, ".safetensors", error) from None
    return never_streamed(rows_and_more(str(path), arrays, options), size)


def _left_in_place(path: Path, header: Any, start: int, options: Options) -> Material:
    """The rows where they lie, and what stands beside them in memory."""
    entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
    files = {}
    for name, entry in entries.items():
        begin, end = (int(place) for place in entry["data_offsets"])
        shape = tuple(int(side) for side in entry["shape"])
        dtype = SAFETENSORS.get(entry["dtype"])
        if dtype is None:
            raise DataError(f"{name!r} in {path} holds {entry['dtype']}, which is not read from disk; say stream='never'.")
        file = ArrayFile(path, start + begin, np.dtype(dtype), shape)
        if begin < 0 or end - begin != file.nbytes or start + end > path.stat().st_size or any(side < 0 for side in shape):
            raise EOFError("it ends early")
        files[name] = file
    if any(name in MASKS for name in files):
        raise DataError(f"{path} holds a mask, which is not read from disk; write NaN there, and say nan='missing'.")
    material = rows_and_more(str(path), files, options)
    material.labels = None if material.labels is None else material.labels.loaded()
    return material


def rows_and_more(shown: str, arrays: Mapping[str, Any], options: Options) -> Material:
    """Which array holds the rows, which the labels, and which go beside them.

    Raises:
        DataError: no array, or none that is plainly the rows.
    """
    if not arrays:
        raise DataError(f"{shown} holds no array; give one with rows.")
    asked = options.array
    if asked is not None and asked not in arrays:
        raise DataError(f"{shown} has no array {asked!r}; it holds {_names(arrays)}.")
    usual = [name for name in ROWS if name in arrays]
    wide = [name for name, array in arrays.items() if array.ndim > 1]
    name = asked or (usual[0] if usual else wide[0] if len(wide) == 1 else next(iter(arrays)) if len(arrays) == 1 else None)
    if name is None:
        raise DataError(f"{shown} holds {_names(arrays)}; say which are the rows: array=NAME.")
    x = arrays[name]
    if not x.ndim:
        raise DataError(f"{name!r} in {shown} is one number, wanted rows.")
    beside = {key: a for key, a in arrays.items() if key != name and a.ndim == 1 and len(a) == len(x)}
    known = [key for key in LABELS if key in beside]
    labels = beside[known[0]] if known and options.label is None else None
    mask = next((arrays[key] for key in MASKS if key in arrays and key != name), None)
    extras = {key: value.loaded() if isinstance(value, ArrayFile) else np.asarray(value) for key, value in beside.items()}
    return Material(x=x, labels=labels, mask=mask, extras=extras, shown=shown)


def _header(stream: BinaryIO, what: str) -> tuple[tuple[int, ...], np.dtype, bool]:
    """(shape, dtype, whether rows lie one after another)."""
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a header of Python 2 is read in a second way, which spoilt ones need too
            shape, by_column, dtype = read(stream)
    except Exception as error:  # numpy reads it as a Python literal, and damaged ones fail in many ways
        raise ValueError(reason(error)) from None
    if dtype.hasobject:
        raise DataError(f"{what} {PICKLED}")
    if any(side < 0 for side in shape):
        raise ValueError("a length is below zero")
    return shape, dtype, not by_column


def _names(arrays: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {tuple(array.shape)}" for name, array in list(arrays.items())[:8])


def _damaged(path: Path, what: str, error: BaseException) -> DataError:
    if "pickle" in str(error):
        return DataError(f"{path} {PICKLED}")
    return DataError(
        f"{path} is a {what} file that is damaged ({type(error).__name__}: {reason(error)[:80]}); get it again."
    )
