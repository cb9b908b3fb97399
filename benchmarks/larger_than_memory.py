"""Rows that stay on disk against rows in memory: the training rate of one network, and what memory it takes, in turn.

A file of ``--gib`` GiB (a few thousand different rows, repeated) is trained from disk, a smaller file of the same rows from
memory; each in its own process, one after the other, ``--rounds`` times. The network is the MLP VAE of NUMBERS.md,
784-500-500-50-500-500-784. The clock runs over the steps alone: the first look at a file, which reads all of it, is told
beside.

    python benchmarks/larger_than_memory.py --gib 20 --kinds uint8 float32 parquet
"""

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

VALUES, LATENTS, HIDDEN = 784, 50, [500, 500]
PATTERN, RESIDENT_ROWS = 8192, 40_000
GIB = 1 << 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gib", type=float, default=1.0)
    parser.add_argument("--parquet-gib", type=float, help="of a Parquet file once decoded (4 bytes a value); as --gib")
    parser.add_argument("--kinds", nargs="+", default=["uint8", "float32", "parquet"])
    parser.add_argument("--steps", type=int, default=3500, help="more than a filling of the buffer holds")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--buffer", type=int, help="MiB; the library's own unless said")
    parser.add_argument("--folder", type=Path, help="where to make the files; a temporary one unless said")
    parser.add_argument("--one", nargs=2, metavar=("FILE", "STREAM"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(train(Path(options.one[0]), options.one[1], options)))
        return
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        for kind in options.kinds:
            compare(kind, folder, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def compare(kind: str, folder: Path, options: argparse.Namespace) -> None:
    suffix = "parquet" if kind == "parquet" else "npy"
    big, small = folder / f"big.{suffix}", folder / f"small.{suffix}"
    gib = options.parquet_gib or options.gib if kind == "parquet" else options.gib
    n = int(gib * GIB / (VALUES * (1 if kind == "uint8" else 4)))
    free = shutil.disk_usage(folder).free
    if free < 1.2 * gib * GIB:
        sys.exit(f"{folder} has {free / GIB:.1f} GiB free, {kind} wants {1.2 * gib:.1f}; say --folder, or a smaller --gib.")
    make(kind, big, max(n, PATTERN))
    make(kind, small, RESIDENT_ROWS)
    found: dict[str, list[dict[str, float]]] = {"always": [], "never": []}
    for _ in range(options.rounds):
        for stream, path in (("always", big), ("never", small)):
            found[stream].append(alone(path, stream, options))
    rate = {stream: statistics.median(one["rows_per_second"] for one in each) for stream, each in found.items()}
    peak = {stream: max(one["peak_mib"] for one in each) for stream, each in found.items()}
    first = statistics.median(one["first_look"] for one in found["always"])
    size = big.stat().st_size / GIB
    print(
        f"{kind:8} {n:11,} rows, {size:5.1f} GiB: from disk {rate['always']:8,.0f} rows/s within {peak['always']:6,.0f} MiB"
        f", in memory {rate['never']:8,.0f} rows/s ({RESIDENT_ROWS:,} rows, {peak['never']:,.0f} MiB); ratio "
        f"{rate['always'] / rate['never']:.2f}; before the first step {first:.0f} s",
        flush=True,
    )
    work = {s: statistics.median(one["rows_per_processor_second"] for one in each) for s, each in found.items()}
    print(
        f"         rows a second of processor time: from disk {work['always']:,.0f}, in memory {work['never']:,.0f}"
        f"; ratio {work['always'] / work['never']:.2f}",
        flush=True,
    )
    spread = {s: [round(one["rows_per_second"]) for one in each] for s, each in found.items()}
    print(f"         rounds: from disk {spread['always']}, in memory {spread['never']}", flush=True)
    for path in (big, small):
        path.unlink()


def make(kind: str, path: Path, n: int) -> None:
    """A file of n rows: Bernoulli rows of a few classes, repeated."""
    rng = np.random.default_rng(0)
    chances = rng.beta(0.3, 1.0, (10, VALUES))
    some = chances[rng.integers(0, 10, PATTERN)]
    if kind == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        bits = (rng.random(some.shape) < some).astype(np.int8)
        table = pa.table({f"p{i}": bits[:, i] for i in range(VALUES)})
        with pq.ParquetWriter(path, table.schema) as writer:
            for start in range(0, n, PATTERN):
                writer.write_table(table[: min(PATTERN, n - start)])
        return
    dtype = np.dtype(kind)
    rows = (some * 255).astype(dtype) if dtype == np.uint8 else some.astype(dtype)
    header = {"descr": dtype.str, "fortran_order": False, "shape": (n, VALUES)}
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for start in range(0, n, PATTERN):
            stream.write(rows[: min(PATTERN, n - start)].tobytes())


def alone(path: Path, stream: str, options: argparse.Namespace) -> dict[str, float]:
    """One training in a process of its own."""
    said = ["--one", str(path), stream, "--steps", str(options.steps), "--batch", str(options.batch)]
    said += ["--threads", str(options.threads)] + (["--buffer", str(options.buffer)] if options.buffer else [])
    done = subprocess.run([sys.executable, __file__, *said], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def train(path: Path, stream: str, options: argparse.Namespace) -> dict[str, float]:
    """The steps of the training loop on one file: the learner's own, from batches of the data set's own."""
    import torch

    from latentia.data import read_data
    from latentia.recipe import build_bound, build_gradient, build_model, build_posterior, parse_recipe
    from latentia.runs.method import Method, learner_for

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    began = time.perf_counter()
    # The bits of greys are drawn as batches are made; a table's columns of two states are bits already.
    data = read_data(path, stream=stream, buffer=options.buffer, binarize=None if path.suffix == ".parquet" else "dynamic")
    first_look = time.perf_counter() - began
    network = {"name": "mlp", "hidden": HIDDEN, "activation": "relu"}
    recipe = parse_recipe(
        {
            "latents": LATENTS,
            "model": {"family": "bernoulli", "network": network},
            "posterior": {"network": network},
            "fit": {"batch_size": options.batch},
        },
        "the benchmark",
    )
    model = build_model(recipe.model, (VALUES,), LATENTS)
    posterior = build_posterior(recipe.posterior, model, {})
    method = Method(model, posterior, build_bound(recipe), build_gradient(recipe, (VALUES,), (LATENTS,)), 1)
    learner = learner_for(method, recipe.fit, len(data.train))
    learner.modules.train()
    order, times, spent, taken = torch.Generator().manual_seed(0), [], [], 0
    warm = max(5, options.steps // 10)
    while taken < warm + options.steps:
        batches = data.train.batches(options.batch, shuffle=True, generator=order)
        for batch in batches:
            if len(batch.x) < options.batch:
                continue
            times.append(time.perf_counter())
            spent.append(time.process_time())
            learner.step(batch)
            taken += 1
            if taken >= warm + options.steps:
                break
    seconds, of_processor = time.perf_counter() - times[warm], time.process_time() - spent[warm]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = options.batch * options.steps
    rates = {"rows_per_second": rows / seconds, "rows_per_processor_second": rows / of_processor}
    return {**rates, "peak_mib": max(peak, high_water()), "first_look": first_look}


def high_water() -> float:
    """VmHWM in MiB, where there is one."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


if __name__ == "__main__":
    main()
