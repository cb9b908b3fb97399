"""What ``latentia fit --resume`` does, once its arguments are read."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from latentia.cli.commands import measure_and_finish, say_how_it_went
from latentia.core.errors import LatentiaError
from latentia.runs import Place, go_on, load, place_for, stage_for_all
from latentia.training import progress_for


def resume_command(folder: Path, others: Mapping[str, object], checkpoint_seconds: float) -> None:
    """Go on with a fit, measure, save; or say that nothing is left to do.

    Args:
        folder: the run's.
        others: what else was asked for, by the option's name.
        checkpoint_seconds: between two checkpoints.

    Raises:
        LatentiaError: something else was asked for; or what ``latentia.resume`` refuses.
    """
    for name, value in others.items():
        if value:
            raise LatentiaError(
                f"{name} has no place beside --resume: {folder} goes on by the recipe it was begun with, or no recipe would "
                "lead to what comes out; leave it out, or begin a new fit."
            )
    ranks, now = stage_for_all(folder)
    beside = ranks is not None and not ranks.leads
    console = Console(quiet=beside)
    if now == "finished":
        history = load(folder).history
        console.print(f"{folder} is finished after {len(history.rows)} epochs; nothing is left to do", soft_wrap=True)
        return
    if beside:
        if now == "begun":
            with place_for(ranks, folder, checkpoint_seconds, resumed=True) as place:
                go_on(place, progress=False)
        return
    with Place(folder, checkpoint_seconds, resumed=True) as place:
        step = place.keeper.step
        where = "at its numbers" if now == "fitted" else "from the beginning" if step is None else f"after step {step}"
        console.print(f"{folder} goes on {where}", highlight=False, soft_wrap=True)
        run = go_on(place, progress=progress_for(console))
        say_how_it_went(run, console)
        measure_and_finish(run, place, console)
