"""The recipe in words, with what was decided along the way."""

from latentia.report.markup import join, tag
from latentia.report.material import Material
from latentia.report.section import Section, paragraphs
from latentia.report.words import describe

DEFAULT = "What is modelled, how its latents are inferred, and how both were fitted."


def recipe(material: Material) -> Section:
    """Sentences, then notes."""
    content = material.content
    sentences = describe(content.recipe, content.data) or ["The recipe says nothing that could be put into words."]
    notes = [tag("li", None, note) for note in content.notes]
    body = join(
        tag("div", {"class": "prose"}, paragraphs(*sentences)), tag("ul", {"class": "notes"}, *notes) if notes else ""
    )
    about = content.recipe.get("about")
    caption = about if isinstance(about, str) and about else DEFAULT
    return Section("recipe", "The recipe in words", paragraphs(caption), body)
