"""The command ``avsal bench``: plan, run what is not done, and write the leaderboard; or look at what is done."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from avsal_bench.bench.job import decode_of, own_words
from avsal_bench.bench.words import common_words, folder_options, machine_of, preset_of, run_options, space_of
from avsal_bench.cli.options import Commands, add_command, cluster_of, cluster_options, publish
from avsal_bench.text import many
from avsal_bench.typed import folds, place, seeds, whole

if TYPE_CHECKING:
    from avsal_bench.bench.job import Job
    from avsal_bench.bench.workspace import Workspace

# Heavy imports stand inside the functions: `avsal --help` must answer at once.

#: First words that look and do not run.
STATUS, COLLECT = "status", "collect"

#: Batches that are timed where nobody says how many.
BATCHES = 10

EXAMPLES = """examples
  avsal bench avrsp                                    train and test one network here, and the baselines beside it
  avsal bench avrsp vinet --folds 1,2,3 --seeds 0,1 --dry-run
                                                       the plan: what is done, what runs, what the rest will cost
  avsal bench vinet --datasets diem,avad               only these test sets; the others another day
  avsal bench vinet --train mine --test mine --frames 16 --size 128x192 --epochs 5
                                                       train on a set of your own, and test it there
  avsal bench vinet --sound original,muted,swapped,matched,shifted,noise
                                                       how much of its score comes from hearing (docs/hearing.md)
  avsal bench vinet --parallel 2                       two jobs at a time
  avsal bench avrsp vinet --launcher slurm --partition gpu --gpus 4 --time 1440
                                                       one job array; returns at once
  avsal bench vinet --profile                          where the time of a test and of a training goes
  avsal bench status [avrsp vinet --folds 1,2,3]       every job that was ever started [or every one of that plan]
  avsal bench collect avrsp vinet --folds 1,2,3        the leaderboard of what is done, and what is missing
What is done is skipped, what failed or was killed goes on. docs/cluster.md says more."""


def add_parser(commands: Commands) -> None:
    """Add ``bench`` to the commands of ``avsal``."""
    text = "train and test networks, and put them on the leaderboard"
    parser = add_command(
        commands,
        "bench",
        bench,
        text,
        f"{text[0].upper()}{text[1:]}; or look at what is done.",
        EXAMPLES,
        "%(prog)s [status | collect] [MODEL ...] [options]",
    )
    folder_options(parser)
    parser.add_argument(
        "models",
        nargs="*",
        metavar="MODEL",
        help="networks; `avsal list` names them. With `status` or `collect` before them nothing is run: `status` shows "
        "the state of every job, `collect` writes the leaderboard of what is done and names what is missing",
    )
    parser.add_argument("--modality", action="append", default=[], help="only this one: v, av or a; may be repeated")
    parser.add_argument("--folds", type=folds, default=[], help="such as 1,2,3; by default those of the recipe")
    parser.add_argument("--seeds", type=seeds, default=[0], help="such as 0,1; by default 0")
    parser.add_argument("--force", action="store_true", help="do again what is done, from the first step of training")
    parser.add_argument("--dry-run", action="store_true", help="print the plan and what it costs, and stop")
    parser.add_argument(
        "--ablation",
        metavar="NAME",
        help="run the rows of a published table, such as caspnet-table2, and print ours beside the paper's; "
        "`list` names the tables (docs/ablations.md)",
    )
    parser.add_argument(
        "--show", action="store_true", help="with --ablation: print the table of what is done, and stop"
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="time some batches of a test and of a training here, part by part (reading, copying, network, scoring, "
        "...), say what would make them faster, and stop; no record is written and nothing is left behind",
    )
    parser.add_argument(
        "--profile-batches",
        type=whole(1),
        metavar="N",
        help="with --profile: batches that are timed of each, after 2 that are not (default: 10)",
    )
    parser.add_argument(
        "--launcher", choices=["local", "slurm"], default="local", help="where jobs run (default: %(default)s)"
    )
    parser.add_argument("--parallel", type=whole(1), default=1, metavar="N", help="local jobs at a time (default: 1)")
    run_options(parser)
    parser.add_argument(
        "--save-recipe",
        nargs="?",
        const="recipes",
        type=place,
        metavar="DIR",
        help="with --train: write each recipe, with its new preset, to DIR/<MODEL>.yaml (default: recipes), where you "
        "can change it, and stop; `--preset` names it from then on",
    )
    cluster_options(parser)


def bench(args: Namespace) -> int:
    """Plan, run what is not done, and write the leaderboard; or look; or run the rows of a published table."""
    space = space_of(args)
    if args.ablation:
        return _ablation(args, space)
    if args.show:
        raise ValueError("--show prints the table of an ablation; name it, such as --ablation caspnet-table2")
    if args.profile_batches and not args.profile:
        raise ValueError(f"--profile-batches {args.profile_batches} goes with --profile")
    if args.models[:1] == [STATUS]:
        return _status(args, space)
    if args.models[:1] == [COLLECT]:
        return _collect(args, space)
    if not args.models:
        raise ValueError("name a network, such as `avsal bench avrsp`, or a published table with --ablation")
    if args.profile:
        return _profile(args, space)
    if args.save_recipe:
        return _save_recipes(args, space)
    return _grid(args, space)


def _plan(args: Namespace, space: Workspace, models: Sequence[str]) -> list[Job]:
    from avsal_bench.bench.computing.precision import full_name
    from avsal_bench.bench.plan import make_plan
    from avsal_bench.evaluation.protocol import protocol
    from avsal_bench.names import precision_word

    protocol(args.protocol)
    return make_plan(
        space,
        models,
        preset_of(args, space),
        args.protocol,
        modalities=args.modality,
        folds=args.folds,
        seeds=args.seeds,
        overrides=args.set,
        datasets=args.datasets,
        sounds=args.sound,
        own=own_words(args),
        preset_asked=args.preset is not None,
        precision=precision_word(full_name(args.precision)),
        decode=decode_of(args),
    )


def _save_recipes(args: Namespace, space: Workspace) -> int:
    """Write the recipes of networks with the presets that own data make of them."""
    from avsal_bench.bench.job import own_data
    from avsal_bench.training.recipe_saving import save_recipe

    if not args.train:
        raise ValueError("--save-recipe writes what --train makes of a recipe; name the data sets with --train")
    if args.set:
        raise ValueError(
            f"--set {args.set[0]}: --save-recipe writes a preset without it; change the file, or leave it out"
        )
    presets = {job.model: (job.preset, own_data(job.own)) for job in _plan(args, space, args.models) if job.own}
    for model, (preset, own) in presets.items():
        assert own is not None, "chosen above"
        path, name = save_recipe(Path(args.save_recipe), model, preset, own)
        print(f"wrote {path}; change its preset {name}, and then: avsal bench {model} --preset {name}")
    return 0


def _profile(args: Namespace, space: Workspace) -> int:
    """Where the time of networks goes, a test and a training each, on this machine."""
    from avsal_bench.bench.context import Context
    from avsal_bench.bench.jobs import kind_of
    from avsal_bench.bench.profiling.advice import profile_text
    from avsal_bench.bench.profiling.profile import profiles

    if args.launcher != "local":
        raise ValueError(f"--profile times this machine; leave out --launcher {args.launcher}, or start it on a node")
    machine = machine_of(args)
    plan = [job for job in _plan(args, space, args.models) if job.model in args.models]  # without baselines beside them
    jobs = {job.network: job for job in reversed(plan)}  # the first fold and seed of each
    for job in reversed(jobs.values()):
        if not kind_of(job.model).has_network:
            raise ValueError(f"{job.model} is made of observers and not of a network, so there is nothing to profile")
        for found in profiles(Context(job, job.recipe(space), space, machine), args.profile_batches or BATCHES):
            print(f"{found if isinstance(found, str) else profile_text(found)}\n", flush=True)
    return 0


def _grid(args: Namespace, space: Workspace) -> int:
    """Run what is not done, here or on a cluster."""
    from avsal_bench.bench.cost import plan_text
    from avsal_bench.bench.launch.grid import look_for_files, run_here, start_over, submit_rest
    from avsal_bench.bench.launch.status import wait_for
    from avsal_bench.bench.plan import check_machine, notes_of, records_of
    from avsal_bench.leaderboard.reports.run_summary import failed_text
    from avsal_bench.text import many

    local = args.launcher == "local"
    cluster = None if local else cluster_of(args)
    machine = machine_of(args) if cluster is None else replace(machine_of(args), devices=cluster.tasks)
    jobs = _plan(args, space, args.models)
    check_machine(jobs, space, machine, here=local, anew=args.force)
    space.check_writable(files=[path for job in jobs for _, _, path in records_of(job, job.recipe(space), space)])
    if not args.dry_run:
        look_for_files(jobs, space, machine, args.force)
        if args.force:
            start_over(jobs, space)
    for line in notes_of(jobs, space, preset_of(args, space)):
        print(line)
    timed = args.dry_run or (local and preset_of(args, space) == "paper")
    print(plan_text(jobs, space, timed, machine.precision), flush=True)
    if args.dry_run:
        looked = look_for_files(jobs, space, machine, args.force)
        print(f"all files that they read are here, of {many(looked, 'video')}")
        return 0
    if cluster is None:
        failed = run_here(jobs, space, common_words(args), args.parallel)
    else:
        print(f"\n{submit_rest(jobs, space, common_words(args, cluster.tasks), cluster)}")
        if not args.wait:
            return 0
        failed = wait_for(jobs, space, lambda text: print(text, flush=True))
    publish(space.leaderboard)
    _summary(jobs, space)
    if failed:
        print(failed_text("jobs", [job.name for job in failed], len(jobs)), file=sys.stderr)
    return 1 if failed else 0


def _status(args: Namespace, space: Workspace) -> int:
    """What is true of every job that was started, or of every job of a plan."""
    from avsal_bench.bench.launch.status import look, look_at_all, status_text

    models = args.models[1:]
    print(status_text(look(_plan(args, space, models), space) if models else look_at_all(space)))
    return 0


def _collect(args: Namespace, space: Workspace) -> int:
    """The leaderboard of what is done, and what is missing of a plan, or of all that was started."""
    from avsal_bench.bench.launch.grid import collect
    from avsal_bench.bench.launch.status import look, look_at_all

    models = args.models[1:]
    found = collect(look(_plan(args, space, models), space) if models else look_at_all(space), space)
    for line in (*(f"invalid  {text}" for text in found.invalid), *found.missing):
        print(line)
    if wrong := len(found.invalid):
        text = f"\n{many(wrong, 'invalid record')}; the leaderboard stays as it is until each is moved away"
        print(text, file=sys.stderr)
        return 1
    publish(space.leaderboard)
    _summary(found.jobs, space)
    print(f"\n{found.done} of {many(len(found.jobs), 'job')} are done")
    return 0


def _summary(jobs: Sequence[Job], space: Workspace) -> None:
    from avsal_bench.bench.launch.grid import records_there
    from avsal_bench.leaderboard.reports.run_summary import run_summary

    if records := records_there(jobs, space):
        print(f"\n{run_summary(records)}\n")
        print(f"leaderboard  {space.leaderboard / 'README.md'}\nrecords      {space.records}")
        stages = space.runs / "stages"
        print(f"checkpoints  {stages}, in each folder test/ with a picture and the frame scores of every video")


def _ablation(args: Namespace, space: Workspace) -> int:
    """Run the rows of a published table, and write ours beside the paper's."""
    from avsal_bench.bench.launch.grid import look_for_files
    from avsal_bench.bench.plan import check_machine
    from avsal_bench.leaderboard.reports.run_summary import failed_text
    from avsal_bench.names import precision_word
    from avsal_bench.studies.ablation import (
        ablation_plan_text,
        ablations_text,
        asked_ablation,
        plan_ablation,
        restart_ablation,
        run_ablation,
    )
    from avsal_bench.studies.ablation_table import write_ablation

    if args.ablation == "list":
        print(ablations_text())
        return 0
    if args.datasets:
        raise ValueError(
            f"--datasets {','.join(args.datasets)}: a table is tested on its own sets; --train and --test put yours in "
            "their place"
        )
    if decode_of(args):
        raise ValueError(f"--decode {args.decode}: tables are made of trainings by the CPU's decoder; leave it out")
    preset, own = preset_of(args, space), own_words(args)
    ablation = asked_ablation(args.ablation, args.models, args.modality)
    machine = machine_of(args)
    asked = {"folds": args.folds, "seeds": args.seeds, "overrides": args.set, "own": own}
    asked["precision"] = precision_word(machine.precision)
    plans = plan_ablation(ablation, space, preset, args.protocol, **asked)
    for plan in plans:
        check_machine(plan.jobs, plan.space, machine, anew=args.force)
    failed = []
    if not args.show:
        for plan in plans:
            look_for_files(plan.jobs, plan.space, machine, args.force)
        if args.force and not args.dry_run:
            restart_ablation(plans)
        print(ablation_plan_text(plans), flush=True)
        if args.dry_run:
            return 0
        failed = run_ablation(plans, common_words(args))
    text, path = write_ablation(ablation, plans, space, plans[0].jobs[0].preset_name)
    print(f"\n{text}\nwrote {path}")
    if failed:
        print(failed_text("rows", [repr(plan.row.variant) for plan in failed], len(plans)), file=sys.stderr)
    return 1 if failed else 0
