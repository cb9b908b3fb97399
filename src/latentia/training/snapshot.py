"""The best weights so far, kept in buffers made once."""

import torch
from torch import nn


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

    @torch.no_grad()
    def put_back(self) -> None:
        """Restore what was kept, if anything was."""
        for kept, now in zip(self._kept, self._live.values(), strict=False):
            now.detach().copy_(kept)
