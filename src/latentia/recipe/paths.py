"""Paths that a recipe file names: inside its own folder, since a recipe may come from anyone."""

from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from latentia.core.errors import RecipeError
from latentia.data.known_models import ENDINGS

PATHS = ("path", "valid", "test")


def confined(values: dict[str, Any], folder: Path, said: Collection[str], source: str) -> dict[str, Any]:
    """A mapping with the paths that its file names made absolute, seen from the file's folder.

    Args:
        values: the recipe, changes of the command line put in.
        folder: of the file.
        said: keys that were changed; where those say a path, it may be any.
        source: the file, for messages.

    Raises:
        RecipeError: a path of the file's is absolute or leads out of its folder.
    """
    values = _source_confined(values, folder, said, source)
    section = values.get("data")
    if not isinstance(section, Mapping) or "data" in said:
        return values
    changed = dict(section)
    for key in PATHS:
        path = section.get(key)
        if not isinstance(path, str) or f"data.{key}" in said:
            continue
        if not _inside(path, folder):
            raise RecipeError(
                f"{source} names data.{key} {path[:200]!r}, which leads out of the recipe's folder; put the data beside it, "
                f"or say --set data.{key}=... yourself."
            )
        changed[key] = str(folder.absolute() / path)
    return {**values, "data": changed}


def _source_confined(values: dict[str, Any], folder: Path, said: Collection[str], source: str) -> dict[str, Any]:
    """The same of the file that a known model's numbers come from."""
    model = values.get("model")
    path = model.get("source") if isinstance(model, Mapping) else None
    if not isinstance(model, Mapping) or not isinstance(path, str) or not path.endswith(ENDINGS):
        return values
    if "model" in said or "model.source" in said:
        return values
    if not _inside(path, folder):
        raise RecipeError(
            f"{source} names model.source {path[:200]!r}, which leads out of the recipe's folder; put the file beside it, "
            "or say --set model.source=... yourself."
        )
    return {**values, "model": {**model, "source": str(folder.absolute() / path)}}


def _inside(path: str, folder: Path) -> bool:
    if "\0" in path or not path or PurePosixPath(path).is_absolute() or PureWindowsPath(path).anchor:
        return False
    if ".." in PurePosixPath(path).parts or ".." in PureWindowsPath(path).parts:
        return False
    try:
        return (folder / path).resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):
        return False
