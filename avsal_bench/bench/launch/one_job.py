"""The process of one job: ``python -m avsal_bench.bench.launch.one_job MODEL --fold 1 ...``, which is ``avsal run``."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence

from avsal_bench.bench.job import decode_of, job_options, own_words
from avsal_bench.bench.words import folder_options, machine_of, preset_of, run_options, space_of
from avsal_bench.ending import exit_code, parsed, shared_options
from avsal_bench.names import precision_word

# Heavy imports stand inside the functions: reading processes import this file again, and `--help` must answer at once.


def one_job_options(parser: argparse.ArgumentParser) -> None:
    """Add all that ``avsal run`` takes: a job, its folders and its machine."""
    folder_options(parser)
    job_options(parser)
    run_options(parser)


def run(args: argparse.Namespace) -> int:
    """One job, in this process, which may be one of several that torchrun or SLURM started.

    Raises:
        ValueError, OSError: for what is wrong or missing.
    """
    from avsal_bench.bench.launch.state import tracked
    from avsal_bench.bench.plan import check_machine, plan_one, records_of
    from avsal_bench.bench.run import run_job
    from avsal_bench.bench.sharing.processes import first_process

    space = space_of(args)
    machine = machine_of(args)
    job = plan_one(
        space,
        args.model,
        preset_of(args, space),
        args.protocol,
        modality=args.modality,
        fold=args.fold,
        seed=args.seed,
        overrides=args.set,
        datasets=args.datasets,
        sounds=args.sound,
        own=own_words(args),
        precision=precision_word(machine.precision),
        decode=decode_of(args),
        train_only=args.train_only,
    )
    space.check_writable(files=[path for _, _, path in records_of(job, job.recipe(space), space)])
    with tracked(job, space):
        check_machine([job], space, machine)
        paths = run_job(job, space, machine)
    if first_process():
        print("\n".join(map(str, paths)))
    return 0


def main(words: Sequence[str]) -> int:
    """Run the job that the words name; bad input becomes one line on stderr and exit code 2.

    Args:
        words: of ``avsal run``, without the ``run``.
    """
    from avsal_bench.bench.provenance import say_command

    parser = argparse.ArgumentParser(prog="avsal run", description="Run one job.")
    shared_options(parser)
    one_job_options(parser)
    args = parsed(parser, words)
    say_command(["run", *words])
    return exit_code("avsal run", run, args)


if __name__ == "__main__":
    # Who ends a bench of jobs ends them by this; a bench in the background of a shell ignores it, and they would too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
