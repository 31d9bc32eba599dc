"""Tables of measured and synthetic scores, ranks, reproductions and costs, as HTML."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from html import escape

from avsal_bench.leaderboard.hearing import BASELINES, SOUNDING, Hearing
from avsal_bench.leaderboard.page.board import Board, Group, Overall, reproductions
from avsal_bench.leaderboard.page.html_text import (
    DASH,
    MINUS,
    Cell,
    Column,
    Line,
    amount,
    mark,
    metric_columns,
    number,
    number_cell,
    table,
    text,
)
from avsal_bench.leaderboard.page.panels import row_id, row_label
from avsal_bench.leaderboard.page.published import Reasons
from avsal_bench.leaderboard.sound_losses import LOSSES_TITLE, LOSSES_WORDS, SoundLoss, untested
from avsal_bench.leaderboard.statistics import Interval
from avsal_bench.leaderboard.tables import MAIN_PROTOCOL, Row, categories, protocol_mean
from avsal_bench.records import METRICS


def score_sections(
    groups: Sequence[Group], hearing: Sequence[Hearing] = (), losses: Sequence[SoundLoss] = ()
) -> Iterator[str]:
    """A section a data set and protocol: its scores, and where the videos have them, categories and hearing."""
    for group in groups:
        name = escape(group.dataset) + _protocol(group.protocol)
        filters = f'data-dataset="{escape(group.dataset)}" data-protocol="{escape(group.protocol)}"'
        kind = "synthetic" if group.synthetic else "measured"
        yield f'<section class="set" {filters}><h3 id="{kind}-{escape(group.key)}">{name}</h3>\n'
        yield _score_table(group, kind)
        kinds = categories(record for row in group.rows for record in row.records)
        if kinds:
            yield f"<h4>CC by kind of scene</h4>\n{_category_table(group, kinds, kind)}"
        asked = [h for h in hearing if (h.dataset, h.protocol) == (group.dataset, group.protocol)]
        if asked and group.synthetic:
            yield _hearing_section(asked, group)
        if lost := [one for one in losses if (one.dataset, one.protocol) == (group.dataset, group.protocol)]:
            yield _losses_section(lost, group, kind)
        yield "</section>\n"


def overall_sections(found: Sequence[Overall]) -> Iterator[str]:
    """A table of mean ranks a protocol."""
    for overall in found:
        filters = f'data-dataset="overall" data-protocol="{escape(overall.protocol)}"'
        yield f'<section class="set" {filters}><h3 id="overall-{escape(overall.protocol)}">'
        yield f"Overall: mean rank{_protocol(overall.protocol)}</h3>\n"
        sets = ", ".join(map(escape, overall.datasets))
        yield (
            f"<p>Mean over {sets} of a network's rank among the {len(overall.ranked)} networks that have complete rows "
            f"on all {len(overall.datasets)} of them; 1 is best. The small print has the ranks in the order of these "
            "sets.</p>\n"
        )
        if overall.missing:
            said = "; ".join(f"{name} lacks {', '.join(sets)}" for name, sets in overall.missing.items())
            yield f"<p>Not ranked: {escape(said)}.</p>\n"
        columns = [Column("Network"), Column("Modality"), Column("Preset")]
        columns += [Column(metric, metric, numbers=True, less_is_better=True) for metric in METRICS]
        body = []
        for ranked in overall.ranked:
            cells = _names(ranked.row, "")
            for metric in METRICS:
                mean, ranks = ranked.mean(metric), ranked.ranks[metric]
                each = " ".join(DASH if math.isnan(rank) else f"{rank:g}" for rank in ranks)
                shown = DASH if math.isnan(mean) else f"{mean:.2f}"
                cells.append(number_cell(mean, metric, f'{shown} <span class="ci">{each}</span>'))
            body.append(Line(cells, _filters(ranked.row)))
        yield table(f"Mean rank over data sets, protocol {overall.protocol}", columns, [body], sorted_by="CC")
        yield "</section>\n"


def reproduction_table(board: Board, reasons: Reasons) -> str:
    """Published scores beside ours, one line a score, or "" where no network has both."""
    columns = [
        Column("Network"),
        Column("Data set"),
        Column("Metric"),
        Column("Published", numbers=True),
        Column("Measured", numbers=True),
        Column("95 %", numbers=True),
        Column("Difference", numbers=True),
        Column("As printed"),
        Column("Paper"),
        Column("Preset"),
        Column("Protocol"),
    ]
    body = []
    for row, paper in reproductions(board):
        for metric in METRICS:
            if metric in paper.cells and not math.isnan(row.scores[metric].value):
                cell, ours = paper.cells[metric], row.scores[metric]
                gap = ours.value - cell.value
                inside = ours.low <= cell.value <= ours.high
                shown = number(gap, metric, sign=True) + (' <span class="like">inside</span>' if inside else "")
                cells = [
                    _link(row, row_label(row)),
                    text(row.head.dataset),
                    text(metric),
                    Cell(cell.text + reasons.marks(paper, metric), cell.text),
                    number_cell(ours.value, metric),
                    number_cell(ours.low, metric, _bounds(ours.low, ours.high, metric)),
                    number_cell(gap, metric, shown),
                    *map(text, (paper.variant, ", ".join(paper.papers), row.head.preset, row.head.protocol)),
                ]
                filters = {"metric": metric, "training": paper.pretrain, "dataset": row.head.dataset}
                body.append(Line(cells, _filters(row) | filters))
    return table("Published scores beside measured ones", columns, [body]) if body else ""


def cost_table(board: Board) -> str:
    """Size and speed of every network that something is known of, or ""."""
    columns = [Column("Network"), Column("Modality")]
    columns += [Column(name, numbers=True) for name in ("Parameters", "MACs a window", "Seconds a window")]
    body = []
    for (model, modality), cost in board.costs.items():
        cells = [text(model), text(modality or DASH)]
        for value, unit in ((cost.parameters, ""), (cost.macs, ""), (cost.seconds, " s")):
            cells.append(Cell(amount(value, unit), "" if value is None else f"{value:.6g}"))
        body.append(Line(cells, {"modality": modality or "none"}))
    return table("Size and speed of the networks", columns, [body]) if body else ""


def _score_table(group: Group, kind: str) -> str:
    columns = [
        Column("Network"),
        Column("Modality"),
        Column("Preset"),
        *metric_columns(),
        Column("Folds"),
        Column("Seeds"),
    ]
    newest = max(row.version for row in group.rows)
    best = {metric: group.best(metric) for metric in METRICS}
    worse = {metric: group.worse_than_best(metric) for metric in METRICS}
    bodies: tuple[list[Line], list[Line]] = ([], [])
    for row in group.rows:
        place = group.complete.index(row) if row.complete else None
        cells = _names(row, _marks(row, newest))
        for metric in METRICS:
            like = place is not None and worse[metric].get(place) is False
            cells.append(_score_cell(row, metric, place is not None and place == best[metric], like))
        folds = ", ".join(map(str, row.folds)) + ("" if row.complete else " <em>incomplete</em>")
        seeds = ", ".join(map(str, row.seeds))
        if row.left_out:
            seeds += mark("…", f"seeds {', '.join(map(str, row.left_out))} have other folds and do not count")
        bodies[0 if row.complete else 1].append(Line([*cells, Cell(folds), Cell(seeds)], _filters(row)))
    title = f"{group.dataset}, protocol {group.protocol}, {kind} scores"
    return table(title, columns, bodies, sorted_by="CC")


def _score_cell(row: Row, metric: str, best: bool, like_best: bool) -> Cell:
    s = row.scores[metric]
    shown = number(s.value, metric)
    if best:
        shown = f'<strong>{shown}</strong><span class="said"> best</span>'
    elif like_best:
        shown += '<span class="like" title="not significantly different from the best">≈</span>'
    if not math.isnan(s.std):
        shown += f' <span class="std">±{number(s.std, metric)}</span>'
    if not math.isnan(s.low):
        shown += f' <span class="ci">{_bounds(s.low, s.high, metric)}</span>'
    return number_cell(s.value, metric, shown)


def _category_table(group: Group, kinds: Sequence[str], kind: str) -> str:
    columns = [Column("Network"), Column("Modality"), Column("Preset"), *(Column(k, numbers=True) for k in kinds)]
    bodies: tuple[list[Line], list[Line]] = ([], [])
    for row in group.rows:
        by_seed = [[r for r in row.records if r.seed == seed] for seed in row.seeds]
        means = [math.fsum(protocol_mean(folds, "CC", k) for folds in by_seed) / len(by_seed) for k in kinds]
        cells = [*_names(row, ""), *(number_cell(mean, "CC") for mean in means)]
        bodies[0 if row.complete else 1].append(Line(cells, _filters(row)))
    return table(f"CC by kind of scene, {group.dataset}, {kind} scores", columns, bodies)


def _hearing_section(asked: Sequence[Hearing], group: Group) -> str:
    names = [f"{a} {MINUS} {b}" for a, b in (("av", "v"), ("av", "av muted"), ("av", "baseline"), ("v", "baseline"))]
    columns = [Column("Model"), Column("Preset"), Column("Metric"), *(Column(name, numbers=True) for name in names)]
    columns += [Column("Baseline"), Column("Hears")]
    body = []
    for h in asked:
        intervals = (h.av_over_v, h.original_over_muted, h.av_over_baseline, h.v_over_baseline)
        cells = [text(h.model), text(h.preset or DASH), text(h.metric), *(_difference(i, h.metric) for i in intervals)]
        cells += [text(h.baseline or DASH), text("yes" if h.hears else "not shown")]
        body.append(Line(cells, {"metric": h.metric, "preset": h.preset}))
    return (
        f"<h4>Does it hear?</h4>\n<p>On scenes where the sound tells where people look ({' and '.join(SOUNDING)}): "
        "mean difference over paired videos, with its 95 % interval; bold where that excludes zero. A network hears "
        "when <em>av</em> beats both <em>v</em> and itself with its sound muted. The baseline is the better one of "
        f"{' and '.join(BASELINES)}.</p>\n" + table(f"Does it hear? {group.dataset}, synthetic", columns, [body])
    )


def _losses_section(lost: Sequence[SoundLoss], group: Group, kind: str) -> str:
    columns = [Column(name) for name in ("Model", "Preset", "Sound", "On")]
    columns += [Column("Videos", numbers=True), *(Column(m, m, numbers=True) for m in METRICS)]
    columns.append(Column("Map CC", numbers=True))
    body = []
    for one in lost:
        cells = [
            *map(text, (one.model, one.preset or DASH, one.sound, one.part)),
            Cell(str(one.videos), str(one.videos)),
        ]
        cells += [_difference(one.losses[metric], metric) for metric in METRICS]
        cells.append(Cell(DASH) if one.map_cc is None else _likeness(one.map_cc))
        body.append(Line(cells, {"preset": one.preset, "modality": "av"}))
    words = re.sub(r"\*(.+?)\*", r"<em>\1</em>", LOSSES_WORDS)
    silent = escape(", ".join(untested(group.rows, lost)))
    said = f" With the true sound only: {silent}; <code>avsal hear</code> tests them with others." if silent else ""
    caption = f"{LOSSES_TITLE} {group.dataset}, protocol {group.protocol}, {kind}"
    return f"<h4>{LOSSES_TITLE}</h4>\n<p>{words}{said}</p>\n" + table(caption, columns, [body])


def _likeness(interval: Interval) -> Cell:
    bounds = (
        "" if math.isnan(interval.low) else f' <span class="ci">{_bounds(interval.low, interval.high, "CC")}</span>'
    )
    return number_cell(interval.mean, "CC", number(interval.mean, "CC") + bounds)


def _difference(interval: Interval | None, metric: str) -> Cell:
    if interval is None or math.isnan(interval.mean):
        return Cell(DASH)
    shown = number(interval.mean, metric, sign=True)
    if interval.excludes_zero:
        shown = f"<strong>{shown}</strong>"
    bounds = "too few" if math.isnan(interval.low) else _bounds(interval.low, interval.high, metric)
    return number_cell(interval.mean, metric, f'{shown} <span class="ci">{bounds}</span>')


def _names(row: Row, marks: str) -> list[Cell]:
    link = _link(row, row.head.model)
    return [Cell(link.html + marks, link.sort), text(row.head.modality or DASH), text(row.head.preset or DASH)]


def _link(row: Row, label: str) -> Cell:
    return Cell(f'<a class="row" href="#row/{escape(row_id(row))}">{escape(label)}</a>', label)


def _filters(row: Row) -> dict[str, str]:
    head = row.head
    return {"modality": head.modality or "none", "preset": head.preset, "protocol": head.protocol}


def _marks(row: Row, newest: tuple[int, ...]) -> str:
    dagger = "" if row.clean else mark("†", "made from a tree with uncommitted changes")
    older = mark("‡", "made by an older version than other rows of this table") if row.version < newest else ""
    skipped = f"{row.skipped} listed frames had no map and were left out: the score is not of the whole test list"
    return dagger + older + (mark("§", skipped) if row.skipped else "")


def _bounds(low: float, high: float, metric: str) -> str:
    return f"{number(low, metric)}\u2013{number(high, metric)}"


def _protocol(protocol: str) -> str:
    return "" if protocol == MAIN_PROTOCOL else f", protocol {escape(protocol)}"
