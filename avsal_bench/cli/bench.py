"""The commands ``avsal bench`` and ``avsal run``, and the options that other commands share with them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from avsal_bench.bench.launch.slurm import cluster_options
from avsal_bench.cli.options import folder_options as folder_options
from avsal_bench.cli.options import machine_of, numbers, run_options, words_of

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from avsal_bench.bench.job import Job
    from avsal_bench.bench.workspace import Workspace
    from avsal_bench.studies.ablation import Ablation, RowPlan

# Heavy imports stand inside the commands: `avsal --help` must answer at once.


#: First words of `avsal bench` that look and do not run.
STATUS, COLLECT = "status", "collect"

EXAMPLES = """examples
  avsal bench avrsp                                    train and test one network here, and the baselines beside it
  avsal bench avrsp vinet --folds 1,2,3 --seeds 0,1 --dry-run
                                                       the plan: what is done, what runs, what the rest will cost
  avsal bench vinet --datasets diem,avad               only these test sets; the others another day
  avsal bench vinet --sound original,muted,swapped,shifted,noise
                                                       how much of its score comes from hearing (docs/hearing.md)
  avsal bench vinet --parallel 2                       two jobs at a time
  avsal bench avrsp vinet --launcher slurm --partition gpu --gpus 4 --time 1440
                                                       one job array; returns at once
  avsal bench status [avrsp vinet --folds 1,2,3]       every job that was ever started [or every one of that plan]
  avsal bench collect avrsp vinet --folds 1,2,3        the leaderboard of what is done, and what is missing
What is done is skipped, what failed or was killed goes on. docs/cluster.md says more."""


def add_bench_commands(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``bench`` and ``run`` to the commands of ``avsal``."""
    text = "train and test networks, and put them on the leaderboard"
    many = commands.add_parser(
        "bench",
        help=text,
        description=f"{text[0].upper()}{text[1:]}; or look at what is done.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [status | collect] [MODEL ...] [options]",
    )
    many.set_defaults(function=bench)
    folder_options(many)
    many.add_argument(
        "models",
        nargs="*",
        metavar="MODEL",
        help="networks; `avsal list` names them. With `status` or `collect` before them nothing is run: `status` shows "
        "the state of every job, `collect` writes the leaderboard of what is done and names what is missing",
    )
    many.add_argument("--modality", action="append", default=[], help="only this one: v, av or a; may be repeated")
    many.add_argument("--folds", type=numbers, default=[], help="such as 1,2,3; by default those of the recipe")
    many.add_argument("--seeds", type=numbers, default=[0], help="such as 0,1; by default 0")
    many.add_argument("--force", action="store_true", help="do again what is done, from the first step of training")
    many.add_argument("--dry-run", action="store_true", help="print the plan and what it costs, and stop")
    many.add_argument(
        "--ablation",
        metavar="NAME",
        help="run the rows of a published table, such as caspnet-table2, and print ours beside the paper's; "
        "`list` names the tables (docs/ablations.md)",
    )
    many.add_argument("--show", action="store_true", help="with --ablation: print the table of what is done, and stop")
    many.add_argument(
        "--launcher", choices=["local", "slurm"], default="local", help="where jobs run (default: %(default)s)"
    )
    many.add_argument("--parallel", type=int, default=1, metavar="N", help="local jobs at a time (default: 1)")
    run_options(many)
    cluster_options(many)

    text = "run one job; `avsal bench` calls this for each job of its plan"
    one = commands.add_parser("run", help=text, description=f"{text[0].upper()}{text[1:]}.")
    one.set_defaults(function=run)
    folder_options(one)
    one.add_argument("model", metavar="MODEL")
    one.add_argument("--modality", default="", help="v, av or a; by default the richest the network has")
    one.add_argument("--fold", type=int, default=1, choices=[1, 2, 3])
    one.add_argument("--seed", type=int, default=0)
    run_options(one)


def bench(args: argparse.Namespace) -> int:
    """Plan, run what is not done, and write the leaderboard; or look; or run the rows of a published table."""
    if args.ablation:
        return _list_ablations(args) if args.ablation == "list" else _bench_ablation(args)
    if args.show:
        raise ValueError("--show prints the table of an ablation; name it, such as --ablation caspnet-table2")
    space = space_of(args)
    if args.models[:1] == [STATUS]:
        return _status(args, space)
    if args.models[:1] == [COLLECT]:
        return _collect(args, space)
    if not args.models:
        raise ValueError("name a network, such as `avsal bench avrsp`, or a published table with --ablation")
    return _bench_grid(_plan(args, space, args.models), args, space)


def _plan(args: argparse.Namespace, space: Workspace, models: Sequence[str]) -> list[Job]:
    from avsal_bench.bench.plan import make_plan
    from avsal_bench.evaluation.protocol import protocol

    protocol(args.protocol)
    return make_plan(
        space,
        models,
        _preset(args, space),
        args.protocol,
        modalities=args.modality,
        folds=args.folds,
        seeds=args.seeds,
        overrides=args.set,
        datasets=args.datasets,
        sounds=args.sound,
    )


def _bench_grid(jobs: Sequence[Job], args: argparse.Namespace, space: Workspace) -> int:
    from avsal_bench.bench.cost import plan_text
    from avsal_bench.bench.launch.local import launch_local
    from avsal_bench.bench.launch.slurm import cluster_of, submit
    from avsal_bench.bench.launch.status import UNDER_WAY, look, wait_for
    from avsal_bench.bench.run import forget

    space.check_writable()
    seen = look(jobs, space)
    if args.force and not args.dry_run:
        if busy := [one.job.name for one in seen if one.word in UNDER_WAY]:
            raise ValueError(
                f"--force would pull the ground from under {', '.join(busy)}, queued or running; stop it first"
            )
        for job in jobs:
            forget(job, space)
        seen = look(jobs, space)
    local = args.launcher == "local"
    timed = args.dry_run or (local and _preset(args, space) == "paper")
    print(plan_text(jobs, space, timed), flush=True)
    if args.dry_run:
        return 0
    if local:
        failed = launch_local([one.job for one in seen if one.word != "done"], words_of(args), args.parallel)
    else:
        cluster = cluster_of(args)
        left = [one.job for one in seen if one.word != "done" and one.word not in UNDER_WAY]
        if left:
            number = submit(left, [*words_of(args), "--devices", str(cluster.tasks)], space, cluster)
            print(
                f"\n{len(left)} jobs are SLURM array {number}; `squeue -j {number}` or `avsal bench status` show them,"
            )
            print(f"their output goes to {space.runs / 'logs'}, and `avsal bench collect` writes the leaderboard")
        else:
            print("\nnothing to submit: every job is done, queued or running")
        if not args.wait:
            return 0
        failed = wait_for(jobs, space, lambda text: print(text, flush=True))
    leaderboard(args)
    _summary(jobs, space)
    if failed:
        print(f"\n{len(failed)} of {len(jobs)} jobs failed: {', '.join(job.name for job in failed)}", file=sys.stderr)
    return 1 if failed else 0


def _status(args: argparse.Namespace, space: Workspace) -> int:
    """What is true of every job that was started, or of every job of a plan."""
    from avsal_bench.bench.launch.status import look, look_at_all, status_text

    models = args.models[1:]
    print(status_text(look(_plan(args, space, models), space) if models else look_at_all(space)))
    return 0


def _collect(args: argparse.Namespace, space: Workspace) -> int:
    """The leaderboard of what is done, and what is missing of a plan, or of all that was started."""
    from avsal_bench.bench.launch.status import bad_records, look, look_at_all, missing_records

    models = args.models[1:]
    seen = look(_plan(args, space, models), space) if models else look_at_all(space)
    seen = [one for one in seen if one.space.leaderboard.resolve() == space.leaderboard.resolve()]
    wrong = bad_records(space)
    for line in wrong:
        print(f"invalid  {line}")
    for one in seen:
        for path in missing_records([one.job], space):
            print(f"missing  {path.relative_to(space.records)}  ({one.word})")
    if wrong:
        print(
            f"\n{len(wrong)} invalid records; the leaderboard stays as it is until they are moved away", file=sys.stderr
        )
        return 1
    leaderboard(args)
    _summary([one.job for one in seen], space)
    print(f"\n{sum(one.word == 'done' for one in seen)} of {len(seen)} jobs are done")
    return 0


def _list_ablations(args: argparse.Namespace) -> int:
    from avsal_bench.studies.ablation import ablations_folder, list_ablations, load_ablation
    from avsal_bench.text import columns

    folder = ablations_folder(space_of(args))
    found = [load_ablation(folder, name) for name in list_ablations(folder)]
    print(columns([[a.name, a.model, f"{a.paper}, {a.table}", f"{len(a.rows)} rows", a.title] for a in found]))
    return 0


def _bench_ablation(args: argparse.Namespace) -> int:
    """Run the rows of a published table, and write ours beside the paper's."""
    from avsal_bench.bench.run import forget
    from avsal_bench.evaluation.protocol import protocol
    from avsal_bench.files import write_atomically
    from avsal_bench.studies.ablation import (
        ablation_plan_text,
        ablation_root,
        ablations_folder,
        load_ablation,
        plan_ablation,
        run_ablation,
    )

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
        failed = run_ablation(plans, words_of(args))
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
    from avsal_bench.leaderboard.page.readme import markdown_table
    from avsal_bench.leaderboard.tables import rows
    from avsal_bench.records import read_record
    from avsal_bench.studies.ablation import compare_ablation, embedded, published_ablation

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
    """One job, in this process, which may be one of several that torchrun or SLURM started."""
    from avsal_bench.bench.launch.state import tracked
    from avsal_bench.bench.sharing.processes import first_process
    from avsal_bench.bench.job import Job
    from avsal_bench.bench.plan import asked_sounds, modalities_of, tested_sets
    from avsal_bench.bench.run import run_job

    modalities = modalities_of(args.model)
    modality = args.modality or (modalities[-1] if modalities else "")
    space = space_of(args)
    space.check_writable()
    preset = _preset(args, space)
    job = Job(args.model, modality, args.fold, args.seed, preset, args.protocol, tuple(args.set))
    sounds = asked_sounds(args.sound)
    job = replace(job, datasets=tested_sets(job.recipe(space), args.datasets), sounds=sounds)
    with tracked(job, space):
        paths = run_job(job, space, machine_of(args))
    if first_process():
        print("\n".join(map(str, paths)))
    return 0


def leaderboard(args: argparse.Namespace) -> int:
    """Generate the page and the table from the records."""
    from avsal_bench.leaderboard.page.readme import write_leaderboard

    for path in write_leaderboard(leaderboard_folder(args)):
        print(f"wrote {path}")
    return 0


def _summary(jobs: Sequence[Job], space: Workspace) -> None:
    from avsal_bench.bench.plan import records_of
    from avsal_bench.leaderboard.hearing import hearing_claims
    from avsal_bench.leaderboard.page.readme import summary_table
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
    home = os.environ.get("AVSAL_HOME") or Path(__file__).resolve().parents[2]
    return Path(args.leaderboard or Path(home) / "leaderboard")


def _preset(args: argparse.Namespace, space: Workspace) -> str:
    return args.preset or ("paper" if space.data_root else "smoke")


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(set(numbers))))
