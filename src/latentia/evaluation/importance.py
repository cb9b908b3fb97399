"""What a posterior's draws say of z once they are weighted by the model: a check of any answer that can be drawn from.

Self-normalized importance sampling; see Owen (2013), Monte Carlo theory, methods and examples, ch. 9, eqs. 9.8 and 9.13.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from latentia.core import Batch
from latentia.evaluation.draws import DEFAULT_MEMORY, draw_chunks, quiet
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior
from latentia.weights import log_weights


class Weighted(NamedTuple):
    """What K weighted draws say about each row; NaN, and 0 effective draws, where no draw is possible under the model.

    Attributes:
        mean: (B, *z_shape) float64, E[z | x].
        error: (B, *z_shape) float64, its standard error by the delta method.
        effective: (B,) how many draws from p(z | x) itself would say as much.
        log_px: (B,) log of the mean weight, nats.
    """

    mean: Tensor
    error: Tensor
    effective: Tensor
    log_px: Tensor


def weighted_mean(
    model: GenerativeModel,
    posterior: Posterior,
    batch: Batch,
    draws: int = 10_000,
    seed: int = 0,
    memory: int = DEFAULT_MEMORY,
) -> Weighted:
    """The mean of z given x by draws from q, each with weight p(x, z) / q(z).

    Where q all but excludes what p(z | x) does not, the error says too little: a posterior that is too narrow is not seen
    through by its own draws.

    Args:
        model: p.
        posterior: q.
        batch: the rows.
        draws: K.
        seed: of the draws; the caller's random state is left as it was.
        memory: bytes that one chunk of draws may take, about.

    Raises:
        LatentiaError: draws or memory below 1.
    """
    rows, n_values = len(batch.x), model.x_shape.numel() + model.z_shape.numel()
    sizes = draw_chunks(draws, rows, n_values, memory)
    highest = torch.full((rows,), -math.inf, dtype=torch.float64, device=batch.x.device)
    first = second = highest.new_zeros(())  # sums of v (1, z) and of v^2 (1, z, z^2), v a weight in units of the highest
    with quiet(model, posterior, seed):
        q = posterior.infer(model, batch)
        for size in sizes:
            draw = q.sample((size,))
            w = log_weights(model, q, batch, draw).double()
            top = torch.maximum(highest, w.amax(0))
            # Two infinities differ by NaN: nothing was possible before, and nothing is now.
            shrink = (highest - top).nan_to_num(nan=-math.inf).exp().unsqueeze(-1)
            v = (w - torch.where(top > -math.inf, top, 0.0)).exp()
            highest = top
            z = draw.double().reshape(size, rows, -1)
            one = torch.ones_like(z[..., :1])
            first = first * shrink + torch.einsum("kb,kbd->bd", v, torch.cat([one, z], -1))
            second = second * shrink**2 + torch.einsum("kb,kbd->bd", v**2, torch.cat([one, z, z**2], -1))
    total, square = first[:, :1], second[:, :1]
    mean = first[:, 1:] / total
    cross, moment = second[:, 1:].chunk(2, -1)
    error = (moment - 2 * mean * cross + mean**2 * square).clamp_min(0).sqrt() / total
    effective = torch.where(total > 0, total**2 / square, 0.0).squeeze(-1)
    log_px = highest + total.squeeze(-1).log() - math.log(draws)
    shape = (rows, *model.z_shape)
    return Weighted(mean.reshape(shape), error.reshape(shape), effective, log_px)
