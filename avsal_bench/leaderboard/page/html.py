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
from avsal_bench.leaderboard.page.board import COMPARED_ROWS, Board, overall
from avsal_bench.leaderboard.page.latex_names import cited_names
from avsal_bench.leaderboard.page.panels import PICTURES, index, packed, pictures
from avsal_bench.leaderboard.page.paper_tables import claims_table, disagreement_tables, not_built_table, paper_sets
from avsal_bench.leaderboard.page.rendering import render
from avsal_bench.leaderboard.page.score_tables import cost_table, mean_ranks, reproduction_tables, score_sets
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
    reasons = Reasons(board.lines)
    return {
        "overall": [mean_ranks(found) for found in overall(measured)],
        "measured": score_sets(measured, losses=board.losses),
        "published": paper_sets(board.papers, reasons, board.not_built),
        "disagreements": disagreement_tables(board.lines),
        "claims": claims_table([*board.lines, *board.ablations]),
        "not_built": not_built_table(board.not_built),
        "reproduced": reproduction_tables(board, reasons),
        "synthetic": score_sets(synthetic, board.hearing, board.losses),
        "cost": cost_table(board),
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
