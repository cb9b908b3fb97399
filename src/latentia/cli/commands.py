"""What the commands do, once their arguments are read."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from latentia.cli.row_commands import TABLES, check_out, targets, write_tables
from latentia.cli.tables import named, pairwise_rows, picture_and_arrays, table_writer, write_npz
from latentia.data import Dataset
from latentia.evaluation import some_places
from latentia.report import save_grid, save_pairs
from latentia.runs import (
    REPORT,
    SECONDS,
    Place,
    Run,
    fit_wanted,
    free_folder,
    load,
    place_for,
    read,
    rows_for,
    schema_of,
    write_evaluation,
)
from latentia.training import progress_for, start

RUNS = Path("runs")
# Rows of a split that are reconstructed unless said, and pairs in one picture.
SOME = 64


def fit_command(
    what: str, overrides: list[str], out: Path | None, console: Console | None = None, checkpoint_seconds: float = SECONDS
) -> Path:
    """Fit, measure, save; say where everything lies, and return it."""
    recipe = read(what, overrides)
    folder = out or free_folder(RUNS, recipe.name)
    ranks = start(recipe.fit.device)
    console = console if console and ranks is None else Console(quiet=ranks is not None and not ranks.leads)
    with place_for(ranks, folder, checkpoint_seconds) as place:
        console.print(f"[bold]{recipe.name}[/]  {recipe.about}".rstrip(), highlight=False, soft_wrap=True)
        run = fit_wanted(recipe, progress=progress_for(console), place=place, told=lambda data: _tell(data, console))
        if isinstance(place, Place):
            say_how_it_went(run, console)
            place.save(run)
            measure_and_finish(run, place, console)
    return folder


def say_how_it_went(run: Run, console: Console) -> None:
    """What was chosen on the way, and how the fit ended."""
    for note in run.notes:
        console.print(note, highlight=False, soft_wrap=True)
    history = run.history
    kept = "last weights kept" if history.best_epoch is None else f"epoch {history.best_epoch} kept"
    how = {"done": "done", "early": "stopped early", "interrupted": "interrupted"}[history.ended]
    if history.skipped_steps:
        console.print(f"{len(history.skipped_steps)} steps were not finite and not taken", highlight=False, soft_wrap=True)
    after = f"{how} after {len(history.rows)} epochs in {history.seconds:.1f} s, {kept}"
    console.print(after, highlight=False, soft_wrap=True)


def measure_and_finish(run: Run, place: Place, console: Console) -> None:
    """The held-out numbers of a run that is saved, its report with them, and where everything lies."""
    if len(run.dataset().test):
        console.print(run.evaluate(draws=run.known_recipe().evaluation_draws).table())
        place.save_findings(run)
    place.finish(run)
    lines = [f"run     {place.folder}", f"report  {place.folder / REPORT}"]
    if run.history.ended == "interrupted":
        lines.append(f"go on   {place.go_on}")
    console.print("\n".join(lines), highlight=False, soft_wrap=True)


def _tell(data: Dataset, console: Console) -> None:
    """What was made of data of one's own, before the fit."""
    if data.inferred is not None:
        console.print(data.inferred.table())
    for note in data.notes:
        console.print(note, highlight=False, soft_wrap=True, markup=False)
    if data.origin is not None:
        sizes = " / ".join(f"{len(part):,}" for part in (data.train, data.valid, data.test))
        console.print(f"{sizes} rows for train / valid / test", highlight=False, soft_wrap=True)


def evaluate_command(folder: Path, draws: int, split: str, as_json: bool, seed: int, memory: int) -> None:
    """Measure a run again."""
    run = load(folder)
    result = run.evaluate(draws=draws, split=split, seed=seed, memory=memory)
    write_evaluation(folder, result)
    if as_json:
        sys.stdout.write(json.dumps(result.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    else:
        Console().print(result.table())


def sample_command(folder: Path, n: int, out: Path | None, seed: int) -> None:
    """Draw new rows, and a picture of the likelihoods' means at the same z."""
    run = load(folder)
    mean = run.sample(n, mean=True, seed=seed)
    if not isinstance(mean, Tensor):
        target = out or folder / "samples.csv"
        check_out(target, TABLES)
        write_tables(target, [run.sample(n, seed=seed)])
        say_written(target)
        return
    picture, arrays = picture_and_arrays(out, folder / "samples.npz")
    write_npz(arrays, x=run.sample(n, seed=seed).numpy(), mean=mean.numpy())
    say_written(arrays, save_grid(picture, mean))


def reconstruct_command(folder: Path, data: str | None, n: int | None, out: Path | None, split: str) -> None:
    """Encode and decode rows of a file, all of them unless said; or some of a split. Of a table, a table of both."""
    run = load(folder)
    schema = schema_of(run)
    picture, arrays = targets(out, folder / "reconstructions.npz", is_table=schema is not None)
    rows = rows_for(run, data, split)
    say_notes(rows.notes)
    total = len(rows.split)
    places = some_places(total, n or SOME) if data is None else torch.arange(min(total, n or total))
    part = rows.split.take(places.to(rows.split.stored.device))
    back = run.reconstruct(part)
    if schema is not None:
        own = schema.decode(part.values(), part.mask)
        both = [named(own, places, "row"), named(back, places, "reconstruction")]
        say_written(*write_tables(arrays, [pairwise_rows(*both)]))
        return
    x = part.filled()
    write_npz(arrays, x=x.cpu().numpy(), reconstruction=back.numpy(), row=places.numpy())
    say_written(arrays, save_pairs(picture, x[:SOME], back[:SOME]))


def encode_command(folder: Path, data: str | None, out: Path | None, split: str) -> None:
    """Write posterior means and standard deviations of every row."""
    target = out or folder / "encodings.csv"
    write = table_writer(target)
    run = load(folder)
    rows = rows_for(run, data, split)
    say_notes(rows.notes)
    mean, sd = run.encode_with_sd(rows.split)
    write(mean.flatten(1).numpy(), sd.flatten(1).numpy(), rows.labels)
    say_written(target)


def report_command(folder: Path, out: Path | None) -> None:
    """Write the report again."""
    run = load(folder)
    say_written(run.write_report(out or folder / REPORT))


def say_written(*paths: Path) -> None:
    """A line for each file."""
    for path in paths:
        Console().print(f"wrote {path}", highlight=False, soft_wrap=True)


def say_notes(notes: Sequence[str]) -> None:
    """A line for each, where it is not taken for the answer."""
    for note in notes:
        sys.stderr.write(f"{note}\n")
