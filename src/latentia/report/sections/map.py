"""The map: where the posterior puts each row, coloured by label."""

import json
from collections.abc import Sequence

import numpy as np

from latentia.report.figures import count, plain
from latentia.report.markup import Markup, join, short, tag
from latentia.report.material import Material
from latentia.report.probe import is_standard_normal
from latentia.report.projection import Plane, project, spread
from latentia.report.section import Section, paragraphs
from latentia.report.svg import Frame, circle, frame, segment, svg, text

SIZE = 600.0
MARGINS = (26.0, 6.0, 26.0, 6.0)
# Colours in the style sheet; labels beyond them begin again as rings.
COLOURS = 10
MOST_CENTRES, MOST_IN_LEGEND = 30, 40
# Half and nineteen twentieths of a standard normal in the plane lie within these radii.
RINGS = ((1.177, "50 %"), (2.448, "95 %"))


def latent_map(material: Material) -> Section:
    """Posterior means in the plane."""
    encoded = material.encoded
    if encoded is None:
        return Section("map", "Map of the latents", paragraphs(material.why_not))
    finite = encoded.means.isfinite().flatten(1).all(1)
    plane = project(encoded.means[finite])
    if plane is None:
        words = "With a single latent, or with all rows at one point, there is no plane to draw."
        return Section("map", "Map of the latents", paragraphs(words))
    rows = finite.nonzero().flatten().tolist()
    labels = [0] * len(rows) if encoded.labels is None else encoded.labels[finite].tolist()
    kinds = sorted(set(labels))
    f = frame(SIZE, SIZE, *spread(plane.points), MARGINS)
    groups = [_group(f, plane, labels, kind, k, material, len(kinds)) for k, kind in enumerate(kinds)]
    rings = _rings(f) if plane.share is None and is_standard_normal(material.content.model, material.given(1)) else Markup()
    picture = svg(
        f,
        "map of the latents",
        _axes(f, plane),
        rings,
        *groups,
        _centres(f, plane, labels, kinds, material),
        css="chart map",
    )
    parts = [tag("div", {"class": "plot"}, picture, _pointer(f, plane, rows, labels, material))]
    if 1 < len(kinds) <= MOST_IN_LEGEND:
        parts.append(_legend(kinds, material))
    return Section(
        "map", "Map of the latents", _caption(material, plane, len(kinds), bool(rings)), tag("div", {"id": "atlas"}, *parts)
    )


def _caption(material: Material, plane: Plane, n_labels: int, rings: bool) -> Markup:
    assert material.encoded is not None
    where = (
        "at its posterior mean"
        if plane.share is None
        else "at its posterior mean, projected onto the plane of largest variance"
    )
    first = f"{count(len(plane.points), material.encoded.split + ' row')}, each a dot {where}."
    if plane.share is not None:
        first += f" The plane (PCA) keeps {plane.share:.0%} of the variance; what looks mixed here may be apart in the rest."
    labels = f"Colour is the label, one of {n_labels}." if n_labels > 1 else ""
    ring = "The rings hold 50 % and 95 % of the prior." if rings else ""
    return join(paragraphs(first, labels, ring), tag("p", {"class": "scripted"}, "Point at a dot to see its row."))


def _css(k: int) -> str:
    return f"c{k % COLOURS}" + (" ring" if k // COLOURS % 2 else "")


def _group(f: Frame, plane: Plane, labels: Sequence[int], kind: int, k: int, material: Material, n_kinds: int) -> Markup:
    """All dots of a label as one path of zero-length strokes: round line ends make the dots."""
    places = [f.at(*plane.points[i]) for i, label in enumerate(labels) if label == kind]
    d = "".join(f"M{short(round(x, 1))} {short(round(y, 1))}h0" for x, y in places)
    title = [tag("title", None, f"label {material.label_name(kind)}")] if n_kinds > 1 else []
    size = " many" if len(labels) > 600 else ""
    strokes = [tag("path", {"class": f"points {_css(k)}{size}", "d": d}, *title)]
    if k // COLOURS % 2:
        strokes.append(tag("path", {"class": f"points hole{size}", "d": d}))
    return join(*strokes)


def _centres(f: Frame, plane: Plane, labels: Sequence[int], kinds: Sequence[int], material: Material) -> Markup:
    """The label's name at the median of its dots."""
    if not 1 < len(kinds) <= MOST_CENTRES:
        return Markup()
    held = np.array(labels)
    out = []
    for k, kind in enumerate(kinds):
        x, y = f.at(*np.median(plane.points[held == kind], axis=0))
        out.append(text(x, y + 6, material.label_name(kind), f"centre {_css(k)}", "middle"))
    return join(*out)


def _axes(f: Frame, plane: Plane) -> Markup:
    across, up = plane.axes
    lines = []
    if plane.share is None and f.x.inside(0) and f.y.inside(0):
        lines.append(segment((f.x(0), f.y.end), (f.x(0), f.y.start), "rule"))
        lines.append(segment((f.x.start, f.y(0)), (f.x.end, f.y(0)), "rule"))
    unit = segment((f.x.start, f.height - 10), (f.x.start + f.x(1) - f.x(0), f.height - 10), "bracket")
    if f.x(1) - f.x(0) < (f.x.end - f.x.start) / 3:
        lines.append(unit)
        lines.append(text(f.x.start + (f.x(1) - f.x(0)) + 8, f.height - 6, f"{plain(1.0)} unit", "tick"))
    return join(*lines, text(f.x.end, f.height - 6, f"{across} →", "tick", "end"), text(0, 14, f"↑ {up}", "tick"))


def _rings(f: Frame) -> Markup:
    out = []
    for radius, name in RINGS:
        long = f.x(radius) - f.x(0)
        out.append(circle(f.at(0, 0), long, "contour"))
        if f.y.inside(-radius):
            out.append(text(f.x(0), f.y(-radius) + 13, name, "aside small halo", "middle"))
    return join(*out)


def _legend(kinds: Sequence[int], material: Material) -> Markup:
    items = (
        tag("li", None, tag("span", {"class": f"swatch {_css(k)}"}), material.label_name(kind))
        for k, kind in enumerate(kinds)
    )
    return tag("ul", {"class": "legend"}, *items)


def _pointer(f: Frame, plane: Plane, rows: Sequence[int], labels: Sequence[int], material: Material) -> Markup:
    """What the script needs to name the dot under the pointer, and a picture of it where there is one."""
    assert material.encoded is not None
    sprite = material.display.sprite(material.encoded.batch.x[rows])
    has_labels = material.encoded.labels is not None
    data = {
        "size": SIZE,
        "split": material.encoded.split,
        "x": [round(f.x(x), 1) for x in plane.points[:, 0]],
        "y": [round(f.y(y), 1) for y in plane.points[:, 1]],
        "row": rows,
        "label": list(labels) if has_labels else None,
        "names": {str(kind): material.label_name(kind) for kind in sorted(set(labels))} if has_labels else None,
        "sprite": None
        if sprite is None
        else {"columns": sprite.columns, "width": sprite.width, "height": sprite.height, "held": sprite.held},
    }
    # "<" is written as an escape, so that no label can close the element.
    script = Markup(json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"))
    lens = tag("div", {"class": "lens", "hidden": True}, tag("canvas", {"class": "thumb"}), tag("span", {"class": "said"}))
    image = Markup()
    if sprite is not None:
        hidden = {"id": "sprite", "class": sprite.css or None, "src": sprite.uri, "alt": "", "hidden": True}
        image = tag("img", hidden)
    return join(lens, image, tag("script", {"type": "application/json", "id": "map-data"}, script))
