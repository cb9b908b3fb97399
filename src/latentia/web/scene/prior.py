"""Where samples come from: a normal by name, any other prior as a bank of draws."""

from typing import Any

import numpy as np

from latentia.evaluation import quiet
from latentia.report.probe import is_standard_normal
from latentia.runs import Run
from latentia.web.scene.latents import Support

BANK, MOST_NUMBERS = 5000, 2_000_000
SEED = 0


def prior_of(run: Run, support: Support) -> tuple[dict[str, Any], np.ndarray | None]:
    """The entry of ``scene.json``, and the bank (M, D) float32 where the prior is not standard normal."""
    if is_standard_normal(run.model):
        return {"kind": "normal"}, None
    d = run.model.z_shape.numel()
    with quiet(run.model, run.posterior, SEED):
        draws = run.model.sample_prior(max(100, min(BANK, MOST_NUMBERS // d))).flatten(1).float().cpu().numpy()
    draws = draws[np.isfinite(draws).all(1)]
    # What takes only some values has nothing in between to be scaled to.
    return {"kind": "bank", "draws": len(draws), "temperature": support == "real"}, draws
