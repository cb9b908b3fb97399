"""Two processes with one thread each against one process with two: the same network, rows and whole batch, in turn.

The network: 784-500-500-50-500-500-784, Bernoulli. A round starts each anew; of its epochs the first is left out.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys

BATCHES = (100, 512, 2048)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=20_480)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--hidden", type=int, default=500)
    parser.add_argument("--batch", type=int, nargs="*", default=BATCHES)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        return work(options)
    print(f"{'batch':>6}  {'1 x 2 threads':>18}  {'2 x 1 thread':>18}  ratio   (rows a second: median, least to most)")
    for batch in options.batch:
        one, two = [], []
        for round_ in range(options.rounds + 1):
            alone, both = once(1, 2, batch, options), once(2, 1, batch, options)
            if round_:  # the first one warms the caches
                one.append(alone)
                two.append(both)
        ratio = statistics.median(two) / statistics.median(one)
        print(f"{batch:6}  {said(one):>18}  {said(two):>18}  {ratio:.2f}", flush=True)
    return None


def once(processes: int, threads: int, batch: int, options: argparse.Namespace) -> float:
    """Rows a second of one training."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, __file__, "--work", "--rows", str(options.rows), "--epochs", str(options.epochs)]
    command += ["--hidden", str(options.hidden), "--batch", str(batch)]
    started = []
    for rank in range(processes):
        told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
        told |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": threads}
        environment = {**os.environ, "GOMP_SPINCOUNT": "1000", **{name: str(value) for name, value in told.items()}}
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
    said = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise SystemExit(1)
    return float(said[0])


def work(options: argparse.Namespace) -> None:
    """One process of one training; the first says how fast it went."""
    import torch

    from latentia.data import Dataset, Split
    from latentia.families import Bernoulli, DiagonalNormal
    from latentia.learners import Joint
    from latentia.models import Decoded
    from latentia.networks import MLP
    from latentia.posteriors import Amortized
    from latentia.priors import StandardNormal
    from latentia.training import train

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(0)
    x = (torch.rand(options.rows + 64, 784) < 0.2).to(torch.uint8)
    data = Dataset("noise", Split(x[:-64]), Split(x[-64:-32]), Split(x[-32:]))
    hidden = [options.hidden, options.hidden]
    model = Decoded(StandardNormal(50), MLP(50, hidden, 784), Bernoulli())
    learner = Joint(model, Amortized(MLP(784, hidden, 50, per_value=2), DiagonalNormal()))
    history = train(learner, data, options.epochs, options.batch[0], device="cpu")
    if os.environ["RANK"] == "0":
        print(statistics.median(row["rows_per_second"] for row in history.rows[1:] or history.rows))


def said(figures: list[float]) -> str:
    return f"{statistics.median(figures):,.0f} ({min(figures) / 1e3:.1f}-{max(figures) / 1e3:.1f}k)"


if __name__ == "__main__":
    main()
