"""What a training must remember to go on to the bit, as one flat mapping that needs no code to be read."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from latentia.core.errors import ShapeError

Value = Tensor | bool | int | float | str
Memory = dict[str, Value]
"""Names to tensors and to plain values; what may be infinite or NaN is a tensor."""


@runtime_checkable
class Remembers(Protocol):
    """A module with state that is no part of what a finished run saves, and that its ``state_dict`` does not hold."""

    def memory(self) -> Memory:
        """That state; the tensors may be the live ones."""
        ...

    def restore(self, memory: Memory) -> None:
        """Take back what ``memory`` gave, unless that was nothing, in a module built like that one; tensors may be kept."""
        ...


def remembered(root: nn.Module) -> Memory:
    """Everything that a tree of modules holds: its ``state_dict``, and what its modules remember beside it."""
    kept: Memory = {f"state.{name}": value.detach() for name, value in root.state_dict().items()}
    for path, module in root.named_modules():
        if isinstance(module, Remembers):
            kept |= {f"memory.{path}:{key}": value for key, value in module.memory().items()}
    return kept


@torch.no_grad()
def put_back(root: nn.Module, memory: Memory) -> None:
    """Put into a tree of modules what ``remembered`` found in one that was built alike.

    Raises:
        ShapeError: it was built otherwise: a name is missing or too much, or has another shape.
    """
    _restore("", root, inside(memory, "memory."))
    live, kept = root.state_dict(), {name: as_tensor(value) for name, value in inside(memory, "state.").items()}
    check_alike(kept, live)
    for name, value in live.items():
        value.detach().copy_(kept[name])


def inside(memory: Mapping[str, Value], prefix: str) -> Memory:
    """Of the names those with ``prefix``, without it."""
    return {name.removeprefix(prefix): value for name, value in memory.items() if name.startswith(prefix)}


def as_tensor(value: Value) -> Tensor:
    """The value, which is a tensor."""
    assert isinstance(value, Tensor)
    return value


def as_int(value: Value) -> int:
    """The value, which is a whole number."""
    assert isinstance(value, int)
    return value


def check_alike(kept: Mapping[str, Tensor], live: Mapping[str, Tensor]) -> None:
    """Refuse tensors that do not fit those in whose place they are to be put.

    Raises:
        ShapeError: with the first name that is missing, too much, or of another shape.
    """
    got, want = ({name: tuple(t.shape) for name, t in tensors.items()} for tensors in (kept, live))
    odd = sorted(name for name in got.keys() | want.keys() if got.get(name) != want.get(name))
    if odd:
        raise ShapeError(
            f"{odd[0]} was kept with shape {got.get(odd[0], 'none at all')}, wanted {want.get(odd[0], 'none at all')}; "
            "the parts are not those that the training began with."
        )


def _restore(path: str, module: nn.Module, memory: Memory) -> None:
    """A module first, then its children: some make a child only when they are told which."""
    own = inside(memory, f"{path}:")
    if own and isinstance(module, Remembers):
        module.restore(own)
    for name, child in list(module.named_children()):
        _restore(f"{path}.{name}" if path else name, child, memory)
