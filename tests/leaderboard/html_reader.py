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
        self.open, self.tables, self.loads, self.ids, self.marks, self.links, self.blocks = [], [], [], [], [], [], {}
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
        return json.loads(zlib.decompress(base64.b64decode(self.blocks["details"][name])))

    def rows(self):
        """What the panels of all rows show, by their names."""
        names = [name for name in self.blocks["details"] if name.startswith("rows/")]
        return {row: panel for name in names for row, panel in self.part(name).items()}

    def table(self, start):
        return next(t for t in self.tables if t["caption"].startswith(start))
