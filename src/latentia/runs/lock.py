"""One fit a folder: who holds it, and that a holder who died holds nothing."""

import json
import os
import socket
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from latentia.core.errors import RunError

try:
    import fcntl
except ImportError:  # no POSIX
    fcntl = None

LOCK = ".lock"


class Lock:
    """A run's folder, held by one process at a time; as a context.

    The system itself lets go of an advisory lock when its holder ends, however that comes about. Where there are none (no
    POSIX, some network disks) the process that the file names is looked for instead.

    Args:
        folder: which is there.

    Raises:
        RunError: another process holds it, with that one's number; or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / LOCK
        self._file: int | None = None

    def __enter__(self) -> "Lock":
        while self._file is None:
            self._file = self._take()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file is not None:
            with suppress(OSError):
                self.path.unlink()
            os.close(self._file)
            self._file = None

    def _take(self) -> int | None:
        """The lock file, open and held; None where its last holder took it away just then."""
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise RunError(f"{self.folder} cannot be written ({error.strerror}); make it writable.") from None
        try:
            if not self._is_free(file):
                raise RunError(f"{self.folder} is being fitted by {self._holder()}; wait for it, or fit into another.")
            if not self.path.exists() or os.fstat(file).st_ino != self.path.stat().st_ino:
                os.close(file)
                return None
            os.ftruncate(file, 0)
            os.write(file, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode())
        except BaseException:
            os.close(file)
            raise
        return file

    def _is_free(self, file: int) -> bool:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                return False
            except OSError:
                pass  # a disk that knows no locks
        pid, host = self._named()
        return pid is None or (host == socket.gethostname() and not _lives(pid))

    def _named(self) -> tuple[int | None, str]:
        """The process that the file names, and its machine."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            return int(found["pid"]), str(found["host"])
        except (OSError, ValueError, KeyError, TypeError):
            return None, ""

    def _holder(self) -> str:
        pid, host = self._named()
        if pid is None:
            return "another process"
        return f"process {pid}" + ("" if host == socket.gethostname() else f" on {host}")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # of another user
    return True
