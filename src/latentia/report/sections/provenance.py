"""Where the run comes from: notes, versions and the whole recipe."""

from latentia.core.compact import compact_json
from latentia.report.markup import join, tag
from latentia.report.material import Material
from latentia.report.section import Section, paragraphs


def provenance(material: Material) -> Section:
    """A table of versions, and the recipe folded away."""
    content = material.content
    rows = (
        tag("tr", None, tag("th", {"scope": "row"}, key.replace("_", " ")), tag("td", None, value))
        for key, value in content.environment.items()
        if value
    )
    table = (
        tag("table", {"class": "plain"}, tag("tbody", None, *rows))
        if content.environment
        else paragraphs("Nothing is known.")
    )
    text = compact_json(content.recipe)
    recipe = tag(
        "details", None, tag("summary", None, "The whole recipe, as JSON"), tag("pre", None, tag("code", None, text))
    )
    caption = paragraphs("With this recipe, these versions and this seed, the same machine gives the same numbers.")
    return Section("provenance", "How it was made", caption, join(table, recipe))
