"""Which videos of a record are shown: those that are named, or where hearing gains most and least, and typical."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from avsal_bench.data.dataset import Video
from avsal_bench.names import pick, rejoined
from avsal_bench.records import Record, read_record

#: Metric whose gains choose.
METRIC = "CC"


def named_videos(videos: Sequence[Video], names: Sequence[str], record: Record, path: Path) -> dict[str, str]:
    """Names of videos of a test list, each with what hearing gains there, or its score, as far as records tell.

    Names that were cut at their commas are put together again.

    Raises:
        ValueError: for a name that is not of the list; it suggests the nearest.
    """
    known = {video.name: video for video in videos}
    where = f"test video of {videos[0].dataset}" if videos else "test video"
    scores, gains = _known_scores(record, path)
    told = {name: f"{METRIC} {score:.3f}" for name, score in scores.items()}
    for name, gain in (gains or {}).items():
        told[name] = f"hearing {'loses' if gain < 0 else 'gains'} {abs(gain):.3f} {METRIC}"
    return {pick(where, name, known).name: told.get(name, "") for name in rejoined(names, known)}


def told_videos(record: Record, path: Path, count: int = 3) -> dict[str, str]:
    """Names of some videos of a record, each with why it is shown.

    Where a record of the same network with silence lies beside it, they are the video in which hearing gains most, the
    one in which it loses most (or gains least), and one with a middling gain. Else they are the best, the worst and a
    middling video by CC.

    Args:
        record: with the true sound.
        path: of it.
        count: at most so many.
    """
    scores, gains = _known_scores(record, path)
    if gains is not None:
        return _ends(gains, count, "hearing gains most", "hearing loses most", "hearing gains least", "a middling gain")
    return _ends(scores, count, "the best", "the worst", "the worst", "a middling score")


def _known_scores(record: Record, path: Path) -> tuple[dict[str, float], dict[str, float] | None]:
    """The score of each video that has one; and what hearing gains in it, where a record says so."""
    scores = {v.video: v.scores[METRIC] for v in record.videos if not math.isnan(v.scores[METRIC])}
    if (muted := _muted(record, path)) is None:
        return scores, None
    other = {v.video: v.scores[METRIC] for v in muted.videos}
    return scores, {name: scores[name] - other[name] for name in scores if not math.isnan(other.get(name, math.nan))}


def _ends(values: Mapping[str, float], count: int, top: str, lost: str, least: str, middle: str) -> dict[str, str]:
    ordered = sorted(values, key=lambda name: (-values[name], name))
    if not ordered:
        return {}
    sign = {True: lost, False: least}
    found = {
        ordered[0]: f"{top}: {values[ordered[0]]:+.3f} {METRIC}"
        if "gain" in top
        else f"{top}: {METRIC} {values[ordered[0]]:.3f}"
    }
    for name, word in ((ordered[-1], sign[values[ordered[-1]] < 0]), (ordered[len(ordered) // 2], middle)):
        told = f"{word}: {values[name]:+.3f} {METRIC}" if "gain" in top else f"{word}: {METRIC} {values[name]:.3f}"
        found.setdefault(name, told)
    return dict(list(found.items())[:count])


def _muted(record: Record, path: Path) -> Record | None:
    """The record of the same network with silence, beside one; None where there is none that is of the same weights."""
    beside = path.with_name(f"{path.stem}-muted.json")
    if not beside.is_file():
        return None
    try:
        found = read_record(beside)
    except ValueError:
        return None
    return found if found.sound == "muted" and found.weights.get("sha256") == record.weights.get("sha256") else None
