"""Ablations: the tables of a paper that compare versions of its own network, run on whatever data is at hand.

``ablations/<name>.yaml`` of the package's resources says which options make each row of a published table. What the
paper scored is in their ``published.csv``, and found by the label of the row; no score is written twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_args

from avsal_bench.bench.cost import cost
from avsal_bench.bench.job import Job, own_data
from avsal_bench.bench.launch.local import launch_local
from avsal_bench.bench.launch.state import is_complete
from avsal_bench.bench.plan import records_of
from avsal_bench.bench.run import forget
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.dataset import dataset, expand
from avsal_bench.evaluation.protocol import protocol as rules
from avsal_bench.kept import one_look
from avsal_bench.models import model_entry
from avsal_bench.names import pick, unknown
from avsal_bench.resources import resource
from avsal_bench.spec import Modality
from avsal_bench.text import text_table
from avsal_bench.training.recipe import Recipe, load_recipe
from avsal_bench.training.recipe_folder import recipe_folder
from avsal_bench.yaml_files import read_yaml

#: Overrides of a recipe: dotted keys and plain values.
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """One row of a published table.

    Args:
        variant: its label in ``published.csv``.
        modality: ``v``, ``av`` or ``a``.
        set: overrides of the recipe that make it.
        presets: further ones, by the preset that they are for.
        unprinted: why the paper prints no score of it that can be read; "" for a row of ``published.csv``.
        folder: of its records, where the label would not do; "" for the label.
    """

    variant: str
    modality: str
    set: Settings = field(default_factory=dict)
    presets: Mapping[str, Settings] = field(default_factory=dict)
    unprinted: str = ""
    folder: str = ""

    @property
    def slug(self) -> str:
        """The label as the name of a folder.

        >>> Row("V+A+ILinear+C", "av").slug, Row("lambda=0.1", "av").slug
        ('v-a-ilinear-c', 'lambda-0-1')
        """
        return re.sub(r"[^a-z0-9]+", "-", (self.folder or self.variant).lower()).strip("-")


@dataclass(frozen=True)
class Ablation:
    """A published table, and how each of its rows is made.

    Args:
        name: of the file.
        title: in a few words.
        paper: key in ``published.csv``.
        table: in that paper, as ``published.csv`` has it; or a figure.
        model: of all rows.
        rows: in the order of the paper.
        base: variant that the others are compared with; by default the first.
        data: sets that the table was trained and tested on, where they are not those of the recipe. They take the
            place of those of the last stage and of the test; a preset on embedded sets keeps its own.
        folds: that are run; by default those of the recipe. A preset on embedded sets keeps its own.
        set: overrides of the recipe that all rows share.
        presets: further ones, by the preset that they are for.
        left_out: published rows that cannot be made, and why.
        method: what ``published.csv`` calls the network, where a paper changes one of others; "" for ``model``.
        kind: of these rows in ``published.csv``: ``ablation``, or ``main`` for versions among the networks of others.
        preset: of the recipe, that stands here for ``paper``; "" for that.
        notes: what a reader of the table must know, such as where the paper contradicts itself, in texts of their own.
    """

    name: str
    title: str
    paper: str
    table: str
    model: str
    rows: tuple[Row, ...]
    base: str = ""
    data: tuple[str, ...] = ()
    folds: tuple[int, ...] = ()
    set: Settings = field(default_factory=dict)
    presets: Mapping[str, Settings] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    method: str = ""
    kind: str = "ablation"
    preset: str = ""


def ablations_text() -> str:
    """All ablations, a line each, for a terminal."""
    folder = resource("ablations")
    found = [load_ablation(folder, name) for name in list_ablations(folder)]
    body = [[a.name, a.model, f"{a.paper}, {a.table}", str(len(a.rows)), a.title] for a in found]
    return text_table(["ablation", "network", "published in", "rows", "title"], body, numbers=[3])


def asked_ablation(name: str, models: Sequence[str] = (), modalities: Sequence[str] = ()) -> Ablation:
    """The ablation that a person asks for.

    Args:
        name: of its file.
        models: named beside it; none, or its own.
        modalities: named beside it; each row says its own, so none.

    Raises:
        ValueError: for an unknown name, another network, and any modality; as :func:`load_ablation` does.
    """
    ablation = load_ablation(resource("ablations"), name)
    if list(models) not in ([], [ablation.model]):
        asked = " ".join(models)
        raise ValueError(f"ablation {ablation.name} is one of {ablation.model}, not of {asked}; leave the network out")
    if modalities:
        raise ValueError("each row of an ablation says its modality; leave --modality out")
    return ablation


def list_ablations(folder: Path) -> list[str]:
    """Names of all ablations, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load_ablation(folder: Path, name: str) -> Ablation:
    """Read ``<folder>/<name>.yaml``.

    Raises:
        ValueError: for an unknown name; and, with the file, for an unknown or missing key, modality, data set or fold,
            for two rows with one label or folder, and for a base that is no row.
    """
    path = pick("ablation", name, {known: folder / f"{known}.yaml" for known in list_ablations(folder)})
    plain = read_yaml(path)
    try:
        keys = _checked(Ablation, plain, "ablation", given=("name",))
        rows = tuple(_row(entry) for entry in keys.pop("rows"))
        keys |= {"data": tuple(expand(keys.get("data", ()))), "folds": tuple(keys.get("folds", ()))}
        keys["notes"] = _notes(keys.get("notes", ()))
        base = keys.pop("base", rows[0].variant if rows else "")
        ablation = Ablation(name=name, rows=rows, base=base, **keys)
        _check(ablation)
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: {error}") from error
    return ablation


def _notes(plain: Any) -> tuple[str, ...]:
    if not isinstance(plain, list | tuple) or not all(isinstance(note, str) for note in plain):
        raise ValueError(f"notes: expected a list of texts, got {plain!r}")
    return tuple(plain)


def _row(plain: Any) -> Row:
    where = f"row {plain.get('variant', '')!r}" if isinstance(plain, dict) else "row"
    return Row(**_checked(Row, plain, where))


def _checked(kind: type[Ablation] | type[Row], plain: Any, where: str, given: Sequence[str] = ()) -> dict[str, Any]:
    """The mapping, if it has all the keys that ``kind`` asks for and no other."""
    if not isinstance(plain, dict):
        raise ValueError(f"{where}: expected a mapping, got {plain!r}")
    known = [f.name for f in fields(kind) if f.name not in given]
    for key in plain:
        if key not in known:
            raise ValueError(f"{where}: {unknown('key', key, known)}")
    needed = ("variant", "modality") if kind is Row else ("title", "paper", "table", "model", "rows")
    if missing := [key for key in needed if not plain.get(key)]:
        raise ValueError(f"{where}: the key {missing[0]!r} is missing")
    return dict(plain)


def _check(ablation: Ablation) -> None:
    slugs: dict[str, str] = {}
    for row in ablation.rows:
        if row.modality not in get_args(Modality):
            raise ValueError(f"row {row.variant!r}: {unknown('modality', row.modality, get_args(Modality))}")
        if row.slug in slugs:
            raise ValueError(f"rows {slugs[row.slug]!r} and {row.variant!r} would share the folder {row.slug!r}")
        slugs[row.slug] = row.variant
    variants = list(slugs.values())
    if ablation.base not in variants:
        raise ValueError(f"base: {unknown('variant', ablation.base, variants)}")
    if twice := [label for label in ablation.left_out if label in variants]:
        raise ValueError(f"{twice[0]!r} is a row and left out; expected one of the two")
    if ablation.kind not in ("ablation", "main"):
        raise ValueError(f"kind: {unknown('kind', ablation.kind, ('ablation', 'main'))}")
    for fold in ablation.folds:
        if fold not in (1, 2, 3):
            raise ValueError(f"folds: expected 1, 2 or 3, got {fold!r}")


@dataclass(frozen=True)
class RowPlan:
    """A row, its jobs, and the workspace whose records are those of this row alone; stages are shared by all rows."""

    row: Row
    jobs: tuple[Job, ...]
    space: Workspace

    def records(self) -> Iterator[tuple[Job, Recipe, Path]]:
        """Job, resolved recipe and path of every record."""
        for job in self.jobs:
            recipe = job.recipe(self.space)
            for _, _, path in records_of(job, recipe, self.space):
                yield job, recipe, path

    def unfinished(self) -> list[Job]:
        """Jobs without all of their records, or with those that are made of other things, which the job refuses."""
        with one_look():
            return [job for job in self.jobs if not is_complete(job, self.space)]


def ablation_root(ablation: Ablation, space: Workspace, preset: str, precision: str = "") -> Path:
    """Where the records of an ablation lie, a folder a row, and its table."""
    return space.runs / "ablations" / "-".join(filter(None, [ablation.name, preset, precision]))


def plan_ablation(
    ablation: Ablation,
    space: Workspace,
    preset: str,
    protocol: str,
    *,
    folds: Sequence[int] = (),
    seeds: Sequence[int] = (0,),
    overrides: Sequence[str] = (),
    own: Sequence[str] = (),
    precision: str = "",
) -> list[RowPlan]:
    """The jobs of every row, in the order of the table.

    Args:
        ablation: the table.
        space: folders; that of the leaderboard is not used.
        preset: of the recipe of the network.
        protocol: of the scores.
        folds: in the place of those of the ablation and the recipe.
        seeds: of training.
        overrides: of the recipe, for all rows, after those of the ablation.
        own: data in the place of the table's, as words of :func:`~avsal_bench.bench.job.own_words`.
        precision: of the tests, see :class:`~avsal_bench.bench.job.Job`; another one is another table.

    Raises:
        ValueError, FileNotFoundError: for an unknown model, preset or modality, a model without a recipe, an override
            that the recipe does not know, or tests by eye and by mouse, which share no table.
    """
    rules(protocol)
    preset = ablation.preset or preset if preset == "paper" else preset
    plans = []
    known = model_entry(ablation.model).modalities
    for row in ablation.rows:
        if row.modality not in known:
            raise ValueError(f"ablation {ablation.name}, row {row.variant!r}: {ablation.model} has no {row.modality}")
        words = (*row_overrides(ablation, row, preset, own), *overrides)
        recipe = load_recipe(recipe_folder(ablation.model), ablation.model, preset, words, own_data(own))
        _check_kinds(recipe)
        run = folds or (() if own or embedded(recipe) else ablation.folds) or recipe.folds
        place = ablation_root(ablation, space, recipe.preset, precision) / row.slug
        job = Job(ablation.model, row.modality, 1, 0, preset, protocol, words, own=tuple(own), precision=precision)
        jobs = [replace(job, fold=fold, seed=seed) for fold in run for seed in seeds]
        plans.append(RowPlan(row, tuple(jobs), replace(space, leaderboard=place)))
    return plans


def _check_kinds(recipe: Recipe) -> None:
    kinds = {str(dataset(name).viewing["device"]): name for name in reversed(recipe.test)}
    if {"eye", "mouse"} <= kinds.keys():
        raise ValueError(
            f"{kinds['eye']} is of eye tracking and {kinds['mouse']} of a mouse: they share no table and no mean; test "
            "on sets of one kind"
        )


def row_overrides(ablation: Ablation, row: Row, preset: str, own: Sequence[str] = ()) -> tuple[str, ...]:
    """Overrides of the recipe that make a row: those of all rows, those of the row, and, but for own data, its sets."""
    key = "paper" if preset == ablation.preset else preset
    chosen = [ablation.set, ablation.presets.get(key, {}), row.set, row.presets.get(key, {})]
    words = [f"{key}={json.dumps(value)}" for settings in chosen for key, value in settings.items()]
    words.append('sounds=["original"]')  # the papers mute nothing
    recipe = load_recipe(recipe_folder(ablation.model), ablation.model, preset, words, own_data(own))
    if ablation.data and not own and not embedded(recipe):
        names = json.dumps(ablation.data)
        words += [f"stages.{recipe.stages[-1].name}.data={names}"] if recipe.stages else []
        words.append(f"test={names}")
    return tuple(words)


def embedded(recipe: Recipe) -> bool:
    """Whether a recipe is tested on sets that the project makes itself."""
    return all(dataset(name).embedded for name in recipe.test)


def ablation_plan_text(plans: Sequence[RowPlan]) -> str:
    """What is left to do, a line a row; a stage that several rows share counts for the first."""
    shared = set[Path]()
    body = []
    for plan in plans:
        left = [cost(job, plan.space, shared) for job in plan.jobs]
        numbers = [sum(getattr(one, what) for one in left) for what in ("steps", "windows", "records")]
        options = [word for word in plan.jobs[0].overrides if not word.startswith("sounds=")]
        done = [str(n) for n in numbers] if numbers[-1] else ["-", "-", "done"]
        body.append([plan.row.variant, plan.row.modality, str(len(plan.jobs)), *done, " ".join(options)])
    header = ["row", "modality", "jobs", "steps", "windows", "records", "overrides"]
    return text_table(header, body, numbers=range(2, 6))


def restart_ablation(plans: Sequence[RowPlan]) -> None:
    """Remove what the jobs of all rows have trained and tested."""
    for plan in plans:
        for job in plan.jobs:
            forget(job, plan.space)


def run_ablation(plans: Sequence[RowPlan], common: Sequence[str]) -> list[RowPlan]:
    """Run what is not done, row by row; returns the rows of which a job failed.

    Args:
        plans: of :func:`plan_ablation`.
        common: arguments of ``avsal run`` that all jobs share, such as folders and devices.

    Raises:
        OSError: naming a folder of results that cannot be written.
    """
    for plan in plans:
        plan.space.check_writable()
    failed = []
    for number, plan in enumerate(plans, start=1):
        left = plan.unfinished()
        state = "" if left else ": all records are there"
        print(f"\nrow {number} of {len(plans)}, {plan.row.variant}{state}", flush=True)
        if launch_local(left, [*common, "--leaderboard", str(plan.space.leaderboard)]):
            failed.append(plan)
    return failed
