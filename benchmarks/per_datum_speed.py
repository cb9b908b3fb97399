"""What a search for each row's own variational parameters costs: 1,000 rows of static MNIST, 100 steps.

    python benchmarks/per_datum_speed.py
    python benchmarks/per_datum_speed.py --draws 1 8

The model is the one of `mnist-static` (50 latents, 2x200 tanh) with a fresh decoder, as the weights change no speed; the
rows are the first of the test split, or random bits where that is not at hand. A line for each number of draws a step.
"work" is what the matrix products alone need on one thread in the same run.
"""

import argparse
import time
from itertools import pairwise

import torch
from torch import Tensor

from latentia import load_data
from latentia.core import Batch
from latentia.core.errors import DataError
from latentia.families import Bernoulli, DiagonalNormal
from latentia.models import Decoded
from latentia.networks import MLP
from latentia.posteriors import optimize_rows
from latentia.priors import StandardNormal

LATENTS, HIDDEN, IMAGE = 50, [200, 200], (1, 28, 28)


def images(n: int) -> Tensor:
    """(n, 1, 28, 28) bits."""
    try:
        return load_data("binarized_mnist", binarize="none").test.values()[:n].float().reshape(-1, *IMAGE)
    except DataError:
        return (torch.rand(n, *IMAGE) < 0.13).float()


def seconds_of_products(n: int, repeats: int = 5) -> float:
    """Processor seconds that one step at n places needs for its six matrix products."""
    sizes = [LATENTS, *HIDDEN, IMAGE[1] * IMAGE[2]]
    triples = [(torch.randn(n, a), torch.randn(b, a), torch.randn(n, b)) for a, b in pairwise(sizes)]
    start = time.process_time()
    for i in range(repeats + 1):
        if i == 1:  # the first warms up
            start = time.process_time()
        for x, weight, slope in triples:
            torch.mm(x, weight.T)
            torch.mm(slope, weight)
    return (time.process_time() - start) / repeats


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--draws", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    torch.manual_seed(0)
    model = Decoded(StandardNormal(LATENTS), MLP(LATENTS, HIDDEN, IMAGE, activation="tanh"), Bernoulli())
    x = images(options.rows)
    model.start_at(x)
    batch = Batch(x, torch.arange(len(x)), len(x))
    raw = torch.zeros(len(x), 2, LATENTS)
    print(f"{len(x)} rows, {options.steps} steps, {options.threads} threads")
    print("draws   work s    CPU s  CPU/work   wall s   from     to")
    for draws in options.draws:
        torch.set_num_threads(1)
        work = options.steps * seconds_of_products(len(x) * draws)
        torch.set_num_threads(options.threads)
        wall, cpu = time.perf_counter(), time.process_time()
        found = optimize_rows(model, DiagonalNormal(), raw, batch, steps=options.steps, rounds=1, draws=draws)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        start, end = float(found.start.mean()), float(found.elbo.mean())
        print(f"{draws:5}{work:9.1f}{cpu:9.1f}{cpu / work:10.2f}{wall:9.1f}{start:9.1f}{end:9.1f}", flush=True)


if __name__ == "__main__":
    main()
