"""How much memory there is, and whether rows may lie in it."""

import os
from pathlib import Path
from typing import Literal

from latentia.data.reading.limits import most_bytes

Stream = Literal["auto", "always", "never"]
# Reading keeps up to three copies for a moment, and the training wants memory of its own.
SHARE = 4
MEMINFO, CGROUP, OWN = Path("/proc/meminfo"), Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def streams(stream: Stream, size: int) -> bool:
    """Whether rows of ``size`` bytes stay on disk: beyond a quarter of the free memory, or ``LATENTIA_MAX_BYTES``."""
    return size > min(free_bytes() // SHARE, most_bytes()) if stream == "auto" else stream == "always"


def free_bytes() -> int:
    """Bytes that this process may still take without pushing others out: the machine's, or less where a cgroup says so."""
    found = [size for size in (_of_machine(), *_of_cgroups()) if size is not None]
    return min(found) if found else most_bytes()


def _of_machine() -> int | None:
    for line in _text(MEMINFO).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):
        return None


def _of_cgroups() -> list[int]:
    """What every cgroup (version 2) above this process leaves it, and version 1's own."""
    own = next((line[3:].strip("/") for line in _text(OWN).splitlines() if line.startswith("0::")), "")
    places = [CGROUP / own, *(CGROUP / own).parents] if own else [CGROUP]
    pairs = [(place / "memory.max", place / "memory.current") for place in places if place.is_relative_to(CGROUP)]
    pairs.append((CGROUP / "memory/memory.limit_in_bytes", CGROUP / "memory/memory.usage_in_bytes"))
    limits = [(_text(limit).strip(), _text(used).strip()) for limit, used in pairs]
    return [max(0, int(limit) - int(used)) for limit, used in limits if limit.isdecimal() and used.isdecimal()]


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
