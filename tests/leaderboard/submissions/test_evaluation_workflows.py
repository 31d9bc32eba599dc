"""A pull request is checked without rights, and answered without running it; what a stranger writes there is text."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from conftest import HOME
from git_repositories import ENVIRONMENT, commit_of, git, new_repository
from made_records import whole

from avsal_bench.leaderboard.submissions.check_report import make_report, report_json
from avsal_bench.leaderboard.submissions.problem import Problem
from avsal_bench.leaderboard.submissions.submit import Submission
from avsal_bench.records import write_record

GITHUB = HOME / ".github"
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in GITHUB.glob("workflows/*.yml")}
#: Workflows that see what a pull request holds, by their triggers.
OF_PULL_REQUESTS = [name for name, found in WORKFLOWS.items() if "pull_request" in found[True]]
EVENT = {
    "workflow_run": {"id": 7, "head_sha": "a" * 40, "head_repository": {"id": 5}, "event": "pull_request"},
}
PULL = {"state": "open", "head": {"sha": "a" * 40, "repo": {"id": 5}}}


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in WORKFLOWS[name]["jobs"].values() for step in job["steps"]]


def step(name: str, word: str) -> dict[str, Any]:
    """The one step of a workflow whose script holds a word."""
    [found] = [one for one in steps(name) if word in one.get("run", "")]
    return found


# what stands in the workflows


def test_nothing_has_rights_where_the_files_of_a_pull_request_are() -> None:
    assert set(OF_PULL_REQUESTS) >= {"ci", "records", "submission"}
    for name, found in WORKFLOWS.items():
        assert "pull_request_target" not in found[True], name
    for name in OF_PULL_REQUESTS:
        text = (GITHUB / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
        assert not re.search(r"secrets\.|github\.token|GITHUB_TOKEN", text), name
        for job in (WORKFLOWS[name], *WORKFLOWS[name]["jobs"].values()):
            assert set(job.get("permissions", {}).values()) <= {"read"}, name


def test_the_pull_request_is_not_checked_out_by_the_workflows_that_speak_of_it() -> None:
    for name, of in (("submission", "${{ github.event.pull_request.base.sha }}"), ("answer", None)):
        [checkout] = [one for one in steps(name) if one.get("uses", "").startswith("actions/checkout")]
        assert checkout["with"].get("ref") == of
        assert checkout["with"]["persist-credentials"] is False
        scripts = " ".join(one.get("run", "") for one in steps(name))
        assert not re.search(r"git (checkout|switch|worktree|merge|restore|pull)|make |pip install (-e|\.)", scripts)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_named_by_commit(name: str) -> None:
    """A tag can be moved to other code, which would run with the rights of answer.yml."""
    used = [one["uses"] for one in steps(name) if "uses" in one]
    assert [one for one in used if not re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", one)] == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_expression_stands_in_a_script(name: str) -> None:
    """What an event holds comes by the environment: in a script it would be a part of the script."""
    for one in steps(name):
        assert "${{" not in one.get("run", "")
        for value in one.get("env", {}).values():
            if "github.event" in str(value):
                assert re.fullmatch(r"\$\{\{ github\.event\.pull_request\.number \}\}", value)
    assert "${{" not in WORKFLOWS[name]["name"]


def test_the_right_to_write_is_that_of_one_job_with_one_file_of_the_pull_request() -> None:
    answer = WORKFLOWS["answer"]
    assert answer[True] == {"workflow_run": {"workflows": ["submission"], "types": ["completed"]}}
    [job] = answer["jobs"].values()
    assert job["permissions"] == {"actions": "read", "contents": "read", "pull-requests": "write"}
    assert not [one for one in steps("answer") if "artifact" in one.get("uses", "")], "nothing is unpacked to the disk"
    assert [one["env"] for one in steps("answer") if "env" in one] == [{"GH_TOKEN": "${{ github.token }}"}]
    writes = {
        name
        for name, found in WORKFLOWS.items()
        for job in found["jobs"].values()
        if "write" in job.get("permissions", {}).values()
    }
    assert writes == {"answer", "pages"}


def test_the_form_asks_for_what_is_needed() -> None:
    form = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE" / "evaluation.yml").read_text(encoding="utf-8"))
    fields = {one["id"]: one for one in form["body"] if one["type"] != "markdown"}
    assert len(fields) == len(form["body"]) - 1
    needed = {"network", "what", "where", "licence", "sound", "training", "contact"}
    assert {name for name, one in fields.items() if one.get("validations", {}).get("required")} == needed
    assert {"sets", "paper", "agreed"} <= fields.keys()
    kinds = {"input", "textarea", "dropdown", "checkboxes", "markdown"}
    assert {one["type"] for one in form["body"]} <= kinds
    assert all(one["attributes"]["label"] for one in fields.values())
    config = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE" / "config.yml").read_text(encoding="utf-8"))
    assert config == {"blank_issues_enabled": True}


# the answer


@pytest.fixture(scope="module")
def answer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("answer", GITHUB / "answer.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = [*sys.path]
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


def zipped(files: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def report(text: str = "fine") -> bytes:
    found = Submission(problems={Path("leaderboard/x.json"): [Problem(text, text)]})
    return report_json(make_report(found, [], [text])).encode()


class GitHub:
    """Answers as GitHub would, and notes what is written."""

    def __init__(self, archive: bytes, pull: dict[str, Any] = PULL, size: int = 1000, comments: tuple[Any, ...] = ()):
        artifact = {"id": 3, "name": "submission", "expired": False, "size_in_bytes": size}
        self.answers = {
            "repos/o/r/actions/runs/7/artifacts?name=submission&per_page=10": {"artifacts": [artifact]},
            "repos/o/r/pulls/12": pull,
            "repos/o/r/issues/12/comments?per_page=100&page=1": list(comments),
        }
        self.archive = archive
        self.written: list[tuple[tuple[str, ...], str]] = []

    def __call__(self, *words: str, body: str | None = None) -> bytes:
        if body is not None:
            self.written.append((words, body))
            return b"{}"
        [path] = words
        return self.archive if path.endswith("/zip") else json.dumps(self.answers[path]).encode()


def run(answer: ModuleType, github: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "event.json").write_text(json.dumps(EVENT))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
    monkeypatch.setenv("GITHUB_REPOSITORY", "o/r")
    monkeypatch.setattr(answer, "gh", github)
    assert answer.main() == 0


def test_the_answer_goes_to_the_pull_request_and_takes_the_place_of_the_one_before(
    answer: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = "@all <script>a()</script> [x](http://e.org) #1 `${{ secrets.A }}`"
    archive = zipped({"number": b"12\n", "report.json": report(evil), "../../x": b"out"})
    others = ({"id": 1, "user": {"login": "eve"}, "body": answer.MARK}, {"id": 2, "user": None, "body": None})
    github = GitHub(archive, comments=others)
    run(answer, github, tmp_path, monkeypatch)
    [(words, body)] = github.written
    assert words == ("--method", "POST", "repos/o/r/issues/12/comments")
    assert body.startswith(answer.MARK)
    assert "leaderboard/x.json" in body
    bare = body.replace(answer.MARK, "").replace("<br>", "").replace(answer.FOOT, "")
    assert not re.search(r"@\w|<|#\d|://\w|(?<!\\)[\[\]`]", bare)
    assert len(body) < 65_536
    assert [path.name for path in tmp_path.iterdir()] == ["event.json"], "nothing of the archive is written"

    own = {"id": 9, "user": {"login": "github-actions[bot]"}, "body": f"{answer.MARK}\nold"}
    github = GitHub(archive, comments=(*others, own))
    run(answer, github, tmp_path, monkeypatch)
    assert github.written[0][0] == ("--method", "PATCH", "repos/o/r/issues/comments/9")


def test_a_run_without_a_report_is_told_too(
    answer: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    github = GitHub(zipped({"number": b"12"}))
    run(answer, github, tmp_path, monkeypatch)
    assert answer.NOT_CHECKED in github.written[0][1]


@pytest.mark.parametrize(
    "pull",
    [
        PULL | {"state": "closed"},
        PULL | {"head": {"sha": "b" * 40, "repo": {"id": 5}}},
        PULL | {"head": {"sha": "a" * 40, "repo": {"id": 6}}},
        PULL | {"head": {"sha": "a" * 40, "repo": None}},
    ],
)
def test_no_other_pull_request_is_answered(
    answer: ModuleType, pull: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    github = GitHub(zipped({"number": b"12", "report.json": report()}), pull)
    run(answer, github, tmp_path, monkeypatch)
    assert github.written == []


def test_an_artifact_that_is_too_large_is_not_fetched(
    answer: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    github = GitHub(b"never asked for", size=1_000_001)
    run(answer, github, tmp_path, monkeypatch)
    assert github.written == []


@pytest.mark.parametrize(
    "archive",
    [
        b"",
        b"PK\x03\x04 no zip",
        zipped({}),
        zipped({"number": b"12; rm -rf /"}),
        zipped({"number": b"-1"}),
        zipped({"number": b"0012"}),
        zipped({"number": b"1" * 10}),
        zipped({"number": b"1" * 10**6}),
        zipped({"number": "\u0661".encode()}),
        zipped({"number": b"12", "report.json": b" " * 4_000_001}),
        zipped({"number": b"12", "report.json": b"{}"}),
        zipped({"number": b"12", "report.json": b"[" * 10**6}),
        b"0" * 1_000_001,
    ],
)
def test_what_is_no_report_is_an_error_and_never_said(answer: ModuleType, archive: bytes) -> None:
    with pytest.raises(ValueError, match=r"artifact|report|bytes|deep|stand"):
        answer.contents(archive)


# the scripts of the steps, as they stand there


@pytest.mark.slow
def test_the_scripts_of_the_steps_check_a_pull_request(tmp_path: Path) -> None:
    """In a clone of a repository that has this code, with a fake event and a fake GitHub."""
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    write_record(tmp_path / "a.json", whole())
    (tmp_path / "bad.json").write_text("{")
    base = new_repository(origin, {"README.md": b"r", "leaderboard/README.md": b"r"})
    git(origin, "config", "uploadpack.allowAnySHA1InWant", "true")
    head = commit_of(
        origin,
        base,
        {
            "leaderboard/records/stavis/avad/toy_v-fold1-seed0.json": (tmp_path / "a.json").read_bytes(),
            "leaderboard/records/stavis/avad/@all.json": b"{",
            "avsal_bench/__init__.py": b"raise SystemExit('code of the pull request was run')",
            "avsal_bench/cli/__main__.py": b"raise SystemExit('code of the pull request was run')",
        },
    )
    merge = git(origin, "commit-tree", f"{head}^{{tree}}", "-p", base, "-p", head, "-m", "merge")
    git(origin, "update-ref", "refs/pull/12/merge", merge)
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{origin}", str(clone))
    (clone / "avsal_bench").symlink_to(HOME / "avsal_bench")
    bin_folder, runner = tmp_path / "bin", tmp_path / "runner"
    bin_folder.mkdir()
    runner.mkdir()
    (bin_folder / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')  # a link would leave its libraries
    (bin_folder / "python").chmod(0o755)
    summary = tmp_path / "summary.md"
    environment = (
        os.environ
        | ENVIRONMENT
        | {
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "PYTHONPATH": str(HOME),
            "AVSAL_HOME": str(clone),
            "RUNNER_TEMP": str(runner),
            "GITHUB_STEP_SUMMARY": str(summary),
            "MERGE": merge,
            "NUMBER": "12",
        }
    )

    def script(one: dict[str, Any], **more: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", one["run"]]
        return subprocess.run(
            command, cwd=clone, env=environment | more, capture_output=True, text=True, timeout=300, check=False
        )

    assert script(step("submission", "git fetch")).returncode == 0
    ended = script(step("submission", "submit --check"))
    assert ended.returncode == 1, ended.stderr
    assert summary.exists(), ended.stderr
    assert (runner / "submission" / "number").read_text() == "12\n"
    assert "was run" not in ended.stdout.replace("nothing of them was run", "") + ended.stderr
    assert not (clone / "leaderboard" / "records").exists()
    assert "**1 of 2 files cannot be published.**" in summary.read_text()

    archive = zipped({p.name: p.read_bytes() for p in (runner / "submission").iterdir()})
    (tmp_path / "zip").write_bytes(archive)
    event = {"workflow_run": EVENT["workflow_run"] | {"head_sha": head}}
    (tmp_path / "event.json").write_text(json.dumps(event))
    answers = GitHub(b"", PULL | {"head": {"sha": head, "repo": {"id": 5}}}).answers
    (tmp_path / "answers.json").write_text(json.dumps(answers))
    (bin_folder / "gh").write_text(
        f"""#!{sys.executable}
import json, pathlib, sys
here, words = pathlib.Path({str(tmp_path)!r}), sys.argv[1:]
assert words.pop(0) == "api"
if "--method" in words:
    (here / "written.json").write_text(json.dumps([words, json.load(sys.stdin)]))
elif words[0].endswith("/zip"):
    sys.stdout.buffer.write((here / "zip").read_bytes())
else:
    print(json.dumps(json.loads((here / "answers.json").read_text())[words[0]]))
"""
    )
    (bin_folder / "gh").chmod(0o755)
    (clone / ".github").symlink_to(GITHUB)
    ended = script(
        step("answer", "answer.py"),
        GITHUB_EVENT_PATH=str(tmp_path / "event.json"),
        GITHUB_REPOSITORY="o/r",
        GH_TOKEN="t",
    )
    assert ended.returncode == 0, ended.stderr
    words, sent = json.loads((tmp_path / "written.json").read_text())
    assert words == ["--method", "POST", "repos/o/r/issues/12/comments", "--input", "-"]
    assert f"Commit {head}" in sent["body"]
    assert "| not a record" in sent["body"]
    assert "incomplete: only fold 1 is done" in sent["body"]
    assert "@\u200ball.json" in sent["body"]
