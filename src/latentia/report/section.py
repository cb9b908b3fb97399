"""One part of the page: a heading, a caption that says what to see, and the thing itself."""

from typing import NamedTuple

from latentia.report.markup import Markup, join, tag


class Section(NamedTuple):
    """Caption at the left, body at the right; one above the other on a narrow screen.

    Attributes:
        name: the anchor.
        title: the heading.
        caption: what to see, in a sentence or two.
        body: the figure; empty where something is missing, and the caption then says what.
    """

    name: str
    title: str
    caption: Markup
    body: Markup = Markup()

    def html(self) -> Markup:
        """The element."""
        words = tag("div", {"class": "words"}, tag("h2", None, self.title), self.caption)
        return tag("section", {"id": self.name}, words, tag("div", {"class": "body"}, self.body))


def paragraphs(*sentences: str) -> Markup:
    """Each non-empty argument as a paragraph."""
    return join(*(tag("p", None, sentence) for sentence in sentences if sentence))
