"""Films on a page: what is shown of each, and the page of a folder of films, which opens from the disk.

Films are loaded when they are played. Without scripts a page shows them, with their mean scores; the bar over time
needs scripts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from avsal_bench.leaderboard.films.film_form import Film, FilmList
from avsal_bench.leaderboard.page.page_parts import asset, json_block, policy
from avsal_bench.leaderboard.page.rendering import render
from avsal_bench.means import defined_mean
from avsal_bench.text import fixed

#: Stands for a mean of no frame.
NONE = "n/a"
#: Of a frame whose sound is made by what people look at, and of any other.
BELONGS, ELSEWHERE = "the sound is made by what people look at", "no sound, or one from elsewhere"


@dataclass(frozen=True)
class ShownFilm:
    """What a page shows of a film without scripts.

    Args:
        film: of the list.
        key: name of its values among those of the page's scripts.
        place: address of the folder of its files, seen from the page; "" for the page's own.
        means: by what was heard, the mean of each metric, as it is shown.
        captions: address of the captions, with the captions inside.
    """

    film: Film
    key: str
    place: str
    means: Mapping[str, Mapping[str, str]]
    captions: str


def shown_films(films: FilmList, place: str) -> list[ShownFilm]:
    """The films of a folder, as a page shows them."""
    return [ShownFilm(film, film_key(film, place), place, _means(film), captions(film)) for film in films.films]


def film_data(films: FilmList, place: str) -> dict[str, Any]:
    """What the page's scripts know of the films of a folder, by key."""
    return {
        film_key(film, place): {
            "video": film.video,
            "starts": film.starts,
            "seconds": film.seconds,
            "curves": film.curves,
            "heard": list(next(iter(film.curves.values()), {})),
            "belongs": list(map(int, film.belongs)),
            "sound": film.sound,
            "src": place + film.file,
            "poster": place + film.poster,
            "category": film.category,
            "why": film.why,
            "panes": film.panes,
            "notes": film.notes,
            "captions": captions(film),
        }
        for film in films.films
    }


def film_key(film: Film, place: str) -> str:
    """Name of the values of a film."""
    return place + film.file


def captions(film: Film) -> str:
    """Address of WebVTT captions with the captions inside: what is known of the sound, and when.

    Where the set says of each frame whether the sound is made by what people look at, they say that.
    """
    starts = (*film.starts, film.seconds)
    cues: list[tuple[float, float, str]] = []
    if film.belongs:
        first = 0
        for frame in range(1, len(film.belongs) + 1):
            if frame == len(film.belongs) or film.belongs[frame] != film.belongs[first]:
                cues.append((starts[first], starts[frame], BELONGS if film.belongs[first] else ELSEWHERE))
                first = frame
    elif film.starts:
        cues.append((0.0, film.seconds, film.sound or "no sound"))
    lines = [f"{_clock(begin)} --> {_clock(end)}\n[{said}]" for begin, end, said in cues if end > begin]
    return "data:text/vtt;charset=utf-8," + quote("\n\n".join(["WEBVTT", *lines]) + "\n")


def _clock(seconds: float) -> str:
    """A time as WebVTT has it.

    >>> _clock(61.25)
    '00:01:01.250'
    """
    whole, milli = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{milli:03}"


def film_page(films: FilmList) -> str:
    """The page of a folder of films. Same input, same text."""
    style = asset("style.css") + asset("films.css")
    scripts = [asset("films.js")]
    return render(
        "viewer.html",
        policy=policy(style, scripts, films=True),
        style=style,
        scripts=scripts,
        films=films,
        shown=shown_films(films, ""),
        data=json_block("films", {"films": film_data(films, "")}),
    )


def _means(film: Film) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for metric, of_metric in film.curves.items():
        for heard, values in of_metric.items():
            mean = defined_mean(math.nan if value is None else value for value in values)
            found.setdefault(heard, {})[metric] = NONE if math.isnan(mean) else fixed(mean)
    return found
