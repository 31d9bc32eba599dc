"""Films of the test videos of a record: what its network looks at with the true sound and with others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from avsal_bench.bench.machine import Machine
from avsal_bench.bench.made_of import networks_of, of_test
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.clips.sounds import Swaps, swaps_of
from avsal_bench.data.contents_of import Part
from avsal_bench.data.dataset import Video, dataset
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.evaluation.score import VideoScorer
from avsal_bench.evaluation.scores_of import COMPUTE, DECIDE_NOTHING, of_videos, readers
from avsal_bench.evaluation.truth import Truth
from avsal_bench.kept import code_of, versions_of
from avsal_bench.leaderboard.films.film_form import SHOWN_METRICS, Film, FilmList, row_name
from avsal_bench.means import defined_mean
from avsal_bench.prediction.predicting import predict_sounds
from avsal_bench.prediction.viewing.video_film import HEARD, Shown, make_film, stacked
from avsal_bench.prediction.viewing.view_folder import Making, fill_folder
from avsal_bench.progress import Progress
from avsal_bench.spec import Sound
from avsal_bench.studies.showing.chosen_videos import named_videos, told_videos
from avsal_bench.studies.showing.recorded_network import Recorded, recorded_network

#: Sounds that maps are shown with where nobody says which, besides the true one.
DEFAULT_SOUNDS: tuple[Sound, ...] = ("muted", "swapped")
#: How far the mean of a video, predicted again, may be from what the record says, before readers are told.
NEAR = 0.002


@dataclass(frozen=True)
class AskedFilms:
    """What a user asks for.

    Args:
        sounds: that a network that hears is given besides the true one; empty for none.
        videos: names; empty for a few that are chosen by what the record says.
        force: whether films of something else, or made before, are removed.
        command: that the page tells of.
    """

    sounds: tuple[Sound, ...] = DEFAULT_SOUNDS
    videos: tuple[str, ...] = ()
    force: bool = False
    command: str = ""


def record_films(
    path: Path, folder: Path, asked: AskedFilms, space: Workspace, machine: Machine, device: str = "auto"
) -> tuple[FilmList, int]:
    """Write a folder with films of test videos of a record, and its page.

    Args:
        path: of the record.
        folder: new, empty, or of an earlier run, which goes on where it ended.
        asked: what is asked for.
        space: folders.
        machine: what predicts.
        device: likewise.

    Returns:
        What is in the folder, and how many films were there.

    Raises:
        ValueError, FileNotFoundError, OSError: as :func:`recorded_network` and
            :func:`~avsal_bench.prediction.viewing.view_folder.fill_folder`; for a name that is not of the test list.
    """
    found = recorded_network(path, space, machine, device)
    hears = found.predictor.hears
    sounds: tuple[Sound, ...] = ("original", *asked.sounds) if hears else ()
    chosen = (
        named_videos(found.videos, asked.videos, found.record, path)
        if asked.videos
        else told_videos(found.record, path)
    )
    by_name = {video.name: video for video in found.videos}
    videos = [by_name[name] for name in chosen if name in by_name]
    if not videos:
        raise ValueError(f"{path}: none of its videos has a score to choose by; name some with --videos")
    swaps = swaps_of(found.videos, asked.sounds) if hears else {}
    shown = [Shown(video, sounds, chosen[video.name], tuple(_notes(video, sounds, swaps))) for video in videos]
    making = Making(
        _story(found, sounds),
        _stories(found, videos, swaps),
        lambda one, place, bar: _film(found, one, place, bar, swaps),
    )
    filled, there = fill_folder(folder, _about(found, asked), shown, making, asked.force, space.reuse_other_code)
    for film in filled.films:
        if told := _differs(found, film):
            print(told, flush=True)
    return filled, there


def _film(found: Recorded, shown: Shown, folder: Path, bar: Progress, swaps: Swaps) -> Film:
    video, sounds = shown.video, shown.sounds
    maps: Iterable[tuple[Sequence[int], Tensor]]
    if sounds:
        maps = predict_sounds(found.predictor, video, found.running, sounds[1:], swaps, found.spec)
    else:
        maps = stacked(found.maps(video, range(1, video.n_frames + 1)))
    rules = protocol(found.record.protocol)
    truth = Truth(video, found.videos)
    scorers = [VideoScorer(truth, rules) for _ in sounds or ("original",)] if video.has_truth else []
    return make_film(shown, maps, folder, bar, scorers)


def _notes(video: Video, sounds: Sequence[Sound], swaps: Swaps) -> Iterable[str]:
    """Whose sound the network hears, and what a silent video says of it."""
    if video.silent and sounds:
        yield "This video is declared silent, so every sound is silence and the maps are the same."
        return
    for sound in sounds:
        given = swaps.get(sound, {}).get(video.key)
        if given is not None:
            yield f"{HEARD[sound].capitalize()}: the network hears the sound of {given.video.name}."


def _about(found: Recorded, asked: AskedFilms) -> FilmList:
    r = found.record
    called = dataset(r.dataset).title or r.dataset
    return FilmList(
        title=f"{found.label} on {called}: what it looks at" + (" and hears" if found.predictor.hears else ""),
        row=row_name(r.protocol, r.dataset, r.network, r.preset),
        network=found.label,
        dataset=called,
        fold=r.fold,
        seed=r.seed,
        synthetic=r.synthetic,
        command=asked.command,
        films=(),
    )


def _story(found: Recorded, sounds: Sequence[Sound]) -> dict[str, Any]:
    """All that the films of a folder depend on, as plain values."""
    r, predictor = found.record, found.predictor
    return {
        "network": r.network,
        "dataset": r.dataset,
        "fold": r.fold,
        "seed": r.seed,
        "preset": r.preset,
        "protocol": r.protocol,
        "weights": predictor.sha256,
        "precision": found.running.precision,
        "sounds": list(sounds),
        "code": code_of(
            *networks_of(predictor.model, predictor.options), make_film, predict_sounds, without=DECIDE_NOTHING
        ),
        **versions_of(*COMPUTE, *readers()),
    }


def _stories(found: Recorded, videos: Sequence[Video], swaps: Swaps) -> dict[str, dict[str, Any]]:
    """What the film of each video depends on besides, by its name: all its files, and whose sounds are heard."""
    # What a test of each video is made of, training maps of a baseline among it; and the sound that the film plays.
    context, r = found.context, found.record
    tested = of_test(context.job, context.recipe, context.space, r.dataset, "original").videos
    sound: tuple[Part, ...] = ("sound",) if any(video.audio for video in videos) else ()
    played = of_videos(context.space.contents, videos, protocol(r.protocol), sound, {}).videos
    heard = {
        video.name: {
            name: [given[video.key].video.name, round(given[video.key].gain, 6)]
            for name, given in swaps.items()
            if video.key in given
        }
        for video in videos
    }
    return {name: {**tested[name], **played[name], "heard": given} for name, given in heard.items()}


def _differs(found: Recorded, film: Film) -> str:
    """What to say of a film whose scores are not those of the record; "" where they are."""
    told = {v.video: v.scores for v in found.record.videos}.get(film.video)
    if told is None:
        return ""
    for metric in SHOWN_METRICS:
        curve = film.curves.get(metric, {}).get(HEARD["original"])
        if curve is None or metric not in told:
            continue
        mean = defined_mean(math.nan if value is None else value for value in curve)
        if abs(mean - told[metric]) > NEAR * max(1.0, abs(told[metric])):
            return (
                f"note: {film.video}: {metric} is {mean:.3f} here and {told[metric]:.3f} in {found.path.name}; the "
                "data, the code or the libraries have changed since"
            )
    return ""
