"""A model for each way of inferring z: what learning through an encoder, or without one, does to the model itself.

Kim et al. (2018), Semi-Amortized Variational Autoencoders, sec. 4; Marino et al. (2018), Iterative Amortized Inference.
"""

from collections.abc import Sequence
from dataclasses import replace

from latentia.core.errors import LatentiaError, nearest
from latentia.data import Dataset, Split
from latentia.evaluation import Figure, Ladder, Rung, log_evidence, some_rows
from latentia.families import DiagonalNormal
from latentia.ladder.climb import VALIDATION_ROWS, Told
from latentia.ladder.measure import measure
from latentia.ladder.rungs import ITERATIVE
from latentia.ladder.stages import Stages
from latentia.posteriors import POSTERIORS, Amortized, Exact, PerDatum
from latentia.recipe import Component, Recipe, constructor_parameters, default_posterior_family
from latentia.runs import Run, fit_recipe, for_learner

PARTS = ("network", "family")
JOINT: Component = {"name": "joint"}
# A sentence; what stands in place of the recipe's posterior; who moves when.
TRAININGS: dict[str, tuple[str, Component, Component]] = {
    "em": ("expectation-maximization: the exact posterior, then the model", {"name": "exact"}, {"name": "em"}),
    "variational-em": (
        "a search for each row at each visit, then the model",
        {"name": "per-datum", "steps": 20},
        {"name": "em"},
    ),
    "per-datum": ("a table of numbers for each row, 5 steps a visit", {"name": "per-datum", "table": True}, JOINT),
    "encoder": ("one network for all rows", {"name": "amortized"}, JOINT),
    "semi-amortized": ("an encoder and 5 steps, differentiated through", {"name": "semi-amortized"}, JOINT),
    "semi-amortized-stopped": (
        "an encoder and 5 steps, taken as constants",
        {"name": "semi-amortized", "differentiate": False},
        JOINT,
    ),
    "iterative": ("a network that sees the bound's slope, 5 times", {"name": "iterative", "network": ITERATIVE}, JOINT),
    "flow": (
        "an encoder whose family is an inverse autoregressive flow",
        {"name": "amortized", "family": {"name": "inverse-autoregressive"}},
        JOINT,
    ),
}
DEFAULT_TRAININGS = ("em", "per-datum", "encoder", "semi-amortized", "iterative", "flow")


def train_each(
    recipe: Recipe,
    data: Dataset,
    rungs: Sequence[str] = DEFAULT_TRAININGS,
    split: str = "test",
    rows: int = 200,
    draws: int = 500,
    seed: int = 0,
    told: Told = lambda _: None,
) -> Ladder:
    """Fit the recipe's model once with each way of inferring z, and measure each on the same held-out rows.

    log p(x) of each model is what it says itself, else importance-weighted under the one of two posteriors that has the
    higher bound: its own, and a search a row from nothing.

    Args:
        recipe: its model, bound and schedule serve all rungs; its posterior's networks and family serve those that have one,
            its learner's options those with the same learner.
        data: rows to learn from and to measure on.
        rungs: names, of ``TRAININGS``; ones that the model cannot have are left out and named in the notes.
        split: of ``data``.
        rows: held-out rows, spread over the split.
        draws: draws a row.
        seed: of the draws; the training's is the recipe's.
        told: is handed a line as each rung begins.

    Returns:
        The ladder; after Ctrl-C, as ``climb``, with the rungs that were finished.

    Raises:
        LatentiaError: an unknown rung, or none that can be had.
    """
    for name in rungs:
        if name not in TRAININGS:
            raise LatentiaError(f"there is no rung {name!r} with a training of its own; {nearest(name, list(TRAININGS))}")
    whole = data.split(split)
    some = some_rows(whole.frozen_bits(seed) if whole.draw_bits else whole, rows)
    # Each epoch looks at validation rows, which a search makes dear.
    data = replace(data, valid=some_rows(data.valid, VALIDATION_ROWS)) if len(data.valid) else data
    stages = Stages(dict.fromkeys(rungs))
    found: list[Rung] = []
    with stages.until_interrupted():
        for name in dict.fromkeys(rungs):
            with stages.stage(name):
                told(f"training {name}")
                run = _trained(name, recipe, data)
                told(f"measuring {name}")
                found.append(_measured(name, run, some, draws, seed))
    stages.check(found)
    notes = tuple(stages.notes)
    return Ladder(split, len(some), draws, True, None, "each model's own", {}, tuple(found), notes, stages.interrupted)


def _trained(name: str, recipe: Recipe, data: Dataset) -> Run:
    _, changes, learner = TRAININGS[name]
    has = constructor_parameters(POSTERIORS[changes["name"]])
    # The recipe's numbers of steps and draws are its own posterior's; networks and families serve all.
    own = recipe.posterior["name"] == changes["name"]
    kept = {option: value for option, value in recipe.posterior.items() if option in has and (own or option in PARTS)}
    learner = recipe.learner if recipe.learner["name"] == learner["name"] else learner
    changed = for_learner(recipe, learner).model_copy(update={"posterior": {**kept, **changes}})
    run = fit_recipe(changed, data=data, progress=False)
    if run.history.ended == "interrupted":
        raise KeyboardInterrupt
    return run


def _measured(name: str, run: Run, rows: Split, draws: int, seed: int) -> Rung:
    model, posterior = run.model, run.posterior
    rows = rows.to(run.device)
    found = measure(model, posterior, rows, draws, seed)
    known = log_evidence(model, rows)
    if known is not None:
        log_px = known[1].double()
    elif default_posterior_family(model) != "diagonal-normal":
        log_px = found.log_px  # a search in normals has nothing to say of a discrete z
    else:
        search = PerDatum(DiagonalNormal(), model.z_shape.numel(), steps=500, draws=8)
        searched = measure(model, search, rows, draws, seed)
        # By the bound, not by the figure itself: the higher of two noisy figures would be too high.
        log_px = max(found, searched, key=lambda one: float(one.elbo.mean())).log_px
    family = getattr(posterior, "family", None)
    searches = not isinstance(posterior, Amortized | Exact)
    return Rung(
        name,
        TRAININGS[name][0],
        Figure.of(found.elbo),
        Figure.of(log_px - found.elbo),
        found.seconds,
        parameters=sum(p.numel() for p in posterior.parameters()),
        per_row=family.raw_per_value * model.z_shape.numel() if searches and family else 0,
        training=run.history.seconds,
        log_px=Figure.of(log_px),
    )
