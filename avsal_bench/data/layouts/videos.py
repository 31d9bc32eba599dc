"""How data sets lie on the disk: from a root and a description to the videos of a list. Names of files only.

What other programs leave in a folder (:mod:`avsal_bench.strays`) is no video and no frame.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from avsal_bench.data.dataset import SOUND_SUFFIXES, DataSet, NumberedFiles, Video, VideoFile, is_video_file
from avsal_bench.data.layouts.categories import read_categories
from avsal_bench.data.layouts.lists import (
    PACKAGED_LISTS,
    ListedVideo,
    check_apart,
    check_parts_apart,
    find_list,
    read_fold_list,
)
from avsal_bench.names import safe_name
from avsal_bench.strays import child, same_name, without_strays


def stavis_layout(root: Path, description: DataSet, part: str, fold: int) -> list[Video]:
    """The layout in which the authors of STAViS hand out the six sets, and the forms in which others keep them::

        <root>/video_frames/<SET>/<video>/img_%05d.jpg               (or the next)
        <root>/video_files/<SET>/<video>.mp4                         (or .avi, .mkv, .mov, .webm)
        <root>/video_audio/<SET>/<video>/<video>.wav                 (or .m4a, .mp3, .flac, .aac, .ogg, .opus;
                                                                      else the track of the video file)
        <root>/annotations/<SET>/<video>/maps/eyeMap_%05d.jpg
        <root>/annotations/<SET>/<video>/fixMap_%05d.mat
        <root>/annotations/<SET>/<video>/observers.csv               (optional: gaze of each observer)
        <root>/annotations/<SET>/categories.csv                      (optional: video,category)
        <root>/fold_lists/<SET>_list_{train,test}_<k>_fps.txt        (else this package's; one split: without _<k>)
        <root>/prepared/<SET>/<video>/                               (optional: made by ``avsal data prepare``)
        <root>/av_gt_label/<SET>/<video>.txt                         (optional: :mod:`avsal_bench.data.labels`)

    What the list names and the disk lacks is found by :func:`~avsal_bench.data.files.presence.check_videos`.

    Raises:
        FileNotFoundError: for a missing root, folder or list.
        ValueError: for a bad list, and for two video files or two sounds of one video.
    """
    folder = description.folder
    suffix = f"_{fold}" if description.folds else ""
    path, test = (find_list(root, f"{folder}_list_{kind}{suffix}_fps.txt") for kind in (part, "test"))
    files = root / "video_files" / folder
    needed = [f"video_frames/{folder}"] if not files.is_dir() else []
    if path.parent != PACKAGED_LISTS:
        needed.insert(0, "fold_lists")
    need_folders(root, description, [*needed, f"annotations/{folder}"])
    listed = _read_list(path, test)
    found = _find_video_files(files)
    categories = read_categories(root / "annotations" / folder / "categories.csv")
    videos = []
    for name, n_frames, fps in listed:
        annotations = child(root / "annotations" / folder, name)
        pictures = child(root / "video_frames" / folder, name)
        sounds = child(root / "video_audio" / folder, name)
        sound = _find_sound(sounds, sounds.name)
        file = _only(found.get(same_name(name), []))
        if file is None and not (root / "video_frames" / folder).is_dir():
            file = files / f"{name}.mp4"  # what its error will name
        gaze = annotations / "observers.csv"
        videos.append(
            Video(
                dataset=description.name,
                name=name,
                n_frames=n_frames,
                fps=fps,
                frames=VideoFile(file)
                if file and not pictures.is_dir()
                else NumberedFiles(pictures, "img_", 5, ".jpg"),
                densities=NumberedFiles(annotations / "maps", "eyeMap_", 5, ".jpg"),
                fixations=NumberedFiles(annotations, "fixMap_", 5, ".mat"),
                audio=(sound if file is None or sound.is_file() else file) if description.sound else None,
                category=categories.get(same_name(name), ""),
                gaze=gaze if gaze.is_file() else None,
                prepared=root / "prepared" / folder / name,
                labels=root / "av_gt_label" / folder / f"{name}.txt" if description.sound else None,
            )
        )
    return videos


def dhf1k_layout(root: Path, description: DataSet, part: str, fold: int) -> list[Video]:
    """DHF1K in whichever of its two forms is on the disk; one split, and its validation part plays the test.

    As published, with numbers of frames and frame rates from the lists of this package::

        <root>/<SET>/video/%03d.AVI
        <root>/<SET>/annotation/%04d/maps/%04d.png
        <root>/<SET>/annotation/%04d/fixation/%04d.png               (or fixation/maps/%04d.mat)
        <root>/fold_lists/<SET>_list_{train,test}_1_fps.txt          (else this package's)

    With its frames extracted: :func:`extracted_layout`. A video has the name ``%04d`` in both, so that the same ones
    are set aside for validation.

    Raises:
        FileNotFoundError: for a missing root, folder or list, and for an extracted video without maps.
        ValueError: for a bad list, and for two video files of one video.
    """
    if (root / description.folder / "video").is_dir():
        return _published_videos(root, description, part)
    return extracted_layout(root, description, part, fold)


def extracted_layout(root: Path, description: DataSet, part: str, fold: int) -> list[Video]:
    """DHF1K with its frames extracted; one split, and its validation part plays the test::

        <root>/<SET>/{train,val}/<video>/images/%04d.jpg             (or .png)
        <root>/<SET>/{train,val}/<video>/maps/%04d.png
        <root>/<SET>/{train,val}/<video>/fixations/%04d.png

    The number of frames is that of the maps; the frame rate is not on the disk, and DHF1K's is 30.

    Raises:
        FileNotFoundError: for a missing root or folder, and for a video without maps.
        ValueError: for two folders of one video, in one part or in both.
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
        if path.is_dir() and (other := named.setdefault(_four_digits(path.name), path)) != path:
            raise ValueError(f"{other} and {path} are both folders of one video; keep one")
    return named


def _published_videos(root: Path, description: DataSet, part: str) -> list[Video]:
    folder = root / description.folder
    need_folders(root, description, [f"{description.folder}/annotation"])
    path, test = (find_list(root, f"{description.folder}_list_{kind}_1_fps.txt") for kind in (part, "test"))
    listed = _read_list(path, test, _four_digits)
    found = _find_video_files(folder / "video", _four_digits)
    videos = []
    for listed_name, n_frames, fps in listed:
        name = _four_digits(listed_name)
        annotation = folder / "annotation" / name
        mats = annotation / "fixation" / "maps"
        videos.append(
            Video(
                dataset=description.name,
                name=name,
                n_frames=n_frames,
                fps=fps,
                frames=VideoFile(_only(found.get(name, [])) or folder / "video" / f"{name[-3:]}.AVI"),
                densities=NumberedFiles(annotation / "maps", "", 4, ".png"),
                fixations=NumberedFiles(mats, "", 4, ".mat")
                if mats.is_dir()
                else NumberedFiles(annotation / "fixation", "", 4, ".png"),
                prepared=root / "prepared" / description.folder / name,
            )
        )
    return videos


def _extracted_video(root: Path, description: DataSet, folder: Path) -> Video:
    n_frames = sum(path.suffix == ".png" for path in _numbered(folder / "maps"))
    if not n_frames:
        raise FileNotFoundError(f"{description.name}: no maps in {folder / 'maps'}")
    images = next(iter(_numbered(folder / "images")), Path("0001.jpg"))
    name = _four_digits(safe_name(f"{folder}: video", folder.name))
    return Video(
        dataset=description.name,
        name=name,
        n_frames=n_frames,
        fps=30.0,
        frames=NumberedFiles(folder / "images", "", len(images.stem), images.suffix),
        densities=NumberedFiles(folder / "maps", "", 4, ".png"),
        fixations=NumberedFiles(folder / "fixations", "", 4, ".png"),
        prepared=root / "prepared" / description.folder / name,
    )


def _numbered(folder: Path) -> list[Path]:
    """Files of a folder whose names are numbers, sorted; none where there is no folder."""
    return sorted(path for path in folder.iterdir() if path.stem.isdecimal()) if folder.is_dir() else []


def _read_list(path: Path, test: Path, spelled: Callable[[str], str] = same_name) -> list[ListedVideo]:
    """The videos of a list; where it is a training list, none of them may be in the test list."""
    listed = read_fold_list(path, spelled)
    if path != test:
        check_apart(path, test, spelled)
    return listed


def _four_digits(name: str) -> str:
    """DHF1K's name of a video: its files say ``001`` and ``0001``.

    >>> _four_digits("001"), _four_digits("0001"), _four_digits("other")
    ('0001', '0001', 'other')
    """
    return f"{int(name):04d}" if name.isascii() and name.isdigit() else name


def _find_video_files(folder: Path, spelled: Callable[[str], str] = same_name) -> dict[str, list[Path]]:
    """Video files of a folder by their names without suffix, as ``spelled``; none where there is no folder."""
    found: dict[str, list[Path]] = {}
    for path in without_strays(folder.iterdir()) if folder.is_dir() else ():
        if is_video_file(path):
            found.setdefault(spelled(path.stem), []).append(path)
    return found


def _find_sound(folder: Path, name: str) -> Path:
    """The sound of a video; where there is none, the place for its wav."""
    paths = [folder / f"{name}{suffix}" for suffix in SOUND_SUFFIXES]
    return _only([path for path in paths if path.is_file()]) or paths[0]


def _only(paths: list[Path]) -> Path | None:
    if len(paths) > 1:
        raise ValueError(f"{paths[0]} and {paths[1]} are both files of one video; keep one")
    return paths[0] if paths else None


def need_folders(root: Path, description: DataSet, folders: list[str]) -> None:
    """Nothing, where all these folders of a set are below the root.

    Raises:
        FileNotFoundError: naming the first that is missing.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{description.name}: no data root {root}; set AVSAL_DATA or --data-root")
    for folder in folders:
        if not (root / folder).is_dir():
            raise FileNotFoundError(
                f"{description.name}: no folder {root / folder}; the layout is described in "
                f"avsal_bench/data/sets/{description.name}.py, and the root is AVSAL_DATA or --data-root"
            )
