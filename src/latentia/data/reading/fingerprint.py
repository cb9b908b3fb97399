"""What was read, so that it can be known again: the sha256 of a file, or of a list of files and theirs.

A file beyond ``WHOLE`` bytes is known by its size, the time at which it was written, and a sample of its bytes: to read
twenty gigabytes before every use would cost minutes. So a change that leaves size and time alone can go unseen there.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from latentia.core.errors import DataError
from latentia.data.reading.image_files import image_paths
from latentia.data.reading.limits import reason, regular_file

CHUNK = 1 << 20
WHOLE = 4 << 30
PIECES, PIECE = 256, 1 << 16


@dataclass(frozen=True)
class Fingerprint:
    """Of one file its sha256; of several that of their list. ``size`` in bytes, ``files`` how many."""

    sha256: str
    size: int
    files: int


def fingerprint(sources: Sequence[Path], expected: Fingerprint | None = None) -> Fingerprint | None:
    """The fingerprint of files and folders; None as soon as it is plain that it is not the expected one.

    Raises:
        DataError: a file is missing or cannot be read.
    """
    found = [(source, path) for source in sources for path in _files(source)]
    if expected is not None and len(found) != expected.files:
        return None
    sizes = [regular_file(path) for _, path in found]
    if expected is not None and sum(sizes) != expected.size:
        return None
    sums = [_sha256(path) if size <= WHOLE else sampled(path) for (_, path), size in zip(found, sizes, strict=True)]
    if len(sources) == 1 and not sources[0].is_dir():
        return Fingerprint(sums[0], sizes[0], 1)
    places = [path.relative_to(source).as_posix() if path != source else "" for source, path in found]
    lines = "".join(f"{place}\0{one}\n" for place, one in zip(places, sums, strict=True))
    return Fingerprint(hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest(), sum(sizes), len(found))


def _files(source: Path) -> list[Path]:
    """A file itself; of a folder what a reader takes: its pictures, else the files that lie in it."""
    if not source.is_dir():
        return [source]
    return image_paths(source) or sorted(p for p in source.iterdir() if p.is_file() and not p.name.startswith("."))


def by_what(sources: Sequence[Path]) -> str:
    """What differs where the fingerprint of these is not the expected one."""
    large = any(path.is_file() and path.stat().st_size > WHOLE for path in sources)
    return "its size, its date or its bytes differ" if large else "its sha256 differs"


def sampled(path: Path) -> str:
    """sha256 of a file's size, of when it was written, and of pieces spread evenly from its first to its last.

    Raises:
        DataError: it cannot be read.
    """
    try:
        about = path.stat()
        found = hashlib.sha256(f"sampled {about.st_size} {about.st_mtime_ns}".encode())
        with path.open("rb") as stream:
            for piece in range(PIECES):
                stream.seek(max(0, about.st_size - PIECE) * piece // (PIECES - 1))
                found.update(stream.read(PIECE))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({reason(error)}); check the path.") from None
    return found.hexdigest()


def _sha256(path: Path) -> str:
    whole = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                whole.update(chunk)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({reason(error)}); check the path.") from None
    return whole.hexdigest()
