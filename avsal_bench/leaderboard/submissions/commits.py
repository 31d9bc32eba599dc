"""The records that commits bring to a leaderboard, as data: read from git's objects, nothing checked out or run."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from avsal_bench.getting.archives import safe_path
from avsal_bench.leaderboard.submissions.handed_in import MOST_FILES
from avsal_bench.leaderboard.submissions.problem import NO_FILE, NO_RECORD, Problem
from avsal_bench.leaderboard.submissions.submit import Submission
from avsal_bench.names import shortened
from avsal_bench.plain_values import MOST_BYTES
from avsal_bench.text import many

#: Bytes of all records of some commits.
MOST_TOGETHER = 1_000_000_000
#: Seconds that git may take for one answer, and bytes of its list of changed files.
_PATIENCE, _LONGEST = 300, 200_000_000
#: What `avsal leaderboard` writes: another check makes it anew and compares.
_GENERATED = {"README.md", "index.html", "leaderboard.csv"}
#: Kinds of entries of git that are no files, by mode.
_ODD = {"120000": "a symbolic link", "160000": "another repository (a submodule)"}


@dataclass
class Brought:
    """What commits bring to the records of a leaderboard.

    Args:
        folder: below which the records were put, with their paths in the repository.
        top: of the repository.
        problems: of files that were not put there.
        notes: of what was not looked at.
        records: how many files were put there.
    """

    folder: Path
    top: Path
    problems: dict[Path, list[Problem]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    records: int = 0


@dataclass(frozen=True)
class _Change:
    status: str
    mode: str
    blob: str
    path: str


def bring(span: str, leaderboard: Path, into: Path) -> Brought:
    """Put the records that commits add or change into a folder.

    Args:
        span: ``BASE..HEAD``: what HEAD has and the last commit that both have in common has not.
        leaderboard: folder in the work tree of a repository, with ``records``.
        into: an empty folder.

    Raises:
        ValueError: for what is no span of commits here, for no repository around the leaderboard, and for a list of
            files that is too long.
    """
    top = _top(leaderboard)
    inside = PurePosixPath(leaderboard.resolve().relative_to(top).as_posix())
    found = Brought(into, top)
    wanted, others = [], []
    gone: list[str] = []
    for change in _changes(top, span):
        path = PurePosixPath(change.path)
        if not path.is_relative_to(inside / "records"):
            if path.parent != inside or path.name not in _GENERATED:
                others.append(change.path)
        elif change.status == "D":
            gone.append(change.path)
        else:
            wanted.append(change)
    _note(found, gone, "record is", "records are", "taken away by these commits: say why in the pull request")
    said = "not looked at, and nothing of them was run: people do that"
    _note(found, others, "other file was", "other files were", said)
    if len(wanted) > MOST_FILES:
        told = (
            f"{many(len(wanted), 'file')} in one submission, and at most {MOST_FILES:,} are looked at: none of them was"
        )
        found.problems[into / inside / "records"] = [Problem(told, "hand them in as several submissions")]
        return found
    _put(found, top, wanted)
    return found


def check_places(found: Submission, leaderboard: Path, into: Path) -> None:
    """Move records that commits have in another place than theirs to the problems.

    Args:
        found: by the check of what :func:`bring` put into a folder.
        leaderboard: folder that they are for.
        into: that folder.
    """
    inside = leaderboard.resolve().relative_to(_top(leaderboard))
    for path, place in [*found.places.items()]:
        wanted = inside / place.relative_to(leaderboard)
        if path.relative_to(into) != wanted:
            told = f"lies where another record belongs; its place is {wanted.as_posix()}"
            found.problems[path] = [Problem(told, "move it there, as `avsal submit` does")]
            del found.records[path], found.places[path]


def _note(found: Brought, paths: list[str], one: str, more: str, said: str) -> None:
    if paths:
        some = ", ".join(shortened(path, 100).strip("'") for path in paths[:5])
        found.notes.append(
            f"{len(paths):,} {one if len(paths) == 1 else more} {said} ({some}{', ...' * (len(paths) > 5)})"
        )


def _put(found: Brought, top: Path, wanted: list[_Change]) -> None:
    spelled = Counter(change.path.casefold() for change in wanted)
    pictures, together = 0, 0
    with _Objects(top) as objects:
        for change in wanted:
            place = found.folder / change.path
            told, fix = "", NO_FILE
            if change.mode in _ODD:
                told = f"is {_ODD[change.mode]}, not a regular file"
            elif problem := _name_problem(change.path):
                told, fix = problem, "rename it"
            elif spelled[change.path.casefold()] > 1:
                told, fix = "is called as another file but for upper and lower case", "rename one of them"
            elif change.path.endswith(".jpg"):
                pictures += 1
                continue
            elif not change.path.endswith(".json"):
                told, fix = "is no record, which are files called .json; nothing of it was read or run", "take it out"
            elif (size := objects.size(change.blob)) > MOST_BYTES:
                told, fix = f"has {size:,} bytes, at most {MOST_BYTES:,} are read", NO_RECORD
            elif (together := together + size) > MOST_TOGETHER:
                told = f"all records before it have more than {MOST_TOGETHER:,} bytes together: it was not looked at"
                fix = "hand them in as several submissions"
            if told:
                found.problems[place] = [Problem(told, fix)]
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(objects.content(change.blob))
            found.records += 1
    if pictures:
        found.notes.append(f"{many(pictures, 'picture', 'show')} frames of data sets: may they be published?")


def _name_problem(path: str) -> str:
    try:
        return "" if safe_path(path) else "is hidden, or left by another program"
    except ValueError as error:
        return str(error)


def _top(folder: Path) -> Path:
    near = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    try:
        said = _git(near, "rev-parse", "--show-toplevel").rstrip(b"\n")
    except ValueError as error:
        raise ValueError(f"{folder}: lies in no repository of git ({error}); name one with --leaderboard") from None
    return Path(os.fsdecode(said)).resolve()


def _changes(top: Path, span: str) -> Iterator[_Change]:
    base, dots, head = span.partition("..")
    if not (base and dots and head) or head.startswith("."):
        raise ValueError(f"--commits {shortened(span)}: expected BASE..HEAD, such as origin/main..HEAD")
    old, new = _commit(top, base), _commit(top, head)
    common = _git(top, "merge-base", old, new, fails=True).decode().strip() or old
    listed = _git(top, "diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--no-ext-diff", common, new)
    if len(listed) > _LONGEST:
        raise ValueError(f"--commits {span}: too many files are changed to be looked at; hand in fewer at a time")
    fields = listed.split(b"\0")
    for told, path in zip(fields[::2], fields[1::2], strict=False):
        _, mode, _, blob, status = told.decode("ascii").lstrip(":").split(" ")
        yield _Change(status, mode, blob, os.fsdecode(path))


def _commit(top: Path, name: str) -> str:
    found = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", fails=True)
    digest = found.decode("ascii", "replace").strip()
    if not re.fullmatch(r"[0-9a-f]{40,64}", digest):
        raise ValueError(f"--commits: {shortened(name)} is no commit of {top}; fetch it, or name another one")
    return digest


def _git(folder: Path, *words: str, fails: bool = False) -> bytes:
    """What git says; "" where it ``fails`` and may.

    Raises:
        ValueError: with what it says otherwise.
    """
    command = ["git", "-C", str(folder), "--no-replace-objects", *words]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ValueError(f"git cannot be run, or does not end ({error})") from None
    if ended.returncode and not fails:
        said = ended.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ValueError(said[-1][:200] if said else f"git {words[0]} ends with {ended.returncode}")
    return b"" if ended.returncode else ended.stdout


class _Objects:
    """Sizes and contents of git's objects, by a process of git each."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> _Objects:
        for what in ("--batch-check", "--batch"):
            command = ["git", "-C", str(self._top), "--no-replace-objects", "cat-file", what]
            self._processes[what] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.kill()  # what it was asked has been read
            process.communicate()

    def size(self, blob: str) -> int:
        """Bytes of an object."""
        return self._ask("--batch-check", blob)[0]

    def content(self, blob: str) -> bytes:
        """An object itself, whose size was looked at."""
        size, answer = self._ask("--batch", blob)
        return answer.read(size + 1)[:size]

    def _ask(self, what: str, blob: str) -> tuple[int, IO[bytes]]:
        process = self._processes[what]
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{blob}\n".encode())
        process.stdin.flush()
        said = process.stdout.readline().decode("ascii", "replace").split()
        if len(said) != 3 or said[1] != "blob":
            raise ValueError(f"git does not have the object {blob}; fetch the commits whole (git fetch)")
        return int(said[2]), process.stdout
