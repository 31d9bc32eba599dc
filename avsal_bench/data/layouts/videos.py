"""How data sets lie on the disk: from a root and a description to the videos of a list. Names of files only.

What other programs leave in a folder (:mod:`avsal_bench.strays`) is no video and no frame.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from avsal_bench.data.dataset import DataSet, Video
from avsal_bench.data.layouts.categories import read_categories
from avsal_bench.data.layouts.lists import PACKAGED_LISTS, find_list, read_part
from avsal_bench.data.places import SOUND_SUFFIXES, NumberedFiles, VideoFile, is_video_file
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
        <root>/fold_lists/<SET>_list_{train,test}_<k>_fps.txt        (else this package's; one split: without _<k>;
                                                                      ``val`` too, where the set validates on its own)
        <root>/prepared/<SET>/<video>/                               (optional: made by ``avsal data prepare``)
        <root>/av_gt_label/<SET>/<video>.txt                         (optional: :mod:`avsal_bench.data.labels`)

    What the list names and the disk lacks is found by :func:`~avsal_bench.data.files.presence.check_videos`.

    Raises:
        FileNotFoundError: for a missing root, folder or list.
        ValueError: for a bad list, and for two video files or two sounds of one video.
    """
    folder = description.folder
    suffix = f"_{fold}" if description.folds else ""
    lists = {kind: find_list(root, f"{folder}_list_{kind}{suffix}_fps.txt") for kind in description.parts}
    files = root / "video_files" / folder
    needed = [f"video_frames/{folder}"] if not files.is_dir() else []
    if lists[part].parent != PACKAGED_LISTS:
        needed.insert(0, "fold_lists")
    need_folders(root, description, [*needed, f"annotations/{folder}"])
    listed = read_part(lists, part)
    found = find_video_files(files)
    categories = read_categories(root / "annotations" / folder / "categories.csv")
    videos = []
    for name, n_frames, fps in listed:
        annotations = child(root / "annotations" / folder, name)
        pictures = child(root / "video_frames" / folder, name)
        sounds = child(root / "video_audio" / folder, name)
        sound = _find_sound(sounds, sounds.name)
        file = only_file(found.get(same_name(name), []))
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


def find_video_files(folder: Path, spelled: Callable[[str], str] = same_name) -> dict[str, list[Path]]:
    """Video files of a folder by their names without suffix, as ``spelled``; none where there is no folder."""
    found: dict[str, list[Path]] = {}
    for path in without_strays(folder.iterdir()) if folder.is_dir() else ():
        if is_video_file(path):
            found.setdefault(spelled(path.stem), []).append(path)
    return found


def _find_sound(folder: Path, name: str) -> Path:
    """The sound of a video; where there is none, the place for its wav."""
    paths = [folder / f"{name}{suffix}" for suffix in SOUND_SUFFIXES]
    return only_file([path for path in paths if path.is_file()]) or paths[0]


def only_file(paths: list[Path]) -> Path | None:
    """The only one of some files, if there is any.

    Raises:
        ValueError: naming two of several.
    """
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
                + (f"; `avsal data get {description.name}` fetches what is lacking" if description.online else "")
            )
