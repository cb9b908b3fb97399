"""The ladder: ways of inferring z side by side, as a picture and a table, for one model or for a model each."""

import re

from latentia.evaluation import Ladder
from latentia.report.figures import MINUS, count
from latentia.report.ladder_chart import ladder_chart
from latentia.report.markup import Markup, join, tag
from latentia.report.material import Material
from latentia.report.section import Section, paragraphs


def ladder(material: Material) -> Section | None:
    """A picture and a table for each ladder; no section where none was climbed."""
    ladders = material.content.ladders
    if not ladders:
        return None
    return Section("ladder", "Ways of inferring z", join(*map(_caption, ladders)), join(*map(_body, ladders)))


def _caption(one: Ladder) -> Markup:
    where = f"{count(one.rows, one.split + ' row')}, {count(one.draws, 'draw')} a row, one standard error to each side."
    if one.own_training:
        return paragraphs(
            f"A model for each way of inferring z, all trained on the same rows for as long. {where} The gap says what the "
            "posterior gives away on the model that it came to."
        )
    words = f"One model under each way of inferring z. {where} log p(x) is {one.yardstick}."
    return paragraphs(words, _bottleneck(one))


def _bottleneck(one: Ladder) -> str:
    """Whether the encoder or the family gives more away, where both can be told apart."""
    rungs = {rung.name: rung for rung in one.rungs}
    if not {"encoder", "per-datum"} <= set(rungs):
        return ""
    encoder, family = rungs["encoder"].gap.value, rungs["per-datum"].gap.value
    costs = {"encoder": encoder - family, "family": family}
    which = max(costs, key=lambda name: costs[name])
    return (
        f"The encoder gives away {max(costs['encoder'], 0):.2f} nats that a search of its own family finds (the "
        f"amortization gap), the family at its best {family:.2f} (the approximation gap): the {which} is the bottleneck."
    )


def _body(one: Ladder) -> Markup:
    head, *rest = one.lines()
    names = tag("tr", None, *(tag("th", {"scope": "col"}, name) for name in head))
    rows = (
        tag(
            "tr",
            None,
            tag("th", {"scope": "row"}, line[0]),
            *(tag("td", {"class": "value"}, re.sub(r"-(?=\d)", MINUS, cell)) for cell in line[1:]),
        )
        for line in rest
    )
    table = tag("table", {"class": "numbers ladder"}, tag("thead", None, names), tag("tbody", None, *rows))
    remarks = tag("ul", {"class": "remarks"}, *(tag("li", None, remark) for remark in one.remarks()))
    return join(ladder_chart(one), tag("div", {"class": "wide"}, table), remarks if one.remarks() else Markup())
