"""Where each viewer looked in each frame, as vinet_v2 keeps MVVA: an array frames x 2 x viewers of x and y in pixels.

The pixels are those of a picture of 1280 x 720, whatever the video has. They are brought to the saliency maps of the
video: row and column are those of the pixel in which the point lies. At maps of 640 x 360 that is half of both, as the
test of vinet_v2 has it.

- NaN in either number: the viewer is missing in this frame.
- A point outside of the picture is left out. The script of vinet_v2 leaves out those to the right and below; those to
  the left and above wrap round to the other side there, and count here for nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsal_bench.data.dataset import Video
from avsal_bench.data.files.points.swapping import swapped
from avsal_bench.data.files.truth_files import map_size
from avsal_bench.data.plain_arrays import read_numbers
from avsal_bench.text import many

#: (height, width) of the picture in whose pixels points are.
PICTURE = (720, 1280)
#: Viewers that are believed.
MOST_VIEWERS = 1000
#: Where more than this share of the points of a video lies outside, they are of another picture.
_MOST_OUTSIDE = 0.5


def read_viewers(path: Path, video: Video) -> list[NDArray[np.int64]]:
    """The points of each frame, ``(N, 2)``: row and column in the saliency map; two viewers on one pixel stand twice.

    Raises:
        FileNotFoundError: naming the file, or the saliency map that says the size.
        ValueError: naming the file, for another form, another number of frames than the list's, infinite numbers, and
            points that are not in pixels of the picture.
    """
    found = read_numbers(path, 3)
    frames, axes, viewers = found.shape
    if axes != 2 or viewers > MOST_VIEWERS:
        raise ValueError(f"{path}: an array of shape {found.shape}, expected frames x 2 (x and y) x viewers")
    if frames != video.n_frames:
        raise ValueError(
            f"{path}: points of {many(frames, 'frame')}, and the list asks for {video.n_frames:,}; is it of another "
            "video? Fetch it again, or mend the number of frames in the fold list"
        )
    points = found.astype(np.float64).transpose(0, 2, 1)  # frames x viewers x (x, y)
    if np.isinf(points).any():
        frame = int(np.argwhere(np.isinf(points))[0, 0]) + 1
        raise ValueError(f"{path}: frame {frame} has an infinite number; NaN stands for a viewer who is missing")
    seen = ~np.isnan(points).any(axis=2)
    height, width = PICTURE
    x, y = points[..., 0], points[..., 1]
    inside = seen & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    _check_pixels(path, points[seen], int(inside.sum()))
    rows, columns = (
        np.floor(np.where(inside, along, 0) * length / whole).astype(np.int64)
        for along, length, whole in zip((y, x), map_size(video), PICTURE, strict=True)
    )
    return [np.stack([rows[n, inside[n]], columns[n, inside[n]]], axis=1) for n in range(frames)]


def _check_pixels(path: Path, seen: NDArray[np.float64], inside: int) -> None:
    """Raise ValueError where points are in no pixels of the picture: swapped, or in another unit."""
    height, width = PICTURE
    if len(seen) - inside > _MOST_OUTSIDE * len(seen) or swapped(seen[:, 0], seen[:, 1], PICTURE):
        raise ValueError(
            f"{path}: {len(seen) - inside:,} of {many(len(seen), 'point')} lie outside of {width} x {height}; are "
            "x and y swapped, or are they pixels of another picture?"
        )
    if len(seen) and 0 < np.abs(seen).max() <= 1:
        raise ValueError(f"{path}: all points lie between 0 and 1, expected pixels of {width} x {height}")
