"""Contextual NSS: how well a map tells where people look, on the thing that sounds and elsewhere (dave2019, 5.6).

The paper takes only frames in which a sounding thing is seen, and computes NSS over its place, over the rest of the
frame, and over the whole frame. Here the map is normalised over the whole frame in all three, and the mean is over the
fixations inside, outside, and all of them; the paper does not say it.

Where a set says where faces are and who of them talks, the thing is the faces that talk, and the rest is parted further
into the other faces and what is no face.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from avsal_bench.data.dataset import Video
from avsal_bench.data.face_places import FacePlaces
from avsal_bench.data.sound_sources import MarkedSources, has_marks
from avsal_bench.data.synth.making import synth_is_complete
from avsal_bench.data.synth.sounding import GIVEN, sounding_regions
from avsal_bench.evaluation.maps import read_map
from avsal_bench.evaluation.observers import Halving, duels
from avsal_bench.evaluation.pairing import find_maps
from avsal_bench.evaluation.protocol import Protocol, prepare
from avsal_bench.evaluation.score import READ
from avsal_bench.evaluation.truth import Truth
from avsal_bench.means import defined_mean
from avsal_bench.metrics.functional import nss
from avsal_bench.metrics.inputs import WITHOUT_FLOAT64

#: Where fixations count: on the sounding thing, elsewhere, anywhere.
PLACES = ("source", "rest", "frame")
#: Likewise where faces are known: on those that talk, on the others, on no face; and the three above.
FACES = ("source", "others", "background", "rest", "frame")


class SourceRegions:
    """The sounding thing and what is round it.

    Args:
        region: of the thing, ``(n_frames, H, W)`` bool.
    """

    places: tuple[str, ...] = PLACES

    def __init__(self, region: Tensor) -> None:
        self.region = region
        self.size = (region.shape[1], region.shape[2])

    def seen(self, frame: int) -> bool:
        """Whether it is seen in a frame, from 1."""
        return bool(self.region[frame - 1].any())

    def masks(self, frames: Sequence[int]) -> dict[str, Tensor]:
        """Pixels of each part in some frames, ``(F, H, W)`` bool."""
        region = self.region[[frame - 1 for frame in frames]]
        return dict(zip(PLACES, (region, ~region, torch.ones_like(region)), strict=True))


class FaceRegions:
    """Faces that talk, other faces, and what is no face.

    Args:
        video: of a set that annotates faces.

    Raises:
        FileNotFoundError, ValueError: as :class:`~avsal_bench.data.face_places.FacePlaces`.
    """

    places: tuple[str, ...] = FACES

    def __init__(self, video: Video) -> None:
        self._faces = FacePlaces(video)
        self.size = self._faces.size

    def seen(self, frame: int) -> bool:
        """Whether a face that talks is seen in a frame, from 1."""
        return self._faces.talked(frame)

    def masks(self, frames: Sequence[int]) -> dict[str, Tensor]:
        """Pixels of each part in some frames, ``(F, H, W)`` bool."""
        talking, others = map(torch.from_numpy, self._faces.masks(frames))
        rest, everywhere = ~talking, torch.ones_like(talking)
        return dict(zip(FACES, (talking, others, rest & ~others, rest, everywhere), strict=True))


class MarkedRegions:
    """The sources of the sound that a person marked, and what is round them.

    Args:
        video: of any set.
        root: of its data, with the marks (:mod:`avsal_bench.data.sound_sources`).

    Raises:
        FileNotFoundError, ValueError: as :meth:`~avsal_bench.data.sound_sources.MarkedSources.of`.
    """

    places: tuple[str, ...] = PLACES

    def __init__(self, video: Video, root: Path) -> None:
        self._marked = MarkedSources.of(video, root)
        self.size = self._marked.size

    def seen(self, frame: int) -> bool:
        """Whether a source was marked in a frame, from 1."""
        return self._marked.seen(frame)

    def masks(self, frames: Sequence[int]) -> dict[str, Tensor]:
        """Pixels of each part in some frames, ``(F, H, W)`` bool."""
        region = torch.from_numpy(self._marked.masks(frames))
        return dict(zip(PLACES, (region, ~region, torch.ones_like(region)), strict=True))


#: The parts of the frames of a video: their names ``places``, and the ``size`` of its fixation maps.
Regions = SourceRegions | FaceRegions | MarkedRegions


def regions_of(video: Video, root: Path) -> Regions:
    """The parts of the frames of a video: by what a person marked, where anybody did, else by what the set says itself.

    Raises:
        ValueError: for a set that does not say where the sounding thing is, or naming a file that is wrong.
        FileNotFoundError: naming a missing file.
    """
    return MarkedRegions(video, root) if has_marks(video.dataset, root) else _own_regions(video, root)


def _own_regions(video: Video, root: Path) -> Regions:
    return FaceRegions(video) if video.faces else SourceRegions(torch.from_numpy(sounding_regions(video, root)))


def has_regions(video: Video, root: Path) -> bool:
    """Whether anybody says who talks in a video, or what sounds, and the files that say it are there."""
    if video.faces:
        return video.faces.boxes.is_file() and video.faces.talking.is_file()
    return video.dataset in GIVEN and synth_is_complete(root)


def nss_at(
    regions: Regions, frames: Sequence[int], maps: Tensor, fixations: Tensor, protocol: Protocol
) -> dict[str, list[float]]:
    """NSS of the maps ``(F, h, w)`` of some frames at each place, NaN where nobody looks there.

    Args:
        regions: of the video.
        frames: numbers, from 1.
        maps: of these frames.
        fixations: their fixation maps ``(F, H, W)``, bool.
        protocol: how maps become what is scored.

    Raises:
        ValueError: when the regions have another size than the fixation maps.
    """
    if tuple(fixations.shape[1:]) != regions.size:
        raise ValueError(f"regions {regions.size}, fixation maps {tuple(fixations.shape[1:])}")
    if maps.device.type in WITHOUT_FLOAT64:
        maps = maps.cpu()
    prepared = prepare(maps, (fixations.shape[1], fixations.shape[2]), protocol)
    return {
        place: nss(prepared, (fixations & pixels).to(prepared.device)).tolist()
        for place, pixels in regions.masks(frames).items()
    }


class PlacesHeard:
    """NSS at each place of one video with the true sound and with others, of the very same frames.

    Args:
        regions: of the video.
        protocol: how maps become what is scored.
        sounds: numbers of the others that are asked for, from 1, in the order of the maps.
    """

    def __init__(self, regions: Regions, protocol: Protocol, sounds: Sequence[int]) -> None:
        self.regions = regions
        self.protocol = protocol
        self.scores = {number: {place: list[float]() for place in regions.places} for number in (0, *sounds)}

    def add(self, frames: Sequence[int], maps: Tensor, fixations: Tensor) -> None:
        """Score the maps ``(S, F, h, w)`` of some frames, the true sound first, on their fixation maps ``(F, H, W)``.

        Frames in which what sounds is not seen count nowhere.

        Raises:
            ValueError: as :func:`nss_at`.
        """
        rows = [row for row, frame in enumerate(frames) if self.regions.seen(frame)]
        if not rows or len(self.scores) == 1:
            return
        seen = [frames[row] for row in rows]
        for number, scores in self.scores.items():
            for place, values in nss_at(self.regions, seen, maps[number][rows], fixations[rows], self.protocol).items():
                scores[place] += values

    def means(self, number: int) -> dict[str, list[float]]:
        """By place the mean NSS with the true sound and with another one, over the frames where both are defined."""
        found = {}
        for place, others in self.scores[number].items():
            both = [pair for pair in zip(self.scores[0][place], others, strict=True) if not any(map(math.isnan, pair))]
            if both:
                found[place] = [defined_mean(side) for side in zip(*both, strict=True)]
        return found


def places_heard(video: Video, sounds: Sequence[int], protocol: Protocol, root: Path) -> PlacesHeard | None:
    """What scores a video's maps at its places, with the true sound and some others; None where nobody says them.

    Raises:
        ValueError: naming a file of faces that is wrong.
    """
    if not has_regions(video, root):
        return None
    try:
        return PlacesHeard(_own_regions(video, root), protocol, sounds)
    except ValueError:
        if video.faces:
            raise
        return None  # a video of one's own, beside those that the embedded set made


@dataclass
class Contextual:
    """Contextual NSS of one video, added up frame by frame.

    Args:
        regions: of its frames.
        protocol: how maps become what is scored.
        scores: for each place the NSS of each frame that defines it.
    """

    regions: Regions
    protocol: Protocol
    scores: dict[str, list[float]] = field(init=False)

    def __post_init__(self) -> None:
        self.scores = {place: [] for place in self.regions.places}

    def frames(self, among: Sequence[int]) -> list[int]:
        """Those of some frames in which a sounding thing is seen."""
        return [frame for frame in among if self.regions.seen(frame)]

    def add(self, frames: Sequence[int], maps: Tensor, fixations: Tensor) -> None:
        """Score the maps ``(F, h, w)`` of some frames on their fixation maps ``(F, H, W)``, bool.

        Raises:
            ValueError: when the region has another size than the fixation maps.
        """
        for place, values in nss_at(self.regions, frames, maps, fixations, self.protocol).items():
            self.scores[place] += [value for value in values if not math.isnan(value)]

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
        By video, the mean over its frames at each of ``PLACES``, or of ``FACES``; videos without a sounding thing are
        not in it.

    Raises:
        FileNotFoundError: naming a video whose maps are not all there.
        ValueError: naming a file that is wrong.
    """
    found = {}
    for video in videos:
        sums = Contextual(regions_of(video, root), protocol)
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
        sums = Contextual(regions_of(video, root), protocol)
        for predicting, right, common in duels(video, halving):
            frames = sums.frames(common)
            for start in range(0, len(frames), READ):
                part = frames[start : start + READ]
                sums.add(part, predicting.predicted(part), right.fixations(part))
        if sums.scores["frame"]:
            found[video.name] = sums.means()
    return found
