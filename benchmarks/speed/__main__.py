"""``python -m benchmarks.speed all``: time, keep the timings as JSON, and write the results from all that is kept.

A case's timings stay where they are until that case is run again, so that a run that was broken off is gone on with by
naming the cases that are left, and ``results`` writes the page again without timing anything.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from benchmarks.speed.cases import CASES, Options
from benchmarks.speed.machine import machine
from benchmarks.speed.results import write_results

HERE = Path(__file__).parents[1]


def main() -> None:
    lines = [f"  {name:9s} {case.title}, about {case.minutes:g} min" for name, case in CASES.items()]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=__doc__,
        epilog="cases:\n" + "\n".join(lines) + f"\n  all       about {sum(c.minutes for c in CASES.values()):g} min",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="+", choices=[*CASES, "all", "missing", "results"], metavar="CASE|all|missing|results")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contestant after its warm-up")
    parser.add_argument("--threads", type=int, default=2, help="for each contestant")
    parser.add_argument("--small", action="store_true", help="see that it runs; goes into a folder of its own")
    parser.add_argument("--into", type=Path, help="folder of timings/ and RESULTS.md; benchmarks/ unless said")
    options = parser.parse_args()
    into = options.into or (HERE / "small" if options.small else HERE)
    timings = into / "timings"
    timings.mkdir(parents=True, exist_ok=True)
    names = [name for name in CASES if name in options.what or "all" in options.what]
    if "missing" in options.what:
        names += [name for name in CASES if name not in names and not (timings / f"{name}.json").exists()]
    for name in names:
        print(f"{name}: {CASES[name].title}", file=sys.stderr, flush=True)
        began = time.perf_counter()
        found = CASES[name].measure(Options(options.rounds, options.threads, options.small))
        about = {"machine": machine(), "small": options.small, "seconds": time.perf_counter() - began}
        (timings / f"{name}.json").write_text(json.dumps({"about": about} | found, indent=1) + "\n")
        write_results(into)
    print(write_results(into))


if __name__ == "__main__":
    main()
