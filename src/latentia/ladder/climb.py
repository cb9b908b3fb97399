"""One model, every way of inferring its z: make each rung, train what must be trained, measure all on the same rows.

Cremer, Li & Duvenaud (2018), Inference Suboptimality in Variational Autoencoders, for the gaps; Kim et al. (2018) and Marino
et al. (2018) for the refining rungs.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import constraints

from latentia.core.errors import LatentiaError
from latentia.core.random import seeded
from latentia.data import Dataset, Split
from latentia.distributions import discrete_columns
from latentia.evaluation import Figure, Ladder, Rung, log_evidence, sandwich, some_places, some_rows
from latentia.ladder.measure import Measured, annealed, measure
from latentia.ladder.rungs import DEFAULT_RUNGS, RungKind, Scene, rung_kind
from latentia.ladder.stages import Stages
from latentia.learners import Joint, LearningRate
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior
from latentia.training import train

BATCH, VALIDATION_ROWS = 100, 500
Told = Callable[[str], None]


class _Climbed(NamedTuple):
    """A rung that was made and measured, and the seconds that its training took."""

    kind: RungKind
    posterior: Posterior
    training: float
    measured: Measured


def climb(
    model: GenerativeModel,
    posterior: Posterior,
    data: Dataset,
    rungs: Sequence[str] = DEFAULT_RUNGS,
    split: str = "test",
    rows: int = 200,
    draws: int = 500,
    training_steps: int = 2000,
    temperatures: int = 200,
    chains: int = 16,
    simulated: int = 0,
    seed: int = 0,
    told: Told = lambda _: None,
) -> Ladder:
    """Measure rungs under one model, which is held still.

    The yardstick is log p(x) where the model can say it, exactly or by quadrature; else the highest of the estimates from
    below: importance weighting under the rung with the highest bound, and annealed importance sampling from the encoder.

    Args:
        model: p, trained.
        posterior: its posterior; where it is an encoder it is the rung of that name, else one is trained.
        data: training rows for rungs that learn, and the rows to measure on.
        rungs: names, of ``RUNGS``, or "encoder+N"; ones that this model cannot have are left out and named in the notes.
        split: of ``data``.
        rows: held-out rows, spread over the split; all where it has fewer.
        draws: draws a row for each bound.
        training_steps: steps of 100 rows for each rung that learns.
        temperatures: of annealed importance sampling; 0 leaves it out, as does a model that can say log p(x).
        chains: a row.
        simulated: rows to draw from the model for annealed estimates from both sides, to say how far to trust them; these
            take temperatures even where the model can say log p(x).
        seed: of everything random; the caller's random state is left as it was.
        told: is handed a line as each rung begins.

    Returns:
        The ladder; with ``gap`` a rung, row by row, from the yardstick. Ctrl-C ends it early, with the rungs that were
        finished and what was known of log p(x) by then; where none was, it is passed on.

    Raises:
        LatentiaError: an unknown rung, none that can be had, no rows, or simulated ones without temperatures; a z on a
            simplex.
    """
    kinds = {name: rung_kind(name) for name in dict.fromkeys(rungs)}
    if rows < 1:
        raise LatentiaError(f"rows is {rows}, wanted at least 1.")
    if simulated and not temperatures:
        raise LatentiaError(
            f"simulated is {simulated}, but temperatures is 0, and such rows are annealed; give some, or none."
        )
    whole = data.split(split)
    some = some_rows(whole.frozen_bits(seed) if whole.draw_bits else whole, rows)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    some, data = some.to(device), data.to(device)
    few = some.head(2)
    if isinstance(model.prior(few.given).support, type(constraints.simplex)):
        raise LatentiaError(
            f"z of {type(model).__name__} are shares that sum to 1, and the rungs answer for free numbers; "
            "measure it with `latentia evaluate`."
        )

    def taught(one: Posterior) -> float:
        return train_posterior(model, one.to(device), data, training_steps, seed)

    with _held_still(model), seeded(seed):
        scene = Scene(model, posterior, few.batch(torch.arange(len(few), device=device)), taught)
        known = log_evidence(model, some)
        annealing = temperatures > 0 and known is None
        stages = Stages([*kinds, *["annealing"] * annealing, *["simulated rows"] * (simulated > 0)])
        climbed: dict[str, _Climbed] = {}
        accounts: dict[str, Tensor] = {}
        both_sides: dict[str, Figure] = {}
        with stages.until_interrupted():
            for name, kind in kinds.items():
                with stages.stage(name):
                    told(name)
                    one, seconds = _made(name, kind, scene)
                    told(f"measuring {name}")
                    climbed[name] = _Climbed(kind, one, seconds, measure(model, one, some, draws, seed))
            stages.check(climbed)
            if annealing:
                with stages.stage("annealing"):
                    told("annealed importance sampling")
                    accounts |= _annealed(scene, some, temperatures, chains, seed)
            if simulated:
                with stages.stage("simulated rows"):
                    told("both sides of simulated rows")
                    both_sides = _both_sides(scene, simulated, temperatures, chains, seed)
    stages.check(climbed)
    # By the bound, not by the account itself: the highest of several noisy accounts would be too high.
    best = max(climbed, key=lambda name: float(climbed[name].measured.elbo.mean()))
    accounts = {f"importance-weighted, {draws} draws from {best}": climbed[best].measured.log_px, **accounts}
    if known is not None:
        yardstick, accounts = known[0], {known[0]: known[1], **accounts}
    else:
        yardstick = max(accounts, key=lambda name: float(accounts[name].mean()))
    estimates = {name: Figure.of(account) for name, account in accounts.items()} | both_sides
    log_px = accounts[yardstick]
    found = tuple(_rung(name, one, log_px, model.z_shape.numel()) for name, one in climbed.items())
    notes = tuple(stages.notes)
    return Ladder(split, len(some), draws, False, Figure.of(log_px), yardstick, estimates, found, notes, stages.interrupted)


def _made(name: str, kind: RungKind, scene: Scene) -> tuple[Posterior, float]:
    one = kind.make(scene)
    if kind.trained and one is not scene.own:
        return one, scene.train(one)
    return one.to(scene.batch.x.device), scene.encoder_seconds if name.startswith("encoder") else 0.0


def train_posterior(model: GenerativeModel, posterior: Posterior, data: Dataset, steps: int, seed: int = 0) -> float:
    """Fit a posterior to a model that is held still, by the ELBO; the best epoch by a few hundred validation rows is kept.

    Args:
        model: p, none of whose parameters is moved.
        posterior: q.
        data: rows to learn from.
        steps: steps of 100 rows, rounded to whole passes; where a pass takes more, rows spread over the split are taken.
        seed: of the order and the draws.

    Returns:
        seconds.
    """
    began = time.perf_counter()
    a_pass = math.ceil(len(data.train) / BATCH)
    if steps < a_pass:
        data = replace(data, train=data.train.take(some_places(len(data.train), steps * BATCH).to(data.train.device)))
        a_pass = steps
    epochs = max(1, round(steps / a_pass))
    fewer = replace(data, valid=some_rows(data.valid, VALIDATION_ROWS)) if len(data.valid) else data
    device = str(data.train.device)
    with _held_still(model):
        rate = LearningRate(1e-3, total=epochs * a_pass)
        learner = Joint(model, posterior.to(device), lr=rate, clip=100.0, hold_model=True)
        history = train(learner, fewer, epochs=epochs, batch_size=BATCH, seed=seed, device=device)
    if history.ended == "interrupted":
        raise KeyboardInterrupt
    return time.perf_counter() - began


def _annealed(scene: Scene, rows: Split, temperatures: int, chains: int, seed: int) -> dict[str, Tensor]:
    """The annealed account of log p(x), (N,) nats by name."""
    start = _start(scene)
    source = "prior" if start is None else "encoder"
    name = f"annealed from the {source}, {temperatures} temperatures of {chains} chains"
    return {name: annealed(scene.model, start, rows, temperatures, chains, seed)}


def _both_sides(scene: Scene, n: int, temperatures: int, chains: int, seed: int) -> dict[str, Figure]:
    """Annealed estimates from both sides, by name, for rows drawn from the model."""
    both = sandwich(scene.model, n, temperatures, chains, _start(scene), seed=seed)
    where = f"{n} rows drawn from the model, {temperatures} temperatures"
    return {f"annealed from below, {where}": both.lower, f"annealed from above, {where}": both.upper}


def _start(scene: Scene) -> Posterior | None:
    """Where annealing starts: the encoder, or the prior where every move would wait for the encoder's density.

    A discrete z is refused by annealing itself; no encoder need be trained for that.
    """
    if discrete_columns(scene.model.prior()) is not None:
        return None
    return None if scene.family.slow_density else scene.encoder


def _rung(name: str, one: _Climbed, log_px: Tensor, n_latents: int) -> Rung:
    found = one.measured
    family = getattr(one.posterior, "family", None)
    bad = int((~torch.isfinite(found.elbo)).sum())
    return Rung(
        name,
        one.kind.about,
        Figure.of(found.elbo),
        Figure.of(log_px.double() - found.elbo),
        found.seconds,
        parameters=sum(p.numel() for p in one.posterior.parameters()),
        per_row=family.raw_per_value * n_latents if one.kind.searched and family else 0,
        training=one.training,
        notes=(f"the bound is not finite in {bad} of {len(found.elbo)} rows",) if bad else (),
    )


@contextmanager
def _held_still(model: GenerativeModel) -> Iterator[None]:
    """No parameter of the model asks for a gradient, no statistic of its layers moves, it is not put back to its start."""
    learned, fresh = [p for p in model.parameters() if p.requires_grad], model.fresh
    was_training = [(module, module.training) for module in model.modules()]
    model.requires_grad_(False).eval()
    model.fresh = False
    try:
        yield
    finally:
        for p in learned:
            p.requires_grad_()
        for module, training in was_training:
            module.training = training
        model.fresh = fresh
