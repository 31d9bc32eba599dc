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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from avsal_bench.data.gaze.samples import Gaze, Sample
from avsal_bench.data.gaze.text_files import cut_off, lines_of

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Each sample on its own pixel, or the released files' rows x columns of a viewer.
Form = Literal["pairs", "as_published"]
FORMS: tuple[Form, ...] = get_args(Form)
#: Height and width of the screen, and of the videos, and their frames a second.
SCREEN, SIZE, RATE = (900, 1440), (360, 640), 30.0
#: Deviation of the Gaussian of a density map in pixels, and how far the published one lies to the right and down.
SIGMA, SHIFT = 30 / (2 * math.sqrt(2 * math.log(2))), 2
#: Columns of the eye tracker's files that are read, and the four of those that the authors' script reads.
_COLUMNS = ("Time", "POR X [px]", "POR Y [px]", "Event Info")
_EVENTS = "FSB-"


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

    Such a file is what an eye tracker of SMI exports: columns with tabs between them, named in the first line, of which
    time in microseconds, the point of regard in pixels of the screen, and the event are read. Files of four columns
    (time, x, y, event), which the authors' script reads, will do too. Messages
    (type ``MSG``), blank lines, and comments before the first line are left out.

    Args:
        path: of the file.
        name: of the viewer.
        n_frames: of the video; later samples are left out.
        size: height and width of the video.
        rate: its frames a second.
        screen: height and width of the screen.

    Raises:
        FileNotFoundError, ValueError: naming file and line, for a file of another form, or cut off.
    """
    time, x, y, fixated = _read(path)
    if not len(time):
        return _viewer(name, 0.0, (time.astype(np.int64), x, y), size)
    time -= time[0]
    scale = size[1] / screen[1]
    top = (screen[0] - size[0] / scale) / 2
    x, y = scale * x, scale * (y - top)
    at = rate * time / 1_000_000
    frame = np.ceil(at).astype(np.int64)
    inside = fixated & (at != frame) & (frame <= n_frames)
    return _viewer(name, float(time[-1]) / 1e6, (frame[inside], x[inside], y[inside]), size)


def _viewer(
    name: str, seconds: float, samples: tuple[NDArray[np.int64], Array, Array], size: tuple[int, int]
) -> Viewer:
    frame, x, y = samples
    # MATLAB rounds to the nearest, and counts from 1; half a pixel less, and the floor counts from 0.
    x, y = x - 0.5, y - 0.5
    column, row = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    on = (column >= 0) & (row >= 0) & (column < size[1] - 1) & (row < size[0] - 1)
    return Viewer(name, frame[on], row[on], column[on], x[on], y[on], seconds)


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

    Args:
        fixated: ``(h, w)``, the fixation map.
        form: ``as_published`` moves it by ``SHIFT``, as the released ones are.

    Raises:
        ValueError: for another form.
    """
    check_form(form)
    if not fixated.any():
        return np.zeros(fixated.shape, dtype=np.uint8)
    shift = SHIFT if form == "as_published" else 0
    rows, columns = np.flatnonzero(fixated.any(axis=1)), np.flatnonzero(fixated.any(axis=0))
    inner = fixated[np.ix_(rows, columns)].astype(np.float64)
    down, along = (_bells(length, shift) for length in fixated.shape)
    density = down[:, rows] @ inner @ along[:, columns].T
    levels: NDArray[np.uint8] = np.floor(255 * density / density.max() + 0.5).astype(np.uint8)
    return levels


@lru_cache(maxsize=4)
def _bells(length: int, shift: int) -> Array:
    """``(length, length)``: the Gaussian of each place, in its column."""
    at = np.arange(length, dtype=np.float64)
    bells: Array = np.exp(-((at[:, None] - at[None] - shift) ** 2) / (2 * SIGMA**2))
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


def _read(path: Path) -> tuple[Array, Array, Array, Mask]:
    """Time, x and y on the screen, and whether it is of a fixation, of each sample."""
    lines = lines_of(path)
    start = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("##")), len(lines))
    if start == len(lines):
        raise ValueError(f"{path}: an empty file; fetch it again, or leave it out if the viewer did not watch")
    places = _places(path, lines[start])
    rows: list[tuple[float, float, float, bool]] = []
    last = -math.inf
    for number, line in enumerate(lines[start + 1 :], start=start + 2):
        fields = line.split("\t") if "\t" in line else line.split()
        kind = fields[places["type"]] if "type" in places and len(fields) > places["type"] else "SMP"
        if not fields or kind == "MSG":
            continue
        try:
            if kind != "SMP":
                raise ValueError(f"type {kind!r} is neither SMP, a sample, nor MSG, a message")
            sample = _sample(fields, places)
            if sample[0] < last:
                raise ValueError(f"time {fields[places['Time']]} after {last:.0f}; times must rise")
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}{cut_off(path, lines, number)}") from None
        last = sample[0]
        rows.append(sample)
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return table[:, 0], table[:, 1], table[:, 2], table[:, 3] > 0


def _places(path: Path, header: str) -> dict[str, int]:
    """Which column is which, by the names in the first line; those of the left eye go before those of the right."""
    names = [name.strip() for name in header.split("\t")] if "\t" in header else header.split()
    if len(names) == 4 and "Type" not in names:
        return {name: i for i, name in enumerate(_COLUMNS)} | {"count": 4}
    places = {"count": len(names)}
    for name in _COLUMNS:
        wanted = (name, f"L {name}", f"R {name}")
        found = next((w for w in wanted if w in names), None)
        if found is None:
            raise ValueError(
                f"{path}: no column {name!r} of an eye in the first line, {header[:80]!r}; expected "
                "Time, Type, L POR X [px], L POR Y [px] and L Event Info, or four columns: time, x, y, event"
            )
        places[name] = names.index(found)
    return places | ({"type": names.index("Type")} if "Type" in names else {})


def _sample(fields: Sequence[str], places: Mapping[str, int]) -> tuple[float, float, float, bool]:
    if len(fields) != places["count"]:
        raise ValueError(f"{places['count']} fields expected, as in the first line, got {len(fields)}")
    time, x, y, event = (fields[places[name]].strip() for name in _COLUMNS)
    if event[:1] not in _EVENTS or not event:
        raise ValueError(f"event {event!r} is none of Fixation, Saccade, Blink and -")
    fixated = event[0] == "F"
    try:
        sample = float(time), float(x), float(y)
    except ValueError:
        raise ValueError(f"time {time!r}, x {x!r} and y {y!r} must be numbers") from None
    if not math.isfinite(sample[0]) or (fixated and not all(map(math.isfinite, sample))):
        raise ValueError(f"time {time}, x {x} and y {y} of a fixation are no point")
    return *sample, fixated
