"""Columns of a history: what is missing or not finite becomes NaN, which every picture leaves blank."""

from collections.abc import Mapping, Sequence
from math import inf, isfinite, nan

from latentia.report.svg import padded

History = Sequence[Mapping[str, float]]


def column(history: History, key: str) -> list[float]:
    """One quantity over the epochs.

    >>> column([{"a": 1.0}, {}, {"a": float("inf")}], "a")
    [1.0, nan, nan]
    """
    return [_number(row.get(key)) for row in history]


def epochs(history: History) -> list[float]:
    """The epochs' numbers; counted from 1 where they are missing."""
    given = column(history, "epoch")
    return [e if isfinite(e) else k + 1.0 for k, e in enumerate(given)]


def last(values: Sequence[float]) -> float:
    """The last finite value, or NaN.

    >>> last([1.0, 2.0, float("nan")])
    2.0
    """
    return next((v for v in reversed(values) if isfinite(v)), nan)


def varies(values: Sequence[float]) -> bool:
    """Whether there are two different finite values."""
    finite = {v for v in values if isfinite(v)}
    return len(finite) > 1


def focus(*curves: Sequence[float]) -> tuple[float, float]:
    """A range that shows how curves end: the first twelfth, where a bound climbs from nowhere, does not set it."""
    later = [v for curve in curves for v in curve[_skipped(len(curve)) :]]
    return padded(later if any(isfinite(v) for v in later) else [v for curve in curves for v in curve])


def outside(xs: Sequence[float], values: Sequence[float], span: tuple[float, float]) -> list[float]:
    """The xs at which a value lies outside a range."""
    return [x for x, v in zip(xs, values, strict=True) if isfinite(v) and not span[0] <= v <= span[1]]


def at_epoch(history: History, epoch: int | None, key: str) -> float:
    """A quantity at a numbered epoch, or NaN."""
    numbers = epochs(history)
    return next((v for e, v in zip(numbers, column(history, key), strict=True) if e == epoch), nan)


def _skipped(n: int) -> int:
    return 0 if n < 6 else max(1, n // 12)


def _number(value: object) -> float:
    number = float(value) if isinstance(value, int | float) else nan
    return number if -inf < number < inf else nan
