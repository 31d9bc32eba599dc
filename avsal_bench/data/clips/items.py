"""Clips and windows as items of a batch: what is read for each, by the network's spec."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from avsal_bench.data.clips.encoded import EncodedClip, read_encoded
from avsal_bench.data.clips.sampler import ClipRequest
from avsal_bench.data.clips.sounds import Given, hear
from avsal_bench.data.dataset import Video
from avsal_bench.data.files import truth_files
from avsal_bench.data.files.frames import read_clip
from avsal_bench.data.labels import labels_of
from avsal_bench.data.windows import training_targets, window
from avsal_bench.spec import Batch, ClipSpec, Sound

Item = dict[str, Tensor | EncodedClip | str | int | tuple[int, ...] | None]

#: What a flip turns around.
PICTURES = ("frames", "density", "densities", "fixated", "all_fixated")

#: A training clip whose target map is empty is drawn again, this many times before all frames are looked at.
MAX_DRAWS = 50


class TrainingClips(Dataset[Item]):
    """Clips at a random place, each flipped left-right with probability ``flip``; fixations and files on demand."""

    def __init__(
        self,
        videos: Sequence[Video],
        spec: ClipSpec,
        flip: float,
        fixations: bool = False,
        every_frame: bool = False,
        labels: bool = False,
        hears: Sound = "original",
        encoded: bool = False,
    ) -> None:
        self.videos = videos
        self.spec = spec
        self.flip = flip
        self.fixations = fixations
        self.every_frame = every_frame
        self.labels = labels
        self.hears = hears
        self.encoded = encoded

    def __getitem__(self, request: ClipRequest) -> Item:
        """Draw one clip; the same request gives the same clip.

        Raises:
            ValueError: for a video all of whose saliency maps are empty.
        """
        video = self.videos[request.video]
        rng = np.random.default_rng(request.seed)
        targets = training_targets(video.n_frames, *self.spec.form)
        # Where most maps are empty, all are looked at in the end.
        for frame in _draws(rng, targets):
            density = truth_files.density(video, frame, self.spec.size)
            if density.any():
                break
        else:
            raise ValueError(
                f"{video.key}: every saliency map is empty, so no clip has a target; take it out of the list"
            )
        item = read_item(video, frame, self.spec, self.hears, encoded=self.encoded)
        item["density"] = density
        if self.every_frame:
            numbers = window(frame, video.n_frames, *self.spec.form).frames
            maps = [truth_files.density(video, number, self.spec.size) for number in numbers]
            item["densities"] = torch.stack(maps)
            if self.fixations:
                fixated = [truth_files.fixated(video, number, self.spec.size) for number in numbers]
                item["all_fixated"] = torch.stack(fixated)
        if self.fixations:
            item["fixated"] = truth_files.fixated(video, frame, self.spec.size)
        if self.labels:
            item["label"] = torch.tensor(labels_of(video)[frame - 1])
        if rng.random() < self.flip:
            item |= {key: value.flip(-1) for key in PICTURES if isinstance(value := item.get(key), Tensor)}
            if isinstance(files := item["frames"], EncodedClip):
                item["frames"] = files.flip()
        return item


def _draws(rng: np.random.Generator, targets: Sequence[int]) -> Iterator[int]:
    """Frames to look at for a map that is not empty: ``MAX_DRAWS`` at random, and then each of them."""
    for _ in range(MAX_DRAWS):
        yield int(rng.choice(targets))
    yield from rng.permutation(targets).tolist()


class Densities(Dataset[Tensor]):
    """Every saliency map of some videos, resized."""

    def __init__(self, videos: Sequence[Video], size: tuple[int, int]) -> None:
        self.places = [(video, frame) for video in videos for frame in range(1, video.n_frames + 1)]
        self.size = size

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Tensor:
        """One map, ``(h, w)`` float32 in [0, 1]."""
        video, frame = self.places[index]
        return truth_files.density(video, frame, self.size)


def read_item(
    video: Video,
    frame: int,
    spec: ClipSpec,
    sound: Sound = "original",
    others: Sequence[Sound] = (),
    partner: Video | None = None,
    encoded: bool = False,
) -> Item:
    """The window of a frame as an item of a :class:`~avsal_bench.spec.Batch`, without ground truth.

    Args:
        video: whose files are read.
        frame: the target frame, from 1.
        spec: of the network.
        sound: what is heard, as ``audio``.
        others: what else is heard, as ``others``; nothing for a network without sound.
        partner: whose sound is heard where it is ``swapped`` or ``matched``, as loud as it is.
        encoded: whether ``frames`` may be files that are decoded later.
    """
    clip = window(frame, video.n_frames, *spec.form)
    audio, further = None, {}
    if spec.audio is not None:
        given = None if partner is None else Given(partner)
        audio = hear(video, clip, spec.audio, sound, given)
        heard = [hear(video, clip, spec.audio, other, given) for other in others]
        further = {"others": torch.stack(heard)} if heard else {}
    files = read_encoded(video, clip.frames, spec) if encoded else None
    return {
        **further,
        "frames": files if files is not None else read_clip(video, clip, *spec.resizing),
        "audio": audio,
        "density": None,
        "fixated": None,
        "dataset": video.dataset,
        "video": video.name,
        "frame": frame,
        "window": clip.frames,
    }


def collate(items: Sequence[Item]) -> Batch:
    """Stack items into a batch; frames of which some are files stay a list."""
    columns = {key: [item[key] for item in items] for key in items[0]}
    return {  # type: ignore[return-value]
        key: default_collate(column)  # which stacks straight into the memory that processes share
        if all(isinstance(one, Tensor) for one in column)
        else (None if column[0] is None else column)
        for key, column in columns.items()
    }
