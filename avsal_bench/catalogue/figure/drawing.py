"""A diagram as a picture in SVG: read from top to bottom, on phones too, and in the dark."""

from __future__ import annotations

from html import escape
from itertools import pairwise

from avsal_bench.catalogue.figure.boxes import TIMES, Box, Diagram
from avsal_bench.catalogue.figure.layering import Layout, Node, layout
from avsal_bench.catalogue.numbers import shortened

#: Height of a box, radius of a join, space between rows, and around everything.
HEIGHT, RADIUS, ROW, MARGIN = 58, 13, 34, 16
#: Width of a letter of each line of a box; of the narrowest box, and the narrowest picture.
LETTER, SMALL, NARROWEST, NARROW = 7.9, 6.3, 104, 340
#: Letters of a title or a class that are shown.
LONGEST = 26
#: What each colour says.
LEGEND = {
    "picture": "picture",
    "sound": "sound",
    "fusion": "picture and sound",
    "decoder": "made larger again",
    "own": "neither picture nor sound",
}

STYLE = """svg{font-family:system-ui,sans-serif;background:#fff}
.t{font-weight:600;font-size:13px}.s{font-size:11px}text{fill:#1b1f2a;text-anchor:middle}
.l text,.n{text-anchor:start;font-size:11px}
rect,circle,.x{stroke-width:1.3;fill:#eee;stroke:#888}
.picture{fill:#dce8fb;stroke:#3c72c4}.sound{fill:#ffe6c7;stroke:#d2790a}.fusion{fill:#ecdcf8;stroke:#8a45b8}
.decoder{fill:#d9f0de;stroke:#2f8f4e}.own{fill:#eceef1;stroke:#7b8494}
path{fill:none;stroke-width:1.7}.e{stroke:#7b8494}.again{stroke-dasharray:5 4}
.e.picture{fill:none;stroke:#3c72c4}.e.sound{fill:none;stroke:#d2790a}.e.fusion{fill:none;stroke:#8a45b8}
.e.decoder{fill:none;stroke:#2f8f4e}.e.own{fill:none}marker path{stroke:none;fill:#5d6675}
@media(prefers-color-scheme:dark){svg{background:#1b1f2a}text{fill:#eef1f7}
.picture{fill:#1d3557;stroke:#7fb0f5}.sound{fill:#523409;stroke:#ffb35c}.fusion{fill:#43245c;stroke:#cf9af2}
.decoder{fill:#17452a;stroke:#74d394}.own{fill:#343a46;stroke:#9aa3b2}.e{stroke:#9aa3b2}
.e.picture{stroke:#7fb0f5}.e.sound{stroke:#ffb35c}.e.fusion{stroke:#cf9af2}.e.decoder{stroke:#74d394}
marker path{fill:#b6bfcc}}"""


def svg(diagram: Diagram, title: str) -> str:
    """The picture of a diagram.

    Args:
        diagram: what is drawn.
        title: for those who do not see it.
    """
    boxes = {box.key: box for box in diagram.boxes}
    widths = {key: _width(box, diagram) for key, box in boxes.items()}
    placed = layout([*boxes], diagram.edges, widths)
    rows, bottom = _bands(placed, boxes)
    right = max([placed.x[key] + widths[key] / 2 for key in boxes] + [*placed.x.values()])
    lanes = {edge: right + 18 + 12 * n for n, edge in enumerate(placed.back)}
    width = max([right, *lanes.values(), NARROW]) + 2 * MARGIN
    aside = MARGIN if lanes else (width - right) / 2
    roles = [role for role in LEGEND if any(box.role == role for box in boxes.values())]
    height = bottom + 30 + 18 * -(-len(roles) // 2) + MARGIN

    def at(node: Node) -> float:
        return placed.x[node] + aside

    def middle(key: str) -> float:
        return sum(rows[key]) / 2

    parts = []
    for (a, b), way in placed.ways.items():
        start, end = at(a) + _port(placed, a, b, True, widths), at(b) + _port(placed, b, a, False, widths)
        points = [(start, middle(a) + _size(boxes[a]) / 2), (start, rows[a][1])]
        for node in way[1:-1]:
            points += [(at(node), rows[node][0]), (at(node), rows[node][1])]
        points += [(end, rows[b][0]), (end, middle(b) - _size(boxes[b]) / 2 - 3)]
        parts.append(_path(_curve(points), boxes[a].role))
    for (a, b), lane in lanes.items():
        ends = ((at(a) + widths[a] / 2, middle(a)), (at(b) + widths[b] / 2, middle(b)))
        parts.append(_path(_round(*ends, lane + MARGIN), f"{boxes[a].role} again"))
    for key, box in boxes.items():
        parts += _drawn(box, at(key), middle(key), widths[key], diagram)
    parts += _legend(roles, bottom + 20)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img">'
    arrow = (
        '<defs><marker id="a" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="5" markerHeight="5" orient="auto">'
        '<path d="M0 0L8 4L0 8z"/></marker></defs>'
    )
    return (
        "\n".join([head, f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", arrow, *parts, "</svg>"]) + "\n"
    )


def _lines(box: Box, diagram: Diagram) -> list[str]:
    """What stands in a box: its name, what it is, and the shape of what it gives."""
    if box.kind == "join":
        return [box.title]
    often = f" {TIMES}{box.calls}" if box.calls > 1 else ""
    lines = [_cut(box.title) + often]
    if box.parameters:
        share = 100 * box.parameters / diagram.parameters
        percent = f"{share:.0f} %" if share >= 1 else "<1 %"
        lines.append(f"{_cut(box.what)}, {shortened(box.parameters).replace(' ', '')} ({percent})")
    return [*lines, TIMES.join(map(str, box.shape))] if box.shape else lines


def _cut(text: str) -> str:
    """A name of at most so many letters: the last of its parts."""
    names = text.split(".")
    while len(names) > 1 and len(".".join(names)) > LONGEST:
        names = names[1:]
    short = ".".join(names)[-LONGEST:]
    return short if short == text else f"…{short}"


def _width(box: Box, diagram: Diagram) -> float:
    if box.kind == "join":
        return 2 * RADIUS
    title, *rest = _lines(box, diagram)
    return max(NARROWEST, LETTER * len(title) + 18, *(SMALL * len(line) + 18 for line in rest))


def _size(box: Box) -> float:
    return 2 * RADIUS if box.kind == "join" else HEIGHT - (18 if box.kind != "part" else 0)


def _bands(placed: Layout, boxes: dict[str, Box]) -> tuple[dict[Node, tuple[float, float]], float]:
    """Top and bottom of the row of everything, and of the last row; a row of joins is lower than one of parts."""
    bands: dict[Node, tuple[float, float]] = {}
    at = float(MARGIN)
    for row in placed.rows:
        high = max(_size(boxes[v]) if isinstance(v, str) else 0 for v in row)
        bands.update(dict.fromkeys(row, (at, at + high)))
        at += high + ROW
    return bands, at - ROW


def _port(placed: Layout, here: str, other: str, leaving: bool, widths: dict[str, float]) -> float:
    """How far from the middle of a box an edge begins or ends: side by side, in the order of where they come from."""
    ways = [way for (a, b), way in placed.ways.items() if here == (a if leaving else b)]
    ends = sorted(ways, key=lambda way: placed.x[way[1] if leaving else way[-2]])
    mine = next(n for n, way in enumerate(ends) if other == (way[-1] if leaving else way[0]))
    span = min(widths[here] * 0.6, 16.0 * (len(ends) - 1))
    return 0.0 if len(ends) == 1 else span * (mine / (len(ends) - 1) - 0.5)


def _path(d: str, kind: str) -> str:
    return f'<path class="e {kind}" d="{d}" marker-end="url(#a)"/>'


def _curve(points: list[tuple[float, float]]) -> str:
    """Through all points, upright in each."""
    d = "M{:.0f} {:.0f}".format(*points[0])
    for (x0, y0), (x1, y1) in pairwise(points):
        half = (y0 + y1) / 2
        if abs(x0 - x1) >= 1:
            d += f"C{x0:.0f} {half:.0f} {x1:.0f} {half:.0f} {x1:.0f} {y1:.0f}"
        elif y1 > y0:
            d += f"V{y1:.0f}"
    return d


def _round(start: tuple[float, float], end: tuple[float, float], lane: float) -> str:
    """From the right side of a box to a lane at the right, and in it up to another box."""
    (x0, y0), (x1, y1) = start, end
    return (
        f"M{x0:.0f} {y0 + 8:.0f}C{lane:.0f} {y0 + 8:.0f} {lane:.0f} {y0 + 8:.0f} {lane:.0f} {y0 - 20:.0f}"
        f"V{y1 + 20:.0f}C{lane:.0f} {y1:.0f} {lane:.0f} {y1:.0f} {x1 + 3:.0f} {y1:.0f}"
    )


def _drawn(box: Box, x: float, y: float, width: float, diagram: Diagram) -> list[str]:
    lines = _lines(box, diagram)
    if box.kind == "join":
        size = 17 if len(box.title) == 1 and box.title != "C" else 11
        return [
            f'<circle class="{box.role}" cx="{x:.0f}" cy="{y:.0f}" r="{RADIUS}"/>',
            f'<text x="{x:.0f}" y="{y + size / 3:.0f}" style="font-size:{size}px">{escape(box.title)}</text>',
        ]
    high = _size(box)
    radius = 5 if box.kind == "part" else high / 2
    top = y - high / 2
    parts = [
        f'<rect class="{box.role}" x="{x - width / 2:.0f}" y="{top:.0f}" width="{width:.0f}" '
        f'height="{high:.0f}" rx="{radius:.0f}"/>'
    ]
    first = y - 15.5 * (len(lines) - 1) / 2 + 4.5
    for n, line in enumerate(lines):
        parts.append(f'<text class="{"s" if n else "t"}" x="{x:.0f}" y="{first + 15.5 * n:.0f}">{escape(line)}</text>')
    return parts


def _legend(roles: list[str], y: float) -> list[str]:
    parts = ['<g class="l">']
    for n, role in enumerate(roles):
        x, line = MARGIN + 155 * (n % 2), y + 18 * (n // 2)
        parts.append(f'<rect class="{role}" x="{x}" y="{line:.0f}" width="12" height="12" rx="3"/>')
        parts.append(f'<text x="{x + 18}" y="{line + 10:.0f}">{LEGEND[role]}</text>')
    return [*parts, "</g>"]
