"""What a run takes and gives, as far as a client must know it."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch

import latentia
from latentia.core.checks import check_support
from latentia.core.errors import LatentiaError, RecipeError, SupportError
from latentia.data import Schema, Split
from latentia.distributions import discrete_columns, has_mean
from latentia.evaluation import quiet
from latentia.runs import Run, schema_of
from latentia.web.service.options import Options

Kind = Literal["image", "table", "other"]
CHANNELS = (1, 3)
FIGURES = ("split", "rows", "draws", "elbo", "log_px", "rate", "reconstruction", "bits_per_dim", "active_units")


@dataclass(frozen=True)
class About:
    """What does not change while a run is served.

    Attributes:
        name: of the run.
        kind: how its rows can be shown.
        x_shape: of a row.
        z_shape: of its encoding.
        x_range: within which values lie; infinite where the likelihood knows no end.
        schema: of a table's columns, or None.
        rows: that may be asked about at once.
        discrete: z is made of bits or codes.
        encodes_alone: what is said of a row depends on no other row that is encoded beside it.
        decodes_alone: likewise, of what is decoded.
        told: the answer to /v1/info.
    """

    name: str
    kind: Kind
    x_shape: tuple[int, ...]
    z_shape: tuple[int, ...]
    x_range: tuple[float, float]
    schema: Schema | None
    rows: int
    discrete: bool
    encodes_alone: bool
    decodes_alone: bool
    told: dict[str, Any]

    @property
    def x_size(self) -> int:
        """Numbers of a row."""
        return math.prod(self.x_shape)

    @property
    def z_size(self) -> int:
        """Numbers of an encoding."""
        return math.prod(self.z_shape)


def about(run: Run, options: Options) -> About:
    """Look once at a run."""
    x_shape, z_shape, schema = tuple(run.model.x_shape), tuple(run.model.z_shape), schema_of(run)
    is_image = schema is None and len(x_shape) == 3 and x_shape[0] in CHANNELS
    kind: Kind = "table" if schema is not None else "image" if is_image else "other"
    rows = max(1, min(options.rows, options.values // max(math.prod(x_shape), 2 * math.prod(z_shape))))
    with quiet(run.model, run.posterior, seed=0):
        prior = run.model.prior()
        discrete = discrete_columns(prior) is not None
    encodes, decodes = _alone(run)
    x_range = (-math.inf, math.inf) if schema is not None else _range(run)
    name = "run" if isinstance(run.recipe, RecipeError) else run.recipe.name
    told = {
        "name": name,
        "about": "" if isinstance(run.recipe, RecipeError) else run.recipe.about,
        "latentia": latentia.__version__,
        "kind": kind,
        "x_shape": list(x_shape),
        "z_shape": list(z_shape),
        "x_range": [None if math.isinf(end) else end for end in x_range],
        "latents": "discrete" if discrete else "real",
        "model": type(run.model).__name__,
        "posterior": type(run.posterior).__name__,
        "prior": type(getattr(prior, "base_dist", prior)).__name__,
        "columns": None if schema is None else schema.to_dict()["columns"],
        "evaluation": _figures(run),
        "limits": {
            "rows": rows,
            "scored_rows": min(rows, options.scored),
            "draws": options.draws,
            "scored_draws": options.scored_draws,
            "neighbors": options.neighbors,
            "body_bytes": options.body,
            "json_bytes": options.json,
            "requests_a_second": options.rate,
        },
    }
    return About(name, kind, x_shape, z_shape, x_range, schema, rows, discrete, encodes, decodes, told)


def _figures(run: Run) -> dict[str, Any] | None:
    if run.evaluation is None:
        return None
    known = run.evaluation.to_dict()
    return {name: known[name] for name in FIGURES}


@torch.no_grad()
def _alone(run: Run) -> tuple[bool, bool]:
    """Whether posterior and likelihood state what is asked of them; what has to be drawn depends on a row's place."""
    try:
        with quiet(run.model, run.posterior, seed=0):
            likelihood = run.model.likelihood(run.model.sample_prior(1).unsqueeze(0))
            decodes = has_mean(likelihood) or _states(likelihood, "mode")
            x = likelihood.sample().squeeze(0)
            q = next(run.posterior.infer(run.model, batch) for batch in Split(x.float()).batches(1))
            return has_mean(q) and _states(q, "variance"), decodes
    except (LatentiaError, NotImplementedError, RuntimeError, ValueError):
        return False, False


def _range(run: Run) -> tuple[float, float]:
    """Ends beyond which no value is possible, where they are 0 and 1, or 0 alone."""
    with quiet(run.model, run.posterior, seed=0):
        likelihood = run.model.likelihood(run.model.sample_prior(1).unsqueeze(0))

    def holds(value: float) -> bool:
        x = torch.full((1, *run.model.x_shape), value, device=run.device)
        try:
            check_support("the likelihood", likelihood, x, cure="")
        except (SupportError, NotImplementedError):
            return False
        return True

    if not holds(0.0) or holds(-1.0):
        return -math.inf, math.inf
    return 0.0, math.inf if holds(2.0) else 1.0


def _states(distribution: Any, what: str) -> bool:
    try:
        getattr(distribution, what)
    except NotImplementedError:
        return False
    return True
