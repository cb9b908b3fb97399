"""Findings by name: which variable is meant, and which of its states."""

from collections.abc import Sequence
from difflib import get_close_matches

from latentia.core.errors import LatentiaError

# Of hundreds of names, in a message.
MOST_SHOWN = 20
YES, NO = ("1", "yes", "true", "present", "on"), ("0", "no", "false", "absent", "off")


def named_place(what: str, name: str, known: Sequence[str]) -> int:
    """Where ``name`` stands in ``known``: by its exact spelling, else by one that differs in case alone.

    Args:
        what: it is, for the message.
        name: to look for.
        known: all names.

    Raises:
        LatentiaError: nothing is called so (with the nearest), or several names differ in case alone.
    """
    if name in known:
        return known.index(name)
    alike = [i for i, each in enumerate(known) if each.casefold() == name.strip().casefold()]
    if len(alike) > 1:
        raise LatentiaError(f"{what} {name!r} may be {', '.join(repr(known[i]) for i in alike)}; use the exact spelling.")
    if not alike:
        raise LatentiaError(f"there is no {what} {name!r}; {_hint(name, known)}")
    return alike[0]


def _hint(name: str, known: Sequence[str]) -> str:
    """The nearest names, whatever their case; a few of them where none is near."""
    spelling = {each.casefold(): each for each in known}
    close = get_close_matches(name.strip().casefold(), list(spelling), n=3, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(repr(spelling[each]) for each in close)}?"
    shown = ", ".join(known[:MOST_SHOWN])
    return f"known: {shown}" + (f" and {len(known) - MOST_SHOWN} more" if len(known) > MOST_SHOWN else "")


def polarity(word: str) -> bool | None:
    """Whether a word says yes or no; None where it says neither."""
    said = word.strip().casefold()
    return True if said in YES else False if said in NO else None


def named_state(variable: str, value: str, states: Sequence[str]) -> int:
    """Which of a variable's states ``value`` names; of two that say yes and no, any word for yes or no does.

    Raises:
        LatentiaError: none.
    """
    if value.strip().casefold() in [state.casefold() for state in states]:
        return named_place(f"state of {variable!r}", value, states)
    said, meant = [polarity(state) for state in states], polarity(value)
    if meant is not None and len(said) == 2 and None not in said and said[0] != said[1]:
        return said.index(meant)
    return named_place(f"state of {variable!r}", value, states)
