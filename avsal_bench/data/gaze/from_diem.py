"""The gaze of DIEM as published, in the one form of :mod:`avsal_bench.data.gaze.samples`, below a data root.

The rules are in :mod:`avsal_bench.data.gaze.diem_samples`.
"""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path

from torchvision.io import ImageReadMode

from avsal_bench.data.dataset import dataset
from avsal_bench.data.files.images import decode_image_file
from avsal_bench.data.files.video_files import picture_size
from avsal_bench.data.gaze.diem_samples import DIEM_SLACK, USUAL, Event, Eyes, check_options, diem_gaze, size_in_name
from avsal_bench.data.gaze.samples import FILE_NAME, format_gaze
from avsal_bench.data.gaze.text_files import files_below, some
from avsal_bench.data.layouts.lists import ListedVideo, find_list, read_fold_list
from avsal_bench.data.layouts.videos import find_video_files, only_file
from avsal_bench.files import write_atomically
from avsal_bench.progress import progress
from avsal_bench.strays import child, same_name
from avsal_bench.text import many


def convert_diem(
    source: Path,
    root: Path,
    events: Collection[Event] = USUAL,
    slack: int = DIEM_SLACK,
    eyes: Eyes = "mean",
) -> list[Path]:
    """Write the gaze of DIEM as published, ``<source>/<video>/event_data/*.txt``, in the form below a root.

    Files are known by their names, so any other folders below ``source`` will do; links are followed. The root need
    hold nothing else: the size of a video is in its name. Where its frames are there and have another size, gaze is
    scaled to them, as it is in pixels of the frames; a warning says so. A file of gaze that is there and says the same
    is left alone. How many videos of the lists have no files is said in a warning; files of videos that are in no list
    are not converted, which another one says. A video with a damaged file is left out, and named at the end.

    Args:
        source: the folder with the text files.
        root: the data root.
        events: that count, as for :func:`~avsal_bench.data.gaze.diem_samples.diem_gaze`.
        slack: frames by which a file may differ from its video, likewise.
        eyes: which point is taken of two eyes, likewise.

    Returns:
        The files that were written.

    Raises:
        FileNotFoundError: when ``source`` has none of the videos, or there is no root.
        ValueError: for other options; and, after all other videos, naming file and line of the first damaged file.
    """
    check_options(events, eyes)
    if not root.is_dir():
        raise FileNotFoundError(f"diem: no data root {root}; make the folder, or set AVSAL_DATA or --data-root")
    folder = dataset("diem").folder
    lists = (find_list(root, f"{folder}_list_{part}_fps.txt") for part in ("train", "test"))
    videos = {same_name(video.name): video for path in lists for video in read_fold_list(path)}
    published, left_out = _published_files(source, videos)
    if not published:
        raise FileNotFoundError(
            f"no diem<n>s<subject>.asc_<trial>_<video>.txt of a video in DIEM's lists below {source}"
        )
    if lacking := [name for name in videos if name not in published]:
        text = f"no gaze below {source} of {len(lacking)} of {many(len(videos), 'video')} of DIEM: {some(lacking)}"
        warnings.warn(text, stacklevel=2)
    if left_out:
        text = f"{many(len(left_out), 'file')} left out, as no video of DIEM's lists is in the name: {some(left_out)}"
        warnings.warn(text, stacklevel=2)
    written: list[Path] = []
    errors: list[str] = []
    scaled: list[str] = []
    with progress("gaze of DIEM", len(published)) as bar:
        for name, files in published.items():
            video = videos[name]
            try:
                shown = size_in_name(video.name)
                size = _size_of_frames(root, folder, video.name) or shown
                if size != shown:
                    scaled.append(f"{video.name} (frames of {size[1]} x {size[0]})")
                gaze = diem_gaze(files, video.name, size, video.n_frames, events, slack=slack, eyes=eyes)
                if not len(gaze):
                    raise ValueError(
                        f"{files[0]}: no point of {many(len(files), 'file')} of {video.name!r} lies on the video in a "
                        f"frame of these events ({', '.join(events)}); is it gaze of another video?"
                    )
                text = format_gaze(gaze, video.name)
            except (ValueError, FileNotFoundError, PermissionError) as error:
                errors.append(str(error))
            else:
                path = child(root / "annotations" / folder, video.name) / FILE_NAME
                if not path.is_file() or path.read_bytes() != text.encode():
                    write_atomically(path, text)
                    written.append(path)
            bar.advance(note=video.name)
    if scaled:
        text = (
            f"gaze of {many(len(scaled), 'video')} is scaled from the size shown to that of the frames: {some(scaled)}"
        )
        warnings.warn(text, stacklevel=2)
    if errors:
        left = (
            f"; in all {len(errors)} of {many(len(published), 'video')} were not converted"
            if len(published) > 1
            else ""
        )
        raise ValueError(f"{errors[0]}{left}")
    return written


def _size_of_frames(root: Path, folder: str, name: str) -> tuple[int, int] | None:
    """Height and width of the frames of a video, from its first picture or its file; None where neither is there."""
    pictures = child(root / "video_frames" / folder, name)
    first = next(iter(sorted(pictures.glob("img_*.jpg"))), None)
    if first is not None:
        height, width = decode_image_file(first, ImageReadMode.RGB).shape[-2:]
        return height, width
    file = only_file(find_video_files(root / "video_files" / folder).get(same_name(name), []))
    return None if file is None else picture_size(file)


def _published_files(source: Path, videos: Mapping[str, ListedVideo]) -> tuple[dict[str, list[Path]], list[str]]:
    """Text files of observers below a folder, by the video that their names end in, in the order of the lists; and
    those whose names end in no such video."""
    left: list[str] = []
    found: dict[str, list[Path]] = defaultdict(list)
    for path in files_below(source):
        _, asc, ending = path.name.partition(".asc_")
        if not asc or path.suffix.lower() != ".txt":
            continue
        ending = same_name(ending[: -len(path.suffix)])
        name = next((n for n in (ending, re.sub(r"^\d+_", "", ending)) if n in videos), None)
        if name is not None:
            found[name].append(path)
        else:
            left.append(str(path))
    return {name: found[name] for name in videos if name in found}, left
