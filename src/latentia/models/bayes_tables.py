"""The tables of a Bayesian network, checked, and laid out for drawing and scoring many assignments at once.

Pearl (1988), Probabilistic Reasoning in Intelligent Systems, chapter 3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from latentia.core.errors import LatentiaError, nearest

# Published tables are rounded, mostly to a few digits.
TOLERANCE = 1e-3
# Of one variable's table.
MOST_CELLS = 2**24
KEYS = ("name", "states", "parents", "table")


@dataclass(frozen=True)
class Variable:
    """One variable, checked.

    Attributes:
        name: its name.
        states: their names, at least one.
        parents: their places in the list of variables.
        table: (parents' configurations in row-major order, states) float64, rows that sum to 1.
    """

    name: str
    states: tuple[str, ...]
    parents: tuple[int, ...]
    table: Tensor


def checked_variables(variables: Sequence[Mapping[str, Any]]) -> tuple[Variable, ...]:
    """The variables, if they make a network.

    Raises:
        LatentiaError: a missing or unknown key, a name or state that comes twice, an unknown parent, a table of another size
            or whose rows do not sum to 1, or a cycle.
    """
    if not isinstance(variables, Sequence) or not variables:
        raise LatentiaError("a Bayesian network needs a list of at least one variable.")
    for at, variable in enumerate(variables):
        if not isinstance(variable, Mapping) or not isinstance(variable.get("name"), str) or not variable["name"]:
            raise LatentiaError(f"variable {at} has no name; wanted {{{', '.join(KEYS)}}}.")
        for key in variable:
            if key not in KEYS:
                raise LatentiaError(
                    f"variable {variable['name']!r} has an unknown key {key!r}; {nearest(str(key), list(KEYS))}"
                )
    places: dict[str, int] = {}
    for variable in variables:
        if variable["name"] in places:
            raise LatentiaError(f"the variable {variable['name']!r} comes twice; give each a name of its own.")
        places[variable["name"]] = len(places)
    states = [_states(variable) for variable in variables]
    checked = tuple(_checked(variable, places, states) for variable in variables)
    levels(checked)
    return checked


def levels(variables: Sequence[Variable]) -> list[list[int]]:
    """Places of the variables, those without parents first, then those whose parents all came before, and so on.

    Raises:
        LatentiaError: there is a cycle; the message names one.
    """
    children: list[list[int]] = [[] for _ in variables]
    for i, variable in enumerate(variables):
        for parent in variable.parents:
            children[parent].append(i)
    waiting = [len(variable.parents) for variable in variables]
    found = [[i for i, left in enumerate(waiting) if not left]]
    while found[-1]:
        freed = []
        for child in (child for i in found[-1] for child in children[i]):
            waiting[child] -= 1
            if not waiting[child]:
                freed.append(child)
        found.append(sorted(freed))
    if any(waiting):
        done = {i for level in found for i in level}
        raise LatentiaError(f"the variables form a cycle, {_a_cycle(variables, done)}; remove an arrow.")
    return found[:-1]


def _a_cycle(variables: Sequence[Variable], done: set[int]) -> str:
    path = [next(i for i in range(len(variables)) if i not in done)]
    while path[-1] not in path[:-1]:
        path.append(next(parent for parent in variables[path[-1]].parents if parent not in done))
    around = path[path.index(path[-1]) :]
    return " <- ".join(repr(variables[i].name) for i in around)


def _states(variable: Mapping[str, Any]) -> tuple[str, ...]:
    name, states = variable["name"], variable.get("states")
    if not isinstance(states, Sequence) or isinstance(states, str) or not states:
        raise LatentiaError(f"{name!r} has no list of states.")
    if not all(isinstance(state, str) and state for state in states) or len(set(states)) != len(states):
        raise LatentiaError(f"the states of {name!r} must be names, each a different one.")
    return tuple(states)


def _checked(variable: Mapping[str, Any], places: Mapping[str, int], states: Sequence[tuple[str, ...]]) -> Variable:
    name = variable["name"]
    named = variable.get("parents", ())
    if not isinstance(named, Sequence) or isinstance(named, str):
        raise LatentiaError(f"parents of {name!r} must be a list of names.")
    for parent in named:
        if parent not in places:
            raise LatentiaError(f"{name!r} has the unknown parent {parent!r}; {nearest(str(parent), list(places))}")
    if len(set(named)) != len(named):
        raise LatentiaError(f"{name!r} has one parent twice; name each once.")
    parents = tuple(places[parent] for parent in named)
    rows = 1
    for parent in parents:
        rows *= len(states[parent])
    own = states[places[name]]
    if rows * len(own) > MOST_CELLS:
        raise LatentiaError(f"the table of {name!r} would have {rows * len(own)} cells, {MOST_CELLS} is the limit.")
    return Variable(name, own, parents, _table(name, variable.get("table"), rows, len(own)))


def _table(name: str, given: Any, rows: int, columns: int) -> Tensor:
    wanted = f"{rows} row{'s' * (rows != 1)} (one a configuration of the parents) of {columns} numbers"
    try:
        table = torch.as_tensor(given, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        raise LatentiaError(f"the table of {name!r} is not a table of numbers, wanted {wanted}.") from None
    if rows == 1 and table.shape == (columns,):
        table = table.unsqueeze(0)
    if table.shape != (rows, columns):
        raise LatentiaError(f"the table of {name!r} has shape {tuple(table.shape)}, wanted {wanted}.")
    if not bool(((table >= 0) & (table <= 1)).all()):
        raise LatentiaError(f"the table of {name!r} holds numbers outside of 0 to 1.")
    off = (table.sum(1) - 1).abs()
    if bool((off > TOLERANCE).any()):
        row = int(off.argmax())
        raise LatentiaError(f"row {row} of the table of {name!r} sums to {float(table[row].sum()):.6g}, wanted 1.")
    return table / table.sum(1, keepdim=True)
