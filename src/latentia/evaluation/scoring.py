"""How probable a row is, and what of it each value or column answers for.

Importance weighting (Burda, Grosse & Salakhutdinov 2016), with the weights turned on the terms of the likelihood as well.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.core import Batch
from latentia.core.errors import NoClosedForm
from latentia.core.random import seeded
from latentia.distributions import observed_parts
from latentia.evaluation.draws import DEFAULT_MEMORY, draw_chunks, quiet
from latentia.evaluation.footprint import BYTES_A_VALUE, bytes_a_draw
from latentia.evaluation.weighing import Weighing
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior


class Score(NamedTuple):
    """What K weighted draws say of each row's own probability, nats.

    log p(x) = sum of the shares - rate, exactly: a share is E log p(x_j | z) under p(z | x), and what is left is
    KL(p(z | x) || p(z)), what it takes to say which z; both are estimates by the same weighted draws.

    Attributes:
        log_px: (B,) log of the mean weight; minus infinity where no draw is possible under the model.
        error: (B,) its standard error by the delta method; too small where q all but excludes what p(z | x) does not.
        shares: (B, *x_shape), or (B, columns) of a table; 0 where nothing was observed. None where the likelihood does not
            split into parts, as a multinomial's.
        expected: (B, ...) as ``shares``, of all parts: what each would be of a row drawn at the same z, E log p(x'_j | z)
            with x' ~ p(x | z). A share far below it is a value that the row does not lead one to expect; a share by itself
            is low wherever a column is hard to guess.
        rate: (B,) what the shares exceed log p(x) by; NaN where there are none.
        effective: (B,) how many draws from p(z | x) itself would say as much.
    """

    log_px: Tensor
    error: Tensor
    shares: Tensor | None
    expected: Tensor | None
    rate: Tensor
    effective: Tensor


def score(
    model: GenerativeModel,
    posterior: Posterior,
    batch: Batch,
    draws: int = 1000,
    seed: int = 0,
    memory: int = DEFAULT_MEMORY,
) -> Score:
    """log p(x) of the observed part of each row by draws from q with weight p(x, z) / q(z), and where it comes from.

    Args:
        model: p.
        posterior: q.
        batch: the rows.
        draws: K.
        seed: of the draws; the caller's random state is left as it was.
        memory: bytes that one chunk of draws may take, about.

    Raises:
        LatentiaError: draws or memory below 1.
        NoClosedForm: a mask, and a likelihood of which a part has no density.
    """
    rows = len(batch.x)
    weighing = Weighing(rows, batch.x.device)
    shape: tuple[int, ...] | None = None
    with quiet(model, posterior, seed):
        q = posterior.infer(model, batch)
        a_draw = bytes_a_draw(model, batch) + BYTES_A_VALUE * model.x_shape.numel()
        for k, size in enumerate(draw_chunks(draws, rows, a_draw, memory)):
            z = q.sample((size,))
            likelihood = model.likelihood(z, batch.given)
            parts = _parts(likelihood, batch)
            v = weighing.add(_log_weights(model, q, batch, z, parts))
            if parts is not None:
                shape = tuple(parts.shape[2:])
                weighing.sum("parts", v, parts.flatten(2))
                with seeded(seed + 1 + k):  # of its own, so that the draws of z do not hang on it
                    again = likelihood.sample()
                weighing.sum("again", v, observed_parts(likelihood, again, None).flatten(2))
    log_px, effective = weighing.log_total - math.log(draws), weighing.effective
    error = (1 / effective - 1 / draws).clamp_min(0).sqrt()
    if shape is None:
        return Score(log_px, error, None, None, torch.full_like(log_px, torch.nan), effective)
    shares, expected = (weighing.mean(name).reshape(rows, *shape) for name in ("parts", "again"))
    return Score(log_px, error, shares, expected, shares.flatten(1).sum(-1) - log_px, effective)


def _parts(likelihood: Distribution, batch: Batch) -> Tensor | None:
    """(K, B, parts...) nats, or None where the likelihood is one piece."""
    try:
        return observed_parts(likelihood, batch.x, batch.mask)
    except NoClosedForm:
        return None


def _log_weights(model: GenerativeModel, q: Distribution, batch: Batch, z: Tensor, parts: Tensor | None) -> Tensor:
    """(K, B) nats, without asking the model for its likelihood a second time where that can be helped."""
    own = type(model).log_likelihood is not GenerativeModel.log_likelihood
    said = model.log_likelihood(z, batch) if parts is None or own else parts.flatten(2).sum(-1)
    return said + model.log_prior(z, batch) - q.log_prob(z)
