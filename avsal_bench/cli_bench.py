"""The commands ``avsal bench`` and ``avsal run``, and the options that other commands share with them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from avsal_bench.bench.ablation import Ablation, RowPlan
    from avsal_bench.bench.plan import Job
    from avsal_bench.bench.run import Machine
    from avsal_bench.bench.workspace import Workspace

# Heavy imports stand inside the commands: `avsal --help` must answer at once.


def add_bench_commands(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``bench`` and ``run`` to the commands of ``avsal``."""
    text = "train and test networks, and put them on the leaderboard"
    many = commands.add_parser("bench", help=text, description=f"{text[0].upper()}{text[1:]}.")
    many.set_defaults(function=bench)
    folder_options(many)
    many.add_argument("models", nargs="*", metavar="MODEL", help="networks; `avsal list` names them")
    many.add_argument("--modality", action="append", default=[], help="only this one: v, av or a; may be repeated")
    many.add_argument("--folds", type=_numbers, default=[], help="such as 1,2,3; by default those of the recipe")
    many.add_argument("--seeds", type=_numbers, default=[0], help="such as 0,1; by default 0")
    many.add_argument("--force", action="store_true", help="do again what is done, from the first step of training")
    many.add_argument("--dry-run", action="store_true", help="print the plan and what it costs, and stop")
    many.add_argument(
        "--ablation",
        metavar="NAME",
        help="run the rows of a published table, such as caspnet-table2, and print ours beside the paper's; "
        "`list` names the tables (docs/ablations.md)",
    )
    many.add_argument("--show", action="store_true", help="with --ablation: print the table of what is done, and stop")
    _run_options(many)

    text = "run one job; `avsal bench` calls this for each job of its plan"
    one = commands.add_parser("run", help=text, description=f"{text[0].upper()}{text[1:]}.")
    one.set_defaults(function=run)
    folder_options(one)
    one.add_argument("model", metavar="MODEL")
    one.add_argument("--modality", default="", help="v, av or a; by default the richest the network has")
    one.add_argument("--fold", type=int, default=1, choices=[1, 2, 3])
    one.add_argument("--seed", type=int, default=0)
    _run_options(one)


def bench(args: argparse.Namespace) -> int:
    """Plan, run what is not done, and write the leaderboard; or do so for the rows of a published table."""
    from avsal_bench.bench.cost import plan_text
    from avsal_bench.bench.launch import launch_local
    from avsal_bench.bench.plan import make_plan
    from avsal_bench.bench.run import forget
    from avsal_bench.evaluation.protocol import protocol

    if args.ablation:
        return _list_ablations(args) if args.ablation == "list" else _bench_ablation(args)
    if args.show:
        raise ValueError("--show prints the table of an ablation; name it, such as --ablation caspnet-table2")
    if not args.models:
        raise ValueError("name a network, such as `avsal bench avrsp`, or a published table with --ablation")
    space = space_of(args)
    preset = _preset(args, space)
    protocol(args.protocol)
    jobs = make_plan(
        space,
        args.models,
        preset,
        args.protocol,
        modalities=args.modality,
        folds=args.folds,
        seeds=args.seeds,
        overrides=args.set,
    )
    space.check_writable()
    if args.force and not args.dry_run:
        for job in jobs:
            forget(job, space)
    print(plan_text(jobs, space, timed=preset == "paper"), flush=True)
    if args.dry_run:
        return 0
    failed = launch_local(jobs, _common(args))
    leaderboard(args)
    _summary(jobs, space)
    if failed:
        print(f"\n{len(failed)} of {len(jobs)} jobs failed: {', '.join(job.name for job in failed)}", file=sys.stderr)
    return 1 if failed else 0


def _list_ablations(args: argparse.Namespace) -> int:
    from avsal_bench.bench.ablation import ablations_folder, list_ablations, load_ablation
    from avsal_bench.text import columns

    folder = ablations_folder(space_of(args))
    found = [load_ablation(folder, name) for name in list_ablations(folder)]
    print(columns([[a.name, a.model, f"{a.paper}, {a.table}", f"{len(a.rows)} rows", a.title] for a in found]))
    return 0


def _bench_ablation(args: argparse.Namespace) -> int:
    """Run the rows of a published table, and write ours beside the paper's."""
    from avsal_bench.bench.ablation import (
        ablation_plan_text,
        ablation_root,
        ablations_folder,
        load_ablation,
        plan_ablation,
        run_ablation,
    )
    from avsal_bench.bench.run import forget
    from avsal_bench.evaluation.protocol import protocol
    from avsal_bench.records import write_atomically

    space = space_of(args)
    preset = _preset(args, space)
    protocol(args.protocol)
    ablation = load_ablation(ablations_folder(space), args.ablation)
    if args.models not in ([], [ablation.model]):
        asked = " ".join(args.models)
        raise ValueError(f"ablation {ablation.name} is one of {ablation.model}, not of {asked}; leave the network out")
    if args.modality:
        raise ValueError("each row of an ablation says its modality; leave --modality out")
    plans = plan_ablation(
        ablation, space, preset, args.protocol, folds=args.folds, seeds=args.seeds, overrides=args.set
    )
    failed: list[RowPlan] = []
    if not args.show:
        if args.force and not args.dry_run:
            for plan in plans:
                for job in plan.jobs:
                    forget(job, plan.space)
        print(ablation_plan_text(plans), flush=True)
        if args.dry_run:
            return 0
        for plan in plans:
            plan.space.check_writable()
        failed = run_ablation(plans, _common(args))
    text = _ablation_page(ablation, plans, space)
    path = ablation_root(ablation, space, preset) / "table.md"
    write_atomically(path, text)
    print(f"\n{text}\nwrote {path}")
    if failed:
        names = ", ".join(repr(plan.row.variant) for plan in failed)
        print(f"\n{len(failed)} of {len(plans)} rows failed: {names}", file=sys.stderr)
    return 1 if failed else 0


def _ablation_page(ablation: Ablation, plans: Sequence[RowPlan], space: Workspace) -> str:
    """The table of an ablation as Markdown, from the records that are there."""
    from avsal_bench.bench.ablation import compare_ablation, embedded, published_ablation
    from avsal_bench.leaderboard.page import markdown_table
    from avsal_bench.leaderboard.tables import rows
    from avsal_bench.records import read_record

    ours = {}
    for plan in plans:
        records = [read_record(path) for _, _, path in plan.records() if path.is_file()]
        ours[plan.row.variant] = {
            row.head.dataset: {metric: score.value for metric, score in row.scores.items()} for row in rows(records)
        }
    job = plans[0].jobs[0]
    recipe = job.recipe(space)
    trained = ", ".join(dict.fromkeys(name for stage in recipe.stages[-1:] for name in stage.data))
    lines = [
        f"# {ablation.title}\n",
        f"{ablation.paper}, {ablation.table}, and ours: preset {job.preset}, last trained on {trained}, "
        f"tested on {', '.join(recipe.test)},",
        f"folds {_listed(j.fold for p in plans for j in p.jobs)}, "
        f"seeds {_listed(j.seed for p in plans for j in p.jobs)}, protocol {job.protocol}.",
        "In brackets: the difference from the base row of the same column. Compare differences, not scores.",
        "° digits reconstructed, ? doubtful reading or label (leaderboard/published.csv says why).",
    ]
    if embedded(recipe):
        lines.append("Ours are on data that this project makes itself, and say nothing about real videos.")
    published = published_ablation(space.home / "leaderboard" / "published.csv", ablation.paper, ablation.table)
    for metric, (header, body) in compare_ablation(ablation, ours, published).items():
        lines += [f"\n## {metric}\n", markdown_table(header, body, numbers=range(1, len(header))).rstrip()]
    if ablation.left_out:
        lines += ["\n## Left out\n", *(f"- {label}: {reason}" for label, reason in ablation.left_out.items())]
    return "\n".join(lines) + "\n"


def run(args: argparse.Namespace) -> int:
    """One job, in this process."""
    from avsal_bench.bench.plan import Job
    from avsal_bench.bench.run import run_job
    from avsal_bench.models import model_entry

    entry = model_entry(args.model)
    modality = args.modality or (entry.modalities[-1] if entry.modalities else "")
    space = space_of(args)
    space.check_writable()
    preset = _preset(args, space)
    job = Job(args.model, modality, args.fold, args.seed, preset, args.protocol, tuple(args.set))
    for path in run_job(job, space, _machine(args)):
        print(path)
    return 0


def leaderboard(args: argparse.Namespace) -> int:
    """Generate the page and the table from the records."""
    from avsal_bench.leaderboard.page import write_leaderboard

    for path in write_leaderboard(leaderboard_folder(args)):
        print(f"wrote {path}")
    return 0


def _summary(jobs: Sequence[Job], space: Workspace) -> None:
    from avsal_bench.bench.plan import records_of
    from avsal_bench.leaderboard.hearing import hearing_claims
    from avsal_bench.leaderboard.page import summary_table
    from avsal_bench.records import read_record

    paths = [path for job in jobs for _, _, path in records_of(job, job.recipe(space), space) if path.is_file()]
    records = [read_record(path) for path in paths]
    if not records:
        return
    print(f"\n{summary_table(records)}")
    if any(record.synthetic and record.modality for record in records):
        print("\nDoes it learn, does it hear? (paired differences over test videos, 95 % intervals)")
        for claim in hearing_claims(records):
            found = (
                f"{claim.interval.mean:+.3f} [{claim.interval.low:+.3f}, {claim.interval.high:+.3f}]"
                if claim.interval
                else claim.reason
            )
            print(f"  {'yes' if claim.holds else 'NO':<5}{claim.text}: {found}")
    print(f"\nleaderboard  {space.leaderboard / 'README.md'}\nrecords      {space.records}")
    print(
        f"checkpoints  {space.runs / 'stages'}, in each folder test/ with a picture and the frame scores of every video"
    )


def space_of(args: argparse.Namespace) -> Workspace:
    """The folders that :func:`folder_options` name."""
    from avsal_bench.bench.workspace import workspace

    return workspace(args.data_root, args.synth_root, args.runs, args.leaderboard)


def leaderboard_folder(args: argparse.Namespace) -> Path:
    """Folder of the leaderboard, without looking for anything else."""
    home = os.environ.get("AVSAL_HOME") or Path(__file__).resolve().parents[1]
    return Path(args.leaderboard or Path(home) / "leaderboard")


def _machine(args: argparse.Namespace) -> Machine:
    from avsal_bench.bench.run import Machine

    return Machine(args.devices, args.nodes, args.precision, args.workers, args.keep_maps)


def _common(args: argparse.Namespace) -> list[str]:
    """Arguments that the jobs of a bench inherit."""
    words = ["--devices", str(args.devices), "--nodes", str(args.nodes), "--precision", args.precision]
    words += ["--workers", str(args.workers)] + (["--keep-maps", args.keep_maps] if args.keep_maps else [])
    for option in ("data_root", "synth_root", "runs", "leaderboard"):
        value = getattr(args, option)
        words += [f"--{option.replace('_', '-')}", value] if value else []
    return words


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected numbers such as 1,2,3, got {text!r}") from None


def _devices(text: str) -> int | str:
    return int(text) if text.isdigit() else text


def _preset(args: argparse.Namespace, space: Workspace) -> str:
    return args.preset or ("paper" if space.data_root else "smoke")


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(set(numbers))))


def folder_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name folders."""
    group = parser.add_argument_group("folders")
    group.add_argument("--data-root", help="folder of the real data sets (environment: AVSAL_DATA)")
    group.add_argument("--synth-root", help="folder of the embedded data set (default: data/synth)")
    group.add_argument("--runs", help="checkpoints, logs and single results (default: runs)")
    group.add_argument("--leaderboard", help="records and generated pages (default: leaderboard)")


def _run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--preset", help="of the recipe (default: paper with real data, else smoke)")
    parser.add_argument("--protocol", default="stavis", help="how maps become scores (default: %(default)s)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override the recipe, such as stages.visual.epochs=2",
    )
    group = parser.add_argument_group("machine")
    group.add_argument("--devices", type=_devices, default="auto", help="GPUs or processes (default: %(default)s)")
    group.add_argument("--nodes", type=int, default=1, help="machines (default: %(default)s)")
    group.add_argument("--precision", default="32-true", help="of Lightning, such as bf16-mixed (default: %(default)s)")
    group.add_argument(
        "--workers", type=int, default=_default_workers(), help="reading processes (default: %(default)s)"
    )
    group.add_argument(
        "--keep-maps",
        nargs="?",
        const="png",
        choices=["png", "npy"],
        help="write the predicted maps beside the results: in 8 bits (png, the default) or as float32 (npy)",
    )


def _default_workers() -> int:
    return min(8, (os.cpu_count() or 1) // 2)
