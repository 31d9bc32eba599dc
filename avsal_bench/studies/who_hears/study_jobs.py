"""The jobs of the study, and where they work: trainings of the search, and for each seed one that hears and one that
does not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from avsal_bench.bench.job import Job
from avsal_bench.bench.plan import check_recipe, epoch_clips, records_of
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.dataset import dataset
from avsal_bench.files import fingerprint
from avsal_bench.studies.who_hears.study_file import CONDITIONS, Passes, Setting, Study
from avsal_bench.text import many
from avsal_bench.training.recipe import Recipe, load_recipe
from avsal_bench.training.recipe_folder import recipe_folder

#: The fold of all trainings: settings are compared, and no fold is.
FOLD = 1
#: What silences a network in training and in validation.
SILENT = "hears=muted"


@dataclass(frozen=True)
class Work:
    """The folders of a study.

    Args:
        folder: the work folder; all that the study writes lies in it.
        synth_root: of the embedded set that is measured.
        reuse_other_code: see :class:`~avsal_bench.bench.workspace.Workspace`.
    """

    folder: Path
    synth_root: Path
    reuse_other_code: bool = False

    @property
    def runs(self) -> Path:
        """Trainings, logs and states of all jobs."""
        return self.folder / "runs"

    @property
    def search_root(self) -> Path:
        """The embedded set of another seed, of the search."""
        return self.folder / "search-data"

    def space(self, job: Job) -> Workspace:
        """The folders of a job. Its records lie in a place of their own, by the words that make it."""
        root = self.search_root if job.train_only else self.synth_root
        place = f"{job.network}-{fingerprint([job.preset, job.overrides])[:10]}"
        leaderboard = self.folder / "leaderboard" / ("search" if job.train_only else place)
        return Workspace(self.folder, None, root, self.runs, leaderboard, self.reuse_other_code)

    def words(self, job: Job) -> list[str]:
        """The words of ``avsal run`` that name the folders of this job alone; the runs are those of all."""
        space = self.space(job)
        folders = {"synth-root": space.synth_root, "leaderboard": space.leaderboard}
        return [word for name, folder in folders.items() for word in (f"--{name}", str(folder.absolute()))]


@dataclass(frozen=True)
class Pair:
    """The two trainings of one seed: one that hears, tested under all conditions, and one that never heard anything."""

    hearing: Job
    silent: Job

    def __iter__(self) -> Iterator[Job]:
        """Both, the hearing one first."""
        return iter((self.hearing, self.silent))


def silenced(job: Job) -> Job:
    """The same training on silence."""
    return replace(job, overrides=(*job.overrides, SILENT))


def search_jobs(study: Study, network: str) -> list[Job]:
    """A training of each setting of a network, on the data of the search; none where there is nothing to choose."""
    settings = study.networks[network].settings
    if len(settings) < 2:
        return []
    return [replace(_job(study, network, one), seed=study.search_seed, train_only=True) for one in settings]


def pairs(study: Study, network: str, setting: Setting) -> dict[int, Pair]:
    """The trainings that are measured, by seed."""
    job = _job(study, network, setting)
    return {
        seed: Pair(
            replace(job, seed=seed, sounds=CONDITIONS),
            replace(silenced(job), seed=seed, sounds=("muted",)),
        )
        for seed in study.seeds
    }


def record_paths(job: Job, work: Work) -> dict[str, Path]:
    """Where the records of a job lie, by sound."""
    space = work.space(job)
    return {sound: path for _, sound, path in records_of(job, job.recipe(space), space)}


def check_jobs(study: Study, work: Work) -> int:
    """Look whether every setting can be trained, on the embedded set alone, and on as many clips as all others.

    Returns:
        The clips of the audio-visual stage.

    Raises:
        ValueError: naming network and setting.
    """
    counts: dict[int, str] = {}
    for network, entry in study.networks.items():
        for setting in entry.settings:
            where = f"network {network}, setting {setting.name!r}"
            try:
                job = _job(study, network, setting)
                space = work.space(job)
                recipe = job.recipe(space)
                check_recipe(job, recipe)
                _check_embedded(recipe)
                silenced(job).recipe(space)  # of the same network
            except ValueError as error:
                raise ValueError("\n".join(f"{where}: {line}" for line in str(error).splitlines())) from error
            stage = recipe.stages[-1]
            counts.setdefault(stage.epochs * epoch_clips(stage, FOLD, space), where)
    if len(counts) > 1:
        told = ", ".join(f"{many(count, 'clip')} ({where})" for count, where in counts.items())
        raise ValueError(f"every network learns from the same number of clips, and these differ: {told}")
    return next(iter(counts))


def check_seeds(study: Study, work: Work) -> None:
    """Look whether the measured set is of another seed than that of the search, which must not see it.

    Raises:
        ValueError: where it is the same.
    """
    seed = made_with(work.synth_root)["seed"]
    if seed == study.search_data:
        raise ValueError(
            f"{work.synth_root}: the embedded set of seed {seed}, on which the settings are searched; measure on "
            "another one (--synth-root), or search on another seed (search_data in the plan)"
        )


def made_with(root: Path) -> dict[str, int]:
    """Seed and number of videos of an embedded set that is there."""
    marker = json.loads((root / "synth.json").read_text(encoding="utf-8"))
    return {"seed": int(marker["seed"]), "videos": int(marker["videos"])}


def unique(jobs: Iterable[Job]) -> list[Job]:
    """Each job once, in order: two networks of a plan may be the same training."""
    return list(dict.fromkeys(jobs))


def _check_embedded(recipe: Recipe) -> None:
    if not recipe.stages or recipe.test != ("synth",):
        raise ValueError(f"the study trains, and tests on synth alone; got test {', '.join(recipe.test)}")
    for stage in recipe.stages:
        if real := [name for name in (*stage.data, *stage.stills) if not dataset(name).embedded]:
            raise ValueError(f"stage {stage.name!r} trains on {', '.join(real)}; causes are known on synth alone")
        if stage.hears != "original":
            raise ValueError(f"stage {stage.name!r} hears {stage.hears}: that is the ablation, which each setting has")
    if recipe.stages[-1].modality == "v":
        raise ValueError(f"the last stage, {recipe.stages[-1].name!r}, trains without sound")


def _job(study: Study, network: str, setting: Setting) -> Job:
    words = (*_common(study, network), *setting.set)
    return Job(study.model(network), "av", FOLD, 0, study.preset, study.protocol, words)


def _common(study: Study, network: str) -> tuple[str, ...]:
    """Words that all settings of a network share: its variant, and how many clips its stages have."""
    entry, model = study.networks[network], study.model(network)
    stages = _stages(model, study.preset, entry.set)
    if not stages:
        raise ValueError(f"{model} trains nothing in its preset {study.preset}")
    words = [*entry.set]
    for name, own in stages[:-1]:
        words += _passes(name, study.visual) if own else []
    return (*words, *_passes(stages[-1][0], study.audiovisual))


@lru_cache(maxsize=64)
def _stages(model: str, preset: str, words: tuple[str, ...]) -> list[tuple[str, bool]]:
    """Names of the stages of a recipe, and whether each trains the network itself, and not a part of it elsewhere."""
    recipe = load_recipe(recipe_folder(model), model, preset, words)
    return [(stage.name, stage.model in ("", model)) for stage in recipe.stages]


def _passes(stage: str, passes: Passes) -> list[str]:
    counts = {"epochs": passes.epochs, "clips_per_video": passes.clips_per_video, "clips_every": "null"}
    return [f"stages.{stage}.{key}={value}" for key, value in counts.items()]
