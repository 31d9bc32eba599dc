"""The page ``leaderboard/index.html``: one file that needs no server and loads nothing but films that are played."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from avsal_bench.leaderboard.disagreements import Reasons
from avsal_bench.leaderboard.films.film_form import FilmList
from avsal_bench.leaderboard.films.film_places import page_films
from avsal_bench.leaderboard.page.board import COMPARED_ROWS, RANKED_SETS, Board, overall
from avsal_bench.leaderboard.page.film_page import film_data, shown_films
from avsal_bench.leaderboard.page.latex_names import cited_names
from avsal_bench.leaderboard.page.network_cards import network_cards
from avsal_bench.leaderboard.page.network_table import cost_table
from avsal_bench.leaderboard.page.overview.clip_strip import clip_strip
from avsal_bench.leaderboard.page.overview.field_figure import AXES, field_figures, known
from avsal_bench.leaderboard.page.overview.field_points import field_sets
from avsal_bench.leaderboard.page.page_parts import asset, json_block, packed_text, policy
from avsal_bench.leaderboard.page.panels import PICTURES, index, packed, pictures
from avsal_bench.leaderboard.page.paper_tables import claims_table, disagreement_tables, not_built_table, paper_sets
from avsal_bench.leaderboard.page.parts.metric_words import METRIC_WORDS
from avsal_bench.leaderboard.page.parts.naming import paper_cell
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
    *("sortable.min.js", "details.js", "charts.js", "films.js", "panel.js"),
    *("paired.js", "chosen_latex.js", "choice.js", "compare.js", "page.js"),
)
#: A library that is packed, as it is run for the first plot only.
PLOTS = "chart.umd.min.js"


def html_page(board: Board, films: Sequence[tuple[str, FilmList]] | None = None) -> str:
    """The page of a leaderboard.

    Same input, same text. What the panels of rows show, and then pictures beside records, are put in as long as there
    is room; the page says what was left out.

    Args:
        board: what is shown.
        films: as :func:`~avsal_bench.leaderboard.films.film_places.page_films` finds them in its folder, where they are
            known already.
    """
    films = page_films(board.folder) if films is None else films
    shown = [(found, shown_films(found, place)) for place, found in films]
    tabs = render("tabs.html", alpha=f"{ALPHA:g}", compared=COMPARED_ROWS, films=shown, **_tabs(board))
    style = asset("style.css") + asset("compare.css") + asset("films.css") + _metric_rules()
    scripts, plots = [asset(name) for name in SCRIPTS], asset(PLOTS)
    data = json_block("data", index(board) | {"cited": cited_names(board)})
    played, library = json_block("films", _film_block(films)), json_block("chart", packed_text(plots))
    room = LARGEST - sum(map(_size, [tabs, style, *scripts, data, played, library])) - REST
    details, untold = packed(board, room)
    room -= sum(len(name) + len(text) for name, text in details.items())
    pasted = pictures(board, max(0, min(PICTURES, room)))
    return render(
        "page.html",
        policy=policy(style, [*scripts, plots], bool(films)),
        style=style,
        scripts=scripts,
        metrics=METRICS,
        tabs=tabs,
        data=[data, played, library, json_block("details", details), json_block("pictures", pasted)],
        untold=untold,
        shown=sum(map(len, pasted["shown"].values())),
        left=sum(map(len, pasted["left"].values())),
        records=board.records,
        networks=len({row.head.network for group in board.groups for row in group.rows}),
        scores=len(board.lines),
        papers=len({line["paper"] for line in board.lines}),
    )


def _film_block(films: Sequence[tuple[str, FilmList]]) -> dict[str, Any]:
    """What the page's scripts know of films: ``films`` by key, and ``rows``, the keys by the name of the row."""
    known: dict[str, Any] = {}
    rows: dict[str, list[str]] = {}
    for place, found in films:
        values = film_data(found, place)
        known |= values
        rows.setdefault(found.row, []).extend(values)
    return {"films": known, "rows": rows}


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
        "cards": network_cards(),
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


def _metric_rules() -> str:
    """Style that leaves only the columns and lines of the chosen metric."""
    rules = []
    for metric in METRICS:
        others = ", ".join(f".{other}" for other in METRICS if other != metric)
        rules += [f'[data-shown="{metric}"] [data-metric]:not([data-metric="{metric}"])']
        rules += [f'[data-shown="{metric}"] td:is({others})']
    return ",\n".join(rules) + " { display: none; }\n"


def _size(text: str) -> int:
    return len(text.encode())
