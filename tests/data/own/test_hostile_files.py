"""Files that mean harm: nothing in them runs, fills the memory, or leads out of itself."""

import gzip
import io
import os
import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from latentia.core.errors import DataError
from latentia.data import read_data
from latentia.data.reading import count_files, limits
from latentia.data.reading.arrow_sizes import unpacked_bytes


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    sprung, trap = tmp_path / "sprung", np.array([Trap(tmp_path / "sprung")], dtype=object)
    np.save(tmp_path / "a.npy", trap, allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=trap)
    torch.save({"x": torch.zeros(2), "trap": Trap(sprung)}, tmp_path / "a.pt")
    (tmp_path / "a.csv").write_bytes(pickle.dumps(Trap(sprung)))
    words = "could run code"
    for name in ("a.npy", "a.npz", "a.pt", "a.csv"):
        with pytest.raises(DataError, match=words):
            read_data(tmp_path / name)
    assert not sprung.exists()


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limits.VARIABLE, str(1 << 20))


def png_of(width: int, height: int) -> bytes:
    """A PNG that declares so many pixels and holds none."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def test_a_picture_that_declares_too_many_pixels(tmp_path: Path, refused: Any) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png_of(20_000, 20_000))
    with refused(f"{path} declares more than 50,000,000 pixels; make it smaller, or it is a bomb."):
        read_data(tmp_path)
    path.write_bytes(png_of(10_000, 6_000))
    with refused(f"{path} declares 10000 x 6000 pixels, more than 50,000,000; make it smaller, or it is a bomb."):
        read_data(tmp_path)


def bomb(kind: str) -> bytes:
    """A few kilobytes that unpack to 64 MB."""
    n, stream = 8 << 20, io.BytesIO()
    if kind == "csv.gz":
        return gzip.compress(b"1,2\n" * (n * 2))
    if kind == "npz":
        np.savez_compressed(stream, x=np.zeros((n, 1)))
    elif kind == "parquet":
        pd.DataFrame({"x": np.zeros(n)}).to_parquet(stream, compression="zstd")
    elif kind == "feather":
        pd.DataFrame({"x": np.zeros(n)}).to_feather(stream, compression="zstd")
    else:
        with h5py.File(stream, "w") as file:
            file.create_dataset("X", shape=(n, 1), dtype="f8", chunks=(1 << 16, 1), compression="gzip")
            file.create_group("var")
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["csv.gz", "npz", "parquet", "feather", "h5ad"])
def test_what_unpacks_to_more_than_the_limit(kind: str, tmp_path: Path, small_limit: None) -> None:
    path = tmp_path / f"a.{kind}"
    path.write_bytes(bomb(kind))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(DataError, match=limits.VARIABLE):
        read_data(path)


@pytest.mark.parametrize("compression", ["zstd", "lz4", "uncompressed"])
def test_a_feather_file_of_few_rows_says_what_they_unpack_to(compression: str, tmp_path: Path) -> None:
    """Three texts of a million letters and their offsets, a number's eight bytes a row, and little beside."""
    stream = io.BytesIO()
    pd.DataFrame({"text": ["a" * 1_000_000] * 3, "n": [1, 2, 3]}).to_feather(stream, compression=compression)
    assert 3_000_000 <= unpacked_bytes(stream.getvalue()) <= 3_001_000


def test_an_array_that_declares_more_than_it_holds(tmp_path: Path) -> None:
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (1 << 24, 4)})
    path = tmp_path / "a.npy"
    path.write_bytes(head.getvalue() + b"\0" * 64)
    with pytest.raises(DataError, match=r"it ends early"):
        read_data(path)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", head.getvalue() + b"\0" * 64)
    with pytest.raises(DataError, match=r"it ends early"):
        read_data(tmp_path / "a.npz")


def test_hdf5_does_not_lead_to_other_files(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["X"] = np.ones((3, 2))
    with h5py.File(tmp_path / "link.h5ad", "w") as file:
        file["X"] = h5py.ExternalLink("secret.h5", "X")
    (tmp_path / "raw").write_bytes(np.ones(6).tobytes())
    with h5py.File(tmp_path / "raw.h5ad", "w") as file:
        file.create_dataset("X", (3, 2), "f8", external=[(str(tmp_path / "raw"), 0, 48)])
    with h5py.File(tmp_path / "virtual.h5ad", "w") as file:
        layout = h5py.VirtualLayout((3, 2), "f8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "X", (3, 2))
        file.create_virtual_dataset("X", layout)
    for name, words in (
        ("link", "a link there that leads elsewhere"),
        ("raw", "in another file"),
        ("virtual", "in another file"),
    ):
        with pytest.raises(DataError, match=words):
            read_data(tmp_path / f"{name}.h5ad")


def test_a_file_on_which_hdf5_runs_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by spoilt bytes: a text of no length in the heap, over which the library never gets."""
    monkeypatch.setattr(count_files, "SECONDS", 2.0)
    path = tmp_path / "a.h5ad"
    path.write_bytes(gzip.decompress((Path(__file__).parent / "endless.h5ad.gz").read_bytes()))
    with pytest.raises(DataError, match=r"is an HDF5 file that is damaged \(no end of it after 2 s\)"):
        read_data(path)


def test_pictures_are_not_sought_outside_of_the_folder(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "a.png").write_bytes(png_of(2, 2))
    (inside / "link").symlink_to(outside)
    with pytest.raises(DataError, match="holds no pictures"):
        read_data(inside)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_what_is_no_regular_file_is_not_opened(tmp_path: Path, refused: Any) -> None:
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)
    with refused(f"{path} is no regular file; give a file or a folder."):
        read_data(path)
    with pytest.raises(DataError, match="is no regular file"):
        read_data("/dev/zero")


def test_paths_that_are_none(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path / ("x" * 3000), "a\0b"):
        with pytest.raises(DataError, match=r"does not exist|cannot be opened"):
            read_data(path)


CUT = ("table.parquet", "table.feather", "array.npy", "arrays.npz", "array.safetensors", "counts.h5ad")


@pytest.mark.parametrize("name", CUT)
def test_a_file_that_is_cut_short_is_refused_wherever_it_ends(name: str, made: dict[str, bytes], tmp_path: Path) -> None:
    path, content = tmp_path / name, made[name]
    for share in (0.1, 0.5, 0.9, 0.99):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(DataError):
            read_data(path)


def test_the_limit_is_a_number(monkeypatch: pytest.MonkeyPatch, refused: Any, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    monkeypatch.setenv(limits.VARIABLE, "4G")
    with refused("LATENTIA_MAX_BYTES is '4G', wanted a whole number of bytes above 0."):
        read_data(tmp_path / "a.csv")
