"""Seeded randomness that gives way to the caller's afterwards, and noise that all rows share."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Size, Tensor
from torch.overrides import TorchFunctionMode


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Torch's random state set to ``seed`` inside, and as it was before outside, on the CPU and on every CUDA device."""
    with kept_random_state():
        torch.manual_seed(seed)
        yield


@contextmanager
def kept_random_state() -> Iterator[None]:
    """Torch's random state afterwards as it was before, on the CPU and on every CUDA device."""
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        yield


@contextmanager
def kept_random_state_on_error() -> Iterator[None]:
    """Torch's random state on the CPU as it was before, where what is done inside fails."""
    state = torch.get_rng_state()
    try:
        yield
    except BaseException:
        torch.set_rng_state(state)
        raise


def random_states(device: torch.device) -> dict[str, Tensor]:
    """Torch's random state on the CPU, and on the device where that is another, by name; tensors on the CPU."""
    states = {"cpu": torch.get_rng_state()}
    if device.type != "cpu" and hasattr(module := torch.get_device_module(device), "get_rng_state"):
        states[device.type] = module.get_rng_state()
    return states


def set_random_states(states: Mapping[str, Tensor], device: torch.device) -> None:
    """Put back what ``random_states`` found; what it found on another kind of device is left out."""
    torch.set_rng_state(states["cpu"])
    if device.type != "cpu" and device.type in states:
        torch.get_device_module(device).set_rng_state(states[device.type])


FACTORIES = (torch.randn, torch.rand)
LIKE = (torch.randn_like, torch.rand_like)
IN_PLACE = (Tensor.normal_, Tensor.uniform_, Tensor.exponential_)


class CommonNoise(TorchFunctionMode):
    """Inside, noise of shape (K, rows, ...) is drawn as (K, 1, ...) and given to every row alike.

    What is then drawn for a row depends on that row's parameters alone: not on its place in the batch, nor on who is beside
    it. Draws of one row have their right law; draws of two rows are not independent. Noise that depends on parameters (a
    gamma's) is left as it is.

    Args:
        rows: length of the axis that shares, the second.
    """

    def __init__(self, rows: int) -> None:
        super().__init__()
        self._rows = rows

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        options = kwargs or {}
        if func in FACTORIES:
            shape = Size(args[0] if len(args) == 1 and not isinstance(args[0], int) else args)
            if self._shares(shape):
                return func(_one(shape), **options).expand(shape)
        elif func in LIKE and self._shares(args[0].shape):
            return func(args[0][:, :1], **options).expand(args[0].shape)
        elif func is torch.normal and len(args) == 2 and isinstance(args[0], Tensor) and self._shares(args[0].shape):
            return args[0] + args[1] * torch.randn(_one(args[0].shape), dtype=args[0].dtype, device=args[0].device)
        elif func in IN_PLACE and self._shares(args[0].shape):
            whole: Tensor = args[0]
            noise = func(torch.empty(_one(whole.shape), dtype=whole.dtype, device=whole.device), *args[1:], **options)
            return whole.copy_(noise)
        return func(*args, **options)

    def _shares(self, shape: Size) -> bool:
        return len(shape) > 1 and shape[1] == self._rows


def _one(shape: Size) -> tuple[int, ...]:
    return (shape[0], 1, *shape[2:])
