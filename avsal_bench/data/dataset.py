"""What a data set is to the rest of the suite: a description, and the videos that its lists name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from avsal_bench.names import pick, plain_name


@dataclass(frozen=True)
class NumberedFiles:
    """Files of one folder, one for each frame of a video.

    >>> NumberedFiles(Path("maps"), "eyeMap_", 5, ".jpg").path(7).as_posix()
    'maps/eyeMap_00007.jpg'
    """

    folder: Path
    prefix: str
    digits: int
    suffix: str

    def name(self, frame: int) -> str:
        """Name of the file of a frame, from 1."""
        return f"{self.prefix}{frame:0{self.digits}d}{self.suffix}"

    def path(self, frame: int) -> Path:
        """The file of a frame, from 1."""
        return self.folder / self.name(frame)


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


#: Endings of video files, in lower case.
VIDEO_SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".webm")
#: Endings of sound files beside those of a set; what is in them is told by their content.
SOUND_SUFFIXES = (".wav", ".m4a", ".mp3", ".flac", ".aac", ".ogg", ".opus")


def is_video_file(path: Path) -> bool:
    """Whether the name of a file is that of a video, in any case."""
    return path.suffix.lower() in VIDEO_SUFFIXES


@dataclass(frozen=True)
class VideoFile:
    """Frames straight from a video file: frame n of a list is the n-th picture that a player shows, from 1."""

    path: Path


@dataclass(frozen=True)
class Video:
    """One video of a list, and where its files lie.

    Args:
        dataset: name of its data set.
        name: in the lists.
        n_frames: that the list asks for.
        fps: frames a second, as the list has it.
        frames: pictures in a folder, a video file, or the picture of a still.
        densities: ground-truth saliency maps.
        fixations: fixation maps.
        audio: a sound file, or a video file whose own track is heard; None for a set without sound.
        category: kind of scene, where the set has such labels.
        gaze: per-observer gaze in the interchange form of :mod:`avsal_bench.data.gaze.samples`, where the set has it.
        prepared: folder of the fast form that ``avsal data prepare`` makes; it need not exist.
        labels: file of :mod:`avsal_bench.data.labels`, which need not exist; None for a set that cannot have one.
    """

    dataset: str
    name: str
    n_frames: int
    fps: float
    frames: NumberedFiles | OneFile | VideoFile
    densities: NumberedFiles | OneFile
    fixations: NumberedFiles | OneFile
    audio: Path | None = None
    category: str = ""
    gaze: Path | None = None
    prepared: Path | None = None
    labels: Path | None = None

    @property
    def key(self) -> str:
        """``dataset/name``, for messages and seeds."""
        return f"{self.dataset}/{self.name}"

    @property
    def still(self) -> bool:
        """Whether it is an image and no video."""
        return isinstance(self.frames, OneFile)

    @property
    def parts(self) -> dict[str, NumberedFiles | OneFile | VideoFile]:
        """Where its pictures lie, by what they are: ``frames``, ``maps`` and ``fixations``."""
        return {"frames": self.frames, "maps": self.densities, "fixations": self.fixations}

    @property
    def seconds(self) -> float:
        """Duration; 0 for a still image."""
        return 0.0 if self.still else self.n_frames / self.fps


#: Finds the videos of one part of a data set: ``layout(root, description, part, fold)``.
Layout = Callable[[Path, "DataSet", str, int], list[Video]]


@dataclass(frozen=True)
class Facts:
    """What the authors and the lists say of a data set, for data sheets and for checks.

    Args:
        videos: in the whole set.
        viewers: how many watched, in words: sets differ in what they publish.
        conditions: of viewing.
        licence: what is known of it.
        source: where to get it.
        faults: known faults of the data or the lists, one sentence each.
    """

    videos: int
    viewers: str
    conditions: str
    licence: str
    source: str
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataSet:
    """The description of a data set; its data sheet is the docstring of its file in ``data/sets``.

    Args:
        name: in commands, recipes and tables.
        folder: name on the disk.
        layout: finds the videos below a root.
        sound: False for a set without sound, on which only modality ``v`` can train.
        folds: False where the set has one split, used in every fold.
        embedded: True when the project makes the set itself.
        stills: True for a set of single images, each a :class:`Video` of one frame.
        citation: of the set.
        facts: about the set; None for those that the project makes itself.
    """

    name: str
    folder: str
    layout: Layout
    sound: bool = True
    folds: bool = True
    embedded: bool = False
    stills: bool = False
    citation: str = ""
    facts: Facts | None = None

    def videos(self, root: Path, part: str, fold: int) -> list[Video]:
        """Videos of ``part`` ("train" or "test") of a fold, in the order of the list."""
        return self.layout(root, self, part, fold)


#: The audio-visual sets that published networks train and test on together.
SIX = ("diem", "coutrot1", "coutrot2", "avad", "etmd", "summe")

#: All data sets by name: the package imports the files in ``data/sets``, which enter themselves.
_DATASETS: dict[str, DataSet] = {}


def register_dataset(description: DataSet) -> DataSet:
    """Enter a data set under its name. A name used twice is an error."""
    if description.name in _DATASETS:
        raise ValueError(f"data set {description.name!r} is registered twice")
    plain_name("data set", description.name)
    _DATASETS[description.name] = description
    return description


def list_datasets() -> list[str]:
    """Names of all data sets, sorted."""
    return sorted(_DATASETS)


def dataset(name: str) -> DataSet:
    """The description of a data set.

    Raises:
        ValueError: for an unknown name; it suggests the nearest one.
    """
    return pick("data set", name, _DATASETS)


def resolve_name(text: str) -> str:
    """Name of the data set that a user means: its name or its folder's, in any case, such as ``AVAD`` or ``ETMD_av``.

    Raises:
        ValueError: for an unknown name; it suggests the nearest one.
    """
    spelled = {known.lower(): d.name for d in _DATASETS.values() for known in (d.name, d.folder)}
    return spelled.get(text.lower()) or dataset(text).name


def expand(names: Iterable[str]) -> list[str]:
    """Names of data sets, with ``six`` replaced by the six sets; each once, in the order of the first time.

    Raises:
        ValueError: for an unknown name.

    >>> expand(["ETMD_av", "six", "synth"])
    ['etmd', 'diem', 'coutrot1', 'coutrot2', 'avad', 'summe', 'synth']
    """
    expanded: dict[str, None] = {}
    for name in names:
        expanded |= dict.fromkeys(SIX if name.lower() == "six" else [resolve_name(name)])
    return list(expanded)
