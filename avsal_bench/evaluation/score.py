"""From predicted maps and ground truth to the scores of a video."""

from __future__ import annotations

import json
import math
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avsal_bench.data.dataset import Video
from avsal_bench.data.labels import labels_of
from avsal_bench.evaluation.protocol import Protocol, prepare, prepare_truth, require_finite_flags
from avsal_bench.evaluation.truth import Truth
from avsal_bench.files import write_atomically
from avsal_bench.kept import MadeOf, differing
from avsal_bench.means import defined_mean
from avsal_bench.metrics.arithmetic import measured
from avsal_bench.metrics.arithmetic.scaling import (
    EPS,
    Maps,
    Points,
    find,
    from_zero,
    measure,
    moved,
    surely,
    to_sum_1,
    total,
)
from avsal_bench.metrics.arithmetic.stretched import Listed, challenge_scores, each_once, listed
from avsal_bench.metrics.functional import cc
from avsal_bench.metrics.further import AUC_J_MIT, further_scores
from avsal_bench.metrics.inputs import WITHOUT_FLOAT64
from avsal_bench.records import VideoScores, score_curve, video_from_json, video_to_json
from avsal_bench.text import many
from avsal_bench.timing.stopwatch import timed

#: Pixels of ground truth or prediction that are scored at once, on a CPU and on a GPU. It bounds the memory (some 20
#: arrays of this size) whatever the length of the video; arrays this small stay near a processor, and are enough to
#: keep a GPU busy.
PIXELS, PIXELS_ON_GPU = 2**18, 2**23
#: Frames whose ground truth is in memory at a time, and pixels of them: 32 maps of 720p, or 16 of full HD, take 0.2 GB
#: with their masks.
READ, READ_PIXELS = 32, 2**25


def score_frames(
    maps: Tensor,
    densities: Tensor,
    fixations: Tensor,
    negatives: Tensor,
    protocol: Protocol,
    where: Sequence[str] = (),
    dtype: torch.dtype = torch.float64,
    points: Sequence[Tensor] | None = None,
) -> dict[str, Tensor]:
    """Every metric of some frames, computed where the maps are.

    Maps on a GPU are waited for once, for the scores of all frames. The ground truth is best on the CPU all the same:
    fixated pixels are looked for where their masks are. Steps that write a JPEG or resize as Pillow does, and metrics
    of plug-ins, are of the CPU, and the maps are brought there for them.

    Args:
        maps: predictions ``(F, h, w)``, uint8, uint16 or floating and non-negative, at any size.
        densities: ground-truth maps ``(F, H, W)``, of any type and unit.
        fixations: fixation maps ``(F, H, W)``, bool.
        negatives: of the shuffled AUC ``(F, H, W)``, bool.
        protocol: how maps become scores.
        where: name of each frame, for errors.
        dtype: in which the pixels of CC, NSS, SIM and KL are computed: float64, as for records, or float32, within
            1e-6 of it. The steps of the protocol and the areas, which the last bit decides, are float64 always, and so
            are the formulas of ``crowdsal``.
        points: for the formulas of ``crowdsal``: of each frame the points ``(N, 2)``, whole numbers, row and column
            from 0, each as often as it is listed. None: the fixated pixels, each once. Negative numbers count from the
            other side there.

    Returns:
        For each metric of the protocol a tensor ``(F,)`` float64 on the CPU, NaN where the metric is not defined.

    Raises:
        ValueError: when the shapes do not fit, a point lies outside of its frame, or a prediction holds a NaN or an
            infinity.
    """
    return _scored(maps, densities, fixations, negatives, protocol, where, dtype, points)[0]


def _scored(
    maps: Tensor,
    densities: Tensor,
    fixations: Tensor,
    negatives: Tensor,
    protocol: Protocol,
    where: Sequence[str] = (),
    dtype: torch.dtype = torch.float64,
    points: Sequence[Tensor] | None = None,
) -> tuple[dict[str, Tensor], Tensor]:
    """As :func:`score_frames`, and which of the predictions are constant ``(F,)``."""
    _check_shapes(maps, densities, fixations, negatives, where)
    if points is not None and len(points) != len(maps):
        raise ValueError(f"expected the points of {many(len(maps), 'frame')}, got those of {len(points)}")
    if maps.device.type in WITHOUT_FLOAT64:
        maps = maps.cpu()
    most = PIXELS if maps.device.type == "cpu" else PIXELS_ON_GPU
    step = max(1, most // max(maps[0].numel(), densities[0].numel()))
    chunks = []
    for start in range(0, len(maps), step):
        part = slice(start, start + step)
        truth = (moved(densities[part], maps.device), fixations[part], negatives[part])
        chunks.append(_score(maps[part], *truth, None if points is None else points[part], protocol, dtype))
    names = [*chunks[0]]
    # All numbers in one piece: a GPU is waited for here, and nowhere else.
    table = torch.cat([torch.stack([chunk[name].double() for name in names]) for chunk in chunks], 1).cpu()
    found = dict(zip(names, table, strict=True))
    require_finite_flags(found.pop("finite").bool(), where)
    constant = found.pop("constant").bool()
    return {metric: found[metric] for metric in protocol.all_metrics}, constant


def _score(
    maps: Tensor,
    density: Tensor,
    fixations: Tensor,
    negatives: Tensor,
    points: Sequence[Tensor] | None,
    protocol: Protocol,
    dtype: torch.dtype,
) -> dict[str, Tensor]:
    """The metrics of a few frames, and whether their maps are ``finite`` and ``constant``."""
    size = (density.shape[1], density.shape[2])
    prediction = prepare(maps, size, protocol)
    density = prepare_truth(moved(density, prediction.device), protocol)
    pixels, others = (find(masks.flatten(1)) for masks in (fixations, negatives))
    fixated, others = pixels.to(prediction.device), others.to(prediction.device)
    if protocol.formulas == "crowdsal":
        looked = each_once(pixels, size) if points is None else listed(points, size)
        scores = _score_listed(prediction, density, looked.to(prediction.device), fixated, others, protocol)
    else:
        scores = _score_found(prediction, density, fixated, others, protocol, dtype)
    if wanted := tuple(metric for metric in protocol.metrics if metric not in scores):
        truth = {"density": density.cpu(), "fixations": fixations.cpu(), "negatives": negatives.cpu()}
        further = further_scores(wanted, prediction.cpu(), truth)
        scores |= {name: moved(values, prediction.device) for name, values in further.items()}
    ordered = maps.int() if maps.dtype == torch.uint16 else maps  # of which torch knows no extremes
    low, high = (moved(found, prediction.device) for found in (ordered.amin((1, 2)), ordered.amax((1, 2))))
    # The least and the largest of values with a NaN are NaN.
    return {**scores, "finite": low.isfinite() & high.isfinite(), "constant": low == high}


def _score_found(
    prediction: Tensor, density: Tensor, fixated: Points, others: Points, protocol: Protocol, dtype: torch.dtype
) -> dict[str, Tensor]:
    """The metrics of the tables of maps ``(B, H, W)`` float64, with all that is needed on one device."""
    p, g = measure(prediction.flatten(1)), measure(density.flatten(1))
    blank = ~p.varies[:, 0]
    if protocol.blank == "chance" and not surely(~blank):
        p = measure(prediction.where(~blank[:, None, None], 1.0).flatten(1))
    scores = measured.table_scores(p, g, fixated, others, dtype)
    if protocol.empty == "mit":
        _score_empty(scores, p, g)
    if protocol.blank == "chance":
        _score_blank(scores, blank, g, fixated, others)
    return scores


def _score_listed(
    prediction: Tensor, density: Tensor, looked: Listed, fixated: Points, others: Points, protocol: Protocol
) -> dict[str, Tensor]:
    """As :func:`_score_found` by the formulas of ``crowdsal``, and the MIT code's AUC-J under its own name."""
    p, g = measure(prediction.flatten(1)), measure(density.flatten(1))
    scores, usual = challenge_scores(p, g, looked, fixated)
    scores["sAUC"] = measured.shuffled(p, fixated, others)
    if AUC_J_MIT in protocol.metrics:
        scores[AUC_J_MIT] = usual
    if protocol.empty == "mit":
        _score_empty(scores, p, g)
    if protocol.blank == "chance":
        _score_blank(scores, ~p.varies[:, 0], g, fixated, others)
    return scores


def _score_blank(scores: dict[str, Tensor], blank: Tensor, g: Maps, fixated: Points, others: Points) -> None:
    """Give maps that are the same everywhere what guessing scores, where the ground truth has a score."""
    looked, told, pixels = fixated.counts > 0, g.varies[:, 0], g.values.shape[1]
    if not surely(~blank):
        raised, mass = from_zero(g)
        equal = total((raised / mass[:, None].to(raised)).clamp_max(1 / pixels))
        scores["SIM"] = torch.where(blank & told, equal, scores["SIM"])
    for metric, value, defined in (
        ("CC", 0.0, told),
        ("NSS", 0.0, looked),
        ("AUC-J", 0.5, looked & (fixated.counts < pixels)),
        ("sAUC", 0.5, looked & (others.counts > 0)),
    ):
        scores[metric] = scores[metric].masked_fill(blank & defined, value)


def _score_empty(scores: dict[str, Tensor], p: Maps, g: Maps) -> None:
    """Give SIM and KL of maps that are zero everywhere the values that the MIT code has for them."""
    empty = (g.finite & (g.size == 0) & p.finite)[:, 0]
    nothing = (p.finite & (p.size == 0))[:, 0] & ~empty
    scores["SIM"] = scores["SIM"].masked_fill(empty | nothing, 0.0)
    scores["KL"] = scores["KL"].masked_fill(empty, 0.0)
    if not surely(~nothing):
        share = to_sum_1(g)
        scores["KL"] = torch.where(nothing, total(share * (EPS + share / EPS).log()), scores["KL"])


def _check_shapes(maps: Tensor, densities: Tensor, fixations: Tensor, negatives: Tensor, where: Sequence[str]) -> None:
    shapes = {densities.shape, fixations.shape, negatives.shape, (len(maps), *densities.shape[1:])}
    if maps.ndim != 3 or len(maps) == 0 or len(shapes) > 1:
        got = ", ".join(str(tuple(x.shape)) for x in (maps, densities, fixations, negatives))
        raise ValueError(
            f"{where[0] if where else 'score_frames'}: expected maps (F, h, w), and densities, fixations and "
            f"negatives (F, H, W) with F at least 1, got {got}"
        )
    if fixations.dtype != torch.bool or negatives.dtype != torch.bool:
        raise ValueError(f"expected fixations and negatives of bool, got {fixations.dtype} and {negatives.dtype}")


@dataclass
class VideoScorer:
    """Scores the frames of one video as their maps come, a few at a time.

    Args:
        truth: of the video.
        protocol: how maps become scores.
    """

    truth: Truth
    protocol: Protocol
    frames: list[int] = field(default_factory=list)
    scores: dict[str, list[float]] = field(default_factory=dict)
    unfixated: int = 0
    constant: int = 0
    alike: list[float] = field(default_factory=list)
    places: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.scores = self.scores or {metric: [] for metric in self.protocol.all_metrics}

    def compare(self, maps: Tensor, originals: Tensor) -> None:
        """Note how like the maps ``(F, h, w)`` of some frames are to those with the true sound: :func:`likeness`."""
        self.alike += likeness(maps, originals).tolist()

    def add(self, frames: Sequence[int], maps: Tensor) -> None:
        """Score the maps ``(F, h, w)`` of some frames, uint8 or floating.

        Raises:
            FileNotFoundError, ValueError: naming a missing, unreadable or misfitting file, or a frame whose map
                holds NaN or infinity.
        """
        height, width = self.truth.size
        step = max(1, min(READ, READ_PIXELS // (height * width)))
        for start in range(0, len(frames), step):
            self._add(frames[start : start + step], maps[start : start + step])

    def _add(self, frames: Sequence[int], maps: Tensor) -> None:
        where = [f"{self.truth.video.key}, frame {frame}" for frame in frames]
        with timed("reading"):
            fixations = self.truth.fixations(frames)
            negatives = self.truth.negatives(frames, self.protocol.negatives)
            densities = self.truth.densities(frames)
            points = self._points(frames, where) if self.protocol.formulas == "crowdsal" else None
        scores, constant = _scored(maps, densities, fixations, negatives, self.protocol, where, points=points)
        for metric, values in scores.items():
            self.scores[metric] += values.tolist()
        self.frames += frames
        self.unfixated += int((~fixations.flatten(1).any(1)).sum())
        self.constant += int(constant.sum())

    def _points(self, frames: Sequence[int], where: Sequence[str]) -> list[Tensor]:
        """The points of some frames; no frame may have so many of them that its area is none that a record may hold."""
        points, pixels = self.truth.listed(frames), math.prod(self.truth.size)
        for of_frame, name in zip(points, where, strict=True):
            if len(of_frame) > 2 * max(pixels - 2, 1):
                raise ValueError(
                    f"{name}: {many(len(of_frame), 'point')} on {pixels} pixels; expected at most twice as many points "
                    "as pixels, are they those of another picture?"
                )
        return points

    def result(self) -> VideoScores:
        """Mean of each metric over the frames where it is defined, and the numbers of frames that are special.

        Raises:
            ValueError: for labels of consistency that are not the video's; see :mod:`avsal_bench.data.labels`.
        """
        video = self.truth.video
        defined = {metric: [v for v in row if not math.isnan(v)] for metric, row in self.scores.items()}
        labels = consistency(video)
        belongs = [labels is not None and labels[frame - 1] for frame in self.frames]
        own = {m: list(compress(row, belongs)) for m, row in self.scores.items()} if labels is not None else {}
        return VideoScores(
            video=video.name,
            frames=len(self.frames),
            scores={m: defined_mean(row) for m, row in self.scores.items()},
            undefined={m: len(self.frames) - len(row) for m, row in defined.items()},
            category=video.category,
            unfixated=self.unfixated,
            constant=self.constant,
            skipped=video.n_frames - len(self.frames),
            curve={m: score_curve(self.frames, row, video.n_frames) for m, row in self.scores.items()},
            consistent={m: defined_mean(row) for m, row in own.items()},
            consistent_frames=sum(belongs),
            map_cc=None if math.isnan(alike := defined_mean(self.alike)) else alike,
            places=self.places,
        )

    def write(self, folder: Path, **more: Any) -> None:
        """Write the result and the scores of each frame as ``<folder>/<video>.json``; ``more`` is kept beside them."""
        plain: dict[str, Any] = {
            "video": video_to_json(self.result()),
            "numbers": self.frames,
            "frames": {m: [None if math.isnan(v) else v for v in row] for m, row in self.scores.items()},
        }
        if self.alike:
            plain["alike"] = [None if math.isnan(v) else v for v in self.alike]
        write_atomically(folder / f"{self.truth.video.name}.json", json.dumps(plain | more, allow_nan=False))


class AtPlaces(typing.Protocol):
    """Finds NSS where a set says who talks or what sounds: :class:`~avsal_bench.evaluation.contextual.PlacesHeard`."""

    def add(self, frames: Sequence[int], maps: Tensor, fixations: Tensor) -> None:
        """Take the maps ``(S, F, h, w)`` of some frames, the true sound first, and their fixation maps."""

    def means(self, number: int) -> dict[str, list[float]]:
        """By place the mean with the true sound, and with the one of a number from 1 on."""


def consistency(video: Video) -> Sequence[bool] | None:
    """For each frame of a video whether the sound belongs to the picture; None where nobody has labelled it.

    Raises:
        ValueError: for labels that are not the video's; see :mod:`avsal_bench.data.labels`.
    """
    path = video.labels
    known = path is not None and (path.is_file() or (video.silent and path.parent.is_dir()))
    return labels_of(video) if known else None


def likeness(maps: Tensor, others: Tensor) -> Tensor:
    """CC of each of the maps ``(F, h, w)`` with the other one of its frame, ``(F,)`` float64.

    1 for equal maps, constant ones too; NaN where one of two that differ is constant.
    """
    found = cc(maps.double(), others.double())
    return torch.where((maps == others).flatten(1).all(1), torch.ones_like(found), found)


@dataclass(frozen=True)
class Results:
    """The results of single videos in a folder, as far as they may be used.

    Args:
        folder: of the files, one a video.
        made_of: what the result of each video would be made of now, by the video's name.
    """

    folder: Path
    made_of: Mapping[str, MadeOf]

    def read(self) -> dict[str, tuple[VideoScores, Mapping[str, Any]]]:
        """By the name of the video its scores, and what lies beside them in the file.

        One that is made of anything else, damaged, or of another video is not there: it is made again.
        """
        found = {}
        for video, made_of in self.made_of.items():
            try:
                plain = json.loads((self.folder / f"{video}.json").read_text(encoding="utf-8"))
                if plain["video"]["video"] == video and not differing(plain.get("made_of"), made_of):
                    found[video] = video_from_json(plain["video"]), plain
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                continue
        return found

    def write(self, scorer: VideoScorer, **more: Any) -> None:
        """Write the result of a video with what it is made of; ``more`` is kept beside it."""
        scorer.write(self.folder, made_of=dict(self.made_of[scorer.truth.video.name]), **more)
