"""The command ``avsal study hearing``: which audio-visual networks can hear, by the same rules for all."""

from __future__ import annotations

import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from avsal_bench.bench.words import common_words, logger_option, machine_of, machine_options
from avsal_bench.cli.options import Commands, add_command
from avsal_bench.text import many
from avsal_bench.typed import named, place, seeds, whole

if TYPE_CHECKING:
    from avsal_bench.bench.workspace import Workspace
    from avsal_bench.studies.who_hears.study_file import Study
    from avsal_bench.studies.who_hears.study_jobs import Work

# Heavy imports stand inside the command: `avsal --help` must answer at once.

_DESCRIPTION = """\
Who can hear? Every audio-visual network is trained on the same number of clips of the embedded set, by the best of at
most four settings, which validation videos of another seed choose. Then it is tested with its true sound, muted,
swapped, shifted and noise, and beside it the same training on silence. What it costs is told first. What is done is
skipped, and what was killed goes on. docs/howto/study_hearing.md says more."""

_EPILOG = """\
examples:
  avsal study hearing --dry-run                                   the plan, and what it costs
  avsal study hearing --networks avrsp,stavis --seeds 0           two networks, one seed
  avsal study hearing --networks avrsp --seeds 0 --settings 1     without a search
  avsal study hearing --jobs 4                                    all of it, four trainings at a time
  avsal study hearing --show --write docs/who_hears.md            the page of what is done; nothing is trained"""


def add_hearing(commands: Commands) -> None:
    """Add ``hearing`` to the commands of ``avsal study``."""
    text = "which audio-visual networks can hear: a fair search, five sounds, and an ablation on silence"
    parser = add_command(commands, "hearing", hearing, text, _DESCRIPTION, _EPILOG)
    parser.add_argument("--networks", type=named, default=(), metavar="NAMES", help="only these (default: all)")
    parser.add_argument("--seeds", type=seeds, default=[], help="such as 0,1 (default: those of the plan)")
    parser.add_argument(
        "--settings", type=whole(1, 4), metavar="N", help="so many of each network, the first ones; 1 searches nothing"
    )
    parser.add_argument(
        "--plan", type=place, metavar="FILE", help="networks, settings and clips (default: the packaged)"
    )
    parser.add_argument("--jobs", type=whole(1), default=1, metavar="N", help="trainings at a time (default: 1)")
    parser.add_argument("--dry-run", action="store_true", help="say what is left and what it costs, and stop")
    parser.add_argument("--show", action="store_true", help="write the tables of what is done, and stop")
    parser.add_argument("--write", type=place, metavar="FILE", help="write the page here too")
    folders = parser.add_argument_group("folders")
    folders.add_argument("--work", type=place, metavar="DIR", help="of all that it makes (default: runs/study-hearing)")
    folders.add_argument("--synth-root", type=place, help="of the embedded set (default: data/synth)")
    text = "use records and trained stages that other code or other libraries made; new records say so"
    folders.add_argument("--reuse-other-code", action="store_true", help=text)
    logger_option(parser)
    machine_options(parser)


def hearing(args: Namespace) -> int:
    """Tell the cost, run what is not done, and write the tables."""
    from avsal_bench.bench.workspace import workspace
    from avsal_bench.files import check_writable
    from avsal_bench.studies.who_hears.study_file import asked_study, load_study
    from avsal_bench.studies.who_hears.study_run import prepare, run_study

    if args.show and args.dry_run:
        raise ValueError("--show writes what is done and --dry-run says what is not; give one of them")
    if args.precision != "32-true":
        raise ValueError(
            f"--precision {args.precision}: the study compares scores in float32; leave it out: `avsal bench` tests "
            "in others"
        )
    plan = load_study(Path(args.plan) if args.plan else None)
    asked = asked_study(plan, args.networks, args.seeds, args.settings)
    work = _work(args, workspace(synth_root=args.synth_root))
    check_writable([work.folder], [Path(args.write)] if args.write else [], "see --work, --write")
    failed = []
    if not args.show:
        ready = prepare(asked, work, machine_of(args), plan)
        print(ready.cost, flush=True)
        if args.dry_run:
            return 0
        folders = {"runs": work.runs, "data_root": None, "synth_root": None, "leaderboard": None}
        failed = run_study(ready, common_words(Namespace(**{**vars(args), **folders})), args.jobs)
    _write(_whole(plan, asked), work, args)
    if failed:
        told = ", ".join(job.name for job in failed)
        print(f"\n{many(len(failed), 'job')} failed: {told}; the same command goes on with them", file=sys.stderr)
    return 1 if failed else 0


def _work(args: Namespace, space: Workspace) -> Work:
    from avsal_bench.studies.who_hears.study_jobs import Work

    folder = Path(args.work) if args.work else space.runs / "study-hearing"
    return Work(folder, space.synth_root, args.reuse_other_code)


def _whole(plan: Study, asked: Study) -> Study:
    """The plan, and what was asked for beyond it: all of it stands on the page, run or not."""
    networks = {**asked.networks, **plan.networks}
    seeds = tuple(sorted({*plan.seeds, *asked.seeds}))
    return replace(plan, networks={name: networks[name] for name in {**plan.networks, **networks}}, seeds=seeds)


def _write(study: Study, work: Work, args: Namespace) -> None:
    from avsal_bench.studies.who_hears.study_findings import look_at_records
    from avsal_bench.studies.who_hears.study_page import page, summary
    from avsal_bench.studies.who_hears.study_tables import write_pages

    found = look_at_records(study, work)
    print(f"\n{summary(found)}\n")
    for path in write_pages(study, found, page(study, found), work.folder, Path(args.write) if args.write else None):
        print(f"wrote {path}")
