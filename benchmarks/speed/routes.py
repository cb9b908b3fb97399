"""Which way torch's fp32 matmul goes on a CPU: its own default, or oneDNN, which torch calls by what it may do elsewhere."""

from typing import Any

import torch

_matmul: Any = torch.backends.mkldnn.matmul  # pyright: ignore[reportAttributeAccessIssue]  torch's stubs lack it


def take(route: str) -> None:
    """ "onednn" from here on; "" leaves what is set."""
    if route == "onednn":
        _matmul.fp32_precision = "bf16"


def taken() -> str:
    """By what is set now."""
    return "onednn" if _matmul.fp32_precision == "bf16" else "default"
