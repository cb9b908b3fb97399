"""What every reader hands on: a table, or rows as an array, with what else came beside them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# Bytes; smaller rows lie in memory everywhere.
SAID_FROM = 256 << 20


@dataclass
class Material:
    """Rows as they were read, before they are cut and scaled.

    Attributes:
        frame: a pandas frame of typed columns, or None.
        x: (N, ...) rows as an array, or None.
        labels: (N,) whatever names a class, or None.
        value_names: a name for each value of a row.
        mask: (N, ...) True where observed, or None.
        levels: grey levels of x, where the source says; see ``from_arrays``.
        parts: (N,) "train", "valid" or "test" where the source says so, or None.
        extras: other columns (N,) by name, from which a label, a group or a split may be taken.
        shown: what the source is called in messages.
        notes: sentences about what was decided on the way.
        resolved: options that were left open, as they were decided; new rows are read by them.
    """

    frame: Any = None
    x: Any = None
    labels: Any = None
    value_names: tuple[str, ...] | None = None
    mask: Any = None
    levels: int | None = None
    parts: np.ndarray | None = None
    extras: Mapping[str, np.ndarray] = field(default_factory=dict)
    shown: str = "the data"
    notes: list[str] = field(default_factory=list)
    resolved: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frame if self.x is None else self.x)


def never_streamed(material: Material, size: int) -> Material:
    """Rows that lie in memory; where another machine might decide otherwise it is said, or a fit could not go on there."""
    if size >= SAID_FROM:
        material.resolved["stream"] = "never"
    return material
