"""One model, every way of inferring its z: make each rung, train what must be trained, measure all on the same rows.

Cremer, Li & Duvenaud (2018), Inference Suboptimality in Variational Autoencoders, for the gaps; Kim et al. (2018) and Marino
et al. (2018) for the refining rungs.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from latentia.core.errors import LatentiaError
from latentia.core.random import seeded
from latentia.data import Dataset, Split
from latentia.evaluation import Figure, Ladder, Rung, sandwich, some_rows
from latentia.ladder.measure import Measured, annealed, log_evidence, measure
from latentia.ladder.rungs import DEFAULT_RUNGS, RungKind, Scene, rung_kind
from latentia.learners import Joint, LearningRate
from latentia.models import GenerativeModel
from latentia.posteriors import Amortized, Posterior
from latentia.recipe import build_posterior
from latentia.training import train

BATCH, VALIDATION_ROWS = 100, 500
Told = Callable[[str], None]


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
    below: importance weighting under the rung with the highest, and annealed importance sampling from there.

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
        simulated: rows to draw from the model for annealed estimates from both sides, to say how far to trust them.
        seed: of everything random; the caller's random state is left as it was.
        told: is handed a line as each rung begins.

    Returns:
        The ladder; with ``gap`` a rung, row by row, from the yardstick.

    Raises:
        LatentiaError: an unknown rung, none that can be had, or no rows.
    """
    kinds = {name: rung_kind(name) for name in dict.fromkeys(rungs)}
    if rows < 1:
        raise LatentiaError(f"rows is {rows}, wanted at least 1.")
    whole = data.split(split)
    some = some_rows(whole.frozen_bits(seed) if whole.draw_bits else whole, rows)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    some, data = some.to(device), data.to(device)
    with _held_still(model), seeded(seed):
        scene, encoder_seconds = _scene(model, posterior, data, some, training_steps, seed, told)
        made: dict[str, tuple[RungKind, Posterior, float]] = {}
        notes = []
        for name, kind in kinds.items():
            try:
                told(name)
                made[name] = kind, *_made(name, kind, scene, encoder_seconds, data, training_steps, seed)
            except LatentiaError as reason:
                notes.append(f"{name} left out: {_clause(reason)}")
        measured: dict[str, Measured] = {}
        for name, (_, one, _) in made.items():
            told(f"measuring {name}")
            try:
                measured[name] = measure(model, one, some, draws, seed)
            except LatentiaError as reason:
                notes.append(f"{name} left out: {_clause(reason)}")
        if not measured:
            raise LatentiaError(f"no rung is left: {'; '.join(notes)}; name others with rungs=.")
        estimates, yardstick, log_px = _yardstick(
            model,
            {name: (made[name][1], found) for name, found in measured.items()},
            some,
            draws,
            temperatures,
            chains,
            seed,
            told,
        )
        if simulated:
            told("sandwich on simulated rows")
            both = sandwich(model, simulated, max(2, temperatures), chains, scene.encoder, seed=seed)
            where = f"{simulated} rows drawn from the model, {max(2, temperatures)} temperatures"
            estimates |= {f"annealed from below, {where}": both.lower, f"annealed from above, {where}": both.upper}
    found = tuple(_rung(name, *made[name], measured[name], log_px, model.z_shape.numel()) for name in measured)
    return Ladder(split, len(some), draws, False, Figure.of(log_px), yardstick, estimates, found, tuple(notes))


def _scene(
    model: GenerativeModel, posterior: Posterior, data: Dataset, rows: Split, steps: int, seed: int, told: Told
) -> tuple[Scene, float]:
    """The model with an encoder: its own, or one trained for it."""
    few = rows.head(2).batch(torch.arange(min(2, len(rows)), device=rows.stored.device))
    if isinstance(posterior, Amortized):
        return Scene(model, posterior, few), 0.0
    told("encoder")
    encoder = build_posterior({"name": "amortized"}, tuple(model.x_shape), model.z_shape.numel())
    assert isinstance(encoder, Amortized)
    return Scene(model, encoder, few), train_posterior(model, encoder, data, steps, seed)


def _made(
    name: str, kind: RungKind, scene: Scene, encoder_seconds: float, data: Dataset, steps: int, seed: int
) -> tuple[Posterior, float]:
    one = kind.make(scene).to(data.train.stored.device)
    if kind.trained:
        return one, train_posterior(scene.model, one, data, steps, seed)
    return one, encoder_seconds if name == "encoder" else 0.0


def train_posterior(model: GenerativeModel, posterior: Posterior, data: Dataset, steps: int, seed: int = 0) -> float:
    """Fit a posterior to a model that is held still, by the ELBO; the best epoch by a few hundred validation rows is kept.

    Args:
        model: p, none of whose parameters is moved.
        posterior: q.
        data: rows to learn from.
        steps: steps of 100 rows; at least one pass over the rows is made.
        seed: of the order and the draws.

    Returns:
        seconds.
    """
    began = time.perf_counter()
    a_pass = math.ceil(len(data.train) / BATCH)
    if steps < a_pass:
        data = replace(data, train=some_rows(data.train, steps * BATCH))
        a_pass = steps
    epochs = max(1, round(steps / a_pass))
    fewer = replace(data, valid=some_rows(data.valid, VALIDATION_ROWS)) if len(data.valid) else data
    device = str(data.train.stored.device)
    with _held_still(model):
        learner = Joint(model, posterior.to(device), lr=LearningRate(1e-3, total=epochs * a_pass), clip=100.0)
        train(learner, fewer, epochs=epochs, batch_size=BATCH, seed=seed, device=device)
    return time.perf_counter() - began


def _yardstick(
    model: GenerativeModel,
    measured: dict[str, tuple[Posterior, Measured]],
    rows: Split,
    draws: int,
    temperatures: int,
    chains: int,
    seed: int,
    told: Told,
) -> tuple[dict[str, Figure], str, Tensor]:
    """Every account of log p(x), and the one that gaps are measured from: its name and (N,) nats."""
    best = max(measured, key=lambda name: float(measured[name][1].log_px.mean()))
    accounts = {f"importance-weighted, {draws} draws from {best}": measured[best][1].log_px}
    known = log_evidence(model, rows)
    if known is not None:
        accounts = {known[0]: known[1], **accounts}
    elif temperatures:
        told("annealed importance sampling")
        name = f"annealed from {best}, {temperatures} temperatures of {chains} chains"
        accounts[name] = annealed(model, measured[best][0], rows, temperatures, chains, seed)
    first = known[0] if known is not None else max(accounts, key=lambda name: float(accounts[name].mean()))
    return {name: Figure.of(account) for name, account in accounts.items()}, first, accounts[first]


def _rung(
    name: str, kind: RungKind, one: Posterior, training: float, found: Measured, log_px: Tensor, n_latents: int
) -> Rung:
    family = getattr(one, "family", None)
    bad = int((~torch.isfinite(found.elbo)).sum())
    return Rung(
        name,
        kind.about,
        Figure.of(found.elbo),
        Figure.of(log_px.double() - found.elbo),
        found.seconds,
        parameters=sum(p.numel() for p in one.parameters()),
        per_row=family.raw_per_value * n_latents if kind.searched and family else 0,
        training=training,
        notes=(f"the bound is not finite in {bad} of {len(found.elbo)} rows",) if bad else (),
    )


@contextmanager
def _held_still(model: GenerativeModel) -> Iterator[None]:
    """No parameter of the model asks for a gradient, and the model is not put back to its start."""
    learned, fresh = [p for p in model.parameters() if p.requires_grad], model.fresh
    model.requires_grad_(False)
    model.fresh = False
    try:
        yield
    finally:
        for p in learned:
            p.requires_grad_()
        model.fresh = fresh


def _clause(reason: LatentiaError) -> str:
    return str(reason).rstrip(".")
