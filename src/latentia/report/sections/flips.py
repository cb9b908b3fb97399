"""Flips: one bit or code at a time takes each of its states while the others stay as they were drawn for a row."""

import torch
from torch import Tensor

from latentia.distributions import Columns
from latentia.models import HasNamedEvidence
from latentia.report.display import Strip
from latentia.report.figures import count, latent, number
from latentia.report.markup import Markup, join, tag
from latentia.report.material import Material
from latentia.report.probe import decode, repeated
from latentia.report.section import Section, paragraphs

TITLE = "One latent at a time"
MOST, MOST_STATES = 10, 11
# A state that moves no value by more than this is seen to do nothing.
MOVES = 1e-3


def flips(material: Material, columns: Columns) -> Section:
    """A strip for each of the latents that say most, of those that show in x by themselves."""
    if isinstance(material.content.model, HasNamedEvidence):
        why = "These latents have names of their own: `latentia infer` says how each is moved by what was observed."
        return Section("traversals", TITLE, paragraphs(why))
    start, around = _start(material, columns)
    given = material.given(1)
    ends = torch.tensor((0, *columns.sizes)).cumsum(0).tolist()
    strips: list[Strip] = []
    for d in material.active or material.order[:1]:
        here, zs = states_of(start.flatten(), ends[d], columns.sizes[d])
        xs = decode(material.content.model, zs.reshape(-1, *start.shape), repeated(given, len(zs)))
        # A bit of an upper layer shows in x through the layer below alone, which is held.
        if float((xs - xs[:1]).abs().max()) > MOVES:
            titles = [f"{latent(d)} = {k}" for k in range(len(xs))]
            shown = slice(max(0, min(here - MOST_STATES // 2, len(xs) - MOST_STATES)), None)
            few = xs[shown][:MOST_STATES], titles[shown][:MOST_STATES]
            strips.append(Strip(label(material, d), *few, here=here - (shown.start or 0)))
        if len(strips) == MOST:
            break
    if not strips:
        return Section("traversals", TITLE, paragraphs("No latent in use moves x while the others are held."))
    bits = columns.kind == "bits"
    first = (
        f"Each strip {'switches one bit off and on' if bits else 'gives one code each of its states'}; the others stay "
        f"{around}. The marked one is where it was."
    )
    second = f"The {count(len(strips), 'latent')} that say most, of those in use that show in x by themselves."
    names = ("off", "", "on") if bits else ("first state", "", "last state")
    return Section("traversals", TITLE, paragraphs(first, second), material.display.strips(strips, names))


def label(material: Material, d: int) -> Markup:
    """A latent's name, with its KL where that is known."""
    kl = material.kl
    name = tag("b", None, latent(d))
    return join(name, tag("span", {"class": "aside"}, f" {number(kl[d])} nats")) if kl else name


def _start(material: Material, columns: Columns) -> tuple[Tensor, str]:
    """A z that the model may draw, and where it is from: a row's most probable states, else a draw from the prior."""
    if material.encoded is None:
        return material.content.model.sample_prior(1, material.given(1))[0], "as one draw from the prior has them"
    row = material.varied_rows(1)[0]
    mean = material.encoded.means[row]
    if columns.kind == "bits":
        z = (mean > 0.5).to(mean)
    else:
        parts = mean.flatten().split(columns.sizes)
        z = torch.cat([torch.nn.functional.one_hot(p.argmax(), len(p)) for p in parts]).to(mean).reshape(mean.shape)
    return z, f"at what is most probable for {material.row_title(row)}"


def states_of(z: Tensor, begin: int, size: int) -> tuple[int, Tensor]:
    """Which state of a latent z (columns,) has, and z with each of them: (states, columns)."""
    if size == 1:
        zs = z.repeat(2, 1)
        zs[:, begin] = torch.arange(2).to(z)
        return int(z[begin]), zs
    zs = z.repeat(size, 1)
    zs[:, begin : begin + size] = torch.eye(size).to(z)
    return int(z[begin : begin + size].argmax()), zs
