"""From raw seconds to rates, shares and slopes; and what each target of the results asks for."""

import math
import statistics
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from benchmarks.speed.until import SCHEDULED

Timings = Mapping[str, dict[str, Any]]
"""What was kept, by case."""
# All say their bound on the same rows after as many steps from other random starts; another objective is off by far more.
SAME_BOUND = 0.05
PIXELS = 784
BOTH = "import torch, latentia"


def rates(one: Mapping[str, Any]) -> list[float]:
    """Rows a second in each turn."""
    task = one["task"]
    return [task["rows"] * task["turn"] / seconds for seconds in one["seconds"]]


def rate(one: Mapping[str, Any] | None) -> float | None:
    """The median of them."""
    return statistics.median(rates(one)) if one and one["seconds"] and "broken" not in one else None


def ratio(kept: Timings, case: str, one: str, other: str) -> float | None:
    """Median rate of one over that of the other."""
    found = kept.get(case, {}).get("found", {})
    a, b = rate(found.get(one)), rate(found.get(other))
    return None if a is None or b is None else a / b


def to_bare(kept: Timings, case: str) -> float | None:
    """Latentia over the bare loop, on the route that Latentia took."""
    route = kept.get(case, {}).get("found", {}).get("latentia", {}).get("route")
    return ratio(kept, case, "latentia", "bare-onednn" if route == "onednn" else "bare")


def agree(found: Mapping[str, Any]) -> tuple[float, bool] | None:
    """The largest distance of a bound from their median, as a share of it; and whether that is near enough."""
    bounds = [one["bound"] for one in found.values() if "bound" in one]
    if len(bounds) < 2:
        return None
    middle = statistics.median(bounds)
    worst = max(abs(bound - middle) for bound in bounds) / abs(middle)
    return worst, worst <= SAME_BOUND


def gflop_a_row(task: Mapping[str, Any]) -> float:
    """Matrix products of one row's step: forwards, back to the weights, and back to all inputs but x."""
    hidden, z = list(task["hidden"]), task["latents"]
    sizes = list(zip([PIXELS, *hidden], [*hidden, 2 * z], strict=True))
    sizes += list(zip([z, *hidden[::-1]], [*hidden[::-1], PIXELS], strict=True))
    products = 3 * sum(a * b for a, b in sizes) - sizes[0][0] * sizes[0][1]
    return 2 * products / 1e9


def share_of_peak(kept: Timings, name: str = "latentia") -> float | None:
    """A step's matmul rate over the best that the machine was measured to do in the same run, batch 512."""
    found = kept.get("mlp-512", {}).get("found", {})
    peaks = [
        found[peak]["gflop_an_epoch"] / min(found[peak]["seconds"])  # the best turn: a peak is not what others left of it
        for peak in ("peak", "peak-onednn")
        if "gflop_an_epoch" in found.get(peak, {}) and found[peak].get("relative_error", 1) < 1e-6
    ]
    rows = rate(found.get(name))
    return None if rows is None or not peaks else rows * gflop_a_row(found[name]["task"]) / max(peaks)


def until_share(kept: Timings, who: str) -> float | None:
    """Median seconds to the goal over pythae's."""
    runs = kept.get("until", {}).get("runs", {})
    both = [[one["seconds"] for one in runs.get(name, []) if one.get("reached")] for name in (who, "pythae")]
    return statistics.median(both[0]) / statistics.median(both[1]) if all(both) else None


def start(kept: Timings, name: str, less: str = "") -> float | None:
    """Median seconds of a command, less those of another."""
    seconds = kept.get("startup", {}).get("seconds", {})
    if not seconds.get(name):
        return None
    return statistics.median(seconds[name]) - (statistics.median(seconds[less]) if less else 0.0)


def estimated(kept: Timings, what: str) -> float | None:
    """Of the importance-weighted estimate, only if it was the whole of it."""
    found = kept.get("estimate", {})
    return found.get(what) if (found.get("draws"), found.get("rows")) == (5_000, 10_000) else None


def slope(points: Mapping[int, float]) -> float:
    """Of log seconds against log size, by least squares."""
    x, y = [math.log(size) for size in points], [math.log(seconds) for seconds in points.values()]
    return statistics.linear_regression(x, y).slope


class Target(NamedTuple):
    """A promise, and how it is judged.

    Attributes:
        says: what was promised.
        wanted: the number.
        at_least: or at most.
        of: the figure, None where it was not measured.
    """

    says: str
    wanted: float
    at_least: bool
    of: Callable[[Timings], float | None]


def _ratio(says: str, wanted: float, case: str, other: str) -> Target:
    return Target(says, wanted, True, lambda kept: ratio(kept, case, "latentia", other))


def _bare(says: str, case: str) -> Target:
    return Target(f"{says}, over the bare loop on the same route", 0.95, True, lambda kept: to_bare(kept, case))


TARGETS: tuple[Target, ...] = (
    _bare("MLP VAE, batch 100", "mlp-100"),
    _bare("MLP VAE, batch 512", "mlp-512"),
    *(
        _ratio(f"MLP VAE, batch {batch}, over {name}", wanted, f"mlp-{batch}", other)
        for name, other, wanted in (("NumPyro", "numpyro", 1.0), ("pythae", "pythae", 2.2), ("Pyro", "pyro", 2.5))
        for batch in (100, 512)
    ),
    _ratio("Conv VAE, over NumPyro", 2.0, "conv", "numpyro"),
    _ratio("Conv VAE, over pythae", 1.2, "conv", "pythae"),
    _ratio("IWAE, 50 draws, over NumPyro", 1.0, "iwae-50", "numpyro"),
    _bare("LSTM", "lstm"),
    Target("Static MNIST to the goal, seconds over pythae's", 0.45, False, lambda kept: until_share(kept, SCHEDULED)),
    Target("the same at pythae's constant rate", 0.45, False, lambda kept: until_share(kept, "latentia")),
    Target("Share of the matmul peak, batch 512", 0.6, True, share_of_peak),
    Target("`latentia --help`, s", 0.5, False, lambda kept: start(kept, "latentia --help")),
    Target("`import latentia` over `import torch`, s", 0.3, False, lambda k: start(k, BOTH, "import torch")),
    Target("`latentia fit digits --set epochs=1`, s", 6.0, False, lambda k: start(k, "latentia fit digits --set epochs=1")),
    Target("5,000 draws x 10,000 images, s", 480.0, False, lambda kept: estimated(kept, "seconds")),
    Target("the same, MiB", 2048.0, False, lambda kept: estimated(kept, "peak_mib")),
)
