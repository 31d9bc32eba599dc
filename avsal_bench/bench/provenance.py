"""Where a result comes from: versions, commit, machine."""

from __future__ import annotations

import base64
import hashlib
import json
import platform
import resource
import shlex
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from functools import cache
from importlib.metadata import Distribution, distribution, version
from pathlib import Path
from typing import Any

from avsal_bench.bench.sharing.processes import output_of
from avsal_bench.plugins import load_plugins, typed_for_record
from avsal_bench.resources import clone

#: Paths whose changes make a clone unclean; results may lie beside them.
CODE = ("avsal_bench", "benchmarks", "pyproject.toml")
#: Name of the installed package.
NAME = "avsal-bench"
PACKAGE = Path(__file__).resolve().parents[1]

_typed: list[str] = []


def say_command(words: Sequence[str]) -> None:
    """From now on records say that ``avsal`` was called with these words: what a person types for the same."""
    _typed[:] = words


def provenance() -> dict[str, Any]:
    """Versions, commit and machine, as plain values; the time is now, in UTC."""
    import torch

    commit, clean = commit_and_clean()
    plugins = [plugin.plain() for plugin in load_plugins()]
    cuda = torch.cuda.is_available()
    return {
        "version": version(NAME),
        "commit": commit,
        "code": code_hash(),
        "clean": clean,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "lightning": version("lightning"),
        "cuda": torch.version.cuda if cuda else None,
        "device": torch.cuda.get_device_name() if cuda else _processor(),
        "threads": torch.get_num_threads(),
        "command": shlex.join(["avsal", *typed_for_record(_typed or sys.argv[1:])]),
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        **({"plugins": plugins} if plugins else {}),
    }


@cache
def code_hash() -> str:
    """SHA-256 over the names and contents of the package's Python files: equal hashes mean the same code."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(f"{path.relative_to(PACKAGE).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def commit_and_clean() -> tuple[str | None, bool]:
    """The commit that the code is of, None where nobody can say, and whether the code is exactly what was published.

    In a clone: that of the clone, and without changes since. Of an installed package: the commit where it was installed
    from a repository, and whether its files are those that were installed. Repositories round the working folder or the
    environment say nothing about the code.
    """
    if (root := clone()) is not None:
        if _git(root, "ls-files", "--", "pyproject.toml") != "pyproject.toml":
            return None, False
        return _git(root, "rev-parse", "HEAD"), _git(root, "status", "--porcelain", "--", *CODE) == ""
    installed = distribution(NAME)
    source = json.loads(installed.read_text("direct_url.json") or "{}")  # PEP 610
    return source.get("vcs_info", {}).get("commit_id"), _as_installed(installed)


def _as_installed(installed: Distribution) -> bool:
    """Whether the files of the package are those that were installed: no other, none changed, none missing.

    Compiled files do not count: they come and go by themselves, and some installers list them.
    """
    listed = {Path(file.locate()).resolve(): file.hash.value for file in installed.files or () if file.hash}
    own = {path: value for path, value in listed.items() if PACKAGE in path.parents and path.suffix != ".pyc"}
    found = {path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    return found == own.keys() and all(_record_digest(path) == digest for path, digest in own.items())


def _record_digest(path: Path) -> str:
    """SHA-256 of a file as the lists of installed files write it."""
    return base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()


def peak_memory_mb() -> int:
    """Largest resident memory of this process so far, in MB (10^6 bytes), without its reading processes."""
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts in bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit // 10**6


def _git(root: Path, *arguments: str) -> str | None:
    """Output of a git command; None outside a repository or without git."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return output_of("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor() or platform.machine()
