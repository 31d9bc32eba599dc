"""What a ``dataset.yaml`` may say of a data set: the keys, their types, and what the layouts have by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass as plain_dataclass
from dataclasses import field, fields
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, StrictStr
from pydantic.dataclasses import dataclass

from avsal_bench.data.layouts.patterns import Pattern
from avsal_bench.schema import Above0, Count, Flag, Share, Whole

#: Longest text about a set.
LONGEST = 500

_CONFIG = ConfigDict(extra="forbid")


def _text(value: str) -> str:
    if len(value) > LONGEST or not value.replace("\n", " ").isprintable():
        raise ValueError(f"expected printable text of at most {LONGEST} letters")
    return " ".join(value.split())


Text = Annotated[StrictStr, AfterValidator(_text)]


@dataclass(frozen=True, config=_CONFIG)
class FilePatterns:
    """Where the files of a set lie, from the data root on; :mod:`avsal_bench.data.layouts.patterns` has the fields.

    Args:
        frames: pictures of frames, or a video file a video, or the image of a still.
        maps: ground-truth saliency maps.
        fixations: fixation maps.
        sound: a sound file a video; without it the sound is the track of the video file.
        gaze: gaze of each observer, ``video,observer,frame,x,y``; it need not be there.
    """

    frames: StrictStr = ""
    maps: StrictStr = ""
    fixations: StrictStr = ""
    sound: StrictStr = ""
    gaze: StrictStr = ""


@dataclass(frozen=True, config=_CONFIG)
class Split:
    """How videos are shared out; one of the first five.

    Args:
        folders: the folder of ``train`` and that of ``test``, which stand for ``{part}`` in the patterns.
        lists: pattern of lists with ``{part}``; with ``{fold}`` there are three folds. Lines are ``name n_frames fps``,
            or, where the description says ``fps``, names alone.
        test: names of the videos that are tested; all others train.
        fraction: of the videos that are tested, drawn from their names and the seed.
        folds: 3: each video is tested in one of three folds, drawn likewise.
        seed: of ``fraction`` and ``folds``.
        validation: what stands for ``{part}`` in the videos that choose the checkpoint of trainings, such as ``val``: a
            third folder beside those of ``folders``, or the list of that name beside those of ``lists``. Without it,
            videos of the training part are set aside.
    """

    folders: Mapping[Literal["train", "test"], StrictStr] | None = None
    lists: StrictStr | None = None
    test: tuple[StrictStr, ...] | None = None
    fraction: Share | None = None
    folds: Literal[3] | None = None
    seed: Whole = 0
    validation: StrictStr | None = None

    @property
    def kind(self) -> str:
        """Which of the five it is; "" for none or several."""
        kinds = [f.name for f in fields(self) if f.name not in ("seed", "validation")]
        given = [name for name in kinds if getattr(self, name) is not None]
        return given[0] if len(given) == 1 else ""


def _numbers(value: object) -> object:
    """One number for all parts or videos, as a mapping."""
    return value if isinstance(value, Mapping) else {"": value}


@dataclass(frozen=True, config=_CONFIG)
class SetForm:
    """One set.

    Args:
        name: in commands and tables: letters of ASCII, digits and . _ + -.
        layout: what the patterns are by default: those of STAViS, of DHF1K, or of still images.
        split: which videos train and which are tested.
        title: for people.
        folder: name of the folders of the set, by default the name.
        files: where they lie; what is not named is where the layout has it.
        first: number of the first frame's file; or a mapping with that of frames, maps and fixations.
        fps: frames a second; or a mapping with that of each video. Lists have it themselves.
        sound: whether the set has sound; by default whether ``files`` names some.
        silent: names of the videos of a set with sound that have none: networks that hear are given zeros with them.
        viewers: how many watched each video.
        device: what followed where they looked.
        heard: whether they heard the sound; None where that is not said.
        conditions: of viewing.
        licence: of the data.
        citation: of the set.
        source: where it is from.
        replaces: true where the set has the name of a built-in one on purpose.
    """

    name: StrictStr
    layout: Literal["stavis", "dhf1k", "stills"]
    split: Split
    title: Text = ""
    folder: StrictStr = ""
    files: FilePatterns = field(default_factory=FilePatterns)
    first: Annotated[Mapping[Literal["", "frames", "maps", "fixations"], Whole], BeforeValidator(_numbers)] = field(
        default_factory=dict
    )
    fps: Annotated[Mapping[str, Above0], BeforeValidator(_numbers)] = field(default_factory=dict)
    sound: Flag | None = None
    silent: tuple[StrictStr, ...] = ()
    viewers: Count | None = None
    device: Literal["eye", "mouse"] = "eye"
    heard: Flag | None = None
    conditions: Text = ""
    licence: Text = ""
    citation: Text = ""
    source: Text = ""
    replaces: Flag = False


#: Patterns of the layouts, in the order in which they are looked for; ``{folder}`` is that of the set.
LAYOUTS: Mapping[str, tuple[FilePatterns, ...]] = {
    "stavis": (
        FilePatterns(
            frames="video_frames/{folder}/{name}/img_{frame:05}.jpg",
            maps="annotations/{folder}/{name}/maps/eyeMap_{frame:05}.jpg",
            fixations="annotations/{folder}/{name}/fixMap_{frame:05}.mat",
            sound="video_audio/{folder}/{name}/{name}.*",
            gaze="annotations/{folder}/{name}/observers.csv",
        ),
        FilePatterns(
            frames="video_files/{folder}/{name}.*",
            maps="annotations/{folder}/{name}/maps/eyeMap_{frame:05}.jpg",
            fixations="annotations/{folder}/{name}/fixMap_{frame:05}.mat",
            gaze="annotations/{folder}/{name}/observers.csv",
        ),
    ),
    "dhf1k": (
        FilePatterns(
            frames="{folder}/video/{name:03}.*",
            maps="{folder}/annotation/{name}/maps/{frame:04}.png",
            fixations="{folder}/annotation/{name}/fixation/{frame:04}.png",
            gaze="{folder}/annotation/{name}/observers.csv",
        ),
        FilePatterns(
            frames="{folder}/{part}/{name}/images/{frame:04}.*",
            maps="{folder}/{part}/{name}/maps/{frame:04}.png",
            fixations="{folder}/{part}/{name}/fixations/{frame:04}.png",
            gaze="{folder}/{part}/{name}/observers.csv",
        ),
    ),
    "stills": (
        FilePatterns(
            frames="{folder}/images/{name}.*", maps="{folder}/maps/{name}.*", fixations="{folder}/fixations/{name}.*"
        ),
    ),
}


@plain_dataclass(frozen=True)
class Description:
    """A set of a ``dataset.yaml``, whole: with the patterns of its layout, and the line of each key.

    Args:
        form: what the file says.
        path: the file.
        folder: of the set.
        patterns: by part: frames, maps, fixations, and sound and gaze where they are.
        lines: of the keys, by their names such as ``files.maps``.
    """

    form: SetForm
    path: Path
    folder: str
    patterns: Mapping[str, Pattern]
    lines: Mapping[str, int]

    def at(self, key: str) -> str:
        """File and line of a key, such as ``split.lists``; of what holds it, where it is not there."""
        while key and key not in self.lines:
            key = key.rpartition(".")[0]
        return f"{self.path}:{self.lines.get(key, 1)}"

    @property
    def sound(self) -> bool:
        """Whether the set has sound."""
        return bool(self.form.files.sound) if self.form.sound is None else self.form.sound

    @property
    def words(self) -> dict[str, str]:
        """What stands for ``{part}``, by the parts of the set; the parts themselves where there are no such folders."""
        split = self.form.split
        own = {str(part): folder for part, folder in (split.folders or {}).items()}
        val = {"val": split.validation} if split.validation else {}
        return {"train": own.get("train", "train"), **val, "test": own.get("test", "test")}

    @property
    def three_folds(self) -> bool:
        """Whether there are three folds; else one split, used in each."""
        split = self.form.split
        return split.kind == "folds" or (split.lists is not None and "{fold}" in split.lists)

    def elsewhere(self, part: str) -> tuple[Pattern, ...]:
        """Where else a part of the layout of DHF1K may lie, as sets are handed on, if the description does not say."""
        if self.form.layout != "dhf1k" or part != "fixations" or self.form.files.fixations:
            return ()
        folder = self.patterns[part].text.rpartition("/")[0].rpartition("/")[0]
        places = (f"{folder}/{name}" for name in ("fixation", "fixations"))
        files = ("maps/{frame:04}.mat", "{frame:04}.png")
        return tuple(Pattern(f"{place}/{file}", part) for place in places for file in files)

    def first(self, part: str) -> int:
        """Number of the first frame's file of a part."""
        return self.form.first.get(part, self.form.first.get("", 1))  # type: ignore[call-overload, no-any-return]
