"""What decided the weights under test, and which of the tested videos were in it; every record tells it.

Counted is what the lists say: who trains on a set is taken to have seen all its listed videos. Published weights say it
by the word of their authors. What a training began from counts too, and what that began from.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from avsal_bench.bench.job import Job
from avsal_bench.bench.seen.saying import UNKNOWN, Said, said_sets
from avsal_bench.bench.sets import videos_of
from avsal_bench.bench.stages import Training, observed_sets, trainings, weights_of
from avsal_bench.bench.starting import needed_weights
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.dataset import Video, dataset
from avsal_bench.data.same_videos import related, seen_among
from avsal_bench.data.setting_aside import fit_and_val
from avsal_bench.files import fingerprint
from avsal_bench.kept import once, one_look
from avsal_bench.models.weights.offered import list_weights
from avsal_bench.record_story import nothing_known
from avsal_bench.text import many
from avsal_bench.training.recipe import Recipe


@dataclass
class Learnt:
    """What decided some weights, as it is found.

    Args:
        sets: as records tell them (:class:`~avsal_bench.record_story.LearntForm`), each with its videos.
        weights: names of weights that it started from, each with what they were trained on, in words.
        known: whether this is all.
    """

    sets: list[tuple[dict[str, Any], list[Video]]] = field(default_factory=list)
    weights: dict[str, tuple[str, ...]] = field(default_factory=dict)
    known: bool = True

    def add(self, name: str, part: str, fold: int | None, use: str, videos: list[Video], stage: str = "") -> None:
        """Note the videos of a part of a set; of none, nothing."""
        told = {"set": name, "part": part, "fold": fold, "use": use} | ({"stage": stage} if stage else {})
        told |= {"videos": len(videos), "names": fingerprint(sorted(video.name for video in videos))}
        if videos and all(told != other for other, _ in self.sets):
            self.sets.append((told, videos))

    def start(self, name: str) -> None:
        """Note weights by their name."""
        entry = list_weights().get(name)
        self.weights[name] = entry.trained_on if entry else (UNKNOWN,)

    def plain(self) -> dict[str, Any]:
        """What a training's folder keeps of it, as plain values."""
        return {
            "known": self.known,
            "sets": [told for told, _ in self.sets],
            "weights": [{"name": name, "trained_on": list(words)} for name, words in self.weights.items()],
        }


def learnt_of(training: Training, fold: int, space: Workspace) -> Learnt:
    """What decides the weights of a stage: its videos, and all that it starts from.

    Raises:
        ValueError, FileNotFoundError: as the layouts of the sets.
    """
    learnt = Learnt()
    for stage in _chain(training):
        for name in stage.stage.data:
            one = dataset(name)
            listed = partial(videos_of, space, name, fold=fold)
            fitted, validated = fit_and_val(one, listed, stage.stage.val_fraction, stage.stage.validation)
            own = fold if one.folds else None
            learnt.add(name, "train", own, "fit", fitted, stage.stage.name)
            part = one.validated_on(stage.stage.validation)
            learnt.add(name, part, own, "validation", validated, stage.stage.name)
        if stage.stage.utterances:
            learnt.weights[f"stage {stage.stage.name}"] = (stage.stage.utterances,)
        for name in stage.stage.stills:
            own = fold if dataset(name).folds else None
            learnt.add(name, "train", own, "fit", videos_of(space, name, "train", fold), stage.stage.name)
        key = ("started from", stage.model, _text(stage.options), _text(stage.stage.start))
        for weights in once(key, partial(needed_weights, stage)):
            learnt.start(weights)
    return learnt


def _chain(training: Training) -> Iterator[Training]:
    """A stage and all that it starts from, the first ones first; each once."""
    found: dict[Path, Training] = {}

    def follow(one: Training) -> None:
        for source in (*([one.before] if one.before else []), *(source for source, _ in one.parts.values())):
            follow(source)
        found.setdefault(one.folder, one)

    follow(training)
    yield from found.values()


def _text(plain: Mapping[str, Any]) -> str:
    return json.dumps(plain, sort_keys=True, default=str)


def learnt_by(job: Job, recipe: Recipe, space: Workspace, name: str) -> Learnt:
    """What decides the weights of a job; of a baseline the maps that it is shown.

    Raises:
        ValueError, FileNotFoundError: as :func:`learnt_of`.
    """
    stages = trainings(job, recipe, space)
    if stages:
        return learnt_of(stages[-1], job.fold, space)
    learnt = Learnt()
    if published := weights_of(job, recipe):
        learnt.start(published)
    else:
        for shown in observed_sets(job, recipe, name):
            fold = job.fold if dataset(shown).folds else None
            learnt.add(shown, "train", fold, "observed", videos_of(space, shown, "train", job.fold))
    return learnt


@one_look()
def trained_on(job: Job, recipe: Recipe, space: Workspace, name: str) -> dict[str, Any]:
    """What a record of a job on a data set tells as ``trained_on``.

    Raises:
        ValueError, FileNotFoundError: as :func:`learnt_of`.
    """
    return told_of(learnt_by(job, recipe, space, name), name, job.fold, space)


def observed(name: str, fold: int, space: Workspace) -> dict[str, Any]:
    """What a record tells of a baseline that was shown the training maps of the set that it is tested on.

    Raises:
        ValueError, FileNotFoundError: as the layout of the set.
    """
    learnt = Learnt()
    learnt.add(name, "train", fold if dataset(name).folds else None, "observed", videos_of(space, name, "train", fold))
    return told_of(learnt, name, fold, space)


def published(weights: str, name: str, fold: int, space: Workspace) -> dict[str, Any]:
    """What a record tells of published weights, by the word of their authors."""
    learnt = Learnt()
    learnt.start(weights)
    return told_of(learnt, name, fold, space)


def said(words: Sequence[str] | None, name: str, fold: int, space: Workspace) -> dict[str, Any]:
    """What a record of somebody's maps tells, by their word; without one, that nothing is known.

    Args:
        words: as :func:`~avsal_bench.bench.seen.saying.asked_words` gives them; None where nobody says anything.
        name: of the set that is tested.
        fold: likewise.
        space: folders.
    """
    if words is None:
        return nothing_known()
    learnt = Learnt(weights={"said": tuple(words)} if words else {})
    return told_of(learnt, name, fold, space)


@one_look()
def of_checkpoint(path: Path, name: str, fold: int, space: Workspace) -> dict[str, Any]:
    """What a record tells of a checkpoint of a training here, by what lies beside it.

    The videos are listed again; where they are not those that the training had, only what is told of them counts.
    """
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(path.with_name("done.json").read_text(encoding="utf-8"))["trained_on"]
        learnt = Learnt(known=bool(kept["known"]))
        for told in kept["sets"]:
            videos = _listed_again(told, space)
            learnt.sets.append((told, videos))
            learnt.known &= bool(videos) or not related(told["set"], name) or told["set"] == name
        learnt.weights = {one["name"]: tuple(one["trained_on"]) for one in kept["weights"]}
        return told_of(learnt, name, fold, space)
    return nothing_known()


def _listed_again(told: Mapping[str, Any], space: Workspace) -> list[Video]:
    """The videos of a part that a training had, where all lists of it are as they were."""
    with suppress(ValueError, FileNotFoundError):
        one = dataset(told["set"])
        videos = [v for part in one.learnt_parts for v in videos_of(space, one.name, part, told["fold"] or 1)]
        if len(videos) >= told["videos"]:
            return videos
    return []


@one_look()
def told_of(learnt: Learnt, name: str, fold: int, space: Workspace) -> dict[str, Any]:
    """``trained_on`` of a record: what was learnt, and how much of the tested set is in it.

    Args:
        learnt: what decided the weights.
        name: of the set that is tested.
        fold: likewise.
        space: folders.
    """
    tested = videos_of(space, name, "test", fold)
    own: list[Video] = []
    with suppress(
        FileNotFoundError, ValueError
    ):  # a root to test on may have no training lists, or none that can be read
        own = [v for part in dataset(name).learnt_parts for v in videos_of(space, name, part, fold)]
    videos = [video for _, some in learnt.sets for video in some]
    known, trained = learnt.known, any(told["set"] == name for told, _ in learnt.sets)
    for one in said_sets([word for words in learnt.weights.values() for word in words]):
        if not related(one.dataset, name):
            continue
        listed = _said_videos(one, space)
        videos += listed
        trained |= one.dataset == name and one.part in ("train", "val")
        known &= bool(listed) or (one.dataset == name and one.part in ("train", "val") and _fold_is(one, name, fold))
    known &= not any(UNKNOWN in words for words in learnt.weights.values())
    return learnt.plain() | {
        "known": known,
        "tested_videos_seen": len(seen_among(tested, videos)),
        "training_part_seen": trained or bool(seen_among(own, videos)),
    }


def _fold_is(one: Said, name: str, fold: int) -> bool:
    """Whether the lists of a set say by themselves that its training part holds no tested video."""
    return one.fold == fold or not dataset(name).folds


def _said_videos(one: Said, space: Workspace) -> list[Video]:
    """Videos that somebody says were trained on; none where the part or its fold is not said, or no list is there."""
    with suppress(ValueError, FileNotFoundError):
        description = dataset(one.dataset)
        if one.part and (one.fold or not description.folds):
            return videos_of(space, description.name, one.part, one.fold or 1)
    return []


@one_look()
def seen_test_videos(job: Job, recipe: Recipe, space: Workspace, names: Iterable[str]) -> list[str]:
    """Warnings before a job starts: sets of which its training holds videos that it tests, one line each.

    Args:
        job: of a plan.
        recipe: of the job.
        space: folders.
        names: of the sets that it tests.
    """
    found = []
    for name in names:
        with suppress(FileNotFoundError):  # told where files are looked for
            learnt = learnt_by(job, recipe, space, name)
            if count := told_of(learnt, name, job.fold, space)["tested_videos_seen"]:
                tested = videos_of(space, name, "test", job.fold)
                sets = dict.fromkeys(told["set"] for told, videos in learnt.sets if seen_among(tested, videos))
                what = f"trains on {', '.join(sets)}" if sets else f"starts from {', '.join(learnt.weights)}"
                found.append(
                    f"warning: {job.name} {what}, which holds {count} of the {many(len(tested), 'test video')} of "
                    f"{name}: the leaderboard marks the row and ranks it nowhere; --datasets and --train choose others"
                )
    return found
