"""How much may be read: sizes that a file declares are compared with a limit before anything is unpacked."""

import os
import zlib
from pathlib import Path

from latentia.core.errors import DataError

VARIABLE = "LATENTIA_MAX_BYTES"
DEFAULT = 4 * 2**30
CHUNK = 1 << 20
UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def most_bytes() -> int:
    """Bytes that one data set may take once read: 4 GiB, unless ``LATENTIA_MAX_BYTES`` says otherwise.

    Raises:
        DataError: the variable is no whole number above 0.
    """
    text = os.environ.get(VARIABLE, "")
    if not text:
        return DEFAULT
    if not text.isdecimal() or int(text) < 1:
        raise DataError(f"{VARIABLE} is {text!r}, wanted a whole number of bytes above 0.")
    return int(text)


def check_bytes(what: str, declared: int) -> None:
    """Refuse what would take more bytes than the limit.

    Raises:
        DataError: with both sizes, and how to allow it.
    """
    limit = most_bytes()
    if declared > limit:
        raise DataError(
            f"{what} would take {shown(declared)} once read, more than the limit of {shown(limit)}; give fewer rows, or set "
            f"{VARIABLE} if that is meant."
        )


def shown(size: int) -> str:
    """A size for people.

    >>> shown(3 * 2**30), shown(12)
    ('3.0 GiB', '12 bytes')
    """
    value, unit = float(size), 0
    while value >= 1024 and unit < len(UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{size} bytes" if not unit else f"{value:.1f} {UNITS[unit]}"


def regular_file(path: Path) -> int:
    """The size of a file.

    Raises:
        DataError: there is none, it is empty, or it is no regular file.
    """
    try:
        is_file, is_there = path.is_file(), path.exists()
        size = path.stat().st_size if is_file else 0
    except (OSError, ValueError) as error:
        raise DataError(f"{str(path)[:200]!r} cannot be opened ({reason(error)}); check the path.") from None
    if not is_file:
        what = "is no regular file; give a file or a folder" if is_there else "does not exist; check the path"
        raise DataError(f"{path} {what}.")
    if not size:
        raise DataError(f"{path} is empty; give a file with rows.")
    return size


def read_bytes(path: Path) -> bytes:
    """A file whole, unpacked where it is gzip, under the limit.

    Raises:
        DataError: it is too large, cannot be read, or is gzip that is damaged.
    """
    check_bytes(str(path), regular_file(path))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({reason(error)}); check the path.") from None
    return ungzip(str(path), content) if content[:2] == b"\x1f\x8b" else content


def ungzip(what: str, content: bytes) -> bytes:
    """What a gzip file holds; no more than the limit is ever unpacked.

    Raises:
        DataError: damaged, cut short, or beyond the limit.
    """
    limit, parts, size = most_bytes(), [], 0
    while content:
        unpack = zlib.decompressobj(wbits=31)
        try:
            while content and not unpack.eof:
                part = unpack.decompress(content, CHUNK)
                content = unpack.unconsumed_tail
                size += len(part)
                if size > limit:
                    raise DataError(
                        f"{what} unpacks to more than the limit of {shown(limit)}; it may be a bomb, or set {VARIABLE}."
                    )
                parts.append(part)
            parts.append(unpack.flush())
        except zlib.error:
            raise DataError(f"{what} is gzip that is damaged; get it again.") from None
        if not unpack.eof:
            raise DataError(f"{what} is gzip that is cut short; get it again.")
        content = unpack.unused_data.lstrip(b"\0")
    return b"".join(parts)


def reason(error: BaseException) -> str:
    """Why, in one line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0][:200]
