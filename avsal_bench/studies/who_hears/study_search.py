"""The search of the study: which setting of each network is measured, by validation videos of another seed alone."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from avsal_bench.bench.fit import read_story
from avsal_bench.bench.job import Job
from avsal_bench.bench.sharing.locks import hold
from avsal_bench.bench.stages import trainings
from avsal_bench.files import write_atomically
from avsal_bench.studies.who_hears.study_file import Entry, Setting, Study
from avsal_bench.studies.who_hears.study_jobs import Work, made_with, search_jobs

#: How a setting is chosen; it stands in the file and on the page.
RULE = "the setting with the highest CC on validation videos in any epoch of the last stage; of equal ones the first"


@dataclass(frozen=True)
class Tried:
    """A setting, and what its training gave on validation videos.

    Args:
        name: of the setting.
        reason: why it was tried.
        set: its overrides.
        best_val_cc: the highest of its epochs; None where no epoch has one.
        epoch: of it, from 1.
        kept_val_cc: of the epoch whose checkpoint is kept, that of the lowest validation loss.
        curve: the points of the last stage.
        stage: name of its folder.
        seconds: of the last stage.
    """

    name: str
    reason: str
    set: tuple[str, ...]
    best_val_cc: float | None
    epoch: int | None
    kept_val_cc: float | None
    curve: Sequence[Mapping[str, float]]
    stage: str
    seconds: float | None


@dataclass(frozen=True)
class Choice:
    """The setting of a network that is measured.

    Args:
        network: of the study.
        setting: that was chosen.
        tried: all that were searched, in the order of the plan; none where there was one setting.
    """

    network: str
    setting: Setting
    tried: tuple[Tried, ...] = ()

    def plain(self) -> dict[str, Any]:
        """As plain values."""
        rule = RULE if self.tried else "one setting: nothing was searched"
        return {"rule": rule, "chosen": asdict(self.setting), "tried": [asdict(one) for one in self.tried]}


def choose(tried: Sequence[Tried]) -> int:
    """Place of the chosen one, by :data:`RULE`; a training without a score is chosen only where none has one.

    Raises:
        ValueError: where nothing was tried.
    """
    if not tried:
        raise ValueError("no setting was tried")
    scores = [-math.inf if one.best_val_cc is None else one.best_val_cc for one in tried]
    return scores.index(max(scores))


def look_at_search(study: Study, network: str, work: Work) -> Choice | None:
    """The choice of a network from what is trained; None while a setting is not.

    Raises:
        ValueError: for a story of a training that is damaged.
    """
    entry = study.networks[network]
    jobs = search_jobs(study, network)
    if not jobs:
        return Choice(network, entry.settings[0])
    tried = [_tried(setting, job, work) for setting, job in zip(entry.settings, jobs, strict=True)]
    whole = [one for one in tried if one is not None]
    if len(whole) < len(tried):
        return None
    return Choice(network, entry.settings[choose(whole)], tuple(whole))


def with_done_searches(study: Study, plan: Study, work: Work) -> Study:
    """A study with as many of the plan's settings as were searched before, where it asks for fewer.

    What was searched is known, and a choice among more settings never gives way to one among fewer.

    Args:
        study: a part of the plan.
        plan: the whole.
        work: their folders.
    """
    return replace(study, networks={name: _searched(study, plan, name, work) for name in study.networks})


def _searched(study: Study, plan: Study, network: str, work: Work) -> Entry:
    asked, whole = study.networks[network], plan.networks.get(network)
    for count in range(len(whole.settings) if whole else 0, len(asked.settings), -1):
        more = replace(asked, settings=plan.networks[network].settings[:count])
        if look_at_search(replace(study, networks={network: more}), network, work) is not None:
            return more
    return asked


def _tried(setting: Setting, job: Job, work: Work) -> Tried | None:
    space = work.space(job)
    if not (work.search_root / "synth.json").is_file():
        return None
    stage = trainings(job, job.recipe(space), space)[-1]
    story = read_story(stage.folder)
    return None if story is None else tried_of(setting, story, stage.folder.name)


def tried_of(setting: Setting, story: Mapping[str, Any], stage: str) -> Tried:
    """What a training gave, from the story of its last stage.

    Args:
        setting: that it was trained by.
        story: of ``done.json``: ``curve``, a point an epoch, with ``val/cc`` and ``val/loss`` where they are finite.
        stage: name of its folder.
    """
    curve = [point for point in story.get("curve", []) if "val/cc" in point]
    best = max(curve, key=lambda point: (point["val/cc"], -point["epoch"]), default=None)
    kept = min((p for p in curve if "val/loss" in p), key=lambda p: (p["val/loss"], p["epoch"]), default=None)
    return Tried(
        setting.name,
        setting.reason,
        setting.set,
        None if best is None else float(best["val/cc"]),
        None if best is None else int(best["epoch"]),
        None if kept is None else float(kept["val/cc"]),
        story.get("curve", []),
        stage,
        story.get("seconds"),
    )


def note_choices(study: Study, work: Work, choices: Mapping[str, Choice]) -> Path:
    """Write choices beside those of other networks that are noted already.

    Returns:
        The file, ``search.json`` of the work folder.

    Raises:
        OSError: where it cannot be written.
    """
    path = work.folder / "search.json"
    with hold(work.folder):  # the same study may run elsewhere, for other networks
        plain = read_choices(work)
        plain |= {network: choice.plain() | _searched_on(study, work) for network, choice in choices.items()}
        write_atomically(path, json.dumps(dict(sorted(plain.items())), indent=1) + "\n")
    return path


def _searched_on(study: Study, work: Work) -> dict[str, Any]:
    data = made_with(work.search_root) if (work.search_root / "synth.json").is_file() else None
    return {"training_seed": study.search_seed, "data": data}


def read_choices(work: Work) -> dict[str, Any]:
    """What ``search.json`` holds, by network; nothing where there is none.

    Raises:
        ValueError: naming a file that is damaged.
    """
    path = work.folder / "search.json"
    if not path.is_file():
        return {}
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(plain, dict):
            return plain
        raise ValueError("no mapping")
    except ValueError as error:
        raise ValueError(f"{path}: damaged ({error}); remove it: the same command writes it anew") from error


#: Settings that were tried: name, reason, and validation CC; None where there was none.
Scores = tuple[tuple[str, str, float | None], ...]


def noted_choice(study: Study, network: str, noted: Mapping[str, Any]) -> tuple[Setting, Scores] | None:
    """The setting that was chosen before, as the plan has it still, and what was tried; None where there is none.

    Args:
        study: the plan.
        network: of it.
        noted: of :func:`read_choices`.
    """
    kept = noted.get(network)
    if not isinstance(kept, dict) or not isinstance(kept.get("chosen"), dict):
        return None
    words = tuple(kept["chosen"].get("set", ()))
    for setting in study.networks[network].settings:
        if (setting.name, setting.set) == (kept["chosen"].get("name"), words):
            tried = kept.get("tried", ())
            return setting, tuple((str(one["name"]), str(one["reason"]), one["best_val_cc"]) for one in tried)
    return None
