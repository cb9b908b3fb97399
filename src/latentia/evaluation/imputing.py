"""What a row's missing values may be, given those that were seen.

Self-normalized importance weighting for the mean, sampling-importance-resampling for completed rows, as in Mattei & Frellsen
(2019), MIWAE: Deep Generative Modelling and Imputation of Incomplete Data Sets, section 3; Rubin (1987), The calculation of
posterior distributions by data augmentation: comment.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent

from latentia.core import Batch
from latentia.core.checks import expand_mask
from latentia.core.errors import LatentiaError
from latentia.core.random import kept_random_state
from latentia.distributions import has_mean
from latentia.evaluation.draws import DEFAULT_MEMORY, draw_chunks, quiet
from latentia.evaluation.footprint import BYTES_A_VALUE, bytes_a_draw, prior_draws
from latentia.evaluation.weighing import Weighing
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior
from latentia.weights import log_weights


class Imputed(NamedTuple):
    """Rows with what is believed of their missing values; what was observed stands as it came, with a spread of 0.

    Attributes:
        mean: (B, *x_shape) E[x | what was seen]: of one-hot states their chances; of class numbers, which have no mean, the
            most probable one. NaN in rows that are impossible under the model.
        sd: (B, *x_shape) its standard deviation; of class numbers the chance that it is another.
        draws: (M, B, *x_shape) completed rows, each drawn from p(missing | seen) as far as the weights allow.
        effective: (B,) how many draws of z from p(z | seen) itself would say as much.
    """

    mean: Tensor
    sd: Tensor
    draws: Tensor
    effective: Tensor


def impute(
    model: GenerativeModel,
    posterior: Posterior,
    batch: Batch,
    draws: int = 1000,
    multiple: int = 0,
    seed: int = 0,
    memory: int = DEFAULT_MEMORY,
) -> Imputed:
    """Fill what the mask hides, by draws of z from q with weight p(seen, z) / q(z).

    Completed rows are each one of the draws of z, chosen by weight, with x drawn there: the more of them are wanted beside
    the effective number of draws, the more share a z.

    Args:
        model: p.
        posterior: q.
        batch: the rows; nothing is missing without a mask.
        draws: K.
        multiple: M, completed rows.
        seed: of the draws; the caller's random state is left as it was.
        memory: bytes that one chunk of draws may take, about.

    Raises:
        LatentiaError: draws or memory below 1, or a negative number of completed rows.
        NoClosedForm: a likelihood of which a part has no density.
    """
    if multiple < 0:
        raise LatentiaError(f"multiple is {multiple}, wanted 0 completed rows or more.")
    rows = len(batch.x)
    weighing, chosen = Weighing(rows, batch.x.device), _Chosen(multiple, seed, batch.x.device)
    with quiet(model, posterior, seed):
        q = posterior.infer(model, batch)
        a_draw = bytes_a_draw(model, batch) + BYTES_A_VALUE * _averaged(model, batch.head(1))
        kind = likelihood = None
        for size in draw_chunks(draws, rows, a_draw, memory):
            z = q.sample((size,))
            w = log_weights(model, q, batch, z)
            likelihood = model.likelihood(z, batch.given)
            kind = kind or _Moments(likelihood)
            first, second = kind.of(likelihood)
            v = weighing.add(w)
            weighing.sum("first", v, first.flatten(2))
            weighing.sum("second", v, second.flatten(2))
            chosen.offer(w, z)
        assert kind is not None, "there is at least one draw"
        assert likelihood is not None
        seen = _seen(likelihood, batch)
        mean, sd = kind.answer(weighing.mean("first"), weighing.mean("second"), batch.x)
        many = batch.x.new_zeros(0, *batch.x.shape)
        if multiple:
            many = model.likelihood(chosen.z, batch.given).sample().to(batch.x.dtype)
            possible = (weighing.effective > 0).reshape(-1, *(1,) * (batch.x.ndim - 1))
            many = torch.where(possible, many, torch.nan)
    nothing = torch.zeros((), dtype=sd.dtype, device=sd.device)
    return Imputed(
        torch.where(seen, batch.x, mean),
        torch.where(seen, nothing, sd),
        torch.where(seen, batch.x, many),
        weighing.effective,
    )


def _averaged(model: GenerativeModel, row: Batch) -> int:
    """Numbers that are averaged over draws for one row: one a value, or one a class of each value."""
    with kept_random_state():
        likelihood = model.likelihood(prior_draws(model, row, 1), row.given)
        return _Moments(likelihood).of(likelihood)[0].numel()


class _Moments:
    """First and second moments of x given z, or of the indicators of its classes; of one draw where no moment is stated."""

    def __init__(self, likelihood: Distribution) -> None:
        inner = likelihood.base_dist if isinstance(likelihood, Independent) else likelihood
        self.classes = isinstance(inner, Categorical)
        self.stated = has_mean(likelihood) and _has_variance(likelihood)

    def of(self, likelihood: Distribution) -> tuple[Tensor, Tensor]:
        """(K, B, ...) each."""
        if self.classes:
            assert isinstance(likelihood, Independent)
            chances = likelihood.base_dist.probs  # pyright: ignore[reportAttributeAccessIssue]  a Categorical's
            return chances, torch.zeros_like(chances[..., :1, 0])
        if self.stated:
            mean = likelihood.mean
            return mean, likelihood.variance + mean.square()
        x = likelihood.sample()
        return x, x.square()

    def answer(self, first: Tensor, second: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Weighted moments (B, n) -> mean and spread, as x."""
        if self.classes:
            chance, which = first.reshape(*x.shape, -1).max(-1)
            return torch.where(chance.isnan(), torch.nan, which.to(x)), (1 - chance).to(x)
        sd = (second - first.square()).clamp_min(0).sqrt()
        return first.reshape(x.shape).to(x), sd.reshape(x.shape).to(x)


def _has_variance(likelihood: Distribution) -> bool:
    try:
        _ = likelihood.variance
    except NotImplementedError:
        return False
    return True


def _seen(likelihood: Distribution, batch: Batch) -> Tensor:
    """(B, *x_shape) True where a value stands as it came; a table's column is missing where any of its values is."""
    if batch.mask is None:
        return torch.ones_like(batch.x, dtype=torch.bool)
    seen = expand_mask(batch.mask, batch.x).expand_as(batch.x)
    whole = getattr(likelihood.support, "seen_values", None)
    return seen if whole is None else whole(seen)


NOISE = 0x5DEECE66


class _Chosen:
    """M draws of z a row, with replacement and by weight, from draws that come in chunks.

    The largest of log-weights with Gumbel noise is a draw by weight (Gumbel 1954), and the largest of the largest, too.

    Args:
        count: M.
        seed: of the noise, whose stream is its own: what else is drawn does not hang on M.
        device: where the draws are.
    """

    def __init__(self, count: int, seed: int, device: torch.device) -> None:
        self._count = count
        # Not from the seed itself: z is drawn from that, and the noise would be made of the very same numbers.
        self._generator = torch.Generator(device).manual_seed(seed ^ NOISE)
        self._best: list[Tensor] = []
        self._z: list[Tensor] = []

    def offer(self, w: Tensor, z: Tensor) -> None:
        """Log-weights (K, B) and z (K, B, *z_shape)."""
        for m in range(self._count):
            noise = torch.empty(w.shape, dtype=torch.float64, device=w.device)
            noise = noise.exponential_(generator=self._generator).log()
            best, at = (w.double() - noise).max(0)
            found = z[at, torch.arange(z.shape[1], device=z.device)]
            if m == len(self._z):
                self._best.append(best)
                self._z.append(found)
                continue
            better = best > self._best[m]
            self._best[m] = torch.where(better, best, self._best[m])
            self._z[m] = torch.where(better.reshape(-1, *(1,) * (z.ndim - 2)), found, self._z[m])

    @property
    def z(self) -> Tensor:
        """(M, B, *z_shape)."""
        return torch.stack(self._z)
