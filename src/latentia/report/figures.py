"""Numbers as a person reads them: a true minus sign, an error that decides how many digits are worth printing."""

import math
from collections.abc import Sequence

# Never broken over two lines: a bar allows a break even before a no-break space.
P_X_Z = "p(x\N{NO-BREAK SPACE}|\N{WORD JOINER}\N{NO-BREAK SPACE}z)"
TIMES = "\N{MULTIPLICATION SIGN}"
MINUS = "\N{MINUS SIGN}"
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
# What has no value is an en dash, never "nan".
BLANK = "\N{EN DASH}"


def number(value: float | None, decimals: int = 2) -> str:
    """A number with a fixed count of decimals; a dash where it is missing or not finite.

    >>> number(1234.5, 1), number(-0.001, 1), number(-2.0) == MINUS + "2.00", number(None) == BLANK
    ('1,234.5', '0.0', True, True)
    """
    if value is None or not math.isfinite(value):
        return BLANK
    text = f"{abs(value):,.{decimals}f}"
    negative = value < 0 and any(digit in text for digit in "123456789")
    return (MINUS if negative else "") + text


def decimals_for(error: float, at_most: int = 4) -> int:
    """Decimals that show two digits of an error.

    >>> decimals_for(0.314), decimals_for(12.0), decimals_for(float("nan"))
    (2, 0, 2)
    """
    if not math.isfinite(error) or error <= 0:
        return 2
    return min(at_most, max(0, 1 - math.floor(math.log10(error))))


def with_error(value: float, error: float) -> str:
    """A value beside its standard error, both to the same decimal.

    >>> with_error(81.4159, 0.3141)
    '81.42 ± 0.31'
    """
    decimals = decimals_for(error)
    if not math.isfinite(error) or not math.isfinite(value):
        return number(value, decimals)
    return f"{number(value, decimals)} ± {number(error, decimals)}"


def duration(seconds: float | None) -> str:
    """A length of time in the unit a person would use.

    >>> duration(8.24), duration(75), duration(7380)
    ('8.2 s', '1 min 15 s', '2 h 3 min')
    """
    if seconds is None or not math.isfinite(seconds):
        return BLANK
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def count(n: int, thing: str) -> str:
    """A number of things, in the singular where there is one.

    >>> count(1, "row"), count(2000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{n:,} {thing}" + ("" if n == 1 else "s")


def plain(value: float) -> str:
    """A number of no fixed precision, as short as it goes.

    >>> plain(1.0), plain(1e-3)
    ('1', '0.001')
    """
    return f"{value:g}".replace("-", MINUS)


def latent(d: int) -> str:
    """The name of a latent, counted from 0 as in an array.

    >>> latent(12)
    'z₁₂'
    """
    return "z" + str(d).translate(SUBSCRIPTS)


def listed(words: Sequence[str]) -> str:
    """Words in a row as a sentence would have them.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    if len(words) < 2:
        return "".join(words)
    return ", ".join(words[:-1]) + " and " + words[-1]
