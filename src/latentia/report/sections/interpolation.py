"""Interpolation: the straight line between the latents of two rows, decoded."""

from latentia.report.display import Strip
from latentia.report.markup import Markup, join, tag
from latentia.report.material import Material
from latentia.report.probe import between
from latentia.report.section import Section, paragraphs

STEPS, STRIPS = 9, 5
ENDS = ("one row", "half way", "the other")
TITLE = "From one row to another"


def interpolation(material: Material) -> Section | None:
    """A few pairs of rows with different labels; no section where there is nothing between two values of z."""
    encoded = material.encoded
    if material.columns is not None:
        return None
    if encoded is None:
        return Section("interpolation", TITLE, paragraphs(material.why_not))
    if not material.walkable or len(encoded) < 2:
        why = "It takes two rows, and latents that are a vector of continuous numbers, for something to lie in between."
        return Section("interpolation", TITLE, paragraphs(why))
    rows = material.varied_rows(2 * STRIPS)
    strips = []
    for a, b in zip(rows[::2], rows[1::2], strict=False):
        given = None if encoded.batch.given is None else encoded.batch.given[a : a + 1]
        xs = between(material.content.model, encoded.means[a], encoded.means[b], STEPS, given)
        titles = [f"{k / (STEPS - 1):.0%} of the way" for k in range(STEPS)]
        strips.append(Strip(_label(material, a, b), xs, titles, encoded.batch.x[[a, b]].cpu()))
    words = (
        f"Between two rows of the {encoded.split} split, {STEPS} even steps on the straight line between their posterior "
        "means. The rows themselves stand at the two ends."
    )
    smooth = "Where the latents are well used, every step in between is a plausible row."
    return Section(
        "interpolation",
        TITLE,
        paragraphs(words, smooth),
        material.display.strips(strips, ENDS),
    )


def _label(material: Material, a: int, b: int) -> Markup:
    names = [material.label(row) or f"row\N{NO-BREAK SPACE}{row}" for row in (a, b)]
    return join(tag("b", None, names[0]), " → ", tag("b", None, names[1]))
