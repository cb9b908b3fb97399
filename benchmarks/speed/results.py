"""RESULTS.md from the timings that are kept."""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed.cases import CASES
from benchmarks.speed.contestants import ENTRANTS
from benchmarks.speed.figures import SAME_BOUND, TARGETS, Timings, agree, rate, rates, share_of_peak, slope

HEAD = """# Speed beside others

Written by `python -m benchmarks.speed results` from `timings/`; not by hand. Every figure is from one run in which the
contestants of a table took turns, each in a process of its own after a warm-up; what counts is a ratio within a table. Rows
a second are of training steps by the wall clock, everything between two epochs included; compilation and first allocations
are in "warm-up". All train in fp32 by Adam (1e-3; 0.9, 0.999; 1e-8), draw a new order of rows each epoch, and start from
torch's usual random weights.
"""


def write_results(into: Path) -> str:
    """Write the page and return it."""
    kept = {name: json.loads(path.read_text()) for name in CASES if (path := into / "timings" / f"{name}.json").exists()}
    parts = [HEAD, *_targets(kept)]
    for name, case in CASES.items():
        if name in kept:
            parts += [f"## {case.title}", "", *SECTIONS[case.kind](name, kept), ""]
    parts += _machines(kept)
    page = "\n".join(parts).rstrip() + "\n"
    (into / "RESULTS.md").write_text(page)
    return page


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def span(values: Sequence[float], digits: str) -> str:
    return f"{min(values):{digits}} to {max(values):{digits}}"


def _targets(kept: Timings) -> list[str]:
    rows = []
    for target in TARGETS:
        value = target.of(kept)
        if value is None:
            met = "not measured"
        else:
            met = "met" if (value >= target.wanted if target.at_least else value <= target.wanted) else "**missed**"
        sign = ">=" if target.at_least else "<="
        rows.append([target.says, f"{sign} {target.wanted:g}", "-" if value is None else f"{value:.3g}", met])
    return ["## What was promised", "", *table(["", "wanted", "found", ""], rows), ""]


def _side_by_side(name: str, kept: Timings) -> list[str]:
    found = kept[name]["found"]
    own = rate(found.get("latentia"))
    rows = []
    for who, one in found.items():
        if who.startswith("peak"):
            continue
        middle = rate(one)
        if middle is None:
            rows.append([who, one.get("broken", "nothing measured"), "", "", "", "", ""])
            continue
        each = rates(one)
        over = "" if own is None else f"{own / middle:.2f}"
        memory = f"{one['peak_mib']:,.0f} ({one['imported_mib']:,.0f})"
        rows.append([who, f"{middle:,.0f}", span(each, ",.0f"), over, f"{one['warm']:.1f}", memory, f"{one['bound']:.2f}"])
    head = ["", "rows/s", "least to most", "Latentia is times", "warm-up s", "peak MiB (after import)", "bound after"]
    task = next(iter(found.values()))["task"]
    epochs = task["warm"] + kept[name]["rounds"] * task["turn"]
    return [
        *table(head, rows),
        "",
        f"{kept[name]['rows']}: {task['rows']:,} rows an epoch, {kept[name]['rounds']} turns of {task['turn']} after "
        f"{task['warm']}, {kept[name]['threads']} threads. Matmul route that Latentia took: "
        f"{found.get('latentia', {}).get('route', '?')}.",
        *_bounds(found, epochs * task["rows"] // task["batch"], task["check"]),
        *_peak(name, kept),
    ]


def _bounds(found: dict[str, Any], steps: int, check: int) -> list[str]:
    judged = agree(found)
    if judged is None:
        return []
    worst, near = judged
    verdict = "they agree" if near else "**they do not agree: the table compares different things**"
    out = [
        f"Bounds (nats a row, on {check} rows not trained on, after {steps:,} steps, each by its own estimator) lie within "
        f"{100 * worst:.1f} % of their median; {100 * SAME_BOUND:g} % is asked for: {verdict}."
    ]
    iwae = next(iter(found.values()))["task"]["bound"] == "iwae"
    own = [f"{who} {one['own_loss']:.2f}" for who, one in found.items() if iwae and "own_loss" in one]
    if own:
        out.append(f"pythae's loss is a weighted mean of log-weights, not the bound that it raises: {', '.join(own)}.")
    return out


def _peak(name: str, kept: Timings) -> list[str]:
    if name != "mlp-512":
        return []
    found = kept[name]["found"]
    said = [
        f"{who} {one['gflop_an_epoch'] / min(one['seconds']):,.0f} GFLOP/s (error {one['relative_error']:.0e})"
        for who in ("peak", "peak-onednn")
        if "gflop_an_epoch" in (one := found.get(who, {})) and one["seconds"]
    ]
    shares = [f"{who} {share:.2f}" for who in found if (share := _share(kept, who)) is not None]
    return [f"Matmul at its best: {', '.join(said)}. Shares of the best: {', '.join(shares)}."] if said else []


def _share(kept: Timings, who: str) -> float | None:
    return None if who.startswith("peak") else share_of_peak(kept, who)


def _until(name: str, kept: Timings) -> list[str]:
    at = kept[name]
    rows = []
    for who, runs in at["runs"].items():
        good = [run for run in runs if run.get("reached")]
        seconds = [run["seconds"] for run in good]
        said = [f"{statistics.median(seconds):.1f}", span(seconds, ".1f")] if good else ["not reached", ""]
        epochs = ", ".join(str(run["epochs"]) for run in good)
        best = max((max(value for _, value in run["trail"]) for run in runs if run.get("trail")), default=float("nan"))
        rows.append([who, *said, epochs, f"{len(good)} of {len(runs)}", f"{best:.2f}"])
    head = ["", "seconds", "least to most", "epochs", "seeds that reached it", "best seen"]
    return [
        *table(head, rows),
        "",
        "From the call of fit to the epoch's end at which the validation ELBO (10,000 rows, one draw) was first at "
        f"least {at['goal']:g}; the MLP of the first table, batch 100, {at['threads']} threads; both look at validation "
        "rows after each epoch. pythae and the first Latentia keep their rate of 1e-3; the other's KL weight rises for "
        "1,500 steps and its rate falls by a cosine over 10 epochs, which in pythae takes a scheduler and another loss.",
    ]


def _slopes(name: str, kept: Timings) -> list[str]:
    rows = []
    for by, found in kept[name]["by"].items():
        points = {int(size): statistics.median(one["seconds"]) for size, one in found["found"].items() if one["seconds"]}
        if len(points) < 2:
            continue
        each = ", ".join(f"{size:,}: {1000 * seconds:,.0f}" for size, seconds in points.items())
        ends = sorted(points)[-2:]
        last = slope({size: points[size] for size in ends})
        rows.append([by, f"{slope(points):.2f}", f"{last:.2f}", each])
    head = ["cost against", "slope", "of the last two", "milliseconds an epoch"]
    return [*table(head, rows), "", "Slope of log seconds against log size: 1 is in proportion, 0 is free."]


def _startup(name: str, kept: Timings) -> list[str]:
    rows = []
    for command, seconds in kept[name]["seconds"].items():
        if seconds:
            rows.append([f"`{command}`", f"{statistics.median(seconds):.2f}", span(seconds, ".2f")])
        else:
            rows.append([f"`{command}`", kept[name]["broken"].get(command, "-").splitlines()[-1], ""])
    return table(["", "seconds", "least to most"], rows)


def _estimate(name: str, kept: Timings) -> list[str]:
    at = kept[name]
    if "broken" in at:
        return [at["broken"]]
    each = 1e6 * at["seconds"] / (at["draws"] * at["rows"])
    return [
        f"{at['draws']:,} draws x {at['rows']:,} images in {at['seconds']:,.0f} s ({each:.2f} us a draw of a row), peak "
        f"{at['peak_mib']:,.0f} MiB ({at['before_mib']:,.0f} before); {at['threads']} threads. log p(x) {at['log_px']:.2f}, "
        f"ELBO {at['elbo']:.2f} nats after one epoch."
    ]


SECTIONS = {
    "side by side": _side_by_side,
    "until": _until,
    "slopes": _slopes,
    "startup": _startup,
    "estimate": _estimate,
}


def _machines(kept: Timings) -> list[str]:
    out = ["## Who took part, where, with what", "", *(f"- {name}: {one.says}" for name, one in ENTRANTS.items()), ""]
    same: dict[str, list[str]] = {}
    for name, found in kept.items():
        about = found["about"]
        m = about["machine"]
        versions = ", ".join(f"{package} {version}" for package, version in m["versions"].items())
        said = (
            f"{m['processor']}, {m['cores']} cores, {m['memory_gib']} GiB; {m['system']}; Python {m['python']}; {versions}; "
            f"{m['day']}, commit {m['commit']}" + ("; **small: these figures mean nothing**" if about["small"] else "")
        )
        same.setdefault(said, []).append(f"{name} ({about['seconds'] / 60:.1f} min, load before {m['load_before']})")
    return out + [f"- {', '.join(names)}: {said}." for said, names in same.items()]
