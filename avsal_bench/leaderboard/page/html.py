"""The page ``leaderboard/index.html``: one file that needs no server and loads nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from avsal_bench.leaderboard.disagreements import Reasons
from avsal_bench.leaderboard.page.board import COMPARED_ROWS, RANKED_SETS, Board, overall
from avsal_bench.leaderboard.page.latex_names import cited_names
from avsal_bench.leaderboard.page.metric_words import METRIC_WORDS
from avsal_bench.leaderboard.page.naming import paper_cell
from avsal_bench.leaderboard.page.network_table import cost_table
from avsal_bench.leaderboard.page.overview.clip_strip import clip_strip
from avsal_bench.leaderboard.page.overview.field_figure import AXES, field_figures, known
from avsal_bench.leaderboard.page.overview.field_points import field_sets
from avsal_bench.leaderboard.page.panels import PICTURES, index, packed, pictures
from avsal_bench.leaderboard.page.paper_tables import claims_table, disagreement_tables, not_built_table, paper_sets
from avsal_bench.leaderboard.page.rendering import render
from avsal_bench.leaderboard.page.science.science_tab import science
from avsal_bench.leaderboard.page.score_tables import mean_ranks, reproduction_tables, score_sets
from avsal_bench.leaderboard.page.set_pages import set_pages
from avsal_bench.leaderboard.significance import ALPHA
from avsal_bench.records import METRICS

#: Characters that the page may have: it is to open at once, also from a slow line.
LARGEST = 5_000_000
#: Of these, those left for the page around its tables, scripts and data.
REST = 20_000
SCRIPTS = (
    *("sortable.min.js", "chart.umd.min.js", "charts.js", "details.js", "panel.js"),
    *("paired.js", "chosen_latex.js", "choice.js", "compare.js", "page.js"),
)


def html_page(board: Board) -> str:
    """The page of a leaderboard.

    Same input, same text. What the panels of rows show, and then pictures beside records, are put in as long as there
    is room; the page says what was left out.
    """
    tabs = render("tabs.html", alpha=f"{ALPHA:g}", compared=COMPARED_ROWS, **_tabs(board))
    style = _asset("style.css") + _asset("compare.css") + _metric_rules()
    scripts = [_asset(name) for name in SCRIPTS]
    data = _json_block("data", index(board) | {"cited": cited_names(board)})
    room = LARGEST - sum(map(_size, [tabs, style, *scripts, data])) - REST
    details, untold = packed(board, room)
    room -= sum(len(name) + len(text) for name, text in details.items())
    pasted = pictures(board, max(0, min(PICTURES, room)))
    return render(
        "page.html",
        policy=_policy(style, scripts),
        style=style,
        scripts=scripts,
        metrics=METRICS,
        tabs=tabs,
        data=[data, _json_block("details", details), _json_block("pictures", pasted)],
        untold=untold,
        shown=sum(map(len, pasted["shown"].values())),
        left=sum(map(len, pasted["left"].values())),
        records=board.records,
        networks=len({row.head.network for group in board.groups for row in group.rows}),
        scores=len(board.lines),
        papers=len({line["paper"] for line in board.lines}),
    )


def _tabs(board: Board) -> dict[str, Any]:
    """What the tabs show; None or nothing where there is none."""
    measured, synthetic = board.of_kind(synthetic=False), board.of_kind(synthetic=True)
    reasons, facts = Reasons(board.lines), board.facts
    return {
        "overall": [mean_ranks(found, facts) for found in overall(measured)],
        "measured": score_sets(measured, facts, losses=board.losses),
        "published": paper_sets(board.papers, reasons, board.not_built, facts),
        "disagreements": disagreement_tables(board.lines, facts),
        "claims": claims_table([*board.lines, *board.ablations], facts),
        "not_built": not_built_table(board.not_built, facts),
        "reproduced": reproduction_tables(board, reasons),
        "synthetic": score_sets(synthetic, facts, board.hearing, board.losses),
        "cost": cost_table(board),
        "field": _field(board),
        "clips": clip_strip(facts),
        "science": science(board),
        "sets": set_pages(board),
        "metric_words": METRIC_WORDS.values(),
        "ranked_sets": {kind: [facts.dataset(name).title for name in names] for kind, names in RANKED_SETS.items()},
        "cited": lambda key: paper_cell(facts, [key]).text,
    }


def _field(board: Board) -> dict[str, Any]:
    """The figure of the first screen; axes that nothing is known of are left out."""
    sets = field_sets(board)
    figures = field_figures(sets)
    return {
        "sets": sets,
        "figures": figures,
        "axes": [axis for axis in AXES if axis.name in figures],
        "known": {name: known(sets, name) for name in figures},
        "measured": sum(found.count("measured") for found in sets),
    }


def _asset(name: str) -> str:
    text = (files(__name__.rpartition(".")[0]) / "assets" / name).read_text(encoding="utf-8")
    return re.sub(r"^//# sourceMappingURL=.*\n?", "", text, flags=re.MULTILINE)


def _metric_rules() -> str:
    """Style that leaves only the columns and lines of the chosen metric."""
    rules = []
    for metric in METRICS:
        others = ", ".join(f".{other}" for other in METRICS if other != metric)
        rules += [f'[data-shown="{metric}"] [data-metric]:not([data-metric="{metric}"])']
        rules += [f'[data-shown="{metric}"] td:is({others})']
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


def _json_block(name: str, value: Any) -> str:
    """Plain values for the page's scripts; nothing in them can end the block."""
    plain = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, sort_keys=True)
    return f'<script type="application/json" id="{name}">{plain.replace("<", chr(92) + "u003c")}</script>'
