"""``latentia list``: the registries, in words."""

import inspect
import re
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from latentia.bounds import BOUNDS
from latentia.core.errors import RecipeError, nearest
from latentia.data import DATASETS, KNOWN_MODELS
from latentia.distributions import DISTRIBUTIONS
from latentia.families import FAMILIES
from latentia.gradients import GRADIENTS
from latentia.ladder import RUNGS, TRAININGS
from latentia.learners import LEARNERS
from latentia.models import MODELS
from latentia.networks import ACTIVATIONS, NETWORKS
from latentia.posteriors import POSTERIORS
from latentia.priors import PRIORS
from latentia.recipe import SIMULATED, named_recipes, read_json_object


def list_command(what: str | None) -> None:
    """Print one kind, or all.

    Raises:
        RecipeError: there is no such kind.
    """
    kinds = _kinds()
    # "rungs with --own-training" stand under their own title, and are listed as rungs.
    asked = {kind: kind.split()[0] for kind in kinds}
    if what is not None and what not in asked.values():
        raise RecipeError(f"there is nothing called {what!r} to list; {nearest(what, list(dict.fromkeys(asked.values())))}")
    for kind in [kind for kind, word in asked.items() if what in (None, word)]:
        table = Table(title=kind, title_justify="left", show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)  # a name is there to be copied
        for name, about in kinds[kind].items():
            table.add_row(name, *([about] if isinstance(about, str) else about))
        Console().print(table, "")


def _kinds() -> dict[str, Mapping[str, str | tuple[str, ...]]]:
    """For each kind its members, with a sentence or with several columns."""
    return {
        "data": {name: entry.about for name, entry in DATASETS.items()} | {SIMULATED: "rows of a known model's own"},
        "sources": {name: entry.about for name, entry in KNOWN_MODELS.items()} | {"<path>.bif": "a network of yours"},
        "recipes": {name: read_json_object(path).get("about", "") for name, path in named_recipes().items()},
        "models": _first_lines(MODELS),
        "priors": _first_lines(PRIORS),
        "families": _first_lines(FAMILIES),
        "networks": {name: f"{_first_line(pair.encoder)} / {_first_line(pair.decoder)}" for name, pair in NETWORKS.items()},
        "activations": dict.fromkeys(ACTIVATIONS, ""),
        "posteriors": _first_lines(POSTERIORS),
        "learners": _first_lines(LEARNERS),
        "bounds": _first_lines(BOUNDS),
        "gradients": _first_lines(GRADIENTS),
        "rungs": {name: kind.about for name, kind in RUNGS.items()},
        "rungs with --own-training": {name: about for name, (about, _, _) in TRAININGS.items()},
        "distributions": {name: (e.how, e.formula, _authors(e.source)) for name, e in DISTRIBUTIONS.items()},
    }


def _authors(source: str) -> str:
    """Who and when, without the titles.

    >>> _authors("Kingma & Welling (2014), Auto-encoding variational Bayes, sec. 2.4; scale is the standard deviation")
    'Kingma & Welling (2014)'
    """
    return "; ".join(m[0] for part in source.split("; ") if (m := re.match(r"[^(]*\(\d{4}\)", part)))


def _first_lines(registry: Mapping[str, Any]) -> dict[str, str]:
    return {name: _first_line(cls) for name, cls in registry.items()}


def _first_line(cls: object) -> str:
    return (inspect.getdoc(cls) or "").splitlines()[0]
