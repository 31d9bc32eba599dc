"""Records that commits bring are looked at as data: whatever else is in them is told, and nothing of it is run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from git_repositories import FILE, FOLDER, LINK, PROGRAM, SUBMODULE, blob, commit, commit_of, git, new_repository, tree
from made_records import STORY, whole

from avsal_bench.cli import main
from avsal_bench.files import sha256
from avsal_bench.records import METRICS, Record, write_record

HERE = "leaderboard/records/stavis/avad"


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Record], bytes]:
    """The bytes of a record's file."""
    folder = tmp_path_factory.mktemp("written")

    def written(record: Record) -> bytes:
        write_record(folder / "a.json", record)
        return (folder / "a.json").read_bytes()

    return written


@pytest.fixture
def repository(tmp_path: Path, content: Callable[[Record], bytes]) -> tuple[Path, str]:
    """A repository whose leaderboard has the three folds of one network, and its commit."""
    files = {f"{HERE}/old_v-fold{k}-seed0.json": content(whole(k, 0.4, model="old")) for k in (1, 2, 3)}
    return tmp_path / "clone", new_repository(tmp_path / "clone", files | {"avsal_bench/code.py": b"1"})


def check(repository: tuple[Path, str], head: str, tmp_path: Path) -> tuple[int, dict[str, Any], str]:
    """The exit code, the report, and its Markdown."""
    folder, base = repository
    files = {"json": tmp_path / "report.json", "markdown": tmp_path / "table.md"}
    words = ["--commits", f"{base}..{head}", "--leaderboard", str(folder / "leaderboard")]
    code = main(["submit", "--check", *words, "--json", str(files["json"]), "--markdown", str(files["markdown"])])
    return code, json.loads(files["json"].read_text()), files["markdown"].read_text()


def test_good_records_are_told_where_they_would_stand(
    repository: tuple[Path, str], content: Callable[[Record], bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, base = repository
    brought = {f"{HERE}/new_v-fold{k}-seed0.json": content(whole(k, 0.6, model="new")) for k in (1, 2, 3)}
    code, report, table = check(repository, commit_of(folder, base, brought), tmp_path)
    assert code == 0
    assert (report["good"], report["bad"], report["files"]) == (3, 0, [])
    [row] = report["rows"]
    assert (row["network"], row["rank"], row["of"], row["above"]) == ("new_v", 1, 2, None)
    assert row["below"]["network"] == "old_v"
    assert row["below"]["difference"] == pytest.approx(0.2)
    assert row["scores"]["KL"] == pytest.approx({"value": 0.6, "low": 0.6, "high": 0.6, "rank": 2})
    assert "| stavis | avad | new_v | paper | 1 of 2 |" in re.sub(" +", " ", table)
    assert "old_v paper: +0.200" in table
    assert "3 records, nothing against them" in capsys.readouterr().out
    assert not (folder / f"{HERE}/new_v-fold1-seed0.json").exists(), "nothing is checked out"


def test_all_that_is_no_good_record_is_told(
    repository: tuple[Path, str],
    content: Callable[[Record], bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, base = repository
    good, program = content(whole(model="new")), b"#!/bin/sh\ntouch ran\n"
    tampered = content(replace(whole(2, model="new"), scores=dict.fromkeys(METRICS, 0.9)))
    monkeypatch.setattr("avsal_bench.leaderboard.submissions.commits.MOST_BYTES", len(good) + 500)
    brought = {
        f"{HERE}/new_v-fold1-seed0.json": good,
        f"{HERE}/new_v-fold2-seed0.json": tampered,
        f"{HERE}/new_v-fold3-seed0.json": content(whole(3, model="new", provenance=STORY | {"clean": False})),
        f"{HERE}/elsewhere.json": content(whole(1, model="other")),
        f"{HERE}/bad.json": b"{",
        f"{HERE}/run.sh": (PROGRAM, program),
        f"{HERE}/link.json": (LINK, b"/etc/hostname"),
        f"{HERE}/other": (SUBMODULE, b""),
        f"{HERE}/large.json": b" " * (len(good) + 501),
        f"{HERE}/Twice_v-fold1-seed0.json": good,
        f"{HERE}/twice_v-fold1-seed0.json": good,
        f"{HERE}/.hidden.json": good,
        f"{HERE}/picture.jpg": b"no picture",
        f"{HERE}/old_v-fold2-seed0.json": content(whole(2, 0.9, model="old")),
        f"{HERE}/old_v-fold3-seed0.json": None,
        "avsal_bench/code.py": program,
        "leaderboard/README.md": b"@everyone",
        "leaderboard/published.csv": b"mine",
    }
    code, report, table = check(repository, commit_of(folder, base, brought), tmp_path)
    told = {Path(one["path"]).name: one["problems"] for one in report["files"]}
    assert code == 1
    assert report["good"] == 1
    expected = {
        "new_v-fold2-seed0.json": "CC is 0.900000, the mean over its videos is 0.500000",
        "new_v-fold3-seed0.json": "changed since it was committed or installed",
        "elsewhere.json": f"its place is {HERE}/other_v-fold1-seed0.json",
        "bad.json": "not a record",
        "run.sh": "is no record, which are files called .json; nothing of it was read or run",
        "link.json": "is a symbolic link, not a regular file",
        "other": "is another repository (a submodule)",
        "large.json": f"at most {len(good) + 500:,} are read",
        "Twice_v-fold1-seed0.json": "but for upper and lower case",
        "twice_v-fold1-seed0.json": "but for upper and lower case",
        ".hidden.json": "is hidden",
        "old_v-fold2-seed0.json": "is there already; to put this one in its place",
    }
    assert told.keys() == expected.keys()
    for name, problem in expected.items():
        assert problem in " ".join(one["what"] for one in told[name]), name
        assert all(one["fix"] for one in told[name]), name
    notes = "\n".join(report["notes"])
    assert "1 record is taken away by these commits" in notes
    assert "2 other files were not looked at, and nothing of them was run" in notes
    assert "avsal_bench/code.py" in notes
    assert "1 picture shows frames of data sets" in notes
    [row] = report["rows"]
    assert (row["rank"], row["unranked"]) == (None, "incomplete: only fold 1 is done")
    assert str(tmp_path) not in table + json.dumps(report["files"])
    assert not list(tmp_path.rglob("ran"))
    assert f"{HERE}/bad.json: not a record" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["..", ".git", "a\\b", "a\nb.json", "con.json", "\x1b[2J.json"])
def test_names_lead_nowhere(repository: tuple[Path, str], name: str, tmp_path: Path) -> None:
    folder, base = repository
    inner = tree(folder, (FILE, name, blob(folder, b"{}")))
    if name == "..":
        inner = tree(folder, (FOLDER, name, tree(folder, (FILE, "x.json", blob(folder, b"{}")))))
    records = tree(folder, (FOLDER, "records", inner))
    head = commit(folder, tree(folder, (FOLDER, "leaderboard", records)), base)
    before = sorted(tmp_path.rglob("*"))
    code, report, table = check(repository, head, tmp_path)
    assert code == 1
    assert report["good"] == 0
    assert len(report["files"]) == 1
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "report.json", tmp_path / "table.md"])
    assert "\x1b" not in table


def test_thousands_of_files_are_not_looked_at(
    repository: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, base = repository
    monkeypatch.setattr("avsal_bench.leaderboard.submissions.commits.MOST_FILES", 3)
    digest = blob(folder, b"{}")
    many = tree(folder, *((FILE, f"{n:05}.json", digest) for n in range(4_000)))
    head = commit(folder, tree(folder, (FOLDER, "leaderboard", tree(folder, (FOLDER, "records", many)))), base)
    code, report, _ = check(repository, head, tmp_path)
    assert (code, report["good"]) == (1, 0)
    assert report["files"] == [
        {
            "path": "leaderboard/records",
            "problems": [
                {
                    "what": "4,000 files in one submission, and at most 3 are looked at: none of them was",
                    "fix": "hand them in as several submissions",
                }
            ],
            "more": 0,
        }
    ]
    monkeypatch.setattr("avsal_bench.leaderboard.submissions.commits.MOST_TOGETHER", 3)
    head = commit_of(folder, base, {f"{HERE}/{n}.json": b"{}" for n in (1, 2)})
    _, report, _ = check(repository, head, tmp_path)
    assert "together: it was not looked at" in report["files"][1]["problems"][0]["what"]


def test_a_record_that_says_what_it_replaces_is_taken(
    repository: tuple[Path, str], content: Callable[[Record], bytes], tmp_path: Path
) -> None:
    folder, base = repository
    name = f"{HERE}/old_v-fold2-seed0.json"
    for digest, code in (("0" * 64, 1), (sha256(folder / name), 0)):
        story = STORY | {"replaces": {"sha256": digest, "reason": "a fault of the reader"}}
        head = commit_of(folder, base, {name: content(whole(2, 0.9, model="old", provenance=story))})
        assert check(repository, head, tmp_path)[0] == code


@pytest.mark.parametrize(
    ("span", "told"),
    [
        ("main", "expected BASE..HEAD"),
        ("main...other", "expected BASE..HEAD"),
        ("main..nowhere", "'nowhere' is no commit of"),
        ("--output=x..main", "'--output=x' is no commit of"),
    ],
)
def test_what_is_no_span_of_commits_is_told(
    repository: tuple[Path, str], span: str, told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder, _ = repository
    board = ["--leaderboard", str(folder / "leaderboard")]
    assert main(["submit", "--check", f"--commits={span}", *board]) == 2
    assert told in capsys.readouterr().err
    (tmp_path / "none").mkdir()
    assert main(["submit", "--check", "--commits", "a..b", "--leaderboard", str(tmp_path / "none")]) == 2
    assert "lies in no repository of git" in capsys.readouterr().err


def test_commits_without_records_are_no_fault(repository: tuple[Path, str], tmp_path: Path) -> None:
    folder, base = repository
    code, report, table = check(repository, commit_of(folder, base, {"a.txt": b"a"}), tmp_path)
    assert (code, report["good"], report["bad"], report["rows"]) == (0, 0, 0, [])
    assert table.startswith("**No record.**")
    assert git(folder, "status", "--porcelain") == ""
