"""How DHF1K lies on the disk, as published or with its frames extracted. Names of files only."""

from __future__ import annotations

import os
from pathlib import Path

from avsal_bench.data.dataset import DataSet, Video
from avsal_bench.data.layouts.lists import MOST_FRAMES, check_parts_apart, find_list, read_part
from avsal_bench.data.layouts.videos import find_video_files, need_folders, only_file
from avsal_bench.data.places import NumberedFiles, VideoFile
from avsal_bench.names import safe_name
from avsal_bench.strays import without_strays


def dhf1k_layout(root: Path, description: DataSet, part: str, fold: int) -> list[Video]:
    """DHF1K in whichever of its two forms is on the disk; one split, and its validation part plays the test.

    As published, with numbers of frames and frame rates from the lists of this package::

        <root>/<SET>/video/%03d.AVI
        <root>/<SET>/annotation/%04d/maps/%04d.png
        <root>/<SET>/annotation/%04d/fixation/%04d.png               (or fixation/maps/%04d.mat)
        <root>/<SET>/annotation/%04d/observers.csv                   (optional: ``avsal data convert-dhf1k``)
        <root>/fold_lists/<SET>_list_{train,test}_1_fps.txt          (else this package's)

    With its frames extracted: :func:`extracted_layout`. A video has the name ``%04d`` in both, so that the same ones
    are set aside for validation. Where a folder has fixation maps as png and as mat, those are read.

    Raises:
        FileNotFoundError: for a missing root, folder or list, and for an extracted video without maps.
        ValueError: for a bad list, and for two video files of one video.
    """
    if _as_published(root / description.folder):
        return _published_videos(root, description, part)
    return extracted_layout(root, description, part, fold)


def extracted_layout(root: Path, description: DataSet, part: str, fold: int) -> list[Video]:
    """DHF1K with its frames extracted; one split, and its validation part plays the test::

        <root>/<SET>/{train,val}/<video>/images/%04d.jpg             (or .png)
        <root>/<SET>/{train,val}/<video>/maps/%04d.png
        <root>/<SET>/{train,val}/<video>/fixations/%04d.png          (or fixation/%04d.png, or maps/%04d.mat in either)
        <root>/<SET>/{train,val}/<video>/observers.csv               (optional: gaze of each observer)

    The number of frames is that of the last map or fixation map; the frame rate is not on the disk, and DHF1K's is 30.

    Raises:
        FileNotFoundError: for a missing root or folder, and for a video without maps.
        ValueError: for two folders of one video, in one part or in both, and for two of its fixation maps.
    """
    del fold  # one split
    split = "val" if part == "test" else part
    need_folders(root, description, [f"{description.folder}/{split}"])
    folder = root / description.folder / split
    folders = _video_folders(folder)
    if not folders:
        raise FileNotFoundError(f"{description.name}: no videos in {folder}")
    if split == "train":
        check_parts_apart(folders, _video_folders(folder.with_name("val")))
    return [_extracted_video(root, description, path) for path in folders.values()]


def _video_folders(folder: Path) -> dict[str, Path]:
    """Folders of single videos in a folder, by their names in four digits; none where there is no folder."""
    named: dict[str, Path] = {}
    for path in without_strays(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir() and (other := named.setdefault(four_digits(path.name), path)) != path:
            raise ValueError(f"{other} and {path} are both folders of one video; keep one")
    return named


def _published_videos(root: Path, description: DataSet, part: str) -> list[Video]:
    folder = root / description.folder
    need_folders(root, description, [f"{description.folder}/annotation"])
    pictures = folder / "video"
    lists = {kind: find_list(root, f"{description.folder}_list_{kind}_1_fps.txt") for kind in description.parts}
    listed = read_part(lists, part, four_digits)
    found = find_video_files(pictures, four_digits)
    videos = []
    for listed_name, n_frames, fps in listed:
        name = four_digits(listed_name)
        annotation = folder / "annotation" / name
        videos.append(
            Video(
                dataset=description.name,
                name=name,
                n_frames=n_frames,
                fps=fps,
                frames=VideoFile(only_file(found.get(name, [])) or pictures / f"{name[-3:]}.AVI"),
                densities=NumberedFiles(annotation / "maps", "", 4, ".png"),
                fixations=_fixations(annotation, "fixation"),
                gaze=_gaze(annotation),
                prepared=root / "prepared" / description.folder / name,
            )
        )
    return videos


def _extracted_video(root: Path, description: DataSet, folder: Path) -> Video:
    densities, fixations = NumberedFiles(folder / "maps", "", 4, ".png"), _fixations(folder, "fixations")
    if not (n_frames := _last(densities)):
        raise FileNotFoundError(f"{description.name}: no maps in {folder / 'maps'}")
    images = next(iter(_numbered(folder / "images")), Path("0001.jpg"))
    name = four_digits(safe_name(f"{folder}: video", folder.name))
    return Video(
        dataset=description.name,
        name=name,
        n_frames=max(n_frames, _last(fixations)),
        fps=30.0,
        frames=NumberedFiles(folder / "images", "", len(images.stem), images.suffix),
        densities=densities,
        fixations=fixations,
        gaze=_gaze(folder),
        prepared=root / "prepared" / description.folder / name,
    )


def _as_published(folder: Path) -> bool:
    """Whether DHF1K lies as published, its videos or only their annotations, and not with its frames extracted."""
    split = any((folder / part).is_dir() for part in ("train", "val"))
    return (folder / "video").is_dir() or (not split and (folder / "annotation").is_dir())


def _fixations(folder: Path, usual: str) -> NumberedFiles:
    """The fixation maps of a video of DHF1K: in ``fixation`` or ``fixations``, as mat files where there are any.

    Raises:
        ValueError: where both folders hold some.
    """
    found = [place for name in ("fixation", "fixations") if (place := _fixations_in(folder / name))]
    if len(found) > 1 and not found[0].folder.samefile(found[1].folder):  # a link will do
        places = " and ".join(str(place.folder) for place in found)
        raise ValueError(f"{places} are both fixation maps of one video; keep one")
    return found[0] if found else NumberedFiles(folder / usual, "", 4, ".png")


def _fixations_in(folder: Path) -> NumberedFiles | None:
    """The fixation maps in a folder; none where it has no files of the kind."""
    ways = (NumberedFiles(folder / "maps", "", 4, ".mat"), NumberedFiles(folder, "", 4, ".png"))
    return next(filter(_any_of, ways), None)


def _any_of(files: NumberedFiles) -> bool:
    """Whether a folder has any file of the kind; it is looked at no further than the first."""
    try:
        with os.scandir(files.folder) as entries:
            return any(e.name.endswith(files.suffix) and e.name[: -len(files.suffix)].isdecimal() for e in entries)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _last(files: NumberedFiles) -> int:
    """The last frame that has a file; 0 where none has.

    Raises:
        ValueError: for a number that no frame of a video has.
    """
    numbers = [path for path in _numbered(files.folder) if path.suffix == files.suffix]
    last = max(numbers, key=lambda path: int(path.stem), default=None)
    if last is not None and int(last.stem) > MOST_FRAMES:
        raise ValueError(f"{last}: no video has so many frames; is it a frame at all? Move it away")
    return int(last.stem) if last is not None else 0


def _gaze(folder: Path) -> Path | None:
    return path if (path := folder / "observers.csv").is_file() else None


def annotations_of(root: Path, description: DataSet, name: str) -> Path | None:
    """The folder of the annotations of a video of DHF1K, in whichever form it lies, to be read or written.

    Args:
        root: the data root.
        description: of DHF1K, or of a set in its layout.
        name: of the video, in four digits.

    Returns:
        The folder, which need not be there; None where frames are extracted, and those of the video are not there.
    """
    folder = root / description.folder
    if (folder / "video").is_dir() or not any((folder / part).is_dir() for part in ("train", "val")):
        return folder / "annotation" / name
    return next((found[name] for part in ("train", "val") if name in (found := _video_folders(folder / part))), None)


def _numbered(folder: Path) -> list[Path]:
    """Files of a folder whose names are numbers, sorted; none where there is no folder."""
    return sorted(path for path in folder.iterdir() if path.stem.isdecimal()) if folder.is_dir() else []


def four_digits(name: str) -> str:
    """DHF1K's name of a video: its files say ``001`` and ``0001``.

    >>> four_digits("001"), four_digits("0001"), four_digits("other")
    ('0001', '0001', 'other')
    """
    return f"{int(name):04d}" if name.isascii() and name.isdigit() else name
