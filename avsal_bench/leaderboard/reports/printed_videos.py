"""The networks of an analysis beside what authors hand out of single videos: on the videos that both have."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from avsal_bench.leaderboard.markdown import markdown_table
from avsal_bench.leaderboard.published_scores import PublishedVideos
from avsal_bench.leaderboard.significance import video_means
from avsal_bench.leaderboard.statistics import bootstrap_interval
from avsal_bench.leaderboard.tables import Row
from avsal_bench.records import METRICS
from avsal_bench.text import fixed

_ABOUT = """\
On the videos that both have. Their protocol is their own, so a difference may be that of two protocols; r, the
correlation over videos, says whether the same videos are hard for both."""


def video_part(table: Sequence[Row], names: Sequence[str], metric: str, published: Sequence[PublishedVideos]) -> str:
    """A table in Markdown of each row against each published file of its data set; "" where there is none.

    Args:
        table: the rows, of one data set.
        names: of the rows.
        metric: that is shown.
        published: scores of single videos, of any data set.
    """
    body, sources = [], []
    for name, row in zip(names, table, strict=True):
        mine = video_means(row, metric)
        for one in _of_set(published, row):
            theirs = one.scores.get(metric, {})
            common = sorted(mine.keys() & theirs.keys())
            if not common:
                continue
            own, other = (np.array([scores[video] for video in common]) for scores in (mine, theirs))
            gain = bootstrap_interval(own - other)
            better = int((own > other).sum() if METRICS[metric] else (own < other).sum())
            interval = "" if math.isnan(gain.low) else f" ({fixed(gain.low)} to {fixed(gain.high)})"
            numbers = [
                fixed(own.mean()),
                fixed(other.mean()),
                f"{fixed(gain.mean)}{interval}",
                _correlation(own, other),
            ]
            body.append([name, one.variant, str(len(common)), *numbers, str(better)])
            sources.append(f"- {one.variant} ({one.paper}): {one.source}")
    if not body:
        return ""
    heads = ["Network", "Published", "Videos", metric, "Theirs", "Difference", "r", "Better in"]
    shown = markdown_table(heads, body, numbers=range(2, len(heads)))
    listed = "\n".join(dict.fromkeys(sources))
    return f"## Videos beside published scores\n\n{_ABOUT}\n\n{shown}\n{listed}\n"


def video_lines(
    table: Sequence[Row], names: Sequence[str], published: Sequence[PublishedVideos]
) -> Iterator[Mapping[str, object]]:
    """One line for each row, video and metric that a published file of the data set has too."""
    for name, row in zip(names, table, strict=True):
        for one in _of_set(published, row):
            for metric in METRICS:
                mine, theirs = video_means(row, metric), one.scores.get(metric, {})
                for video in sorted(mine.keys() & theirs.keys()):
                    line = {"network": name, "video": video, "metric": metric, "score": round(mine[video], 6)}
                    yield line | {"published": one.variant, "theirs": theirs[video], "source": one.source}


def _of_set(published: Sequence[PublishedVideos], row: Row) -> list[PublishedVideos]:
    return [one for one in published if one.dataset == row.head.dataset and not row.head.synthetic]


def _correlation(own: np.ndarray, other: np.ndarray) -> str:
    """Pearson's, over videos; "-" where one of both is the same on all, or there are fewer than three."""
    if len(own) < 3 or not own.std() or not other.std():
        return "-"
    return fixed(float(np.corrcoef(own, other)[0, 1]))
