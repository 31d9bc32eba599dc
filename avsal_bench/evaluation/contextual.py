"""Contextual NSS: how well a map tells where people look, on the thing that sounds and elsewhere (dave2019, 5.6).

The paper takes only frames in which a sounding thing is seen, and computes NSS over its place, over the rest of the
frame, and over the whole frame. Here the map is normalised over the whole frame in all three, and the mean is over the
fixations inside, outside, and all of them; the paper does not say it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from avsal_bench.data.dataset import Video
from avsal_bench.data.synth.sounding import sounding_regions
from avsal_bench.evaluation.maps import read_map
from avsal_bench.evaluation.observers import Halving, duels
from avsal_bench.evaluation.pairing import find_maps
from avsal_bench.evaluation.protocol import Protocol, prepare
from avsal_bench.evaluation.score import READ
from avsal_bench.evaluation.truth import Truth
from avsal_bench.metrics.functional import nss

#: Where fixations count: on the sounding thing, elsewhere, anywhere.
PLACES = ("source", "rest", "frame")


@dataclass
class Contextual:
    """Contextual NSS of one video, added up frame by frame.

    Args:
        region: of the sounding thing, ``(n_frames, H, W)`` bool.
        protocol: how maps become what is scored.
        scores: for each place the NSS of each frame that defines it.
    """

    region: Tensor
    protocol: Protocol
    scores: dict[str, list[float]] = field(default_factory=lambda: {place: [] for place in PLACES})

    def frames(self, among: Sequence[int]) -> list[int]:
        """Those of some frames in which a sounding thing is seen."""
        return [frame for frame in among if self.region[frame - 1].any()]

    def add(self, frames: Sequence[int], maps: Tensor, fixations: Tensor) -> None:
        """Score the maps ``(F, h, w)`` of some frames on their fixation maps ``(F, H, W)``, bool.

        Raises:
            ValueError: when the region has another size than the fixation maps.
        """
        if fixations.shape[1:] != self.region.shape[1:]:
            raise ValueError(f"region {tuple(self.region.shape[1:])}, fixation maps {tuple(fixations.shape[1:])}")
        prepared = prepare(maps, (fixations.shape[1], fixations.shape[2]), self.protocol)
        region = self.region[[frame - 1 for frame in frames]]
        for place, fixated in zip(PLACES, (fixations & region, fixations & ~region, fixations), strict=True):
            self.scores[place] += [value for value in nss(prepared, fixated).tolist() if not math.isnan(value)]

    def means(self) -> dict[str, float]:
        """Mean over frames at each place, NaN where none defines it."""
        return {place: math.fsum(v) / len(v) if v else math.nan for place, v in self.scores.items()}


def contextual_of_maps(
    videos: Sequence[Video], maps: Path, protocol: Protocol, root: Path
) -> dict[str, dict[str, float]]:
    """Contextual NSS of maps on the disk.

    Args:
        videos: of the test list, of a set that says where the sounding thing is.
        maps: folder with one 8-bit or float map a frame, in any layout that ``avsal evaluate`` reads.
        protocol: how maps become what is scored.
        root: of the data set.

    Returns:
        By video, the mean over its frames at each of ``PLACES``; videos without a sounding thing are not in it.

    Raises:
        FileNotFoundError: naming a video whose maps are not all there.
        ValueError: naming a file that is wrong.
    """
    found = {}
    for video in videos:
        sums = Contextual(torch.from_numpy(sounding_regions(video, root)), protocol)
        frames = sums.frames(range(1, video.n_frames + 1))
        if not frames:
            continue
        files = find_maps(maps, video, others=videos).files
        if missing := [frame for frame in frames if frame not in files]:
            raise FileNotFoundError(f"{maps}: no map of {video.key}, frame {missing[0]}; give all frames a map")
        truth = Truth(video)
        for start in range(0, len(frames), READ):
            part = frames[start : start + READ]
            sums.add(part, torch.stack([read_map(files[frame], frame) for frame in part]), truth.fixations(part))
        found[video.name] = sums.means()
    return found


def contextual_of_halves(
    videos: Sequence[Video], halving: Halving, protocol: Protocol, root: Path
) -> dict[str, dict[str, float]]:
    """Contextual NSS of half of the observers for the other half; as :func:`contextual_of_maps`.

    Raises:
        FileNotFoundError, ValueError: naming a file that is missing or wrong.
    """
    found = {}
    for video in videos:
        sums = Contextual(torch.from_numpy(sounding_regions(video, root)), protocol)
        for predicting, right, common in duels(video, halving):
            frames = sums.frames(common)
            for start in range(0, len(frames), READ):
                part = frames[start : start + READ]
                sums.add(part, predicting.predicted(part), right.fixations(part))
        if sums.scores["frame"]:
            found[video.name] = sums.means()
    return found
