"""Where the films of rows lie in a leaderboard's folder: ``films/<set>/<network>-<preset>-fold<k>-seed<s>``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from avsal_bench.leaderboard.films.film_form import LIST, FilmList, read_films
from avsal_bench.records import Record
from avsal_bench.text import many

#: Folder of films in a leaderboard's folder.
FOLDER = "films"
#: Bytes that a film of the page may have, and a poster; and all films that the page shows together.
MOST_FILM, MOST_POSTER, MOST_TOGETHER = 300_000, 60_000, 20_000_000
#: Folders that are looked at.
MOST_FOLDERS = 200
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,149}")


def folder_in_leaderboard(leaderboard: Path, record: Record) -> Path:
    """The folder of the films of a record.

    Raises:
        ValueError: for a real set, whose pictures are not ours to show.
    """
    if not record.synthetic:
        raise ValueError(
            f"{record.dataset}: its frames are its authors', and a page may be published; make a folder of your own "
            "with -o"
        )
    name = f"{record.network}-{record.preset}-{record.protocol}-fold{record.fold}-seed{record.seed}"
    return leaderboard / FOLDER / _plain(record.dataset) / _plain(name)


def page_films(leaderboard: Path) -> list[tuple[str, FilmList]]:
    """The films that a leaderboard's page shows: the address of each folder, seen from the page, and what it holds.

    What is not as it should be is told on stderr and left out: the page is there without it.
    """
    found, together = [], 0
    for folder in _folders(leaderboard / FOLDER):
        try:
            films = _checked(folder)
        except (ValueError, OSError) as error:
            print(f"note: {error}; left out of the page", file=sys.stderr)
            continue
        together += sum((folder / name).stat().st_size for film in films.films for name in (film.file, film.poster))
        if together > MOST_TOGETHER:
            print(f"note: {folder}: more than {MOST_TOGETHER:,} bytes of films; left out of the page", file=sys.stderr)
            break
        found.append((f"{FOLDER}/{folder.parent.name}/{folder.name}/", films))
    return found


def _checked(folder: Path) -> FilmList:
    films = read_films(folder)
    if not films.synthetic:
        raise ValueError(f"{folder / LIST}: films of a real set, whose frames are its authors'")
    for film in films.films:
        for name, most in ((film.file, MOST_FILM), (film.poster, MOST_POSTER)):
            if (size := (folder / name).stat().st_size) > most:
                raise ValueError(f"{folder / name}: {size:,} bytes, and the page shows films of at most {most:,}")
    return films


def _folders(top: Path) -> Iterator[Path]:
    """Folders of films, two levels down, of plain names; links are not followed."""
    if top.is_symlink() or not top.is_dir():
        return
    count = 0
    for of_set in sorted(top.iterdir()):
        if not _is_folder(of_set):
            continue
        for folder in sorted(of_set.iterdir()):
            if _is_folder(folder) and (folder / LIST).is_file():
                count += 1
                if count > MOST_FOLDERS:
                    told = many(MOST_FOLDERS, "folder")
                    print(f"note: {top}: the first {told} of films are on the page", file=sys.stderr)
                    return
                yield folder


def _is_folder(path: Path) -> bool:
    return bool(_PLAIN.fullmatch(path.name)) and path.is_dir() and not path.is_symlink()


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[:140]
