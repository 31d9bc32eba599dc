"""Who started this process: torchrun, SLURM's srun, or a person. The environment says so, and may say half of it.

What it says wrongly would end in processes that wait for others for ever, so it is looked at first.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

#: What torchrun sets: all of it.
TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
#: What the processes have that one of ours starts beside itself, one a device.
BESIDE = ("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def by_torchrun() -> tuple[int, int] | None:
    """Processes on each node and nodes, where torchrun started this process.

    Raises:
        ValueError: for an environment that fits no way to start processes, with what to type.
    """
    names = os.environ
    if names.keys() & {"RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "TORCHELASTIC_RUN_ID"}:
        _check_all(TORCHRUN, "torchrun")
        rank, size, local, here = map(_number, TORCHRUN[:4])
        if not (rank < size and local < here and size % here == 0):
            told = ", ".join(f"{name}={names[name]}" for name in TORCHRUN[:4])
            raise ValueError(f"{told} cannot be of one run; start it by torchrun, or unset them: {_unset(TORCHRUN)}")
        return here, size // here
    if "LOCAL_RANK" in names:
        _check_all(BESIDE, "the process that starts others")
    elif names.get("WORLD_SIZE", "1") != "1":
        raise ValueError(
            f"WORLD_SIZE={names['WORLD_SIZE']} without the other variables of torchrun; start this by torchrun, or "
            f"unset it: {_unset(['WORLD_SIZE'])}"
        )
    if "MASTER_PORT" in names:
        _check_port()
    return None


def by_slurm() -> int | None:
    """How many processes SLURM's srun started together with this one; None outside SLURM, and in its shells.

    Raises:
        ValueError: for a process in a job of several tasks that srun did not start: the others would never come.
    """
    tasks = os.environ.get("SLURM_NTASKS")
    if tasks is None or os.environ.get("SLURM_JOB_NAME") in ("bash", "interactive"):
        return None
    count = _number("SLURM_NTASKS")
    if count > 1 and not os.environ.keys() & {"SLURM_STEP_ID", "SLURM_STEPID", "SLURM_STEP_NUM_TASKS"}:
        raise ValueError(
            f"SLURM gave this job {tasks} tasks, and srun did not start this process: it is alone; start all by "
            "`srun avsal run ...`, or run one process: `env -u SLURM_NTASKS avsal run ...`"
        )
    for name in ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID"):
        if name in os.environ:
            _number(name)
    return count


def _check_all(wanted: Sequence[str], who: str) -> None:
    missing = [name for name in wanted if name not in os.environ]
    if missing:
        there = [name for name in (*wanted, "GROUP_RANK", "TORCHELASTIC_RUN_ID") if name in os.environ]
        raise ValueError(
            f"the environment has {', '.join(there)} and not {', '.join(missing)}, and {who} sets all of them; start "
            f"this by torchrun, or unset them: {_unset(there)}"
        )
    _check_port()


def _check_port() -> None:
    port = _number("MASTER_PORT")
    if not 1 <= port <= 65535:
        raise ValueError(
            f"MASTER_PORT={port}: expected a port from 1 to 65535; or take it out: {_unset(['MASTER_PORT'])}"
        )


def _number(name: str) -> int:
    text = os.environ[name]
    if not text.isdecimal():
        raise ValueError(f"{name}={text!r}: expected a number; or unset it: {_unset([name])}")
    return int(text)


def _unset(names: Sequence[str]) -> str:
    return f"`env {' '.join(f'-u {name}' for name in names)} avsal ...`"
