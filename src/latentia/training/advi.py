"""The best posterior of a family for any log joint, by draws that carry a gradient.

Kucukelbir et al. (2017), Automatic Differentiation Variational Inference; log q by its slope alone, Roeder, Wu & Duvenaud
(2017), Sticking the Landing; rates that fall until a round gains nothing, after Dhaka et al. (2020), Robust, Accurate
Stochastic Optimization for Variational Inference.
"""

import copy
import inspect
import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.core.checks import check_counts, check_positive
from latentia.core.errors import LatentiaError, NonFinite, NoReparameterization
from latentia.core.random import seeded
from latentia.evaluation import Figure, smoothed
from latentia.families import DiagonalNormal, Family, FullRankNormal, LowRankNormal
from latentia.models import LogJoint
from latentia.posteriors import Shared
from latentia.training.laplace import Mode, check_density, find_mode
from latentia.training.shared_fit import AGREE, POOL, SharedFit, not_finite, weighed

# Families whose meaning is in the axes: a rotated product of normals would be another family.
AXIS_ALIGNED = (DiagonalNormal, LowRankNormal)
ROWS_TO_LOOK_AT = 10_000
LARGEST_CURVATURE = 500
JUDGES = 500
# The rate of a flow's networks: a rate that suits raw numbers of unit size throws their weights about.
NETWORKS = 0.1


def advi(
    log_joint: LogJoint,
    family: Family | Callable[..., Family] = FullRankNormal,
    starts: int = 4,
    steps: int = 300,
    rounds: int = 8,
    draws: int = 8,
    lr: float = 0.05,
    batch_size: int | None = None,
    tolerance: float = 0.02,
    whiten: bool | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
    seed: int = 0,
) -> SharedFit:
    """Raise the ELBO over one q for all rows, from several starts, and keep the best.

    Each start climbs to a mode; q begins there with the curvature's scale (for a family tied to its axes, the curvature
    along each axis), unless a unit normal at the start has the higher ELBO. Starts that reach one mode are fitted once.
    Each round lets Adam's rate fall to zero along a cosine; rounds are repeated until one gains less than ``tolerance``.

    Args:
        log_joint: p.
        family: which q: a family, or its class, which is then given the number of latents. Its draws must carry a gradient.
        starts: the first at zero, the others standard normal on the free scale.
        steps: gradient steps a round.
        rounds: at most.
        draws: a step and start.
        lr: Adam's rate at the start of each round.
        batch_size: rows a step, drawn without replacement; None for all. Only for ``LogJoint.of_rows``.
        tolerance: nats; a round that gains less is the last.
        whiten: whether to begin at a mode and its curvature; by default where there are at most 500 latents.
        dtype: float type of q; that of the data, else torch's default.
        device: of q; that of the data, else torch's default.
        seed: of all draws; the caller's random state is left as it was.

    Raises:
        LatentiaError: a number below 1, a rate that is not positive, a negative tolerance, a family that is none, or a batch
            size without rows.
        NoReparameterization: draws of the family carry no gradient.
        NonFinite: the density is finite at no start, or no start stayed finite.
    """
    check_counts(starts=starts, steps=steps, rounds=rounds, draws=draws)
    if batch_size is not None:
        check_counts(batch_size=batch_size)
    check_positive(lr=lr)
    check_positive(tolerance=tolerance, zero=True)
    n_rows = log_joint.n_rows
    if batch_size is not None and n_rows is None:
        raise LatentiaError("batch_size was given for a log joint without rows; write it with LogJoint.of_rows.")
    own_dtype, own_device = log_joint.place
    at = {"dtype": dtype or own_dtype, "device": device or own_device}
    with seeded(seed):
        made = _make(family, log_joint.n_latents).to(**at)
        some = n_rows is not None and n_rows > ROWS_TO_LOOK_AT
        rows = torch.randperm(n_rows or 0, device=own_device)[:ROWS_TO_LOOK_AT] if some else None
        z0 = torch.randn(starts, log_joint.n_latents, **at)
        z0[0] = 0
        check_density(log_joint, z0, rows)
        whiten = log_joint.n_latents <= LARGEST_CURVATURE if whiten is None else whiten
        places, led_to = _begin(log_joint, made, z0, whiten, rows, seed)
        climbs = [_Climb(log_joint, place, seed, rows, batch_size) for place in places]
        for turn in range(rounds):
            rising = [climb for climb in climbs if climb.gain >= tolerance]
            for climb in rising:
                with seeded(seed + 1 + turn):
                    climb.round(steps, lr, draws)
        best = max(climbs, key=lambda climb: climb.elbo)
        if not math.isfinite(best.elbo):
            raise NonFinite(f"none of {starts} starts kept a finite bound; try an lr below {lr:g}, or other constraints.")
    return _result(log_joint, [climbs[place] for place in led_to], best, tolerance, seed + 1 + rounds)


class _Climb:
    """One start: its posterior, the ELBO that it reached by the judging draws, what its last round gained, rounds kept."""

    def __init__(self, log_joint: LogJoint, posterior: Shared, seed: int, rows: Tensor | None, batch: int | None) -> None:
        self.log_joint, self.posterior, self.seed, self.rows, self.batch = log_joint, posterior, seed, rows, batch
        self.elbo = judged(log_joint, posterior, rows, seed)
        self.gain, self.steps, self.kept = math.inf, 0, 0

    def round(self, steps: int, lr: float, draws: int) -> None:
        """Climb, and go back to where it was if that led down or out of the finite numbers, which its gain then says."""
        before = copy.deepcopy(self.posterior.state_dict())
        _climb(self.log_joint, self.posterior, steps, lr, draws, self.batch)
        self.steps += steps
        elbo = judged(self.log_joint, self.posterior, self.rows, self.seed)
        self.gain = elbo - self.elbo if math.isfinite(elbo) else -math.inf
        if self.gain > 0:
            self.elbo, self.kept = elbo, self.kept + 1
        else:
            self.posterior.load_state_dict(before)


def judged(log_joint: LogJoint, posterior: Shared, rows: Tensor | None, seed: int) -> float:
    """The ELBO by a fixed set of draws, nats; minus infinity where it is not finite."""
    with torch.no_grad(), seeded(seed):
        elbo = float(weighed(log_joint, posterior, JUDGES, rows)[1].mean())
    return elbo if math.isfinite(elbo) else -math.inf


def _climb(log_joint: LogJoint, posterior: Shared, steps: int, lr: float, draws: int, batch_size: int | None) -> None:
    networks = {"params": list(posterior.family.parameters()), "lr": NETWORKS * lr}
    optimizer = torch.optim.Adam([{"params": [posterior.raw]}, *([networks] if networks["params"] else [])], lr=lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    device = posterior.raw.device
    for _ in range(steps):
        rows = None if batch_size is None else torch.randperm(log_joint.n_rows or 0, device=device)[:batch_size]
        q = posterior.infer()
        z = q.rsample((draws,))
        loss = ((_slope(q, z) * z).sum(-1) - log_joint.log_prob(z, rows)).mean()
        optimizer.zero_grad()
        loss.backward()
        sound = torch.stack([torch.isfinite(p.grad).all() for p in posterior.parameters() if p.grad is not None]).all()
        for p in posterior.parameters():
            if p.grad is not None:  # a step without a finite gradient goes on by momentum alone
                p.grad = torch.where(sound, p.grad, 0.0)
        optimizer.step()
        schedule.step()


def _slope(q: Distribution, z: Tensor) -> Tensor:
    """d log q / dz at fixed parameters, detached: the score's part of the gradient has mean zero and is left out."""
    at = z.detach().requires_grad_()
    return torch.autograd.grad(q.log_prob(at).sum(), at)[0]


def _make(family: Family | Callable[..., Family], n_latents: int) -> Family:
    if isinstance(family, Family):
        return copy.deepcopy(family)
    made: object = None
    if callable(family):
        made = family(n_latents=n_latents) if "n_latents" in inspect.signature(family).parameters else family()
    if not isinstance(made, Family):
        raise LatentiaError(f"family is {family!r}, wanted a family or its class, such as FullRankNormal.")
    return made


def _begin(
    log_joint: LogJoint, family: Family, z0: Tensor, whiten: bool, rows: Tensor | None, seed: int
) -> tuple[list[Shared], list[int]]:
    """The different places to begin at, and which of them each start led to."""
    posteriors: list[Shared] = []
    modes: list[Mode | None] = []
    led_to = []
    for start in z0:
        mode = find_mode(log_joint, start, rows) if whiten else None
        known = (k for k, other in enumerate(modes) if mode is not None and other is not None and mode.near(other))
        place = next(known, len(posteriors))
        led_to.append(place)
        if place < len(posteriors):
            continue
        posterior = _placed(family, start, torch.eye(len(start)).to(start))
        if not posterior.infer().has_rsample:
            raise NoReparameterization(
                f"draws of {type(family).__name__} carry no gradient, which advi needs; use a continuous family."
            )
        if mode is not None:
            whitened = _placed(family, mode.z, mode.scale_tril(isinstance(family, AXIS_ALIGNED)))
            if isinstance(family, LowRankNormal):
                whitened.raw.data.copy_(family.raw_along(mode.covariance_along_axes()))
            if judged(log_joint, whitened, rows, seed) > judged(log_joint, posterior, rows, seed):
                posterior = whitened
            else:
                mode = None
        posteriors.append(posterior)
        modes.append(mode)
    return posteriors, led_to


def _placed(family: Family, center: Tensor, scale_tril: Tensor) -> Shared:
    posterior = Shared(copy.deepcopy(family), center.shape).to(center)
    posterior.center.copy_(center)
    posterior.scale_tril.copy_(scale_tril)
    return posterior


def _result(log_joint: LogJoint, climbs: list[_Climb], best: _Climb, tolerance: float, seed: int) -> SharedFit:
    posterior = best.posterior.requires_grad_(False)
    with torch.no_grad(), seeded(seed):
        z, w = weighed(log_joint, posterior, POOL)
        parameters, _ = log_joint.constrain(z)
    wide, lost = w.double(), not_finite(w)
    gap = float(torch.logsumexp(wide, 0) - wide.mean()) - math.log(len(w))
    return SharedFit(
        log_joint=log_joint,
        posterior=posterior,
        elbo=Figure.of(wide),
        gap=0.0 if gap < 0 else gap,  # not max, which would call a NaN nothing
        k_hat=math.nan if lost else smoothed(w)[1],
        lost=lost,
        starts=tuple(climb.elbo if math.isfinite(climb.elbo) else math.nan for climb in climbs),
        modes=_places(climbs, seed),
        steps=best.steps,
        kept=best.kept,
        gain=best.gain,
        tolerance=tolerance,
        mean={name: value.mean(0) for name, value in parameters.items()},
        sd={name: value.std(0) for name, value in parameters.items()},
    )


def _places(climbs: list[_Climb], seed: int) -> int:
    """How many of the posteriors differ: two are one if each has the other's draws, to within what two starts may differ."""
    different: list[Distribution] = []
    with torch.no_grad():
        for climb in {id(climb): climb for climb in climbs}.values():
            q = climb.posterior.infer()
            if not any(_away(q, p, seed) < AGREE and _away(p, q, seed) < AGREE for p in different):
                different.append(q)
    return len(different)


def _away(q: Distribution, p: Distribution, seed: int) -> float:
    """KL(q || p) by draws, nats."""
    with seeded(seed):
        z = q.rsample((JUDGES,))
    return float((q.log_prob(z) - p.log_prob(z)).mean())
