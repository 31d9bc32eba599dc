"""What the pictures of data sets share: colours over a frame, dots, waveforms, and files that are written whole."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFont

from avsal_bench.files import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Pixels = NDArray[np.uint8]
Points = NDArray[np.float64]

#: Dots an inch of figures; only the ratio to font sizes matters.
DPI = 100
#: Colours, RGB: of the density from low to high, of fixations, of single observers.
HEAT = ((255, 40, 0), (255, 220, 0))
FIXATION = (0, 235, 255)
OBSERVER = (255, 90, 255)
#: What the density leaves of the frame where it is highest.
OPACITY = 0.7
#: Part of the highest density up to which a pixel stays clear.
NOISE = 0.03


def new_figure(width: int, height: int) -> Figure:
    """A figure of so many pixels that no window and no global state knows of."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, atomically.

    Raises:
        ValueError: for a name that does not end in .png.
        OSError: naming the folder, when it cannot be written.
    """
    with output_file(path, ".png") as temporary:
        figure.savefig(temporary, format="png", dpi=DPI)


@contextmanager
def output_file(path: Path, suffix: str) -> Iterator[Path]:
    """As :func:`~avsal_bench.records.whole_file`, for a file whose name a person chose.

    Raises:
        ValueError: for a name of another suffix.
        OSError: naming the folder, when it cannot be written.
    """
    if path.suffix.lower() != suffix:
        raise ValueError(f"{path}: the file is written as {suffix[1:]}; give it a name that ends in {suffix}")
    with whole_file(path, suffix) as temporary:
        yield temporary


def blend(frame: Pixels, density: NDArray[np.float32]) -> Pixels:
    """Lay a density ``(h, w)`` over a frame ``(h, w, 3)``: from clear over red to yellow at its highest.

    A density of zeros leaves the frame as it is.
    """
    peak = float(density.max())
    painted = frame.copy()
    if peak <= 0:
        return painted
    # The noise of a JPEG around zero is left out; low densities are kept visible by the root.
    lies = density > NOISE * peak
    weight = (density[lies] / peak)[:, None]
    low, high = (np.array(colour, dtype=np.float32) for colour in HEAT)
    alpha = OPACITY * ((weight - NOISE) / (1 - NOISE)) ** 0.5
    under = frame[lies].astype(np.float32)
    painted[lies] = (under + alpha * (low + weight * (high - low) - under)).round().astype(np.uint8)
    return painted


def draw_dots(picture: Pixels, points: Points, radius: float) -> None:
    """Draw fixations ``(n, 2)``, x and y in indices of pixels, into ``(h, w, 3)``: dots with a black rim."""
    for point in points:
        _stamp(picture, point, radius + 1, (0, 0, 0), 0.0)
        _stamp(picture, point, radius, FIXATION, 0.0)


def draw_rings(picture: Pixels, points: Points, radius: float) -> None:
    """Draw single observers ``(n, 2)`` as rings, so that the fixations they made show inside."""
    for point in points:
        _stamp(picture, point, radius, OBSERVER, radius - 1.5)


def _stamp(picture: Pixels, point: Points, outer: float, colour: tuple[int, int, int], inner: float) -> None:
    """Colour what lies between two radii around a point, smooth at the edges."""
    height, width = picture.shape[:2]
    x, y = point
    left, right = max(math.floor(x - outer), 0), min(math.ceil(x + outer) + 1, width)
    top, bottom = max(math.floor(y - outer), 0), min(math.ceil(y + outer) + 1, height)
    if left >= right or top >= bottom:
        return
    far = np.hypot(np.arange(top, bottom)[:, None] - y, np.arange(left, right) - x)
    cover = (outer + 0.5 - far).clip(0, 1) * ((far - inner + 0.5).clip(0, 1) if inner > 0 else 1)
    under = picture[top:bottom, left:right]
    under[:] = (under + cover[..., None] * (np.array(colour) - under)).round().astype(np.uint8)


def envelope(samples: NDArray[np.float32], columns: int) -> NDArray[np.float32]:
    """Lowest and highest sample of each of ``columns`` equal stretches, ``(columns, 2)``; zeros without samples."""
    if not len(samples):
        return np.zeros((columns, 2), dtype=np.float32)
    edges = np.linspace(0, len(samples), columns + 1)
    starts, stops = np.floor(edges[:-1]).astype(int), np.ceil(edges[1:]).astype(int)
    pieces = [samples[a : max(b, a + 1)] for a, b in zip(starts, stops, strict=True)]
    return np.array([(piece.min(), piece.max()) for piece in pieces], dtype=np.float32)


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font that Pillow brings along."""
    return ImageFont.load_default(size)


def evenly(count: int, wanted: int) -> list[int]:
    """At most ``wanted`` numbers from 1 to ``count``, evenly spread, first and last among them.

    >>> evenly(9, 3), evenly(2, 5), evenly(7, 1)
    ([1, 5, 9], [1, 2], [1])
    """
    return [int(n) for n in np.linspace(1, count, min(wanted, count)).round()]


def fits(text: str, width: int, size: int) -> str:
    """The text, its end cut off with an ellipsis if it is wider than ``width`` pixels.

    >>> fits("a word", 500, 12), len(fits("a word" * 99, 500, 12)) < 100
    ('a word', True)
    """
    known = font(size)
    if known.getlength(text) <= width:
        return text
    kept: Sequence[str] = [text[:n] + "…" for n in range(len(text))]
    return next((k for k in reversed(kept) if known.getlength(k) <= width), "")
