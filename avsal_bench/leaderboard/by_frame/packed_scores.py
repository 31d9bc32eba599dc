"""Scores of the single frames of a test, packed beside its record, and read again, whoever they come from.

Beside ``<name>.json`` lies ``<name>.frames.npy``: an array of float32 with a row for each scored frame, video by video
in the order of the record, and in that of the frames. Its columns are the number of the frame, from 1, and the metrics.
The record tells them in ``provenance.frame_scores``, with the SHA-256 of the file, so that a file of another record is
never taken for its own. A record without one is whole all the same: it lacks the analyses that go by frames.

float32 and not less: a share of frames where one network beats another is one of small differences, and half of the
digits would make ties of them. With six metrics a frame takes 28 bytes, so DIEM's test 0.8 MB: too much for a
repository of many records, and ``.gitignore`` leaves these files out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avsal_bench.data.plain_arrays import read_numbers
from avsal_bench.files import sha256, whole_file
from avsal_bench.means import defined_mean
from avsal_bench.plain_values import LARGEST
from avsal_bench.record_metrics import AREAS
from avsal_bench.records import Record, VideoScores
from avsal_bench.text import many

#: Form of the file, told in ``provenance.frame_scores.schema``.
SCHEMA = 1
#: Frames of a record whose scores are kept and read, at most: 16 times those of DHF1K's test.
MOST_FRAMES = 1_000_000
#: Largest number of a frame: those up to it are whole in float32.
MOST_NUMBER = 2**24
#: Where the score of a frame can lie, by metric, as in a record; of a plug-in's metric ``LARGEST``.
_BOUNDS = {"CC": (-1, 1), "NSS": (-10_000, 10_000), "AUC-J": AREAS, "sAUC": (0, 1), "SIM": (0, 1), "KL": (-1, 1_000)}
#: Ending of the file, in the place of the record's ``.json``.
PACKED = ".frames.npy"
#: Key of the record's provenance.
KEY = "frame_scores"
#: First column: the number of the frame.
FRAME = "frame"
#: How far the mean of the frames of a video may be from the score that the record has: float32, and its sums.
_ROUNDING = 2e-4
#: How to get frame scores that are not there.
WAYS = "test it anew (`avsal bench` or `avsal evaluate` with --force), or name the --runs of the test"

Array = NDArray[np.float64]


@dataclass(frozen=True)
class VideoFrames:
    """Scores of the frames of one video.

    Args:
        numbers: of the frames, from 1, rising.
        scores: for each metric those of these frames, float64; NaN where a metric is not defined.
    """

    numbers: NDArray[np.int64]
    scores: Mapping[str, Array]


#: By the name of the video.
FrameScores = Mapping[str, VideoFrames]


def packed_path(record: Path) -> Path:
    """Where the frame scores of a record lie.

    >>> packed_path(Path("vinet_v-fold1-seed0.json")).name
    'vinet_v-fold1-seed0.frames.npy'
    """
    return record.with_suffix(PACKED)


def scores_of_test(videos: Sequence[VideoScores], folder: Path) -> dict[str, VideoFrames] | None:
    """Frame scores that a test left in its folder, a file a video; None where those of a video are not there.

    Args:
        videos: of the record; a file with other scores is of another test.
        folder: of ``<video>.json``.
    """
    found = {}
    for video in videos:
        try:
            plain = json.loads((folder / f"{video.video}.json").read_text(encoding="utf-8"))
            rows = {metric: _row(values) for metric, values in plain["frames"].items()}
            one = VideoFrames(np.array(plain["numbers"], dtype=np.int64), rows)
            _check(video, one)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        found[video.video] = one
    return found


def _row(values: Sequence[float | None]) -> Array:
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def pack(record: Path, found: FrameScores) -> dict[str, Any]:
    """Write frame scores beside a record, atomically; returns what the record tells of them in its provenance.

    Args:
        record: path of its file.
        found: in the order of its videos, each with the same metrics. With none, or more than ``MOST_FRAMES``, nothing
            is written, and nothing is told.

    Raises:
        OSError: naming the folder, when it cannot be written.
    """
    path = packed_path(record)
    columns = [FRAME, *(next(iter(found.values())).scores if found else ())]
    rows = sum(len(one.numbers) for one in found.values())
    if not 0 < rows <= MOST_FRAMES:
        path.unlink(missing_ok=True)
        return {}
    table = np.concatenate(
        [np.stack([one.numbers, *(one.scores[name] for name in columns[1:])], 1) for one in found.values()]
    )
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.save(file, table.astype("<f4"), allow_pickle=False)
    return {KEY: {"schema": SCHEMA, "columns": columns, "rows": rows, "sha256": sha256(path)}}


def unpack(path: Path, record: Record) -> dict[str, VideoFrames]:
    """The frame scores that are packed beside a record, which may come from anyone.

    Args:
        path: of the record.
        record: read from it.

    Raises:
        FileNotFoundError: when it has none, or the file is not there, saying how to get them.
        ValueError: naming the file, for one of another record, of another form, or whose means are not the scores of
            the record.
    """
    told, file = record.provenance.get(KEY), packed_path(path)
    if told is None:
        raise FileNotFoundError(f"{path}: the record has no scores of single frames; {WAYS}")
    if told["schema"] != SCHEMA:
        raise ValueError(f"{path}: frame scores of form {told['schema']}, this version reads {SCHEMA}")
    if told["rows"] > MOST_FRAMES:
        raise ValueError(f"{path}: scores of {many(told['rows'], 'frame')}, at most {MOST_FRAMES:,} are read")
    if not file.is_file():
        raise FileNotFoundError(
            f"no {file}, which has the frame scores of the record beside it; copy it too, or {WAYS}"
        )
    table = read_numbers(file, 2)
    if (known := sha256(file)) != told["sha256"]:
        raise ValueError(
            f"{file}: not the frame scores of the record beside it (SHA-256 {known[:12]}.., the record says "
            f"{told['sha256'][:12]}..); take the file away, and {WAYS}"
        )
    columns = told["columns"]
    frames = sum(video.frames for video in record.videos)
    if table.dtype != np.dtype("<f4") or table.shape != (told["rows"], len(columns)) or told["rows"] != frames:
        raise ValueError(
            f"{file}: {table.dtype} of shape {table.shape}, expected float32 of {(frames, len(columns))}: "
            f"{many(frames, 'frame')}, {many(len(columns), 'column')}"
        )
    found, start = {}, 0
    for video in record.videos:
        part = table[start : start + video.frames].astype(np.float64)
        start += video.frames
        if not ((part[:, 0] % 1 == 0) & (part[:, 0] <= MOST_NUMBER)).all():  # not so of NaN and infinities either
            raise ValueError(f"{file}: video {video.video}: numbers of frames that are no numbers")
        one = VideoFrames(part[:, 0].astype(np.int64), dict(zip(columns[1:], part.T[1:], strict=True)))
        try:
            _check(video, one)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None
        found[video.video] = one
    return found


def _check(video: VideoScores, one: VideoFrames) -> None:
    """Raise ValueError for frame scores that cannot be those of a video."""
    numbers = one.numbers
    if len(numbers) != video.frames or (len(numbers) and (numbers[0] < 1 or (np.diff(numbers) < 1).any())):
        raise ValueError(f"video {video.video}: frames that do not rise from 1, or not {video.frames} of them")
    for metric, score in video.scores.items():
        if metric not in one.scores or len(one.scores[metric]) != video.frames:
            raise ValueError(f"video {video.video}: no {metric} of each frame")
        defined = one.scores[metric][~np.isnan(one.scores[metric])]
        low, high = _BOUNDS.get(metric, (-LARGEST, LARGEST))
        if not ((defined >= low - _ROUNDING) & (defined <= high + _ROUNDING)).all():
            raise ValueError(f"video {video.video}: {metric} of a frame outside of {low:g} to {high:g}")
        if video.frames - len(defined) != video.undefined.get(metric, 0):
            told = f"{video.undefined.get(metric, 0)} of {many(video.frames, 'frame')} without {metric}"
            raise ValueError(f"video {video.video}: {told} in the record, {video.frames - len(defined)} here")
        mean = defined_mean(defined.tolist())
        near = abs(mean - score) <= _ROUNDING * max(1.0, float(np.abs(defined).mean()) if len(defined) else 0.0)
        if math.isnan(mean) != math.isnan(score) or not (near or math.isnan(score)):
            raise ValueError(f"video {video.video}: mean {metric} {mean:.5f} of its frames, {score:.5f} in the record")
