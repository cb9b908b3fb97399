"""From objects to names: the recipe that would build these parts again."""

from collections.abc import Mapping
from typing import Any

import torch

from latentia.bounds import BOUNDS, Bound
from latentia.core.errors import RecipeError
from latentia.families import FAMILIES
from latentia.gradients import GRADIENTS, Gradient
from latentia.models import MODELS, GenerativeModel
from latentia.networks import NETWORKS
from latentia.posteriors import POSTERIORS, Posterior
from latentia.priors import PRIORS
from latentia.recipe.build import FROM_CONTEXT, constructor_parameters
from latentia.recipe.schema import Component

# A model's `prior` is the method of that name, so the part it was made from has another.
_ATTRIBUTE = {"prior": "p_z"}
_INNER = {"prior": PRIORS, "family": FAMILIES}


def describe_model(model: GenerativeModel) -> Component:
    """{"name": ..., its options and parts}.

    Raises:
        RecipeError: a part that no registry knows, so that no recipe could rebuild it.
    """
    return _describe(model, MODELS, {k: pair.decoder for k, pair in NETWORKS.items()})


def describe_posterior(posterior: Posterior) -> Component:
    """{"name": ..., its options and parts}; raises as ``describe_model``."""
    return _describe(posterior, POSTERIORS, {k: pair.encoder for k, pair in NETWORKS.items()})


def describe_bound(bound: Bound) -> Component:
    """{"name": ..., its options}; raises as ``describe_model``."""
    return _describe(bound, BOUNDS, {})


def describe_gradient(gradient: Gradient) -> Component:
    """{"name": ..., its options}; raises as ``describe_model``."""
    return _describe(gradient, GRADIENTS, {})


def _describe(part: object, registry: Mapping[str, Any], networks: Mapping[str, Any]) -> Component:
    name = next((key for key, cls in registry.items() if cls is type(part)), None)
    if name is None:
        raise RecipeError(
            f"{type(part).__name__} is in no registry, so a saved run could not rebuild it; "
            "give it a line in its folder's dict, or keep the weights yourself with torch.save."
        )
    out: Component = {"name": name}
    for parameter in constructor_parameters(type(part)):
        if parameter in FROM_CONTEXT:
            continue
        value = getattr(part, _ATTRIBUTE.get(parameter, parameter))
        if parameter == "network":
            out[parameter] = _describe(value, networks, {})
        elif parameter in _INNER:
            out[parameter] = _describe(value, _INNER[parameter], {})
        else:
            out[parameter] = list(value) if isinstance(value, tuple | torch.Size) else value
    return out
