"""The page ``leaderboard/index.html``: one file that needs no server and loads nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from avsal_bench.leaderboard.page.board import Board, overall, read_board
from avsal_bench.leaderboard.page.html_tables import cost_table, overall_sections, reproduction_table, score_sections
from avsal_bench.leaderboard.page.html_text import json_block
from avsal_bench.leaderboard.page.panels import PICTURES, panels, pictures
from avsal_bench.leaderboard.page.published import Reasons, disagreement_table, not_built_table, published_sections
from avsal_bench.leaderboard.significance import ALPHA
from avsal_bench.records import METRICS

#: Characters that the page may have: it is to open at once, also from a slow line.
LARGEST = 5_000_000
SCRIPTS = ("sortable.min.js", "chart.umd.min.js", "charts.js", "panel.js", "page.js")


def html_page(folder: Path) -> str:
    """The page of the leaderboard in ``folder``, from ``records``, ``published.csv`` and what lies beside them.

    Same input, same text. Pictures beside records are put in as long as there is room; the page says what was left out.

    Args:
        folder: with ``records/<protocol>/<set>/*.json`` (or none), ``published.csv``, and where there are such
            ``not_built.csv`` and ``networks.csv``.

    Raises:
        ValueError: naming a file that is no record, two files that claim one row, or a line that cannot be read.
        OSError: when the folder has no ``published.csv``.
    """
    board = read_board(folder)
    parts = _parts(board)
    style = _asset("style.css") + _metric_rules()
    scripts = [_asset(name) for name in SCRIPTS]
    data = json_block("data", panels(board))
    said = {
        "policy": _policy(style, scripts),
        "style": style,
        "scripts": "\n".join(f"<script>{script}</script>" for script in scripts),
        "metrics": "".join(f"<option>{escape(metric)}</option>" for metric in ("all", *METRICS)),
        "alpha": f"{ALPHA:g}",
        "samples": "10 000",
        **parts,
    }
    room = LARGEST - sum(map(_size, [data, *said.values()])) - 100_000
    shown = pictures(board, max(0, min(PICTURES, room)))
    said["data"] = data + "\n" + json_block("pictures", shown)
    n_shown, n_left = (sum(map(len, shown[which].values())) for which in ("shown", "left"))
    said["pictures"] = f"{n_shown} of {n_shown + n_left} pictures are in this page." if n_left else ""
    return Template(_asset("page.html")).substitute(said)


def _parts(board: Board) -> dict[str, str]:
    """The contents of the tabs."""
    measured, synthetic = board.of_kind(synthetic=False), board.of_kind(synthetic=True)
    reasons = Reasons(board.lines)
    papers = {line["paper"] for line in board.lines}
    networks = {row.head.network for group in board.groups for row in group.rows}
    clashes = _section("disagreements", "Where papers disagree", CLASHES, disagreement_table(board.lines))
    absent = ""
    if board.not_built:
        absent = _section("not built", "Not built here", ABSENT, not_built_table(board.not_built), "set prose")
    done = f"{len(networks)} networks in {board.records} records of this code" if board.records else "no record yet"
    return {
        "summary": (
            f"{done}, and {len(board.lines)} scores from {len(papers)} papers. One protocol a table, per-video scores "
            "and the whole story behind every row."
        ),
        "measured": _or(
            "".join([*overall_sections(overall(measured)), *score_sections(measured, losses=board.losses)]),
            NO_RECORD,
            LEGEND,
        ),
        "published": "".join([*published_sections(board.papers, reasons, board.not_built), clashes, absent]),
        "reproduced": _or(reproduction_table(board, reasons), NO_PAIR, PAIRS),
        "synthetic": _or("".join(score_sections(synthetic, board.hearing, board.losses)), NO_SYNTHETIC, LEGEND),
        "cost": _or(cost_table(board), NO_COST),
    }


def _section(name: str, title: str, words: str, table: str, classes: str = "set") -> str:
    return f'<section class="{classes}" data-dataset="{name}"><h3>{title}</h3>\n<p>{words}</p>\n{table}</section>\n'


def _or(table: str, otherwise: str, words: str = "") -> str:
    return words + table if table else otherwise


def _asset(name: str) -> str:
    text = (files("avsal_bench.leaderboard.page") / "assets" / name).read_text(encoding="utf-8")
    return re.sub(r"^//# sourceMappingURL=.*\n?", "", text, flags=re.MULTILINE)


def _metric_rules() -> str:
    """Style that leaves only the columns and lines of the chosen metric."""
    rules = [f'[data-shown="{m}"] [data-metric]:not([data-metric="{m}"])' for m in METRICS]
    return ",\n".join(rules) + " { display: none; }\n"


def _policy(style: str, scripts: Sequence[str]) -> str:
    """A content security policy under which nothing is loaded, and nothing runs but what is in the page."""
    allowed = " ".join(_hash(script) for script in scripts)
    return (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {allowed}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _size(text: str) -> int:
    return len(text.encode())


LEGEND = (
    "<p>Small print: \u00b1 standard deviation over seeds, and 95 % interval over videos. <strong>Bold</strong>: the "
    'best. <span class="like">\u2248</span>: not significantly different from the best. A name opens the story of its '
    "row.</p>\n"
)
NO_RECORD = (
    '<p class="empty">No record of a real data set yet. To fill this page: lay out a data set as <code>docs/</code> '
    "says, set <code>AVSAL_DATA</code> to its root, type <code>make bench MODEL=&lt;name&gt;</code>, then "
    "<code>make leaderboard</code>. Until then, the other tabs have what papers print.</p>\n"
)
NO_SYNTHETIC = (
    '<p class="empty">No record yet: <code>make bench MODEL=&lt;name&gt;</code> without <code>AVSAL_DATA</code> makes '
    "some in minutes.</p>\n"
)
NO_PAIR = (
    '<p class="empty">No network has both a published score and a complete measured row of the same data set yet.</p>\n'
)
PAIRS = (
    "<p>Complete measured rows beside what papers print for the same method, modality and data set; the difference is "
    "measured less published. <em>inside</em>: the published score lies in the 95 % interval of ours. Protocols of "
    "papers often differ from ours or are not stated, so a difference can be the protocol's.</p>\n"
)
NO_COST = '<p class="empty">Nothing is known of size and speed: <code>networks.csv</code> is not there.</p>\n'
CLASHES = (
    "The same method, modality, pre-training, data set and metric, printed with values that no one number can have "
    "given, each rounded to the digits it prints. A paper that does not state the pre-training is compared with each "
    "that does."
)
ABSENT = (
    "Marked \u00b6 in the tables: methods without a network here. No code of theirs was found, and their papers could "
    "not be read in full."
)
