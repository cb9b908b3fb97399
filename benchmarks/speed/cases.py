"""The comparisons: who takes part in which, on what, and how small they can be made to see whether they run."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from benchmarks.speed.estimate import measure_estimate
from benchmarks.speed.harness import Entry, compete
from benchmarks.speed.startup import measure_startup
from benchmarks.speed.task import Task
from benchmarks.speed.until import measure_until


class Options(NamedTuple):
    """How a case is run.

    Attributes:
        rounds: turns that each contestant takes after its warm-up.
        threads: for each.
        small: as little as shows that it runs; the figures mean nothing.
    """

    rounds: int = 5
    threads: int = 2
    small: bool = False


class Case(NamedTuple):
    """One file of timings, one section of the results.

    Attributes:
        kind: of section.
        title: of it.
        measure: makes what is kept.
        minutes: about, on two quiet cores.
    """

    kind: str
    title: str
    measure: Callable[[Options], dict[str, Any]]
    minutes: float


TORCH = ("latentia", "latentia-onednn", "latentia-compiled", "bare", "bare-onednn")
ALL = (*TORCH, "pythae", "pythae-tuned", "pyro", "pyro-tuned", "numpyro")

MLP_100 = Task("mlp", batch=100, rows=20_000)
MLP_512 = Task("mlp", batch=512, rows=20_480)
CONV = Task("conv", batch=128, rows=10_240, latents=32)
LSTM = Task("lstm", batch=64, rows=5_120, latents=32, check=256)
IWAE_5 = Task("mlp", batch=100, rows=10_000, hidden=(200, 200), activation="tanh", bound="iwae", draws=5, check=500)
IWAE_50 = replace(IWAE_5, draws=50, rows=2_000)

# Sizes at which Latentia alone is timed, a factor of four between neighbours, and how each makes a task.
SLOPES: dict[str, tuple[tuple[int, ...], Callable[[int], Task]]] = {
    "rows": ((2_500, 10_000, 40_000), lambda n: replace(MLP_100, rows=n)),
    "latents": ((16, 64, 256, 1024), lambda n: replace(MLP_100, rows=5_000, latents=n)),
    "draws": ((1, 4, 16, 64), lambda n: replace(IWAE_5, rows=1_000, draws=n)),
    "width": ((128, 512, 2048), lambda n: replace(MLP_100, rows=2_500, hidden=(n, n))),
}


def side_by_side(task: Task, names: tuple[str, ...]) -> Callable[[Options], dict[str, Any]]:
    """The same task for all."""

    def measure(options: Options) -> dict[str, Any]:
        at = smaller(task) if options.small else task
        return compete({name: Entry(name, at) for name in names}, options.rounds, options.threads)

    return measure


def slopes(options: Options) -> dict[str, Any]:
    """Latentia at each size, the sizes in turn."""
    out: dict[str, Any] = {}
    for name, (sizes, task_at) in SLOPES.items():
        sizes = sizes[:2] if options.small else sizes
        tasks = {size: smaller(task_at(size)) if options.small and name != "rows" else task_at(size) for size in sizes}
        entries = {str(size): Entry("latentia", task) for size, task in tasks.items()}
        out[name] = compete(entries, min(3, options.rounds), options.threads)
    return {"rounds": min(3, options.rounds), "threads": options.threads, "by": out}


def smaller(task: Task) -> Task:
    """A few batches of it."""
    return replace(task, rows=4 * task.batch, check=100)


CASES: Mapping[str, Case] = {
    "mlp-100": Case("side by side", "MLP VAE 784-500-500-50, ReLU, batch 100", side_by_side(MLP_100, ALL), 5),
    "mlp-512": Case("side by side", "The same, batch 512", side_by_side(MLP_512, (*ALL, "peak", "peak-onednn")), 4),
    "conv": Case("side by side", "Convolutional VAE 32-64-64, 32 latents, batch 128", side_by_side(CONV, ALL), 5),
    "lstm": Case("side by side", "LSTM sentence VAE, 20 words out of 2,000, batch 64", side_by_side(LSTM, TORCH), 4),
    "iwae-5": Case(
        "side by side", "IWAE, 5 draws, 784-200-200-50, tanh, batch 100", side_by_side(IWAE_5, (*ALL, "latentia-dreg")), 5
    ),
    "iwae-50": Case("side by side", "IWAE, 50 draws", side_by_side(IWAE_50, (*ALL, "latentia-dreg")), 6),
    "until": Case("until", "Static MNIST to a validation ELBO of -102", measure_until, 8),
    "slopes": Case("slopes", "Latentia's cost against sizes", slopes, 6),
    "startup": Case("startup", "Start", measure_startup, 2),
    "estimate": Case("estimate", "Importance-weighted estimate of log p(x)", measure_estimate, 10),
}
