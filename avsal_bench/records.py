"""A record, and its way to the disk and back. What its file may hold stands in :mod:`avsal_bench.record_form`.

A record is the result file of one (model, dataset, fold, seed, protocol, sound condition), and the only thing that
crosses from running to publishing.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

from avsal_bench import record_form, record_metrics
from avsal_bench.files import regular_file, write_atomically
from avsal_bench.means import defined_mean
from avsal_bench.names import network_name, precision_word, record_path, safe_name
from avsal_bench.plain_values import MOST_BYTES, read_plain
from avsal_bench.strays import without_strays

__all__ = [
    "CURVE_PARTS",
    "MAPS_PRESET",
    "METRICS",
    "SCHEMA",
    "SOUNDS",
    "Averaging",
    "MetricForm",
    "Record",
    "VideoScores",
    "mean_score",
    "mean_scores",
    "network_name",
    "read_record",
    "read_records",
    "record_from_json",
    "record_path",
    "score_curve",
    "stray_records",
    "video_from_json",
    "video_to_json",
    "write_record",
]

SCHEMA = record_form.SCHEMA
CURVE_PARTS = record_metrics.CURVE_PARTS

#: Metrics of a record in the order of the tables; True where higher is better.
METRICS: dict[str, bool] = {"CC": True, "NSS": True, "AUC-J": True, "sAUC": True, "SIM": True, "KL": False}

#: What a network hears at test time, the true sound first; docs/hearing.md has the rules.
SOUNDS: tuple[str, ...] = get_args(record_form.Sound)

#: Preset of records of maps that other code made: nothing is known of their training.
MAPS_PRESET = "maps"

#: What is averaged first: the frames of each video, and then videos; or all frames of all videos alike.
Averaging = record_form.Averaging


@dataclass(frozen=True)
class MetricForm:
    """How a metric of a plug-in is shown and checked where the plug-in is not.

    Args:
        higher_is_better: whether it is.
        low: the least that a score can be; None for no bound.
        high: the most; likewise.
        digits: behind the point, in tables.
    """

    higher_is_better: bool = True
    low: float | None = None
    high: float | None = None
    digits: int = 3


@dataclass(frozen=True)
class VideoScores:
    """Scores of one video: for each metric the mean over the frames where it is defined.

    Args:
        video: name.
        frames: that have a predicted map, and so were scored.
        scores: NaN for a metric that no frame defines.
        undefined: for each metric, the scored frames that were left out of its mean.
        category: the kind of scene where the data set has such a label, else "".
        unfixated: scored frames that nobody fixated.
        constant: scored frames whose predicted map is the same everywhere.
        skipped: frames of the list that have no predicted map; always 0 for a network that was run here.
        curve: for each metric its mean in each of ``CURVE_PARTS`` equal parts of the video's time, to four decimals;
            NaN for a part without a frame that defines it.
        consistent: for each metric its mean over the scored frames whose sound belongs to the picture, by the labels
            of the set; NaN where no such frame defines it, and empty where the video has no labels.
        consistent_frames: how many such frames were scored.
        map_cc: of a record with another than the true sound: mean over frames of the CC between the network's map with
            this sound and that with the true one. 1 says that the sound changed nothing. None where no frame has one.
        places: likewise, where the set says who talks or what sounds: by the names of ``record_metrics.PLACES``, NSS of
            the fixations there with the true sound and with this one, each the mean over the frames in which what
            sounds is seen and both are defined. Empty where nobody says it, or no frame has one.
    """

    video: str
    frames: int
    scores: dict[str, float]
    undefined: dict[str, int]
    category: str = ""
    unfixated: int = 0
    constant: int = 0
    skipped: int = 0
    curve: dict[str, list[float]] = field(default_factory=dict)
    consistent: dict[str, float] = field(default_factory=dict)
    consistent_frames: int = 0
    map_cc: float | None = None
    places: dict[str, list[float]] = field(default_factory=dict)

    def weight(self, metric: str, averaging: Averaging) -> int:
        """How often the video counts in the mean of a metric: once, or once for each frame that defines it."""
        return 1 if averaging == "videos" else self.frames - self.undefined.get(metric, 0)


@dataclass(frozen=True)
class Record:
    """One result with its whole story.

    Args:
        model: name in the registry, and of the variant behind a hyphen where it is one, such as ``mspi-s3d``.
        modality: ``v``, ``av`` or ``a``; "" for a baseline.
        dataset: name of the data set.
        fold: from 1: most sets have 1, 2 and 3.
        seed: of the training run.
        protocol: name of the protocol.
        preset: of the recipe.
        sound: what the network heard at test time, one of ``SOUNDS``.
        averaging: how ``scores`` were made of those of the videos.
        scores: for each metric the mean over the videos that define it.
        videos: per-video scores, in the order of the fold list.
        synthetic: True when the data set is made by the project itself.
        recipe: the resolved recipe, as plain values.
        weights: checkpoint file (name only), its SHA-256 and the number of parameters.
        provenance: ``version`` of the package, ``commit``, ``clean`` (True when the code is that of the commit, or of
            the installed package; these three the leaderboard asks for), ``code`` (SHA-256 of the package's sources),
            versions, device, threads, start (UTC), seconds of fit and test, the command, and ``fits``, the story of
            each stage of the training.
            ``plugins``: name, version and SHA-256 of each plug-in that was loaded. ``precision``: that of Lightning
            which the network was tested in; a record that does not say is of float32. ``sounds``: all that it was
            tested with in the same pass. ``partners``: of ``swapped`` and ``matched``, whose sound each video was
            given, by their keys. ``louder_db``: of ``matched``, by how many dB that was louder before.
        metrics: those that plug-ins scored besides ``METRICS``, by name.
    """

    model: str
    modality: str
    dataset: str
    fold: int
    seed: int
    protocol: str
    preset: str
    sound: str
    averaging: Averaging
    scores: dict[str, float]
    videos: list[VideoScores]
    synthetic: bool
    recipe: dict[str, Any]
    weights: dict[str, Any]
    provenance: dict[str, Any]
    schema: int = field(default=SCHEMA)
    metrics: dict[str, MetricForm] = field(default_factory=dict)

    @property
    def precision(self) -> str:
        """What the test computed in where that was not float32, such as ``bf16``; "" for float32."""
        return precision_word(self.provenance.get("precision"))

    @property
    def label(self) -> str:
        """The model as tables name it: behind a hyphen the precision, where the test was not in float32."""
        return f"{self.model}-{self.precision}" if self.precision else self.model

    @property
    def network(self) -> str:
        """``label_modality``, or the label alone for a baseline: results of two precisions share no row."""
        return network_name(self.label, self.modality)

    @property
    def n_frames(self) -> int:
        """Frames scored, over all videos."""
        return sum(v.frames for v in self.videos)

    @property
    def not_counted(self) -> int:
        """Frames that somebody fixated and that are missing in the mean of a metric, as their maps do not define it.

        A map that is the same everywhere does so, and leaving its frame out may raise the mean. The sAUC takes no part:
        it lacks also where there is no fixation of another frame to shuffle.
        """
        most = (max((n for m, n in v.undefined.items() if m != "sAUC"), default=0) - v.unfixated for v in self.videos)
        return sum(max(0, extra) for extra in most)

    def counts(self) -> dict[str, int]:
        """Frames over all videos: scored, without fixations, with a constant map, and skipped."""
        names = ("frames", "unfixated", "constant", "skipped")
        return {name: sum(getattr(v, name) for v in self.videos) for name in names}


def mean_scores(videos: Sequence[VideoScores], averaging: Averaging = "videos") -> dict[str, float]:
    """Mean of every metric over videos or over their frames, undefined ones left out; NaN where there is none.

    >>> a = VideoScores("a", 1, dict.fromkeys(METRICS, 0.2), {})
    >>> b = VideoScores("b", 3, dict.fromkeys(METRICS, 0.4), {})
    >>> round(mean_scores([a, b])["CC"], 6), round(mean_scores([a, b], "frames")["CC"], 6)
    (0.3, 0.35)
    """
    names = dict.fromkeys([*METRICS, *(metric for video in videos for metric in video.scores)])
    return {metric: mean_score(videos, metric, averaging) for metric in names}


def mean_score(videos: Iterable[VideoScores], metric: str, averaging: Averaging) -> float:
    """Mean of one metric, as :func:`mean_scores` has it."""
    members = list(videos)
    scores = [v.scores[metric] for v in members]
    if averaging == "videos":  # each counts once
        return defined_mean(scores)
    return defined_mean(scores, [v.weight(metric, averaging) for v in members])


def score_curve(frames: Sequence[int], scores: Sequence[float], n_frames: int) -> list[float]:
    """Mean score in each of ``CURVE_PARTS`` equal parts of a video's time, as ``VideoScores.curve`` has it.

    Args:
        frames: numbers of the scored frames, from 1.
        scores: of these frames, NaN where undefined.
        n_frames: of the video.

    >>> score_curve([1, 2], [0.5, float("nan")], 2)[:2], len(score_curve([1], [0.5], 1))
    ([0.5, nan], 20)
    """
    parts: list[list[float]] = [[] for _ in range(CURVE_PARTS)]
    for frame, value in zip(frames, scores, strict=True):
        if not math.isnan(value):
            parts[(frame - 1) * CURVE_PARTS // n_frames].append(value)
    return [round(defined_mean(part), 4) if part else math.nan for part in parts]


def video_to_json(video: VideoScores) -> dict[str, Any]:
    """Plain values of one video, NaN as null: JSON has no NaN."""
    plain = asdict(video)
    plain["scores"], plain["consistent"] = _nan_to_none(video.scores), _nan_to_none(video.consistent)
    plain["curve"] = {metric: [None if math.isnan(v) else v for v in curve] for metric, curve in video.curve.items()}
    if not video.places:  # as of most sets nobody says it
        del plain["places"]
    return plain


def video_from_json(plain: dict[str, Any]) -> VideoScores:
    """Inverse of :func:`video_to_json`."""
    curve = {
        metric: [math.nan if v is None else v for v in values] if None in values else values
        for metric, values in plain["curve"].items()
    }
    scores = {"scores": _none_to_nan(plain["scores"]), "consistent": _none_to_nan(plain.get("consistent", {}))}
    return VideoScores(**{**plain, **scores, "curve": curve})


def write_record(path: str | os.PathLike[str], record: Record) -> None:
    """Write a record atomically as indented JSON with sorted keys; a list of numbers stands on one line.

    Args:
        path: of its file.
        record: of one test.

    Raises:
        ValueError: when it could not be read again; nothing is written.
    """
    plain = {f.name: getattr(record, f.name) for f in fields(record)}
    plain["scores"] = _nan_to_none(record.scores)
    plain["videos"] = [video_to_json(v) for v in record.videos]
    plain["metrics"] = {name: asdict(form) for name, form in record.metrics.items()}
    if not record.metrics:  # as all records were before there were plug-ins
        del plain["metrics"]
    plain["provenance"] = _readable(record.provenance)
    text = json.dumps(plain, indent=1, sort_keys=True, allow_nan=False)
    text = re.sub(r"\[\s+((?:[-+.\deE]+|null)(?:,\s+(?:[-+.\deE]+|null))*)\s+\]", _on_one_line, text)
    try:
        record_from_json(read_plain(text.encode()))
    except ValueError as error:
        raise ValueError(f"{path}: not written, as it would not be a record ({error})") from error
    write_atomically(Path(path), text + "\n")


def _readable(story: Any) -> Any:
    """The story of a record without what no file of it may hold, such as a command with bytes that are no text."""
    if isinstance(story, str):
        return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in story)
    if isinstance(story, float):
        return story if math.isfinite(story) else None
    if isinstance(story, Mapping):
        return {key: _readable(value) for key, value in story.items()}
    return [_readable(value) for value in story] if isinstance(story, list | tuple) else story


def _on_one_line(found: re.Match[str]) -> str:
    return f"[{' '.join(found[1].split())}]"


def read_record(path: str | os.PathLike[str]) -> Record:
    """Read a record, which may come from anyone.

    Args:
        path: of its file.

    Raises:
        FileNotFoundError: when there is none.
        ValueError: naming the file, and each value that no record of this schema has.
    """
    content = regular_file(Path(path), MOST_BYTES, links=True).read_bytes()
    try:
        return record_from_json(read_plain(content))
    except ValueError as error:
        raise ValueError(f"{path}: not a record ({error}); move it away and run again") from error


def record_from_json(plain: Any) -> Record:
    """A record from the plain values of its file.

    Raises:
        ValueError: naming what is missing, unknown, of another type or out of its range, and counts that contradict
            each other.
    """
    record_form.check_form(plain)
    videos = [video_from_json(v) for v in plain["videos"]]
    for video in videos:
        _check_counts(video)
    metrics = {name: MetricForm(**form) for name, form in plain.get("metrics", {}).items()}
    return Record(**{**plain, "scores": _none_to_nan(plain["scores"]), "videos": videos, "metrics": metrics})


def _check_counts(v: VideoScores) -> None:
    """Raise ValueError for a name that is not safe, and for counts of frames that contradict each other."""
    safe_name("video", v.video)
    counts = {"frames without fixations": v.unfixated, "frames with a constant map": v.constant}
    counts |= {"frames whose sound belongs to the picture": v.consistent_frames}
    counts |= {f"frames without {metric}": count for metric, count in v.undefined.items()}
    for what, count in counts.items():
        if count > v.frames:
            raise ValueError(f"video {v.video}: {count} {what}, of {v.frames} frame{'s' * (v.frames != 1)}")
    if not v.consistent_frames and any(not math.isnan(value) for value in v.consistent.values()):
        raise ValueError(f"video {v.video}: scores of frames whose sound belongs to the picture, of which it has none")


def read_records(root: str | os.PathLike[str]) -> Iterator[tuple[Path, Record]]:
    """All records under ``root``, in the order of their paths; strays are left out (:func:`stray_records`).

    Args:
        root: folder ``records`` of a leaderboard.

    Raises:
        ValueError: naming a file that is no record, or that lies where another record belongs.
    """
    root = Path(root)
    for path in sorted(_record_files(root)):
        r = read_record(path)
        place = record_path(root, r.network, r.dataset, r.fold, r.seed, r.protocol, r.sound)
        if path != place and place.exists():
            raise ValueError(f"{path} and {place} claim the same row; keep one of them")
        # Once the precision was no part of a record's name.
        plain = network_name(r.model, r.modality)
        if path not in (place, record_path(root, plain, r.dataset, r.fold, r.seed, r.protocol, r.sound)):
            raise ValueError(f"{path}: holds the record of {place}; move it there")
        yield path, r


def stray_records(root: Path) -> list[Path]:
    """Files among the records that other programs left there, such as ``._mine.json``; they are not read."""
    return sorted({*root.glob("*/*/*.json")} - {*_record_files(root)})


def _record_files(root: Path) -> Iterator[Path]:
    for protocol in without_strays(root.glob("*/")):
        for folder in without_strays(protocol.glob("*/")):
            yield from without_strays(folder.glob("*.json"))


def _nan_to_none(scores: dict[str, float]) -> dict[str, float | None]:
    return {k: None if math.isnan(v) else v for k, v in scores.items()}


def _none_to_nan(scores: dict[str, float | None]) -> dict[str, float]:
    return {k: math.nan if v is None else v for k, v in scores.items()}
