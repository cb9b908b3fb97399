"""From a path or an object to ``Material``, by what it is."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from latentia.core.errors import DataError
from latentia.data.reading.array_files import read_npy, read_npz, read_safetensors
from latentia.data.reading.column_files import read_feather, read_parquet
from latentia.data.reading.count_files import read_h5ad
from latentia.data.reading.image_files import image_paths, read_images
from latentia.data.reading.limits import reason
from latentia.data.reading.material import Material
from latentia.data.reading.objects import from_object, is_object, joined
from latentia.data.reading.options import Options
from latentia.data.reading.sniffing import format_of
from latentia.data.reading.text_tables import read_text_table
from latentia.data.splitting import part_named
from latentia.data.streaming.array_source import file_of
from latentia.data.streaming.budget import streams

READERS: dict[str, Callable[[Path, Options], Material]] = {
    "text": read_text_table,
    "gzip": read_text_table,
    "parquet": read_parquet,
    "feather": read_feather,
    "npy": read_npy,
    "npz": read_npz,
    "safetensors": read_safetensors,
    "hdf5": read_h5ad,
}


def is_path(source: Any) -> bool:
    """Whether it is a path, or text that could be one."""
    return isinstance(source, str | os.PathLike)


def holds_data(folder: Path) -> bool:
    """Whether a folder is one that ``material_of`` reads: of pictures, or of files called train, valid and test."""
    return bool(image_paths(folder)) or bool(_parts_of(folder))


def material_of(source: Any, options: Options) -> Material:
    """Rows of a file, a folder, an object of another library, or an array.

    Raises:
        DataError: what cannot be read, with what to do.
    """
    if is_path(source):
        return _of_path(Path(os.fspath(source)).expanduser(), options)
    if is_object(source):
        return from_object(source, options)
    if isinstance(source, np.memmap):
        return _of_map(source, options)
    return Material(x=source)


def _of_map(array: np.memmap, options: Options) -> Material:
    if not streams(options.stream, array.nbytes):
        return Material(x=array)
    file = file_of(array)
    if file is None:
        raise DataError(
            "this map's rows cannot be left on disk; open it in C order with mode='r', all of its rows and columns, or say "
            "stream='never'."
        )
    return Material(x=file, shown=str(file.path))


def _of_path(path: Path, options: Options) -> Material:
    try:
        is_folder = path.is_dir()
    except (OSError, ValueError) as error:
        raise DataError(f"{str(path)[:200]!r} cannot be opened ({reason(error)}); check the path.") from None
    if is_folder:
        return _of_folder(path, options)
    kind = format_of(path)
    if kind == "image":
        raise DataError(f"{path} is one picture; give the folder that it lies in.")
    return READERS[kind](path, options)


def _of_folder(folder: Path, options: Options) -> Material:
    """Pictures; or files that are called train, valid and test."""
    if image_paths(folder):
        return read_images(folder, options)
    parts = _parts_of(folder)
    if parts:
        return joined([(_of_path(path, options), part) for path, part in parts.items()])
    held = ", ".join(path.name for path in _files(folder)[:3]) or "no files"
    raise DataError(
        f"{folder} holds no pictures (it has {held}); give one file, a folder of pictures, or train, valid and test."
    )


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def _parts_of(folder: Path) -> dict[Path, str]:
    """Files by the split that each is called by; empty where one is not, or two are called alike."""
    parts = {path: part for path in _files(folder) if (part := part_named(path.name.split(".")[0]))}
    return parts if len(parts) == len(_files(folder)) == len(set(parts.values())) else {}
