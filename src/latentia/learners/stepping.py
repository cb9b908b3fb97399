"""How a learner steps by Adam: only where everything is finite, and without the host looking."""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import cast

import torch
from torch import Tensor

from latentia.core.errors import LatentiaError
from latentia.core.ranks import company
from latentia.learners.adam import FusedAdam


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
) -> FusedAdam:
    """Adam that reads ``found_inf``: a step marked by it changes neither parameters nor moments."""
    return FusedAdam(parameters, lr, (betas[0], betas[1]), eps)


def half_precision(device: torch.device, wanted: bool) -> AbstractContextManager[None]:
    """Networks answer in bfloat16 inside, if wanted."""
    return cast("AbstractContextManager[None]", torch.autocast(device.type, torch.bfloat16)) if wanted else nullcontext()


def begin_step(optimizer: FusedAdam, lr: float) -> None:
    """Forget the last gradient, and take the rate of this step."""
    optimizer.lr = lr
    optimizer.forget_gradients()


def take_step(
    optimizer: FusedAdam, parameters: Sequence[Tensor], cause: Tensor, clip: float | None = None
) -> tuple[Tensor, Tensor]:
    """Clip the gradient and step by it, unless it, or what it came from, is not finite; in company, that of the whole batch.

    Args:
        optimizer: a fused one.
        parameters: those that it moves.
        cause: () what the gradient came from, detached; a sum, where that is several numbers.
        clip: largest norm of the whole gradient; None leaves it as it is.

    Returns:
        () the norm before clipping, and () bool whether the step was skipped; both still on the device.
    """
    if (ranks := company()) is not None:
        sound = ranks.average_gradients(parameters, cause * 0 == 0)
        cause = torch.where(sound, 0.0, torch.nan)
    norm = _norm([p.grad for p in parameters if p.grad is not None])
    if clip is not None:
        torch.nn.utils.clip_grads_with_norm_(parameters, clip, norm)
    # Zero times what is not finite is NaN, which differs from everything.
    skipped = (norm + cause) * 0 != 0
    if norm.device.type == "cpu":
        # Looking costs nothing here.
        if not skipped:
            optimizer.move()
        return norm.detach(), skipped
    # Fused optimizers leave everything as it is where found_inf is 1, without the host looking.
    optimizer.move(skipped.to(torch.float32))
    return norm.detach(), skipped


def _norm(gradients: Sequence[Tensor]) -> Tensor:
    """() the length of all of them as one vector."""
    if any(g.device.type != "cpu" for g in gradients):
        return torch.nn.utils.get_total_norm(gradients)
    # Numbers cost less than tensors of one. torch.dot would go with the products to oneDNN, and take six times as long.
    return torch.tensor(math.hypot(*(float(torch.linalg.vector_norm(g)) for g in gradients)))
