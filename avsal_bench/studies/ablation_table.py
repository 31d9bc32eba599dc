"""The table of an ablation: ours beside what the paper prints, and both against the base row."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from avsal_bench.bench.workspace import Workspace
from avsal_bench.files import write_atomically
from avsal_bench.leaderboard.markdown import markdown_table
from avsal_bench.leaderboard.tables import rows
from avsal_bench.records import METRICS, read_record
from avsal_bench.resources import resource
from avsal_bench.studies.ablation import Ablation, RowPlan, ablation_root, embedded
from avsal_bench.text import fixed, text_table

#: What an entry of ``published.csv`` says of how well it could be read, and its mark in a table.
MARKS = {"yes": "", "reconstructed": "°", "doubtful": "?"}
#: The data set of papers that print the mean over their sets.
AVERAGE = "average"


@dataclass(frozen=True)
class Printed:
    """One score as a paper prints it, and its mark: "°" (digits reconstructed), "?" (doubtful) or ""."""

    text: str
    mark: str = ""


#: Scores of a paper: by variant, data set and metric.
Published = Mapping[str, Mapping[str, Mapping[str, Printed]]]


def published_ablation(path: Path, paper: str, table: str, method: str = "", kind: str = "ablation") -> Published:
    """What a table prints of versions of its own network; a score that nobody could read is left out.

    Args:
        path: of ``published.csv``.
        paper: key of the paper.
        table: in it.
        method: whose rows are meant; "" for all.
        kind: of the rows.

    Raises:
        ValueError: when the file has no such row of that table.
    """
    found: dict[str, dict[str, dict[str, Printed]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            own = bool(line["dataset"]) and (not method or line["method"] == method)  # a score of no set is no map's
            if own and (line["paper"], line["table"], line["kind"]) == (paper, table, kind):
                cells = found.setdefault(line["variant"], {}).setdefault(line["dataset"], {})
                if line["value"]:
                    cells[line["metric"]] = Printed(line["value"], MARKS[line["legible"]])
    if not found:
        raise ValueError(f"{path}: no row of {paper}, {table!r}, of the kind {kind}")
    return found


#: Scores of ours: by variant, data set and metric.
Ours = Mapping[str, Mapping[str, Mapping[str, float]]]


def compare_ablation(
    ablation: Ablation, ours: Ours, published: Published
) -> dict[str, tuple[list[str], list[list[str]]]]:
    """Ours beside the paper's: for each metric that the paper prints (all, if none), a header and a line a row.

    In brackets behind a score is its difference from that of the base row, in the same column. Where the paper prints
    a mean over its sets and ours were tested on several, ours is their mean. Where it prints each, the means stand
    behind them, ours and the paper's over the sets that ours were tested on, if it prints all of these.
    """
    papers = list(dict.fromkeys(name for row in ablation.rows for name in published.get(row.variant, {})))
    measured = list(dict.fromkeys(name for row in ablation.rows for name in ours.get(row.variant, {})))
    if papers == [AVERAGE] and len(measured) > 1:
        ours, measured = {variant: {AVERAGE: _means(own, measured)} for variant, own in ours.items()}, [AVERAGE]
    tables = {}
    for metric in METRICS:
        if published and not any(metric in cells for own in published.values() for cells in own.values()):
            continue
        shown = {"Variant": [row.variant + " (base)" * (row.variant == ablation.base) for row in ablation.rows]}
        for name in [*measured, *(name for name in papers if name not in measured)]:
            if name in measured:
                shown[f"ours, {name}"] = _our_text(ablation, ours, name, metric)
            if name in papers:
                shown[f"paper, {name}"] = _paper_text(ablation, published, name, metric)
        if len(measured) > 1:
            over = f"mean of {len(measured)}"
            means = {variant: {over: _means(own, measured)} for variant, own in ours.items()}
            shown[f"ours, {over}"] = _our_text(ablation, means, over, metric)
            if set(measured) <= set(papers):
                shown[f"paper, {over}"] = _paper_text(ablation, _paper_means(published, measured, over), over, metric)
        tables[metric] = (list(shown), [list(line) for line in zip(*shown.values(), strict=True)])
    return tables


def _means(own: Mapping[str, Mapping[str, float]], names: Sequence[str]) -> dict[str, float]:
    """Mean of every metric over some sets; NaN unless all of them have it."""
    nan = float("nan")
    return {metric: sum(own.get(name, {}).get(metric, nan) for name in names) / len(names) for metric in METRICS}


def _paper_means(published: Published, names: Sequence[str], over: str) -> Published:
    """Printed means over some sets, of rows that have all of them; as well read as the worst of their scores."""
    found: dict[str, dict[str, dict[str, Printed]]] = {}
    for variant, own in published.items():
        cells = found.setdefault(variant, {}).setdefault(over, {})
        for metric in METRICS:
            all_of = [own[name][metric] for name in names if metric in own.get(name, {})]
            if len(all_of) == len(names):
                digits = max(len(one.text.partition(".")[2]) for one in all_of)
                mark = max((one.mark for one in all_of), key=list(MARKS.values()).index)
                cells[metric] = Printed(f"{sum(float(one.text) for one in all_of) / len(names):.{digits}f}", mark)
    return found


def _our_text(ablation: Ablation, ours: Ours, name: str, metric: str) -> list[str]:
    values = [ours.get(row.variant, {}).get(name, {}).get(metric, float("nan")) for row in ablation.rows]
    return _texts(ablation, [(v, fixed(v), 3) for v in values])


def _paper_text(ablation: Ablation, published: Published, name: str, metric: str) -> list[str]:
    cells = [published.get(row.variant, {}).get(name, {}).get(metric, Printed("nan")) for row in ablation.rows]
    return _texts(ablation, [(float(c.text), c.text + c.mark, len(c.text.partition(".")[2])) for c in cells])


def _texts(ablation: Ablation, scores: Sequence[tuple[float, str, int]]) -> list[str]:
    """Each value as its text, and its difference from that of the base; "-" for NaN."""
    base = next(score for score, row in zip(scores, ablation.rows, strict=True) if row.variant == ablation.base)[0]
    texts = []
    for (value, text, digits), row in zip(scores, ablation.rows, strict=True):
        difference = value - base
        shown = row.variant != ablation.base and difference == difference
        texts.append("-" if value != value else text + (f" ({fixed(difference, digits, sign=True)})" if shown else ""))
    return texts


def our_scores(plans: Sequence[RowPlan]) -> Ours:
    """Scores of the records that are there, as the leaderboard shows them."""
    ours = {}
    for plan in plans:
        records = [read_record(path) for _, _, path in plan.records() if path.is_file()]
        ours[plan.row.variant] = {
            row.head.dataset: {metric: score.value for metric, score in row.scores.items()} for row in rows(records)
        }
    return ours


def write_ablation(ablation: Ablation, plans: Sequence[RowPlan], space: Workspace, preset: str) -> tuple[str, Path]:
    """Write the table of an ablation as Markdown, from the records that are there.

    Returns:
        The same for a terminal, and the path of the file.
    """
    printed = any(not row.unprinted for row in ablation.rows)
    where = (ablation.paper, ablation.table, ablation.method, ablation.kind)
    published = published_ablation(resource("published.csv"), *where) if printed else {}
    tables = compare_ablation(ablation, our_scores(plans), published)
    notes = _notes(ablation, plans, space)
    left_out = [f"- {label}: {reason}" for label, reason in ablation.left_out.items()]
    unprinted = [f"- {row.variant}: {row.unprinted}" for row in ablation.rows if row.unprinted]

    def page(draw: Callable[[list[str], list[list[str]], range], str]) -> str:
        parts = [f"# {ablation.title}\n\n{notes}"]
        parts += [
            f"## {metric}\n\n{draw(header, body, range(1, len(header))).rstrip()}"
            for metric, (header, body) in tables.items()
        ]
        parts += ["\n".join(["## Without a printed score\n", *unprinted])] if unprinted else []
        parts += ["\n".join(["## Left out\n", *left_out])] if left_out else []
        parts += ["\n".join(["## Notes\n", *(f"- {note}" for note in ablation.notes)])] if ablation.notes else []
        return "\n\n".join(parts) + "\n"

    path = ablation_root(ablation, space, preset, plans[0].jobs[0].precision) / "table.md"
    write_atomically(path, page(markdown_table))
    return page(text_table), path


def _notes(ablation: Ablation, plans: Sequence[RowPlan], space: Workspace) -> str:
    """What was run, and how to read the tables."""
    job = plans[0].jobs[0]
    recipe = job.recipe(space)
    trained = ", ".join(dict.fromkeys(name for stage in recipe.stages[-1:] for name in stage.data))
    lines = [
        f"{ablation.paper}, {ablation.table}, and ours: preset {job.preset_name}, last trained on {trained}, "
        f"tested on {', '.join(recipe.test)}{f' in {job.precision}' if job.precision else ''},",
        f"folds {_listed(j.fold for p in plans for j in p.jobs)}, "
        f"seeds {_listed(j.seed for p in plans for j in p.jobs)}, protocol {job.protocol}.",
        "In brackets: the difference from the base row of the same column. Compare differences, not scores.",
        "° digits reconstructed, ? doubtful reading or label (column note of leaderboard.csv says why).",
    ]
    if embedded(recipe):
        lines.append("Ours are on data that this project makes itself, and say nothing about real videos.")
    return "\n".join(lines)


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(set(numbers))))
