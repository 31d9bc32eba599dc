"""The ground truth of a video, as the metrics want it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from avsal_bench.data.dataset import Video
from avsal_bench.data.files.fixation_files import read_fixations
from avsal_bench.data.files.images import read_density_levels

#: Frames from which the negatives of a whole data set are drawn, as in DHF1K's evaluation code.
DRAWN_FRAMES = 10


class Truth:
    """Reads the ground truth of one video; its fixation maps once and at first, kept as lists of pixels.

    Args:
        video: whose files are read.
        test_list: all test videos of its data set, for protocols that draw negatives from them.

    Raises:
        FileNotFoundError, ValueError: naming a missing, unreadable or misfitting file.
    """

    def __init__(self, video: Video, test_list: Sequence[Video] = ()) -> None:
        self.video = video
        self.test_list = test_list
        self._pixels: list[Tensor] = []
        for frame in range(1, video.n_frames + 1):
            path = video.fixations.path(frame)
            fixations = read_fixations(path)
            if frame == 1:
                self.size = (fixations.shape[0], fixations.shape[1])
            if fixations.shape != self.size:
                raise ValueError(f"{path}: size {tuple(fixations.shape)}, the first frame's is {self.size}")
            self._pixels.append(fixations.flatten().nonzero()[:, 0])
        self._of_video = self._mask([torch.cat(self._pixels)])[0]
        self._of_dataset: Tensor | None = None

    def densities(self, frames: Sequence[int]) -> Tensor:
        """Saliency maps ``(F, H, W)`` of some frames, in the numbers of the image: no metric sees their unit."""
        maps = []
        for frame in frames:
            path = self.video.densities.path(frame)
            maps.append(read_density_levels(path))
            if maps[-1].shape != self.size:
                raise ValueError(f"{path}: the map has size {tuple(maps[-1].shape)}, the fixation maps {self.size}")
        return torch.stack(maps)

    def fixations(self, frames: Sequence[int]) -> Tensor:
        """Fixation maps ``(F, H, W)`` bool of some frames."""
        return self._mask([self._pixels[frame - 1] for frame in frames])

    def negatives(self, frames: Sequence[int], source: Literal["video", "dataset"]) -> Tensor:
        """Negatives of the shuffled AUC, ``(F, H, W)`` bool, for some frames; as ``negatives`` of a protocol."""
        if source == "video":
            return self._of_video & ~self.fixations(frames)
        if self._of_dataset is None:
            self._of_dataset = self._draw()
        return self._of_dataset.expand(len(frames), *self.size)

    def _draw(self) -> Tensor:
        """What is fixated in some frames of the test list, moved to this video's size, ``(H, W)`` bool.

        The script draws anew for each frame. One draw a video, by its name, is repeatable, and asks for few files.
        """
        ends = np.cumsum([video.n_frames for video in self.test_list])
        if not len(ends):
            raise ValueError(f"{self.video.key}: negatives of the whole data set need its test list")
        seed = int.from_bytes(hashlib.sha1(self.video.key.encode()).digest()[:8], "big")
        drawn = np.random.default_rng(seed).choice(ends[-1], min(DRAWN_FRAMES, int(ends[-1])), replace=False)
        mask = torch.zeros(self.size, dtype=torch.bool)
        for index in np.sort(drawn):
            which = int(np.searchsorted(ends, index, side="right"))
            video, frame = self.test_list[which], int(ends[which] - index)
            fixations = read_fixations(video.fixations.path(frame))
            rows, columns = fixations.nonzero(as_tuple=True)
            (height, width), (here_height, here_width) = fixations.shape, self.size
            mask[(2 * rows + 1) * here_height // (2 * height), (2 * columns + 1) * here_width // (2 * width)] = True
        return mask

    def _mask(self, pixels: Sequence[Tensor]) -> Tensor:
        masks = torch.zeros(len(pixels), self.size[0] * self.size[1], dtype=torch.bool)
        for mask, fixated in zip(masks, pixels, strict=True):
            mask[fixated] = True
        return masks.view(-1, *self.size)
