"""What ``latentia ladder`` does, once its arguments are read."""

import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.status import Status

from latentia.cli.commands import fit_command
from latentia.core.errors import LatentiaError, nearest
from latentia.data import DATASETS, SPLIT_NAMES, holds_data
from latentia.evaluation import Ladder
from latentia.ladder import DEFAULT_RUNGS, DEFAULT_TRAININGS, RUNGS, TRAININGS, climb, rung_kind, train_each
from latentia.recipe import named_recipes, parse_recipe, with_overrides
from latentia.runs import RECIPE, REPORT, Run, load


class Asked(NamedTuple):
    """What was asked for on the command line."""

    rungs: list[str] | None
    own_training: bool
    rows: int
    draws: int
    split: str
    steps: int
    temperatures: int
    chains: int
    simulated: int
    seed: int


def ladder_command(what: str, asked: Asked, overrides: list[str], out: Path | None, as_json: bool) -> None:
    """Load or fit, climb, print, and leave the ladder in the run's folder.

    Raises:
        LatentiaError: an unknown rung; a folder that is no run; changes of a recipe for a run that is fitted already.
        KeyboardInterrupt: Ctrl-C, after what was finished is saved and printed.
    """
    _check_names(asked)
    folder = Path(what)
    if _is_run(folder, what):
        run = load(folder)
        if (overrides and not asked.own_training) or out is not None:
            raise LatentiaError(f"{what} is fitted already, so --set and --out have nothing to change; leave them out.")
    else:
        # Standard output is for the ladder alone where a program reads it.
        folder = fit_command(what, overrides, out, Console(stderr=True) if as_json else None)
        run = load(folder)
        if run.history.ended == "interrupted":
            raise KeyboardInterrupt
    console = Console(stderr=True)
    with console.status("climbing") as status:
        ladder = _climbed(run, asked, overrides, status)
    run.ladders = [one for one in run.ladders if one.own_training != asked.own_training] + [ladder]
    run.save_findings(folder)
    if as_json:
        sys.stdout.write(json.dumps(ladder.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    else:
        Console().print(ladder.table())
        Console().print(f"report  {folder / REPORT}", highlight=False, soft_wrap=True)
    if ladder.interrupted:
        raise KeyboardInterrupt


def _is_run(folder: Path, what: str) -> bool:
    """Whether a folder is meant as a run, and not as data of one's own."""
    if (folder / RECIPE).is_file() or not folder.is_dir() or what in {*named_recipes(), *DATASETS}:
        return (folder / RECIPE).is_file()
    return not holds_data(folder)


def _climbed(run: Run, asked: Asked, overrides: list[str], status: Status) -> Ladder:
    def told(line: str) -> None:
        status.update(line)
        if os.environ.get("LATENTIA_DEBUG"):
            sys.stderr.write(line + "\n")

    if asked.own_training:
        recipe = parse_recipe(with_overrides(run.known_recipe().model_dump(), overrides), "the run's recipe")
        names = asked.rungs or DEFAULT_TRAININGS
        return train_each(recipe, run.dataset(), names, asked.split, asked.rows, asked.draws, asked.seed, told)
    return climb(
        run.model,
        run.posterior,
        run.dataset(),
        asked.rungs or DEFAULT_RUNGS,
        asked.split,
        asked.rows,
        asked.draws,
        asked.steps,
        asked.temperatures,
        asked.chains,
        asked.simulated,
        asked.seed,
        told,
    )


def _check_names(asked: Asked) -> None:
    """Refuse an unknown rung or split before anything is fitted."""
    if asked.rungs == []:
        raise LatentiaError("--rungs names none; leave it out for the usual ones, or see `latentia list rungs`.")
    if asked.split not in SPLIT_NAMES:
        raise LatentiaError(f"there is no split {asked.split!r}; {nearest(asked.split, list(SPLIT_NAMES))}")
    for name in asked.rungs or ():
        if not asked.own_training:
            if name in TRAININGS and name not in RUNGS:
                raise LatentiaError(f"rung {name!r} trains a model of its own; add --own-training")
            rung_kind(name)
        elif name not in TRAININGS:
            hint = "leave out --own-training" if name in RUNGS else nearest(name, list(TRAININGS))
            raise LatentiaError(f"there is no rung {name!r} with a training of its own; {hint}")
