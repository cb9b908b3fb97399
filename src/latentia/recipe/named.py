"""Recipes that come with the library, and the one that any data set gets without one."""

import os
from importlib import resources
from pathlib import Path
from typing import Any

from latentia.core.errors import RecipeError, nearest
from latentia.data import DATASETS, name_of
from latentia.recipe.schema import read_json_object


def named_recipes() -> dict[str, Path]:
    """Names to files."""
    folder = Path(str(resources.files("latentia.recipes")))
    return {path.stem: path for path in sorted(folder.glob("*.json"))}


def recipe_values(what: str) -> tuple[dict[str, Any], str]:
    """(the mapping, where it came from) of a named recipe, a recipe file, a data set's name, or a path to one's own data.

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
    if is_there(what):
        return own_data(what), f"data {what!r}"
    if "/" in what or os.sep in what or Path(what).suffix:
        raise RecipeError(f"{what} does not exist; check the path.")
    known = sorted({*named, *DATASETS})
    raise RecipeError(f"there is no data set, recipe or recipe file {what!r}; {nearest(what, known)}")


def is_there(what: str) -> bool:
    """Whether it is the path of a file or folder."""
    try:
        return Path(what).expanduser().exists()
    except (OSError, ValueError):
        return False


def own_data(path: str) -> dict[str, Any]:
    """The recipe that data of one's own get without one: patience instead of a length that nobody could know."""
    return {"name": name_of(path), "data": {"name": name_of(path), "path": path}, "fit": {"epochs": 200, "patience": 20}}
