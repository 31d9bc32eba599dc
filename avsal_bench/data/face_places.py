"""Where in the picture faces are, and which of them talk, at the size of fixation maps."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from avsal_bench.data.dataset import Video
from avsal_bench.data.faces import Box, read_faces
from avsal_bench.data.files.frames import frame_size
from avsal_bench.data.files.truth_files import map_size
from avsal_bench.text import many

#: A video of whose boxes more than this share lie outside of the picture has boxes of another picture.
_MOST_OUTSIDE = 0.5


class FacePlaces:
    """The pixels of the faces of a video.

    A pixel belongs to a box where its centre lies in it, once the box is brought from the video's own size to that of
    its maps. Where the boxes of one who talks and of one who does not overlap, the pixel is of the one who talks.

    Args:
        video: of a set with annotated faces.

    Raises:
        ValueError: for a video without them; naming the file, for boxes that mostly lie outside of the picture.
        FileNotFoundError: naming a missing file.
    """

    def __init__(self, video: Video) -> None:
        if video.faces is None:
            raise ValueError(f"{video.dataset} does not say where the sounding thing is")
        self._faces = read_faces(video.faces, video.n_frames)
        self.size = map_size(video)
        height, width = frame_size(video)
        self._scale = self.size[1] / width, self.size[0] / height
        boxes = [box for faces in self._faces for box, _ in faces]
        outside = [box for box in boxes if box[0] >= width or box[1] >= height or box[2] <= 0 or box[3] <= 0]
        if len(outside) > _MOST_OUTSIDE * len(boxes):
            raise ValueError(
                f"{video.faces.boxes}: {len(outside)} of {len(boxes)} boxes lie outside of the picture, "
                f"{many(height, 'row')} and {many(width, 'column')}; are x and y swapped?"
            )

    def talked(self, frame: int) -> bool:
        """Whether a face that talks is seen in a frame, from 1."""
        return any(talks and self._pixels(box) is not None for box, talks in self._faces[frame - 1])

    def masks(self, frames: Sequence[int]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Pixels of faces that talk, and of other faces, in some frames: each ``(F, H, W)``."""
        talking, others = (np.zeros((len(frames), *self.size), dtype=np.bool_) for _ in range(2))
        for k, frame in enumerate(frames):
            for box, talks in self._faces[frame - 1]:
                if (pixels := self._pixels(box)) is not None:
                    (talking if talks else others)[k][pixels] = True
        return talking, others & ~talking

    def _pixels(self, box: Box) -> tuple[slice, slice] | None:
        return pixels_in(box, self._scale, self.size)


def pixels_in(box: Box, scale: tuple[float, float], size: tuple[int, int]) -> tuple[slice, slice] | None:
    """Rows and columns of the pixels whose centres lie in a box; None where no pixel's does.

    Args:
        box: left, top, right, bottom, in pixels of a video.
        scale: pixels of maps for each of these, across and down.
        size: height and width of the maps.
    """
    columns, rows = (
        (max(0, math.ceil(low * one - 0.5)), min(length, math.ceil(high * one - 0.5)))
        for low, high, one, length in ((box[0], box[2], scale[0], size[1]), (box[1], box[3], scale[1], size[0]))
    )
    if columns[0] >= columns[1] or rows[0] >= rows[1]:
        return None
    return slice(*rows), slice(*columns)
