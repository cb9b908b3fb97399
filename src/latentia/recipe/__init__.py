"""Recipes: names to objects and back. Strings stop here; below, only objects travel."""

from latentia.recipe.build import (
    attach,
    build,
    build_bound,
    build_gradient,
    build_learner,
    build_model,
    build_posterior,
    constructor_parameters,
    default_posterior_family,
    learner_parameters,
)
from latentia.recipe.describe import describe_bound, describe_gradient, describe_model, describe_posterior
from latentia.recipe.named import named_recipes, recipe_values
from latentia.recipe.overrides import with_overrides
from latentia.recipe.schema import (
    FORMAT,
    SIMULATED,
    Component,
    DataSection,
    FitSection,
    Recipe,
    parse_recipe,
    read_json_object,
    read_recipe,
)
from latentia.recipe.source import with_source

__all__ = [
    "FORMAT",
    "SIMULATED",
    "Component",
    "DataSection",
    "FitSection",
    "Recipe",
    "attach",
    "build",
    "build_bound",
    "build_gradient",
    "build_learner",
    "build_model",
    "build_posterior",
    "constructor_parameters",
    "default_posterior_family",
    "describe_bound",
    "describe_gradient",
    "describe_model",
    "describe_posterior",
    "learner_parameters",
    "named_recipes",
    "parse_recipe",
    "read_json_object",
    "read_recipe",
    "recipe_values",
    "with_overrides",
    "with_source",
]
