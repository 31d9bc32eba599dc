"""Saliency maps on the disk, made by any code: which file belongs to which frame of which video. Names only."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from avsal_bench.data.dataset import Video, dataset
from avsal_bench.data.places import VIDEO_SUFFIXES, is_video_file
from avsal_bench.strays import child, same_name, strays

SUFFIXES = (".png", ".jpg", ".jpeg", ".npy")
_LAST_NUMBER = re.compile(r"(\d+)(?!.*\d)")
#: What may stand around the number of a frame where all maps lie in one folder. Any other word, or a second number, may
#: belong to the name of another video.
WORDS = {
    *("frame", "frames", "frm", "img", "image", "im", "pred", "preds", "prediction", "predicted", "output", "out"),
    *("sal", "saliency", "salmap", "salmaps", "smap", "map", "maps", "eyemap", "heatmap", "density", "result"),
}
#: What parts the name of a video from the rest, and the rest in itself; a number and a word part themselves.
_MARKS = "_-. "
_PARTS = re.compile(r"[_\-. ]+|(?<=\d)(?=\D)|(?<=\D)(?=\d)")


@dataclass
class VideoMaps:
    """The map files of one video: one a frame, or a film whose n-th picture is the map of frame n.

    Args:
        video: of the test list.
        files: of the frames 1 to n that have one. A film is that of all of them, until it is looked at.
        extra: files of maps that belong to no frame of the list.
        strays: files that other programs left in the folder; see :mod:`avsal_bench.strays`.
        in_one_folder: whether the video has no folder of its own, and no film.
        film: of the maps; None where each has a file.
    """

    video: Video
    files: dict[int, Path] = field(default_factory=dict)
    extra: list[Path] = field(default_factory=list)
    strays: list[Path] = field(default_factory=list)
    in_one_folder: bool = False
    film: Path | None = None

    @property
    def missing(self) -> list[int]:
        """Frames of the list without a file."""
        return [frame for frame in range(1, self.video.n_frames + 1) if frame not in self.files]


def find_maps(root: Path, video: Video, first: int = 1, others: Iterable[Video] = ()) -> VideoMaps:
    """Find the maps of a video, in any layout of :data:`~avsal_bench.map_layouts.LAYOUTS`.

    In the folder of a video the last number of a name counts, and none of the video's own name. Where all maps lie in
    one folder, a file belongs to the longest name of a video that leaves the number of a frame, and at most words that
    say so. A film has the name of its video, and the ending of a video file.

    Args:
        root: folder of the maps.
        video: of the test list.
        first: number that the file of the first frame has; the first picture of a film is that of frame 1 always.
        others: all videos whose maps may lie in the same folder.

    Raises:
        ValueError: when two files are of the same frame, or two folders or films of the same video.
    """
    found = VideoMaps(video)
    folder = _folder(root, video)
    found.film = _film(root, video, folder)
    if found.film is not None:
        found.files = dict.fromkeys(range(1, video.n_frames + 1), found.film)
        return found
    maps, left = _maps_in(folder or root)
    if folder is not None:
        found.strays = left
        numbers = _numbers_in_own_folder(maps, video, first)
    else:
        found.in_one_folder = True
        numbers = _numbers_in_one_folder(maps, video, first, others)
    for path, number in numbers.items():
        frame = 0 if number is None else number - first + 1
        if not 1 <= frame <= video.n_frames:
            found.extra.append(path)
        elif frame in found.files:
            raise ValueError(
                f"{video.key}: {found.files[frame]} and {path} are both of frame {frame}; leave one of them"
            )
        else:
            found.files[frame] = path
    return found


def counts_from_zero(found: Sequence[VideoMaps], first: int) -> bool:
    """Whether the files look as if their numbers began one earlier: each video has such a file and lacks its last."""
    present = [maps for maps in found if maps.files]
    return bool(present) and all(
        maps.missing == [maps.video.n_frames] and any(_last_number(path.stem) == first - 1 for path in maps.extra)
        for maps in present
    )


def other_folders(root: Path, videos: Sequence[Video]) -> list[Path]:
    """Folders of maps beside those of the videos of a test list; a typing error may be among them."""
    names = {same_name(video.name) for video in videos}
    parents = {folder.parent for video in videos if (folder := _folder(root, video)) is not None}
    beside = {
        path
        for parent in parents
        for path in parent.iterdir()
        if path.is_dir() and same_name(path.name) not in names and path.name not in strays([path.name])
    }
    return sorted(path for path in beside - parents if any(map(is_map, path.iterdir())))


def other_films(root: Path, videos: Iterable[Video], films: Iterable[Path]) -> list[Path]:
    """Films in ``root`` and in the folders of some films, of none of these videos; a typing error may be among them."""
    names = {same_name(video.name) for video in videos}
    listed = [path for folder in {root, *(film.parent for film in films)} for path in folder.iterdir()]
    left = strays(path.name for path in listed)
    return sorted(
        path for path in listed if is_film(path) and path.name not in left and same_name(path.stem) not in names
    )


def beside(root: Path, videos: Iterable[Video], housed: Iterable[Video] = ()) -> tuple[list[Path], list[Path]]:
    """Maps right in ``root`` that are of none of these videos, and what other programs left there.

    Videos that are ``housed`` in a folder of their own have no maps there, but may have a picture of their name.
    """
    maps, left = _maps_in(root)
    names, own = _longest_first(videos), {same_name(video.name) for video in housed}
    owners = {path: _owner(path, names, 1) for path in maps if same_name(path.stem) not in own}
    return [path for path, owner in owners.items() if owner is None or owner[0] in own], left


def _folder(root: Path, video: Video) -> Path | None:
    """The folder of a video's maps, where it has one of its own."""
    there = [folder for folder in (child(parent, video.name) for parent in _parents(root, video)) if folder.is_dir()]
    return _only(video, there)


def _film(root: Path, video: Video, folder: Path | None) -> Path | None:
    """The film of a video's maps, where there is one, and no folder of them."""
    endings = [ending for suffix in VIDEO_SUFFIXES for ending in (suffix, suffix.upper())]
    places = (child(parent, f"{video.name}{ending}") for parent in _parents(root, video) for ending in endings)
    film = _only(video, [path for path in places if is_film(path)])
    if film is not None and folder is not None and any(map(is_map, folder.iterdir())):
        _only(video, [film, folder])
    return film


def _parents(root: Path, video: Video) -> tuple[Path, ...]:
    return root, root / dataset(video.dataset).folder, root / video.dataset, root / "maps"


def _only(video: Video, there: Sequence[Path]) -> Path | None:
    """The one place of the maps of a video, which may be reached by several ways; None where there is none."""
    for other in there[1:]:
        if not other.samefile(there[0]):
            raise ValueError(f"{video.key}: {there[0]} and {other} may both hold its maps; leave one of them")
    return there[0] if there else None


def _maps_in(folder: Path) -> tuple[list[Path], list[Path]]:
    """Maps right in a folder, and what other programs left there, both sorted."""
    paths = sorted(folder.iterdir())
    left = strays(path.name for path in paths)
    return [p for p in paths if is_map(p) and p.name not in left], [p for p in paths if p.name in left]


def is_map(path: Path) -> bool:
    """Whether a file is called like the map of a frame."""
    return path.suffix.lower() in SUFFIXES and not path.is_dir()


def is_film(path: Path) -> bool:
    """Whether a file is called like a film."""
    return is_video_file(path) and path.exists() and not path.is_dir()


def what_lies_in(folder: Path) -> str:
    """Up to five names of what lies right in a folder, for an error."""
    return ", ".join(sorted(path.name for path in folder.iterdir())[:5]) or "nothing"


def _last_number(text: str) -> int | None:
    number = _LAST_NUMBER.search(text)
    return int(number[1]) if number else None


def _numbers_in_own_folder(maps: Iterable[Path], video: Video, first: int) -> dict[Path, int | None]:
    """The number of each file in the folder of a video; None for one without."""
    name = same_name(video.name)
    stems = {path: same_name(path.stem) for path in maps}
    shapes = Counter(_LAST_NUMBER.sub("#", stem) for stem in set(stems.values()))
    numbers = {}
    for path, stem in stems.items():
        rest = stem.removeprefix(name)
        if rest[:1].isdigit() and name[-1:].isdigit():
            rest = stem  # a number that begins like the name: 11 in the folder of video 1
        number = _last_number(rest)
        if number is None and rest != stem:
            if stem == name and video.n_frames == 1:
                number = first
            elif name.isdigit() or (stem == name and shapes[_LAST_NUMBER.sub("#", stem)] > 1):
                number = _last_number(stem)  # 0601 among 0001, 0002, ..; v1 among v2, v3, ..
        numbers[path] = number
    return numbers


def _numbers_in_one_folder(
    maps: Iterable[Path], video: Video, first: int, others: Iterable[Video]
) -> dict[Path, int | None]:
    """The number of each file of a video in a folder of the maps of all videos."""
    names = _longest_first((*others, video))
    owners = {path: _owner(path, names, first) for path in maps}
    return {path: owner[1] for path, owner in owners.items() if owner and owner[0] == same_name(video.name)}


def _longest_first(videos: Iterable[Video]) -> dict[str, bool]:
    """Names of videos, the longest first, each with whether it has one frame only."""
    stills = {same_name(video.name): video.n_frames == 1 for video in videos}
    return {name: stills[name] for name in sorted(stills, key=len, reverse=True)}


def _owner(path: Path, names: Mapping[str, bool], first: int) -> tuple[str, int] | None:
    """The video that a file in a folder of all maps belongs to, and its number; None for a file of none."""
    stem = same_name(path.stem)
    for name, still in names.items():
        number = _frame_after(name, stem)
        if number is not None:
            return name, number
        if still and stem == name:
            return name, first
    return None


def _frame_after(name: str, stem: str) -> int | None:
    """The number of a frame, where it is all that follows the name of a video.

    >>> [_frame_after("clip", stem) for stem in ("clip_00001", "clip-pred_sal-7", "clip_2_00001")]
    [1, 7, None]
    """
    rest = stem.removeprefix(name)
    if rest == stem or rest[:1] not in _MARKS:
        return None
    parts = [part for part in _PARTS.split(rest) if part]
    numbers = [part for part in parts if part.isdecimal()]
    if len(numbers) != 1 or not all(part.isdecimal() or part.lower() in WORDS for part in parts):
        return None
    return int(numbers[0])
