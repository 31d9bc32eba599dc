"""What a data set is to the rest of the suite: a description, and the videos that its lists name."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from avsal_bench.data.places import FaceFiles, FixationFiles, MapFiles, NumberedFiles, OneFile, PointsFile, VideoFile
from avsal_bench.getting.offers import Online
from avsal_bench.names import unknown
from avsal_bench.plugins import enter, load_plugins
from avsal_bench.resources import folder_of
from avsal_bench.typed import MOST_FOLDS

if TYPE_CHECKING:
    pass

#: How a training validates: on training videos that are set aside; or, where there is one, on the part of a set that
#: its authors made for it. A validation list of a set goes before both.
Validation = Literal["set_aside", "official"]


@dataclass(frozen=True)
class Video:
    """One video of a list, and where its files lie.

    Args:
        dataset: name of its data set.
        name: in the lists.
        n_frames: that the list asks for.
        fps: frames a second, as the list has it.
        frames: pictures in a folder, a video file, or the picture of a still.
        densities: ground-truth saliency maps; None where the authors keep them back.
        fixations: fixation maps, or points; None likewise.
        audio: a sound file, or a video file whose own track is heard; None for a set without sound.
        category: kind of scene, where the set has such labels.
        gaze: per-observer gaze in the interchange form of :mod:`avsal_bench.data.gaze.samples`, where the set has it.
        prepared: folder of the fast form that ``avsal data prepare`` makes; it need not exist.
        labels: file of :mod:`avsal_bench.data.labels`, which need not exist; None for a set that cannot have one.
        silent: whether a video of a set with sound is declared to have none: networks hear zeros; ``audio`` is None.
        faces: files of the boxes of faces and of who of them talks, where the set has them; they need not exist.
        called: what its files call it, such as the table of gaze, where they are those of another set; "" for ``name``.
    """

    dataset: str
    name: str
    n_frames: int
    fps: float
    frames: NumberedFiles | OneFile | VideoFile
    densities: MapFiles | None
    fixations: FixationFiles | None
    audio: Path | None = None
    category: str = ""
    gaze: Path | None = None
    prepared: Path | None = None
    labels: Path | None = None
    silent: bool = False
    faces: FaceFiles | None = None
    called: str = ""

    @property
    def key(self) -> str:
        """``dataset/name``, for messages and seeds."""
        return f"{self.dataset}/{self.name}"

    @property
    def still(self) -> bool:
        """Whether it is an image and no video."""
        return isinstance(self.frames, OneFile)

    @property
    def parts(self) -> dict[str, MapFiles | PointsFile]:
        """Where its pictures lie, by what they are: ``frames``, ``maps`` and ``fixations``, as far as it has them."""
        parts = {"frames": self.frames, "maps": self.densities, "fixations": self.fixations}
        return {part: files for part, files in parts.items() if files is not None}

    @property
    def has_truth(self) -> bool:
        """Whether there is ground truth at all; some sets keep that of a part of their videos back."""
        return self.densities is not None and self.fixations is not None

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
        device: what followed where they looked: an eye tracker, or a mouse.
        heard: whether viewers heard the sound; None where the sources do not say.
    """

    videos: int
    viewers: str
    conditions: str
    licence: str
    source: str
    faults: tuple[str, ...] = ()
    device: Literal["eye", "mouse"] = "eye"
    heard: bool | None = None


@dataclass(frozen=True)
class DataSet:
    """The description of a data set; its data sheet is the docstring of its file in ``data/sets``.

    Args:
        name: in commands, recipes and tables.
        folder: name on the disk.
        also: other names that its folder may have, as places of downloads give it.
        layout: finds the videos below a root.
        sound: False for a set without sound, on which only modality ``v`` can train.
        folds: False where the set has one split, used in every fold.
        embedded: True when the project makes the set itself.
        stills: True for a set of single images, each a :class:`Video` of one frame.
        citation: of the set.
        facts: about the set; None for those that the project makes itself.
        title: its name for people, such as ``Coutrot 1``; "" for the name itself.
        described: the ``dataset.yaml`` of a data root that describes it; None for the sets of the package and of
            plug-ins.
        told: what a record tells of the set and its lists: ``told(root, fold)``; None for nothing but
            :func:`~avsal_bench.data.layouts.lists.story_of_lists`.
        online: where its files are offered, for ``avsal data get``; None where nobody here knows.
        lists: for each fold the name of its lists below ``fold_lists``, with ``{part}`` in the place of the part; empty
            for three folds, or one split, in lists that bear the name of the folder.
        remarks: what ``avsal data check`` says of files below a root that no list asks for, in sentences; None where
            there is nothing to say.
        validation: True where the layout is asked for the part "val" as well: videos that choose the checkpoint of
            trainings, in the place of training videos that are set aside.
        over: other sets whose files it reads, where its videos are theirs: who trained on one has seen the other.
        test_is_validation: True where the part that plays the test is what its authors made to validate on, as they
            keep the ground truth of their test back.
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
    title: str = ""
    described: Path | None = None
    told: Callable[[Path, int], dict[str, Any]] | None = None
    online: Online | None = None
    lists: tuple[str, ...] = ()
    remarks: Callable[[Path], Sequence[str]] | None = None
    validation: bool = False
    over: tuple[str, ...] = ()
    test_is_validation: bool = False
    also: tuple[str, ...] = ()

    @property
    def viewing(self) -> dict[str, Any]:
        """How it was watched, as records tell it: ``device``, ``viewers`` and ``heard``."""
        if self.facts is None:
            return {"device": "simulated" if self.embedded else "unknown", "viewers": "", "heard": None}
        return {"device": self.facts.device, "viewers": self.facts.viewers, "heard": self.facts.heard}

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of a fold: ``train`` and ``test``, and between them ``val`` for a set with a validation list."""
        return ("train", "val", "test") if self.validation else ("train", "test")

    @property
    def learnt_parts(self) -> tuple[str, ...]:
        """The parts that decide the weights of a training: all but ``test``."""
        return self.parts[:-1]

    def validated_on(self, validation: Validation) -> str:
        """The part that chooses the checkpoint of a training; ``train`` where videos of it are set aside."""
        if self.validation:
            return "val"
        return "test" if validation == "official" and self.test_is_validation else "train"

    def decided_by(self, validation: Validation) -> tuple[str, ...]:
        """The parts that decide the weights of a training that validates so."""
        return tuple(dict.fromkeys((*self.learnt_parts, self.validated_on(validation))))

    def videos(self, root: Path, part: str, fold: int) -> list[Video]:
        """Videos of ``part``, one of :attr:`parts`, of a fold, in the order of the list."""
        self.check_fold(fold)
        return self.layout(root, self, part, fold)

    @property
    def fold_numbers(self) -> tuple[int, ...]:
        """Its folds, from 1: three for most sets, and 1 alone for a set with one split."""
        return tuple(range(1, len(self.lists or FOLDS) + 1)) if self.folds else (1,)

    def check_fold(self, fold: int) -> None:
        """Nothing, where the set has a fold; one with a single split has it in every fold of other sets.

        Raises:
            ValueError: naming the folds that it has.
        """
        numbers = self.fold_numbers if self.folds else tuple(range(1, MOST_FOLDS + 1))
        if isinstance(fold, bool) or fold not in numbers:
            said = f"{', '.join(map(str, numbers[:-1]))} or {numbers[-1]}" if len(numbers) > 1 else str(numbers[0])
            raise ValueError(f"fold: expected {said}, got {fold!r}; {self.name} has no other")


#: The folds of sets that do not say otherwise.
FOLDS = (1, 2, 3)

#: The audio-visual sets that published networks train and test on together.
SIX = ("diem", "coutrot1", "coutrot2", "avad", "etmd", "summe")

#: All data sets by name: the package imports the files in ``data/sets``, which enter themselves.
_DATASETS: dict[str, DataSet] = {}


#: Reads what a data root describes; :mod:`avsal_bench.data.layouts.described` enters itself.
_DESCRIBERS: list[Callable[[Path], Mapping[str, DataSet]]] = []

#: The data root that was given last.
_GIVEN: list[Path | None] = [None]


def register_dataset(description: DataSet) -> DataSet:
    """Enter a data set under its name. A name used twice is an error."""
    enter("data set", description.name, description, _DATASETS)
    return description


def register_describer(describer: Callable[[Path], Mapping[str, DataSet]]) -> None:
    """Enter what reads the descriptions of a data root."""
    _DESCRIBERS.append(describer)


def use_root(root: Path | None) -> None:
    """Look for described sets in this data root from now on; None for that of the environment, ``AVSAL_DATA``."""
    _GIVEN[0] = root


def present_root() -> Path | None:
    """The data root in which described sets are looked for; None where there is none."""
    return _GIVEN[0] or folder_of("AVSAL_DATA")


def registered_datasets() -> Mapping[str, DataSet]:
    """The sets of the package and of plug-ins, by name."""
    return dict(_DATASETS)


def described_datasets(root: Path | None = None) -> dict[str, DataSet]:
    """The sets that the ``dataset.yaml`` of a data root describes, by name; none where there is no such file.

    Args:
        root: the data root; by default the present one.

    Raises:
        ValueError: naming the file and the line of what is wrong in it.
    """
    root = root or present_root()
    return {name: one for describer in _DESCRIBERS if root for name, one in describer(root).items()}


def _known(root: Path | None = None) -> dict[str, DataSet]:
    return {**_DATASETS, **described_datasets(root)}


def list_datasets(root: str | os.PathLike[str] | None = None) -> list[str]:
    """Names of all data sets, sorted; those that a data root describes are among them.

    Args:
        root: the data root; by default the present one, see :func:`use_root`.

    Raises:
        ValueError: as :func:`described_datasets`.
    """
    load_plugins()
    return sorted(_known(None if root is None else Path(root)))


def dataset(name: str, root: Path | None = None) -> DataSet:
    """The description of a data set.

    Args:
        name: of the set.
        root: the data root whose ``dataset.yaml`` may describe it; by default the present one.

    Raises:
        ValueError: for an unknown name; it suggests the nearest one. Also as :func:`described_datasets`.
    """
    known = _known(root)
    if name not in known and load_plugins():
        known = _known(root)
    if name not in known:
        place = root or present_root()
        own = ", ".join(described_datasets(place)) if place else ""
        where = f"dataset.yaml of {place} describes {own}" if own else f"{place} has no dataset.yaml"
        where = where if place else "its data root is named by --data-root or AVSAL_DATA"
        raise ValueError(f"{unknown('data set', name, known)}; a set of your own: {where}")
    return known[name]


def resolve_name(text: str) -> str:
    """Name of the data set that a user means: its name or its folder's, in any case, such as ``AVAD`` or ``ETMD_av``.

    Raises:
        ValueError: for an unknown name; it suggests the nearest one.
    """
    spelled = _spelled(_known().values())
    return spelled.get(text.lower()) or _of_plugins(text) or dataset(text).name


def _of_plugins(text: str) -> str:
    """Name of the set of a plug-in that is meant; "" where it is none."""
    load_plugins()
    return _spelled(_DATASETS.values()).get(text.lower(), "")


def _spelled(sets: Collection[DataSet]) -> dict[str, str]:
    """Names of sets by what a person may type: the folder too, unless another set has it for its name.

    Of sets that share a folder, the one that was registered first is meant.
    """
    folders = {name.lower(): d.name for d in reversed([*sets]) for name in (*d.also, d.folder)}
    return folders | {d.name.lower(): d.name for d in sets}


def common_folds(names: Iterable[str]) -> tuple[int, ...]:
    """The folds that all of some sets have; three where each of them has one split, which is used in every fold."""
    numbers = [known.fold_numbers for known in map(dataset, names) if known.folds]
    return min(numbers, key=len, default=FOLDS)


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
