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
    learner_parameters,
)
from latentia.recipe.data_section import SIMULATED, DataSection
from latentia.recipe.defaults import default_posterior_family, encoder_options
from latentia.recipe.describe import describe_bound, describe_gradient, describe_model, describe_posterior
from latentia.recipe.named import named_recipes, recipe_values
from latentia.recipe.overrides import said_keys, with_overrides
from latentia.recipe.paths import confined
from latentia.recipe.schema import (
    FORMAT,
    LARGEST_JSON,
    Component,
    FitSection,
    Recipe,
    parse_recipe,
    read_json_object,
    read_recipe,
)
from latentia.recipe.source import with_source

__all__ = [
    "FORMAT",
    "LARGEST_JSON",
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
    "confined",
    "constructor_parameters",
    "default_posterior_family",
    "describe_bound",
    "describe_gradient",
    "describe_model",
    "describe_posterior",
    "encoder_options",
    "learner_parameters",
    "named_recipes",
    "parse_recipe",
    "read_json_object",
    "read_recipe",
    "recipe_values",
    "said_keys",
    "with_overrides",
    "with_source",
]
