"""Going on with a fit that was broken off, from what its folder kept."""

from pathlib import Path
from typing import Any

from latentia.core import atomic
from latentia.core.errors import DataError
from latentia.core.ranks import Ranks
from latentia.recipe import read_recipe
from latentia.runs.beside import Beside, place_for
from latentia.runs.checkpoints import SECONDS
from latentia.runs.fitting import fit_wanted
from latentia.runs.folder import RECIPE
from latentia.runs.place import Place, Stage, stage
from latentia.runs.run import Run, load
from latentia.training import Progress, start


def resume(
    folder: str | Path, *, data: Any = None, progress: Progress | bool = True, checkpoint_seconds: float = SECONDS
) -> Run:
    """Go on with the fit of a folder, to the end that it would have had: on a CPU, the same bits.

    Args:
        folder: which ``latentia fit`` or ``fit_recipe(..., folder=...)`` began; what it holds is brought up to date.
        data: the rows again, where the fit was given them; they have to be the same.
        progress: as in ``fit``.
        checkpoint_seconds: between two checkpoints; 0 for one after every step.

    Returns:
        The run; of a fit that is finished already, the run that it left.

    Raises:
        RunError: no fit is there, another process goes on with it, its recipe was changed, or its checkpoints are damaged.
        DataError: its rows are not to be had, or are others.
        LatentiaError: whatever ``fit_recipe`` refuses.
    """
    ranks, now = stage_for_all(Path(folder))
    if now == "finished" or (now == "fitted" and ranks is not None and not ranks.leads):
        return load(folder)
    with place_for(ranks, Path(folder), checkpoint_seconds, resumed=True) as place:
        run = go_on(place, data, progress)
        place.finish(run)
    return run


def stage_for_all(folder: Path) -> tuple[Ranks | None, Stage]:
    """The processes that are to go on with a fit, and how far it came before any of them touched it.

    Raises:
        RunError: see ``stage``.
    """
    now = stage(folder)
    ranks = start(read_recipe(folder / RECIPE).fit.device) if now != "finished" else None
    return ranks, now if ranks is None else ranks.leaders(now)


def go_on(place: Place | Beside, data: Any = None, progress: Progress | bool = True) -> Run:
    """What is left of a fit in a place that holds it, saved; see ``resume``."""
    if isinstance(place, Place):
        atomic.clear_parts(place.folder)
    if isinstance(place, Place) and stage(place.folder) != "begun":
        run = load(place.folder)
        run.data = None if data is None else run.dataset(data)
        place.save_findings(run)
        return run
    try:
        run = fit_wanted(read_recipe(place.folder / RECIPE), data, progress, place)
    except DataError as error:
        raise DataError(f"{place.folder} cannot go on, and is as it was: {error}") from None
    place.save(run)
    return run
