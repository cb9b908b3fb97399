"""A run as a folder of JSON, CSV and safetensors: written whole, read without executing anything."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from latentia.core import atomic
from latentia.core.errors import RunError
from latentia.evaluation import Evaluation, Ladder
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior
from latentia.recipe import FORMAT, LARGEST_JSON, Recipe, build, read_recipe
from latentia.report import ladder_chart, standalone
from latentia.runs.checkpoints import CHECKPOINTS
from latentia.runs.lock import LOCK
from latentia.training import History

RECIPE, WEIGHTS, METRICS = "recipe.json", "model.safetensors", "metrics.csv"
ENVIRONMENT, EVALUATION, REPORT = "environment.json", "evaluation.json", "report.html"
LADDER, OWN_LADDER = "ladder.json", "ladder-own-training.json"
# What to do about a file that a run can be loaded without.
CURES = {
    ENVIRONMENT: "delete it to load the run without it.",
    EVALUATION: "delete it and run `latentia evaluate`.",
    LADDER: "delete it and run `latentia ladder`.",
    OWN_LADDER: "delete it and run `latentia ladder --own-training`.",
}


class Parts(NamedTuple):
    """What a run folder holds besides what can be drawn again from it."""

    recipe: Recipe
    model: GenerativeModel
    posterior: Posterior
    history: History
    environment: dict[str, str]
    evaluation: Evaluation | None
    ladders: list[Ladder]
    notes: list[str]


def check_free(folder: Path) -> None:
    """Make a new run's folder, or refuse one that could not become it.

    Raises:
        RunError: it holds something, is no folder, or cannot be written.
    """
    if (folder / RECIPE).is_file() and (folder / CHECKPOINTS).is_dir():
        raise RunError(
            f"{folder} holds a fit that is not finished; go on with `latentia fit --resume {folder}`, or choose another "
            "--out."
        )
    if folder.is_dir() and any(one.name != LOCK for one in folder.iterdir()):
        raise RunError(f"{folder} is not empty; choose another --out, or remove it first.")
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file; choose another --out.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise RunError(f"{folder} cannot be written ({_reason(error)}); choose another --out.") from None


def free_folder(parent: Path, name: str) -> Path:
    """``parent/name``, or the first of ``parent/name-2``, ``-3``, ... that is not there yet."""
    folder, number = parent / name, 1
    while folder.exists():
        number += 1
        folder = parent / f"{name}-{number}"
    return folder


def write_folder(folder: Path, parts: Parts) -> None:
    """Write a run's parts, each file whole; last the one by which a fit counts as ended.

    Raises:
        RunError: the folder cannot be written.
    """
    training = {
        "ended": parts.history.ended,
        "best_epoch": parts.history.best_epoch,
        "seconds": round(parts.history.seconds, 3),
        "skipped_steps": parts.history.skipped_steps,
        "notes": parts.notes,
    }
    try:
        atomic.write_text(folder / RECIPE, parts.recipe.to_json())
        atomic.write_text(folder / METRICS, parts.history.to_csv())
        atomic.write(folder / WEIGHTS, save(_state(parts.model, parts.posterior), {"format": str(FORMAT)}))
        atomic.write_text(folder / ENVIRONMENT, _json({"environment": parts.environment, "training": training}))
    except (OSError, SafetensorError) as error:
        raise RunError(f"{folder} cannot be written ({_reason(error)}); choose another --out.") from error


def how_it_ended(folder: Path) -> str | None:
    """How the fit of a folder ended: "done", "early", "interrupted" or "stopped"; None where it did not.

    Raises:
        RunError: the file that says so is damaged.
    """
    training = _optional(folder / ENVIRONMENT).get("training")
    return str(training.get("ended", "done")) if isinstance(training, dict) else None


def read_folder(folder: Path) -> Parts:
    """A run's parts, model and posterior rebuilt from the recipe and filled with the saved weights.

    Raises:
        RunError: no run is there, or a file is missing, damaged or does not fit the recipe.
        RecipeError: the recipe cannot be built.
    """
    if not (folder / RECIPE).is_file():
        raise RunError(f"{folder} is no run: it has no {RECIPE}; give the folder that `latentia fit` wrote.")
    recipe = read_recipe(folder / RECIPE)
    if recipe.x_shape is None:
        raise RunError(f"{folder / RECIPE} has no x_shape, so it is a recipe and not a run's; fit it with `latentia fit`.")
    with torch.random.fork_rng(devices=[]):
        model, posterior = build(recipe, recipe.x_shape)
    _fill(folder / WEIGHTS, model, posterior)
    about = _optional(folder / ENVIRONMENT)
    training = about.get("training", {})
    if not isinstance(training, dict) or not isinstance(about.get("environment", {}), dict):
        raise _foreign(folder / ENVIRONMENT)
    history = _history(folder / METRICS, training)
    numbers = _optional(folder / EVALUATION)
    try:
        evaluation = Evaluation.from_dict(numbers) if numbers else None
    except (AttributeError, KeyError, TypeError, ValueError):
        raise _foreign(folder / EVALUATION) from None
    environment = {str(k): str(v) for k, v in about.get("environment", {}).items()}
    notes = [str(n) for n in _list(training, "notes")]
    ladders = [ladder for name in (LADDER, OWN_LADDER) if (ladder := _ladder(folder / name)) is not None]
    return Parts(recipe, model, posterior, history, environment, evaluation, ladders, notes)


def write_ladder(folder: Path, ladder: Ladder) -> None:
    """Put a newer ladder in place of the folder's of that kind, with its picture.

    Raises:
        RunError: it cannot be written.
    """
    path = folder / (OWN_LADDER if ladder.own_training else LADDER)
    try:
        atomic.write_text(path, _json(ladder.to_dict()))
        atomic.write_text(path.with_suffix(".svg"), standalone(ladder_chart(ladder)))
    except OSError as error:
        raise RunError(f"{path} cannot be written ({_reason(error)}).") from error


def write_evaluation(folder: Path, evaluation: Evaluation) -> None:
    """Put a newer account in place of the folder's; that of another split than test stands beside it.

    Raises:
        RunError: it cannot be written.
    """
    path = folder / (EVALUATION if evaluation.split == "test" else f"evaluation-{evaluation.split}.json")
    try:
        atomic.write_text(path, _json(evaluation.to_dict()))
    except OSError as error:
        raise RunError(f"{path} cannot be written ({_reason(error)}).") from error


def _state(model: nn.Module, posterior: nn.Module) -> dict[str, torch.Tensor]:
    whole = nn.ModuleDict({"model": model, "posterior": posterior}).state_dict()
    return {name: t.detach().cpu().contiguous().clone() for name, t in whole.items()}


def _fill(path: Path, model: GenerativeModel, posterior: Posterior) -> None:
    try:
        weights = load_file(path)
    except FileNotFoundError:
        if (path.parent / CHECKPOINTS).is_dir():
            raise RunError(
                f"{path.parent} is not finished, so that there is no model to load; go on with `latentia fit --resume "
                f"{path.parent}`."
            ) from None
        raise RunError(f"{path} is missing, so the model cannot be rebuilt; fit the recipe again.") from None
    except (OSError, SafetensorError) as error:
        raise RunError(f"{path} is damaged ({_reason(error)}); restore it or fit the recipe again.") from None
    whole = nn.ModuleDict({"model": model, "posterior": posterior})
    want = {name: tuple(t.shape) for name, t in whole.state_dict().items()}
    got = {name: tuple(t.shape) for name, t in weights.items()}
    if want != got:
        odd = sorted(name for name in want.keys() | got.keys() if want.get(name) != got.get(name))
        raise RunError(
            f"{path} does not fit its recipe: {odd[0]} is {got.get(odd[0], 'missing')}, "
            f"wanted {want.get(odd[0], 'nothing')}; the two files are not of one run."
        )
    whole.load_state_dict(weights)
    model.fresh = posterior.fresh = False
    whole.eval()


def _ladder(path: Path) -> Ladder | None:
    values = _optional(path)
    try:
        return Ladder.from_dict(values) if values else None
    except (AttributeError, KeyError, TypeError, ValueError):
        raise _foreign(path) from None


def _history(path: Path, training: dict[str, Any]) -> History:
    try:
        history = History.read_csv(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else History()
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged ({_reason(error)}); delete it to load the run without its curves.") from None
    best = training.get("best_epoch")
    history.best_epoch = int(best) if isinstance(best, int) else None
    history.ended = str(training.get("ended", "done"))
    seconds = training.get("seconds", 0.0)
    history.seconds = float(seconds) if isinstance(seconds, int | float) else 0.0
    history.skipped_steps = [s for s in _list(training, "skipped_steps") if isinstance(s, int)]
    return history


def _list(values: dict[str, Any], key: str) -> list[Any]:
    found = values.get(key)
    return found if isinstance(found, list) else []


def _optional(path: Path) -> dict[str, Any]:
    try:
        if path.is_file() and path.stat().st_size > LARGEST_JSON:
            raise _foreign(path, f"is larger than {LARGEST_JSON >> 20} MiB, which Latentia never writes")
        values = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except OSError as error:
        raise RunError(f"{path} cannot be read ({_reason(error)}); make it readable, or {CURES[path.name]}") from None
    except RunError:
        raise
    except (ValueError, RecursionError) as error:
        raise _foreign(path, f"is not JSON ({_reason(error)})") from None
    if not isinstance(values, dict):
        raise _foreign(path, f"holds a {type(values).__name__}, wanted an object")
    return values


def _foreign(path: Path, why: str = "is not what Latentia wrote") -> RunError:
    return RunError(f"{path} {why}; {CURES[path.name]}")


def _json(values: object) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text.splitlines()[0]
