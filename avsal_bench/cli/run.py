"""The command ``avsal run``: one job."""

from __future__ import annotations

from argparse import Namespace

from avsal_bench.bench.launch.one_job import one_job_options
from avsal_bench.cli.options import Commands, add_command

EXAMPLES = f"""examples
  avsal run vinet --modality v --fold 2 --preset paper
  torchrun --nproc-per-node 4 -m {__package__} run vinet --fold 2      on four GPUs, as SLURM does it too"""


def add_parser(commands: Commands) -> None:
    """Add ``run`` to the commands of ``avsal``."""
    text = "run one job; `avsal bench` runs each job of its plan like this"
    one_job_options(add_command(commands, "run", run, text, epilog=EXAMPLES))


def run(args: Namespace) -> int:
    """One job, in this process, which may be one of several that torchrun or SLURM started."""
    from avsal_bench.bench.launch.one_job import run as run_one

    return run_one(args)
