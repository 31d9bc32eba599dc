"""Where the files of a video lie: pictures in folders, video files, points of all frames in one file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class NumberedFiles:
    """Files of one folder, one for each frame of a video.

    Args:
        folder: of the files.
        prefix: what stands before the number in a name.
        digits: of the number, at least.
        suffix: what stands behind it.
        first: number of the file of frame 1.

    >>> NumberedFiles(Path("maps"), "eyeMap_", 5, ".jpg").path(7).as_posix()
    'maps/eyeMap_00007.jpg'
    """

    folder: Path
    prefix: str
    digits: int
    suffix: str
    first: int = 1

    def name(self, frame: int) -> str:
        """Name of the file of a frame, from 1."""
        return f"{self.prefix}{frame + self.first - 1:0{self.digits}d}{self.suffix}"

    def path(self, frame: int) -> Path:
        """The file of a frame, from 1."""
        return self.folder / self.name(frame)

    @property
    def folders(self) -> tuple[str, ...]:
        """Where its files lie, below ``folder``; "" for that folder itself."""
        return ("",)

    def frame(self, name: str) -> int:
        """The frame of a file, by its name below ``folder``; 0 for a file that is none."""
        digits = name.removeprefix(self.prefix).removesuffix(self.suffix)
        number = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 10 else -1
        frame = number - self.first + 1
        return frame if frame > 0 and name == self.name(frame) else 0


@dataclass(frozen=True)
class NamedFiles(NumberedFiles):
    """Files in the order of the frames that no one pattern names: of two endings, or in several folders.

    Args:
        names: of the files of frame 1, 2 and so on, below ``folder``; frames beyond them have names of the pattern.

    >>> files = NamedFiles(Path("images"), "", 3, ".png", names=("001.png", "002.jpg"))
    >>> files.path(2).as_posix(), files.frame("002.jpg"), files.frame("002.png"), files.name(3)
    ('images/002.jpg', 2, 0, '003.png')
    """

    names: tuple[str, ...] = field(default=(), repr=False)

    def name(self, frame: int) -> str:
        """Name of the file of a frame, from 1, below ``folder``."""
        return self.names[frame - 1] if 1 <= frame <= len(self.names) else super().name(frame)

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """Where its files lie, below ``folder``; "" for that folder itself."""
        return tuple(dict.fromkeys(name.rpartition("/")[0] for name in self.names)) or ("",)

    @cached_property
    def _frames(self) -> dict[str, int]:
        return {name: frame for frame, name in enumerate(self.names, 1)}

    def frame(self, name: str) -> int:
        """The frame of a file, by its name below ``folder``; 0 for a file that is none."""
        return self._frames.get(name, 0)


@dataclass(frozen=True)
class OneFile:
    """The only file of a still image: a video of one frame.

    >>> OneFile(Path("maps/a.png")).path(1).as_posix()
    'maps/a.png'
    """

    file: Path

    @property
    def folder(self) -> Path:
        """Where it lies, beside those of other stills."""
        return self.file.parent

    def name(self, frame: int) -> str:
        """Name of the file of frame 1, the only one."""
        return self.file.name

    def path(self, frame: int) -> Path:
        """The file of frame 1, the only one."""
        return self.file


#: File beside labels of consistency that says how those of other frames are read (:mod:`avsal_bench.data.labels`).
LABEL_RULE = "frames.rule"
#: Endings of video files, in lower case.
VIDEO_SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".webm")
#: Endings of sound files beside those of a set; what is in them is told by their content.
SOUND_SUFFIXES = (".wav", ".m4a", ".mp3", ".flac", ".aac", ".ogg", ".opus")


def is_video_file(path: Path) -> bool:
    """Whether the name of a file is that of a video, in any case."""
    return path.suffix.lower() in VIDEO_SUFFIXES


@dataclass(frozen=True)
class VideoFile:
    """Frames or maps straight from a video file: frame n of a list is the n-th picture that a player shows, from 1.

    Args:
        path: of the file.
        bits: that a number of its pixels has, where its set says so; another file is an error. 0 for any.
    """

    path: Path
    bits: int = 0


@dataclass(frozen=True)
class PointsFile:
    """Where people looked in all frames of a video, in one file.

    Args:
        path: of the file.
        read: ``read(path, video)``, a function of a module: for each frame of the file, from the first one on, its
            points ``(N, 2)``, whole numbers: row and column from 0 in the picture of ``size``. A point stands there as
            often as the file lists it. It raises ValueError naming the file, the frame and what is wrong in it.
        size: (height, width) of the picture in which points are counted; None for that of the saliency maps.
    """

    path: Path
    read: Callable[[Path, Any], Sequence[NDArray[np.int64]]]
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class PaintedMaps:
    """Saliency maps that a set does not hand out: each is painted from the points of its frame when it is asked for.

    The fixations of such a video are a :class:`PointsFile`, the same file.

    Args:
        path: the file of the points.
        paint: ``paint(points, size)``, a function of a module: the map ``(H, W)``, uint8 or uint16, of points
            ``(N, 2)``, row and column from 0, in a picture of that (height, width).
        size: (height, width) of the maps; None for that of the frames.
    """

    path: Path
    paint: Callable[[NDArray[np.int64], tuple[int, int]], NDArray[Any]]
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class FaceFiles:
    """Where the faces of a video are annotated; :mod:`avsal_bench.data.faces` reads them.

    Args:
        boxes: the file of their boxes.
        talking: the file that says who of them talks.
    """

    boxes: Path
    talking: Path


#: Where saliency maps lie, and fixation maps or points.
MapFiles = NumberedFiles | OneFile | VideoFile | PaintedMaps
FixationFiles = NumberedFiles | OneFile | PointsFile
