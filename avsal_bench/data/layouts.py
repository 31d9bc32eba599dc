"""How data sets lie on the disk: from a root and a description to the videos of a list. File names only."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from avsal_bench.data.dataset import DataSet, NumberedFiles, Video


class ListedVideo(NamedTuple):
    """One line of a fold list."""

    name: str
    n_frames: int
    fps: float


def read_fold_list(path: Path) -> list[ListedVideo]:
    """Read ``name n_frames fps`` lines; blank lines and a missing last newline are fine.

    Raises:
        FileNotFoundError: when there is no such list.
        ValueError: naming file and line, for a line of another form.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no fold list {path}; the root must hold fold_lists/, see --data-root")
    videos = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            name, n_frames, fps = line.rsplit(maxsplit=2)
            video = ListedVideo(name.strip(), int(n_frames), float(fps))
            if video.n_frames < 1 or not 0 < video.fps < 1000:
                raise ValueError
        except ValueError:
            raise ValueError(f"{path}:{number}: expected 'name n_frames fps', got {line!r}") from None
        videos.append(video)
    if not videos:
        raise ValueError(f"{path}: the list names no video")
    return videos


def stavis_layout(root: Path, description: DataSet, part: str, fold: int) -> list[Video]:
    """The layout in which the authors of STAViS hand out the six sets::

    <root>/video_frames/<SET>/<video>/img_%05d.jpg
    <root>/video_audio/<SET>/<video>/<video>.wav
    <root>/annotations/<SET>/<video>/maps/eyeMap_%05d.jpg
    <root>/annotations/<SET>/<video>/fixMap_%05d.mat
    <root>/fold_lists/<SET>_list_{train,test}_<k>_fps.txt        (a set with one split: without _<k>)
    <root>/annotations/<SET>/categories.csv                      (optional: video,category)
    """
    folder = description.folder
    _need_folders(root, description, ["fold_lists", f"video_frames/{folder}", f"annotations/{folder}"])
    suffix = f"_{fold}" if description.folds else ""
    categories = _read_categories(root / "annotations" / folder / "categories.csv")
    return [
        Video(
            dataset=description.name,
            name=name,
            n_frames=n_frames,
            fps=fps,
            frames=NumberedFiles(root / "video_frames" / folder / name, "img_", 5, ".jpg"),
            densities=NumberedFiles(root / "annotations" / folder / name / "maps", "eyeMap_", 5, ".jpg"),
            fixations=NumberedFiles(root / "annotations" / folder / name, "fixMap_", 5, ".mat"),
            audio=root / "video_audio" / folder / name / f"{name}.wav" if description.sound else None,
            category=categories.get(name, ""),
        )
        for name, n_frames, fps in read_fold_list(root / "fold_lists" / f"{folder}_list_{part}{suffix}_fps.txt")
    ]


def extracted_layout(root: Path, description: DataSet, part: str, fold: int) -> list[Video]:
    """DHF1K with its frames extracted; the published split has no folds and its validation part plays the test::

        <root>/<SET>/{train,val}/<video>/images/%04d.jpg      (or .png)
        <root>/<SET>/{train,val}/<video>/maps/%04d.png
        <root>/<SET>/{train,val}/<video>/fixations/%04d.png

    The number of frames is that of the maps; the frame rate is not on the disk, and DHF1K's is 30.
    """
    del fold  # one split
    split = "val" if part == "test" else part
    _need_folders(root, description, [f"{description.folder}/{split}"])
    folder = root / description.folder / split
    names = sorted(p.name for p in folder.iterdir() if p.is_dir())
    if not names:
        raise FileNotFoundError(f"{description.name}: no videos in {folder}")
    return [_extracted_video(description, folder / name) for name in names]


def _extracted_video(description: DataSet, folder: Path) -> Video:
    n_frames = len(list((folder / "maps").glob("[0-9]*.png")))
    if not n_frames:
        raise FileNotFoundError(f"{description.name}: no maps in {folder / 'maps'}")
    images = next((folder / "images").glob("[0-9]*"), Path("0001.jpg"))
    return Video(
        dataset=description.name,
        name=folder.name,
        n_frames=n_frames,
        fps=30.0,
        frames=NumberedFiles(folder / "images", "", len(images.stem), images.suffix),
        densities=NumberedFiles(folder / "maps", "", 4, ".png"),
        fixations=NumberedFiles(folder / "fixations", "", 4, ".png"),
    )


def _need_folders(root: Path, description: DataSet, folders: list[str]) -> None:
    if not root.is_dir():
        raise FileNotFoundError(f"{description.name}: no data root {root}; set AVSAL_DATA or --data-root")
    for folder in folders:
        if not (root / folder).is_dir():
            raise FileNotFoundError(
                f"{description.name}: no folder {root / folder}; the layout is described in "
                f"avsal_bench/data/sets/{description.name}.py, and the root is AVSAL_DATA or --data-root"
            )


def _read_categories(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {row["video"]: row["category"] for row in csv.DictReader(file)}
