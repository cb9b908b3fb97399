"""What was read, so that it can be known again: the sha256 of a file, or of a list of files and theirs."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from latentia.core.errors import DataError
from latentia.data.reading.image_files import image_paths
from latentia.data.reading.limits import reason, regular_file

CHUNK = 1 << 20


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
    sums = [_sha256(path) for _, path in found]
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


def _sha256(path: Path) -> str:
    whole = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                whole.update(chunk)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({reason(error)}); check the path.") from None
    return whole.hexdigest()
