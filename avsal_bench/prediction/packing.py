"""Predictions for an evaluation server, in the layout that challenges take: one zip with an mp4 a test video.

So do those of AIM 2024 (AViMoS), NTIRE 2026 and CrowdSAL. Their script reads each film by ffmpeg at the rate that its
header tells, compares numbers of frames, stretches each map and resizes it. What would be scored as something else
than was meant, or not at all, is found before anything is packed, and all of it is told. No ground truth is needed.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from avsal_bench.data.dataset import Video
from avsal_bench.data.files.containers import open_container
from avsal_bench.data.files.packets import picture_stream
from avsal_bench.data.files.timeline import timeline
from avsal_bench.evaluation.inspection import Inspection, inspect
from avsal_bench.evaluation.map_films import Bits, FilmWriter
from avsal_bench.evaluation.maps import read_map
from avsal_bench.evaluation.pairing import VideoMaps
from avsal_bench.files import check_writable, whole_file
from avsal_bench.names import safe_name
from avsal_bench.progress import progress
from avsal_bench.text import frame_ranges, many
from avsal_bench.workers import Workers

#: Ending of what is handed in.
SUFFIX = ".mp4"
#: Bits of the levels in a film that servers are known to read.
MOST_BITS = 10
#: By which share two pictures may be closer together or further apart than others: containers round their times.
UNEVEN = 0.2
#: A zip has no dates of its own: the first that it can say.
_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass
class Checked:
    """Predictions of a part of a set, looked at.

    Args:
        found: where the maps lie.
        problems: why they cannot be handed in, a line each.
        notes: what is worth knowing, a line each.
        made: why films are made anew when they are packed, by the key of the video.
    """

    found: Inspection
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    made: dict[str, str] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        """Of all videos."""
        return sum(maps.video.n_frames for maps in self.found.videos)


def check_predictions(maps: Path, videos: Sequence[Video], workers: Workers, first: int = 1) -> Checked:
    """Look whether predictions can be handed in: every film is decoded to its end, every picture is read.

    Args:
        maps: folder with films, or with a file a frame, in any layout of :data:`~avsal_bench.map_layouts.LAYOUTS`.
        videos: of the part that the server scores.
        workers: processes that read.
        first: number of the file of the first frame, where each has one.

    Raises:
        ValueError: when there is no map of these videos at all, or two places of one video.
        FileNotFoundError: naming a video that is missing.
    """
    found = inspect(maps, videos, workers, first)
    checked = Checked(found)
    checked.problems += [f"no map: {line}" for line in found.missing]
    checked.problems += [f"unreadable: {line}" for line in found.unreadable]
    checked.problems += [f"shape: {line}" for line in found.misshapen]
    films = [one for one in found.videos if one.film is not None and found.good[one.video.key]]
    with progress("read the films", sum(len(one.files) for one in films)) as bar:
        for index, seen in workers.run(_look_through, films):
            one = films[index]
            _note_film(checked, one, seen)
            bar.advance(len(one.files), one.video.name)
    for one in found.videos:
        if one.film is None and one.files:
            _note_pictures(checked, one)
    told = {str(one.film.relative_to(maps)) for one in films if one.film is not None}
    unused = [line for line in (*found.extra, *found.strays) if line.split(": ")[0] not in told]
    checked.notes += [f"not packed: {line}" for line in unused]
    return checked


@dataclass(frozen=True)
class _Seen:
    """What is in a film, read to its end."""

    pictures: int
    bits: int
    even: bool
    constant: list[int]
    bad: dict[int, str]


def _look_through(one: VideoMaps) -> _Seen:
    assert one.film is not None, "only films are looked through"
    with open_container(one.film) as container:
        kind = picture_stream(container, one.film, strict=False).codec_context.format
        bits = 8 if kind is None else max(part.bits for part in kind.components)
    line = timeline(one.film)
    constant, bad = [], {}
    for frame in one.files:
        try:
            saliency = read_map(one.film, frame)
        except ValueError as error:
            bad[frame] = str(error).removeprefix(f"{one.film}: ")
            continue
        if saliency.min() == saliency.max():
            constant.append(frame)
    return _Seen(len(line.times), bits, _even(line.times), constant, bad)


def _even(times: NDArray[np.float64]) -> bool:
    """Whether pictures follow each other at one distance: ffmpeg fills wider ones, however well all fit on average."""
    gaps = np.diff(times)
    return bool((np.abs(gaps - gaps.mean()) <= UNEVEN * gaps.mean()).all()) if len(gaps) else True


def _note_film(checked: Checked, one: VideoMaps, seen: _Seen) -> None:
    assert one.film is not None, "only films are looked through"
    name = str(one.film.relative_to(checked.found.root))
    checked.problems += [f"unreadable: {name}: {reason}" for _, reason in sorted(seen.bad.items())]
    if seen.pictures > one.video.n_frames:
        checked.problems.append(
            f"too long: {name}: {many(seen.pictures, 'picture')} for {many(one.video.n_frames, 'frame')} of the video"
        )
    _note_constant(checked, name, seen.constant, len(one.files))
    reasons = [f"{one.film.suffix[1:]} in the place of mp4"] if one.film.suffix.lower() != SUFFIX else []
    reasons += [f"{seen.bits} bits, servers are known to read 8 and {MOST_BITS}"] if seen.bits > MOST_BITS else []
    reasons += [] if seen.even else ["its pictures do not come evenly, so that ffmpeg would double some"]
    if reasons:
        checked.made[one.video.key] = f"{name}: {'; '.join(reasons)}"


def _note_pictures(checked: Checked, one: VideoMaps) -> None:
    checks = checked.found.good[one.video.key]
    sizes = sorted({check.size for check in checks.values()})
    if len(sizes) > 1:
        told = ", ".join(f"{height}x{width}" for height, width in sizes)
        checked.problems.append(f"shape: {one.video.name}: maps of several sizes ({told}); a film has one")
    _note_constant(checked, one.video.name, [frame for frame, check in checks.items() if check.constant], len(checks))
    checked.made[one.video.key] = f"{one.video.name}: a file a frame"


def _note_constant(checked: Checked, name: str, constant: Sequence[int], among: int) -> None:
    if constant and len(constant) == among:
        checked.problems.append(f"constant: {name}: every map is the same everywhere, such as black; it says nothing")
    elif constant:
        checked.notes.append(f"constant: {name}: {frame_ranges(constant)} the same everywhere; scored as the worst")


def pack(checked: Checked, out: Path, *, bits: Bits = 10, folder: str = "") -> list[str]:
    """Write the zip: a film a video, named after it, in the order of the list; the same maps give the same bytes.

    Films that servers read go in as they are; others, and files of single maps, become films in a temporary folder, one
    at a time.

    Args:
        checked: from :func:`check_predictions`.
        out: the zip, which is there whole or not at all.
        bits: of the levels in films that are made.
        folder: in the zip that holds the films; "" for none.

    Returns:
        The names in the zip.

    Raises:
        ValueError: when there are problems, a name is no safe part of a path, or ``out`` does not end in ``.zip``.
        OSError: for a file that cannot be written.
    """
    if checked.problems:
        raise ValueError(
            f"{checked.found.root}: {many(len(checked.problems), 'problem')}, such as {checked.problems[0]}"
        )
    if out.suffix.lower() != ".zip":
        raise ValueError(f"{out}: expected a name that ends in .zip")
    above = f"{safe_name('the folder in the zip', folder)}/" if folder else ""
    check_writable([], [out], "give -o another name")
    names = []
    with (
        progress("pack the films", checked.frames) as bar,
        whole_file(out) as temporary,
        TemporaryDirectory(prefix=".avsal-", dir=out.parent) as made,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive,
    ):
        for one in checked.found.videos:
            name = f"{above}{safe_name('video', one.video.name)}{SUFFIX}"
            film = one.film
            if film is None or one.video.key in checked.made:
                film = _made(one, Path(made) / f"film{SUFFIX}", bits)
            _add(archive, name, film)
            names.append(name)
            bar.advance(one.video.n_frames, one.video.name)
    return names


def _made(one: VideoMaps, path: Path, bits: Bits) -> Path:
    """A film of the maps of a video."""
    with FilmWriter(path, one.video.fps, bits) as film:
        for frame, file in sorted(one.files.items()):
            film.add(read_map(file, frame)[None])
    return path


def _add(archive: zipfile.ZipFile, name: str, file: Path) -> None:
    told = zipfile.ZipInfo(name, _DATE)
    told.create_system, told.external_attr = 3, 0o644 << 16  # as from Unix, wherever it is packed
    told.file_size = file.stat().st_size
    with file.open("rb") as source, archive.open(told, "w") as target:
        shutil.copyfileobj(source, target, 2**20)
