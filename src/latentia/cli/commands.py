"""What the commands do, once their arguments are read."""

import json
import sys
from pathlib import Path

from rich.console import Console
from torch import Tensor

from latentia.cli.row_commands import check_out, write_tables
from latentia.cli.tables import Rows, read_rows, table_writer, write_npz
from latentia.core.errors import RunError
from latentia.data import Dataset
from latentia.evaluation import some_rows
from latentia.recipe import SIMULATED
from latentia.report import save_grid, save_pairs
from latentia.runs import (
    REPORT,
    StoppedRun,
    check_free,
    fit_recipe,
    free_folder,
    load,
    read,
    write_evaluation,
)
from latentia.training import progress_for

RUNS = Path("runs")


def fit_command(what: str, overrides: list[str], out: Path | None, console: Console | None = None) -> Path:
    """Fit, measure, save; say where everything lies, and return it."""
    recipe = read(what, overrides)
    folder = out or free_folder(RUNS, recipe.name)
    check_free(folder)
    console = console or Console()
    console.print(f"[bold]{recipe.name}[/]  {recipe.about}".rstrip(), highlight=False, soft_wrap=True)
    try:
        run = fit_recipe(recipe, progress=progress_for(console), told=lambda data: _tell(data, console))
    except StoppedRun as stopped:
        if stopped.run is None:
            raise
        stopped.run.save(folder)
        raise RunError(f"{stopped}; the best epoch before it is kept in {folder}") from None
    for note in run.notes:
        console.print(note, highlight=False, soft_wrap=True)
    history = run.history
    kept = "last weights kept" if history.best_epoch is None else f"epoch {history.best_epoch} kept"
    how = {"done": "done", "early": "stopped early", "interrupted": "interrupted"}[history.ended]
    if history.skipped_steps:
        console.print(f"{len(history.skipped_steps)} steps were not finite and not taken", highlight=False, soft_wrap=True)
    after = f"{how} after {len(history.rows)} epochs in {history.seconds:.1f} s, {kept}"
    console.print(after, highlight=False, soft_wrap=True)
    run.save(folder)
    if len(run.dataset().test):
        console.print(run.evaluate(draws=recipe.evaluation_draws).table())
        run.save_findings(folder)
    console.print(f"run     {folder}\nreport  {folder / REPORT}", highlight=False, soft_wrap=True)
    return folder


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
        check_out(target, (".csv", ".parquet"))
        write_tables(target, [run.sample(n, seed=seed)])
        _say_written(target)
        return
    target = out or folder / "samples.npz"
    write_npz(target, x=run.sample(n, seed=seed).numpy(), mean=mean.numpy())
    _say_written(target, save_grid(target.with_suffix(".png"), mean))


def reconstruct_command(folder: Path, n: int, out: Path | None, split: str) -> None:
    """Encode and decode some rows of a split."""
    run = load(folder)
    target = out or folder / "reconstructions.npz"
    rows = some_rows(run.dataset().split(split), n)
    x, back = rows.filled(), run.reconstruct(rows)
    write_npz(target, x=x.numpy(), reconstruction=back.numpy())
    _say_written(target, save_pairs(target.with_suffix(".png"), x, back))


def encode_command(folder: Path, data: str, out: Path, split: str) -> None:
    """Write posterior means and standard deviations of every row."""
    write = table_writer(out)
    run = load(folder)
    section = run.known_recipe().data
    own = section.name == data and section.path is None
    if own and data == SIMULATED:
        part = run.dataset().split(split)
        rows = Rows(part, None, [])
    else:
        rows = read_rows(data, split, section, section.binarize if own else None)
    for note in rows.notes:
        sys.stderr.write(f"{note}\n")
    mean, sd = run.encode_with_sd(rows.x)
    write(mean.flatten(1).numpy(), sd.flatten(1).numpy(), rows.labels)
    _say_written(out)


def report_command(folder: Path, out: Path | None) -> None:
    """Write the report again."""
    run = load(folder)
    _say_written(run.write_report(out or folder / REPORT))


def _say_written(*paths: Path) -> None:
    for path in paths:
        Console().print(f"wrote {path}", highlight=False, soft_wrap=True)
