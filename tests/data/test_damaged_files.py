"""Files that are cut short, pickled, of another kind or of another shape: each is named, with what is wrong with it."""

import gzip
import io
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from latentia.data.readers import Array, read_bit_lines, read_idx, read_mat, read_npz, read_tar_tables

Refused = Callable[..., Any]
WriteIdx = Callable[[Path, np.ndarray], Path]
CURE = "the file is damaged or of another data set, get it again."
BITS = np.random.default_rng(0).integers(0, 2, (5, 6)).astype(np.uint8)


def lines(bits: np.ndarray) -> str:
    return "".join(" ".join(map(str, row)) + "\n" for row in bits.tolist())


def test_idx_is_read_back(tmp_path: Path, write_idx: WriteIdx) -> None:
    images = np.arange(24, dtype=np.uint8).reshape(4, 3, 2)
    assert np.array_equal(read_idx(write_idx(tmp_path / "images.gz", images), (None, 3, 2)), images)


def test_damaged_idx(tmp_path: Path, write_idx: WriteIdx, refused: Refused) -> None:
    path = write_idx(tmp_path / "images.gz", np.zeros((4, 3, 2)))
    whole = path.read_bytes()
    content = gzip.decompress(whole)
    with refused(f"the array in {path} is uint8 (4, 3, 2), wanted bytes (N, 28, 28); {CURE}"):
        read_idx(path, (None, 28, 28))
    with refused(f"{path} opens with 00000803, wanted 00000801 (an idx file of bytes, 1 axes) and 1 lengths; {CURE}"):
        read_idx(path, (None,))
    path.write_bytes(whole[:-12])
    with refused(f"{path} is not a whole gzip file (EOFError); {CURE}"):
        read_idx(path, (None, 3, 2))
    path.write_bytes(b"<html>moved</html>")
    with refused(f"{path} is not a whole gzip file (BadGzipFile); {CURE}"):
        read_idx(path, (None, 3, 2))
    path.write_bytes(gzip.compress(content[:-1]))
    with refused(f"{path} holds 23 values, its head says 24 (4, 3, 2); {CURE}"):
        read_idx(path, (None, 3, 2))
    path.write_bytes(gzip.compress(content[:7]))
    with refused(f"{path} opens with 00000803, wanted 00000803 (an idx file of bytes, 3 axes) and 3 lengths; {CURE}"):
        read_idx(path, (None, 3, 2))
    path.write_bytes(gzip.compress(b""))
    with refused(f"{path} opens with nothing, wanted 00000803 (an idx file of bytes, 3 axes) and 3 lengths; {CURE}"):
        read_idx(path, (None, 3, 2))
    path.write_bytes(gzip.compress(b"\0\0\x08\x03" + b"\xff" * 12))
    with refused(f"{path} holds 0 values, its head says {(2**32 - 1) ** 3} (4294967295, 4294967295, 4294967295); {CURE}"):
        read_idx(path, (None, 3, 2))


def test_damaged_npz(tmp_path: Path, refused: Refused) -> None:
    path, want = tmp_path / "data.npz", {"images": Array("bytes", (None, 4)), "names": Array("text", (2,))}
    images, names = np.zeros((3, 4), np.uint8), np.array(["a", "b"])
    np.savez(path, images=images, names=names, more=images)
    assert set(read_npz(path, want)) == {"images", "names"}
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with refused(f"{path} is not a whole npz file (BadZipFile); {CURE}"):
        read_npz(path, want)
    place = whole.index(b"NUMPY") + 200
    path.write_bytes(whole[:place] + b"\x77" + whole[place + 1 :])
    with pytest.raises(ValueError, match=r"data\.npz is not a whole npz file \(BadZipFile\)|wanted"):
        read_npz(path, want)
    path.write_bytes(b"")
    with refused(f"{path} is not a whole npz file (EOFError); {CURE}"):
        read_npz(path, want)
    np.savez(path, pictures=images, names=names)
    with refused(f"{path} lacks images (it has pictures, names); {CURE}"):
        read_npz(path, want)
    np.savez(path, images=images.astype(float), names=names)
    with refused(f"images in {path} is float64 (3, 4), wanted bytes (N, 4); {CURE}"):
        read_npz(path, want)
    np.savez(path, images=images[0], names=names)
    with refused(f"images in {path} is uint8 (4), wanted bytes (N, 4); {CURE}"):
        read_npz(path, want)
    with path.open("wb") as file:
        np.save(file, images)
    with refused(f"{path} holds one array without a name, wanted images, names; {CURE}"):
        read_npz(path, want)


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_nothing_is_ever_unpickled(tmp_path: Path, refused: Refused) -> None:
    path, sprung = tmp_path / "data.npz", tmp_path / "sprung"
    message = f"{path} holds pickled objects, which are never read; save plain arrays with numpy.savez."
    np.savez(path, images=np.array([Trap(sprung)], dtype=object))
    with refused(message):
        read_npz(path, {"images": Array("bytes", (None,))})
    path.write_bytes(pickle.dumps(Trap(sprung)))
    with refused(message):
        read_npz(path, {"images": Array("bytes", (None,))})
    assert not sprung.exists()


def test_damaged_mat(tmp_path: Path, refused: Refused) -> None:
    path, want = tmp_path / "data.mat", {"ff": Array("bytes", (4, None))}
    scipy.io.savemat(path, {"ff": np.ones((4, 3), np.uint8), "other": np.ones(2)})
    assert read_mat(path, want)["ff"].shape == (4, 3)
    with refused(f"ff in {path} is uint8 (4, 3), wanted bytes (5, N); {CURE}"):
        read_mat(path, {"ff": Array("bytes", (5, None))})
    with refused(f"{path} lacks gg (it has nothing); {CURE}"):
        read_mat(path, {"gg": Array("bytes", (5, None))})
    path.write_bytes(path.read_bytes()[:150])
    with pytest.raises(ValueError, match=r"data\.mat is not a whole MATLAB file"):
        read_mat(path, want)
    path.write_bytes(b"<html>")
    with pytest.raises(ValueError, match=r"data\.mat is not a whole MATLAB file"):
        read_mat(path, want)


def test_bit_lines(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "bits.amat"
    path.write_text(lines(BITS))
    assert np.array_equal(read_bit_lines(path, 5, 6), BITS)
    with refused(f"{path} is 60 bytes, wanted 48 (4 lines of 6 bits); {CURE}"):
        read_bit_lines(path, 4, 6)
    path.write_text(lines(BITS)[:-3])
    with refused(f"{path} is 57 bytes, wanted 60 (5 lines of 6 bits); {CURE}"):
        read_bit_lines(path, 5, 6)
    spoilt = BITS.copy()
    spoilt[2, 3] = 7
    path.write_text(lines(spoilt))
    with refused(f"{path} is not 6 bits in line 3; {CURE}"):
        read_bit_lines(path, 5, 6)
    path.write_text(lines(BITS).replace("\n", " ", 1))
    with refused(f"{path} is not 6 bits in line 1; {CURE}"):
        read_bit_lines(path, 5, 6)
    path.write_text(lines(BITS).replace(" ", ","))
    with refused(f"{path} is not 6 bits in line 1; {CURE}"):
        read_bit_lines(path, 5, 6)


def write_tar(path: Path, tables: dict[str, np.ndarray]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, table in tables.items():
            text = io.BytesIO()
            np.savetxt(text, table, delimiter="\t")
            member = tarfile.TarInfo(name)
            member.size = text.tell()
            text.seek(0)
            archive.addfile(member, text)
    return path


def test_damaged_tar(tmp_path: Path, refused: Refused) -> None:
    path, want = tmp_path / "tables.tar.gz", {"a.txt": Array("numbers", (3, 2))}
    write_tar(path, {"folder/a.txt": np.ones((3, 2)), "b.txt": np.ones((3, 1))})
    assert np.array_equal(read_tar_tables(path, want)["a.txt"], np.ones((3, 2)))
    with refused(f"{path} lacks c.txt (it has a.txt, b.txt); {CURE}"):
        read_tar_tables(path, {"c.txt": Array("numbers", (3, 2))})
    with refused(f"b.txt in {path} is float64 (3, 1), wanted numbers (3, 2); {CURE}"):
        read_tar_tables(path, {"b.txt": Array("numbers", (3, 2))})
    path.write_bytes(path.read_bytes()[:60])
    with refused(f"{path} is not a whole tar archive of tables (EOFError); {CURE}"):
        read_tar_tables(path, want)
    path.write_bytes(b"<html>")
    with refused(f"{path} is not a whole tar archive of tables (ReadError); {CURE}"):
        read_tar_tables(path, want)
