"""How Hollywood-2 and UCF Sports lie on the disk, as DHF1K's authors hand them out. Names of files only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from avsal_bench.data.dataset import DataSet, Video
from avsal_bench.data.layouts.lists import check_parts_apart
from avsal_bench.data.layouts.numbered_pictures import alike, numbered_in
from avsal_bench.data.places import NamedFiles, NumberedFiles
from avsal_bench.names import safe_name
from avsal_bench.strays import without_strays
from avsal_bench.text import many

#: Frames a second of both sets, as UNISAL's loader has it; it is not on the disk, and no network here reads it.
FPS = 24.0
#: Folders of the parts, as they are handed out, and as some name them.
PARTS = {"train": ("training", "train"), "test": ("testing", "test")}
_SHOT = re.compile(r"actionclip(?P<part>train|test)(?P<video>[0-9]{1,9})_(?P<shot>[0-9]{1,9})")
_CLIP = re.compile(r"(?P<kind>.+)-(?P<number>[0-9]{1,9})")


@dataclass(frozen=True)
class Shots:
    """The layout of Hollywood-2, a video of which is cut into shots::

        <root>/<SET>/{training,testing}/actionclip{train,test}%05d_<shot>/images/actionclip{train,test}%05d_%05d.png
        .../maps/<the same names>
        .../fixation/<the same names>                                 (or fixation/maps/<the same stem>.mat)

    Args:
        joined: False for a video a shot; True for the shots of a video one after the other, in the order of their
            **numbers**: 2 comes before 10.
        last: number of the last training video; None for all that are there.
        validation: numbers of the training videos that are asked for as the part "val", and are not in "train".
    """

    joined: bool = False
    last: int | None = None
    validation: frozenset[int] = frozenset()

    def __call__(self, root: Path, description: DataSet, part: str, fold: int) -> list[Video]:
        """The videos of a part, by number and shot. A shot without frames is left out.

        Raises:
            FileNotFoundError: for a missing root or folder, and for a part without videos.
            ValueError: for two folders of one shot, for a shot in both parts, and for frames of which two have one
                number.
        """
        del fold  # one split
        folder = part_folder(root, description, "test" if part == "test" else "train")
        found = _shots_of(folder)
        if part != "test" and (tests := _folder_of(folder.parent, "test")) is not None:
            check_parts_apart(*({path.name: path for path in of.values()} for of in (found, _shots_of(tests))))
        shots = {place: path for place, path in found.items() if self._takes(part, place[0])}
        videos = []
        for (number, shot), path in shots.items():
            prefix = f"{path.name.rpartition('_')[0]}_"
            if (video := _video(root, description, path, prefix)) is not None:
                videos.append(((number, shot), video))
        if not videos:
            raise FileNotFoundError(f"{description.name}: no shot with frames of the part {part} in {folder}")
        if not self.joined:
            return [video for _, video in videos]
        of_video: dict[int, list[Video]] = {}
        for (number, _), video in videos:
            of_video.setdefault(number, []).append(video)
        return [_one_after_the_other(folder, parts) for parts in of_video.values()]

    def _takes(self, part: str, number: int) -> bool:
        if part == "test":
            return True
        return (self.last is None or number <= self.last) and (number in self.validation) == (part == "val")


@dataclass(frozen=True)
class Clips:
    """The layout of UCF Sports::

        <root>/<SET>/{training,testing}/<class>-%03d/images/<class>_%03d_%03d.png      (some frames .jpg instead)
        .../maps/<the same names>
        .../fixation/<the same names>                                 (or fixation/maps/<the same stem>.mat)

    Args:
        validation: names of the training videos that are asked for as the part "val", and are not in "train".
    """

    validation: frozenset[str] = frozenset()

    def __call__(self, root: Path, description: DataSet, part: str, fold: int) -> list[Video]:
        """The videos of a part, by name.

        Raises:
            FileNotFoundError: for a missing root or folder, for a part without videos, and for one without frames.
            ValueError: for a video in both parts, and for frames of which two have one number.
        """
        del fold  # one split
        folder = part_folder(root, description, "test" if part == "test" else "train")
        found = _clips_of(folder)
        if part != "test" and (tests := _folder_of(folder.parent, "test")) is not None:
            check_parts_apart(found, _clips_of(tests))
        wanted = [name for name in found if part == "test" or (name in self.validation) == (part == "val")]
        videos = []
        for name in wanted:
            kind, _, number = name.rpartition("-")
            video = _video(root, description, found[name], f"{kind}_{number}_")
            if video is None:
                raise FileNotFoundError(f"{description.name}: no frames and no maps in {found[name]}")
            videos.append(replace(video, category=kind))
        if not videos:
            raise FileNotFoundError(f"{description.name}: no video of the part {part} in {folder}")
        return videos


def part_folder(root: Path, description: DataSet, part: str) -> Path:
    """The folder of a part of a set, under whichever of its names.

    Raises:
        FileNotFoundError: for a missing root, set or part; it says how it should be named.
        ValueError: for two folders of the set that are not the same one.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{description.name}: no data root {root}; set AVSAL_DATA or --data-root")
    names = (description.folder, *description.also)
    sets = [root / name for name in names if (root / name).is_dir()]
    if not sets:
        raise FileNotFoundError(
            f"{description.name}: no folder {root / names[0]} (or {', '.join(names[1:])}); "
            f"`avsal data get {description.name}` says where it is to be had, and the root is AVSAL_DATA or --data-root"
        )
    if other := next((path for path in sets[1:] if not path.samefile(sets[0])), None):
        raise ValueError(f"{sets[0]} and {other} are both folders of {description.name}; keep one")
    folder = _folder_of(sets[0], part)
    if folder is None:
        raise FileNotFoundError(f"{description.name}: no folder {sets[0] / PARTS[part][0]}")
    return folder


def left_out(root: Path, folders: Sequence[str]) -> list[str]:
    """What `avsal data check` says of shots that have no frame, and so are no videos: a sentence, or none."""
    places = [root / name / part for name in folders for kind in PARTS.values() for part in kind]
    shots = [path for place in places if place.is_dir() for path in _shots_of(place).values()]
    empty = [path.name for path in shots if not _first_of(path)[1]]
    if not empty:
        return []
    return [
        f"{many(len(empty), 'folder')} of shots without a picture, left out of the lists: {', '.join(empty[:5])}"
        + (" and so on" if len(empty) > 5 else "")
    ]


def _folder_of(folder: Path, part: str) -> Path | None:
    return next((place for name in PARTS[part] if (place := folder / name).is_dir()), None)


def _shots_of(folder: Path) -> dict[tuple[int, int], Path]:
    """Folders of shots by number of video and of shot, in this order."""
    found: dict[tuple[int, int], Path] = {}
    for path in without_strays(folder.iterdir()):
        if (name := _SHOT.fullmatch(path.name)) is not None and path.is_dir():
            other = found.setdefault((int(name["video"]), int(name["shot"])), path)
            if other != path:
                raise ValueError(f"{other} and {path} are both shot {name['shot']} of one video; keep one")
    return dict(sorted(found.items()))


def _clips_of(folder: Path) -> dict[str, Path]:
    return {
        path.name: path for path in without_strays(folder.iterdir()) if _CLIP.fullmatch(path.name) and path.is_dir()
    }


def _first_of(folder: Path, prefix: str = "") -> tuple[NumberedFiles | None, int]:
    """The pictures that say how many frames a folder has: its images, else its maps."""
    files, count = numbered_in(folder / "images", prefix)
    return (files, count) if files is not None else numbered_in(folder / "maps", prefix)


def _video(root: Path, description: DataSet, folder: Path, prefix: str) -> Video | None:
    """The video of a folder with ``images``, ``maps`` and ``fixation``; None where it has no frame."""
    first, count = _first_of(folder, prefix)
    if first is None:
        return None
    frames, maps = (numbered_in(folder / name, prefix)[0] for name in ("images", "maps"))
    points, _ = numbered_in(folder / "fixation", prefix)
    if points is None:
        points, _ = numbered_in(folder / "fixation" / "maps", prefix, (".mat",))
    return Video(
        dataset=description.name,
        name=safe_name(f"{folder}: video", folder.name),
        n_frames=count,
        fps=FPS,
        frames=alike(frames, folder / "images", first),
        densities=alike(maps, folder / "maps", first),
        fixations=alike(points, folder / "fixation", first),
        prepared=root / "prepared" / description.folder / folder.name,
    )


def _one_after_the_other(folder: Path, shots: Sequence[Video]) -> Video:
    """The shots of a video, in the order in which they come, as one video."""
    name = shots[0].name.rpartition("_")[0]
    joined = {
        part: NamedFiles(folder, "", 1, "", names=tuple(name for shot in shots for name in _names(folder, shot, part)))
        for part in ("frames", "maps", "fixations")
    }
    return replace(
        shots[0],
        name=name,
        n_frames=sum(shot.n_frames for shot in shots),
        frames=joined["frames"],
        densities=joined["maps"],
        fixations=joined["fixations"],
        prepared=shots[0].prepared and shots[0].prepared.with_name(name),
    )


def _names(folder: Path, shot: Video, part: str) -> Iterator[str]:
    """Names of the files of a shot, below the folder of all shots."""
    files = shot.parts[part]
    assert isinstance(files, NumberedFiles), "as _video makes them"
    below = files.folder.relative_to(folder).as_posix()
    return (f"{below}/{files.name(frame)}" for frame in range(1, shot.n_frames + 1))
