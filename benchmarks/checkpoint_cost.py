"""What it costs that a fit survives: a step's share, a checkpoint's, and a whole fit with and without a folder, in turn."""

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import torch

from latentia.runs import Place, fit_wanted, read
from latentia.runs.checkpoints import SECONDS, Checkpoints
from latentia.runs.signals import Signals
from latentia.training import Checkpoint


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", nargs="?", default="digits")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--checkpoint-seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    recipe = read(options.recipe, [f"epochs={options.epochs}"])
    folder = Path(tempfile.mkdtemp()) / "run"
    print(f"asked after each step   {1e6 * asking(folder):10.2f} us")
    fit_wanted(recipe, progress=False)  # imports and caches
    costs: list[tuple[float, int]] = []
    bare, kept = [], []
    for _ in range(options.turns):
        bare.append(spent(lambda: fit_wanted(recipe, progress=False)))
        with Place(folder, options.checkpoint_seconds) as place:
            timed(place.keeper, costs)
            kept.append(spent(lambda place=place: fit_wanted(recipe, progress=False, place=place)))
        shutil.rmtree(folder, ignore_errors=True)
    if costs:
        took, size = statistics.median(one for one, _ in costs), max(size for _, size in costs)
        print(f"a checkpoint            {1e3 * took:10.1f} ms, {size / 2**20:.1f} MiB, {len(costs)} written")
    more = 100 * (statistics.median(k / b for k, b in zip(kept, bare, strict=True)) - 1)
    print(f"a fit without a folder  {statistics.median(bare):10.2f} s of the processor")
    print(f"with one                {statistics.median(kept):10.2f} s, {more:+.1f} % (median of {options.turns} pairs)")


def asking(folder: Path, times: int = 200_000) -> float:
    """Seconds that a step pays where nothing is due."""
    keeper = Checkpoints(folder, SECONDS, Signals())

    def ask() -> None:
        for _ in range(times):
            keeper.hold()
            keeper.release()
            keeper.due()

    return spent(ask) / times


def timed(keeper: Checkpoints, costs: list[tuple[float, int]]) -> None:
    """Let a keeper note what each checkpoint took, and its bytes."""
    keep = keeper.keep

    def noted(checkpoint: Checkpoint, step: int) -> None:
        began = time.perf_counter()
        keep(checkpoint, step)
        costs.append((time.perf_counter() - began, max(path.stat().st_size for path in keeper.folder.iterdir())))

    keeper.keep = noted


def spent(work) -> float:
    """Seconds of the processor."""
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    main()
