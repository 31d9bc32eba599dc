"""What the study costs, told before anything is trained: trainings, clips, windows, and hours from one timed clip."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avsal_bench.bench.cost import cost, seconds_a_clip
from avsal_bench.bench.job import Job
from avsal_bench.bench.launch.state import is_complete
from avsal_bench.bench.provenance import provenance
from avsal_bench.bench.stages import stage_options
from avsal_bench.kept import one_look
from avsal_bench.studies.who_hears.study_file import Setting, Study
from avsal_bench.studies.who_hears.study_jobs import Work, pairs, search_jobs, unique
from avsal_bench.text import many, text_table


@dataclass
class Left:
    """What is left to do of a network.

    Args:
        searches: trainings of the search.
        trainings: that are measured, hearing and silent ones.
        clips: to train on, in all stages.
        windows: to predict, each sound counted.
        hours: of one process on this machine; None where nothing was timed.
    """

    searches: int = 0
    trainings: int = 0
    clips: int = 0
    windows: int = 0
    hours: float | None = None


@dataclass
class Speeds:
    """Seconds of a training clip and of a window of networks, each timed once."""

    found: dict[str, tuple[float, float]] = field(default_factory=dict)

    def of(self, model: str, options: Mapping[str, Any], precision: str) -> tuple[float, float]:
        """Those of a network with some options."""
        key = json.dumps([model, options, precision], sort_keys=True, default=str)
        if key not in self.found:
            print(f"timing one clip of {model} ({options.get('modality', '')})", file=sys.stderr, flush=True)
            self.found[key] = seconds_a_clip(model, options, precision)
        return self.found[key]


def what_is_left(
    study: Study, work: Work, chosen: Mapping[str, Setting], precision: str, timed: bool = True
) -> dict[str, Left]:
    """What is left to do, by network; a stage that several jobs share counts for the first.

    Args:
        study: what is asked for.
        work: its folders.
        chosen: settings that are chosen; of other networks the first stands for the one that will be.
        precision: full name of that of the tests.
        timed: whether to time a clip of each network.
    """
    shared, speeds, found = set[Path](), Speeds(), dict[str, Left]()
    for network, entry in study.networks.items():
        setting = chosen.get(network, entry.settings[0])
        jobs = unique(
            [*search_jobs(study, network), *(job for pair in pairs(study, network, setting).values() for job in pair)]
        )
        left = Left(hours=0.0 if timed else None)
        with one_look():
            undone = [job for job in jobs if not is_complete(job, work.space(job))]
        for job in undone:
            left.searches += job.train_only
            left.trainings += not job.train_only
            _add(left, job, work, shared, speeds if timed else None, precision)
        found[network] = left
    return found


def _add(left: Left, job: Job, work: Work, shared: set[Path], speeds: Speeds | None, precision: str) -> None:
    space = work.space(job)
    one = cost(job, space, shared)
    left.clips += one.clips
    left.windows += one.windows
    if speeds is not None:
        seconds = sum(clips * speeds.of(stage.model, stage.options, precision)[0] for stage, clips in one.stages)
        if one.windows:
            options = stage_options(job, job.recipe(space))
            seconds += one.windows * speeds.of(job.model, options, precision)[1]
        left.hours = (left.hours or 0.0) + seconds / 3600


def cost_text(study: Study, left: Mapping[str, Left], clips: int) -> str:
    """The cost in a sentence, and a table with a line a network.

    Args:
        study: what is asked for.
        left: of :func:`what_is_left`.
        clips: of the audio-visual stage of each training.
    """
    total = {what: sum(getattr(one, what) for one in left.values()) for what in ("searches", "trainings", "clips")}
    hours = [one.hours for one in left.values() if one.hours is not None]
    if not any(total.values()):
        return f"nothing is left to train or test of {many(len(left), 'network')}"
    first = (
        f"Left to do: {many(total['searches'] + total['trainings'], 'training')} ({total['searches']} to search, "
        f"{total['trainings']} to measure) on {many(total['clips'], 'clip')} in all"
    )
    if hours:
        first += (
            f"; about {sum(hours):.2f} hours of one process, extrapolated from one clip at a time on "
            f"{provenance()['device']}, as busy as it is now"
        )
    body = [_row(network, len(study.networks[network].settings), one) for network, one in left.items()]
    header = ["network", "settings", "searches", "trainings", "clips", "windows", "hours"]
    seeds = ", ".join(map(str, study.seeds))
    end = f"seeds {seeds}; {many(clips, 'clip')} in the audio-visual stage of each training"
    return f"{first}\n{text_table(header, body, numbers=range(1, len(header)))}\n{end}"


def _row(network: str, settings: int, left: Left) -> Sequence[str]:
    hours = "" if left.hours is None else f"{left.hours:.2f}"
    return [network, *map(str, (settings, left.searches, left.trainings, left.clips, left.windows)), hours]
