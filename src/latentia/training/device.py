"""Where to run: the accelerator that is there, or the one that was asked for."""

import os

import torch

from latentia.core.errors import LatentiaError


def pick_device(name: str = "auto") -> torch.device:
    """A usable device by name; "auto" takes what torch finds (CUDA, MPS, XPU, ...), else the CPU.

    Raises:
        LatentiaError: no such device here.
    """
    if name != "auto":
        try:
            there = torch.zeros((), device=name)
            _ = there.item()  # "meta" holds no numbers
            return there.device
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            raise LatentiaError(f"device {name!r} cannot be used here ({first_line(error)}); use 'auto' or 'cpu'.") from None
    if os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true", "yes"):  # accelerate launch --cpu
        return torch.device("cpu")
    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")


def first_line(error: BaseException) -> str:
    """The first line of an error's text, without its full stop."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
