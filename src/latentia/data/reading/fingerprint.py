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
    paths = [path for source in sources for path in (image_paths(source) if source.is_dir() else [source])]
    if expected is not None and len(paths) != expected.files:
        return None
    sizes = [regular_file(path) for path in paths]
    if expected is not None and sum(sizes) != expected.size:
        return None
    sums = [_sha256(path) for path in paths]
    if len(paths) == 1 and not sources[0].is_dir():
        return Fingerprint(sums[0], sizes[0], 1)
    places = [
        str(path.relative_to(s)) if s.is_dir() else "" for s in sources for path in (image_paths(s) if s.is_dir() else [s])
    ]
    lines = "".join(f"{place}\0{one}\n" for place, one in zip(places, sums, strict=True))
    return Fingerprint(hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest(), sum(sizes), len(paths))


def _sha256(path: Path) -> str:
    whole = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                whole.update(chunk)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({reason(error)}); check the path.") from None
    return whole.hexdigest()
