"""``--set key=value``: dotted keys into a recipe, values in JSON."""

import json
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from latentia.core.errors import RecipeError, nearest
from latentia.recipe.schema import known_keys

COMPONENTS = ("model", "posterior", "learner", "bound", "gradient")
# A mapping whose keys are the user's own.
OPEN = "data.kinds."


def with_overrides(values: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A copy of ``values`` with each "key=value" put in.

    A key is dotted ("fit.epochs", "model.network.hidden") or, where only one field of a section ends so, its last part
    ("epochs"). A value is JSON ("[200, 200]", "0.5", "null") or else text.

    >>> with_overrides({}, ["epochs=5", "model.family=bernoulli"])
    {'fit': {'epochs': 5}, 'model': {'family': 'bernoulli'}}

    Raises:
        RecipeError: no "=", or a key that does not exist, with the nearest one that does.
    """
    out = deepcopy(values)
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key.strip():
            raise RecipeError(f"--set wants key=value, got {override!r}; for example --set epochs=20")
        *parents, last = _places(full_key(key.strip()))
        place: dict[str, Any] = out
        for parent in parents:
            inner: Any = place.get(parent, {})
            # "family": "normal" is short for {"name": "normal"}.
            inner = {"name": inner} if isinstance(inner, str) else inner
            if not isinstance(inner, dict):
                raise RecipeError(f"--set {key}: {parent!r} holds a single value, so nothing can be set inside it.")
            place[parent] = inner
            place = inner
        place[last] = parsed(text.strip())
    return out


def said_keys(overrides: Sequence[str]) -> set[str]:
    """The dotted keys that "key=value" texts change; raises as ``with_overrides``."""
    return {full_key(override.partition("=")[0].strip()) for override in overrides}


def full_key(key: str) -> str:
    """The dotted key that ``key`` means."""
    known = known_keys()
    if key in known or key.split(".")[0] in COMPONENTS or key.startswith(OPEN):
        return key
    ending = [k for k in known if k.split(".")[-1] == key]
    if len(ending) == 1:
        return ending[0]
    if len(ending) > 1:
        raise RecipeError(f"--set {key}: this could be {' or '.join(ending)}; write it in full.")
    leaves = {k.split(".")[-1]: k for k in known}
    hint = nearest(key, [*known, *leaves])
    raise RecipeError(f"--set {key}: unknown key; {hint}")


def _places(key: str) -> list[str]:
    """The keys on the way; a column's name may hold dots itself."""
    return [*OPEN.split(".")[:2], key.removeprefix(OPEN)] if key.startswith(OPEN) else key.split(".")


def parsed(text: str) -> Any:
    """JSON if it is JSON, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
