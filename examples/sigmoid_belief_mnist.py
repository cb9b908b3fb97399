"""Sigmoid belief networks on static MNIST: every discrete gradient on one layer, and four ways to learn three.

    python examples/sigmoid_belief_mnist.py runs/sbn --steps 200000
    python examples/sigmoid_belief_mnist.py runs/sbn --only linear/nvil linear/rebar deep

linear: 200 bits under a linear decoder and a linear encoder, the ELBO by each gradient that takes bits (as Tucker et al.
2017, REBAR, and Grathwohl et al. 2018, Backpropagation through the Void, compare them); each with the draws that it needs.
deep: 200-200-200 bits, by wake-sleep, reweighted wake-sleep (Bornschein & Bengio 2015) and the importance-weighted bound
with leave-one-out (Mnih & Rezende 2016, VIMCO). Batches of 100, Adam; every method sees the same batches in the same order.

Leaves curves.csv (a row every --every steps, written as it comes), table.md and curves.svg in the folder it is given.
"""

import argparse
import csv
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import torch

from latentia import Iwae, Layered, SigmoidBeliefNetwork, load_data
from latentia.bounds import Elbo
from latentia.core import Batch
from latentia.data import Dataset, Split
from latentia.evaluation import quiet, some_rows
from latentia.evaluation.draws import row_totals
from latentia.gradients import GRADIENTS, LeaveOneOut
from latentia.learners import Joint, Learner, LearningRate, ReweightedWakeSleep, WakeSleep
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior
from latentia.recipe import Recipe, build_gradient
from latentia.report.log_chart import COLOURS, STYLE
from latentia.report.markup import Markup, join, tag
from latentia.report.svg import frame, line, padded, segment, standalone, svg, text, x_axis, y_axis

BATCH, WIDTH = 100, 200
Maker = Callable[[GenerativeModel, Posterior, LearningRate], Learner]


class Method(NamedTuple):
    """How many layers, how many draws a row and step, and the learner."""

    layers: int
    draws: int
    make: Maker


class Point(NamedTuple):
    """One row of curves.csv. Nats a row; seconds are of training alone.

    ``train_bound`` is what the method raises (or, of wake-sleep, logs), with its own draws, averaged over the steps since
    the last row; both ELBOs take one draw a row, of 1,000 training rows and of all validation rows.
    """

    method: str
    draws: int
    step: int
    seconds: float
    train_bound: float
    train_elbo: float
    valid_elbo: float


def methods(x_shape: Sequence[int]) -> dict[str, Method]:
    """By name; gradients that are not there are left out."""
    draws = {"score-function": 1, "nvil": 1, "leave-one-out": 2, "relaxed": 1, "rebar": 1, "relax": 1}
    out = {f"linear/{name}": Method(1, k, by_gradient(name, k, x_shape)) for name, k in draws.items() if name in GRADIENTS}
    out["deep/wake-sleep"] = Method(3, 1, lambda p, q, lr: WakeSleep(p, q, lr=lr))
    for k in (5, 10):
        out[f"deep/reweighted-{k}"] = Method(3, k, lambda p, q, lr, k=k: ReweightedWakeSleep(p, q, k, lr=lr))
    for k in (5, 10):
        out[f"deep/vimco-{k}"] = Method(3, k, lambda p, q, lr, k=k: Joint(p, q, Iwae(), LeaveOneOut(), k, lr=lr))
    return out


def by_gradient(name: str, draws: int, x_shape: Sequence[int]) -> Maker:
    """The ELBO by a gradient of the registry."""

    def make(model: GenerativeModel, posterior: Posterior, lr: LearningRate) -> Learner:
        gradient = build_gradient(Recipe(gradient={"name": name}), tuple(x_shape), tuple(model.z_shape))
        return Joint(model, posterior, Elbo(), gradient, draws, lr=lr)

    return make


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="a folder")
    parser.add_argument("--only", nargs="+", default=["linear", "deep"], help="names, or what they begin with")
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--every", type=int, default=1000, help="steps between two rows of curves.csv")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--decay", action="store_true", help="let the rate fall to zero along a cosine")
    parser.add_argument("--test-rows", type=int, default=1000)
    parser.add_argument("--test-draws", type=int, default=500)
    parser.add_argument("--data", default="binarized_mnist")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()

    data = load_data(options.data).to(options.device)
    known = methods(data.x_shape)
    chosen = {name: method for name, method in known.items() if any(name.startswith(word) for word in options.only)}
    if not chosen:
        parser.error(f"--only {' '.join(options.only)} names nothing; known: {' '.join(known)}")
    options.out.mkdir(parents=True, exist_ok=True)
    curves: list[Point] = []
    lines = [
        f"| method, {options.steps:,} steps at rate {options.lr:g}{', falling' * options.decay} | draws | ms a step "
        "| training bound | validation ELBO | test ELBO "
        f"| test log p(x), {options.test_draws} draws, {options.test_rows} rows |",
        "| --- " * 7 + "|",
    ]
    print("\n".join(lines))
    with (options.out / "curves.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerow(Point._fields)
        for name, method in chosen.items():
            points, model, posterior = trained(name, method, data, options, file)
            elbo, log_px = held_out(model, posterior, some_rows(data.test, options.test_rows), options.test_draws)
            last, cost = points[-1], 1000 * points[-1].seconds / options.steps
            found = " | ".join(f"{value:.2f}" for value in (cost, last.train_bound, last.valid_elbo, elbo, log_px))
            lines.append(f"| {name} | {method.draws} | {found} |")
            print(lines[-1], flush=True)
            curves += points
            (options.out / "table.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
            (options.out / "curves.svg").write_text(picture(curves), encoding="utf-8")


def trained(
    name: str, method: Method, data: Dataset, options: argparse.Namespace, file: IO[str]
) -> tuple[list[Point], GenerativeModel, Posterior]:
    """A fresh network at the end of its training, and the curve that led there."""
    torch.manual_seed(options.seed)
    layers = [WIDTH] * method.layers
    model, posterior = SigmoidBeliefNetwork(data.x_shape, layers), Layered(data.x_shape, layers)
    some = data.train.head(10_000).values()
    for part in (model.to(some.device), posterior.to(some.device)):
        part.start_at(some)
    learner = method.make(model, posterior, LearningRate(options.lr, total=options.steps if options.decay else 0))
    learner.modules.to(some.device)
    batches, sample = endless(data.train, options.seed), some_rows(data.train, 1000)
    points: list[Point] = []
    seconds, began, total, since = 0.0, time.perf_counter(), torch.zeros((), device=some.device), 0
    for step in range(1, options.steps + 1):
        total, since = total + learner.step(next(batches))["bound"], since + 1
        if step % options.every and step != options.steps:
            continue
        bound = float(total) / since  # the one sync, which also ends the time of these steps
        seconds += time.perf_counter() - began
        ends = (one_draw_elbo(model, posterior, split) for split in (sample, data.valid))
        points.append(Point(name, method.draws, step, seconds, bound, *ends))
        csv.writer(file).writerow(points[-1])
        file.flush()
        began, total, since = time.perf_counter(), torch.zeros_like(total), 0
    return points, model, posterior


def endless(split: Split, seed: int) -> Iterator[Batch]:
    """Batches of the split in a new order each pass; the same for every method. The rest of a pass is left for the next."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        for batch in split.batches(BATCH, shuffle=True, generator=generator):
            if len(batch.x) == BATCH:
                yield batch


def one_draw_elbo(model: GenerativeModel, posterior: Posterior, split: Split) -> float:
    """Nats a row, from the same noise at every call."""
    with quiet(model, posterior, seed=0):
        return float(row_totals(model, posterior, split, 1).elbo.mean())


def held_out(model: GenerativeModel, posterior: Posterior, split: Split, draws: int) -> tuple[float, float]:
    """The ELBO, and the importance-weighted log p(x); nats a row."""
    with quiet(model, posterior, seed=0):
        totals = row_totals(model, posterior, split, draws)
    return float(totals.elbo.mean()), float(totals.log_px.mean())


def picture(curves: Sequence[Point]) -> Markup:
    """Validation ELBO against steps and against seconds, a row of panels for each kind of network."""
    kinds = list(dict.fromkeys(point.method.split("/")[0] for point in curves))
    panels = []
    for row, kind in enumerate(kinds):
        own: dict[str, list[Point]] = {}
        for point in curves:
            if point.method.startswith(kind + "/"):
                own.setdefault(point.method, []).append(point)
        for column, x in enumerate(("step", "seconds")):
            panels.append(tag("g", {"transform": f"translate({column * 380} {row * 300})"}, panel(own, x, kind)))
        names = [text(770, row * 300 + 60 + 18 * i, name, css=f"key c{i % len(COLOURS)}") for i, name in enumerate(own)]
        panels += names
    whole = frame(960, 300 * max(1, len(kinds)), (0.0, 1.0), (0.0, 1.0), margins=(0.0, 0.0, 0.0, 0.0))
    colours = "".join(f".c{i} {{ stroke: {c} }} .key.c{i} {{ fill: {c}; stroke: none }}" for i, c in enumerate(COLOURS))
    return standalone(svg(whole, "validation ELBO in training", *panels), STYLE + colours)


def panel(methods: dict[str, list[Point]], x: str, kind: str) -> Markup:
    """One line a method. The first twentieth of a training would press all that follows together."""
    shown = {name: [p for p in points if p.step * 20 >= points[-1].step] for name, points in methods.items()}
    every = [p for points in shown.values() for p in points]
    across, up = padded(getattr(p, x) for p in every), padded(p.valid_elbo for p in every)
    f = frame(380, 300, across, up, margins=(40.0, 16.0, 48.0, 64.0))
    lines = [
        line((f.at(getattr(p, x), p.valid_elbo) for p in points), css=f"line c{i % len(COLOURS)}", title=name)
        for i, (name, points) in enumerate(shown.items())
    ]
    title = text(f.x.start, 18, f"{kind}: validation ELBO, nats a row", css="title")
    foot = text((f.x.start + f.x.end) / 2, f.y.start + 38, {"step": "steps", "seconds": "seconds"}[x], anchor="middle")
    return join(title, y_axis(f), *lines, x_axis(f, 4), segment((f.x.start, f.y.start), (f.x.end, f.y.start), "axis"), foot)


if __name__ == "__main__":
    main()
