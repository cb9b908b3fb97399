"""How many grey levels an array of bytes has, where they are fewer than a byte could say."""

from typing import Any

import torch


def dim_bytes(x: Any, levels: int | None) -> list[str]:
    """A sentence about bytes (N, ...) that use less than half of 256 levels, which nobody said.

    They stay the lowest of 256: a dark picture is as likely as one of few levels, and a guess by the brightest of these rows
    would be another one for the next file.
    """
    if x.dtype != torch.uint8 or levels != 256 or (highest := int(x.max())) >= 128:
        return []
    return [
        f"bytes from 0 to {highest} are taken as the lowest of 256 grey levels; say levels={highest + 1} if {highest} is "
        "white, or reader='counts' if they count something."
    ]
