"""No test here reaches the network, the cache of whoever runs it, or data that it did not ask for."""

import gzip
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest

from latentia.core.errors import DataError, LatentiaError
from latentia.data import sources

REAL = Path(os.environ.get(sources.VARIABLE) or Path(__file__).parents[3] / "shared" / "data")
REAL_DOWNLOAD = sources.download
Refused = Callable[..., AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no LATENTIA_DATA, and a downloader that fails as if there were no network."""

    def offline(url: str, path: Path, sha256: str) -> None:
        raise ConnectionError(f"no network in tests: {url}")

    folder = tmp_path / "cache"
    monkeypatch.setattr(sources, "cache_folder", lambda: folder)
    monkeypatch.setattr(sources, "download", offline)
    monkeypatch.delenv(sources.VARIABLE, raising=False)
    return folder


@pytest.fixture
def real_download(monkeypatch: pytest.MonkeyPatch) -> None:
    """The downloader itself, for a server on this machine."""
    monkeypatch.setattr(sources, "download", REAL_DOWNLOAD)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that LATENTIA_DATA names."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv(sources.VARIABLE, str(folder))
    return folder


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Points LATENTIA_DATA at the real files, or skips where the one asked for is missing."""

    def find(name: str, file: str) -> Path:
        path = REAL / name / file
        if not path.is_file():
            pytest.skip(f"the real {name}/{file} is neither under LATENTIA_DATA nor in ../shared/data")
        monkeypatch.setenv(sources.VARIABLE, str(REAL))
        return path

    return find


@pytest.fixture
def refused() -> Refused:
    """The block ends in exactly this message, on one line."""

    @contextmanager
    def check(message: str, kind: type[LatentiaError] = DataError) -> Iterator[None]:
        with pytest.raises(kind) as caught:
            yield
        assert str(caught.value) == message
        assert "\n" not in message

    return check


@pytest.fixture(scope="session")
def write_idx() -> Callable[[Path, np.ndarray], Path]:
    """Writes an array of bytes as a gzipped idx file."""

    def write(path: Path, array: np.ndarray) -> Path:
        head = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(head + array.astype(np.uint8).tobytes(), compresslevel=1))
        return path

    return write
