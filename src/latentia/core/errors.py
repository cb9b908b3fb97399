"""The errors a user can cause. Each message is one line: what was wanted, what came, what to do."""

from difflib import get_close_matches


class LatentiaError(ValueError):
    """Anything that went wrong because of what was asked for, with the cause and the cure in one line."""


class DataError(LatentiaError):
    """The data are missing, damaged, empty, or not what their name promises."""


class ShapeError(LatentiaError):
    """Two parts do not fit each other."""


class SupportError(LatentiaError):
    """A value lies where its distribution puts no mass."""


class NonFinite(LatentiaError):
    """A NaN or an infinity, named by quantity, step and rows."""


class NoReparameterization(LatentiaError):
    """A gradient needs draws that carry a gradient, and these do not."""


class NoClosedForm(LatentiaError):
    """A closed form was asked for that this pair does not have."""


class RecipeError(LatentiaError):
    """A recipe names something that does not exist, or a value that cannot be."""


class RunError(LatentiaError):
    """A run folder is missing, incomplete or of another format."""


def nearest(word: str, known: list[str]) -> str:
    """A hint for a misspelt name: the nearest known one if one is near, else all of them.

    >>> nearest("bernuolli", ["bernoulli", "normal"])
    "did you mean 'bernoulli'?"
    >>> nearest("zzz", ["a", "b"])
    'known: a, b'
    """
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else "known: " + ", ".join(known)
