"""How a learner steps by Adam: only where everything is finite, and without the host looking."""

from collections.abc import Sequence

import torch
from torch import Tensor

from latentia.core.errors import LatentiaError
from latentia.core.ranks import company


def check_step(draws: int, clip: float | None) -> None:
    """Refuse numbers by which no step could be taken.

    Raises:
        LatentiaError: no draws asked for, or a largest norm that is not positive.
    """
    if draws < 1:
        raise LatentiaError(f"draws is {draws}, wanted at least 1.")
    if clip is not None and clip <= 0:
        raise LatentiaError(f"clip is {clip}, wanted a positive norm, or none at all.")


def fused_adam(
    parameters: Sequence[Tensor], lr: float, betas: Sequence[float] = (0.9, 0.999), eps: float = 1e-8
) -> torch.optim.Adam:
    """Adam that reads ``found_inf``: a step marked by it changes neither parameters nor moments."""
    return torch.optim.Adam(parameters, lr=lr, betas=(betas[0], betas[1]), eps=eps, fused=True)


def begin_step(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Forget the last gradient, and take the rate of this step."""
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.zero_grad(set_to_none=True)


def take_step(
    optimizer: torch.optim.Optimizer, parameters: Sequence[Tensor], sound: Tensor, clip: float | None = None
) -> tuple[Tensor, Tensor]:
    """Clip the gradient and step by it, unless it, or what it came from, is not finite; in company, that of the whole batch.

    Args:
        optimizer: a fused one.
        parameters: those that it moves.
        sound: () bool, whether everything that led to the gradient was finite.
        clip: largest norm of the whole gradient; None leaves it as it is.

    Returns:
        () the norm before clipping, and () bool whether the step was skipped; both still on the device.
    """
    if (ranks := company()) is not None:
        sound = ranks.average_gradients(parameters, sound)
    norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    if clip is not None:
        torch.nn.utils.clip_grads_with_norm_(parameters, clip, norm)
    skipped = ~(sound & torch.isfinite(norm))
    # Fused optimizers leave everything as it is where found_inf is 1, without the host looking.
    optimizer.found_inf = skipped.to(torch.float32)  # pyright: ignore[reportAttributeAccessIssue]  read by torch's fused step
    optimizer.step()
    return norm.detach(), skipped
