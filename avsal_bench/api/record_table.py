"""``load_records``: records as one table of pandas."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from avsal_bench.leaderboard.kinds import viewing_of
from avsal_bench.record_story import seen_of
from avsal_bench.records import METRICS, Record, VideoScores, read_record
from avsal_bench.strays import without_strays

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
        path: the folder of a leaderboard or of records, with all that lies below it; one file; a record in memory, such
            as :func:`avsal_bench.evaluate` gives; or several of these.
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
        ValueError: naming a file that is no record, and two that are of the same network and test.
    """
    several = [path] if isinstance(path, str | os.PathLike | Record) else list(path)
    rows: list[dict[str, Any]] = []
    seen: dict[tuple[Any, ...], str] = {}
    for file, record in _records(several):
        key = tuple(getattr(record, name) for name in KEYS)
        if key in seen:
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
        path = Path(place)
        if not path.is_dir():
            yield str(path), read_record(path)
            continue
        found = path / "records" if (path / "records").is_dir() else path
        files = sorted(file for folder in _folders(found) for file in without_strays(folder.glob("*.json")))
        if not files:
            raise FileNotFoundError(f"{path}: no record below this folder; records are .json files of `avsal bench`")
        yield from ((str(file), read_record(file)) for file in files)


def _folders(root: Path) -> Iterator[Path]:
    yield root
    for folder in sorted(without_strays(path for path in root.iterdir() if path.is_dir())):
        yield from _folders(folder)


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
