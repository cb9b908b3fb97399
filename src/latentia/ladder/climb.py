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
from torch.distributions import constraints

from latentia.core.errors import LatentiaError
from latentia.core.random import seeded
from latentia.data import Dataset, Split
from latentia.evaluation import Figure, Ladder, Rung, log_evidence, sandwich, some_rows
from latentia.ladder.measure import Measured, annealed, measure
from latentia.ladder.rungs import DEFAULT_RUNGS, RungKind, Scene, rung_kind
from latentia.learners import Joint, LearningRate
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior
from latentia.training import train

BATCH, VALIDATION_ROWS = 100, 500
Told = Callable[[str], None]
# What one rung may fail of without taking the others with it; the second is torch's word for what a distribution lacks.
REASONS = (LatentiaError, NotImplementedError)


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
        simulated: rows to draw from the model for annealed estimates from both sides, to say how far to trust them.
        seed: of everything random; the caller's random state is left as it was.
        told: is handed a line as each rung begins.

    Returns:
        The ladder; with ``gap`` a rung, row by row, from the yardstick.

    Raises:
        LatentiaError: an unknown rung, none that can be had, or no rows; a z on a simplex.
    """
    kinds = {name: rung_kind(name) for name in dict.fromkeys(rungs)}
    if rows < 1:
        raise LatentiaError(f"rows is {rows}, wanted at least 1.")
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
        made: dict[str, tuple[RungKind, Posterior, float]] = {}
        measured: dict[str, Measured] = {}
        notes: list[str] = []
        for name, kind in kinds.items():
            try:
                told(name)
                one, seconds = _made(name, kind, scene)
                told(f"measuring {name}")
                measured[name] = measure(model, one, some, draws, seed)
                made[name] = kind, one, seconds
            except REASONS as reason:
                notes.append(left_out(name, reason))
        if not measured:
            raise LatentiaError(f"no rung is left: {'; '.join(notes) or 'none was named'}; name others with rungs=.")
        accounts, yardstick = _accounts(scene, measured, some, draws, temperatures, chains, seed, told, notes)
        estimates = {name: Figure.of(account) for name, account in accounts.items()}
        if simulated:
            estimates |= _sandwich(scene, simulated, max(2, temperatures), chains, seed, told, notes)
    log_px = accounts[yardstick]
    found = tuple(_rung(name, *made[name], measured[name], log_px, model.z_shape.numel()) for name in measured)
    return Ladder(split, len(some), draws, False, Figure.of(log_px), yardstick, estimates, found, tuple(notes))


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
        data = replace(data, train=some_rows(data.train, steps * BATCH))
        a_pass = steps
    epochs = max(1, round(steps / a_pass))
    fewer = replace(data, valid=some_rows(data.valid, VALIDATION_ROWS)) if len(data.valid) else data
    device = str(data.train.stored.device)
    with _held_still(model):
        rate = LearningRate(1e-3, total=epochs * a_pass)
        learner = Joint(model, posterior.to(device), lr=rate, clip=100.0, hold_model=True)
        history = train(learner, fewer, epochs=epochs, batch_size=BATCH, seed=seed, device=device)
    if history.ended == "interrupted":
        raise KeyboardInterrupt
    return time.perf_counter() - began


def _accounts(
    scene: Scene,
    measured: dict[str, Measured],
    rows: Split,
    draws: int,
    temperatures: int,
    chains: int,
    seed: int,
    told: Told,
    notes: list[str],
) -> tuple[dict[str, Tensor], str]:
    """Every account of log p(x), (N,) nats by name, and which of them the gaps are measured from."""
    # By the bound, not by the account itself: the highest of several noisy accounts would be too high.
    best = max(measured, key=lambda name: float(measured[name].elbo.mean()))
    accounts = {f"importance-weighted, {draws} draws from {best}": measured[best].log_px}
    known = log_evidence(scene.model, rows)
    if known is not None:
        return {known[0]: known[1], **accounts}, known[0]
    if temperatures:
        told("annealed importance sampling")
        try:
            start = _start(scene)
            source = "prior" if start is None else "encoder"
            name = f"annealed from the {source}, {temperatures} temperatures of {chains} chains"
            accounts[name] = annealed(scene.model, start, rows, temperatures, chains, seed)
        except REASONS as reason:
            notes.append(left_out("annealing", reason))
    return accounts, max(accounts, key=lambda name: float(accounts[name].mean()))


def _sandwich(
    scene: Scene, n: int, temperatures: int, chains: int, seed: int, told: Told, notes: list[str]
) -> dict[str, Figure]:
    """Annealed estimates from both sides, by name, for rows drawn from the model."""
    told("both sides of simulated rows")
    try:
        both = sandwich(scene.model, n, temperatures, chains, _start(scene), seed=seed)
    except REASONS as reason:
        notes.append(left_out("simulated rows", reason))
        return {}
    where = f"{n} rows drawn from the model, {temperatures} temperatures"
    return {f"annealed from below, {where}": both.lower, f"annealed from above, {where}": both.upper}


def _start(scene: Scene) -> Posterior | None:
    """Where annealing starts: the encoder, or the prior where every move would wait for the encoder's density."""
    return None if scene.encoder.family.slow_density else scene.encoder


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


def left_out(name: str, reason: Exception) -> str:
    """A note on what is missing, and why."""
    return f"{name} left out: {str(reason).rstrip('.') or type(reason).__name__}"
