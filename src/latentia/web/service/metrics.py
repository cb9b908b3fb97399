"""What the service counts, as Prometheus reads it (its text format, version 0.0.4)."""

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

MEDIA = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
PARTS = (1, 2, 4, 8, 16, 32, 64, 128)
PAGE_BYTES = 4096

Labels = tuple[tuple[str, str], ...]


class Histogram:
    """Counts below each of some bounds, and their sum."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds, self.counts, self.total = bounds, [0] * (len(bounds) + 1), 0.0

    def add(self, value: float) -> None:
        """Count one."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Metrics:
    """Counters and histograms; any thread may add to them.

    Args:
        about: labels of a constant 1, such as the version.
        gauges: what is measured when it is asked for, with its help.
    """

    def __init__(self, about: dict[str, str], gauges: dict[str, tuple[str, Callable[[], float]]] | None = None) -> None:
        self._about, self._gauges = about, {"process_resident_memory_bytes": ("Memory in use.", resident), **(gauges or {})}
        self._lock = threading.Lock()
        self._requests: defaultdict[Labels, int] = defaultdict(int)
        self._seconds: dict[Labels, Histogram] = {}
        self._rows: defaultdict[Labels, int] = defaultdict(int)
        self._calls: dict[Labels, Histogram] = {}
        self._parts = Histogram(PARTS)

    def gauge(self, name: str, told: str, ask: Callable[[], float]) -> None:
        """Measure one more thing."""
        self._gauges[name] = (told, ask)

    def request(self, path: str, method: str, status: int, seconds: float) -> None:
        """A request that was answered; ``path`` is one of few."""
        with self._lock:
            self._requests[("path", path), ("method", method), ("status", str(status))] += 1
            self._seconds.setdefault((("path", path),), Histogram(SECONDS)).add(seconds)

    def call(self, name: str, parts: int, rows: int, seconds: float) -> None:
        """A call of the model that answered so many requests."""
        kind = (("call", name),)
        with self._lock:
            self._rows[kind] += rows
            self._calls.setdefault(kind, Histogram(SECONDS)).add(seconds)
            self._parts.add(parts)

    def text(self) -> str:
        """All of it."""
        with self._lock:
            lines = _kind("latentia_info", "gauge", "What is served.")
            lines.append(f"latentia_info{_labels(tuple(self._about.items()))} 1")
            for name, (told, ask) in self._gauges.items():
                lines += [*_kind(name, "gauge", told), f"{name} {ask():.17g}"]
            for name, told, counts in (
                ("latentia_requests_total", "Requests by path and status.", self._requests),
                ("latentia_model_rows_total", "Rows that the model was asked about.", self._rows),
            ):
                lines += _kind(name, "counter", told)
                lines += [f"{name}{_labels(labels)} {count}" for labels, count in counts.items()]
            lines += _histograms("latentia_request_seconds", "Time to answer.", self._seconds)
            lines += _histograms("latentia_model_seconds", "Time of a call of the model.", self._calls)
            lines += _histograms("latentia_merged_requests", "Requests that one call answered.", {(): self._parts})
        return "\n".join(lines) + "\n"


def resident() -> float:
    """Bytes of memory that the process holds; NaN where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * float(PAGE_BYTES)
    except (OSError, ValueError, IndexError):
        return float("nan")


def _kind(name: str, kind: str, told: str) -> list[str]:
    return [f"# HELP {name} {told}", f"# TYPE {name} {kind}"]


def _labels(labels: Labels) -> str:
    told = (f'{name}="{_escaped(value)}"' for name, value in labels)
    return "{" + ",".join(told) + "}" if labels else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _histograms(name: str, told: str, found: dict[Labels, Histogram]) -> list[str]:
    lines = _kind(name, "histogram", told)
    for labels, histogram in found.items():
        below = 0
        for bound, count in zip((*(f"{b:g}" for b in histogram.bounds), "+Inf"), histogram.counts, strict=True):
            below += count
            lines.append(f"{name}_bucket{_labels((*labels, ('le', bound)))} {below}")
        lines += [f"{name}_sum{_labels(labels)} {histogram.total:.9g}", f"{name}_count{_labels(labels)} {below}"]
    return lines
