"""Score the maps of a video that lie on the disk, under some protocols at once: each is read once, a few at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avsal_bench.data.places import is_video_file
from avsal_bench.evaluation.maps import runs_of_one_shape
from avsal_bench.evaluation.score import READ, VideoScorer


@dataclass
class Noted:
    """What was found in the film of a video when it was read to its end; nothing for files of single maps.

    Args:
        unreadable: what is wrong with pictures that are no map, by frame; they are not scored.
        constant: frames whose maps are the same everywhere.
    """

    unreadable: dict[int, str] = field(default_factory=dict)
    constant: list[int] = field(default_factory=list)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any] | None) -> Noted:
        """From the values of :meth:`to_json`, or of a result without any."""
        plain = plain or {}
        return cls({int(frame): str(why) for frame, why in plain.get("unreadable", [])}, plain.get("constant", []))

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {"unreadable": sorted(map(list, self.unreadable.items())), "constant": self.constant}

    def __bool__(self) -> bool:
        return bool(self.unreadable or self.constant)


def score_files(
    files: Mapping[int, Path], scorers: Sequence[VideoScorer], true: Mapping[int, Path] | None = None
) -> Noted:
    """Score the maps of some frames by each of some scorers of one video.

    Args:
        files: of the frames, in their order; that of a film stands there for each of its frames.
        scorers: one a protocol.
        true: files of maps of the same frames, sizes and types, that the maps are compared with: those with the true
            sound. A picture of a film that is no map is left out of the comparison; it is noted where it is scored.

    Raises:
        FileNotFoundError, ValueError: naming a file of the ground truth that is missing, unreadable or misfitting, or
            of a map that is not in a film.
    """
    # Some protocols take the mean of the channels of a picture: a way of reading of its own.
    ways = [[one for one in scorers if (one.protocol.formulas == "crowdsal") == mean] for mean in (False, True)]
    noted = Noted()
    if any(map(is_image, files.values())) and all(ways):
        for mean, some in enumerate(ways):
            _score(files, some, noted, bool(mean), true)
        return noted
    _score(files, scorers, noted, bool(ways[True]), true)
    return noted


def is_image(path: Path) -> bool:
    """Whether a file of a map is a picture, which may have channels that differ."""
    return not is_video_file(path) and path.suffix.lower() != ".npy"


def _score(
    files: Mapping[int, Path],
    scorers: Sequence[VideoScorer],
    noted: Noted,
    mean: bool,
    true: Mapping[int, Path] | None,
) -> None:
    for frames, maps in runs_of_one_shape(files, READ, noted.unreadable, mean):
        same = maps.flatten(1).amin(1) == maps.flatten(1).amax(1)
        noted.constant += [
            frame for frame, flat in zip(frames, same, strict=True) if flat and is_video_file(files[frame])
        ]
        for scorer in scorers:
            scorer.add(frames, maps)
        if true is not None:
            _compare(dict(zip(frames, maps, strict=True)), true, scorers, mean)


def _compare(maps: Mapping[int, Tensor], true: Mapping[int, Path], scorers: Sequence[VideoScorer], mean: bool) -> None:
    """Let scorers note how like some maps ``(h, w)``, by frame, are to those with the true sound."""
    wanted = {frame: true[frame] for frame in maps}
    for frames, originals in runs_of_one_shape(wanted, READ, {}, mean):
        heard = torch.stack([maps[frame] for frame in frames])
        for scorer in scorers:
            scorer.compare(heard, originals)
