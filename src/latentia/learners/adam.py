"""Adam by torch's fused kernel, without what torch.optim does around it, which costs more than a small network's step.

Kingma & Ba (2015), Adam: A Method for Stochastic Optimization.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

# What torch.optim itself calls; torch's stubs do not know it.
KERNELS: Any = torch

Moments = Mapping[int, Mapping[str, Tensor]]


class FusedAdam:
    """As ``torch.optim.Adam(fused=True)``, to the bit.

    Not a ``torch.optim.Optimizer``, whose first use imports torch's compiler, a second of every start.

    Args:
        parameters: what is moved.
        lr: learning rate; set it before a step that takes another.
        betas: decays of the moments.
        eps: added to the denominator.
    """

    def __init__(self, parameters: Sequence[Tensor], lr: float, betas: tuple[float, float], eps: float) -> None:
        self.parameters, self.lr, self.betas, self.eps = list(parameters), lr, betas, eps
        self._held: dict[int, dict[str, Tensor]] = {}
        self._alike: list[list[int]] = []

    def forget_gradients(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None

    def move(self, found_inf: Tensor | None = None) -> None:
        """Take a step by the gradients, unless ``found_inf`` () is 1: then nothing changes, without the host looking.

        A parameter without a gradient stays as it is, and its moments with it.
        """
        if not self._alike:
            self._prepare()
        for places in self._alike:
            self._move([k for k in places if self.parameters[k].grad is not None], found_inf)

    def moments(self) -> Moments:
        """By place: "exp_avg" and "exp_avg_sq" as the parameter, "step" (); nothing before the first step."""
        return self._held

    def restore(self, moments: Moments) -> None:
        """Go on from moments that were kept."""
        self._held = {place: {name: t.clone() for name, t in of.items()} for place, of in moments.items()}
        self._alike = []

    def _prepare(self) -> None:
        """Moments beside their parameters, wherever those are by now; the kernel takes all of a device and type at once."""
        alike: dict[tuple[torch.device, torch.dtype], list[int]] = {}
        for place, parameter in enumerate(self.parameters):
            alike.setdefault((parameter.device, parameter.dtype), []).append(place)
            held = self._held.get(place)
            self._held[place] = {
                "step": torch.zeros((), device=parameter.device) if held is None else held["step"].to(parameter.device),
                **{
                    name: torch.zeros_like(parameter, requires_grad=False) if held is None else held[name].to(parameter)
                    for name in ("exp_avg", "exp_avg_sq")
                },
            }
        self._alike = list(alike.values())

    def _move(self, places: list[int], found_inf: Tensor | None) -> None:
        if not places:
            return
        parameters, held = [self.parameters[k] for k in places], [self._held[k] for k in places]
        steps = [of["step"] for of in held]
        with torch.no_grad():
            KERNELS._foreach_add_(steps, 1)
            KERNELS._fused_adam_(
                parameters,
                [p.grad for p in parameters],
                [of["exp_avg"] for of in held],
                [of["exp_avg_sq"] for of in held],
                [],
                steps,
                lr=self.lr,
                beta1=self.betas[0],
                beta2=self.betas[1],
                weight_decay=0.0,
                eps=self.eps,
                amsgrad=False,
                maximize=False,
                grad_scale=None,
                found_inf=found_inf,
            )
            if found_inf is not None:
                KERNELS._foreach_sub_(steps, [found_inf.to(steps[0].device)] * len(steps))
