"""Films of anyone's videos to look at: frame, map, and for a network that hears the map muted beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from avsal_bench.data.dataset import Video
from avsal_bench.evaluation.scores_of import DECIDE_NOTHING
from avsal_bench.kept import code_of
from avsal_bench.leaderboard.films.film_form import Film, FilmList
from avsal_bench.prediction.film_folder import film_name
from avsal_bench.prediction.maps_folder import story_of_network, story_of_video
from avsal_bench.prediction.predicting import Running, predict_maps, predict_sounds
from avsal_bench.prediction.predictor import Predictor
from avsal_bench.prediction.viewing.video_film import Shown, make_film, stacked
from avsal_bench.prediction.viewing.view_folder import Making, fill_folder
from avsal_bench.progress import Progress
from avsal_bench.spec import Sound


def predict_view(
    predictor: Predictor,
    videos: Sequence[Video],
    folder: Path,
    running: Running,
    *,
    muted: bool = False,
    force: bool = False,
    reuse_other_code: bool = False,
    command: str = "",
) -> tuple[FilmList, int]:
    """Write a folder with a film of each video and its maps, and a page that plays them.

    Args:
        predictor: the network.
        videos: from :func:`~avsal_bench.prediction.films.open_film`, or of a data set. No ground truth is shown.
        folder: new, empty, or of an earlier run, which goes on where it ended.
        running: batch size, device, reading processes and precision.
        muted: whether a network that hears is given silence only.
        force: whether films of something else, or made before, are removed.
        reuse_other_code: whether films that other code or other libraries made are kept.
        command: that the page tells of.

    Returns:
        What is in the folder, and how many films were there.

    Raises:
        ValueError: for a folder with other things in it, films of something else, or two videos of one name.
        ValueError, OSError: as :func:`~avsal_bench.prediction.predicting.predict_maps`, and for a folder that cannot be
            written.
    """
    if len({film_name(video) for video in videos}) < len(videos):
        raise ValueError(f"{folder}: two of the videos have one name, so their films would, too; rename one of them")
    both = predictor.hears and not muted
    sounds: tuple[Sound, ...] = ("original", "muted") if both else ("muted",) if predictor.hears else ()
    blind = [_without_truth(video) for video in videos]

    def film(shown: Shown, place: Path, bar: Progress) -> Film:
        video = shown.video
        maps: Iterable[tuple[Sequence[int], Tensor]]
        if both:
            maps = predict_sounds(predictor, video, running, ("muted",), {})
        else:
            maps = stacked(predict_maps(predictor, video, range(1, video.n_frames + 1), running, muted))
        return make_film(shown, maps, place, bar)

    story: dict[str, Any] = story_of_network(predictor, running.precision) | {
        "sounds": list(sounds),
        "film: code": code_of(make_film, without=DECIDE_NOTHING),
    }
    stories = {video.name: story_of_video(predictor, video, muted) for video in blind}
    about = FilmList(
        title=f"{predictor.name}: what it looks at" + (" and hears" if both else ""),
        row="",
        network=predictor.name,
        dataset="",
        fold=0,
        seed=0,
        synthetic=False,
        command=command,
        films=(),
    )
    shown = [Shown(video, sounds) for video in blind]
    return fill_folder(folder, about, shown, Making(story, stories, film), force, reuse_other_code)


def _without_truth(video: Video) -> Video:
    return replace(video, densities=None, fixations=None, labels=None)
