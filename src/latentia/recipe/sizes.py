"""How large a network a recipe asks for: counted before a number of it is made, since a recipe may come from anyone."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch

from latentia.core.errors import LatentiaError, RecipeError
from latentia.networks import Network

# A side of a network from which its numbers are counted, and how many it may hold.
WIDE, MOST_NUMBERS = 8192, 2_000_000_000


def check_size(path: str, cls: Callable[..., object], arguments: Mapping[str, Any]) -> None:
    """Refuse a network that no machine here could hold; torch's random state is left alone.

    Raises:
        RecipeError: it would hold more than ``MOST_NUMBERS``.
    """
    if _largest(arguments) <= WIDE:
        return
    try:
        with torch.device("meta"):
            network = cast("Network", cls(**arguments))
        n = sum(p.numel() for p in network.parameters())
    except LatentiaError:
        return  # what else is wrong with it is said where it is built
    except (RuntimeError, OverflowError, ValueError, TypeError):  # torch's, of lengths beyond 64 bits
        n = MOST_NUMBERS + 1
    if n > MOST_NUMBERS:
        raise RecipeError(f"{path} would hold more than {MOST_NUMBERS:,} numbers to learn; make it smaller.")


def _largest(value: object) -> int:
    """The largest whole number anywhere in a value."""
    if isinstance(value, int):
        return value
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return max(map(_largest, inner), default=0)
