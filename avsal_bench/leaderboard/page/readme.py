"""The page ``leaderboard/README.md``, from records and ``published.csv``."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from avsal_bench.files import write_atomically
from avsal_bench.leaderboard.escaping import for_markdown
from avsal_bench.leaderboard.films.film_form import PAGE
from avsal_bench.leaderboard.films.film_places import page_films
from avsal_bench.leaderboard.hearing import Hearing
from avsal_bench.leaderboard.kinds import kinds_apart, viewing_of_set
from avsal_bench.leaderboard.known_facts import UNKNOWN, FactTable
from avsal_bench.leaderboard.markdown import Ready, markdown_table
from avsal_bench.leaderboard.page.board import Board, read_board
from avsal_bench.leaderboard.page.film_page import film_page
from avsal_bench.leaderboard.page.html import html_page
from avsal_bench.leaderboard.page.longform import to_csv
from avsal_bench.leaderboard.page.network_table import no_code, weights_words
from avsal_bench.leaderboard.page.parts.naming import PRETRAINED, called, paper_cell, spelled, star_of
from avsal_bench.leaderboard.page.rendering import render
from avsal_bench.leaderboard.page.score_tables import SEEN
from avsal_bench.leaderboard.part_lists import part_of_list, whole_lists
from avsal_bench.leaderboard.published_scores import PublishedRow
from avsal_bench.leaderboard.sound_losses import SoundLoss, not_run, untested
from avsal_bench.leaderboard.statistics import Interval
from avsal_bench.leaderboard.tables import (
    DIGITS,
    HUMAN,
    MAIN_PROTOCOL,
    Row,
    Score,
    categories,
    dataset_order,
    further_metrics,
    seed_mean,
    set_order,
)
from avsal_bench.record_story import Seen, seen_of
from avsal_bench.records import METRICS, Record
from avsal_bench.text import fixed, many, text_table

#: Bytes that the page may have: of a longer one GitHub shows no more than 512 kB.
LARGEST = 500_000


def write_leaderboard(folder: Path, places: Sequence[Path] = ()) -> list[Path]:
    """Write ``README.md``, ``leaderboard.csv``, ``index.html`` and the pages of films of the leaderboard in ``folder``.

    Same input, same bytes. Reads ``records/<protocol>/<set>/*.json`` and the pictures beside them, and the tables of
    :mod:`avsal_bench.leaderboard.given_files`, and changes none of them. A folder that is not there is made.

    Args:
        folder: of the leaderboard.
        places: of records, in the stead of ``records``; see
            :func:`~avsal_bench.leaderboard.merged_records.board_records`.

    Returns:
        The files written.

    Raises:
        ValueError: naming a file that is no record, or a line of a ``csv`` file that cannot be read.
        OSError: when the folder cannot be written.
    """
    with _uncollected():
        board = read_board(folder, places)
        texts = _texts(board)
    (folder / "records").mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_atomically(folder / name, text)
    return [folder / name for name in texts]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Millions of small values are made and none in a circle: looking for circles takes an eighth of the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _texts(board: Board) -> dict[str, str]:
    texts = {"README.md": readme(board), "leaderboard.csv": to_csv(board.table, board.lines)}
    films = page_films(board.folder)
    # The page of each folder of films, too: it is made of the same style and scripts, which may have changed.
    played = {f"{place}{PAGE}": film_page(found) for place, found in films}
    return texts | {"index.html": html_page(board, films)} | played


def readme(board: Board) -> str:
    """The page as Markdown, of at most ``LARGEST`` bytes: of long tables only so many lines as that leaves room for."""
    text = _readme(board, None)
    longest = max((len(group.rows) for group in board.groups), default=0)
    while len(text.encode()) > LARGEST and longest:
        longest = longest * 3 // 4
        text = _readme(board, longest)
    return text


def _readme(board: Board, most: int | None) -> str:
    """The page with at most so many lines in each table of scores."""
    sets: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for group in board.groups:
        sets[group.synthetic].append(_set(group.rows, board, most))
    absent = {n.method for n in board.not_built}
    ordered = sorted(board.papers, key=lambda row: set_order(row.dataset))
    facts = board.facts
    missing = [
        [facts.network(n.method).title, *(spelled(facts, told) for told in (n.paper, n.status, n.missing))]
        for n in board.not_built
    ]
    text = render(
        "readme.md",
        measured=sets[False],
        synthetic=sets[True],
        published={
            facts.dataset(name).title: _published(name, list(g), absent, facts)
            for name, g in groupby(ordered, key=lambda row: row.dataset)
        },
        papers=_papers(board),
        networks=_networks(board),
        cited=lambda key: paper_cell(facts, [key]).text,
        not_built=markdown_table(["Method", "Paper", "Status", "What is missing"], missing) if missing else "",
    )
    return text.rstrip("\n") + "\n"


def _papers(board: Board) -> str:
    """Papers that print the scores: by authors and year, with title, venue and address, and by which key others have
    them."""
    body = []
    for key in sorted({line["paper"] for line in board.lines}):
        paper = board.facts.paper(key)
        cited = paper.cited if paper else key
        body.append([_linked(cited, paper.link if paper else ""), paper.title if paper else UNKNOWN, key])
    return markdown_table(["Paper", "Title", "Key"], body, padded=False) if body else ""


def _networks(board: Board) -> str:
    """Networks that something is known of, each with its paper, code, licence and weights."""
    body = []
    for name in dict.fromkeys(board.facts.name_in(model) for model, _ in board.costs):
        one = board.facts.network(name)
        code = _linked(one.code, one.code_link) if one.code else no_code(one)
        body.append([_linked(one.shown, one.paper_link), name, code, one.code_terms or "-", weights_words(one)])
    return markdown_table(["Network", "In commands", "Code", "Licence", "Weights"], body, padded=False) if body else ""


def _linked(words: str, link: str) -> str:
    """Words that lead to an address, where there is one."""
    address = link.replace("(", "%28").replace(")", "%29")  # which would end the link
    return Ready(f"[{for_markdown(words)}]({address})") if link else words


def _set(group: Sequence[Row], board: Board, most: int | None) -> dict[str, Any]:
    """What is shown of one data set under one protocol; a table that has nothing to show is empty."""
    hearing, losses, facts = board.hearing, board.losses, board.facts
    head = group[0].head
    place = (head.dataset, head.protocol)
    asked = [h for h in hearing if (h.dataset, h.protocol) == place] if head.synthetic else []
    lost = [one for one in losses if (one.dataset, one.protocol) == place]
    kinds = categories(record for row in group for record in row.records) if head.synthetic else []
    suffix = "" if head.protocol == MAIN_PROTOCOL else f", protocol {head.protocol}"
    return {
        "name": f"{facts.dataset(head.dataset).title}{suffix}"
        + (", synthetic" if head.synthetic else "")
        + (", a set of one's own" if any(row.own_set for row in group) else ""),
        "viewing": "" if head.synthetic else f" ({group[0].viewing.words})",
        "scores": _score_table(group, most, facts),
        "categories": _category_table(group[:most], kinds, facts) if kinds else "",
        "hearing": _hearing_table(asked[:most], facts) if asked else "",
        "losses": _loss_table(lost[:most], facts) if lost else "",
        "untested": [called(told, facts) for told in untested(group, lost)[:most]],
        "not_run": [called(told, facts) for told in not_run(lost)[:most]],
        "left": 0 if most is None else max(0, max(map(len, (group, asked, lost))) - most),
    }


def summary_table(records: Iterable[Record]) -> str:
    """Scores of records as plain text, one line a record, for the end of a run; a table for each kind of sets.

    Below the table a line for each record where a frame was left out, or is odd, says what and how often; and one for
    each one that is of a part of a test list.
    """
    ordered = sorted(records, key=lambda r: (dataset_order(r.dataset), r.protocol, r.network, r.fold, r.seed, r.sound))
    tables = kinds_apart(ordered, _summary)
    notes = [note for r in ordered if (note := _frames_note(r))]
    whole = whole_lists(ordered)
    notes += [
        f"{_told(r)}: not of the whole test list, and not ranked on the leaderboard: {part}"
        for r in ordered
        if (part := part_of_list([r], whole))
    ]
    notes += [
        f"{_told(r)}: its training saw videos of this test, so it is not ranked on the leaderboard"
        for r in ordered
        if r.model != HUMAN and seen_of(r.provenance, r.dataset) is Seen.TEST_VIDEOS
    ]
    return "\n".join([tables, "", *notes]) if notes else tables


def _summary(ordered: Sequence[Record]) -> str:
    further = {name: form for r in ordered for name, form in r.metrics.items()}
    header = ["network", "dataset", "protocol", "fold", "seed", "sound", "videos", *METRICS, *further]
    cells = [
        [r.network, r.dataset, r.protocol, str(r.fold), str(r.seed), r.sound, str(len(r.videos))]
        + [_number(r.scores[metric], metric) for metric in METRICS]
        + [_number(r.scores.get(name, math.nan), name, form.digits) for name, form in further.items()]
        for r in ordered
    ]
    return text_table(header, cells, numbers=[3, 4, *range(6, len(header))])


def _frames_note(r: Record) -> str:
    """What there is to tell of the frames of a record, or nothing.

    The frames that a metric is undefined on are those left out of its mean.
    """
    counts = r.counts()
    odd = {"unfixated": "without fixations", "constant": "with a constant map", "skipped": "skipped"}
    told = [f"{counts[name]} {words}" for name, words in odd.items() if counts[name]]
    undefined = {metric: sum(v.undefined.get(metric, 0) for v in r.videos) for metric in METRICS}
    missing = " ".join(f"{metric} {n}" for metric, n in undefined.items() if n)
    told += [f"undefined {missing}"] if missing else []
    return f"{_told(r)}: {many(r.n_frames, 'frame')} scored, {', '.join(told)}" if told else ""


def _told(r: Record) -> str:
    return f"{r.network} {r.dataset} {r.protocol} fold {r.fold} seed {r.seed} {r.sound}"


def _published(
    dataset: str, group: Sequence[PublishedRow], absent: Collection[str], facts: FactTable
) -> dict[str, str]:
    """What papers print of one set, and how it was watched."""
    return {"viewing": f" ({viewing_of_set(dataset).words})", "text": _paper_table(group, absent, facts)}


def _paper_table(group: Sequence[PublishedRow], absent: Collection[str], facts: FactTable) -> str:
    metrics = [metric for metric in METRICS if any(metric in row.cells for row in group)]
    header = ["Method", "As printed", "Modality", "Training", *metrics, "Paper"]
    body = []
    for row in group:
        cells = (row.cells.get(metric) for metric in metrics)
        numbers = [f"{cell.text}{cell.mark}" if cell else "-" for cell in cells]
        method = facts.network(row.method).title + star_of(row.variant) + ("¶" if row.method in absent else "")
        pretrained = PRETRAINED.get(row.pretrain, row.pretrain)
        names = [method, row.variant, row.modality.lower() or "-", pretrained]
        body.append([*names, *numbers, paper_cell(facts, row.papers).sort])
    return markdown_table(header, body, numbers=range(4, 4 + len(metrics)))


def _loss_table(lost: Sequence[SoundLoss], facts: FactTable) -> str:
    header = ["Model", "Preset", "Sound", "On", "Videos", *METRICS, "Map CC"]
    body = []
    for one in lost:
        names = [facts.network(one.model).called, one.preset or "-", one.sound, one.part]
        numbers = [_loss(one, metric) for metric in METRICS]
        body.append([*names, str(one.videos), *numbers, _interval(one.map_cc)])
    return markdown_table(header, body, numbers=range(4, 6 + len(METRICS)))


def _interval(interval: Interval | None) -> str:
    if interval is None:
        return "-"
    bounds = "" if math.isnan(interval.low) else f" ({fixed(interval.low)} to {fixed(interval.high)})"
    return fixed(interval.mean) + bounds


def _score_table(group: Sequence[Row], most: int | None, facts: FactTable) -> str:
    further = further_metrics(group)
    header = ["Network", "Modality", "Preset", "CC", "95 %", *list(METRICS)[1:], *further, "Training", "Folds", "Seeds"]
    newest = max(row.version for row in group)
    body = []
    for row in group[:most]:
        digits = {metric: DIGITS.get(metric, 3) for metric in METRICS} | {m: f.digits for m, f in further.items()}
        scores = {m: _with_std(row.scores[m], m, digits[m]) if m in row.scores else "-" for m in digits}
        cc = row.scores["CC"]
        names = [
            facts.network(row.head.label).shown + _row_marks(row, newest),
            row.head.modality or "-",
            row.head.preset or "-",
        ]
        interval = "-" if math.isnan(cc.low) else f"{fixed(cc.low)} to {fixed(cc.high)}"
        numbers = [scores["CC"], interval, *list(scores.values())[1:]]
        body.append([*names, *numbers, SEEN[row.seen] if row.seen else "-", _folds(row), _seeds(row)])
    return markdown_table(header, body, numbers=range(3, 10 + len(further)))


def _category_table(group: Sequence[Row], kinds: Sequence[str], facts: FactTable) -> str:
    body = []
    for row in group:
        means = [_number(seed_mean(row.records, "CC", kind), "CC") for kind in kinds]
        names = [facts.network(row.head.label).called, row.head.modality or "-", row.head.preset or "-"]
        body.append([*names, *means])
    return markdown_table(["Network", "Modality", "Preset", *kinds], body, numbers=range(3, 3 + len(kinds)))


def _hearing_table(asked: Sequence[Hearing], facts: FactTable) -> str:
    header = ["Model", "Preset", "Metric", "Videos", "av - v", "av - av muted", "av - baseline", "v - baseline"]
    body = []
    for h in asked:
        intervals = [h.av_over_v, h.original_over_muted, h.av_over_baseline, h.v_over_baseline]
        videos = str(h.av_over_v.n) if h.av_over_v else "-"
        shown = [_difference(interval, h.metric) for interval in intervals]
        names = [facts.network(h.model).called, h.preset or "-", h.metric, videos]
        body.append([*names, *shown, facts.network(h.baseline).title if h.baseline else "-", h.answer])
    return markdown_table([*header, "Baseline", "Hears"], body, numbers=range(3, 8))


def _number(value: float, metric: str, digits: int | None = None) -> str:
    shown = DIGITS.get(metric, 3) if digits is None else digits
    return "-" if math.isnan(value) else fixed(value, shown)


def _with_std(score: Score, metric: str, digits: int) -> str:
    std = "" if math.isnan(score.std) else f" ± {_number(score.std, metric, digits)}"
    return _number(score.value, metric, digits) + std


def _loss(one: SoundLoss, metric: str) -> str:
    """A mean loss and its interval, bold where its test shows it."""
    return _difference(one.losses[metric], metric, lambda digits: one.stands_out(metric, digits))


def _difference(interval: Interval | None, metric: str, stands_out: Callable[[int], bool] | None = None) -> str:
    """A difference and its interval, bold where it stands out; without, where its interval excludes zero."""
    if interval is None or math.isnan(interval.mean):
        return "-"
    digits = DIGITS.get(metric, 3)
    low, high = (fixed(bound, digits, sign=True) for bound in (interval.low, interval.high))
    text = (
        f"{fixed(interval.mean, digits, sign=True)} ({'too few' if math.isnan(interval.low) else f'{low} to {high}'})"
    )
    return Ready(f"**{text}**") if (stands_out or interval.stands_out)(digits) else text


def _row_marks(row: Row, newest: tuple[int, ...]) -> str:
    marks = {"†": not row.clean, "‡": row.version < newest, "§": bool(row.part), "¤": row.not_counted > 0}
    marks |= {"⚑": row.seen is Seen.TEST_VIDEOS, "‖": bool(row.head.precision)}
    return "".join(mark for mark, true in marks.items() if true)


def _folds(row: Row) -> str:
    return Ready(", ".join(map(str, row.folds)) + ("" if row.complete else " *incomplete*"))


def _seeds(row: Row) -> str:
    left_out = f" (not {', '.join(map(str, row.left_out))}: other folds)" if row.left_out else ""
    return ", ".join(map(str, row.seeds)) + left_out
