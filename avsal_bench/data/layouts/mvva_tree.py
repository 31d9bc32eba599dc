"""What a root holds of MVVA, by the numbers of videos, in the trees in which it is handed on. Names of files only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from avsal_bench.data.layouts.videos import only_file
from avsal_bench.data.places import SOUND_SUFFIXES, FaceFiles, NumberedFiles, VideoFile, is_video_file
from avsal_bench.strays import same_name, without_strays

#: Folders below a root that may hold the set, besides the root itself.
BASES = ("MVVA", "mvva", "mvva_dataset")
#: The folder of the set in the folders of the layout of STAViS, which vinet_v2 has too.
_IN_STAVIS = ("mvva", "MVVA")
#: Folders of the authors' tree, whose names their scripts leave open: the usual ones, and words of others.
_FOLDERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "films": (("mvva_video", "mvva_videos", "videos", "video", "video_files"), ()),
    "maps": (("maps", "mvva_maps"), ("map", "salien")),
    "boxes": (("face_tracking",), ("track",)),
    "talking": (("face_talking",), ("talk",)),
    "sounds": (("sound", "mvva_sound"), ("sound", "audio", "wav")),
    "points": (("fixation_data_mvva", "fixation_data"), ("fixation", "gaze")),
}
#: Folders that are of the other tree.
_OTHERS = ("video_frames", "video_audio", "annotations", "fold_lists", "prepared", "av_gt_label")
#: Names of files and folders of a video: its number, padded or not, after a word or before the times of an excerpt.
_NUMBER = re.compile(r"(?:video_)?(\d{1,3})(?: .*)?")


def number_of(name: str) -> str:
    """The number of a video of MVVA in three digits, by any of its names; any other name as it is.

    >>> number_of("82"), number_of("video_082"), number_of("005 00_00_02-00_00_12"), number_of("other")
    ('082', '082', '005', 'other')
    """
    found = _NUMBER.fullmatch(name) if name.isascii() else None
    return f"{int(found[1]):03d}" if found else same_name(name)


class MvvaTree:
    """What a root holds, by the numbers of videos.

    Args:
        root: the data root.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folders: dict[str, Path | None] = {}
        self._listed: dict[str, dict[str, list[Path]]] = {}
        self._bases: list[Path] = []
        for name in BASES:
            place = root / name
            if place.is_dir() and not any(place.samefile(other) for other in self._bases):
                self._bases.append(place)

    @property
    def there(self) -> bool:
        """Whether anything of the set is."""
        return bool(self.films or self.pictures or self.maps or self.annotations)

    @cached_property
    def films(self) -> dict[str, list[Path]]:
        """Video files."""
        return self._files("films", is_video_file)

    @cached_property
    def pictures(self) -> dict[str, Path]:
        """Folders of frames."""
        return self._in_stavis("video_frames")

    @cached_property
    def annotations(self) -> dict[str, Path]:
        """Folders of vinet_v2's maps."""
        return self._in_stavis("annotations")

    @cached_property
    def maps(self) -> dict[str, Path]:
        """Folders of the authors' maps."""
        folder = self.folder("maps")
        return {number_of(path.name): path for path in _entries(folder) if path.is_dir()} if folder else {}

    def frames(self, name: str, film: Path | None) -> NumberedFiles | VideoFile:
        """The frames of a video: the pictures where there are some, else its file; of a missing one its place.

        Args:
            name: of the video, as lists have it.
            film: its file, where there is one.
        """
        number = number_of(name)
        if number in self.pictures or (self.pictures and not self.films):
            folder = self.pictures.get(number, next(iter(self.pictures.values()), self.root).parent / name)
            return NumberedFiles(folder, "img_", 5, ".jpg")
        return VideoFile(film or (self.folder("films") or self._usual("films")) / f"{number}.mp4")

    def densities(self, name: str) -> NumberedFiles:
        """Saliency maps: those of vinet_v2 where there are some, else the authors'; as :meth:`frames`."""
        number = number_of(name)
        if number in self.annotations or (self.annotations and not self.maps):
            folder = self.annotations.get(number, next(iter(self.annotations.values()), self.root).parent / name)
            return NumberedFiles(folder / "maps", "eyeMap_", 5, ".jpg")
        folder = self.maps.get(number, (self.folder("maps") or self._usual("maps")) / f"video_{number}")
        return NumberedFiles(folder, "", 3, ".jpg", first=0)

    def sound(self, number: str, film: Path | None) -> Path:
        """A sound file, else the video file; where there is neither, the place for the wav."""
        found = list(self._files("sounds", _is_sound).get(number, []))
        if folder := self._in_stavis("video_audio").get(number):
            found += [path for path in _entries(folder) if _is_sound(path)]
        return only_file(found) or film or (self.folder("sounds") or self._usual("sounds")) / f"{number}.wav"

    def file(self, kind: str, number: str, suffix: str) -> Path:
        """The file of a video in one of the authors' folders; where there is none, the place for it."""
        found = only_file(self._files(kind, lambda path: path.suffix.lower() == suffix).get(number, []))
        return found or (self.folder(kind) or self._usual(kind)) / f"{number}{suffix}"

    def faces(self, number: str) -> FaceFiles | None:
        """The files of faces, where the set has such folders."""
        if self.folder("boxes") is None or self.folder("talking") is None:
            return None
        return FaceFiles(self.file("boxes", number, ".npy"), self.file("talking", number, ".npy"))

    def labels(self, folder: str, number: str) -> Path:
        """Labels of consistency: a text file where there is one, else who talks."""
        text = self.root / "av_gt_label" / folder / f"{number}.txt"
        return text if text.is_file() or self.folder("talking") is None else self.file("talking", number, ".npy")

    def folder(self, kind: str) -> Path | None:
        """A folder of the authors' tree; None where there is none.

        Raises:
            ValueError: naming two that may be it.
        """
        if kind not in self._folders:
            self._folders[kind] = self._find(kind)
        return self._folders[kind]

    def _find(self, kind: str) -> Path | None:
        usual, words = _FOLDERS[kind]
        for base in (*self._bases, self.root):
            for name in usual:
                if (base / name).is_dir() and (base != self.root or "mvva" in name):
                    return base / name
        for base in self._bases:
            found = [path for path in _folders_below(base) if _is_meant(path.name.lower(), words)]
            if len(found) > 1:
                raise ValueError(f"{found[0]} and {found[1]} may both be the {kind} of MVVA; call it {usual[0]}")
            if found:
                return found[0]
        return None

    def _usual(self, kind: str) -> Path:
        return (self._bases[0] if self._bases else self.root / BASES[0]) / _FOLDERS[kind][0][0]

    def _files(self, kind: str, is_one: Callable[[Path], bool]) -> dict[str, list[Path]]:
        if kind not in self._listed:
            folder = self.folder(kind)
            found: dict[str, list[Path]] = {}
            for path in _entries(folder) if folder else ():
                if is_one(path):
                    found.setdefault(number_of(path.stem), []).append(path)
            self._listed[kind] = found
        return self._listed[kind]

    def _in_stavis(self, kind: str) -> dict[str, Path]:
        """Folders of videos in a folder of the layout of STAViS."""
        for base in (*self._bases, self.root):
            for name in _IN_STAVIS:
                if entries := _entries(base / kind / name):
                    return {number_of(path.name): path for path in entries if path.is_dir()}
        return {}


def _folders_below(base: Path) -> Iterator[Path]:
    """Folders of a base, and those in folders of annotations; none of the other tree."""
    for path in _entries(base):
        if path.is_dir() and path.name not in _OTHERS:
            yield path
            if any(word in path.name.lower() for word in ("face", "annotation", "mvva", "part")):
                yield from (inside for inside in _entries(path) if inside.is_dir())


def _is_meant(name: str, words: Sequence[str]) -> bool:
    """Whether the name of a folder has a word of one kind; the word face is none of maps."""
    kinds = {kind for kind, (_, of_kind) in _FOLDERS.items() if any(word in name for word in of_kind)}
    return any(word in name for word in words) and len(kinds) == 1


def _is_sound(path: Path) -> bool:
    return path.suffix.lower() in SOUND_SUFFIXES


def _entries(folder: Path) -> list[Path]:
    return without_strays(folder.iterdir()) if folder.is_dir() else []
