"""The film of one video: its frames, where people looked, the maps with each sound, and the scores over time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from avsal_bench.data.dataset import Video
from avsal_bench.data.files.frames import frame_size, read_frames
from avsal_bench.data.pictures.show import painted_frames, read_sound_track
from avsal_bench.evaluation.map_films import to_range_one
from avsal_bench.evaluation.score import VideoScorer, consistency
from avsal_bench.files import sha256
from avsal_bench.leaderboard.films.film_form import FILM, POSTER, SHOWN_METRICS, Curves, Film, file_stem
from avsal_bench.prediction.viewing.side_by_side_film import (
    Map,
    Pixels,
    difference,
    heated,
    joined,
    pane_size,
    seconds_of,
    side_by_side,
)
from avsal_bench.prediction.viewing.small_film import most_bytes, shrink_film, write_poster
from avsal_bench.progress import Progress
from avsal_bench.spec import Sound

#: What a network hears, in the words of readers.
HEARD: Mapping[str, str] = {
    "original": "true sound",
    "muted": "muted",
    "swapped": "swapped",
    "matched": "matched",
    "shifted": "shifted",
    "noise": "noise",
}
_TOLD: Mapping[str, str] = {
    "original": "the network's map with the true sound",
    "muted": "its map when it hears silence",
    "swapped": "its map with the sound of another video",
    "matched": "its map with another sound, as loud and of the same kind",
    "shifted": "its map with its own sound a second early or late",
    "noise": "its map with noise as loud as the sound",
}
#: Pane that shows what the sound moves, and the name of the map where a network hears nothing.
MOVED, MAP = "moved by sound", "map"


@dataclass(frozen=True)
class Shown:
    """What a film shows.

    Args:
        video: the video.
        sounds: that maps are of, the true one first; empty for a network that hears nothing.
        why: why this video is shown, in a few words.
        notes: for each sound whose maps need one, a sentence.
    """

    video: Video
    sounds: tuple[Sound, ...]
    why: str = ""
    notes: tuple[str, ...] = ()


def make_film(
    shown: Shown,
    maps: Iterable[tuple[Sequence[int], Tensor]],
    folder: Path,
    bar: Progress,
    scorers: Sequence[VideoScorer] = (),
) -> Film:
    """Write the film of a video and its poster, and return what the list says of it.

    Args:
        shown: what is shown.
        maps: numbers of frames, ascending, and their maps ``(S, F, h, w)``, one for each sound, or one.
        folder: of the film.
        bar: gets on by each frame.
        scorers: for each sound, where there is ground truth; they are given the maps.

    Raises:
        ValueError, OSError: naming a file that cannot be read or written.
    """
    video, sounds = shown.video, shown.sounds
    size = pane_size(frame_size(video))
    names = [f"map, {HEARD[sound]}" for sound in sounds] or [MAP]
    path = folder / f"{file_stem(video.name)}{FILM}"
    best, poster = -math.inf, None
    track = read_sound_track(video)
    with side_by_side(path, video, track) as film:
        for numbers, of_sounds in maps:
            for scorer, of_sound in zip(scorers, of_sounds, strict=False):
                scorer.add(numbers, of_sound)
            for place, number in enumerate(numbers):
                each = [_at(one[place], size) for one in of_sounds]
                picture = _picture(video, number, names, each, size)
                film.add(picture)
                told = _telling(each, number, video.n_frames, [s.scores["CC"][place - len(numbers)] for s in scorers])
                if poster is None or told > best:
                    best, poster = told, picture
            bar.advance(len(numbers), video.name)
    assert poster is not None, "a film has a picture"
    write_poster(folder / f"{file_stem(video.name)}{POSTER}", poster)
    starts, seconds = seconds_of(video)
    shrink_film(path, most_bytes(seconds))
    return Film(
        video=video.name,
        file=path.name,
        sha256=sha256(path),
        poster_sha256=sha256(path.with_suffix(POSTER)),
        category=video.category,
        why=shown.why,
        panes=tuple(_told_panes(video, sounds)),
        sound="" if track is None else "the true sound of the video",
        seconds=seconds,
        starts=tuple(starts),
        curves=_curves(sounds, scorers),
        belongs=_labels(video),
        notes=shown.notes,
    )


def _picture(
    video: Video, number: int, names: Sequence[str], maps: Sequence[Map], size: tuple[int, int]
) -> Image.Image:
    stored = read_frames(video, [number], None)[:, 0]
    small = F.interpolate(stored[None], size, mode="bilinear", antialias=True)[0]
    frame: Pixels = np.asarray(small.permute(1, 2, 0))
    panes: dict[str, Pixels] = {"frame": frame}
    if video.has_truth:
        panes["where people looked"] = np.asarray(next(painted_frames(video, [number], size)))
    panes |= {name: heated(frame, saliency) for name, saliency in zip(names, maps, strict=True)}
    if len(maps) > 1:
        panes[MOVED] = difference(frame, maps[0], maps[1])
    return joined(panes, size)


def _told_panes(video: Video, sounds: Sequence[Sound]) -> list[str]:
    told = ["the frame"]
    if video.has_truth:
        told.append("where people looked: the density, and each fixation as a dot")
    told += [_TOLD[sound] for sound in sounds] or ["the network's map"]
    if len(sounds) > 1:
        other = HEARD[sounds[1]]
        told.append(
            f"what the sound moves: orange where the map with the true sound has more than {other}, blue where less"
        )
    return told


def _at(saliency: Tensor, size: tuple[int, int]) -> Map:
    """A map ``(h, w)`` at the size of a pane, from 0 at its lowest to 1 at its highest value."""
    resized = F.interpolate(saliency[None, None].float().cpu(), size, mode="bilinear", antialias=True)[0, 0]
    return to_range_one(resized).numpy()


def _telling(maps: Sequence[Map], number: int, frames: int, scores: Sequence[float]) -> float:
    """How much a frame tells as a poster.

    What the first sound gains in CC over the second; without scores, how far their maps differ; and of one map, how
    near the frame is to the middle.
    """
    if len(maps) < 2:
        return -abs(number - (frames + 1) / 2)
    if len(scores) > 1:
        gain = scores[0] - scores[1]
        return -math.inf if math.isnan(gain) else gain
    return float(np.abs(maps[0] - maps[1]).mean())


def _curves(sounds: Sequence[Sound], scorers: Sequence[VideoScorer]) -> Curves:
    """Scores over time to three decimals, of the metrics that films show."""
    found: Curves = {}
    for metric in SHOWN_METRICS:
        of_sounds = (
            {
                HEARD[sound]: [None if math.isnan(value) else round(value, 3) for value in scorer.scores[metric]]
                for sound, scorer in zip(sounds or ("original",), scorers, strict=True)
                if metric in scorer.scores
            }
            if scorers
            else {}
        )
        if of_sounds:
            found[metric] = of_sounds
    return found


def _labels(video: Video) -> tuple[bool, ...]:
    labels = consistency(video)
    return () if labels is None else tuple(map(bool, labels))


def stacked(found: Iterable[tuple[list[int], Tensor]]) -> Iterable[tuple[list[int], Tensor]]:
    """Maps ``(F, h, w)`` of one sound as those of several, ``(1, F, h, w)``."""
    for numbers, maps in found:
        yield numbers, maps[None]
