"""The ground truth of a video, as the metrics want it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from avsal_bench.data.dataset import Video
from avsal_bench.data.files import truth_files
from avsal_bench.data.places import PointsFile, VideoFile

#: Frames from which the negatives of a whole data set are drawn, as in DHF1K's evaluation code.
DRAWN_FRAMES = 10
#: Fixation maps that a thread reads at a time.
AT_ONCE = 256


class Truth:
    """Reads the ground truth of one video: maps when they are asked for, or before, by threads.

    Of fixation maps the lists of pixels are kept, and of a file of points the points. All of a video's are read for its
    first negatives where those are of the whole video; else each with its frame. A film of maps is read ahead by one
    thread of its own, in order, as each reader of a film decodes it anew.

    Args:
        video: whose files are read.
        test_list: all test videos of its data set, for protocols that draw negatives from them.
        threads: which :meth:`read_ahead` reads by.

    Raises:
        FileNotFoundError, ValueError: when a map is asked for, naming a missing, unreadable or misfitting file.
    """

    def __init__(self, video: Video, test_list: Sequence[Video] = (), threads: Executor | None = None) -> None:
        self.video = video
        self.test_list = test_list
        self.threads = threads
        self._fixated: dict[int, Tensor] = {}
        self._points: dict[int, Tensor] = {}
        self._of_video: Tensor | None = None
        self._of_dataset: Tensor | None = None
        # What threads read: whoever scores may be a thread of its own, and takes from here what it waits for.
        self._densities_coming: dict[int, Future[Tensor]] = {}
        self._pixels_coming: list[Future[dict[int, Tensor]]] = []
        self._film_reader: ThreadPoolExecutor | None = None  # its thread ends with it
        self._all_asked = False

    @cached_property
    def size(self) -> tuple[int, int]:
        """Height and width of the first fixation map, and so of all."""
        height, width = truth_files.fixations(self.video, 1).shape
        return height, width

    def read_ahead(self, frames: Sequence[int], source: Literal["video", "dataset"]) -> None:
        """Begin to read, by the threads, what some frames will be scored against; without threads nothing happens.

        Args:
            frames: that :meth:`densities` will be asked for.
            source: of their negatives.
        """
        if self.threads is None:
            return
        numbers: Sequence[int] = frames if source == "dataset" else ()
        if source == "video" and not self._all_asked:
            self._all_asked = True
            numbers = range(1, self.video.n_frames + 1)
        at_once = max(len(numbers), 1) if self._in_one_file else AT_ONCE
        for start in range(0, len(numbers), at_once):
            part = numbers[start : start + at_once]
            self._pixels_coming.append(self.threads.submit(self._read_pixels, part))
        reader = self.threads
        if isinstance(self.video.densities, VideoFile):
            self._film_reader = self._film_reader or ThreadPoolExecutor(1, thread_name_prefix="film of maps")
            reader = self._film_reader
        for frame in frames:
            self._densities_coming[frame] = reader.submit(self._read_density, frame)

    def densities(self, frames: Sequence[int]) -> Tensor:
        """Saliency maps ``(F, H, W)`` of some frames, in the numbers of the image: no metric sees their unit."""
        maps = []
        for frame in frames:
            coming = self._densities_coming.pop(frame, None)
            maps.append(self._read_density(frame) if coming is None else coming.result())
        return torch.stack(maps)

    def fixations(self, frames: Sequence[int]) -> Tensor:
        """Fixation maps ``(F, H, W)`` bool of some frames."""
        return self._mask(self._pixels_of(frames))

    def listed(self, frames: Sequence[int]) -> list[Tensor]:
        """Where people looked in some frames, each ``(N, 2)`` int64: row and column from 0.

        Of a file of points each as often as it is listed; of fixation maps each fixated pixel once.
        """
        pixels = self._pixels_of(frames)
        if self._in_one_file:
            return [self._points[frame] for frame in frames]
        return [torch.stack([of_frame // self.size[1], of_frame % self.size[1]], 1).long() for of_frame in pixels]

    @property
    def _in_one_file(self) -> bool:
        return isinstance(self.video.fixations, PointsFile)

    def negatives(self, frames: Sequence[int], source: Literal["video", "dataset"]) -> Tensor:
        """Negatives of the shuffled AUC, ``(F, H, W)`` bool, for some frames; as ``negatives`` of a protocol."""
        if source == "video":
            if self._of_video is None:
                self._of_video = self._mask([torch.cat(self._pixels_of(range(1, self.video.n_frames + 1)))])[0]
            return self._of_video & ~self.fixations(frames)
        if self._of_dataset is None:
            self._of_dataset = self._draw()
        return self._of_dataset.expand(len(frames), *self.size)

    def _pixels_of(self, frames: Sequence[int]) -> list[Tensor]:
        """The fixated pixels of each of some frames, among the H W of it."""
        while self._pixels_coming:
            self._fixated |= self._pixels_coming.pop(0).result()
        self._fixated |= self._read_pixels([frame for frame in frames if frame not in self._fixated])
        return [self._fixated[frame] for frame in frames]

    def _read_pixels(self, frames: Sequence[int]) -> dict[int, Tensor]:
        found = {}
        for frame in frames:
            if self._in_one_file:
                self._points[frame] = points = truth_files.points(self.video, frame, self.size)
                found[frame] = torch.unique(points[:, 0] * self.size[1] + points[:, 1]).int()
                continue
            fixations = truth_files.fixations(self.video, frame)
            if fixations.shape != self.size:
                path = truth_files.fixation_path(self.video, frame)
                raise ValueError(f"{path}: size {tuple(fixations.shape)}, the first frame's is {self.size}")
            found[frame] = fixations.flatten().nonzero()[:, 0].int()
        return found

    def _read_density(self, frame: int) -> Tensor:
        found = truth_files.density_levels(self.video, frame)
        if found.shape != self.size:
            path = truth_files.map_path(self.video, frame)
            raise ValueError(f"{path}: the map has size {tuple(found.shape)}, the fixation maps {self.size}")
        return found

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
            fixations = truth_files.fixations(video, frame)
            rows, columns = fixations.nonzero(as_tuple=True)
            (height, width), (here_height, here_width) = fixations.shape, self.size
            mask[(2 * rows + 1) * here_height // (2 * height), (2 * columns + 1) * here_width // (2 * width)] = True
        return mask

    def _mask(self, pixels: Sequence[Tensor]) -> Tensor:
        masks = torch.zeros(len(pixels), self.size[0] * self.size[1], dtype=torch.bool)
        for mask, fixated in zip(masks, pixels, strict=True):
            mask[fixated.long()] = True
        return masks.view(-1, *self.size)
