"""A look at every file of one video: frames, maps, fixations, gaze and sound."""

from __future__ import annotations

import csv
import math
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torchvision.io import ImageReadMode

from avsal_bench.data.audit.agreement import Pair, disagreement
from avsal_bench.data.audit.blobs import are_blobs, pixels_and_groups
from avsal_bench.data.audit.grids import are_grids, grid_share, spread
from avsal_bench.data.audit.loudness import Loudness
from avsal_bench.data.audit.notes import Checked, Notes, Severity, Task
from avsal_bench.data.face_places import FacePlaces
from avsal_bench.data.files.fixation_files import mat_size, not_fixations, read_fixation_values
from avsal_bench.data.files.images import decode_image_file, read_density_levels
from avsal_bench.data.files.moments import AUDIO_SLACK, check_frame_rate, shown_seconds, varies
from avsal_bench.data.files.sound_files import sound_blocks, sound_header
from avsal_bench.data.files.timeline import timeline
from avsal_bench.data.files.truth_files import density_levels, fixation_path, fixations, map_path, map_size, points
from avsal_bench.data.files.video_files import picture_size, read_pictures, until_damage
from avsal_bench.data.files.whole_films.truth_films import check_film_of_maps
from avsal_bench.data.gaze.samples import read_gaze
from avsal_bench.data.labels import labels_of, read_labels
from avsal_bench.data.places import PaintedMaps, PointsFile, VideoFile
from avsal_bench.files import regular_file
from avsal_bench.text import many

T = TypeVar("T")
Size = tuple[int, ...]

#: Sound may last this much longer than the frames, in seconds, before it is worth a note.
LONGER = 1.0
#: Below this rate in Hz the sound lacks much of what networks hear.
LOW_RATE = 16_000
#: Frames a second of a file may differ by this share from those of the list: 29.97 and 30 are a thousandth apart.
RATE_SLACK = 0.0005


def look_at(task: Task) -> Checked:
    """Everything that is found about a video. Nothing is raised: a check that breaks down is a finding."""
    began = time.perf_counter()
    notes = Notes(task)
    frame_size = _guarded(notes, "frames", lambda: _look_at_frames(notes))
    map_size = _guarded(notes, "maps and fixations", lambda: _look_at_truth(notes))
    if frame_size and map_size and frame_size != map_size:
        aspects = [height / max(width, 1) for height, width in (frame_size, map_size)]
        shape = "the same shape" if math.isclose(*aspects, rel_tol=0.02) else "another shape"
        text = f"frames have size {_by(frame_size)} (height x width), maps {_by(map_size)}, {shape}"
        notes.add("frame and map", "all frames", text)
    _guarded(notes, "gaze", lambda: _look_at_gaze(notes, frame_size or map_size))
    _guarded(notes, "sound", lambda: _look_at_sound(notes))
    _guarded(notes, "labels", lambda: _look_at_labels(notes))
    _guarded(notes, "faces", lambda: _look_at_faces(notes))
    return Checked(notes.findings(), notes.files, time.perf_counter() - began)


def _guarded(notes: Notes, part: str, look: Callable[[], T]) -> T | None:
    try:
        return look()
    except Exception as error:  # whatever it is, the rest is still to be looked at
        notes.add("not checked", part, f"could not be checked: {type(error).__name__}: {error}")
        return None


def _look_at_frames(notes: Notes) -> Size | None:
    """The size of most frames, ``(height, width)``; None where no frame can be read."""
    files = notes.video.frames
    if isinstance(files, VideoFile):
        return None if "frames" in notes.task.absent else _look_at_video_file(notes, files.path)
    sizes: dict[int, Size] = {}
    for n in notes.present("frames", files):
        try:
            sizes[n] = _read(notes, files.path(n), ImageReadMode.RGB)[0]
        except Exception as error:  # decoders raise many kinds for damaged files
            notes.frame("unreadable frame", n, _reason(error, files.path(n)), files.path(n))
    if not sizes:
        return None
    usual = Counter(sizes.values()).most_common(1)[0][0]
    for n, size in sizes.items():
        if size != usual:
            text = f"size {_by(size)}, most frames have {_by(usual)} (height x width)"
            notes.frame("frame size", n, text, files.path(n), size)
    return usual


def _look_at_video_file(notes: Notes, path: Path) -> Size | None:
    video = notes.video
    notes.files += 1
    try:
        line, size = timeline(path), picture_size(path)
    except Exception as error:  # decoders raise many kinds for damaged files
        notes.add("unreadable frame", path, _reason(error, path))
        return None
    count, rate = len(line.times), line.fps
    if count < video.n_frames:
        text = f"the file has {many(count, 'picture')}{until_damage(path)}, the list asks for {video.n_frames}"
        notes.add("frames missing", path, text)
    elif count > video.n_frames:
        notes.add(
            "extra files", path, f"{many(count, 'picture')}, {count - video.n_frames} more than the list's frames"
        )
    if rate and abs(rate / video.fps - 1) > RATE_SLACK and not varies(video):
        severity: Severity = "warning"
        if notes.task.audio and video.audio is not None:
            try:
                check_frame_rate(video)
            except ValueError:
                severity = "error"
        text = f"{rate:g} frames a second in the file, {video.fps:g} in the list"
        notes.add("frame rate", path, text, severity)
    if not notes.task.quick:
        for n in range(1, min(count, video.n_frames) + 1):
            try:
                (picture,) = read_pictures(path, [n])
            except Exception as error:  # as above
                notes.frame("unreadable frame", n, _reason(error, path), path)
            else:
                if (other := tuple(picture.shape[1:])) != size:
                    text = f"size {_by(other)}, the first frame has {_by(size)} (height x width)"
                    notes.frame("frame size", n, text, path, other)
        if mended := timeline(path).mended:
            notes.add("mended frame", path, f"damaged from {mended} on; the decoder fills in what lacks")
    return size


def _look_at_truth(notes: Notes) -> Size | None:
    """The size of most density maps, ``(height, width)``; None where no map can be read."""
    video, quick = notes.video, notes.task.quick
    _look_at_film_of_maps(notes)
    with_map = set(notes.present("maps", video.densities))
    with_fixations = set(notes.present("fixations", video.fixations, strangers=False))
    expected: Size | None = None  # a test takes the size of the first fixation map for that of all
    sizes: Counter[Size] = Counter()
    odd_maps: dict[int, Size] = {}
    black = 0
    few: list[NDArray[np.bool_]] = []
    pairs: list[Pair] = []
    looked_at = spread(video.n_frames)
    for n in range(1, video.n_frames + 1):
        density = fixated = None
        if n in with_fixations:
            path = fixation_path(video, n)
            try:
                size, values = _read_fixations(notes, n, path)
            except Exception as error:  # decoders raise many kinds for damaged files
                notes.frame("unreadable fixations", n, _reason(error, path), path)
            else:
                expected = expected or size[:2]
                if size != expected:
                    text = f"size {_by(size)}, the first frame's is {_by(expected)} (height x width)"
                    notes.frame("fixation size", n, text, path, size)
                fixated = None if values is None else _look_at_values(notes, n, path, values)
                if values is not None and fixated and n in looked_at:
                    few.append(values > 0)
        if n in with_map:
            path = map_path(video, n)
            try:
                size, density = _read_map(notes, n, path)
            except Exception as error:  # as above
                notes.frame("unreadable map", n, _reason(error, path), path)
            else:
                sizes[size] += 1
                odd_maps[n] = size
        if density is not None:
            black += _look_at_pair(notes, n, density, fixated)
            if n in looked_at and fixated and values is not None and values.shape == density.shape:
                pairs.append((density, values > 0))
    if are_grids(few):
        share = f"{100 * grid_share(few):.0f} % of the fixated pixels of {many(len(few), 'frame')} looked at"
        text = f"full grids, rows x columns of samples and not the samples themselves: {share}"
        notes.add("grids", fixation_path(video, 1).parent, text)
    elif few and not isinstance(video.fixations, PointsFile):
        pixels, groups = pixels_and_groups(few)
        if are_blobs(pixels, groups):
            seen = f"{pixels} fixated pixels in {many(groups, 'group')} of touching ones, in {many(len(few), 'frame')}"
            text = f"blobs, samples or large dots and not one pixel a fixation: {seen}"
            notes.add("blobs", fixation_path(video, 1).parent, text)
    if isinstance(video.fixations, PointsFile) and not isinstance(video.densities, PaintedMaps):
        text, are_swapped = disagreement(pairs)
        if text:
            text = f"in {many(len(pairs), 'frame')} looked at, {text}"
            notes.add("misplaced points", video.fixations.path, text, "error" if are_swapped else "warning")
    usual = sizes.most_common(1)[0][0] if sizes else None
    for n, size in odd_maps.items():
        wanted = expected or usual
        if wanted and size != wanted:
            text = f"size {_by(size)}, the fixation maps have {_by(wanted)} (height x width)"
            notes.frame("map size", n, text, map_path(video, n), size)
    if black == video.n_frames and not quick:
        for kind in ("black map", "nobody looked"):
            notes.drop(kind)
        severity: Severity = "error" if notes.task.trained else "warning"
        notes.add(
            "all maps black", map_path(video, 1).parent, f"all {many(black, 'map', 'are')} zero everywhere", severity
        )
    return usual


def _look_at_film_of_maps(notes: Notes) -> None:
    """Maps in a film: whether it has the bits, the size and the length that it should have."""
    files = notes.video.densities
    if isinstance(files, VideoFile) and "maps" not in notes.task.absent:
        try:
            check_film_of_maps(notes.video)
        except (OSError, ValueError) as error:
            notes.add("misfitting maps", files.path, _reason(error, files.path).removeprefix("the file: "))


def _look_at_pair(notes: Notes, n: int, density: NDArray[Any], fixated: int | None) -> bool:
    """Hold a map against its number of fixated pixels, None where it is not known; whether the map is black."""
    path = map_path(notes.video, n)
    low, high = int(density.min()), int(density.max())
    if not high:
        if fixated == 0:
            notes.frame("nobody looked", n, "the map is black and has no fixations", path)
        else:
            also = ", yet there are fixations" if fixated else ""
            notes.frame("black map", n, f"the map is zero everywhere{also}", path, bool(fixated))
        return True
    if low == high:
        notes.frame("flat map", n, f"the map is {low} everywhere", path)
    if fixated == 0:
        notes.frame("no fixations", n, "the map is not black, yet it has no fixations", path)
    return False


def _look_at_values(notes: Notes, n: int, path: Path, values: NDArray[Any]) -> int | None:
    """Number of fixated pixels of a fixation map, None for what is none; what no such map has is noted."""
    positive = values[values > 0]
    if problem := not_fixations(values):
        notes.frame("fixation values", n, problem, path)
        return None
    if len(positive) and positive.max() != positive.min():
        text = f"numbers of fixations, from 1 to {positive.max():g} on a pixel"
        notes.frame("fixation counts", n, text, path)
    elif 2 * len(positive) > values.size:
        share = f"{100 * len(positive) / values.size:.0f} %"
        notes.frame("most fixated", n, f"{share} of the pixels are fixated; is the map inverted?", path)
    return len(positive)


def _read(notes: Notes, path: Path, mode: ImageReadMode) -> tuple[Size, NDArray[Any] | None]:
    """Size of an image, and all of it, ``(C, H, W)`` or ``(H, W)``, as training reads it, unless the look is quick."""
    notes.files += 1
    if notes.task.quick:
        with Image.open(regular_file(path, links=True)) as image:
            return (image.height, image.width), None
    pixels = read_density_levels(path) if mode == ImageReadMode.GRAY else decode_image_file(path, mode)
    return tuple(pixels.shape[-2:]), pixels.numpy()


def _read_map(notes: Notes, n: int, path: Path) -> tuple[Size, NDArray[Any] | None]:
    """Size of a saliency map, and its levels unless the look is quick."""
    if isinstance(notes.video.densities, VideoFile | PaintedMaps):
        return map_size(notes.video), None if notes.task.quick else density_levels(notes.video, n).numpy()
    return _read(notes, path, ImageReadMode.GRAY)


def _read_fixations(notes: Notes, n: int, path: Path) -> tuple[Size, NDArray[Any] | None]:
    """Shape of a fixation map, and its values as they are stored unless the look is quick."""
    if isinstance(listed := notes.video.fixations, PointsFile):
        if notes.task.quick:
            size = listed.size or map_size(notes.video)
            points(notes.video, n, size)
            return size, None
        return (marked := fixations(notes.video, n).numpy()).shape, marked.astype(np.uint8)
    if notes.task.quick and path.suffix != ".mat":
        return _read(notes, path, ImageReadMode.GRAY)
    notes.files += 1
    if notes.task.quick:
        return mat_size(path), None
    values = read_fixation_values(path)
    return values.shape, values


def _look_at_gaze(notes: Notes, size: Size | None) -> None:
    """Gaze of single viewers: points outside the frame, and if there are none, all that its form asks for."""
    path = notes.video.gaze
    if path is None or size is None or notes.task.quick:
        return
    notes.files += 1
    outside = 0
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        for row in csv.reader(file):
            try:
                frame, x, y = int(row[2]), float(row[3]), float(row[4])
            except (ValueError, IndexError):  # the header, or a line that is found below
                continue
            if not (0 <= x < size[1] and 0 <= y < size[0]):
                outside += 1
                text = f"outside the frame of {_by(size)} (height x width), such as x {x:g}, y {y:g} of {row[1]}"
                notes.frame("gaze outside", frame, text, path)
    if not outside:
        try:
            read_gaze(path, notes.video.n_frames, (size[0], size[1]), notes.video.called or notes.video.name)
        except ValueError as error:
            notes.add("unreadable gaze", path, str(error).removeprefix(str(path)).strip(": "))


def _look_at_faces(notes: Notes) -> None:
    """Boxes of faces, and who of them talks, of a set that annotates them."""
    faces = notes.video.faces
    if faces is None or not faces.boxes.parent.is_dir() or notes.task.absent & {"frames", "maps"}:
        return
    notes.files += faces.boxes.is_file()
    try:
        FacePlaces(notes.video)
    except (OSError, ValueError) as error:
        notes.add("bad faces", faces.boxes, str(error).removeprefix(str(faces.boxes)).strip(": "))


def _look_at_labels(notes: Notes) -> None:
    """Labels of audio-visual consistency. A set without any is fine; a video of a set with labels needs its own."""
    path = notes.video.labels
    if path is None or not notes.task.audio or not path.parent.is_dir():
        return
    notes.files += path.is_file()
    try:
        labels_of(notes.video) if notes.video.silent else read_labels(path, notes.video.n_frames)
    except FileNotFoundError:
        notes.add("labels missing", path, "other videos of the set have labels, this one has none")
    except ValueError as error:
        notes.add("bad labels", path, str(error).removeprefix(str(path)).strip(": "))


def _look_at_sound(notes: Notes) -> None:
    video, path = notes.video, notes.video.audio
    if path is None or not notes.task.audio or "sound" in notes.task.absent:
        return
    notes.files += 1
    loudness = None
    try:
        header = sound_header(path)
        rate, seconds = header.rate, header.seconds
        if not notes.task.quick and seconds:
            loudness = Loudness(rate)
            for block in sound_blocks(path, loudness.length):
                loudness.add(block)
            seconds = loudness.samples / rate
    except Exception as error:  # decoders raise many kinds for damaged files
        notes.add("unreadable sound", path, _reason(error, path))
        return
    needed = shown_seconds(video)
    length = (
        f"{seconds:.2f} s of sound for {needed:.2f} s of video "
        f"({many(video.n_frames, 'frame')} at {video.fps:g} a second)"
    )
    if not seconds:
        notes.add("short sound", path, "0 samples")
    elif seconds < needed - AUDIO_SLACK:
        notes.add("short sound", path, length)
    elif seconds > needed + LONGER:
        notes.add("long sound", path, length)
    if rate < LOW_RATE:
        notes.add("low sample rate", path, f"{rate} Hz, networks hear {LOW_RATE} Hz and more")
    if loudness is not None:
        loudness.tell(notes, path)


def _by(size: Size) -> str:
    return "x".join(str(n) for n in size)


def _reason(error: Exception, path: Path) -> str:
    """What a decoder says, in one line and without the file's name, which stands beside it."""
    words = (str(error).splitlines() or [""])[0].replace(str(path), "the file")
    words = words.removeprefix("unreadable image the file (").removesuffix("); fetch or extract it again")
    return words.strip() or type(error).__name__
