"""A look at every map of a submission before any work starts: what is missing, unreadable, extra, constant.

Of a film the packets and a few pictures are looked at, which say how many maps it has and of which size. The rest of it
is read once, when it is scored; what is found then is noted here too (:meth:`Inspection.add_film`).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avsal_bench.data.dataset import Video
from avsal_bench.evaluation.maps import MapCheck, check_film, check_map
from avsal_bench.evaluation.pairing import (
    VideoMaps,
    beside,
    counts_from_zero,
    find_maps,
    other_films,
    other_folders,
    what_lies_in,
)
from avsal_bench.evaluation.shapes import misshapen
from avsal_bench.files import text_sha256
from avsal_bench.map_layouts import LAYOUTS
from avsal_bench.progress import progress
from avsal_bench.strays import same_name
from avsal_bench.text import frame_ranges, many
from avsal_bench.workers import Workers

#: Maps that a process looks at in one go.
GROUP = 64


@dataclass
class Inspection:
    """What a look at every map found; each finding names its video or file.

    ``good`` holds, for each video's key, the frames with a readable map and what is known of them.
    """

    root: Path
    videos: list[VideoMaps]
    good: dict[str, dict[int, MapCheck]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    constant: list[str] = field(default_factory=list)
    misshapen: list[str] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    hint: str = ""

    @property
    def complete(self) -> bool:
        """Whether every frame of the list has a readable map."""
        return not self.missing and not self.unreadable

    def findings(self) -> dict[str, list[str]]:
        """What is wrong, under a heading for each kind that there is."""
        kinds = {
            "missing, frames of the list without a map": self.missing,
            "unreadable, files that are no map": self.unreadable,
            "shape, maps that do not fit their ground truth": self.misshapen,
            "extra, maps of no frame of the test list, not used": self.extra,
            "stray, left there by other programs, not used": self.strays,
            "mixed, films for some videos and a file a frame for others": self.mixed,
            "constant, maps that are the same everywhere, scored as the protocol says": self.constant,
        }
        return {f"{heading} ({len(lines)})": lines for heading, lines in kinds.items() if lines}

    def text(self, most: int | None = None, more: str = "") -> str:
        """The findings as lines; of each kind at most so many, and then the text ``more``."""
        lines = []
        for heading, found in self.findings().items():
            lines += [heading, *(f"  {line}" for line in found[:most])]
            if most is not None and len(found) > most:
                lines.append(f"  .. and {len(found) - most} more{more}")
        return "\n".join([*lines, self.hint] if self.hint else lines)

    def add_film(self, video: Video, unreadable: Mapping[int, str], constant: Sequence[int]) -> list[str]:
        """Note what was found when the film of a video was read to its end; returns it as lines.

        Args:
            video: of the list.
            unreadable: what is wrong with pictures that are no map, by frame.
            constant: frames whose maps are the same everywhere.
        """
        film = next(maps.film for maps in self.videos if maps.video.key == video.key)
        assert film is not None, "only films are looked at again"
        name = str(film.relative_to(self.root))
        bad = [f"{name}: {reason.removeprefix(f'{film}: ')}" for _, reason in sorted(unreadable.items())]
        same = [f"{name}: {frame_ranges(sorted(constant))}"] if constant else []
        self.unreadable += bad
        self.constant += same
        return [*bad, *(f"{line}, maps that are the same everywhere" for line in same)]

    def digest(self, video: Video) -> str:
        """SHA-256 over the frame numbers and files of the maps of a video."""
        known = sorted((frame, check.sha256) for frame, check in self.good[video.key].items())
        return text_sha256(repr(known))

    def story(self) -> dict[str, Any]:
        """What a record keeps of the maps: how many, of which sizes and types, and a SHA-256 over all of them."""
        checks = [check for of_video in self.good.values() for check in of_video.values()]
        kinds = Counter(f"{check.size[0]}x{check.size[1]} {check.dtype}" for check in checks)
        digests = "".join(self.digest(maps.video) for maps in self.videos)
        films = sum(maps.film is not None for maps in self.videos)
        return {
            "files": len(checks),
            "kinds": dict(sorted(kinds.items())),
            "extra": len(self.extra),
            "unreadable": len(self.unreadable),
            **({"films": films} if films else {}),
            **({"misshapen": len(self.misshapen)} if self.misshapen else {}),
            "sha256": text_sha256(digests),
        }


def inspect(
    root: Path, videos: Sequence[Video], workers: Workers, first: int = 1, known: Sequence[Video] = ()
) -> Inspection:
    """Find the maps of a test list below ``root``, and read every one.

    Args:
        root: folder of the maps, in a layout of :data:`~avsal_bench.map_layouts.LAYOUTS`.
        videos: of the test list.
        workers: processes that read.
        first: number of the file of the first frame.
        known: other videos, whose maps are no finding.

    Raises:
        ValueError: when there is no map at all, two files are of one frame, or two folders or films of one video.
    """
    found = Inspection(root, [find_maps(root, video, first, (*videos, *known)) for video in videos])
    if not any(maps.files for maps in found.videos):
        raise ValueError(
            f"{root}: no map of the {many(len(videos), 'test video')}, such as {videos[0].name}; "
            f"the folder holds {what_lies_in(root)}; maps may lie as\n{LAYOUTS}"
        )
    found.good = {maps.video.key: {} for maps in found.videos}
    _look_at_films(found, workers)
    for maps in found.videos:
        if maps.missing and maps.film is None:
            frames = frame_ranges(maps.missing) if maps.files else f"all {many(maps.video.n_frames, 'frame')}"
            found.missing.append(f"{maps.video.name}: {frames}")
    _find_unused(found, known)
    if counts_from_zero(found.videos, first):
        found.hint = f"the files seem to count from {first - 1}; if so, say --first {first - 1}"
    _read_all(found, workers)
    found.misshapen = misshapen(videos, found.good)
    return found


def _find_unused(found: Inspection, known: Sequence[Video]) -> None:
    """Note the maps and folders of maps that are of no frame of the list, and what other programs left there."""
    root, videos = found.root, [maps.video for maps in found.videos]
    extra = [path for maps in found.videos for path in maps.extra]
    left = [path for maps in found.videos for path in maps.strays]
    unused, more = beside(root, (*videos, *known), [maps.video for maps in found.videos if not maps.in_one_folder])
    extra += unused
    left += more
    names = {same_name(video.name) for video in known}
    extra += other_films(root, (*videos, *known), [maps.film for maps in found.videos if maps.film is not None])
    found.extra += [str(path.relative_to(root)) for path in extra]
    found.extra += [
        f"{folder.relative_to(root)}{os.sep}"
        for folder in other_folders(root, videos)
        if same_name(folder.name) not in names
    ]
    found.strays = sorted(str(path.relative_to(root)) for path in left)


def _look_at_films(found: Inspection, workers: Workers) -> None:
    """Look at films, and leave of their maps those that are there."""
    films = [(maps, maps.film) for maps in found.videos if maps.film is not None]
    if films and (others := [maps.video.name for maps in found.videos if maps.files and maps.film is None]):
        shown = others[0] if len(others) == 1 else f"{others[0]} .. {others[-1]}"
        found.mixed = [f"{many(len(films), 'film')}, and a file a frame for {many(len(others), 'video')}: {shown}"]
    if not films:
        return
    with progress("look at the films", len(films)) as bar:
        for index, seen in workers.run(check_film, [film for _, film in films]):
            maps, film = films[index]
            n, name = maps.video.n_frames, str(film.relative_to(found.root))
            there = range(1, min(seen.pictures, n) + 1)
            maps.files = dict.fromkeys(there, film)
            found.good[maps.video.key] = dict.fromkeys(there, seen.check)
            if seen.problem:
                found.unreadable.append(f"{name}: {seen.problem.removeprefix(f'{film}: ')}")
            elif seen.pictures > n:
                found.extra.append(f"{name}: {frame_ranges(range(n + 1, seen.pictures + 1))}; the list has {n}")
            elif seen.pictures < n:
                found.missing.append(
                    f"{maps.video.name}: {frame_ranges(range(seen.pictures + 1, n + 1))}; {name} has "
                    f"{many(seen.pictures, 'picture')}{seen.damage}"
                )
            bar.advance()


def _read_all(found: Inspection, workers: Workers) -> None:
    places = [
        (maps.video.key, frame, path)
        for maps in found.videos
        if maps.film is None
        for frame, path in sorted(maps.files.items())
    ]
    if not places:
        return
    groups = [places[start : start + GROUP] for start in range(0, len(places), GROUP)]
    with progress("look at the maps", len(places)) as bar:
        for index, checks in workers.run(_check_all, [[place[2] for place in group] for group in groups]):
            for (key, frame, path), check in zip(groups[index], checks, strict=True):
                name = str(path.relative_to(found.root))
                if check.problem:
                    found.unreadable.append(f"{name}: {check.problem.removeprefix(f'{path}: ')}")
                    continue
                found.good[key][frame] = check
                if check.constant:
                    found.constant.append(name)
            bar.advance(len(groups[index]))
    found.unreadable.sort()
    found.constant.sort()


def _check_all(paths: Sequence[Path]) -> list[MapCheck]:
    return [check_map(path) for path in paths]
