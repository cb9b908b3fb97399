"""The best weights so far, kept in buffers made once."""

import torch
from torch import nn

from latentia.core.memory import Memory, as_tensor, check_alike


class Snapshot:
    """A copy of a module's state that is overwritten in place; nothing is allocated after the first ``take``."""

    def __init__(self, module: nn.Module) -> None:
        self._live = dict(module.state_dict(keep_vars=True))
        self._kept: list[torch.Tensor] = []

    @torch.no_grad()
    def take(self) -> None:
        """Keep the state as it is now."""
        live = [t.detach() for t in self._live.values()]
        if not self._kept:
            self._kept = [t.clone() for t in live]
        else:
            for kept, now in zip(self._kept, live, strict=True):
                kept.copy_(now)

    def memory(self) -> Memory:
        """What is kept, by name; nothing before the first ``take``."""
        return dict(zip(self._live, self._kept, strict=True)) if self._kept else {}

    def restore(self, memory: Memory) -> None:
        """Keep what ``memory`` gave.

        Raises:
            ShapeError: it is of another module.
        """
        held = {name: as_tensor(value) for name, value in memory.items()}
        if held:
            check_alike(held, self._live)
        self._kept = [held[name] for name in self._live] if held else []

    @torch.no_grad()
    def put_back(self) -> None:
        """Restore what was kept, if anything was."""
        for kept, now in zip(self._kept, self._live.values(), strict=False):
            now.detach().copy_(kept)
