"""What the study found of each network, from its records: losses, the ablation, and the verdict in words."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from avsal_bench.bench.job import Job
from avsal_bench.bench.plan import check_same_recipe
from avsal_bench.leaderboard.conditions import SOUNDING, Condition, difference, video_scores
from avsal_bench.leaderboard.statistics import Interval
from avsal_bench.means import defined_mean
from avsal_bench.records import Record
from avsal_bench.studies.who_hears.seed_intervals import over_seeds_and_videos
from avsal_bench.studies.who_hears.study_file import CONDITIONS, Study
from avsal_bench.studies.who_hears.study_jobs import Pair, Work, pairs, record_paths
from avsal_bench.studies.who_hears.study_search import Scores, noted_choice, read_choices
from avsal_bench.text import named

#: The metric of all losses of the study.
METRIC = "CC"
OTHER_SOUNDS: tuple[str, ...] = CONDITIONS[1:]


@dataclass(frozen=True)
class Loss:
    """What a network loses with another sound than the true one, in :data:`METRIC`.

    Args:
        sounding: on scenes where the sound tells where people look.
        other: on the others.
        map_cc: mean CC of the maps with this sound and with the true one, over all videos and seeds.
        by_seed: on sounding scenes, for each seed the interval over videos.
    """

    sounding: Interval
    other: Interval
    map_cc: float
    by_seed: Mapping[int, Interval]


@dataclass(frozen=True)
class Found:
    """What was found of a network.

    Args:
        network: of the study.
        model: in the registry.
        setting: name of the setting that was measured.
        reason: of it.
        set: its overrides.
        tried: settings that were searched, each with its validation CC; none where there was no search.
        seeds: that were measured whole.
        missing: seeds of the plan that were not.
        score: with the true sound, on sounding scenes.
        losses: by sound.
        silent: score of the ablation on sounding scenes: trained, validated and tested on silence.
        over_silent: paired difference to it.
        clips: of the last stage, and of the stages before, as they were trained.
        seconds: of training of a seed, mean over seeds, in which stages that seeds share count for each.
        devices: that trained.
        verdict: in words.
    """

    network: str
    model: str
    setting: str
    reason: str
    set: tuple[str, ...]
    tried: Scores
    seeds: tuple[int, ...]
    missing: tuple[int, ...]
    score: Interval
    losses: Mapping[str, Loss]
    silent: Interval
    over_silent: Interval
    clips: tuple[int, int]
    seconds: float
    devices: tuple[str, ...]
    verdict: str


@dataclass(frozen=True)
class NotRun:
    """A network of the plan without a seed that was measured whole, and why."""

    network: str
    model: str
    why: str


def look_at_records(study: Study, work: Work) -> list[Found | NotRun]:
    """What is there of every network of a plan, in its order; what was not run is told, and never left out.

    Raises:
        ValueError: for a record that was made by another recipe than the plan's.
    """
    noted = read_choices(work)
    return [_look(study, network, noted, work) for network in study.networks]


def _look(study: Study, network: str, noted: Mapping[str, Any], work: Work) -> Found | NotRun:
    model = study.model(network)
    kept = noted_choice(study, network, noted)
    if kept is None:
        return NotRun(network, model, "no setting is chosen yet")
    setting, tried = kept
    records: dict[int, tuple[dict[str, Record], Record]] = {}
    for seed, pair in pairs(study, network, setting).items():
        found = _records(pair, work)
        if found is not None:
            records[seed] = found
    if not records:
        return NotRun(network, model, f"setting {setting.name!r} is chosen, no seed is trained and tested whole")
    hearing = {seed: of_sound for seed, (of_sound, _) in records.items()}
    silent = {seed: record for seed, (_, record) in records.items()}
    losses = {sound: _loss(hearing, sound) for sound in OTHER_SOUNDS}
    every = [record for of_sound in hearing.values() for record in of_sound.values()]
    return Found(
        network,
        model,
        setting.name,
        setting.reason,
        setting.set,
        tried,
        tuple(records),
        tuple(seed for seed in study.seeds if seed not in records),
        over_seeds_and_videos([video_scores(of["original"], METRIC, SOUNDING) for of in hearing.values()]),
        losses,
        over_seeds_and_videos([video_scores(record, METRIC, SOUNDING) for record in silent.values()]),
        over_seeds_and_videos([_less(hearing[seed]["original"], silent[seed], SOUNDING) for seed in records]),
        clips_of(next(iter(hearing.values()))["original"]),
        defined_mean(_seconds(of["original"]) for of in hearing.values()),
        tuple(dict.fromkeys(str(record.provenance.get("device", "?")) for record in every)),
        verdict(losses),
    )


def _records(pair: Pair, work: Work) -> tuple[dict[str, Record], Record] | None:
    """The records of a seed; None while one is missing."""
    hearing, silent = (_read(job, work) for job in pair)
    if not hearing or not silent:
        return None
    return hearing, silent["muted"]


def _read(job: Job, work: Work) -> dict[str, Record]:
    """All records of a job by sound; none while one is missing.

    Raises:
        ValueError: for one of another recipe, and for sounds of different weights.
    """
    paths = record_paths(job, work)
    if not all(path.is_file() for path in paths.values()):
        return {}
    recipe = job.recipe(work.space(job))
    found = {sound: check_same_recipe(path, job, recipe) for sound, path in paths.items()}
    if len({json.dumps(record.weights.get("sha256")) for record in found.values()}) > 1:
        place = next(iter(paths.values())).parent
        raise ValueError(f"{place}: records of {job.name} are of different weights; remove them, and test again")
    return found


def _loss(hearing: Mapping[int, Mapping[str, Record]], sound: str) -> Loss:
    other = _other_scenes(hearing)
    return Loss(
        over_seeds_and_videos([_less(of["original"], of[sound], SOUNDING) for of in hearing.values()]),
        over_seeds_and_videos([_less(of["original"], of[sound], other) for of in hearing.values()]),
        defined_mean(video.map_cc for of in hearing.values() for video in of[sound].videos if video.map_cc is not None),
        {
            seed: difference(_condition("true sound", of["original"]), _condition(sound, of[sound]), METRIC, SOUNDING)
            for seed, of in hearing.items()
        },
    )


def _condition(name: str, record: Record) -> Condition:
    return Condition(name, {(record.fold, record.seed): record})


def _other_scenes(hearing: Mapping[int, Mapping[str, Record]]) -> Collection[str]:
    return {v.category for of in hearing.values() for v in of["original"].videos} - set(SOUNDING)


def _less(a: Record, b: Record, scenes: Collection[str]) -> dict[str, float]:
    """``a - b`` for each video that both have."""
    ours, theirs = (video_scores(record, METRIC, scenes) for record in (a, b))
    return {video: ours[video] - theirs[video] for video in ours if video in theirs}


def verdict(losses: Mapping[str, Loss]) -> str:
    """In words, from the losses on sounding scenes: a loss is one whose 95 % interval over videos lies above zero.

    A seed hears where it loses with every other sound: what loses with some of them alone uses the sound for something
    else than where it comes from, such as whether there is any. Where a seed has no interval, as of constant maps,
    which have no CC, nothing is said.
    """
    seeds = list(next(iter(losses.values())).by_seed)
    if unknown := [seed for seed in seeds if any(math.isnan(loss.by_seed[seed].low) for loss in losses.values())]:
        return f"unknown: no interval with {named('seed', unknown)}, whose maps are constant or whose videos too few"
    lost = {seed: [sound for sound, loss in losses.items() if loss.by_seed[seed].above_zero] for seed in seeds}
    hear = [seed for seed in seeds if len(lost[seed]) == len(losses)]
    if hear == seeds:
        return "hears with every seed" if len(seeds) > 1 else f"hears with {named('seed', seeds)}, the only one"
    if hear:
        return f"hears with some: {named('seed', hear)} of {', '.join(map(str, seeds))}"
    if not any(lost.values()):
        return "loses nothing"
    told = "; ".join(f"seed {seed} with {', '.join(sounds)}" for seed, sounds in lost.items() if sounds)
    return f"does not hear with every sound: loses by {told} only"


def clips_of(record: Record) -> tuple[int, int]:
    """Clips that a training saw in its last stage, and in those before, in whole steps.

    An entry of ``provenance.fits`` tells the steps of a stage; the recipe the clips of a step.
    """
    sizes = {
        stage["name"]: stage["batch_size"] * stage.get("accumulate", 1) for stage in record.recipe.get("stages", ())
    }
    seen = [int(fit.get("steps") or 0) * sizes.get(fit.get("stage"), 0) for fit in record.provenance.get("fits", ())]
    return (seen[-1], sum(seen[:-1])) if seen else (0, 0)


def _seconds(record: Record) -> float:
    told = [fit.get("seconds") for fit in record.provenance.get("fits", ())]
    return math.fsum(one for one in told if one is not None)


def seeds_text(found: Found) -> str:
    """The seeds of a network, and those that are missing."""
    told = ", ".join(map(str, found.seeds))
    return f"{told} (not run: {', '.join(map(str, found.missing))})" if found.missing else told


def not_run(found: Sequence[Found | NotRun]) -> list[NotRun]:
    """Networks that nothing is known of."""
    return [one for one in found if isinstance(one, NotRun)]


def measured(found: Sequence[Found | NotRun]) -> list[Found]:
    """Networks with at least one seed."""
    return [one for one in found if isinstance(one, Found)]
