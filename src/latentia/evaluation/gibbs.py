"""Gibbs sampling of discrete latents, for many chains of many rows at once.

Geman & Geman (1984), Stochastic relaxation, Gibbs distributions, and the Bayesian restoration of images. Averages are taken
over the chances by which entries are drawn, not over the draws (Gelfand & Smith 1990, Sampling-based approaches to
calculating marginal densities).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import accumulate, pairwise
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from latentia.core import Batch
from latentia.core.checks import check_shape, expand_mask
from latentia.core.errors import LatentiaError, SupportError
from latentia.core.random import seeded
from latentia.distributions import OneHotBlocksSupport
from latentia.evaluation.gibbs_noisy_or import noisy_or_sweeps
from latentia.models import BayesNet, GenerativeModel, NoisyOr

# One pass over all latents: the chances by which they were drawn, (K, B, *z_shape) float64.
Sweep = Callable[[], Tensor]
# Variance of chances that rounding explains.
NO_SPREAD = 1e-15


class Gibbs(NamedTuple):
    """What long chains say of each row.

    Attributes:
        marginals: (B, *z_shape) float64; p(z = 1 | x) of each entry.
        error: (B, *z_shape) standard error of each, from how much chains differ.
        r_hat: (B, *z_shape) split R-hat; well above 1 where chains have not yet met.
        chain_means: (K, B, *z_shape) what each chain says alone.
    """

    marginals: Tensor
    error: Tensor
    r_hat: Tensor
    chain_means: Tensor


def gibbs(
    model: GenerativeModel,
    batch: Batch,
    chains: int = 32,
    sweeps: int = 1000,
    burn_in: int = 200,
    seed: int = 0,
    start: Tensor | None = None,
) -> Gibbs:
    """E[z | x] of binary or one-hot latents, by the differences of the log joint that each entry makes.

    Where some states exclude each other, as under tables of zeros and ones, chains may never cross from one to the next;
    chains of different beginnings then differ, which ``r_hat`` shows.

    Args:
        model: p(x, z), of bits, one-hot codes or one-hot blocks; a noisy-or network is taken a faster way.
        batch: B rows, with a mask where something was not seen.
        chains: K a row.
        sweeps: passes over all latents that count.
        burn_in: passes before.
        seed: of the chains; the caller's random state is left as it was.
        start: (K, B, *z_shape) where chains begin; draws from the prior if None.

    Raises:
        LatentiaError: fewer than 2 chains or 4 sweeps, a chain that never comes to a possible state, or a row that has none.
        SupportError: the latents are not discrete.
        ShapeError: a start of another shape.
    """
    if chains < 2 or sweeps < 4 or burn_in < 0:
        raise LatentiaError(f"got {chains} chains, {sweeps} sweeps and {burn_in} before; wanted at least 2, 4 and 0.")
    if start is not None:
        check_shape("start", start.shape, (chains, len(batch.x), *model.z_shape), cure="one z a chain and row.")
    with _still(model, seed):
        if isinstance(model, NoisyOr):
            model.check_possible(batch)
            sweep = noisy_or_sweeps(model, batch, chains, start)
        else:
            sweep = log_joint_sweeps(model, batch, chains, start)
        for _ in range(burn_in):
            sweep()
        halves = (sweeps // 2, sweeps - sweeps // 2)
        sums = [_sums(sweep, n) for n in halves]
    means = torch.cat([first / n for (first, _), n in zip(sums, halves, strict=True)])
    spreads = torch.cat([(second - first.square() / n) / (n - 1) for (first, second), n in zip(sums, halves, strict=True)])
    chain_means = (sums[0][0] + sums[1][0]) / sweeps
    within, between = spreads.mean(0).clamp_min(0), means.var(0)
    pooled = (1 - 1 / halves[0]) * within + between
    # Chains that stand still, each in a place of its own, are as far from each other as can be.
    ratio = torch.where(within > NO_SPREAD, pooled / within.clamp_min(NO_SPREAD), torch.inf)
    r_hat = torch.where(pooled > NO_SPREAD, ratio.sqrt(), 1.0)
    return Gibbs(chain_means.mean(0), chain_means.std(0) / chains**0.5, r_hat, chain_means)


def log_joint_sweeps(model: GenerativeModel, batch: Batch, chains: int, start: Tensor | None = None) -> Sweep:
    """Sweeps that ask the model for its log joint at every state of every latent; raises as ``gibbs``."""
    rows = len(batch.x)
    z = _start(model, batch, chains) if start is None else start.clone()
    z = z.reshape(chains, rows, -1)

    def log_joint(at: Tensor) -> Tensor:
        return model.log_joint(at.reshape(-1, rows, *model.z_shape), batch).reshape(-1, chains, rows)

    log = log_joint(z)[0]
    found = _blocks(model.prior(batch.given))
    is_bits, blocks = found is None, found or [slice(i, i + 1) for i in range(z.shape[-1])]

    def sweep() -> Tensor:
        nonlocal log
        out = torch.empty(z.shape, dtype=torch.float64, device=z.device)
        for block in blocks:
            part = z[..., block]
            now = part[..., 0].long() if is_bits else part.argmax(-1)
            n = 2 if is_bits else part.shape[-1]
            # The state after the present one, the one after that, and so on around.
            turns = torch.arange(n, device=z.device).reshape(-1, 1, 1)
            states = (now + turns) % n
            values = states.unsqueeze(-1) if is_bits else torch.nn.functional.one_hot(states, n)
            there = z.repeat(n - 1, 1, 1, 1)
            there[..., block] = values[1:].to(z.dtype)
            logs = torch.cat([log.unsqueeze(0), log_joint(there)]) if n > 1 else log.unsqueeze(0)
            chance = logs.double().softmax(0)
            # Where no state is possible, the chain stays.
            chance = torch.where(chance.isnan(), (turns == 0).double(), chance)
            u = torch.rand(chance.shape[1:], dtype=torch.float64, device=z.device)
            chosen = (chance.cumsum(0) <= u).sum(0, keepdim=True).clamp_max(n - 1)
            log = logs.gather(0, chosen)[0]
            z[..., block] = values.gather(0, chosen.unsqueeze(-1).expand(1, *values.shape[1:]))[0].to(z.dtype)
            by_state = torch.empty_like(chance).scatter_(0, states, chance).movedim(0, -1)
            out[..., block] = by_state[..., 1:] if is_bits else by_state
        lost = log == -torch.inf
        out[lost] = torch.nan
        return out.reshape(chains, rows, *model.z_shape)

    return sweep


def _sums(sweep: Sweep, n: int) -> tuple[Tensor, Tensor]:
    """Sums of chances and of their squares, (K, B, *z_shape) each."""
    first = sweep()
    second = first.square()
    for _ in range(n - 1):
        chance = sweep()
        first = first + chance
        second = second + chance.square()
    if bool(first.isnan().any()):
        lost = first.isnan().flatten(2).any(-1)
        raise LatentiaError(
            f"{int(lost.sum())} of {lost.numel()} chains came to no state that is possible, the first of row "
            f"{int(lost.nonzero()[0, 1])}; give a start that is, or more burn_in."
        )
    return first, second


def _start(model: GenerativeModel, batch: Batch, chains: int) -> Tensor:
    """Draws from the prior, (K, B, *z_shape), with what was seen of z itself put in."""
    prior = model.prior(batch.given)
    z = prior.sample((chains,) if prior.batch_shape else (chains, len(batch.x)))
    if not isinstance(model, BayesNet):
        return z
    seen = torch.ones_like(batch.x, dtype=torch.bool) if batch.mask is None else expand_mask(batch.mask, batch.x)
    return torch.where(seen, batch.x.to(z.dtype), z)


def _blocks(prior: Distribution) -> list[slice] | None:
    """The one-hot blocks of a flattened z; None for bits.

    Raises:
        SupportError: z is neither.
    """
    support = prior.support
    while isinstance(support, constraints.independent):
        support = support.base_constraint
    if support is constraints.boolean:
        return None
    if isinstance(support, OneHotBlocksSupport):
        sizes = support.sizes
    elif support is constraints.one_hot:
        classes = prior.event_shape[-1]
        sizes = (classes,) * (prior.event_shape.numel() // classes)
    else:
        raise SupportError(
            "Gibbs sampling draws bits or one-hot codes, the prior puts its mass elsewhere; use annealed importance "
            "sampling for reals."
        )
    ends = [0, *accumulate(sizes)]
    return [slice(a, b) for a, b in pairwise(ends)]


@contextmanager
def _still(model: GenerativeModel, seed: int) -> Iterator[None]:
    was_training = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), seeded(seed):
            yield
    finally:
        for module, training in was_training:
            module.training = training
