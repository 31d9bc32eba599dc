"""Samples of one raw file of DHF1K's gaze: one viewer, one video.

Such a file is what an eye tracker of SMI exports: columns with tabs between them, named in the first line, of which
time in microseconds, the point of regard in pixels of the screen, and the event are read, those of the left eye where
there are both. Files of four columns (time, x, y, event), which the authors' script reads, will do too: it leaves out
the first line, which names them. Messages (type ``MSG``), blank lines, and comments before the first line are left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsal_bench.data.gaze.text_files import cut_off, lines_of

Array = NDArray[np.float64]

#: Columns that are read, and how they may be called in a file of four.
_COLUMNS = ("Time", "POR X [px]", "POR Y [px]", "Event Info")
_SHORT = (r"time\b.*", r"(.*\W)?x\b.*", r"(.*\W)?y\b.*", r".*event.*")
_EVENTS = "FSB-"
#: Microseconds between two samples, of an eye tracker of 20 kHz and of one that takes one sample in two seconds.
_STEPS = (50.0, 2_000_000.0)


def read_samples(path: Path) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
    """Time in microseconds, x and y on the screen, and whether it is of a fixation, of each sample.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming file and line, for a file of another form, or cut off, or of two recordings.
    """
    lines = lines_of(path)
    start = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("##")), len(lines))
    if start == len(lines):
        raise ValueError(f"{path}: an empty file; fetch it again, or leave it out if the viewer did not watch")
    places = _places(path, lines[start])
    rows: list[tuple[float, float, float, bool]] = []
    last, trial = -math.inf, None
    for number, line in enumerate(lines[start + 1 :], start=start + 2):
        fields = line.split("\t") if "\t" in line else line.split()
        kind = fields[places["Type"]] if "Type" in places and len(fields) > places["Type"] else "SMP"
        if not fields or kind == "MSG":
            continue
        try:
            if kind != "SMP":
                raise ValueError(f"type {kind!r} is neither SMP, a sample, nor MSG, a message")
            sample = _sample(fields, places)
            if sample[0] < last:
                raise ValueError(f"time {fields[places['Time']]} after {last:.0f}; times must rise")
            if "Trial" in places:
                if trial not in (None, fields[places["Trial"]]):
                    raise ValueError(
                        f"trial {fields[places['Trial']]} after trial {trial}; a file holds one recording of one video"
                    )
                trial = fields[places["Trial"]]
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}{cut_off(path, lines, number)}") from None
        last = sample[0]
        rows.append(sample)
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    _check_unit(path, table[:, 0])
    return table[:, 0], table[:, 1], table[:, 2], table[:, 3] > 0


def _check_unit(path: Path, time: Array) -> None:
    """Times of another unit would put all samples into the first frame, or nearly all behind the last."""
    step = (time[-1] - time[0]) / (len(time) - 1) if len(time) > 100 else _STEPS[0]
    if not _STEPS[0] <= step <= _STEPS[1]:
        raise ValueError(
            f"{path}: a sample every {step:.3g} microseconds on average is none of an eye tracker; are the times of "
            "another unit? Turn them into microseconds"
        )


def _places(path: Path, header: str) -> dict[str, int]:
    """Which column is which, by the names in the first line: all of one eye, the left one before the right one."""
    names = [name.strip() for name in header.split("\t")] if "\t" in header else header.split()
    more = {name: names.index(name) for name in ("Type", "Trial") if name in names} | {"count": len(names)}
    for eye in ("", "L ", "R "):
        wanted = [_COLUMNS[0], *(f"{eye}{name}" for name in _COLUMNS[1:])]
        if all(name in names for name in wanted):
            if twice := [name for name in wanted if names.count(name) > 1]:
                raise ValueError(f"{path}: two columns {twice[0]!r} in the first line; keep one")
            return more | {name: names.index(one) for name, one in zip(_COLUMNS, wanted, strict=True)}
    if len(names) == len(_COLUMNS):
        found = [[i for i, name in enumerate(names) if re.fullmatch(form, name, re.IGNORECASE)] for form in _SHORT]
        if all(len(of_one) == 1 for of_one in found):
            return more | {name: of_one[0] for name, of_one in zip(_COLUMNS, found, strict=True)}
    raise ValueError(
        f"{path}: the first line, {header[:80]!r}, does not name time, x, y and event of one eye; expected Time, Type, "
        "L POR X [px], L POR Y [px] and L Event Info, or four columns: time, x, y, event"
    )


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
