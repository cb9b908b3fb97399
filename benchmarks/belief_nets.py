"""Static MNIST behind bits: every gradient past a discrete draw on one layer, and three ways to learn three layers.

    LATENTIA_DATA=... python benchmarks/belief_nets.py one-layer --out curves.csv --figure docs/images/one-layer.svg
    LATENTIA_DATA=... python benchmarks/belief_nets.py three-layers --out deep.csv --steps 20000

One layer: 200 bits, linear maps both ways, the network of Tucker et al. (2017), REBAR, and Grathwohl et al. (2018), RELAX.
Three layers: 200-200-200 bits, as in Mnih & Rezende (2016), Variational Inference for Monte Carlo Objectives, and Bornschein
& Bengio (2015), Reweighted Wake-Sleep. Adam with the rate on a cosine to 0 over the asked steps, batches of 100, one seed.
Seconds are those of the steps alone. "train" is the mean bound of the steps since the last look (nats a row; with K draws
under the importance-weighted bound it is that bound), "valid" the ELBO on 1,000 validation rows; "against" is -log p less
that of the first method, row by row on the same test rows, so that its standard error is that of a paired comparison.
"""

import argparse
import csv
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from latentia import load_data
from latentia.bounds import Elbo, Iwae
from latentia.data import Dataset
from latentia.evaluation import Figure, quick_look, quiet
from latentia.evaluation.draws import row_totals
from latentia.gradients import GRADIENTS
from latentia.learners import Joint, Learner, LearningRate, ReweightedWakeSleep, WakeSleep
from latentia.models import SigmoidBeliefNetwork
from latentia.posteriors import Layered
from latentia.report.markup import Value, tag
from latentia.report.svg import Point, frame, line, nice_ticks, padded, segment, standalone, svg, text, x_axis, y_axis

BATCH, VALID_ROWS = 100, 1000
COLOURS = ("#d55e00", "#e69f00", "#cc79a7", "#0072b2", "#56b4e9", "#009e73", "#888888", "#000000", "#f0e442")
WIDTH, HEIGHT, KEY = 400.0, 320.0, 200.0
Make = Callable[[SigmoidBeliefNetwork, Layered, LearningRate], Learner]


class Row(NamedTuple):
    """One look at a training."""

    method: str
    step: int
    seconds: float
    train: float
    valid: float


def joint(gradient: str, draws: int = 1, many: bool = False, **options: Any) -> Make:
    """Joint with a gradient by its registry's name."""

    def make(model: SigmoidBeliefNetwork, posterior: Layered, lr: LearningRate) -> Learner:
        shapes = {"nvil": ("x_shape",), "relax": ("x_shape", "z_shape")}.get(gradient, ())
        known = {name: getattr(model, name) for name in shapes}
        return Joint(model, posterior, Iwae() if many else Elbo(), GRADIENTS[gradient](**known, **options), draws, lr)

    return make


ONE_LAYER: dict[str, Make] = {
    "score function": joint("score-function"),
    "NVIL": joint("nvil"),
    "leave-one-out, K=2": joint("leave-one-out", 2),
    "leave-one-out, K=4": joint("leave-one-out", 4),
    "relaxed": joint("relaxed", temperature=0.5),
    "straight through": joint("relaxed", temperature=0.5, straight_through=True),
    "REBAR": joint("rebar"),
    "RELAX": joint("relax"),
}
THREE_LAYERS: dict[str, Make] = {
    "wake-sleep": lambda p, q, lr: WakeSleep(p, q, lr=lr),
    "reweighted wake-sleep, K=5": lambda p, q, lr: ReweightedWakeSleep(p, q, draws=5, lr=lr),
    "VIMCO, K=5": joint("leave-one-out", 5, many=True),
}
PROBLEMS: dict[str, tuple[list[int], dict[str, Make]]] = {
    "one-layer": ([200], ONE_LAYER),
    "three-layers": ([200, 200, 200], THREE_LAYERS),
}


def train(name: str, make: Make, layers: list[int], data: Dataset, steps: int, rate: float, looks: int) -> tuple[Any, ...]:
    """(model, posterior, rows of the curve)."""
    torch.manual_seed(0)
    model, posterior = SigmoidBeliefNetwork(data.x_shape, layers), Layered(data.x_shape, layers)
    x = data.split("train").values()
    model.start_at(x)
    posterior.start_at(x)
    learner = make(model, posterior, LearningRate(rate, total=steps))
    some = data.valid.head(VALID_ROWS)
    order, rows, bounds, seconds = torch.Generator().manual_seed(0), [], [], 0.0
    batches = iter(())
    for step in range(1, steps + 1):
        batch = next(batches, None)
        if batch is None:
            batches = data.train.batches(BATCH, shuffle=True, generator=order)
            batch = next(batches)
        began = time.perf_counter()
        bounds.append(learner.step(batch)["bound"])
        seconds += time.perf_counter() - began
        if step % max(1, steps // looks) == 0:
            valid = quick_look(model, posterior, some)["bound"]
            rows.append(Row(name, step, seconds, float(torch.stack(bounds).mean()), valid))
            bounds = []
    return model, posterior, rows


def picture(curves: dict[str, list[Row]]) -> str:
    """Training bound against steps, and against seconds."""
    every = [row for rows in curves.values() for row in rows]
    # What happens before the first third would press everything else against the upper edge.
    heights = padded([row.train for row in every if row.step >= every[-1].step / 3])
    drawn = []
    for i, (title, place) in enumerate({"steps": lambda r: r.step, "seconds": lambda r: r.seconds}.items()):
        f = frame(WIDTH, HEIGHT, (0.0, max(place(row) for row in every)), heights, margins=(30.0, 16.0, 48.0, 64.0))
        inside = [
            y_axis(f),
            x_axis(f, ticks=nice_ticks(f.x.low, f.x.high, 4)),
            text(f.x.start, 18, f"bound against {title}"),
        ]
        for colour, (name, rows) in zip(COLOURS, curves.items(), strict=False):
            points: list[Point] = [f.at(place(row), row.train) for row in rows if f.y.inside(row.train)]
            group: dict[str, Value] = {"stroke": colour, "fill": "none", "stroke-width": 2}
            inside.append(tag("g", group, line(points, "line", title=name)))
        drawn.append(tag("g", {"transform": f"translate({i * WIDTH} 0)"}, *inside))
    key = []
    for i, (colour, name) in enumerate(zip(COLOURS, curves, strict=False)):
        y, left = 40.0 + 20 * i, 2 * WIDTH
        stroke: dict[str, Value] = {"stroke": colour, "stroke-width": 2}
        key.append(tag("g", stroke, segment((left, y - 4), (left + 18, y - 4), "line")))
        key.append(text(left + 24, y, name))
    whole = frame(2 * WIDTH + KEY, HEIGHT, (0.0, 1.0), (0.0, 1.0), margins=(0.0, 0.0, 0.0, 0.0))
    return standalone(svg(whole, "Bounds against steps and seconds", *drawn, *key))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problem", choices=list(PROBLEMS))
    parser.add_argument("--steps", type=int, default=12_000)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--looks", type=int, default=24)
    parser.add_argument("--only", nargs="+", help="some of the methods, by name")
    parser.add_argument("--draws", type=int, default=1000, help="draws a test row for the importance-weighted -log p")
    parser.add_argument("--test-rows", type=int, default=1000)
    parser.add_argument("--out", type=Path, help="where the curves go (.csv)")
    parser.add_argument("--figure", type=Path, help="where the picture goes (.svg)")
    options = parser.parse_args(arguments)
    layers, methods = PROBLEMS[options.problem]
    data = load_data("binarized_mnist", binarize="none")
    order = torch.randperm(len(data.test), generator=torch.Generator().manual_seed(0))
    test = data.test.take(order[: options.test_rows])
    print(f"{layers} bits, {options.steps} steps of {BATCH} rows, rate {options.rate:g}, {torch.get_num_threads()} threads")
    print(f"-log p: {len(test)} test rows, {options.draws} draws\n")
    print("| method | train bound | valid ELBO | test ELBO | test -log p | against | ms a step | seconds |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    curves: dict[str, list[Row]] = {}
    first = None
    for name, make in methods.items():
        if options.only and name not in options.only:
            continue
        model, posterior, curves[name] = train(name, make, layers, data, options.steps, options.rate, options.looks)
        last = curves[name][-1]
        with quiet(model, posterior, seed=0):
            found = row_totals(model, posterior, test, options.draws)
        first = found.log_px if first is None else first
        log_p, against = (
            f"{figure.value:.2f} ± {figure.error:.2f}" for figure in map(Figure.of, (-found.log_px, first - found.log_px))
        )
        print(
            f"| {name} | {last.train:.2f} | {last.valid:.2f} | {Figure.of(found.elbo).value:.2f} | {log_p} | {against} | "
            f"{1e3 * last.seconds / options.steps:.1f} | {last.seconds:.0f} |",
            flush=True,
        )
        if options.out:
            with options.out.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([Row._fields, *(row for rows in curves.values() for row in rows)])
    if options.figure:
        options.figure.write_text(picture(curves), encoding="utf-8")


if __name__ == "__main__":
    main()
