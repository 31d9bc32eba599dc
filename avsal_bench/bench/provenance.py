"""Where a result comes from: versions, commit, machine."""

from __future__ import annotations

import hashlib
import platform
import resource
import shlex
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

#: Paths whose changes make a tree unclean; results may lie beside them.
CODE = ("avsal_bench", "benchmarks", "pyproject.toml")

_typed: list[str] = []


def say_command(words: Sequence[str]) -> None:
    """From now on records say that ``avsal`` was called with these words: what a person types for the same."""
    _typed[:] = words


def provenance(home: Path) -> dict[str, Any]:
    """Versions, commit and machine, as plain values; the time is now, in UTC."""
    import torch

    cuda = torch.cuda.is_available()
    return {
        "version": version("avsal-bench"),
        "commit": _git(home, "rev-parse", "HEAD"),
        "code": code_hash(),
        "clean": _git(home, "status", "--porcelain", "--", *CODE) == "",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "lightning": version("lightning"),
        "cuda": torch.version.cuda if cuda else None,
        "device": torch.cuda.get_device_name() if cuda else _processor(),
        "threads": torch.get_num_threads(),
        "command": shlex.join(["avsal", *(_typed or sys.argv[1:])]),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


@cache
def code_hash() -> str:
    """SHA-256 over the names and contents of the package's Python files: equal hashes mean the same code."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def peak_memory_mb() -> int:
    """Largest resident memory of this process so far, in MB (10^6 bytes), without its reading processes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 // 10**6


def _git(home: Path, *arguments: str) -> str | None:
    """Output of a git command; None outside a repository or without git."""
    try:
        done = subprocess.run(["git", "-C", str(home), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
