"""torch's fused Adam without what torch.optim does around it at every step, which costs more than a small network.

Kingma & Ba (2015), Adam: A Method for Stochastic Optimization.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

# What torch.optim itself calls; torch's stubs do not know it.
KERNELS: Any = torch


class _Lists(NamedTuple):
    parameters: list[Tensor]
    first: list[Tensor]
    second: list[Tensor]
    steps: list[Tensor]


class FusedAdam(torch.optim.Adam):
    """As ``torch.optim.Adam(fused=True)``, to the bit; ``move`` is its ``step``.

    The first move is torch's own, which makes the moments; those after it hand the same tensors to the same kernel. Where
    parameters do not share a device and a type, or one has no gradient, torch's own step is taken.

    Args:
        parameters: what is moved.
        lr: learning rate.
        betas: decays of the moments.
        eps: added to the denominator.
    """

    def __init__(self, parameters: Sequence[Tensor], lr: float, betas: tuple[float, float], eps: float) -> None:
        super().__init__(parameters, lr=lr, betas=betas, eps=eps, fused=True)
        self._lists: _Lists | None = None

    def move(self, found_inf: Tensor | None = None) -> None:
        """Take a step by the gradients, unless ``found_inf`` () is 1: then nothing changes, without the host looking."""
        (group,) = self.param_groups
        gradients = [p.grad for p in group["params"]]
        if self._lists is None or any(g is None for g in gradients):
            self._as_torch_does(group, found_inf)
            return
        parameters, first, second, steps = self._lists
        beta1, beta2 = group["betas"]
        with torch.no_grad():
            KERNELS._foreach_add_(steps, 1)
            KERNELS._fused_adam_(
                parameters,
                gradients,
                first,
                second,
                [],
                steps,
                lr=group["lr"],
                beta1=beta1,
                beta2=beta2,
                weight_decay=0.0,
                eps=group["eps"],
                amsgrad=False,
                maximize=False,
                grad_scale=None,
                found_inf=found_inf,
            )
            if found_inf is not None:
                KERNELS._foreach_sub_(steps, [found_inf] * len(steps))

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  torch's takes a dict
        self._lists = None
        super().load_state_dict(dict(state_dict))

    def _as_torch_does(self, group: Mapping[str, Any], found_inf: Tensor | None) -> None:
        self.found_inf = found_inf
        self.step()
        parameters: list[Tensor] = group["params"]
        kinds = {(p.device, p.dtype) for p in parameters}
        if len(kinds) == 1 and all(p in self.state for p in parameters):
            names = ("exp_avg", "exp_avg_sq", "step")
            self._lists = _Lists(parameters, *([self.state[p][name] for p in parameters] for name in names))
