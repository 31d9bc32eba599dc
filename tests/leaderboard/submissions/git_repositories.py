"""Repositories of git with a leaderboard, and commits that bring all kinds of files to it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    **{f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}
#: Modes of git.
FILE, PROGRAM, LINK, SUBMODULE, FOLDER = "100644", "100755", "120000", "160000", "40000"


def git(folder: Path, *words: str, given: bytes = b"") -> str:
    """What git says."""
    command = ["git", "-C", str(folder), *words]
    ended = subprocess.run(command, input=given, capture_output=True, env=os.environ | ENVIRONMENT, check=True)
    return ended.stdout.decode().strip()


def new_repository(folder: Path, files: Mapping[str, bytes]) -> str:
    """A repository with a commit of some files; gives the commit."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", "-b", "main")
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", "base")
    return git(folder, "rev-parse", "HEAD")


def blob(folder: Path, content: bytes) -> str:
    """An object of git with a content."""
    return git(folder, "hash-object", "-w", "--stdin", given=content)


def tree(folder: Path, *entries: tuple[str, str, str]) -> str:
    """A tree of (mode, name, object), which need not be one that git would make."""
    parts = [f"{mode} {name}\0".encode() + bytes.fromhex(digest) for mode, name, digest in entries]
    return git(folder, "hash-object", "-t", "tree", "-w", "--stdin", "--literally", given=b"".join(parts))


def commit(folder: Path, root: str, parent: str) -> str:
    """A commit of a tree; nothing is checked out."""
    return git(folder, "commit-tree", root, "-p", parent, "-m", "brought")


def commit_of(folder: Path, parent: str, files: Mapping[str, bytes | tuple[str, bytes] | None]) -> str:
    """A commit that adds files, with their mode where they have one, and takes those away that are None."""
    index = {"GIT_INDEX_FILE": str(folder / ".git" / "other_index")}
    os.environ.update(index)
    try:
        git(folder, "read-tree", parent)
        for name, content in files.items():
            if content is None:
                git(folder, "update-index", "--force-remove", name)
                continue
            mode, told = content if isinstance(content, tuple) else (FILE, content)
            digest = parent if mode == SUBMODULE else blob(folder, told)
            git(folder, "update-index", "--add", "--cacheinfo", f"{mode},{digest},{name}")
        return commit(folder, git(folder, "write-tree"), parent)
    finally:
        del os.environ["GIT_INDEX_FILE"]
