"""What a browser must show, from torch: a few z with what is decoded there, and rows with their encodings."""

import json
from pathlib import Path
from typing import Any

import torch

from latentia.core.errors import LatentiaError
from latentia.runs import Run

TOLERANCE = 1e-4


def expected(run: Run, n: int = 6, seed: int = 0) -> dict[str, Any]:
    """Plain lists, the latents and rows flattened: what the page's back ends answer must lie within ``tolerance``.

    ``z`` (n, D), of which the first is zero, and ``x`` (n, values) decoded from them; ``rows`` (m, values), ``mean`` and
    ``sd`` (m, D) of the first test rows, or nothing of them where there are none.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        z = run.model.sample_prior(n).float().cpu()
    z[0] = 0.0
    out: dict[str, Any] = {"tolerance": TOLERANCE, "z": _lists(z), "x": _lists(run.decode(z))}
    try:
        rows = run.dataset().split("test").head(n)
    except LatentiaError:
        return out
    mean, sd = run.encode_with_sd(rows)
    return out | {"rows": _lists(rows.values()), "mean": _lists(mean), "sd": _lists(sd)}


def write_expected(run: Run, path: Path, n: int = 6) -> Path:
    """The same as a JSON file, for a test in another language."""
    path.write_text(json.dumps(expected(run, n)), encoding="utf-8")
    return path


def _lists(values: torch.Tensor) -> list[list[float]]:
    return values.flatten(1).double().tolist()
