"""The analyses of some records as a folder: Markdown, CSV and pictures."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from avsal_bench.files import write_atomically
from avsal_bench.leaderboard.analysis import (
    ALL,
    CEILING,
    FLOOR,
    Case,
    Contextual,
    by_category,
    cases,
    labels,
    over_time,
    relative_scores,
)
from avsal_bench.leaderboard.escaping import for_csv
from avsal_bench.leaderboard.markdown import markdown_table
from avsal_bench.leaderboard.published_scores import PublishedRow, PublishedVideos
from avsal_bench.leaderboard.reports.analysis_plots import draw_cases, draw_categories, draw_contextual, draw_time
from avsal_bench.leaderboard.reports.frame_report import Further, write_further
from avsal_bench.leaderboard.reports.printed_scores import printed_part
from avsal_bench.leaderboard.reports.printed_videos import video_lines, video_part
from avsal_bench.leaderboard.statistics import Interval
from avsal_bench.leaderboard.tables import Row, Score
from avsal_bench.means import defined_mean
from avsal_bench.records import METRICS
from avsal_bench.text import fixed, many, named

#: Places of the contextual NSS, and what they are called; some are known of sets with annotated faces only.
PLACES = {
    "source": "sounding thing",
    "others": "other faces",
    "background": "no face",
    "rest": "rest of the frame",
    "frame": "whole frame",
}


@dataclass
class Analysis:
    """What was found of some rows.

    Args:
        table: the rows, of one data set and protocol.
        metric: of text and pictures; tables in CSV have all.
        pictures: for each row the folder with its test's pictures, None where they are gone.
        contextual: for each row its contextual NSS.
        bounds: further rows, only to be looked through for the mean eye position and human infinite.
        papers: what papers print.
        videos: what authors hand out of single videos.
        further: frame scores and mean maps; None where nobody looked for them.
    """

    table: Sequence[Row]
    metric: str
    pictures: Sequence[Mapping[tuple[int, int], Path]]
    contextual: Sequence[Contextual]
    bounds: Sequence[Row] = ()
    papers: Sequence[PublishedRow] = ()
    videos: Sequence[PublishedVideos] = ()
    further: Further | None = None
    names: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.names = labels(self.table)


def write_analysis(found: Analysis, folder: Path) -> tuple[str, list[Path]]:
    """Write ``analysis.md``, tables and pictures into a folder; files of that name are replaced.

    Returns:
        The text without the pictures, and the files.

    Raises:
        ValueError: for records without scores over time.
        OSError: naming the folder, when it cannot be written.
    """
    curves = {name: over_time(row, found.metric) for name, row in zip(found.names, found.table, strict=True)}
    written = [
        _write_csv(folder / "categories.csv", _category_lines(found)),
        _write_csv(folder / "time.csv", _time_lines(found)),
        _write_csv(folder / "cases.csv", _case_lines(found)),
    ]
    parts = [_head(found)]
    if relative := list(_relative_lines(found)):
        written.append(_write_csv(folder / "relative.csv", relative))
        parts.append(_relative_part(found, relative))
    kinds = by_category(found.table, found.metric)
    draw_categories(kinds, found.names, found.metric, folder / "categories.png")
    parts.append(_category_part(found, kinds))
    if printed := printed_part(found.table, list(kinds), found.metric, found.papers):
        parts.append(printed)
    draw_time(curves, found.metric, folder / "time.png")
    parts.append(_time_part(found, curves))
    drawn = list(_draw_cases(found, folder))
    parts.append(_case_part(found, drawn))
    if beside := video_part(found.table, found.names, found.metric, found.videos):
        written.append(_write_csv(folder / "videos.csv", video_lines(found.table, found.names, found.videos)))
        parts.append(beside)
    written += [folder / "categories.png", folder / "time.png", *drawn]
    if found.further is not None:
        more = write_further(found.table, found.names, found.metric, found.further, folder)
        parts += more.parts
        written += [_write_csv(folder / name, lines) for name, lines in more.tables.items()] + more.pictures
    if any(c.scores for c in found.contextual):
        written.append(_write_csv(folder / "contextual.csv", _contextual_lines(found)))
        by_name = dict(zip(found.names, found.contextual, strict=True))
        draw_contextual(by_name, _places(found), folder / "contextual.png")
        written.append(folder / "contextual.png")
    parts.append(_contextual_part(found))
    text = "\n".join(parts)
    write_atomically(folder / "analysis.md", text)
    bare = re.sub(r"^!\[.*\n+", "", text, flags=re.MULTILINE)
    return bare, [folder / "analysis.md", *written]


def _head(found: Analysis) -> str:
    head = found.table[0].head
    said = [f"# {found.metric} on {head.dataset}, protocol {head.protocol}\n"]
    if head.synthetic:
        said.append("Synthetic: says nothing about real videos.\n")
    for name, row in zip(found.names, found.table, strict=True):
        left_out = f"; left out as of other folds: {named('seed', row.left_out)}" if row.left_out else ""
        said.append(
            f"- {name}: preset {row.head.preset or '-'}, folds {_listed(row.folds)}, seeds {_listed(row.seeds)}, "
            f"{many(len({v.video for r in row.records for v in r.videos}), 'video')}{left_out}"
        )
    if len({row.folds for row in found.table}) > 1:
        said.append("\nThe networks were tested on other folds, hence on other videos: their scores do not compare.")
    return "\n".join(said) + "\n"


def _category_part(found: Analysis, kinds: Mapping[str, Sequence[Score]]) -> str:
    body = [[name, *(_interval(of[n]) for of in kinds.values())] for n, name in enumerate(found.names)]
    table = markdown_table(["Network", *kinds], body, numbers=range(1, 1 + len(kinds)))
    return f"## By category\n\nWith 95 % intervals over videos.\n\n{table}\n![By category](categories.png)\n"


def _time_part(found: Analysis, curves: Mapping[str, Sequence[Interval]]) -> str:
    body = []
    for name, curve in curves.items():
        means = [part.mean for part in curve]
        quarter = len(means) // 4
        body.append([name, *(_number(defined_mean(means[n * quarter : (n + 1) * quarter])) for n in range(4))])
    table = markdown_table(["Network", "1st quarter", "2nd", "3rd", "4th"], body, numbers=range(1, 5))
    return f"## Over time\n\nMean over videos, each with its time from 0 to 1.\n\n{table}\n![Over time](time.png)\n"


def _case_part(found: Analysis, drawn: Sequence[Path]) -> str:
    body = []
    for name, row in zip(found.names, found.table, strict=True):
        body += [[name, c.category, c.word, c.video, _number(c.value)] for c in cases(row, found.metric)]
    table = markdown_table(["Network", "Category", "Case", "Video", found.metric], body, numbers=range(4, 5))
    said = (
        "" if len(drawn) == len(found.names) else "The pictures of a network's test are shown where they still are.\n"
    )
    shown = "".join(f"![{path.stem}]({path.name})\n" for path in drawn)
    return f"## Best and worst videos\n\n{table}{said}\n{shown}"


def _contextual_part(found: Analysis) -> str:
    title = "## Contextual NSS\n\n"
    body, said = [], []
    for name, c in zip(found.names, found.contextual, strict=True):
        if c.scores:
            body.append([name, *(_interval(c.scores[place]) for place in _places(found)), str(c.scores["frame"].n)])
        else:
            said.append(f"- {name}: {c.missing}")
    missing = "Not available:\n\n" + "\n".join(said) + "\n" if said else ""
    if not body:
        return title + missing
    about = "Frames in which a sounding thing is seen: fixations in its box, elsewhere, and all; the map is normalised "
    about += "over the whole frame.\n\n"
    places = _places(found).values()
    table = markdown_table(["Network", *places, "Videos"], body, numbers=range(1, 2 + len(places)))
    return f"{title}{about}{table}\n![Contextual NSS](contextual.png)\n{missing}"


def _places(found: Analysis) -> dict[str, str]:
    """The places that all rows with contextual NSS have, and what they are called."""
    scored = [c.scores for c in found.contextual if c.scores]
    return {place: word for place, word in PLACES.items() if all(place in scores for scores in scored)}


def _relative_part(found: Analysis, lines: Sequence[Mapping[str, object]]) -> str:
    body = []
    for name in found.names:
        of = {line["metric"]: line["relative"] for line in lines if line["network"] == name}
        if of:
            body.append([name, *(fixed(v) if isinstance(v := of[m], float) else "-" for m in METRICS)])
    table = markdown_table(["Network", *METRICS], body, numbers=range(1, 1 + len(METRICS)))
    return f"## Between the bounds\n\n0 is `{FLOOR}`, 1 is `{CEILING}`; a score may lie outside.\n\n{table}"


def _draw_cases(found: Analysis, folder: Path) -> Iterator[Path]:
    """A picture for each row whose test left pictures."""
    for name, row, folders in zip(found.names, found.table, found.pictures, strict=True):
        shown = []
        for case in cases(row, found.metric):
            picture = _picture(case, folders)
            if picture is not None:
                shown.append(
                    (f"{case.word} of {case.category}: {case.video}, {found.metric} {_number(case.value)}", picture)
                )
        if shown:
            path = folder / f"cases-{re.sub(r'[^A-Za-z0-9_.-]+', '-', name).strip('-')}.png"
            draw_cases(shown, f"{name}: frames, where people look, and the prediction", path)
            yield path


def _picture(case: Case, folders: Mapping[tuple[int, int], Path]) -> Path | None:
    folder = folders.get((case.record.fold, case.record.seed))
    path = folder / f"{case.video}.png" if folder else None
    return path if path is not None and path.is_file() else None


def _category_lines(found: Analysis) -> Iterator[Mapping[str, object]]:
    for metric in METRICS:
        for kind, scores in by_category(found.table, metric).items():
            for name, row, s in zip(found.names, found.table, scores, strict=True):
                videos = {v.video for r in row.records for v in r.videos if kind in (ALL, v.category)}
                line = {"network": name, "category": kind, "videos": len(videos), "metric": metric}
                yield line | {"score": _raw(s.value), "low": _raw(s.low), "high": _raw(s.high)}


def _time_lines(found: Analysis) -> Iterator[Mapping[str, object]]:
    for name, row in zip(found.names, found.table, strict=True):
        for metric in METRICS:
            curve = over_time(row, metric)
            for n, part in enumerate(curve):
                place = {"network": name, "metric": metric, "from": n / len(curve), "to": (n + 1) / len(curve)}
                yield place | {
                    "mean": _raw(part.mean),
                    "low": _raw(part.low),
                    "high": _raw(part.high),
                    "videos": part.n,
                }


def _case_lines(found: Analysis) -> Iterator[Mapping[str, object]]:
    for name, row, folders in zip(found.names, found.table, found.pictures, strict=True):
        for c in cases(row, found.metric):
            line = {"network": name, "category": c.category, "case": c.word, "video": c.video, "fold": c.record.fold}
            picture = "there" if _picture(c, folders) else "gone"
            yield line | {"metric": found.metric, "score": _raw(c.value), "picture": picture}


def _contextual_lines(found: Analysis) -> Iterator[Mapping[str, object]]:
    for name, c in zip(found.names, found.contextual, strict=True):
        for place, s in c.scores.items():
            line = {"network": name, "place": PLACES[place], "nss": _raw(s.mean), "low": _raw(s.low)}
            yield line | {"high": _raw(s.high), "videos": s.n}


def _relative_lines(found: Analysis) -> Iterator[Mapping[str, object]]:
    for name, row in zip(found.names, found.table, strict=True):
        for metric, value in relative_scores(row, [*found.table, *found.bounds]).items():
            score = row.scores[metric].value
            yield {"network": name, "metric": metric, "score": _raw(score), "relative": _raw(value)}


def _write_csv(path: Path, lines: Iterable[Mapping[str, object]]) -> Path:
    table = list(lines)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(table[0]) if table else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: for_csv(value) for name, value in line.items()} for line in table)
    write_atomically(path, text.getvalue())
    return path


def _interval(s: Score | Interval) -> str:
    value = s.value if isinstance(s, Score) else s.mean
    bounds = "" if math.isnan(s.low) else f" ({fixed(s.low)} to {fixed(s.high)})"
    return _number(value) + bounds


def _number(value: float) -> str:
    return "-" if math.isnan(value) else fixed(value)


def _raw(value: float) -> float | str:
    """A number to six decimals, or nothing where it is not defined."""
    return "" if math.isnan(value) else round(value, 6)


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
