"""Sets of a ``dataset.yaml``: from a description, and what lies in its data root, to the videos of a list."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avsal_bench.data.dataset import DataSet, Facts, Video, register_describer
from avsal_bench.data.layouts.categories import read_categories
from avsal_bench.data.layouts.described_splits import listed, overlaps
from avsal_bench.data.layouts.patterns import FILE, PICTURES, Tree
from avsal_bench.data.places import NumberedFiles, OneFile, VideoFile
from avsal_bench.files import fingerprint
from avsal_bench.names import unknown
from avsal_bench.strays import same_name

if TYPE_CHECKING:  # which is pydantic's, for roots without a description too
    from avsal_bench.data.layouts.description import Description, SetForm


@dataclass(frozen=True)
class DescribedLayout:
    """Where the videos of a described set lie.

    Beside what the patterns name there may be, as in the layout of STAViS::

        <root>/annotations/<folder>/categories.csv        (video,category)
        <root>/prepared/<folder>/<video>/                 (made by ``avsal data prepare``)
        <root>/av_gt_label/<folder>/<video>.txt           (:mod:`avsal_bench.data.labels`)

    Args:
        one: the description.
    """

    one: Description

    def __call__(self, root: Path, description: DataSet, part: str, fold: int) -> list[Video]:
        """The videos of a part of a fold; of a set without lists, as many frames as there are maps.

        Raises:
            FileNotFoundError: for a root, a list or a set that is not there, and for a video without any file.
            ValueError: naming file and line, for lists, names and rates that do not fit what is there.
        """
        if not root.is_dir():
            raise FileNotFoundError(f"{description.name}: no data root {root}; set AVSAL_DATA or --data-root")
        one, tree = self.one, Tree(root)
        videos = listed(one, tree, part, fold)
        self._check_named("fps", self.one.form.fps, tree)
        self._check_named("silent", self.one.form.silent, tree)
        folder = one.words[part] if one.form.split.folders else ""
        categories = read_categories(root / "annotations" / one.folder / "categories.csv")
        return [self._video(tree, name, n, fps, folder, categories) for name, n, fps in videos]

    def told(self, root: Path, fold: int) -> dict[str, Any]:
        """What a record tells: ``own_set``, the description with its silent videos, and ``overlaps`` of the lists."""
        form = self.one.form
        about: dict[str, Any] = {
            "title": form.title,
            "viewers": form.viewers,
            "device": form.device,
            "licence": form.licence,
        }
        if form.silent:
            about["silent"] = list(form.silent)
        split = {key: value for key, value in asdict(form.split).items() if value is not None}
        about |= {"citation": form.citation, "split": split, "description": fingerprint(_said(form))}
        return {"own_set": about} | ({"overlaps": True} if overlaps(self.one, root, fold) else {})

    def unsaid(self) -> list[str]:
        """What a reader of scores asks for, and the description does not say."""
        return [key for key in ("title", "viewers", "licence", "citation") if not getattr(self.one.form, key)]

    def says(self, part: str) -> str:
        """Where the description says where a part lies: file, line and pattern."""
        pattern = self.one.patterns.get(part)
        return f"{self.one.at(f'files.{part}')}: files.{part} is {pattern.text}" if pattern else ""

    def _check_named(self, key: str, names: Collection[str], tree: Tree) -> None:
        """Raise ValueError where a key, ``fps`` or ``silent``, names a video that nobody knows."""
        one = self.one
        if "" in names or not names or not one.patterns["maps"].names_all:
            return
        folders = list(one.words.values()) if one.form.split.folders else [""]
        known = {name for folder in folders for name in tree.names(one.patterns["maps"], folder).values()}
        spelled = set(map(same_name, known))
        for number, name in enumerate(names):
            if same_name(name) not in spelled:
                place = name if key == "fps" else number
                raise ValueError(f"{one.at(f'{key}.{place}')}: {unknown('video', name, known)}")

    def _video(
        self, tree: Tree, name: str, n_frames: int, fps: float, folder: str, categories: Mapping[str, str]
    ) -> Video:
        one, root = self.one, tree.root
        places: dict[str, NumberedFiles | OneFile] = {}
        for key in PICTURES:
            pattern = one.patterns[key]
            places[key] = (
                self._numbered(tree, key, name, folder)
                if pattern.numbered
                else OneFile(tree.file(pattern, name, folder))
            )
        stills = one.form.layout == "stills"
        sound, gaze = (
            tree.file(one.patterns[key], name, folder) if key in one.patterns else None for key in ("sound", "gaze")
        )
        pictures, densities, fixations = (places[key] for key in PICTURES)
        frames = pictures if stills or isinstance(pictures, NumberedFiles) else VideoFile(pictures.file)
        silent = same_name(name) in set(map(same_name, one.form.silent))
        if one.sound and sound is None and isinstance(frames, VideoFile):
            sound = frames.path
        return Video(
            dataset=one.form.name,
            name=name,
            n_frames=1 if stills else n_frames or self._count(tree, name, places),
            fps=1.0 if stills else fps or self._rate(name),
            frames=frames,
            densities=densities,
            fixations=fixations,
            audio=None if silent else sound,
            category=categories.get(same_name(name), ""),
            gaze=gaze if gaze is not None and gaze.is_file() else None,
            prepared=None if stills else root / "prepared" / one.folder / name,
            labels=root / "av_gt_label" / one.folder / f"{name}.txt" if one.sound else None,
            silent=silent,
        )

    def _numbered(self, tree: Tree, key: str, name: str, folder: str) -> NumberedFiles:
        """The files of the frames of a part: at their place, or where the description names none, at another."""
        one, first = self.one, self.one.first(key)
        usual = tree.numbered(one.patterns[key], name, folder, first)
        for other in () if tree.last(usual) else one.elsewhere(key):
            if tree.last(found := tree.numbered(other, name, folder, first)):
                return found
        return usual

    def _count(self, tree: Tree, name: str, places: Mapping[str, NumberedFiles | OneFile]) -> int:
        """Frames of a video without a list: as many as it has maps, else as its fixation maps or its pictures have."""
        for key in ("maps", "fixations", "frames"):
            files = places[key]
            if isinstance(files, NumberedFiles) and (last := tree.last(files)):
                return last
        maps = places["maps"]
        there = list(tree.listing(maps.folder).values())
        holds = f"{maps.folder} holds {', '.join(there[:3])}" if there else f"{maps.folder} is not there, or empty"
        key = f"{self.one.form.name}/{name}"
        raise FileNotFoundError(f"{key}: no maps, so nobody knows how long it is; {self.says('maps')}, and {holds}")

    def _rate(self, name: str) -> float:
        rates = {same_name(key): rate for key, rate in self.one.form.fps.items()}
        if (rate := rates.get(same_name(name), rates.get(""))) is None:
            raise ValueError(f"{self.one.at('fps')}: fps has no rate of the video {name!r}; add it")
        return float(rate)


def _said(form: SetForm) -> dict[str, Any]:
    """What a description says, for its fingerprint, which a key that is not there does not change."""
    said = asdict(form)
    if form.split.validation is None:
        del said["split"]["validation"]
    if form.heard is None:
        del said["heard"]
    return said


def described_sets(root: Path) -> dict[str, DataSet]:
    """The sets that the ``dataset.yaml`` of a data root describes, by name; none where there is no such file.

    Raises:
        OSError: for a file that cannot be read.
        ValueError: naming the file and the line of what is wrong.
    """
    path = root / FILE
    try:
        told = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return dict(_read(path.absolute(), told.st_mtime_ns, told.st_size, told.st_ino))


@lru_cache(maxsize=16)
def _read(path: Path, *state: int) -> dict[str, DataSet]:
    """As :func:`described_sets`; whatever asks for a set by its name reads the file as long as it is the same."""
    from avsal_bench.data.layouts.description_file import read_descriptions  # pydantic, for who has such a file

    return {name: _dataset(one) for name, one in read_descriptions(path).items()}


def _dataset(one: Description) -> DataSet:
    form = one.form
    layout = DescribedLayout(one)
    viewers = "" if form.viewers is None else str(form.viewers)
    return DataSet(
        form.name,
        one.folder,
        layout,
        sound=one.sound,
        folds=one.three_folds,
        stills=form.layout == "stills",
        citation=form.citation,
        facts=Facts(0, viewers, form.conditions, form.licence, form.source, device=form.device, heard=form.heard),
        title=form.title,
        described=one.path,
        told=layout.told,
        validation=bool(form.split.validation),
    )


register_describer(described_sets)
