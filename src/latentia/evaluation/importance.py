"""What a posterior's draws say of z once they are weighted by the model: a check of any answer that can be drawn from.

Self-normalized importance sampling; see Owen (2013), Monte Carlo theory, methods and examples, ch. 9, eqs. 9.8 and 9.13.
"""

import math
from typing import NamedTuple

from torch import Tensor

from latentia.core import Batch
from latentia.evaluation.draws import DEFAULT_MEMORY, draw_chunks, quiet
from latentia.evaluation.footprint import bytes_a_draw
from latentia.evaluation.weighing import Weighing
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
    rows = len(batch.x)
    weighing = Weighing(rows, batch.x.device)
    with quiet(model, posterior, seed):
        q = posterior.infer(model, batch)
        for size in draw_chunks(draws, rows, bytes_a_draw(model, batch), memory):
            z = q.sample((size,))
            v = weighing.add(log_weights(model, q, batch, z))
            weighing.sum("z", v, z.reshape(size, rows, -1), errors=True)
    shape = (rows, *model.z_shape)
    mean, error = weighing.mean("z").reshape(shape), weighing.error("z").reshape(shape)
    return Weighted(mean, error, weighing.effective, weighing.log_total - math.log(draws))
