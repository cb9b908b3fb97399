"""Where samples come from: independent normals by their moments, any other prior as a bank of draws."""

from typing import Any

import numpy as np
import torch

from latentia.evaluation import quiet, usual_path
from latentia.report.probe import is_standard_normal, prior_scale
from latentia.runs import Run
from latentia.web.scene.latents import Support

BANK, MOST_NUMBERS = 5000, 2_000_000
SEED = 0


def prior_of(run: Run, support: Support) -> tuple[dict[str, Any], np.ndarray | None]:
    """The entry of ``scene.json``, and the bank (M, D) float32 where the prior is not of independent normals.

    Normals are those under which ``evaluation.between`` walks on a sphere, so that the page offers the same ways.
    """
    if is_standard_normal(run.model):
        return {"kind": "normal"}, None
    with quiet(run.model, run.posterior, SEED):
        if usual_path(run.model.prior()) == "spherical":
            mean, sd = (t.detach().double().cpu() for t in prior_scale(run.model))
            if bool(torch.isfinite(torch.cat([mean, sd])).all()) and bool((sd > 0).all()):
                return {"kind": "normal", "mean": mean.tolist(), "sd": sd.tolist()}, None
        d = run.model.z_shape.numel()
        draws = run.model.sample_prior(max(100, min(BANK, MOST_NUMBERS // d))).flatten(1).float().cpu().numpy()
    draws = draws[np.isfinite(draws).all(1)]
    # What takes only some values has nothing in between to be scaled to.
    return {"kind": "bank", "draws": len(draws), "temperature": support == "real"}, draws
