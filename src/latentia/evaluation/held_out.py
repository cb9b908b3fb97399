"""Held-out numbers for any model and posterior: the full account, and the short one that training looks at."""

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.bounds import Bound, Elbo
from latentia.core.errors import NoClosedForm
from latentia.data import Split
from latentia.distributions import closed_kl, discrete_columns, grid_nats_to_bits, per_latent
from latentia.evaluation.draws import DEFAULT_MEMORY, quiet, row_totals
from latentia.evaluation.latents import latents, mean_and_error, mutual_information
from latentia.evaluation.pareto import LARGEST_K_HAT, k_hats
from latentia.evaluation.result import ACTIVE_VARIANCE, Evaluation, Figure
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior
from latentia.weights import Terms, terms

ROWS_FOR_K_HAT = 200
BITS_SEED = 0
# For a count of active units in passing: what the noise of so few adds to a variance over rows is taken off again.
DRAWS_IN_PASSING = 16


def evaluate_split(
    model: GenerativeModel,
    posterior: Posterior,
    split: Split,
    name: str = "test",
    draws: int = 1000,
    seed: int = 0,
    memory: int = DEFAULT_MEMORY,
) -> Evaluation:
    """Every held-out number, with exactly ``draws`` draws a row.

    Args:
        model: p.
        posterior: q.
        split: the rows; bits that are drawn anew each batch are drawn once here.
        name: what to call the rows.
        draws: K.
        seed: of the draws; the caller's random state is left as it was.
        memory: bytes that one chunk of draws may take, about.

    Raises:
        LatentiaError: draws or memory below 1.
    """
    rows = split.frozen_bits(BITS_SEED) if split.draw_bits else split
    # Any order does for sums over rows; in a random one the first rows may speak for all in k-hat.
    rows = rows.take(torch.randperm(len(rows), generator=torch.Generator().manual_seed(0)).to(rows.device))
    with quiet(model, posterior, seed):
        totals = row_totals(model, posterior, rows, draws, memory, keep=ROWS_FOR_K_HAT)
        seen = latents(model, posterior, rows)
        information = Figure.of(mutual_information(model, posterior, rows))
        discrete = _is_mass(model, rows)
    elbo, shapes = Figure.of(totals.elbo), k_hats(totals.kept)
    n_values = rows.values_a_row()
    # Of rows in which nothing was seen there is no value to share the bits.
    countable = discrete and n_values > 0
    bits = Figure(grid_nats_to_bits(-elbo.value, n_values), grid_nats_to_bits(elbo.error, n_values)) if countable else None
    return Evaluation(
        split=name,
        rows=len(rows),
        draws=draws,
        elbo=elbo,
        reconstruction=Figure.of(totals.reconstruction),
        rate=Figure.of(totals.rate),
        log_px=Figure.of(totals.log_px),
        bits_per_dim=bits,
        kl_per_dimension=None if seen.kl_per_dimension is None else tuple(seen.kl_per_dimension.tolist()),
        variance_of_mean=tuple(seen.variance_of_mean.tolist()),
        mutual_information=information,
        k_hat_rows=0 if shapes is None else len(shapes),
        k_hat=None if shapes is None else float(np.median(shapes)),
        k_hat_bad=None if shapes is None else float((shapes > LARGEST_K_HAT).mean()),
    )


def quick_look(
    model: GenerativeModel,
    posterior: Posterior,
    split: Split,
    bound: Bound | None = None,
    draws: int = 1,
    batch_size: int = 500,
    seed: int = 0,
) -> dict[str, float]:
    """Bound, rate, reconstruction (nats a row) and active units from a few draws a row; the same noise at every call.

    The bound is the one that training raises, with as many draws; the ELBO takes its KL in closed form where there is one.
    It is -inf where a draw of q is impossible under the model, which is an answer and no error.
    """
    totals: list[Tensor] = []
    means, noise, columns = [], [], None
    with quiet(model, posterior, seed):
        for batch in split.batches(batch_size):
            q = posterior.infer(model, batch)
            prior = model.prior(batch.given)
            columns = discrete_columns(prior)
            parts = terms(model, q, batch, q.sample((draws,)))
            reconstruction = parts.log_likelihood.double().mean(0)
            rate = _rate(q, prior, parts).double()
            value = reconstruction - rate if bound is None or isinstance(bound, Elbo) else bound(parts.weights())
            totals.append(torch.stack([t.sum().double() for t in (value, rate, reconstruction)]))
            mean, error = mean_and_error(q, DRAWS_IN_PASSING)
            means.append(mean.flatten(1))
            noise.append(error.flatten(1))
        variance = torch.cat(means).var(0, correction=0) - torch.cat(noise).mean(0)
        # One sync for all of it.
        active = (per_latent(variance, columns) > ACTIVE_VARIANCE).double().sum().reshape(1)
        *sums, active_units = torch.cat([torch.stack(totals).sum(0), active]).tolist()
    value, rate, reconstruction = (total / len(split) for total in sums)
    return {"bound": value, "rate": rate, "reconstruction": reconstruction, "active_units": active_units}


def _rate(q: Distribution, prior: Distribution, parts: Terms) -> Tensor:
    """KL(q || prior), (B,) nats: closed where it can be, else by the draws at hand."""
    try:
        return closed_kl(q, prior)
    except NoClosedForm:
        return parts.rate()


def _is_mass(model: GenerativeModel, split: Split) -> bool:
    batch = split.head(1).batch(torch.zeros(1, dtype=torch.long, device=split.device))
    support = model.likelihood(model.sample_prior(1, batch.given).unsqueeze(0), batch.given).support
    return support is not None and support.is_discrete
