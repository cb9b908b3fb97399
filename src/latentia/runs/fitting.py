"""From parts or a recipe to a run: the two ways to say the same fit."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console

from latentia.bounds import Bound, Elbo
from latentia.core.errors import LatentiaError, RecipeError, nearest
from latentia.core.random import seeded
from latentia.core.ranks import Lost, Ranks
from latentia.data import Dataset, as_dataset
from latentia.gradients import Auto, Gradient
from latentia.learners import Joint, Sleep
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior
from latentia.recipe import (
    SIMULATED,
    FitSection,
    Recipe,
    attach,
    build_bound,
    build_gradient,
    build_model,
    build_posterior,
    confined,
    describe_bound,
    describe_gradient,
    describe_model,
    describe_posterior,
    parse_recipe,
    recipe_values,
    said_keys,
    with_overrides,
)
from latentia.runs.beside import Beside, in_turn, place_for
from latentia.runs.checkpoints import SECONDS, say
from latentia.runs.environment import environment
from latentia.runs.material import known_of, rows_of, section_of
from latentia.runs.method import Method, learner_for
from latentia.runs.place import Place
from latentia.runs.run import Run, known
from latentia.runs.simulated import simulated
from latentia.training import History, Progress, Silent, Stopped, comes_first, progress_for, start, train

DREAMED = "the training's bound is mean log q(z | x) where z and x are the model's own draws: at best minus the entropy of z"


class StoppedRun(LatentiaError):
    """A fit that ended at something not finite; ``run`` holds the best weights from before, if an epoch was finished."""

    def __init__(self, message: str, run: Run | None) -> None:
        super().__init__(message)
        self.run = run


def fit(
    model: GenerativeModel,
    posterior: Posterior,
    data: Any,
    *,
    bound: Bound | None = None,
    gradient: Gradient | None = None,
    draws: int = 1,
    name: str = "run",
    progress: Progress | bool = True,
    **options: Any,
) -> Run:
    """Fit a model and its posterior, in place.

    Args:
        model: p.
        posterior: q.
        data: a ``Dataset``, or rows (N, ...) as an array or tensor, which are cut 80/10/10.
        bound: what is raised; the ELBO unless said.
        gradient: how it is differentiated; chosen by what p and q can do unless said.
        draws: K, draws a row.
        name: what to call the run.
        progress: True shows one where it fits, False nothing; or a ``Progress``.
        **options: fields of the recipe's ``fit`` section: epochs, batch_size, lr, lr_decay, lr_warm_up, beta, kl_warm_up,
            clip, patience, on_nonfinite, precision, compile, seed, device, matmul, adam_betas, adam_eps.

    Returns:
        The run, with the best epoch's weights.

    Raises:
        LatentiaError: an unknown option, or whatever ``latentia.training.train`` refuses.
        StoppedRun: something was not finite.
    """
    for what, part, kind in (("model", model, GenerativeModel), ("posterior", posterior, Posterior)):
        if not isinstance(part, kind):
            raise LatentiaError(f"the {what} is a {type(part).__name__}, wanted a {kind.__name__}; see latentia.{what}s.")
    for what, part in (("bound", bound), ("gradient", gradient)):
        if part is not None and (isinstance(part, type) or not callable(part)):
            raise LatentiaError(f"{what} is {part!r}, wanted an object such as latentia.Iwae(); names belong into recipes.")
    section = _section(options)
    parse_recipe({"name": name, "draws": draws}, "fit")
    rows = as_dataset(data)
    method = Method(model, posterior, bound or Elbo(), gradient or Auto(), draws)
    return _fit(method, rows, section, _recipe_of(name, method, rows, section), progress)


def fit_recipe(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    overrides: Sequence[str] = (),
    *,
    data: Any = None,
    progress: Progress | bool = True,
    told: Callable[[Dataset], None] | None = None,
    folder: str | Path | None = None,
    checkpoint_seconds: float = SECONDS,
) -> Run:
    """Fit what a recipe says; with a folder, so that it survives.

    Args:
        recipe: a named recipe, a recipe file, a data set's name, the path of data of one's own, a mapping, or a ``Recipe``.
        overrides: "key=value" as on the command line; for example "fit.epochs=20".
        data: rows to use in place of the recipe's, read by the options of its data section.
        progress: as in ``fit``.
        told: is called with the data before the first step.
        folder: a new or empty one, in which the fit keeps checkpoints while it goes on, and which is a run's folder when it
            is done; ``latentia.resume`` goes on from there. None keeps nothing.
        checkpoint_seconds: between two checkpoints; 0 for one after every step.

    Raises:
        RecipeError: an unknown name, key or option, with the nearest known one.
        LatentiaError: whatever ``fit`` refuses.
        RunError: the folder is in use or cannot be written; as ``UnsavedRun`` with the run where that shows at the end only.
        Terminated: SIGTERM came, and a checkpoint is kept; it is a ``SystemExit``.
    """
    wanted = read(recipe, overrides)
    if folder is None:
        return fit_wanted(wanted, data, progress, told=told)
    with place_for(start(wanted.fit.device), Path(folder), checkpoint_seconds) as place:
        run = fit_wanted(wanted, data, progress, place, told)
        place.save(run)
        place.finish(run)
    return run


def fit_wanted(
    wanted: Recipe,
    data: Any = None,
    progress: Progress | bool = True,
    place: Place | Beside | None = None,
    told: Callable[[Dataset], None] | None = None,
) -> Run:
    """As ``fit_recipe``, what was read already; in a place it is begun or gone on with there, and not yet saved."""
    drawn = data is None and wanted.data.name == SIMULATED
    ranks = start(wanted.fit.device)
    wanted = wanted if ranks is None else ranks.leaders(wanted)
    rows = None if drawn else in_turn(ranks, comes_first(), lambda: rows_of(wanted.data, data))
    if rows is not None and told is not None:
        told(rows)
    with seeded(wanted.fit.seed):
        if rows is None:
            model = build_model(wanted.model, None, wanted.latents)
            rows = simulated(model, wanted.data.rows, wanted.data.observed)
        else:
            model = build_model(wanted.model, tuple(rows.x_shape), wanted.latents, rows.levels, rows.schema, rows.counts)
        posterior = build_posterior(wanted.posterior, model, {} if rows is None else known_of(rows))
        attach(model, posterior)
        gradient = build_gradient(wanted, tuple(rows.x_shape), tuple(model.z_shape))
    if wanted.x_shape is not None and wanted.x_shape != tuple(rows.x_shape):
        raise RecipeError(f"the recipe says x_shape {wanted.x_shape}, the data's is {tuple(rows.x_shape)}; leave it out.")
    method = Method(model, posterior, build_bound(wanted), gradient, wanted.draws, wanted.learner)
    full = _recipe_of(wanted.name, method, rows, wanted.fit)
    if isinstance(full, Recipe):
        kept = {"about": wanted.about, "evaluation_draws": wanted.evaluation_draws}
        full = full.model_copy(update=kept | ({"data": wanted.data} if drawn else {}))
    if place is not None and place.resumed:
        full = wanted
    return _fit(method, rows, wanted.fit, full, progress, place)


def read(recipe: str | Path | Mapping[str, Any] | Recipe, overrides: Sequence[str] = ()) -> Recipe:
    """A recipe from any of the ways to name one, with overrides put in."""
    if isinstance(recipe, Recipe):
        values, source = recipe.model_dump(), f"recipe {recipe.name!r}"
    elif isinstance(recipe, Mapping):
        values, source = dict(recipe), "the recipe"
    else:
        values, source = recipe_values(str(recipe))
        values = with_overrides(values, overrides)
        if source.endswith(".json"):
            values = confined(values, Path(source).parent, said_keys(overrides), source)
        return parse_recipe(values, source)
    return parse_recipe(with_overrides(values, overrides), source)


def _fit(
    method: Method,
    data: Dataset,
    section: FitSection,
    recipe: Recipe | RecipeError,
    progress: Progress | bool,
    place: Place | Beside | None = None,
) -> Run:
    ranks = start(section.device)
    shown = progress_for(Console()) if progress is True else Silent() if progress is False else progress
    learner = learner_for(method, section, len(data.train))

    def run(history: History) -> Run:
        where = str(next((t.device for t in (*learner.modules.parameters(), *learner.modules.buffers())), "cpu"))
        chosen = method.gradient.reason if isinstance(method.gradient, Auto) and isinstance(learner, Joint) else ""
        notes = [f"gradient chosen: {chosen}"] if chosen else []
        notes += [history.route.reason] if history.route.reason else []
        notes += [learner.why_uncompiled] if isinstance(learner, Joint) and learner.why_uncompiled else []
        notes += [DREAMED] if isinstance(learner, Sleep) else []
        made_with = environment(section.seed, where, of) | {"matmul": history.route.name}
        return Run(method.model, method.posterior, recipe, history, made_with, data, notes=notes)

    of = 1 if ranks is None else ranks.of
    if place is not None:
        place.begin(known(recipe), of)
    if ranks is not None and ranks.leads and not isinstance(shown, Silent):
        say(_shared(ranks, section.batch_size))
    try:
        history = train(
            learner,
            data,
            epochs=section.epochs,
            batch_size=section.batch_size,
            patience=section.patience,
            on_nonfinite=section.on_nonfinite,
            seed=section.seed,
            device=section.device,
            progress=shown,
            keeper=None if place is None else place.keeper,
            matmul=section.matmul,
        )
    except Lost as lost:
        if place is not None:
            lost.kept = place.what_is_kept
        raise
    except Stopped as stopped:
        best, said = run(stopped.history) if stopped.history.best_epoch else None, str(stopped)
        if best is not None and place is not None:
            place.save(best)
            place.finish(best)
            said = f"{said}; the best epoch before it is kept in {place.folder}"
        raise StoppedRun(said, best) from None
    return run(history)


def _shared(ranks: Ranks, batch_size: int) -> str:
    each = batch_size // ranks.of
    some = f"{each}" if batch_size % ranks.of == 0 else f"{each} or {each + 1}"
    return (
        f"{ranks.of} processes on {ranks.device.type}: batch_size {batch_size} is that of all of them, {some} rows each, "
        "and noise is each one's own"
    )


def _section(options: dict[str, Any]) -> FitSection:
    unknown = [name for name in options if name not in FitSection.model_fields]
    if unknown:
        raise RecipeError(f"fit has no option {unknown[0]!r}; {nearest(unknown[0], list(FitSection.model_fields))}")
    try:
        return FitSection(**options)
    except ValidationError as error:
        first = error.errors()[0]
        raise RecipeError(f"{first['loc'][0]} is {first['input']!r}: {first['msg'][0].lower()}{first['msg'][1:]}") from None


def _recipe_of(name: str, method: Method, data: Dataset, section: FitSection) -> Recipe | RecipeError:
    """The recipe that would build these parts again, or why there is none; only saving needs one."""
    try:
        values = {
            "name": name,
            "data": section_of(data),
            "x_shape": tuple(method.model.x_shape),
            "latents": method.model.z_shape[0],
            "model": describe_model(method.model),
            "posterior": describe_posterior(method.posterior),
            "learner": method.learner,
            "bound": describe_bound(method.bound),
            "gradient": describe_gradient(method.gradient),
            "draws": method.draws,
            "fit": section.model_dump(),
        }
        return parse_recipe(values, "this fit")
    except RecipeError as error:
        return error
