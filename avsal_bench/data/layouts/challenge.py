"""How the sets of films of Moscow State University lie: videos, films of maps, points of all frames of a video.

Names of files, and what ``facts`` tells of the films; nothing is opened here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avsal_bench.data.dataset import DataSet, Video
from avsal_bench.data.film_facts import FilmFacts
from avsal_bench.data.layouts.categories import read_categories
from avsal_bench.data.layouts.lists import MOST_FRAMES
from avsal_bench.data.layouts.videos import find_video_files, only_file
from avsal_bench.data.places import PointsFile, VideoFile, is_video_file
from avsal_bench.files import regular_file
from avsal_bench.names import safe_name, shortened
from avsal_bench.plain_values import read_plain
from avsal_bench.strays import same_name, without_strays
from avsal_bench.text import many

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: The split of the challenges, and the largest that is read.
SPLIT, MOST_BYTES = "TrainTestSplit.json", 16_000_000
#: Bits of a level of their saliency maps.
MAP_BITS = 10


@dataclass(frozen=True)
class Found:
    """One video, and where its files lie.

    Args:
        name: of it.
        film: the video file.
        maps: the film of its maps; None where its part has no ground truth on the disk.
        points: the list of its points; None likewise.
    """

    name: str
    film: Path
    maps: Path | None
    points: Path | None


@dataclass(frozen=True)
class FilmLayout:
    """A layout whose videos are films, each as long as its header says, with films of maps of 10 bits.

    Args:
        find: the videos of a part: ``find(folder, part)``; the folder is that of the set.
        facts: what the headers of films tell.
        read: the points of a file, see :class:`~avsal_bench.data.places.PointsFile`.
        marks: of which one at least lies in the folder of the set.
    """

    find: Callable[[Path, str], list[Found]]
    facts: Callable[[Sequence[Path]], Sequence[FilmFacts]]
    read: Callable[[Path, Video], Sequence[NDArray[np.int64]]]
    marks: tuple[str, ...]

    def __call__(self, root: Path, description: DataSet, part: str, fold: int) -> list[Video]:
        """Videos of a part, in the order of its list.

        Raises:
            FileNotFoundError: for a missing root or folder, and naming a video that is not there.
            ValueError: for a bad list, two files of one video, and a video file that tells nothing.
        """
        del fold  # one split
        folder = folder_of(root, description, self.marks)
        found = self.find(folder, part)
        categories = read_categories(root / "annotations" / description.folder / "categories.csv")
        prepared = root / "prepared" / description.folder
        videos = []
        for one, facts in zip(found, self.facts([one.film for one in found]), strict=True):
            if facts.frames > MOST_FRAMES:
                raise ValueError(f"{one.film}: {many(facts.frames, 'picture')}, a video has at most {MOST_FRAMES:,}")
            videos.append(
                Video(
                    dataset=description.name,
                    name=one.name,
                    n_frames=facts.frames,
                    fps=facts.fps,
                    frames=VideoFile(one.film),
                    densities=VideoFile(one.maps, MAP_BITS) if one.maps else None,
                    fixations=PointsFile(one.points, self.read) if one.points else None,
                    audio=one.film if facts.sound else None,
                    category=categories.get(same_name(one.name), ""),
                    prepared=prepared / one.name,
                    labels=root / "av_gt_label" / description.folder / f"{one.name}.txt",
                    silent=not facts.sound,
                )
            )
        return videos


def folder_of(root: Path, description: DataSet, marks: Sequence[str]) -> Path:
    """The folder of a set below a root, under whichever of its names; it may lie one level deeper, as archives have it.

    Raises:
        FileNotFoundError: where there is none.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{description.name}: no data root {root}; set AVSAL_DATA or --data-root")
    places = [root / name for name in (description.folder, *description.also)]
    for place in places:
        inner = [place / other.name for other in places]
        for folder in (place, *inner):
            if any((folder / mark).exists() for mark in marks):
                return folder
    names = " or ".join(dict.fromkeys(place.name for place in places))
    there = [place for place in places if place.is_dir()]
    what = f"{there[0]} holds none of {', '.join(marks)}" if there else f"no folder {places[0]}"
    raise FileNotFoundError(
        f"{description.name}: {what}; the layout is described in avsal_bench/data/sets/{places[0].name.lower()}.py, "
        f"the folder is {names}, and the root is AVSAL_DATA or --data-root; `avsal data get {description.name}` "
        "fetches what is lacking"
    )


def crowdsal_videos(folder: Path, part: str) -> list[Found]:
    """The videos of CrowdSAL, whose part is the folder that they lie in.

    Raises:
        FileNotFoundError: for a missing folder, a folder without videos, and maps or points of a video that is missing.
        ValueError: for two files of one video, and a video that lies in both parts.
    """
    names = {"train": "Train", "test": "Test"}
    if part not in names:
        return []
    there = {one: _one_file_each(folder / name / "Videos") for one, name in names.items()}
    place = folder / names[part]
    films = there[part]
    if not films:
        what = "no videos in" if (place / "Videos").is_dir() else "no folder"
        raise FileNotFoundError(f"{what} {place / 'Videos'}, where the videos of the part lie; fetch them")
    for name in films:
        if name in there["train"] and name in there["test"]:
            raise ValueError(
                f"{there['train'][name]} and {there['test'][name]} have one name: it would be tested on what it was "
                "trained on; take it out of one of them"
            )
    maps, points = _one_file_each(place / "Saliency"), _one_file_each(place / "Fixations", ".json")
    for what, files in (("maps", maps), ("points", points)):
        if absent := sorted(files.keys() - films.keys()):
            raise FileNotFoundError(
                f"missing video {place / 'Videos' / absent[0]}.mp4, whose {what} are {files[absent[0]]}"
                + _more(len(absent) - 1)
            )
    truth = bool(maps or points) or part == "train"
    return [
        Found(
            safe_name(f"{film}: video", film.stem),
            film,
            maps.get(name, place / "Saliency" / f"{film.stem}.mp4") if truth else None,
            points.get(name, place / "Fixations" / f"{film.stem}.json") if truth else None,
        )
        for name, film in sorted(films.items())
    ]


@dataclass(frozen=True)
class SplitVideos:
    """Finds the videos of AViMoS and NTIRE 2026, whose parts are in one file.

    Args:
        parts: keys of that file for each part of ours; of alternatives the first counts of which one key is there.
    """

    parts: Mapping[str, tuple[tuple[str, ...], ...]]

    def __call__(self, folder: Path, part: str) -> list[Found]:
        """The videos of a part of ours, in the order of the file.

        Raises:
            FileNotFoundError: for a missing file or folder, and naming a video that is not there.
            ValueError: naming the file, for one of another form, and a name that stands there twice.
        """
        if part not in self.parts:
            return []
        path = folder / SPLIT
        split = read_split(path)
        ways = self.parts[part]
        keys = next((way for way in ways if any(key in split for key in way)), ())
        if not keys:
            wanted = " or ".join(" and ".join(way) for way in ways)
            raise ValueError(f"{path}: no part {wanted} in it, only {', '.join(split)}; fetch it again")
        films = _films(folder, [name for names in split.values() for name in names])
        found = []
        for key in (key for key in keys if key in split):
            if absent := [name for name in split[key] if same_name(name) not in films]:
                raise FileNotFoundError(
                    f"missing video {folder / 'Videos' / absent[0]}.mp4, which {path} names in {key}"
                    f"{_more(len(absent) - 1)} of {many(len(split[key]), 'video')}"
                )
            found += self._with_truth(folder, key, split[key], films)
        return found

    def _with_truth(self, folder: Path, key: str, names: Sequence[str], films: Mapping[str, Path]) -> list[Found]:
        side = "Train" if key == "train" else "Test"
        maps, points = _folder_of_maps(folder, side, names), _folder_of_points(folder, side, names)
        truth = bool(maps or points) or key == "train"
        maps = maps or folder / f"Saliency{side}" / side
        points = points or folder / f"Fixations{side}" / side
        return [
            Found(
                name,
                films[same_name(name)],
                maps / f"{name}.mp4" if truth else None,
                points / name / "fixations.json" if truth else None,
            )
            for name in names
        ]


def read_split(path: Path) -> dict[str, list[str]]:
    """The names of videos of each part in ``TrainTestSplit.json``, without ``.mp4``, which may end them.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: naming the file, for one of another form, a name that is no safe part of a path, and a name that
            stands there twice, in one part or in two.
    """
    try:
        plain = read_plain(regular_file(path, MOST_BYTES, links=True).read_bytes())
    except FileNotFoundError:
        raise FileNotFoundError(
            f"missing file {path}, which says which videos train and test; it lies beside the archives"
        ) from None
    except ValueError as error:
        text = str(error)
        raise ValueError(text if text.startswith(str(path)) else f"{path}: no JSON ({text}); fetch it again") from None
    if not isinstance(plain, dict) or not all(isinstance(names, list) for names in plain.values()) or not plain:
        raise ValueError(f'{path}: expected {{"train": [names], "public_test": [names], ...}}; fetch it again')
    split: dict[str, list[str]] = {}
    seen: dict[str, str] = {}
    for key, names in plain.items():
        split[safe_name(f"{path}: part", key)] = [_listed(path, key, name) for name in names]
        if not names:
            raise ValueError(f"{path}: no name in {key}; fetch it again")
        for name in split[key]:
            if before := seen.get(same_name(name)):
                where = f"twice in {key}" if before == key else f"in {before} and in {key}"
                raise ValueError(f"{path}: {shortened(name)} stands {where}; take one of them out")
            seen[same_name(name)] = key
    return split


def _listed(path: Path, key: str, name: Any) -> str:
    safe_name(f"{path}: video of {key}", name)
    stem = Path(name)
    return stem.stem if is_video_file(stem) else str(name)


def _films(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """Video files by their names: in ``Videos`` or in folders of it, else in the folder of the set itself."""
    place = folder / "Videos"
    inner = [one for one in without_strays(place.iterdir()) if one.is_dir()] if place.is_dir() else []
    wanted = set(map(same_name, names))
    found: dict[str, list[Path]] = {}
    for one in [place, *inner] if place.is_dir() else [folder]:
        for name, paths in find_video_files(one).items():
            if name in wanted:
                found.setdefault(name, []).extend(paths)
    if not found and not place.is_dir():
        raise FileNotFoundError(f"no folder {place}, where the videos lie; unpack Videos.zip there")
    return {name: path for name, paths in found.items() if (path := only_file(paths))}


def _folder_of_maps(folder: Path, side: str, names: Sequence[str]) -> Path | None:
    """The folder with films of maps of some videos; None where none of them has one."""
    places = _sides(folder, f"Saliency{side}", side)
    return next((p for p in places if any((p / f"{n}.mp4").exists() for n in names)), None)


def _folder_of_points(folder: Path, side: str, names: Sequence[str]) -> Path | None:
    """The folder with points of some videos; None where none of them has any."""
    places = _sides(folder, f"Fixations{side}", side)
    return next((p for p in places if any((p / n / "fixations.json").exists() for n in names)), None)


def _sides(folder: Path, archive: str, side: str) -> tuple[Path, ...]:
    """Where an archive may have been unpacked: into the folder, into one of its own name, without the inner one."""
    return folder / archive / side, folder / archive / archive / side, folder / archive


def _one_file_each(folder: Path, suffix: str = "") -> dict[str, Path]:
    """Files of a folder by their names without suffix: of videos, or of one suffix."""
    if not suffix:
        return {name: path for name, paths in find_video_files(folder).items() if (path := only_file(paths))}
    files = without_strays(folder.iterdir()) if folder.is_dir() else []
    return {same_name(path.stem): path for path in files if path.suffix == suffix}


def _more(number: int) -> str:
    return f", and {number} more" if number else ""
