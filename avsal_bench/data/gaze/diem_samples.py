"""Gaze files of DIEM on one video, in the one form of :mod:`avsal_bench.data.gaze.samples`.

Where the facts are from: columns, events, 30 frames a second, counting from 1 and "screen coordinates" from the
project's page, https://thediemproject.wordpress.com/videos-and%C2%A0data/. Folder and file names, the screen of 1280 x
960 with the video in its middle, and the mean of both eyes from public scripts that read the files. What the files
themselves say was looked at in 36 of them, 12 viewers of each of three videos (docs/data.md has the numbers): a line a
frame of the lists, a video shown at the size in its name, and **an event of the right eye that is never 2**: where the
left eye is in a saccade it says 1, and yet the eye moves. So the left eye's event decides what a frame is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from avsal_bench.data.gaze.samples import Gaze, Sample
from avsal_bench.data.gaze.text_files import cut_off, lines_of, one_an_observer
from avsal_bench.text import many

Event = Literal["fixation", "saccade", "blink"]
Eyes = Literal["mean", "near", "left", "right"]
#: Flags of DIEM's files for what the left eye does in a frame; -1 is a frame that was dropped.
EVENTS: Mapping[Event, int] = {"blink": 0, "fixation": 1, "saccade": 2}
#: Events that count where nothing is said.
USUAL: tuple[Event, ...] = ("fixation",)
#: Which point is taken of two eyes; see :func:`diem_gaze`.
EYES: tuple[Eyes, ...] = get_args(Eyes)
#: Height and width of the screen on which DIEM was shown.
DIEM_SCREEN = (960, 1280)
#: Frames by which a file of DIEM may be longer or shorter than its video: a second.
DIEM_SLACK = 30
#: Pixels of the screen by which both eyes are far apart.
FAR = 100.0
_LOST = (-1, 0)


class _Eye(NamedTuple):
    """One eye in one frame: where, in pixels of the screen, and its flag."""

    x: float
    y: float
    event: int


def diem_gaze(
    files: Sequence[Path],
    video: str,
    size: tuple[int, int],
    n_frames: int,
    events: Collection[Event] = USUAL,
    shown: tuple[int, int] | None = None,
    screen: tuple[int, int] = DIEM_SCREEN,
    slack: int = DIEM_SLACK,
    eyes: Eyes = "mean",
) -> Gaze:
    """Gaze on a video of DIEM, from its published text files, one an observer.

    A file ``diem<n>s<subject>.asc_<trial>_<video>.txt`` holds a line a frame, 30 a second, of nine numbers: frame
    (from 1), x, y, pupil and event of the left eye, and the same of the right eye. Events are -1 for a dropped frame,
    0 for a blink, 1 for a fixation and 2 for a saccade; x and y are in pixels of the screen. **The left eye's event is
    that of the frame**; that of the right eye only says whether that eye is seen, as it is 1 in saccades too. An eye
    that is lost, in a blink or a dropped frame of its own, has no point. Points outside the video, frames of other
    events and those without a point have no sample. The observer's name is the file's up to ``.asc``.

    Where both eyes are seen, ``eyes`` says which point is taken:

    - ``mean``: the middle between them, however far apart they are. Where an eye is off, it is so for a whole video of
      a viewer, and it may be either; in the files looked at, their middle agrees best with where others look.
    - ``near``: likewise, and a frame in which they are over ``FAR`` pixels apart has no sample.
    - ``left``, ``right``: that eye alone, and frames in which it is not seen have no sample.

    Args:
        files: of the video.
        video: its name.
        size: height and width of the frames in which gaze is wanted, which may be smaller than those shown.
        n_frames: of the video.
        events: of frames that count: any of ``fixation``, ``saccade`` and ``blink``. In a blink of the left eye the
            right one may be seen.
        shown: height and width on the screen; None takes them from the end of the name, such as ``_1280x720``.
        screen: height and width of the screen, in whose middle the video was shown.
        slack: frames by which a file may be longer or shorter than the video; later frames are left out.
        eyes: see above.

    Raises:
        FileNotFoundError: when there are no files.
        ValueError: naming file and line, for a file of another form or length, for two files of one observer, and for
            a video larger than the screen.
    """
    if not files:
        raise FileNotFoundError(f"diem/{video}: no files of observers")
    check_options(events, eyes)
    height, width = shown or size_in_name(video)
    if height > screen[0] or width > screen[1]:
        raise ValueError(
            f"diem/{video}: a video of {width} x {height} does not fit the screen of {screen[1]} x {screen[0]}, so "
            "nobody can say where a point lies on it; was it shown at another size?"
        )
    left, top = (screen[1] - width) / 2, (screen[0] - height) / 2
    counted = {EVENTS[event] for event in events}
    samples: list[Sample] = []
    seen: dict[str, Path] = {}
    for path in files:
        observer = _diem_observer(path, video)
        one_an_observer(seen, observer, path)
        if seen[observer] != path:  # a copy of the first
            continue
        for frame, *both in _read_diem(path, n_frames, slack):
            point = _point(both[0], both[1], eyes) if both[0].event in counted else None
            if point is None or frame > n_frames:
                continue
            x, y = (point[0] - left) * size[1] / width, (point[1] - top) * size[0] / height
            if 0 <= x < size[1] and 0 <= y < size[0]:
                samples.append(Sample(observer, frame, x, y))
    return Gaze.of(samples)


def check_options(events: Collection[str], eyes: str) -> None:
    """Nothing, where these are events and a rule for eyes.

    Raises:
        ValueError: naming what they are not.
    """
    if not events or not set(events) <= set(EVENTS):
        raise ValueError(f"events {', '.join(events) or '(none)'}: expected some of fixation, saccade and blink")
    if eyes not in EYES:
        raise ValueError(f"eyes {eyes!r}: expected one of {', '.join(EYES)}")


def _point(left: _Eye, right: _Eye, eyes: Eyes) -> tuple[float, float] | None:
    """The point of a frame, in pixels of the screen; None where it has none."""
    chosen = {"left": (left,), "right": (right,)}.get(eyes, (left, right))
    seen = [eye for eye in chosen if eye.event not in _LOST]
    if not seen or (eyes == "near" and len(seen) == 2 and math.dist(left[:2], right[:2]) > FAR):
        return None
    return sum(eye.x for eye in seen) / len(seen), sum(eye.y for eye in seen) / len(seen)


def size_in_name(video: str) -> tuple[int, int]:
    """Height and width at which a video of DIEM was shown: its name ends in them.

    >>> size_in_name("arctic_bears_1066x710")
    (710, 1066)

    Raises:
        ValueError: for a name without a size.
    """
    found = re.search(r"_(\d+)x(\d+)$", video)
    if found is None:
        raise ValueError(
            f"diem/{video}: the name does not end in the size shown, such as _1280x720; give it as 'shown'"
        )
    return int(found[2]), int(found[1])


def _diem_observer(path: Path, video: str) -> str:
    found = re.fullmatch(rf"(.+?)\.asc_(?:\d+_)?{re.escape(video)}(?i:\.txt)", path.name)
    if found is None:
        raise ValueError(f"{path}: a file of {video!r} is named diem<n>s<subject>.asc_<trial>_{video}.txt")
    return found[1]


def _read_diem(path: Path, n_frames: int, slack: int) -> list[tuple[int, _Eye, _Eye]]:
    """Frame, left and right eye of each line."""
    lines = lines_of(path)
    found, last = [], 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            frame, left, right = _diem_line(line)
            if frame <= last:
                raise ValueError(f"frame {frame} after frame {last}; frames must rise from 1")
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}{cut_off(path, lines, number)}") from None
        last = frame
        found.append((frame, left, right))
    if last - len(found) > slack:
        raise ValueError(
            f"{path}: {many(len(found), 'line')} up to frame {last}, so {last - len(found)} are missing; a file has a "
            "line a frame: fetch it again, or leave it out"
        )
    if abs(last - n_frames) > slack:
        raise ValueError(
            f"{path}: it ends with frame {last}, and the video has {n_frames}; more than "
            f"{many(slack, 'frame')} apart are "
            "another cut or frame rate, or a file broken off: fetch it again, leave it out, or raise 'slack'"
        )
    return found


def _diem_line(line: str) -> tuple[int, _Eye, _Eye]:
    fields = line.split()
    if len(fields) != 9:
        raise ValueError(
            f"9 numbers expected (frame, then x, y, pupil, event of each eye), got {len(fields)}: {line!r}"
        )
    try:
        numbers = [float(field) for field in fields]
    except ValueError:
        raise ValueError(f"9 numbers expected, got {line!r}") from None
    frame = numbers[0]
    if not (frame.is_integer() and frame >= 1):
        raise ValueError(f"frame {fields[0]!r} is not a whole number from 1")
    eyes = []
    for at, eye in ((1, "left"), (5, "right")):
        x, y, event = numbers[at], numbers[at + 1], numbers[at + 3]
        if event not in (-1, *EVENTS.values()):
            raise ValueError(f"event {fields[at + 3]!r} of the {eye} eye is none of -1, 0, 1, 2")
        if event not in _LOST and not (math.isfinite(x) and math.isfinite(y)):
            raise ValueError(f"the {eye} eye looks at ({fields[at]}, {fields[at + 1]}), which is no point")
        eyes.append(_Eye(x, y, int(event)))
    return int(frame), eyes[0], eyes[1]
