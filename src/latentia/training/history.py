"""What happened in training: one row an epoch, and how it ended."""

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from latentia.training.matmul import Route

COLUMNS = (
    "epoch",
    "step",
    "train_bound",
    "train_rate",
    "valid_bound",
    "valid_rate",
    "valid_reconstruction",
    "active_units",
    "beta",
    "lr",
    "grad_norm",
    "skipped",
    "rows_per_second",
    "seconds",
)


@dataclass
class History:
    """Rows of ``metrics.csv`` (bounds and rates in nats a row) and the end.

    Attributes:
        rows: one mapping an epoch, with the keys of ``COLUMNS``.
        best_epoch: the epoch whose weights were kept; None before the first one that counts.
        ended: "done", "early" (no better for ``patience`` epochs), "interrupted" or "stopped" (not finite).
        skipped_steps: numbers of the steps that were not taken because something was not finite.
        seconds: time in the loop, validation included.
        route: which way matrix products went, and why.
    """

    rows: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int | None = None
    ended: str = "done"
    skipped_steps: list[int] = field(default_factory=list)
    seconds: float = 0.0
    route: Route = field(default_factory=Route)

    def to_csv(self) -> str:
        """``metrics.csv``: a header and one line an epoch; what is not finite is left blank."""
        file = io.StringIO(newline="")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([_text(row.get(name, math.nan)) for name in COLUMNS] for row in self.rows)
        return file.getvalue()

    @staticmethod
    def read_csv(lines: Iterable[str]) -> "History":
        """The rows of a ``metrics.csv``."""
        rows = [{k: float(v) if v else math.nan for k, v in row.items()} for row in csv.DictReader(lines)]
        return History(rows=rows)


def _text(value: float) -> str:
    if not math.isfinite(value):
        return ""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:.8g}"
