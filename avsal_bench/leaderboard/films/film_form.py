"""The list of the films in a folder, ``films.json``: what each shows, its scores over time, and its file's SHA-256.

The list decides what is shown: a file that is not in it is linked nowhere, and one that is not the file it tells of is
refused. Films may come from strangers, so names are plain, sizes are bounded, and texts are texts.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from avsal_bench.files import regular_file, sha256, write_atomically
from avsal_bench.plain_values import TEXT, read_plain
from avsal_bench.text import many

#: Name of the list in a folder.
LIST = "films.json"
#: Name of the page that plays them.
PAGE = "index.html"
#: Endings of a film and of its poster.
FILM, POSTER = ".webm", ".jpg"
#: Metrics whose scores go with a film.
SHOWN_METRICS = ("CC", "NSS")
#: Bytes of the list, of a film and of a poster that are read at all.
MOST_LIST, MOST_FILM, MOST_POSTER = 8_000_000, 200_000_000, 2_000_000
#: Frames of a film that a list may have.
MOST_FRAMES = 200_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,149}")
_TEXT = 400

#: Scores of each frame by metric, and by what was heard; None where a score is not defined.
Curves = dict[str, dict[str, list[float | None]]]


@dataclass(frozen=True)
class Film:
    """One film of a folder.

    Args:
        video: name in its set, or of its file.
        file: name of the film; its poster has the same name and another ending.
        sha256: of the film.
        poster_sha256: of its poster.
        category: kind of scene; "" where the set has none.
        why: why this video is shown, in a few words.
        panes: what the film shows, from left to right and top to bottom, a sentence each.
        sound: what is heard in the film, in a few words; "" for a film without sound.
        seconds: duration.
        starts: second at which each frame is shown.
        curves: scores over time, by metric and by what the network heard; empty without ground truth.
        belongs: for each frame whether the sound is made by what people look at; empty where nobody has labelled it.
        notes: further sentences for readers.
    """

    video: str
    file: str
    sha256: str
    poster_sha256: str
    category: str
    why: str
    panes: tuple[str, ...]
    sound: str
    seconds: float
    starts: tuple[float, ...]
    curves: Curves
    belongs: tuple[bool, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def poster(self) -> str:
        """Name of the poster."""
        return self.file.removesuffix(FILM) + POSTER


@dataclass(frozen=True)
class FilmList:
    """The films of one network on one set, or of one network and a film of anyone.

    Args:
        title: for people.
        row: name of the row on the leaderboard page (:func:`row_name`); "" where there is none.
        network: as in tables.
        dataset: name of the set; "" for films of anyone.
        fold: of the record; 0 without one.
        seed: likewise.
        synthetic: whether the videos are of the embedded set, whose pictures may be shown.
        command: that made them.
        films: in the order in which they are shown.
    """

    title: str
    row: str
    network: str
    dataset: str
    fold: int
    seed: int
    synthetic: bool
    command: str
    films: tuple[Film, ...]


def row_name(protocol: str, dataset: str, network: str, preset: str) -> str:
    """Name of a row on the page, and what follows ``#row/`` in a link to it.

    >>> row_name("stavis", "synth", "avrsp_av", "smoke")
    'stavis/synth/avrsp_av/smoke'
    """
    return "/".join(quote(part, safe="") for part in (protocol, dataset, network, preset))


def file_stem(name: str) -> str:
    """A name for the files of a video that is plain on every machine.

    >>> file_stem("Kid's film: 1.mp4"), file_stem("timbre_01")
    ('Kid_s_film__1.mp4', 'timbre_01')
    """
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    return (plain if plain[:1].isalnum() else f"v{plain}")[:120]


def write_films(folder: Path, films: FilmList) -> None:
    """Write the list of a folder, whole or not at all."""
    write_atomically(folder / LIST, json.dumps(asdict(films), allow_nan=False, separators=(",", ":")) + "\n")


def read_films(folder: Path) -> FilmList:
    """The list of a folder, whose films and posters are there and are those that it tells of.

    Raises:
        FileNotFoundError: naming a missing file.
        ValueError: naming the file and what is wrong with it.
    """
    films = read_list(folder)
    for film in films.films:
        for name, told, most in ((film.file, film.sha256, MOST_FILM), (film.poster, film.poster_sha256, MOST_POSTER)):
            path = folder / name
            if path.is_symlink() or not path.is_file():
                raise FileNotFoundError(f"{path}: is in {LIST}, and there is no such file; make the films anew")
            if sha256(regular_file(path, most)) != told:
                raise ValueError(f"{path}: is not the file that {LIST} tells of; make the films anew")
            _check_begin(path)
    return films


def read_list(folder: Path) -> FilmList:
    """The list of a folder, without a look at its films.

    Raises:
        FileNotFoundError, ValueError: naming the file, and what is wrong with it.
    """
    path = folder / LIST
    if path.is_symlink():
        raise ValueError(f"{path}: is a link; the list of films is a file")
    try:
        plain = read_plain(regular_file(path, MOST_LIST).read_bytes())
        return _list_of(plain)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        told = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path}: no list of films ({told}); make the films anew with `avsal show`") from error


def _check_begin(path: Path) -> None:
    """Whether a file begins as its ending says: a WebM film, or a JPEG picture."""
    with path.open("rb") as file:
        begin = file.read(4)
    if path.suffix == FILM and begin != b"\x1a\x45\xdf\xa3":
        raise ValueError(f"{path}: is no WebM film; make the films anew")
    if path.suffix == POSTER and begin[:3] != b"\xff\xd8\xff":
        raise ValueError(f"{path}: is no JPEG picture; make the films anew")


def _list_of(plain: Any) -> FilmList:
    _only(plain, FilmList)
    texts = {name: _text(plain[name], name) for name in ("title", "row", "network", "dataset", "command")}
    films = plain["films"]
    if not isinstance(films, list) or len(films) > 1000:
        raise ValueError("films should be a list of at most 1000")
    found = tuple(map(_film_of, films))
    if len({film.file for film in found}) < len(found):
        raise ValueError("two films have one file")
    if not isinstance(plain["synthetic"], bool):
        raise ValueError(f"synthetic should be true or false, got {plain['synthetic']!r}")
    return FilmList(
        **texts,
        fold=_whole(plain["fold"], "fold"),
        seed=_whole(plain["seed"], "seed"),
        synthetic=plain["synthetic"],
        films=found,
    )


def _film_of(plain: Any) -> Film:
    _only(plain, Film)
    texts = {name: _text(plain[name], name) for name in ("video", "category", "why", "sound")}
    file = plain["file"]
    if not isinstance(file, str) or not _NAME.fullmatch(file) or not file.endswith(FILM):
        raise ValueError(f"file should be a plain name that ends in {FILM}, got {str(file)[:80]!r}")
    for name in ("sha256", "poster_sha256"):
        if not isinstance(plain[name], str) or not re.fullmatch(r"[0-9a-f]{64}", plain[name]):
            raise ValueError(f"{name} of {file} should be a SHA-256 in hexadecimal")
    starts = tuple(_number(value, "starts") for value in _listed(plain["starts"], "starts"))
    belongs = tuple(_listed(plain["belongs"], "belongs"))
    if any(not isinstance(value, bool) for value in belongs) or len(belongs) not in (0, len(starts)):
        raise ValueError(f"belongs of {file} should be true or false for each frame")
    return Film(
        **texts,
        file=file,
        sha256=plain["sha256"],
        poster_sha256=plain["poster_sha256"],
        panes=tuple(_text(pane, "panes") for pane in _listed(plain["panes"], "panes", 20)),
        seconds=_number(plain["seconds"], "seconds"),
        starts=starts,
        curves=_curves_of(plain["curves"], len(starts)),
        belongs=belongs,
        notes=tuple(_text(note, "notes") for note in _listed(plain["notes"], "notes", 20)),
    )


def _curves_of(plain: Any, frames: int) -> Curves:
    found: Curves = {}
    for metric, of_metric in plain.items():
        if metric not in SHOWN_METRICS or len(of_metric) > 10:
            raise ValueError(f"curves are of {' and '.join(SHOWN_METRICS)}, at most ten each")
        found[metric] = {}
        for sound, values in of_metric.items():
            row = _listed(values, "curves")
            if len(row) != frames:
                told = f"{many(len(row), 'value')} for {many(frames, 'frame')}"
                raise ValueError(f"the curve of {metric}, {str(sound)[:40]}, has {told}")
            numbers = [None if value is None else _number(value, "curves", -1e6) for value in row]
            found[metric][_text(sound, "curves")] = numbers
    return found


def _only(plain: Any, kind: type) -> None:
    if not isinstance(plain, dict):
        raise ValueError(f"expected a mapping, got {str(plain)[:40]!r}")
    if strange := plain.keys() - {field.name for field in fields(kind)}:
        raise ValueError(f"unknown key {sorted(strange)[0][:80]!r}")


def _listed(value: Any, name: str, most: int = MOST_FRAMES) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise ValueError(f"{name} should be a list of at most {most}")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or len(value) > _TEXT or not re.fullmatch(TEXT, value):
        raise ValueError(f"{name} should be one line of text of at most {_TEXT} characters")
    return value


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**32:
        raise ValueError(f"{name} should be a whole number, got {str(value)[:40]}")
    return value


def _number(value: Any, name: str, least: float = 0) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < least:
        raise ValueError(f"{name} should be a number from {least:g}, got {str(value)[:40]}")
    return float(value)
