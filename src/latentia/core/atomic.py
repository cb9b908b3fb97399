"""The one way a file that must survive is written: whole under another name, forced to disk, and then given its own.

And the one way a folder is written that is to be there whole or not at all.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# What folders of some file systems answer when they are told to reach the disk.
CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES)


def write(path: Path, *chunks: bytes) -> None:
    """The chunks, end to end, as the file ``path``: after a crash or a power cut it is the old file or the new one.

    Raises:
        OSError: it cannot be written; ``path`` is as it was, and nothing is left beside it.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            # Without it the new name may reach the disk before what it names.
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
    sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """As ``write``, text as UTF-8."""
    write(path, text.encode("utf-8"))


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A place to fill, which becomes ``folder`` when the block ends well; else nothing is left of it.

    An empty folder that is there stays the same one, since a shell may stand in it.

    Args:
        folder: new or empty.

    Raises:
        OSError: it cannot be written.
    """
    # Neither "." nor ".." nor "/" has a name that another could stand beside.
    folder = folder.resolve()
    there = folder.is_dir()
    name = f".{folder.name}.{os.getpid()}.part"
    beside = folder / name if there else folder.with_name(name)
    beside.mkdir(parents=True)
    moved: list[Path] = []
    try:
        yield beside
        if there:
            for path in sorted(beside.iterdir()):
                path.replace(folder / path.name)
                moved.append(folder / path.name)
        else:
            beside.replace(folder)
    except BaseException:
        for path in moved:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Force a folder's names to disk, where the system can.

    Raises:
        OSError: the disk failed.
    """
    if os.name == "nt":
        return
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    except OSError as error:
        if error.errno not in CANNOT_SYNC:
            raise
    finally:
        os.close(place)


def clear_parts(folder: Path) -> None:
    """Take away what writers that were killed left in ``folder``."""
    for part in folder.glob(".*.part"):
        with suppress(OSError):
            part.unlink()
