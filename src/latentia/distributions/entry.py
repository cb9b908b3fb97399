"""One row of the table of distributions: how it is made, how it is reparameterized, and where that is written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import torch
from torch.distributions import Distribution


class How(StrEnum):
    """How a draw carries a gradient (Kingma & Welling 2014, section 2.4, for the first three)."""

    INVERSE_CDF = "inverse CDF"
    LOCATION_SCALE = "location-scale"
    COMPOSITION = "composition"
    IMPLICIT = "implicit"
    NONE = "none"  # draws are discrete


@dataclass(frozen=True)
class Entry:
    """A distribution of the table.

    Args:
        make: parameters by name -> distribution; mostly the class itself.
        how: how it is reparameterized.
        formula: the draw as a function of noise and parameters; for counts, the mass.
        source: authors, year, title (or the book and its chapter).
        typical: parameters that show it, as nested lists with one leading batch axis of two or three; anything that is not
            a list or a float is handed on as it is.
        extreme: parameters at the ends of what a network may ask for, laid out the same way.
        invalid: parameters each of which breaks a constraint, by name, while all others stay typical.
    """

    make: Callable[..., Distribution]
    how: How
    formula: str
    source: str
    typical: Mapping[str, Any]
    extreme: Mapping[str, Any] = field(default_factory=dict)
    invalid: Mapping[str, Any] = field(default_factory=dict)

    def parameters(self, which: str = "typical", dtype: torch.dtype | None = None) -> dict[str, Any]:
        """The parameters of one set as tensors of ``dtype``."""
        return {
            name: torch.tensor(value, dtype=dtype or torch.get_default_dtype()) if isinstance(value, list | float) else value
            for name, value in getattr(self, which).items()
        }

    def example(self, which: str = "typical", dtype: torch.dtype | None = None) -> Distribution:
        """The distribution at one set of parameters."""
        return self.make(**self.parameters(which, dtype))
