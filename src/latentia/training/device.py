"""Where to run: the accelerator that is there, or the one that was asked for."""

import torch

from latentia.core.errors import LatentiaError


def pick_device(name: str = "auto") -> torch.device:
    """A usable device by name; "auto" takes what Accelerate finds (CUDA, MPS, XPU, ...), else the CPU.

    Raises:
        LatentiaError: no such device here, or several processes were launched, which a fit does not share yet.
    """
    if name != "auto":
        try:
            there = torch.zeros((), device=name)
            _ = there.item()  # "meta" holds no numbers
            return there.device
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            raise LatentiaError(f"device {name!r} cannot be used here ({first_line(error)}); use 'auto' or 'cpu'.") from None
    from accelerate import PartialState  # imports as much as torch itself does

    state = PartialState()
    if state.num_processes > 1:
        raise LatentiaError(
            f"{state.num_processes} processes were launched, but a fit runs in one; start it with plain `latentia fit`."
        )
    return torch.device(state.device or "cpu")


def first_line(error: BaseException) -> str:
    """The first line of an error's text, without its full stop."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
