"""Recipes that come with the library, and the one that any data set gets without one."""

from importlib import resources
from pathlib import Path
from typing import Any

from latentia.core.errors import RecipeError, nearest
from latentia.data import DATASETS
from latentia.recipe.schema import read_json_object


def named_recipes() -> dict[str, Path]:
    """Names to files."""
    folder = Path(str(resources.files("latentia.recipes")))
    return {path.stem: path for path in sorted(folder.glob("*.json"))}


def recipe_values(what: str) -> tuple[dict[str, Any], str]:
    """(the mapping, where it came from) of a named recipe, a recipe file or a data set's name.

    Raises:
        RecipeError: it is none of these; the message names the nearest.
    """
    named = named_recipes()
    if what in named:
        return read_json_object(named[what]), f"recipe {what!r}"
    if what.endswith(".json"):
        return read_json_object(Path(what)), what
    if what in DATASETS:
        return {"name": what, "data": {"name": what}}, f"data {what!r}"
    known = sorted({*named, *DATASETS})
    raise RecipeError(f"there is no data set, recipe or recipe file {what!r}; {nearest(what, known)}")
