"""What a look at a video can find, and how findings of many frames become one line."""

from __future__ import annotations

import os
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from avsal_bench.data.dataset import Video
from avsal_bench.data.places import MapFiles, NumberedFiles, OneFile, PaintedMaps, PointsFile, VideoFile
from avsal_bench.strays import strays
from avsal_bench.text import frame_ranges, many

Severity = Literal["error", "warning", "note"]

_BEFORE = "training and testing stop before they start: every file is looked for first"
_AT_TEST = "training does not read it; the test stops at this video"
_HEARING = "networks that hear ('av', 'a') stop before they start; 'v' does not read it"
_DRAWN_AGAIN = "training draws another clip where the target is such a frame"
_LABELS = "an AVC-aware network that learns from labels, or is switched by them, stops at this video"
_BLACK = "CC has no score there, and SIM and KL are 0 (none by the protocol raw)"

#: Every kind of finding: how bad it is, and what training and testing do with it.
KINDS: dict[str, tuple[Severity, str]] = {
    "list": ("error", f"{_BEFORE}; nothing that the list names was looked at"),
    "list differs": ("warning", "scores are not comparable with those of the published lists"),
    "no gaze": ("note", "human_infinite cannot be run on the set"),
    "remark": ("note", "neither training nor a test reads it"),
    "silenced": ("warning", "networks that hear are given zeros with it, as the description says"),
    "not said": ("note", "records and tables of the set have nothing there"),
    "leak": ("note", "the test list says that it is meant; scores say nothing of videos that are new to a network"),
    "category": ("warning", "tables by category do not have it"),
    "unequal": ("warning", "each fold takes what its own list says"),
    "video missing": ("error", _BEFORE),
    "frames missing": ("error", _BEFORE),
    "maps missing": ("error", _BEFORE),
    "fixations missing": ("error", _BEFORE),
    "sound missing": ("error", _HEARING),
    "unreadable frame": ("error", "training and testing stop when they come to it: files are looked for, not opened"),
    "mended frame": ("warning", "training and testing take what the decoder fills in, as a player shows it"),
    "unreadable map": ("error", "training and testing stop when they come to it: files are looked for, not opened"),
    "unreadable fixations": ("error", _AT_TEST),
    "unreadable sound": ("error", "networks that hear ('av', 'a') stop at this file; 'v' does not read it"),
    "unreadable gaze": ("warning", "training and testing do not read it; `avsal data show` stops"),
    "frame size": ("warning", "every frame is resized to the network's size, so these are stretched differently"),
    "fixation size": ("error", _AT_TEST),
    "map size": ("error", "training resizes it; the test stops at this video"),
    "frame and map": ("warning", "frames and maps are resized to the network's size, and predictions to the maps'"),
    "frame rate": ("warning", "the list's rate cuts the sound, so that picture and sound drift apart"),
    "all maps black": ("error", "training stops: of all clips, none has a target"),
    "black map": ("warning", f"{_DRAWN_AGAIN}; in the test {_BLACK}"),
    "flat map": ("warning", "training takes it as it is; in the test CC and SIM have no score there"),
    "no fixations": ("warning", "training uses the map; in the test NSS, AUC-J and sAUC have no score there"),
    "nobody looked": ("note", f"{_DRAWN_AGAIN}; in the test {_BLACK}; NSS, AUC-J and sAUC have none"),
    "misfitting maps": ("error", _BEFORE),
    "maps in films": ("note", "prepared or not, training is given the same maps; without, it waits for them"),
    "kept back": ("note", "networks predict these videos; nothing is scored or trained on them"),
    "fixation values": ("error", "training and testing stop when they come to it"),
    "fixation counts": ("note", "every value above 0 counts as one fixated pixel"),
    "most fixated": ("warning", "all of them count, and NSS and the AUCs say next to nothing"),
    "misplaced points": ("warning", "the test scores maps at points where nobody looked"),
    "grids": ("note", "every pixel counts as fixated; NSS and the AUCs are not those of the samples: docs/dhf1k.md"),
    "blobs": ("note", "every pixel counts as fixated; NSS and the AUCs weigh a place by its number of pixels"),
    "gaze outside": ("warning", "training and testing do not read it; `avsal data show` stops"),
    "short sound": ("error", _HEARING),
    "long sound": ("note", "what comes after the last frame is never heard"),
    "low sample rate": ("warning", "the sound is resampled to the network's rate, and its upper range stays empty"),
    "broken samples": ("error", _HEARING),
    "clipped sound": ("note", "heard as it is"),
    "no sound in it": ("note", "heard as it is: in these frames nothing, as if the sound were muted"),
    "labels missing": ("warning", _LABELS),
    "bad labels": ("error", _LABELS),
    "bad faces": ("warning", "contextual NSS, which asks where faces are, stops at this video"),
    "extra files": ("note", "not read"),
    "stray files": ("note", "left there by other programs; not read"),
    "not checked": ("error", "unknown"),
}


@dataclass(frozen=True)
class Finding:
    """Something that is wrong or odd about a video, or, with an empty ``video``, about a whole set.

    Args:
        severity: ``error``: training or testing stops, or its result is void; ``warning``: a result suffers;
            ``note``: good to know.
        dataset: name of the set.
        video: name in the lists, or "".
        kind: short name, the same for the same fault everywhere.
        where: frames, such as ``frames 3-5, 9``, or a path below the root, or names of videos.
        text: what was found there.
        training: what training and testing do with it.
    """

    severity: Severity
    dataset: str
    video: str
    kind: str
    where: str
    text: str
    training: str


@dataclass(frozen=True)
class Task:
    """One video to look at.

    Args:
        video: which.
        root: of its set; findings name paths below it.
        trained: whether a training list names it.
        absent: parts that are known to be missing as a whole and reported already: "frames", "maps", "fixations",
            "sound".
        quick: look at names and headers only.
        audio: look at the sound.
    """

    video: Video
    root: Path
    trained: bool
    absent: frozenset[str] = frozenset()
    quick: bool = False
    audio: bool = True


@dataclass
class Checked:
    """What came of one video: findings, how many files were opened, and the seconds it took."""

    findings: list[Finding]
    files: int
    seconds: float


def below(path: Path, root: Path) -> str:
    """A path as findings name it: from the root on, where it lies below it."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


@dataclass
class _Frames:
    """Frames with one fault: their numbers, and the text and file of the first that was met."""

    numbers: list[int]
    text: str
    path: Path | None


@dataclass
class Notes:
    """Findings of one video as they come; frames with the same fault become one finding.

    Args:
        task: what is looked at.
        files: opened so far.
    """

    task: Task
    files: int = 0
    _whole: list[Finding] = field(default_factory=list)
    _frames: dict[tuple[str, Hashable], _Frames] = field(default_factory=dict)

    @property
    def video(self) -> Video:
        """The video that is looked at."""
        return self.task.video

    def add(self, kind: str, where: Path | str, text: str, severity: Severity | None = None) -> None:
        """Note a fault of the video or of one file; ``severity`` if it is another than the kind has."""
        usual, training = KINDS[kind]
        place = below(where, self.task.root) if isinstance(where, Path) else where
        video = self.video
        self._whole.append(Finding(severity or usual, video.dataset, video.name, kind, place, text, training))

    def frame(self, kind: str, number: int, text: str, path: Path | None = None, same: Hashable = ()) -> None:
        """Note a fault of one frame; frames of one kind and of equal ``same`` are told as one, in the first's words."""
        known = self._frames.setdefault((kind, same), _Frames([], text, path))
        known.numbers.append(number)

    def drop(self, kind: str) -> None:
        """Forget the frames of a kind: a finding about the whole video says it better."""
        self._frames = {key: frames for key, frames in self._frames.items() if key[0] != kind}

    def findings(self) -> list[Finding]:
        """All findings of the video."""
        merged = Notes(self.task)
        for (kind, _), frames in self._frames.items():
            file = below(frames.path, self.task.root) if frames.path else ""
            first = "first in" if len(frames.numbers) > 1 else "in"
            merged.add(kind, frame_ranges(frames.numbers), f"{frames.text}; {first} {file}" if file else frames.text)
        return [*self._whole, *merged._whole]

    def present(self, part: str, files: MapFiles | PointsFile | None, strangers: bool = True) -> list[int]:
        """Frames of the list whose file is in the folder; those missing and files too many are noted.

        Args:
            part: "frames", "maps" or "fixations"; nothing is noted of one that is absent as a whole.
            files: to look for; None for what the set keeps back.
            strangers: whether files of other names in the folder are too many as well.
        """
        if files is None or part in self.task.absent:
            return []
        if isinstance(files, VideoFile | PointsFile | PaintedMaps):  # all of them in one
            return list(range(1, self.video.n_frames + 1))
        if isinstance(files, OneFile):  # its neighbours are of other images
            return [1]
        names, left = _listed(files)
        asked = {files.name(n): n for n in range(1, self.video.n_frames + 1)}
        missing = [n for name, n in asked.items() if name not in names]
        for n in missing:
            text = f"{len(missing)} of the {many(len(asked), 'file')} that the list asks for are missing"
            self.frame(f"{part} missing", n, text, files.path(n))
        # A folder that other videos share holds their files too.
        shared = self.video.name in files.prefix and self.video.name not in files.folder.parts
        extra = sorted(n for n in names - asked.keys() if (strangers and not shared) or _numbered(n, files))
        if extra:
            shown = extra[0] if len(extra) == 1 else f"{extra[0]} to {extra[-1]}"
            text = f"{len(extra)} more than the list's {many(len(asked), 'frame')}: {shown}"
            self.add("extra files", files.folder, text)
        if left:
            self.add("stray files", files.folder, f"{len(left)}: {', '.join(sorted(left)[:3])}")
        return [n for name, n in asked.items() if name in names]


def _listed(files: NumberedFiles) -> tuple[set[str], set[str]]:
    """Files of the folders that hold the frames, and what other programs left there: names below ``files.folder``."""
    names: set[str] = set()
    left: set[str] = set()
    for folder in files.folders:
        if folder and not (files.folder / folder).is_dir():
            continue  # of several folders; all that lies in it is missing
        with os.scandir(files.folder / folder) as entries:
            kinds = {entry.name: entry.is_dir() for entry in entries}
        stray = strays(kinds)
        start = f"{folder}/" if folder else ""
        names |= {start + name for name, is_folder in kinds.items() if not is_folder and name not in stray}
        left |= {start + name for name in stray}
    return names, left


def _numbered(name: str, files: NumberedFiles) -> bool:
    number = name.removeprefix(files.prefix).removesuffix(files.suffix)
    return number.isdigit() and name == f"{files.prefix}{number}{files.suffix}"
