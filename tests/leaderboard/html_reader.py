"""A page of HTML, read for tests."""

import base64
import json
import zlib
from html.parser import HTMLParser


class Page(HTMLParser):
    """Tables of a page by caption, with the tab they are in; and every attribute that could load something."""

    VOID = frozenset({"meta", "link", "input", "br", "img"})

    def __init__(self, text):
        super().__init__()
        self.open, self.tables, self.loads, self.ids, self.links, self.blocks = [], [], [], [], [], {}
        self.marks, self.tips = [], []
        self.cell, self.block = None, None
        self.feed(text)
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in self.VOID:
            self.open.append((tag, given))
        if "id" in given:
            self.ids.append(given["id"])
        assert not [name for name in given if name.startswith("on") or name == "style"]
        self.loads += [(tag, given[name]) for name in ("src", "srcset", "data", "action") if name in given]
        if tag == "link":
            self.loads.append((tag, given["href"]))
        if tag == "a":
            self.links.append(given["href"])
        if tag == "button" and given.get("class") == "mark":
            self.marks.append(given["title"])
        if tag in ("button", "img"):
            self.tips += [given[name] for name in ("title", "alt") if name in given]
        if tag == "table":
            tab = next(g["id"] for t, g in self.open if t == "section" and g.get("class") == "tab")
            self.tables.append({"tab": tab, "caption": "", "rows": [], "lines": []})
        if tag == "tr":
            self.tables[-1]["rows"].append([])
            self.tables[-1]["lines"].append(given)
        if tag in ("td", "th"):
            self.cell = ""
        if tag == "script" and given.get("type") == "application/json":
            self.block = given["id"]

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag
        if tag in ("td", "th"):
            self.tables[-1]["rows"][-1].append(self.cell)
            self.cell = None
        if tag == "script":
            self.block = None

    def handle_data(self, data):
        if self.open and self.open[-1][0] == "caption":
            self.tables[-1]["caption"] += data
        if self.cell is not None:
            self.cell += data
        if self.block:
            self.blocks[self.block] = json.loads(data)

    def part(self, name):
        """Values of a packed part of what panels show."""
        value = json.loads(zlib.decompress(base64.b64decode(self.blocks["details"][name])))
        kind = name.partition("/")[0]
        whole = {"rows": _whole_row, "pairs": _whole_pairs}.get(kind)
        return {key: whole(one) for key, one in value.items()} if whole else value

    def rows(self):
        """What the panels of all rows show, by their names."""
        names = [name for name in self.blocks["details"] if name.startswith("rows/")]
        return {row: panel for name in names for row, panel in self.part(name).items()}

    def table(self, start):
        return next(t for t in self.tables if t["caption"].startswith(start))


def _whole_row(panel):
    """As ``assets/details.js`` makes it."""
    scores = {}
    for metric, (value, std, below, above) in panel["scores"].items():
        ends = [below, above] if None in (value, below, above) else [value - below, value + above]
        scores[metric] = [None if x is None else x / 1e6 for x in (value, std, *ends)]
    of_videos = {
        metric: [None if x is None else (mean + x) / 1e4 for x in rest]
        for metric, (mean, *rest) in panel["videos"]["scores"].items()
    }
    return {
        **panel,
        "scores": scores,
        "videos": {**panel["videos"], "scores": of_videos},
        "time": _curves(panel["time"]),
        "lost": [[sound, _curves(of)] for sound, of in panel["lost"]],
    }


def _curves(of):
    return {metric: [_summed(line) for line in lines] for metric, lines in of.items()}


def _summed(line):
    at, found = 0, []
    for step in line:
        at += step or 0
        found.append(None if step is None else at)
    return found


def _whole_pairs(columns):
    count, rest, *others = columns
    order = [(i, j) for i in range(count) for j in range(i + 1, count)]
    to_first = [0, *(x or 0 for x in rest[: count - 1])]
    kept = [n for n, _ in enumerate(order) if rest[n] is not None]
    differences = [
        (rest[n] + (to_first[order[n][1]] - to_first[order[n][0]] if order[n][0] else 0)) / 1e4 for n in kept
    ]
    first, second = ([order[n][k] for n in kept] for k in (0, 1))
    return [first, second, differences, *([column[n] for n in kept] for column in others)]
