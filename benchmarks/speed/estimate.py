"""Seconds and memory of the importance-weighted estimate of log p(x): 5,000 draws, 10,000 images, 2 x 200 tanh network."""

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

from benchmarks.speed.harness import ROOT, environment
from benchmarks.speed.task import Task

DRAWS, ROWS = 5_000, 10_000
TASK = Task("mlp", batch=100, rows=50_000, hidden=(200, 200), activation="tanh")


def measure_estimate(options: Any, draws: int = DRAWS, rows: int = ROWS) -> dict[str, Any]:
    """In a process of its own, after one epoch of training; a small one has a hundredth of the rows and of the draws."""
    draws, rows = (draws // 50, rows // 50) if options.small else (draws, rows)
    command = [sys.executable, "-m", "benchmarks.speed.estimate", "--draws", str(draws), "--rows", str(rows)]
    done = subprocess.run(command, cwd=ROOT, env=environment(options.threads), capture_output=True, text=True, check=False)
    if done.returncode:
        return {"threads": options.threads, "broken": done.stderr[-300:]}
    answer = json.loads(done.stdout.splitlines()[-1])
    print(f"  {answer}", file=sys.stderr, flush=True)
    return {"threads": options.threads, "task": TASK.as_json()} | answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--route", choices=("", "onednn"), default="", help="of matmul, set by hand")
    options = parser.parse_args()
    import latentia as la
    from benchmarks.speed import routes
    from benchmarks.speed.contestants.latentia_parts import parts_for

    routes.take(options.route)
    data = la.load_data("binarized_mnist", flatten=True)
    run = la.fit(*parts_for(TASK), data, epochs=1, batch_size=TASK.batch, device="cpu", progress=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    some = replace(data, test=data.test.head(options.rows))
    began = time.perf_counter()
    found = run.evaluate(draws=options.draws, data=some)
    print(
        json.dumps(
            {
                "draws": options.draws,
                "rows": options.rows,
                "seconds": time.perf_counter() - began,
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
                "before_mib": before,
                "log_px": found.log_px.value,
                "elbo": found.elbo.value,
            }
        )
    )


if __name__ == "__main__":
    main()
