"""The gaze of DIEM as published, in the one form of :mod:`avsal_bench.data.gaze.samples`.

Where the facts are from: columns, events, 30 frames a second, counting from 1 and "screen coordinates" from the
project's page, https://thediemproject.wordpress.com/videos-and%C2%A0data/, which itself draws fixations only. Folder
and file names, the screen of 1280 x 960 with the video in its middle, and the mean of both eyes from public scripts
that read the files. Assumed: that a video was shown at the size in its name, a pixel of it on one of the screen, and
that a coordinate counts from the corner of the screen. The published files themselves were not at hand.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path

from avsal_bench.data.dataset import dataset
from avsal_bench.data.files.frames import frame_size
from avsal_bench.data.gaze.samples import FILE_NAME, Gaze, Sample, format_gaze
from avsal_bench.files import write_atomically
from avsal_bench.progress import progress

#: Flags of DIEM's files for what an eye does in a frame.
FIXATION, SACCADE = 1, 2
_LOST = (-1, 0)  # dropped frame, blink
#: Height and width of the screen on which DIEM was shown.
DIEM_SCREEN = (960, 1280)
#: Frames by which a file of DIEM may be longer or shorter than its video: a second.
DIEM_SLACK = 30


def diem_gaze(
    files: Sequence[Path],
    video: str,
    size: tuple[int, int],
    n_frames: int,
    events: Collection[int] = (FIXATION,),
    shown: tuple[int, int] | None = None,
    screen: tuple[int, int] = DIEM_SCREEN,
    slack: int = DIEM_SLACK,
) -> Gaze:
    """Gaze on a video of DIEM, from its published text files, one an observer.

    A file ``diem<n>s<subject>.asc_<trial>_<video>.txt`` holds a line a frame, 30 a second, of nine numbers: frame
    (from 1), x, y, pupil and event of the left eye, and the same of the right eye. Events are -1 for a dropped frame,
    0 for a blink, 1 for a fixation and 2 for a saccade; x and y are in pixels of the screen. An eye counts in a frame
    when its event is one of ``events``; the point is the mean of the eyes that count. Points outside the video, and
    frames without an eye that counts, have no sample. The observer's name is the file's up to ``.asc``.

    Args:
        files: of the video.
        video: its name.
        size: height and width of the frames in which gaze is wanted, which may be smaller than those shown.
        n_frames: of the video.
        events: that count: ``FIXATION``, ``SACCADE`` or both.
        shown: height and width on the screen; None takes them from the end of the name, such as ``_1280x720``.
        screen: height and width of the screen, in whose middle the video was shown.
        slack: frames by which a file may be longer or shorter than the video; later frames are left out.

    Raises:
        FileNotFoundError: when there are no files.
        ValueError: naming file and line, for a file of another form or length, and for two files of one observer.
    """
    if not files:
        raise FileNotFoundError(f"diem/{video}: no files of observers")
    if not events or not set(events) <= {FIXATION, SACCADE}:
        raise ValueError(f"events {tuple(events)}: expected {FIXATION} (fixation), {SACCADE} (saccade) or both")
    height, width = shown or _size_in_name(video)
    left, top = (screen[1] - width) / 2, (screen[0] - height) / 2
    samples: list[Sample] = []
    seen: dict[str, Path] = {}
    for path in files:
        observer = _diem_observer(path, video)
        if observer in seen:
            raise ValueError(f"{path}: observer {observer!r} has another file, {seen[observer].name}; keep one")
        seen[observer] = path
        for frame, x, y in _read_diem(path, n_frames, events, slack):
            point = (x - left) * size[1] / width, (y - top) * size[0] / height
            if 0 <= point[0] < size[1] and 0 <= point[1] < size[0]:
                samples.append(Sample(observer, frame, *point))
    return Gaze.of(samples)


def _size_in_name(video: str) -> tuple[int, int]:
    found = re.search(r"_(\d+)x(\d+)$", video)
    if found is None:
        raise ValueError(
            f"diem/{video}: the name does not end in the size shown, such as _1280x720; give it as 'shown'"
        )
    return int(found[2]), int(found[1])


def _diem_observer(path: Path, video: str) -> str:
    found = re.fullmatch(rf"(.+?)\.asc_(?:\d+_)?{re.escape(video)}\.txt", path.name)
    if found is None:
        raise ValueError(f"{path}: a file of {video!r} is named diem<n>s<subject>.asc_<trial>_{video}.txt")
    return found[1]


def _read_diem(path: Path, n_frames: int, events: Collection[int], slack: int) -> list[tuple[int, float, float]]:
    """Frame, x and y on the screen wherever an eye counts."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not a text file of numbers; fetch it again") from None
    found, last = [], 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            frame, *eyes = _diem_line(line)
            if frame <= last:
                raise ValueError(f"frame {frame} after frame {last}; frames must rise from 1")
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}") from None
        last = frame
        points = [(x, y) for x, y, event in eyes if event in events]
        if points and frame <= n_frames:
            found.append((frame, sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)))
    if abs(last - n_frames) > slack:
        raise ValueError(
            f"{path}: it ends with frame {last}, and the video has {n_frames}; more than {slack} frames apart are "
            "another cut or frame rate, or a file broken off: fetch it again, leave it out, or raise 'slack'"
        )
    return found


def _diem_line(line: str) -> tuple[int, tuple[float, float, int], tuple[float, float, int]]:
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
        if event not in (*_LOST, FIXATION, SACCADE):
            raise ValueError(f"event {fields[at + 3]!r} of the {eye} eye is none of -1, 0, 1, 2")
        if event not in _LOST and not (math.isfinite(x) and math.isfinite(y)):
            raise ValueError(f"the {eye} eye looks at ({fields[at]}, {fields[at + 1]}), which is no point")
        eyes.append((x, y, int(event)))
    return int(frame), eyes[0], eyes[1]


def convert_diem(
    source: Path, root: Path, events: Collection[int] = (FIXATION,), slack: int = DIEM_SLACK
) -> list[Path]:
    """Write the gaze of DIEM as published, ``<source>/<video>/event_data/*.txt``, in the form below a root.

    Files are known by their names, so any other folders below ``source`` will do. A file of gaze that is there and
    says the same is left alone. Videos of the lists without gaze are named in a warning; files of videos that are
    in no list are not converted.

    Args:
        source: the folder with the text files.
        root: the data root, with DIEM's frames.
        events: that count, as for :func:`diem_gaze`.
        slack: frames by which a file may differ from its video, likewise.

    Returns:
        The files that were written.

    Raises:
        FileNotFoundError: when ``source`` has none of the videos, or the root lacks a video's frames.
        ValueError: naming file and line, for a file of another form.
    """
    diem = dataset("diem")
    videos = [video for part in ("train", "test") for video in diem.videos(root, part, 1)]
    published = _published_files(source, {video.name for video in videos})
    lacking = [video.name for video in videos if video.name not in published]
    if not published:
        raise FileNotFoundError(
            f"no diem<n>s<subject>.asc_<trial>_<video>.txt of a video in DIEM's lists below {source}"
        )
    if lacking:
        text = f"{len(lacking)} of {len(videos)} videos of DIEM have no gaze below {source}: {', '.join(lacking)}"
        warnings.warn(text, stacklevel=2)
    written = []
    with progress("gaze of DIEM", len(published)) as bar:
        for video in (video for video in videos if video.name in published):
            gaze = diem_gaze(published[video.name], video.name, frame_size(video), video.n_frames, events, slack=slack)
            path = root / "annotations" / diem.folder / video.name / FILE_NAME
            text = format_gaze(gaze, video.name)
            if not path.is_file() or path.read_bytes() != text.encode():
                write_atomically(path, text)
                written.append(path)
            bar.advance(note=video.name)
    return written


def _published_files(source: Path, videos: set[str]) -> dict[str, list[Path]]:
    """Text files of observers below a folder, by the video that their names end in."""
    found: dict[str, list[Path]] = {}
    for path in sorted(source.rglob("*.asc_*.txt")):
        if path.name.startswith("."):  # what macOS puts beside a file in an archive
            continue
        ending = path.stem.split(".asc_", 1)[1]
        name = next((n for n in (ending, re.sub(r"^\d+_", "", ending)) if n in videos), None)
        if name is not None:
            found.setdefault(name, []).append(path)
    return found
