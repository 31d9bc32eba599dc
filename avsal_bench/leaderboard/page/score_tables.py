"""Tables of the page, as values: measured and synthetic scores, ranks, reproductions and costs."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from avsal_bench.leaderboard.disagreements import Reasons
from avsal_bench.leaderboard.hearing import Hearing
from avsal_bench.leaderboard.kinds import KINDS
from avsal_bench.leaderboard.known_facts import FactTable
from avsal_bench.leaderboard.page.board import Board, Group, Overall, reproductions, row_id, row_label
from avsal_bench.leaderboard.page.paper_tables import reason_marks
from avsal_bench.leaderboard.page.parts.cells import (
    DASH,
    MINUS,
    Cell,
    Column,
    Line,
    Mark,
    Table,
    bounds,
    columns_of,
    difference,
    further_columns,
    metric_columns,
    number,
    number_cell,
    sort_key,
    texts,
)
from avsal_bench.leaderboard.page.parts.metric_words import sentence
from avsal_bench.leaderboard.page.parts.naming import (
    PRETRAINED,
    called,
    network_cell,
    paper_cell,
    searched,
    set_cell,
    whole_set,
)
from avsal_bench.leaderboard.reliance.losses_in_words import p_text, smallest_text
from avsal_bench.leaderboard.sound_losses import SoundLoss, not_run, untested
from avsal_bench.leaderboard.tables import DIGITS, Row, categories, further_metrics, seed_mean
from avsal_bench.record_metrics import PLACES
from avsal_bench.record_story import Device, Seen, trained_on_lines
from avsal_bench.records import METRICS
from avsal_bench.text import many, named

#: What stands in tables of what the training saw of the tested set.
SEEN = {
    Seen.ZERO_SHOT: "zero-shot",
    Seen.TRAINING_PART: "training part",
    Seen.UNKNOWN: "unknown",
    Seen.TEST_VIDEOS: "test videos",
}
#: Sets and weights that are told behind that word.
TOLD = 30


@dataclass(frozen=True)
class ScoreSet:
    """What the page shows of one data set under one protocol; a table that has nothing to show is None."""

    dataset: str
    title: str
    page: str
    protocol: str
    kind: str
    device: Device
    viewing: str
    own: bool
    scores: Table
    categories: Table | None
    hearing: Table | None
    losses: Table | None
    places: Table | None
    untested: Sequence[str]
    not_run: Sequence[str]


@dataclass(frozen=True)
class MeanRanks:
    """The overall table of one protocol and kind of sets, over how many networks it ranks, and what others lack."""

    protocol: str
    device: Device
    viewing: str
    datasets: Sequence[str]
    ranked: int
    missing: Mapping[str, Sequence[str]]
    table: Table


def score_sets(
    groups: Sequence[Group], facts: FactTable, hearing: Sequence[Hearing] = (), losses: Sequence[SoundLoss] = ()
) -> list[ScoreSet]:
    """What there is of each data set and protocol; ``hearing`` is shown of synthetic sets only."""
    found = []
    for group in groups:
        place = (group.dataset, group.protocol)
        asked = [h for h in hearing if (h.dataset, h.protocol) == place] if group.synthetic else []
        lost = [one for one in losses if (one.dataset, one.protocol) == place]
        kinds = categories(record for row in group.rows for record in row.records)
        found.append(
            ScoreSet(
                group.dataset,
                facts.dataset(group.dataset).title,
                whole_set(facts, group.dataset),
                group.protocol,
                kind="synthetic" if group.synthetic else "measured",
                device=group.viewing.device,
                viewing=group.viewing.words,
                own=any(row.own_set for row in group.rows),
                scores=_score_table(group, facts),
                categories=_category_table(group, kinds, facts) if kinds else None,
                hearing=_hearing_table(asked, facts) if asked else None,
                losses=_loss_table(lost, facts) if lost else None,
                places=_places_table(lost, facts),
                untested=[called(told, facts) for told in untested(group.rows, lost)],
                not_run=[called(told, facts) for told in not_run(lost)],
            )
        )
    return found


def mean_ranks(found: Overall, facts: FactTable) -> MeanRanks:
    """Mean ranks of one protocol, each with the ranks it is the mean of."""
    columns = columns_of("Network", "Modality", "Preset")
    columns += [Column(metric, metric, numbers=True, less_is_better=True) for metric in METRICS]
    body = []
    for ranked in found.ranked:
        cells = _names(ranked.row, facts)
        for metric in METRICS:
            mean = ranked.mean(metric)
            each = " ".join(DASH if math.isnan(rank) else f"{rank:g}" for rank in ranked.ranks[metric])
            cells.append(Cell(DASH if math.isnan(mean) else f"{mean:.2f}", sort_key(mean), interval=each))
        body.append(Line(cells, _filters(ranked.row)))
    table = Table(columns, [body], sorted_by="CC")
    titles = {name: facts.dataset(name).title for name in found.datasets}
    missing = {
        f"{row_label(row, facts)}, preset {row.head.preset}": [titles[name] for name in sets]
        for row, sets in found.lacking
    }
    shown = found.protocol, found.device, KINDS[found.device], [*titles.values()]
    return MeanRanks(*shown, len(found.ranked), missing, table)


def reproduction_tables(board: Board, reasons: Reasons) -> dict[str, Table]:
    """Published scores beside ours, one line a score: a table for each kind of sets, by its words."""
    facts = board.facts
    columns = [
        *columns_of("Network", "Data set", "Metric"),
        *columns_of("Published", "Measured", "95 %", "Difference", numbers=True),
        *columns_of("As printed", "Paper", "Preset", "Protocol"),
    ]
    bodies: dict[Device, list[Line]] = defaultdict(list)
    for row, paper in reproductions(board):
        for metric in METRICS:
            if metric in paper.cells and not math.isnan(row.scores[metric].value):
                cell, ours, head = paper.cells[metric], row.scores[metric], row.head
                gap = ours.value - cell.value
                inside = ours.low <= cell.value <= ours.high
                cells = [
                    Cell(row_label(row, facts), row_label(row, facts), row=row_id(row)),
                    set_cell(facts, head.dataset),
                    Cell(metric),
                    Cell(cell.text, cell.text, marks=reason_marks(reasons, paper, metric, facts)),
                    number_cell(ours.value, metric),
                    Cell(f"{number(ours.low, metric)}\u2013{number(ours.high, metric)}", sort_key(ours.low)),
                    Cell(number(gap, metric, sign=True), sort_key(gap), inside=inside),
                    Cell(paper.variant),
                    paper_cell(facts, paper.papers),
                    *map(Cell, (head.preset, head.protocol)),
                ]
                filters = {
                    "metric": metric,
                    "training": PRETRAINED.get(paper.pretrain, paper.pretrain),
                    "dataset": head.dataset,
                }
                filters["protocol"] = head.protocol
                filters |= searched(head.label, head.network, head.dataset, *paper.papers)
                bodies[row.viewing.device].append(Line(cells, _filters(row) | filters))
    return {KINDS[device]: Table(columns, [bodies[device]]) for device in KINDS if device in bodies}


def _score_table(group: Group, facts: FactTable) -> Table:
    further = further_metrics(group.rows)
    columns = [*columns_of("Network", "Modality", "Preset"), *metric_columns(), *further_columns(further)]
    columns += columns_of("Training", "Folds", "Seeds")
    newest = max(row.version for row in group.rows)
    best = {metric: group.best(metric) for metric in (*METRICS, *further)}
    worse = {metric: group.worse_than_best(metric) for metric in METRICS}
    bodies: tuple[list[Line], list[Line]] = ([], [])
    for row in group.rows:
        place = group.ranked.index(row) if row.ranked else None
        cells = _names(row, facts, _marks(row, newest))
        for metric in (*METRICS, *further):
            if metric not in row.scores:
                cells.append(Cell(DASH))
                continue
            s, digits = row.scores[metric], further[metric].digits if metric in further else None
            is_best = place is not None and place == best[metric]
            cells.append(
                Cell(
                    number(s.value, metric, digits=digits),
                    sort_key(s.value),
                    bold=is_best,
                    best=is_best,
                    like_best=not is_best and place is not None and worse.get(metric, {}).get(place) is False,
                    std="" if math.isnan(s.std) else number(s.std, metric, digits=digits),
                    interval=bounds(s.low, s.high, metric, digits),
                )
            )
        others = f"not counted, as of other folds: {named('seed', row.left_out)}"
        cells.append(_seen_cell(row))
        cells.append(Cell(_listed(row.folds), incomplete=not row.complete))
        cells.append(Cell(_listed(row.seeds), marks=[Mark("…", others)] if row.left_out else []))
        filters = {"seen": row.seen.value} if row.seen else {}
        bodies[0 if row.ranked else 1].append(Line(cells, _filters(row) | filters))
    return Table(columns, bodies, sorted_by="CC")


def _category_table(group: Group, kinds: Sequence[str], facts: FactTable) -> Table:
    columns = [*columns_of("Network", "Modality", "Preset"), *columns_of(*kinds, numbers=True)]
    bodies: tuple[list[Line], list[Line]] = ([], [])
    for row in group.rows:
        cells = [*_names(row, facts), *(number_cell(seed_mean(row.records, "CC", kind), "CC") for kind in kinds)]
        bodies[0 if row.ranked else 1].append(Line(cells, _filters(row)))
    return Table(columns, bodies)


def _hearing_table(asked: Sequence[Hearing], facts: FactTable) -> Table:
    pairs = (("av", "v"), ("av", "av muted"), ("av", "baseline"), ("v", "baseline"))
    compared = columns_of(*(f"{a} {MINUS} {b}" for a, b in pairs), numbers=True)
    columns = [*columns_of("Model", "Preset", "Metric"), *compared, *columns_of("Baseline", "Hears")]
    body = []
    for h in asked:
        intervals = (h.av_over_v, h.original_over_muted, h.av_over_baseline, h.v_over_baseline)
        named = [network_cell(facts, h.model), *texts(h.preset, h.metric)]
        baseline = facts.network(h.baseline).title if h.baseline else DASH
        cells = [*named, *(difference(i, h.metric) for i in intervals), *texts(baseline, h.answer)]
        body.append(Line(cells, {"metric": h.metric, "preset": h.preset} | searched(h.model)))
    return Table(columns, [body])


def _loss_table(lost: Sequence[SoundLoss], facts: FactTable) -> Table:
    columns = [*columns_of("Model", "Preset", "Sound", "On"), Column("Videos", numbers=True)]
    columns += [*(Column(m, m, numbers=True, tip=sentence(m)) for m in METRICS), Column("Map CC", numbers=True)]
    body = []
    for one in lost:
        cells = [network_cell(facts, one.model), *texts(one.preset, one.sound, one.part)]
        cells.append(Cell(str(one.videos), str(one.videos)))
        cells += [_loss_cell(one, metric) for metric in METRICS]
        like = one.map_cc
        cells.append(number_cell(like.mean, "CC", bounds(like.low, like.high, "CC")) if like else Cell(DASH))
        body.append(Line(cells, {"preset": one.preset, "modality": "av"} | searched(one.model)))
    return Table(columns, [body])


def _places_table(lost: Sequence[SoundLoss], facts: FactTable) -> Table | None:
    """What is lost in NSS on what sounds, and elsewhere; None where the set does not say where that is."""
    shown = [one for one in lost if one.places]
    places = [place for place in PLACES if any(place in one.places for one in shown)]
    columns = columns_of("Model", "Preset", "Sound") + columns_of(*(PLACES[place] for place in places), numbers=True)
    body = []
    for one in shown:
        named = [network_cell(facts, one.model), *texts(one.preset, one.sound)]
        cells = [*named, *(difference(one.places.get(p), "NSS") for p in places)]
        body.append(Line(cells, {"preset": one.preset, "modality": "av"} | searched(one.model)))
    return Table(columns, [body]) if body else None


def _loss_cell(one: SoundLoss, metric: str) -> Cell:
    """A mean loss, bold where its test shows it; its bounds and corrected p, or else what could have been shown."""
    cell, test = difference(one.losses[metric], metric), one.tests.get(metric)
    if test is None or not test.videos:
        return cell
    smallest, told = test.smallest(), f"p {p_text(test.corrected)}"
    if not test.significant and not math.isnan(smallest):
        size = "nothing" if math.isinf(smallest) else smallest_text(smallest, DIGITS.get(metric, 3))
        told += f", shows {size}"
    return replace(cell, bold=one.stands_out(metric, DIGITS.get(metric, 3)), interval=f"{cell.interval}; {told}")


def _names(row: Row, facts: FactTable, marks: Sequence[Mark] = ()) -> list[Cell]:
    head = row.head
    return [network_cell(facts, head.label, row_id(row), marks), *texts(head.modality, head.preset)]


def _seen_cell(row: Row) -> Cell:
    """What the training saw of the set, in two words, and behind them what the records tell of it."""
    if row.seen is None:
        return Cell(DASH)
    told = dict.fromkeys(line for record in row.records for line in trained_on_lines(record.provenance))
    shown = [*told][:TOLD]
    more = [f"and {len(told) - TOLD} more"] if len(told) > TOLD else []
    return Cell(SEEN[row.seen], str(row.seen.worse), tip=f"{row.seen.value}. {'; '.join([*shown, *more])}")


def _filters(row: Row) -> dict[str, str]:
    """What a line that opens a row is filtered by; the search box knows the network by the row's address."""
    head = row.head
    return {"modality": head.modality or "none", "preset": head.preset}


def _marks(row: Row, newest: tuple[int, ...]) -> list[Mark]:
    part = f"not of the whole test list, and not ranked: {row.part}"
    saw = "its training saw videos of this test, so it is not ranked"
    not_counted = (
        f"{many(row.not_counted, 'fixated frame', 'are')} left out of means, as their maps do not define a metric"
    )
    older = "made by an older version than other rows of this table"
    return [
        *([] if row.clean else [Mark("†", "made by code that was changed since it was committed or installed")]),
        *([Mark("‡", older)] if row.version < newest else []),
        *([Mark("§", part)] if row.part else []),
        *([Mark("¤", not_counted)] if row.not_counted else []),
        *([Mark("⚑", saw)] if row.seen is Seen.TEST_VIDEOS else []),
        *([Mark("‖", f"tested in {row.head.precision}, and not in float32")] if row.head.precision else []),
    ]


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
