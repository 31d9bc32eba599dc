"""``load_records``: records as one table of pandas."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from avsal_bench.leaderboard.kinds import viewing_of
from avsal_bench.leaderboard.merged_records import differ, identity, record_files
from avsal_bench.leaderboard.record_places import local_places
from avsal_bench.record_story import seen_of
from avsal_bench.records import METRICS, Record, VideoScores, read_record

#: What tells one record from another; two files of the same are an error.
KEYS = ("model", "modality", "dataset", "fold", "seed", "protocol", "sound", "precision")
_OF_RECORD = (*KEYS, "preset", "synthetic", "device", "training", "frames", "file")
_OF_VIDEO = ("video", "category", "undefined")

Places = str | os.PathLike[str] | Record


def load_records(path: Places | Iterable[Places], videos: bool = False) -> pd.DataFrame:
    """Scores of records as a table in long form: one score a row.

    >>> import avsal_bench
    >>> table = avsal_bench.load_records("leaderboard")  # doctest: +SKIP
    >>> stavis = table[(table.protocol == "stavis") & (table.sound == "original")]  # doctest: +SKIP
    >>> stavis.pivot_table("value", ["model", "modality"], ["dataset", "metric"])  # doctest: +SKIP

    Args:
        path: the folder of a leaderboard or of records, with all that lies below it; one file; an archive of records or
            of a whole repository (``.zip``, ``.tar.gz``), or the address of one (``https://...``), which is fetched and
            kept below ``runs/records``; a record in memory, such as :func:`avsal_bench.evaluate` gives; or several of
            these. A record that two of them have alike counts once.
        videos: give the scores of each video, in place of the means of the protocol over all videos of a record.

    Returns:
        Columns ``model`` (``vinet-bf16`` where a test was in bfloat16, and not in float32), ``modality``, ``dataset``,
        ``fold``, ``seed``, ``protocol``, ``sound``, ``precision`` (``bf16``; "" for float32), ``preset``,
        ``synthetic``, ``device`` (``eye`` or ``mouse``, whose scores do not compare; ``simulated``, ``unknown``),
        ``training`` (what it saw of the set: ``zero-shot``, ``trained on the training part``, ``unknown``, ``saw test
        videos``), ``frames`` (that were scored), ``file`` ("" for a record in memory), ``metric`` and ``value``
        (NaN where it is not defined). With ``videos`` also ``video``, ``category`` and ``undefined``, the frames that
        are not in the mean, and ``frames`` are those of the video.

    Raises:
        FileNotFoundError: for what is not there, and a folder without a record.
        ValueError: naming a file that is no record, and two that differ and are of the same network and test.
        OSError: for an address that does not answer, and of which nothing is kept.
    """
    several = [path] if isinstance(path, str | os.PathLike | Record) else list(path)
    rows: list[dict[str, Any]] = []
    seen: dict[str, str] = {}
    for file, record in _records(several):
        key = identity(record)
        if key in seen:
            if file and seen[key] and not differ(Path(seen[key]), Path(file)):
                continue
            raise ValueError(
                f"{seen[key] or 'a record'} and {file or 'a record'} are of the same test; give one of them"
            )
        seen[key] = file
        rows += _rows(file, record, videos)
    columns = [*_OF_RECORD, *(_OF_VIDEO if videos else ()), "metric", "value"]
    return pd.DataFrame(rows, columns=columns)


def _records(places: Iterable[Places]) -> Iterator[tuple[str, Record]]:
    for place in places:
        if isinstance(place, Record):
            yield "", place
            continue
        if not isinstance(place, str | os.PathLike):
            raise TypeError(f"expected a folder, a file or a record, got {place!r}")
        [path], notes = local_places([place])
        for note in notes:
            print(f"note: {note}", file=sys.stderr)
        yield from ((str(file), read_record(file)) for file in record_files(path))


def _rows(file: str, record: Record, videos: bool) -> Iterator[dict[str, Any]]:
    head = {name: getattr(record, name) for name in (*KEYS, "preset", "synthetic")}
    head |= {"model": record.label, "file": file, "device": viewing_of(record).device}
    head["training"] = seen_of(record.provenance, record.dataset).value
    if not videos:
        for metric in dict.fromkeys((*METRICS, *record.scores)):
            value = record.scores.get(metric, float("nan"))
            yield head | {"frames": record.n_frames, "metric": metric, "value": value}
        return
    for video in record.videos:
        for metric in dict.fromkeys((*METRICS, *video.scores)):
            yield head | _of_video(video, metric)


def _of_video(video: VideoScores, metric: str) -> dict[str, Any]:
    return {
        "frames": video.frames,
        "video": video.video,
        "category": video.category,
        "undefined": video.undefined.get(metric, 0),
        "metric": metric,
        "value": video.scores.get(metric, float("nan")),
    }
