"""How many grey levels an array of bytes has, where they are fewer than a byte could say."""

from typing import Any

import torch

from latentia.data.reading.options import Options


def dim_bytes(x: Any, levels: int | None, options: Options) -> list[str]:
    """A sentence about bytes (N, ...) that use less than half of 256 levels, and were not said to.

    They stay the lowest of 256: a dark picture is as likely as one of few levels, and a guess by the brightest of these rows
    would be another one for the next file.
    """
    if x.dtype != torch.uint8 or levels != 256 or options.levels is not None or (highest := int(x.max())) >= 128:
        return []
    return [
        f"bytes from 0 to {highest} are taken as the lowest of 256 grey levels; say levels={highest + 1} if {highest} is "
        "white, or reader='counts' if they count something."
    ]
