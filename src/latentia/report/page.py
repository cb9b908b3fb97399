"""The page: every section under one seed, one style sheet, one small script, in one file."""

from importlib.resources import files
from pathlib import Path

from latentia.core import atomic
from latentia.core.errors import LatentiaError
from latentia.evaluation import quiet
from latentia.report.content import ReportContent
from latentia.report.markup import Markup, join, tag
from latentia.report.material import SEED, Material, gather
from latentia.report.section import Section, paragraphs
from latentia.report.sections import SECTIONS, header


def write_report(path: Path, content: ReportContent) -> None:
    """Write ``content`` as one HTML file that needs nothing outside itself.

    The same content gives the same bytes. The caller's random state, and whether model and posterior are in training
    mode, are left as they were.
    """
    atomic.write_text(path, page(content))


def page(content: ReportContent) -> str:
    """The whole document as text."""
    material = gather(content)
    # A model may be asked for more than it can do; its other sections still stand.
    sections = [s for name in SECTIONS if (s := _section(name, material)) is not None]
    links = (tag("a", {"href": f"#{s.name}"}, s.title) for s in sections)
    body = tag(
        "body",
        None,
        tag("main", None, header(material), tag("nav", {"aria-label": "contents"}, *links), *(s.html() for s in sections)),
        tag("footer", None, "Written by Latentia. One file, nothing is loaded from elsewhere."),
        tag("script", None, _resource("script.js")),
    )
    head = tag(
        "head",
        None,
        tag("meta", {"charset": "utf-8"}),
        tag("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        tag("meta", {"name": "color-scheme", "content": "light dark"}),
        tag("title", None, f"{content.title} · Latentia"),
        tag("style", None, _resource("style.css")),
    )
    return join(Markup("<!DOCTYPE html>\n"), tag("html", {"lang": "en"}, head, body), "\n")


def _section(name: str, material: Material) -> Section | None:
    with quiet(material.content.model, material.content.posterior, SEED):
        try:
            return SECTIONS[name](material)
        except LatentiaError as error:
            return Section(name, name.capitalize(), paragraphs(f"Left out: {error}"))


def _resource(name: str) -> Markup:
    return Markup(files("latentia.report").joinpath(name).read_text(encoding="utf-8"))
