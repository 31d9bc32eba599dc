"""Who works: the process behind a lock or a state file, and whether it still lives. Standard library only."""

from __future__ import annotations

import os
import socket
import subprocess
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

#: Where Linux says what runs; macOS has no such folder.
PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One process, told apart from every other one, also from a later one of the same number.

    Args:
        host: name of the machine.
        pid: its number there.
        space: of the machine's start and of the container, within which ``pid`` means something; "" where unknown.
        born: when it started, in the system's ticks or as ``ps`` says it; "" where unknown.
        slurm: its SLURM job, such as ``12_3`` for a task of an array; "" outside SLURM.
    """

    host: str
    pid: int
    space: str = ""
    born: str = ""
    slurm: str = ""

    def __str__(self) -> str:
        return f"pid {self.pid} on {self.host}" + (f" (SLURM job {self.slurm})" if self.slurm else "")


def this_process() -> Process:
    """The process that asks."""
    return Process(socket.gethostname(), os.getpid(), _space(), _born(os.getpid()) or "", slurm_job())


def alive(process: Process) -> bool | None:
    """Whether a process still runs; None when that cannot be seen from this machine or container."""
    if not process.space or (process.host, process.space) != (socket.gethostname(), _space()):
        return None
    return _born(process.pid) == process.born


def first_process() -> bool:
    """Whether this is the process of rank zero, under torchrun, SLURM or Lightning's own processes, or the only one."""
    ranks = ("RANK", "SLURM_PROCID", "LOCAL_RANK", "NODE_RANK")
    return all(os.environ.get(name, "0") == "0" for name in ranks)


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def slurm_job() -> str:
    """The SLURM job of this process as ``squeue`` names it, ``12`` or ``12_3``; "" outside SLURM."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID", "")


def output_of(*command: str) -> str:
    """What a command of the system prints, without the space round it; "" where there is none, or it fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _space() -> str:
    if not PROC.is_dir():  # macOS
        return output_of("sysctl", "-n", "kern.bootsessionuuid")
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {(PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _born(pid: int) -> str | None:
    """Start of a process; None when there is none of that number, or it has ended and waits for its parent."""
    if not PROC.is_dir():
        state, _, born = output_of("ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)).partition(" ")
        return None if state[:1] in ("", "Z") else born.strip()
    try:
        # The name, in brackets, may hold spaces; behind it come the state and, as the 20th word, the start.
        words = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if words[0] in "ZX" else words[19]
