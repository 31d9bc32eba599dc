"""Test human infinite: a row of the leaderboard like any other, but its ground truth changes with each draw.

That is why it is no network of the registry: a network's maps are scored against those of the set.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avsal_bench.bench.context import Context, Place
from avsal_bench.bench.job import HUMAN, Job
from avsal_bench.bench.jobs.kind import JobKind
from avsal_bench.bench.jobs.needs import Needs
from avsal_bench.bench.provenance import peak_memory_mb, provenance
from avsal_bench.bench.results import write_job_result
from avsal_bench.bench.sets import videos_of
from avsal_bench.bench.sharing.processes import first_process
from avsal_bench.bench.stages import test_folder
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.dataset import Video, dataset
from avsal_bench.data.layouts.lists import story_of_lists
from avsal_bench.evaluation.observers import (
    Drawn,
    Half,
    Halving,
    halves,
    mean_of_splits,
    read_observers,
    score_both,
    score_halves,
    score_splits,
    split_observers,
)
from avsal_bench.evaluation.picture import draw_video, picture_frames
from avsal_bench.evaluation.protocol import Protocol, protocol
from avsal_bench.evaluation.score import Results
from avsal_bench.evaluation.scores_of import DECIDE_NOTHING, Made, of_videos
from avsal_bench.evaluation.sparse import Preparation, is_quick
from avsal_bench.files import fingerprint
from avsal_bench.kept import code_of
from avsal_bench.progress import progress
from avsal_bench.spec import Sound
from avsal_bench.text import many
from avsal_bench.training.recipe import Recipe
from avsal_bench.workers import Workers


class HumanJob(JobKind):
    """The job of human infinite; the options of its recipe's network are those of the draws."""

    has_network = False

    def modalities(self, model: str) -> tuple[str, ...]:
        """None."""
        return ()

    def options(self, model: str) -> Collection[str]:
        """Those of the draws."""
        return ("splits", "seed", "degree")

    def label(self, job: Job, recipe: Recipe) -> str:
        """The name itself."""
        return job.model

    def made_of(self, job: Job, recipe: Recipe, space: Workspace, name: str, sound: Sound) -> Made:
        """The gaze, the size of the frames, the draws, and the code that draws and scores."""
        videos = dataset(name).videos(space.root_of(name), "test", job.fold)
        common = {
            "recipe": fingerprint(recipe.plain()),
            "code": code_of(score_halves, files=[Path(__file__)], without=DECIDE_NOTHING),
        }
        return of_videos(space.contents, videos, protocol(job.protocol), ("frames", "gaze"), common)

    def needs(self, context: Context, missing: Sequence[Place], needs: Needs) -> None:
        """That every set keeps its observers apart, and that its degree of visual angle is known."""
        listed = {}
        for name, _, _ in missing:
            with needs.noted():
                listed[name] = videos_of(context.space, name, "test", context.job.fold)
        with needs.noted():
            require_observers(listed)
        for name, videos in listed.items():
            needs.read(videos, "frames", "maps", "fixations")
            if all(video.gaze is not None for video in videos):  # who is asked for a degree must be able to use it
                with needs.noted():
                    halving_of(context.recipe.network, name)

    def make(self, context: Context, missing: Sequence[Place]) -> None:
        """Score the observers of each data set against each other."""
        if not first_process():  # nothing is shared out over devices
            return
        with Workers(context.machine.workers) as processes:
            for place in missing:
                _test(context, place, processes)


def _videos(context: Context, name: str) -> list[Video]:
    return dataset(name).videos(context.space.root_of(name), "test", context.job.fold)


def halving_of(network: Mapping[str, Any], name: str) -> Halving:
    """How the observers of a data set are drawn.

    Args:
        network: what a recipe says there: ``splits``, ``seed``, ``width``, and ``degree`` by data set.
        name: of the data set.

    Raises:
        ValueError: for an option that is unknown or wrong, or a set whose degree of visual angle is not known.
    """
    options = dict(network)
    degrees = options.pop("degree", None)
    if unknown := sorted(options.keys() - {"splits", "seed", "width"}):
        raise ValueError(f"{HUMAN} has no option network.{unknown[0]}; it has: splits, seed, width, degree.<set>")
    if not isinstance(degrees, Mapping) or name not in degrees:
        raise ValueError(
            f"{HUMAN} on {name}: how many pixels of its frames are one degree of visual angle is not known "
            f"here; give it as --set network.degree.{name}=PIXELS, or leave the set out with --datasets"
        )
    for option, value in {**options, "degree": degrees[name]}.items():
        if isinstance(value, bool) or not isinstance(value, int | float if option in ("degree", "width") else int):
            raise ValueError(f"{HUMAN}: network.{option} is {value!r}; expected a number")
    return Halving(float(degrees[name]), **options)


def require_observers(videos: Mapping[str, Sequence[Video]]) -> None:
    """Nothing, when every test video of each set comes with gaze of its single observers.

    Raises:
        ValueError: naming the sets for which human infinite is not available.
    """
    lacking = {name: [v.name for v in listed if v.gaze is None] for name, listed in videos.items()}
    short = {name: names for name, names in lacking.items() if names}
    if short:
        said = "; ".join(
            f"{name} ({len(v)} of {many(len(videos[name]), 'video')}, such as {v[0]})" for name, v in short.items()
        )
        rest = ",".join(name for name in videos if name not in short)
        advice = f"; test the others with --datasets {rest}" if rest else ""
        raise ValueError(
            f"{HUMAN} is not available without the gaze of single observers: no observers.csv in {said}; "
            f"pooled fixation maps cannot stand in for it, docs/data.md has the form{advice}"
        )


#: Frames that are timed for the plan, spread over a video.
TIMED_FRAMES = 4


def seconds_of_test(job: Job, recipe: Recipe, space: Workspace, name: str) -> float:
    """Seconds of one thread for the test on a data set: some frames of its own gaze, timed, times all frames and draws.

    Raises:
        ValueError, FileNotFoundError: as :meth:`HumanJob.check`.
    """
    videos = dataset(name).videos(space.root_of(name), "test", job.fold)
    require_observers({name: videos})
    halving, rules = halving_of(recipe.network, name), protocol(job.protocol)
    video = sorted(videos, key=lambda v: v.n_frames)[len(videos) // 2]
    one, other, frames = next(halves(video, halving, videos, [0]))
    if not frames:
        return 0.0
    preparation = Preparation(rules, one.size) if is_quick(rules) else None
    timed = frames[:: max(1, len(frames) // TIMED_FRAMES)][:TIMED_FRAMES]
    score_both(one, other, timed[0], rules, preparation)  # what is slow the first time only
    began = time.perf_counter()
    for frame in timed:
        score_both(one, other, frame, rules, preparation)
    each = (time.perf_counter() - began) / len(timed)
    return each * halving.splits * sum(v.n_frames for v in videos)


@dataclass(frozen=True)
class _Task:
    """One draw of the observers of a video, to score; processes share the draws, not the videos."""

    video: Video
    test_list: list[Video]
    halving: Halving
    rules: Protocol
    split: int


def _score_split(task: _Task) -> Drawn:
    return score_splits(task.video, task.halving, task.rules, task.test_list, [task.split])


def _finish(task: _Task, parts: Sequence[Drawn], results: Results) -> None:
    """Write the result of a video whose draws are all scored, and its picture."""
    scorer, left_out = mean_of_splits(task.video, task.halving, task.rules, parts, task.test_list)
    gaze, size = read_observers(task.video)
    first = split_observers(task.video, len(gaze.observers), 1, task.halving.seed)[0][0]
    half = Half(task.video, gaze, first, size, task.halving.degree, width=task.halving.width)
    wanted = picture_frames(task.video)
    maps = dict(zip(wanted, half.predicted(wanted), strict=True))
    draw_video(maps, task.video, results.folder / f"{task.video.name}.png")
    results.write(scorer, observers=len(gaze.observers), left_out=left_out)


def _test(context: Context, place: Place, processes: Workers) -> None:
    """Score what is not scored yet of one set, and write the record."""
    job, name = context.job, place[0]
    videos, halving = _videos(context, name), halving_of(context.recipe.network, name)
    made = HumanJob().made_of(job, context.recipe, context.space, name, place[1])
    kept = Results(test_folder(job, context.recipe, context.space, name, place[1]), made.videos)
    story = provenance()
    rules = protocol(job.protocol)
    done = kept.read()
    left = sorted((v for v in videos if v.name not in done), key=lambda v: -v.n_frames)
    tasks = [_Task(v, videos, halving, rules, split) for v in left for split in range(halving.splits)]
    scored: dict[str, list[Drawn]] = {video.name: [] for video in left}
    total, rest = (halving.splits * sum(v.n_frames for v in some) for some in (videos, left))
    began = time.monotonic()
    with progress(f"observers of {name}", total, total - rest) as bar:
        for index, drawn in processes.run(_score_split, tasks):
            task = tasks[index]
            parts = scored[task.video.name]
            parts.append(drawn)
            if len(parts) == halving.splits:
                _finish(task, scored.pop(task.video.name), kept)
            bar.advance(task.video.n_frames, f"{task.video.name}, {len(parts)} of {many(halving.splits, 'draw')}")
    results = kept.read()
    story |= {
        "fits": [],
        "test_seconds": round(time.monotonic() - began, 1),
        "peak_memory_mb": peak_memory_mb(),
        "observers": _observers(videos, {video: told for video, (_, told) in results.items()}, halving),
        "made_of": dict(made.whole),
        **story_of_lists(context.space.root_of(name), dataset(name), job.fold),
    }
    write_job_result(context, place, job.model, [results[v.name][0] for v in videos], story, parameters=0)


def _observers(videos: Sequence[Video], kept: Mapping[str, Mapping[str, Any]], halving: Halving) -> dict[str, Any]:
    """What a record says of the observers: how many a video, and how many frames of how many had an empty half."""
    counts = [int(kept[v.name]["observers"]) for v in videos]
    return {
        "fewest": min(counts, default=0),
        "most": max(counts, default=0),
        "frames_left_out": sum(int(kept[v.name]["left_out"]) for v in videos),
        "frames_drawn": halving.splits * sum(v.n_frames for v in videos),
    }
