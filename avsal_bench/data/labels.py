"""Frame-wise labels of audio-visual consistency (scdl2022): whether the sound is made by what people look at.

``<root>/av_gt_label/<SET>/<video>.txt`` holds one 0 or 1 a line; line k is frame k. 1: the most fixated object makes
the sound; 0: background music, a sound from elsewhere, or silence. The authors' own files, whose form is in no public
repository, must be brought into this one. MVVA says who talks, in a file of :mod:`avsal_bench.data.faces`: there a
frame in which any face talks is 1.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from avsal_bench.data.dataset import Video
from avsal_bench.data.faces import talking_labels
from avsal_bench.text import many

#: Folder of the labels of all sets below a root.
FOLDER = "av_gt_label"


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
        ValueError: naming the file, for another number of labels, and the line, for what is neither 0 nor 1.
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
    if len(lines) != n_frames:
        raise ValueError(
            f"{path}: {many(len(lines), 'label')} for {many(n_frames, 'frame')}; the file has one "
            f"line a frame of the fold list"
        )
    return tuple(line.strip() == "1" for line in lines)


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
