"""HTML and SVG as text that is escaped by construction: a plain string is always quoted, only ``Markup`` passes as it is."""

from collections.abc import Mapping
from html import escape

VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})
Value = str | int | float | bool | None


class Markup(str):
    """Text that is already HTML; made by ``tag``, or by hand from a literal that holds nothing from outside."""

    __slots__ = ()


def tag(name: str, attributes: Mapping[str, Value] | None = None, *children: str) -> Markup:
    """One element.

    Args:
        name: its name.
        attributes: a value of None or False leaves the attribute out, True gives it without a value.
        children: ``Markup`` goes in as it is, any other string is escaped.

    >>> print(tag("p", {"class": "note"}, "1 < 2"))
    <p class="note">1 &lt; 2</p>
    >>> print(tag("img", {"alt": 'a "cat"'}))
    <img alt="a &quot;cat&quot;">
    """
    opening = "".join(_attribute(key, value) for key, value in (attributes or {}).items())
    if name in VOID:
        return Markup(f"<{name}{opening}>")
    return Markup(f"<{name}{opening}>{join(*children)}</{name}>")


def join(*children: str) -> Markup:
    """Children one after the other, each escaped unless it is ``Markup``."""
    return Markup("".join(child if isinstance(child, Markup) else escape(child, quote=False) for child in children))


def short(value: float) -> str:
    """A coordinate with no more digits than a screen shows.

    >>> short(12.0), short(3.14159), short(-0.001)
    ('12', '3.14', '0')
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _attribute(key: str, value: Value) -> str:
    if value is None or value is False:
        return ""
    if value is True:
        return f" {key}"
    return f' {key}="{escape(short(value) if isinstance(value, float) else str(value))}"'
