"""Raw gaze of DHF1K on one video, and the fixation and density maps of its frames.

The rules are those of the authors' scripts (wenguanwang/DHF1K, ``record_mapping.m`` and ``make_gauss_masks.m``):

- The screen has 1440 x 900 pixels. A video fills its width, and stands in the middle of its height.
- Time counts from the first sample of a file. With t in seconds, a sample belongs to frame n, from 1, when
  n - 1 < 30 t < n; one on the border of two frames to neither. Only samples whose event is a fixation count.
- A sample lies on the pixel round(x), round(y), counted from 1, and is left out outside 1 to width - 1, height - 1.
- A density map is the sum of a Gaussian at each fixated pixel, whose full width at half its height is 30 pixels, so
  that its deviation is 30 / (2 sqrt(2 ln 2)) = 12.74, divided by the map's maximum, and rounded to 255 levels.

In two points the scripts do something else than they seem to mean, which the form ``as_published`` repeats and
``pairs`` does not. The last line of ``record_mapping.m`` assigns a list of rows and a list of columns at once, which in
MATLAB sets **every row of it with every column of it**: k samples of a viewer in a frame set up to k * k pixels. And
``make_gauss_masks.m`` counts from 0 in one place and from 1 in another, which moves each Gaussian 2 pixels to the right
and 2 pixels down. Released maps show both (docs/dhf1k.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from avsal_bench.data.gaze.dhf1k_samples import read_samples
from avsal_bench.data.gaze.samples import Gaze, Sample

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Each sample on its own pixel, or the released files' rows x columns of a viewer.
Form = Literal["pairs", "as_published"]
FORMS: tuple[Form, ...] = get_args(Form)
#: Height and width of the screen, and of the videos, and their frames a second.
SCREEN, SIZE, RATE = (900, 1440), (360, 640), 30.0
#: Deviation of the Gaussian of a density map in pixels of such a video, and how far the published one lies to the right
#: and down.
SIGMA, SHIFT = 30 / (2 * math.sqrt(2 * math.log(2))), 2


@dataclass(frozen=True, eq=False)
class Viewer:
    """Where one viewer fixated in one video: a row a sample, in the order of time.

    Args:
        name: such as ``P01``.
        frame: ``(N,)``, from 1.
        row: ``(N,)`` of the pixel, from 0.
        column: ``(N,)`` of the pixel, from 0.
        x: ``(N,)``, in pixels from the left edge; its floor is ``column``.
        y: ``(N,)``, in pixels from the top edge; its floor is ``row``.
        seconds: from the first sample to the last, of any event.
    """

    name: str
    frame: NDArray[np.int64]
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    x: Array
    y: Array
    seconds: float

    def pixels(self, frame: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns of the samples of a frame."""
        start, stop = np.searchsorted(self.frame, [frame, frame + 1])
        return self.row[start:stop], self.column[start:stop]


def read_viewer(
    path: Path,
    name: str,
    n_frames: int,
    size: tuple[int, int] = SIZE,
    rate: float = RATE,
    screen: tuple[int, int] = SCREEN,
) -> Viewer:
    """The fixations of one raw file.

    The form of such a file is in :mod:`avsal_bench.data.gaze.dhf1k_samples`.

    Args:
        path: of the file.
        name: of the viewer.
        n_frames: of the video; later samples are left out.
        size: height and width of the video.
        rate: its frames a second.
        screen: height and width of the screen.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming file and line, for a file of another form, or cut off; and for a size that, as wide as the
            screen, is higher than it.
    """
    scale = size[1] / screen[1]
    if size[0] > screen[0] * scale:
        raise ValueError(
            f"{path}: a video of {size[1]} x {size[0]} that fills the width of the screen of {screen[1]} x {screen[0]} "
            "does not fit its height, so nobody can say where a sample lies on it; was another video shown?"
        )
    time, x, y, fixated = read_samples(path)
    if not len(time):
        return _viewer(name, 0.0, (time.astype(np.int64), x, y), size)
    time -= time[0]
    at = rate * time / 1_000_000
    counted = fixated & (at <= n_frames)
    at, x, y = at[counted], x[counted], y[counted]
    frame = np.ceil(at).astype(np.int64)
    top = (screen[0] - size[0] / scale) / 2
    inside = at != frame
    return _viewer(name, float(time[-1]) / 1e6, (frame[inside], (scale * x)[inside], (scale * (y - top))[inside]), size)


def _viewer(
    name: str, seconds: float, samples: tuple[NDArray[np.int64], Array, Array], size: tuple[int, int]
) -> Viewer:
    frame, x, y = samples
    # MATLAB rounds to the nearest, and counts from 1; half a pixel less, and the floor counts from 0.
    x, y = x - 0.5, y - 0.5
    on = (x >= 0) & (y >= 0) & (x < size[1] - 1) & (y < size[0] - 1)
    x, y = x[on], y[on]
    return Viewer(name, frame[on], np.floor(y).astype(np.int64), np.floor(x).astype(np.int64), x, y, seconds)


def fixation_map(viewers: Iterable[Viewer], frame: int, size: tuple[int, int] = SIZE, form: Form = "pairs") -> Mask:
    """Binary map ``(h, w)`` of the pixels where viewers fixated in a frame, from 1.

    Args:
        viewers: of the video.
        frame: from 1.
        size: height and width of the map, the one that the viewers were read for.
        form: ``pairs``, or ``as_published``: for each viewer every row with every column.

    Raises:
        ValueError: for another form.
    """
    check_form(form)
    fixated = np.zeros(size, dtype=np.bool_)
    for viewer in viewers:
        rows, columns = viewer.pixels(frame)
        fixated[(rows, columns) if form == "pairs" else np.ix_(rows, columns)] = True
    return fixated


def density_map(fixated: Mask, form: Form = "pairs") -> NDArray[np.uint8]:
    """Density map ``(h, w)`` of 255 levels of a fixation map; black where nobody fixated.

    The Gaussian is as large a part of the width as that of the authors is of their videos of 640 x 360.

    Args:
        fixated: ``(h, w)``, the fixation map.
        form: ``as_published`` moves it by ``SHIFT``, as the released ones are.

    Raises:
        ValueError: for another form.
    """
    check_form(form)
    if not fixated.any():
        return np.zeros(fixated.shape, dtype=np.uint8)
    scale = fixated.shape[1] / SIZE[1]
    sigma, shift = SIGMA * scale, SHIFT * scale if form == "as_published" else 0.0
    rows, columns = np.flatnonzero(fixated.any(axis=1)), np.flatnonzero(fixated.any(axis=0))
    inner = fixated[np.ix_(rows, columns)].astype(np.float64)
    down, along = (_bells(length, sigma, shift) for length in fixated.shape)
    density = down[:, rows] @ inner @ along[:, columns].T
    levels: NDArray[np.uint8] = np.floor(255 * density / density.max() + 0.5).astype(np.uint8)
    return levels


@lru_cache(maxsize=4)
def _bells(length: int, sigma: float, shift: float) -> Array:
    """``(length, length)``: the Gaussian of each place, in its column."""
    at = np.arange(length, dtype=np.float64)
    bells: Array = np.exp(-((at[:, None] - at[None] - shift) ** 2) / (2 * sigma**2))
    return bells


def gaze_of(viewers: Sequence[Viewer]) -> Gaze:
    """One point a viewer and frame: of the samples of the frame that are on the video, the middle one in time.

    Of an even number it is the earlier of the two in the middle. So it is a sample, and its pixel one of the fixation
    map in the form ``pairs``.
    """
    samples = []
    for viewer in viewers:
        frames, starts, counts = np.unique(viewer.frame, return_index=True, return_counts=True)
        for frame, at in zip(frames.tolist(), (starts + (counts - 1) // 2).tolist(), strict=True):
            samples.append(Sample(viewer.name, frame, float(viewer.x[at]), float(viewer.y[at])))
    return Gaze.of(samples)


def check_form(form: str) -> None:
    """Nothing, where a form is one of the two.

    Raises:
        ValueError: for another.
    """
    if form not in FORMS:
        raise ValueError(f"form {form!r}: expected {' or '.join(map(repr, FORMS))}")
