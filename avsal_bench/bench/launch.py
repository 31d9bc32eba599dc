"""Run the jobs of a plan, each in its own process: a job that fails is reported and the others go on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from avsal_bench.bench.plan import Job


def launch_local(jobs: Sequence[Job], common: Sequence[str]) -> list[Job]:
    """Run jobs one after the other on this machine; returns those that failed.

    Args:
        jobs: of the plan.
        common: arguments of ``avsal run`` that all jobs share, such as folders and devices.
    """
    failed = []
    for number, job in enumerate(jobs, start=1):
        print(f"\njob {number} of {len(jobs)}: {job.name}", flush=True)
        command = [sys.executable, "-m", "avsal_bench.cli", "run", *job.arguments(), *common]
        code = subprocess.run(command, check=False).returncode
        if code == -2 or code == 130:
            raise KeyboardInterrupt
        if code:
            print(f"{job.name} failed with exit code {code}; run the same command again to go on with it", flush=True)
            failed.append(job)
    return failed
