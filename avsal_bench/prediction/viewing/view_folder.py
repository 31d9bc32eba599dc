"""A folder of films that opens from the disk: it is claimed, filled film by film, and a run can be stopped.

A film counts when the list ``films.json`` has it, and it is listed when it is whole. What all films are made of stands
in ``made_of.json``; a run goes on with the same only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from avsal_bench.files import sha256, write_atomically
from avsal_bench.kept import differing, is_code
from avsal_bench.leaderboard.films.film_form import LIST, PAGE, Film, FilmList, file_stem, read_list, write_films
from avsal_bench.leaderboard.page.film_page import film_page
from avsal_bench.prediction.maps_folder import read_marker
from avsal_bench.prediction.viewing.video_film import Shown
from avsal_bench.progress import Progress, progress

#: What the films of a folder were made of.
MADE_OF = "made_of.json"


@dataclass(frozen=True)
class Making:
    """What films are made of, by the video's name, and how one is made.

    Args:
        story: all that the films of the folder depend on.
        stories: what the film of each video depends on besides.
        make: writes the film of what is shown into a folder.
    """

    story: Mapping[str, Any]
    stories: Mapping[str, Mapping[str, Any]]
    make: Callable[[Shown, Path, Progress], Film]


def fill_folder(
    folder: Path, about: FilmList, shown: Sequence[Shown], making: Making, force: bool, reuse_other_code: bool
) -> tuple[FilmList, int]:
    """Make the films that a folder lacks, and its page.

    Args:
        folder: which may be new, empty, or of an earlier run.
        about: the list, without films.
        shown: what is shown, in order.
        making: what films are made of, and how.
        force: whether films of something else, or films made before, are removed.
        reuse_other_code: whether films that other code or other libraries made are kept.

    Returns:
        The list, and how many films were there.

    Raises:
        ValueError: for a folder with other things in it, or films of something else.
        OSError: for one that cannot be written.
    """
    if len({file_stem(one.video.name).casefold() for one in shown}) < len(shown):
        raise ValueError(f"{folder}: films of two of the videos would have one name; show one of them at a time")
    before, done = _claim(folder, making.story, force, reuse_other_code)
    kept: dict[str, Film] = {}
    for one in shown:
        name = one.video.name
        film = before.get(name)
        # Keep each film whose story is the same and whose file is whole.
        if film and not differing(done.get(name), making.stories[name], reuse_other_code) and _whole(folder, film):
            kept[name] = replace(film, why=one.why, notes=one.notes)
    there = len(kept)
    frames = sum(one.video.n_frames for one in shown)
    with progress("films", frames, sum(one.video.n_frames for one in shown if one.video.name in kept)) as bar:
        for one in shown:
            name = one.video.name
            if name in kept:
                continue
            for left in folder.glob(f".{file_stem(name)}.*.*"):  # of a run that was killed; its name has no other use
                left.unlink()
            film = making.make(one, folder, bar)
            kept[name], done[name] = film, dict(making.stories[name])
            _write(folder, making.story, done)
            # Films of earlier runs stay in the list until this one is through, so that a stopped run loses none.
            others = {other: before[other] for other in before if other not in kept}
            write_films(folder, replace(about, films=(*kept.values(), *others.values())))
    listed = replace(about, films=tuple(kept[one.video.name] for one in shown))
    write_films(folder, listed)
    for name, film in before.items():
        if name not in kept and film.file not in {one.file for one in listed.films}:
            (folder / film.file).unlink(missing_ok=True)
            (folder / film.poster).unlink(missing_ok=True)
            done.pop(name, None)
    _write(folder, making.story, done)
    write_atomically(folder / PAGE, film_page(listed))
    return listed, there


def _claim(
    folder: Path, story: Mapping[str, Any], force: bool, reuse_other_code: bool
) -> tuple[dict[str, Film], dict[str, Any]]:
    """Make sure that a folder is ours; returns the films that it has, and what they were made of, by video."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder}: a file is in the place of the folder of films; name another one with -o")
    folder.mkdir(parents=True, exist_ok=True)
    marker = folder / MADE_OF
    if not marker.is_file():
        if there := sorted(path.name for path in folder.iterdir()):
            raise ValueError(
                f"{folder}: holds other things, such as {there[0]}, and no films of `avsal`; name a new or an empty "
                "folder with -o"
            )
        _write(folder, story, {})
        return {}, {}
    marked = read_marker(marker)
    done = marked.pop("films", None)
    if not isinstance(done, dict):
        raise ValueError(f"{marker}: damaged; name another folder with -o")
    films = {film.video: film for film in read_list(folder).films} if (folder / LIST).is_file() else {}
    other = differing(marked, story, reuse_other_code)
    if other and not force:
        told = "; ".join(f"{key} was {json.dumps(marked.get(key))}, is {json.dumps(story.get(key))}" for key in other)
        ways = "name another folder with -o, or replace them with --force"
        if all(map(is_code, other)):
            ways += "; or keep them, with --reuse-other-code"
        raise ValueError(f"{folder}: holds films made otherwise ({told}); {ways}")
    if force:
        for film in films.values():
            (folder / film.file).unlink(missing_ok=True)
            (folder / film.poster).unlink(missing_ok=True)
        for name in (LIST, PAGE):
            (folder / name).unlink(missing_ok=True)
        _write(folder, story, {})
        return {}, {}
    return films, done


def _whole(folder: Path, film: Film) -> bool:
    """Whether a film and its poster are those that the list tells of."""
    paths = {folder / film.file: film.sha256, folder / film.poster: film.poster_sha256}
    return all(path.is_file() and sha256(path) == told for path, told in paths.items())


def _write(folder: Path, story: Mapping[str, Any], done: Mapping[str, Any]) -> None:
    write_atomically(folder / MADE_OF, json.dumps({**story, "films": done}, indent=1) + "\n")
