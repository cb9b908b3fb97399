"""Readers of the file formats in which named data sets are published; each says which file is damaged, and how."""

import gzip
import math
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from latentia.core.errors import DataError

IDX_UINT8 = 0x08
CURE = "the file is damaged or of another data set, get it again."
# numpy dtype names or kinds
HOLDS = {
    "bytes": ("uint8",),
    "whole numbers": ("i", "u"),
    "numbers": ("i", "u", "f"),
    "numbers or bits": ("i", "u", "f", "b"),
    "text": ("U",),
    "cells": ("O",),
}
# What the standard readers raise on bytes that are cut short or are something else.
DAMAGE = (OSError, EOFError, ValueError, KeyError, zlib.error, zipfile.BadZipFile, tarfile.TarError)


class Array(NamedTuple):
    """What an array in a file must hold (a key of ``HOLDS``), and its shape with None for any length."""

    holds: str
    shape: tuple[int | None, ...]


def check_array(path: Path, name: str, array: np.ndarray, want: Array) -> np.ndarray:
    """The array, if it is as wanted.

    Raises:
        DataError: with the file, what came and what was wanted.
    """
    right_type = array.dtype.name in HOLDS[want.holds] or array.dtype.kind in HOLDS[want.holds]
    right_shape = len(array.shape) == len(want.shape) and all(
        w is None or w == a for a, w in zip(array.shape, want.shape, strict=True)
    )
    if not (right_type and right_shape):
        raise DataError(
            f"{name} in {path} is {array.dtype} {_text(array.shape)}, wanted {want.holds} {_text(want.shape)}; {CURE}"
        )
    return array


def read_idx(path: Path, shape: tuple[int | None, ...]) -> np.ndarray:
    """A gzipped idx file of bytes (LeCun, Cortes & Burges, the MNIST database): magic, one length an axis, then the values.

    Raises:
        DataError: not gzip, another magic number, cut short, or of another shape.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except DAMAGE as error:
        raise DataError(f"{path} is not a whole gzip file ({type(error).__name__}); {CURE}") from error
    head = 4 + 4 * len(shape)
    if len(content) < head or content[:4] != bytes((0, 0, IDX_UINT8, len(shape))):
        raise DataError(
            f"{path} opens with {content[:4].hex() or 'nothing'}, wanted {bytes((0, 0, IDX_UINT8, len(shape))).hex()} "
            f"(an idx file of bytes, {len(shape)} axes) and {len(shape)} lengths; {CURE}"
        )
    lengths = tuple(int(n) for n in np.frombuffer(content, ">u4", count=len(shape), offset=4))
    if len(content) - head != math.prod(lengths):
        raise DataError(
            f"{path} holds {len(content) - head} values, its head says {math.prod(lengths)} {_text(lengths)}; {CURE}"
        )
    values = np.frombuffer(content, np.uint8, offset=head).reshape(lengths).copy()
    return check_array(path, "the array", values, Array("bytes", shape))


def read_npz(path: Path, want: Mapping[str, Array]) -> dict[str, np.ndarray]:
    """The named arrays of an npz file; nothing in it is ever unpickled.

    Raises:
        DataError: not an npz file, pickled, without one of the arrays, or with one of another type or shape.
    """
    try:
        with path.open("rb") as stream:  # numpy would leave a file open that it fails to read
            archive = np.load(stream, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise DataError(f"{path} holds one array without a name, wanted {', '.join(want)}; {CURE}")
            keys = list(archive.files)
            arrays = {name: archive[name] for name in want if name in keys}
    except DataError:
        raise
    except DAMAGE as error:
        if "pickle" in str(error):
            raise DataError(
                f"{path} holds pickled objects, which are never read; save plain arrays with numpy.savez."
            ) from error
        raise DataError(f"{path} is not a whole npz file ({type(error).__name__}); {CURE}") from error
    return _checked(path, arrays, keys, want)


def read_mat(path: Path, want: Mapping[str, Array]) -> dict[str, np.ndarray]:
    """The named matrices of a MATLAB file.

    Raises:
        DataError: not a MATLAB file, or without one of the matrices, or with one of another type or shape.
    """
    from scipy.io import loadmat

    try:
        content = loadmat(path, variable_names=list(want))
    except Exception as error:  # damaged bytes can end in nearly any error inside the parser
        raise DataError(f"{path} is not a whole MATLAB file ({type(error).__name__}); {CURE}") from error
    keys = [key for key in content if not key.startswith("__")]
    return _checked(path, {name: content[name] for name in want if name in keys}, keys, want)


def read_bit_lines(path: Path, rows: int, columns: int) -> np.ndarray:
    """Lines of bits with a blank between two -> (rows, columns) uint8.

    Raises:
        DataError: another number of lines, or a line that is not so many bits.
    """
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({type(error).__name__}); {CURE}") from error
    if content.size != rows * 2 * columns:
        raise DataError(
            f"{path} is {content.size} bytes, wanted {rows * 2 * columns} ({rows} lines of {columns} bits); {CURE}"
        )
    lines = content.reshape(rows, columns, 2)
    bits, blanks = lines[:, :, 0] - ord("0"), lines[:, :, 1]
    broken = (bits > 1).any(1) | (blanks[:, :-1] != ord(" ")).any(1) | (blanks[:, -1] != ord("\n"))
    if broken.any():
        raise DataError(f"{path} is not {columns} bits in line {int(broken.argmax()) + 1}; {CURE}")
    return bits


def read_tar_tables(path: Path, want: Mapping[str, Array]) -> dict[str, np.ndarray]:
    """The named text tables of a tar archive, read in place and never unpacked to disk.

    Raises:
        DataError: not a tar archive, or without one of the tables, or with one of another shape.
    """
    tables = {}
    try:
        with tarfile.open(path) as archive:
            members = {Path(member.name).name: member for member in archive.getmembers() if member.isfile()}
            for name in want:
                if name in members and (stream := archive.extractfile(members[name])):
                    tables[name] = np.loadtxt(stream, ndmin=2)
    except DAMAGE as error:
        raise DataError(f"{path} is not a whole tar archive of tables ({type(error).__name__}); {CURE}") from error
    return _checked(path, tables, list(members), want)


def _checked(path: Path, arrays: dict[str, np.ndarray], keys: list[str], want: Mapping[str, Array]) -> dict[str, np.ndarray]:
    missing = [name for name in want if name not in arrays]
    if missing:
        raise DataError(f"{path} lacks {', '.join(missing)} (it has {', '.join(keys) or 'nothing'}); {CURE}")
    return {name: check_array(path, name, arrays[name], spec) for name, spec in want.items()}


def _text(shape: tuple[int | None, ...]) -> str:
    return "(" + ", ".join("N" if n is None else str(n) for n in shape) + ")"
