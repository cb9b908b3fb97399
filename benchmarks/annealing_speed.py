"""What annealed importance sampling costs: gradients, processor seconds and wall seconds of a path.

    python benchmarks/annealing_speed.py                       # 1,000 temperatures, 16 chains, 100 rows, 10 leapfrog steps
    python benchmarks/annealing_speed.py --temperatures 100 --leapfrog 1 10

The model is the one of `mnist-static` (50 latents, 2x200 tanh, 784 bits) with a fresh decoder, since the weights change no
speed, and rows that it drew. A line for each number of leapfrog steps. "work" is what the matrix products alone need on one
thread, measured in the same run: seconds of theirs against processor seconds of the whole say what the rest costs.
"""

import argparse
import time
from itertools import pairwise

import torch

from latentia.core import Batch
from latentia.evaluation import ais
from latentia.evaluation.draws import DEFAULT_MEMORY
from latentia.families import Bernoulli
from latentia.models import Decoded
from latentia.networks import MLP
from latentia.priors import StandardNormal

LATENTS, HIDDEN, IMAGE = 50, [200, 200], (1, 28, 28)


def decoder() -> Decoded:
    return Decoded(StandardNormal(LATENTS), MLP(LATENTS, HIDDEN, IMAGE, activation="tanh"), Bernoulli())


def seconds_of_products(n: int, repeats: int = 20) -> float:
    """Processor seconds that one gradient at n places needs for its six matrix products."""
    sizes = [LATENTS, *HIDDEN, IMAGE[1] * IMAGE[2]]
    pairs = [(torch.randn(n, a), torch.randn(b, a)) for a, b in pairwise(sizes)]
    back = [torch.randn(n, b) for b in sizes[1:]]
    for i in range(repeats + 2):
        if i == 2:
            start = time.process_time()
        for (x, w), g in zip(pairs, back, strict=True):
            torch.mm(x, w.T)
            torch.mm(g, w)
    return (time.process_time() - start) / repeats  # pyright: ignore[reportPossiblyUnboundVariable]  set at the third turn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--temperatures", type=int, default=1000)
    parser.add_argument("--chains", type=int, default=16)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--leapfrog", type=int, nargs="+", default=[10])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", type=int, default=DEFAULT_MEMORY, help="bytes that chains may take at once")
    options = parser.parse_args()

    torch.manual_seed(0)
    model = decoder()
    batch = Batch(model.sample(options.rows), torch.arange(options.rows), options.rows)
    torch.set_num_threads(1)
    products = seconds_of_products(options.rows * options.chains)
    torch.set_num_threads(options.threads)
    print(f"{options.temperatures} temperatures, {options.chains} chains, {options.rows} rows, {options.threads} threads")
    print("leapfrog  gradients   work s    CPU s  CPU/work   wall s  accepted     bound")
    for leapfrog in options.leapfrog:
        wall, cpu = time.perf_counter(), time.process_time()
        found = ais(model, batch, options.temperatures, options.chains, leapfrog=leapfrog, memory=options.memory)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        gradients = (options.temperatures - 1) * leapfrog + 1
        work, accepted = gradients * products, float(found.acceptance.mean())
        print(
            f"{leapfrog:8}{gradients:11,}{work:9.1f}{cpu:9.1f}{cpu / work:10.2f}{wall:9.1f}{accepted:10.2f}"
            f"{float(found.log_marginal.mean()):10.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
