"""What a page says of each latent: how much it carries, and how far its slider goes."""

from math import inf, isfinite
from typing import Any, Literal

import numpy as np
import torch

from latentia.core.errors import LatentiaError
from latentia.distributions import Columns, discrete_columns, per_latent
from latentia.evaluation import ACTIVE_VARIANCE, quiet
from latentia.report.probe import are_shares, is_continuous, prior_scale
from latentia.runs import Run
from latentia.web.scene.looking import Seen

Support = Literal["real", "bits", "codes", "blocks", "shares"]
# A slider holds this many prior standard deviations to either side, and all but this share of the rows at either end.
SPREADS, BEYOND = 3.0, 0.005
DIGITS = 6
LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def support_of(run: Run) -> Support:
    """What values z takes, in a word.

    Raises:
        LatentiaError: z is neither numbers, nor bits, nor codes.
    """
    prior = run.model.prior()
    columns = discrete_columns(prior)
    if columns is not None:
        return columns.kind
    if not is_continuous(prior):
        raise LatentiaError(
            f"z of {type(run.model).__name__} is neither numbers nor bits nor codes, which no map can lay out; "
            "`latentia report` draws what there is."
        )
    return "shares" if are_shares(prior) else "real"


def latents(run: Run, seen: Seen, support: Support) -> list[dict[str, Any]]:
    """Entries of ``scene.json``, from the latent that says most to the one that says least."""
    layout = discrete_columns(run.model.prior())
    sizes = (1,) * run.model.z_shape.numel() if layout is None else layout.sizes
    starts = np.cumsum([0, *sizes]).tolist()
    center, spread = _moments(run, seen)
    kl, variance = _worth(run, seen, layout)
    low, high = _ends(run, seen, support)
    out = []
    for d, (start, size) in enumerate(zip(starts[:-1], sizes, strict=True)):
        discrete = layout is not None
        ends = (0.0, float(max(1, size - 1))) if discrete else (float(low[start]), float(high[start]))
        out.append(
            {
                "index": d,
                "name": name_of(d),
                "start": start,
                "size": size,
                "step": 1 if discrete else 0,
                "kl": _number(float(kl[d])) if kl is not None else None,
                "active": bool(variance is None or variance[d] > ACTIVE_VARIANCE),
                "mean": _number(float(center[start])),
                "sd": _number(float(spread[start])),
                "low": _number(ends[0]),
                "high": _number(ends[1]),
            }
        )
    weights = kl if kl is not None else variance if variance is not None else [0.0] * len(sizes)
    # What is not finite says nothing, and goes last.
    return sorted(out, key=lambda e: (-w if isfinite(w := float(weights[e["index"]])) else inf, e["index"]))


def name_of(latent: int) -> str:
    """What a person reads.

    >>> name_of(12)
    'z₁₂'
    """
    return f"z{str(latent).translate(LOWERED)}"


def _moments(run: Run, seen: Seen) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column of z over rows, (D,) each; without rows, under the prior."""
    if len(seen):
        return seen.codes.mean(0, dtype=np.float64), seen.codes.std(0, dtype=np.float64)
    return _prior(run)


def _prior(run: Run) -> tuple[np.ndarray, np.ndarray]:
    with quiet(run.model, run.posterior, seed=0):
        mean, sd = prior_scale(run.model)
    # Chances that torch works out when they are asked for carry a gradient all the same.
    mean, sd = (torch.nan_to_num(t.detach().double().cpu()).numpy() for t in (mean, sd))
    return mean, sd


def _worth(run: Run, seen: Seen, layout: Columns | None) -> tuple[np.ndarray | None, np.ndarray | None]:
    """KL and variance of the posterior mean of each latent; of the run's own evaluation where there are no rows."""
    if len(seen):
        variance = torch.from_numpy(seen.codes.var(0, dtype=np.float64))
        return seen.kl, per_latent(variance, layout).numpy()
    if run.evaluation is None:
        return None, None
    kl = run.evaluation.kl_per_dimension
    return None if kl is None else np.array(kl), np.array(run.evaluation.variance_of_mean)


def _ends(run: Run, seen: Seen, support: Support) -> tuple[np.ndarray, np.ndarray]:
    """Where sliders end, (D,) each: what the prior and the rows both fill."""
    mean, sd = _prior(run)
    if support != "real":
        return np.zeros_like(mean), np.ones_like(mean)
    low, high = mean - SPREADS * sd, mean + SPREADS * sd
    if not len(seen):
        return low, high
    outer = np.quantile(seen.codes, [BEYOND, 1 - BEYOND], axis=0).astype(float)
    return np.minimum(low, outer[0]), np.maximum(high, outer[1])


def _number(value: float) -> float | None:
    """A number that JSON holds, with as many digits as anyone reads."""
    return float(f"{value:.{DIGITS}g}") if isfinite(value) else None
