"""Frame-wise labels of audio-visual consistency (scdl2022): whether the sound is made by what people look at.

``<root>/av_gt_label/<SET>/<video>.txt`` holds one 0 or 1 a line; line k is frame k. 1: the most fixated object makes
the sound; 0: background music, a sound from elsewhere, or silence. The authors' own files, whose form is in no public
repository, must be brought into this one. Where they were made on other frames than those of the fold lists (scdl2022
counts 78,167 frames of DIEM and 52,744 of ETMD, the lists 236,459 and 61,668), one word in
``<root>/av_gt_label/<SET>/frames.rule`` says how they are read: see :data:`RULES`. Without it another number is an
error. MVVA says who talks, in a file of :mod:`avsal_bench.data.faces`: there a frame in which any face talks is 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from avsal_bench.data.dataset import Video
from avsal_bench.data.faces import talking_labels
from avsal_bench.data.places import LABEL_RULE
from avsal_bench.text import many

#: Folder of the labels of all sets below a root.
FOLDER = "av_gt_label"

#: How labels of another number of frames are read, in words; ``n`` frames by the list, ``m`` labels.
RULES = {
    "time": "they cover the same time at another rate: frame k has label floor((k - 1/2) m / n) + 1",
    "first": "line k is frame k, and those after the n-th are left out; fewer than n are an error",
}


def label_file(root: Path, folder: str, video: str) -> Path:
    """Where the labels of a video lie.

    >>> label_file(Path("data"), "AVAD", "V1_Speech1").as_posix()
    'data/av_gt_label/AVAD/V1_Speech1.txt'
    """
    return root / FOLDER / folder / f"{video}.txt"


def read_labels(path: Path, n_frames: int) -> tuple[bool, ...]:
    """The labels of a video, one a frame.

    Args:
        path: of the file; one of NumPy says who talks.
        n_frames: of the video, by its fold list.

    Raises:
        FileNotFoundError: for a set, or a video of it, without labels.
        ValueError: naming the file, for another number of labels that no rule of the set, or not that one, allows, and
            the line, for what is neither 0 nor 1.
    """
    if path.suffix == ".npy":
        return talking_labels(path, n_frames)
    if not path.is_file():
        what = "labels of the video" if path.parent.is_dir() else "labels of the set"
        raise FileNotFoundError(
            f"no {what}: missing {path}; it holds one 0 or 1 a line, line k for frame k. "
            "Without labels train with supervision: weak, and test with avc: predicted"
        )
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: the labels are no text ({error.reason}, byte {error.start}); save it so") from None
    for number, line in enumerate(lines, start=1):
        if line.strip() not in ("0", "1"):
            raise ValueError(f"{path}:{number}: expected the label 0 or 1, got {line.strip()!r}")
    labels = tuple(line.strip() == "1" for line in lines)
    return labels if len(labels) == n_frames else _of_other_frames(path, labels, n_frames)


def _of_other_frames(path: Path, labels: tuple[bool, ...], n_frames: int) -> tuple[bool, ...]:
    """Labels that were made on other frames than the fold list has, by the rule of their set."""
    counts = f"{path}: {many(len(labels), 'label')} for {many(n_frames, 'frame')}"
    rule = label_rule(path.parent)
    if not rule:
        raise ValueError(
            f"{counts}; the file has one line a frame of the fold list. If the labels of this set were made on other "
            f"frames, write one word to {path.with_name(LABEL_RULE)}: {_rules()}"
        )
    if not labels or (rule == "first" and len(labels) < n_frames):
        raise ValueError(f"{counts}, which the rule {rule!r} of {path.with_name(LABEL_RULE)} does not make enough")
    if rule == "first":
        return labels[:n_frames]
    return tuple(labels[(2 * k + 1) * len(labels) // (2 * n_frames)] for k in range(n_frames))


def label_rule(folder: Path) -> str:
    """How labels of another number of frames are read in a folder, of :data:`RULES`; "" for not at all.

    Raises:
        ValueError: naming the file, for another word.
    """
    path = folder / LABEL_RULE
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        word = file.read(100).decode(errors="replace").strip().lower()
    if word not in RULES:
        raise ValueError(f"{path}: expected one word, {_rules()}; got {word!r}")
    return word


def _rules() -> str:
    return "; or ".join(f"{word!r}, {meaning}" for word, meaning in RULES.items())


def story_of_labels(videos: Iterable[Video]) -> dict[str, Any]:
    """What a record tells of the labels of its videos: ``label_rule``, the rule by set; nothing where there is none."""
    folders = {video.labels.parent for video in videos if video.labels is not None}
    rules = {folder.name: rule for folder in sorted(folders) if (rule := label_rule(folder))}
    return {"label_rule": rules} if rules else {}


def labels_of(video: Video) -> tuple[bool, ...]:
    """The labels of a video of a list; see :func:`read_labels`. Of a silent one they are 0, with or without a file.

    Raises:
        FileNotFoundError, ValueError: as :func:`read_labels`; also for a set that has no place for labels, and for a
            silent video with a label 1.
    """
    if video.silent:
        if video.labels is not None and video.labels.is_file() and any(_kept(video.labels, video.n_frames)):
            raise ValueError(f"{video.labels}: {video.key} is declared silent, and has the label 1: the seen sounds")
        return (False,) * video.n_frames
    if video.labels is None:
        raise FileNotFoundError(
            f"{video.dataset} has no labels of audio-visual consistency; they belong to sets with sound in the layout "
            "of STAViS. Without labels train with supervision: weak, and test with avc: predicted"
        )
    return _kept(video.labels, video.n_frames)


#: Every clip asks for a label of its video.
_kept = lru_cache(maxsize=1024)(read_labels)
