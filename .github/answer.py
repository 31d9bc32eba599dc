"""Says in a pull request what the check of its records found: the one step of answer.yml that has the right to write.

The report that it reads was made in a workflow of the pull request, and may be anything. It is read within bounds, as
plain values of a form; no file of it is written; and it is shown as text. The pull request that is answered is the one
that the report names, if its head is the very commit that the workflow ran on, and no other.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from avsal_bench.leaderboard.submissions.check_report import (
    MOST_BYTES,
    ReportForm,
    report_from_json,
    report_markdown,
)

#: Of the artifact of submission.yml, and bytes that it may have.
NAME, MOST_ZIPPED = "submission", 1_000_000
#: At the start of every answer, by which the next run finds it. Nobody sees it.
MARK = "<!-- avsal: what the check of records found -->"
#: Whose comments are changed, and pages of comments that are looked through.
OWN, PAGES = "github-actions[bot]", 10

FOOT = """\
Worked out by `avsal submit --check` with the code of the base branch; nothing of this pull request was run for it.
The table passed through a job of the pull request. Before a merge, see it again:
`avsal submit --check --commits origin/main..HEAD`."""
NOT_CHECKED = "**The records could not be checked.** The log of the workflow `submission` says why."


def main() -> int:
    """Answer the pull request of the run that the event tells of."""
    event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    repository, run = os.environ["GITHUB_REPOSITORY"], event["workflow_run"]
    zipped = artifact(repository, int(run["id"]))
    if zipped is None:
        print("no report: the run ended before it made one, or it is too large")
        return 0
    number, report = contents(zipped)
    if not is_of(repository, number, run):
        print(
            f"pull request {number} is closed, has another head by now, or is not the one that was checked: no answer"
        )
        return 0
    table = NOT_CHECKED if report is None else report_markdown(report)
    say(
        repository, number, f"{MARK}\n### Records of this pull request\n\nCommit {run['head_sha']}\n\n{table}\n{FOOT}\n"
    )
    return 0


def artifact(repository: str, run: int) -> bytes | None:
    """The zipped artifact of a run; None where there is none, or one of more than ``MOST_ZIPPED`` bytes."""
    listed = ask(f"repos/{repository}/actions/runs/{run}/artifacts?name={NAME}&per_page=10")["artifacts"]
    found = [
        one for one in listed if one["name"] == NAME and not one["expired"] and one["size_in_bytes"] <= MOST_ZIPPED
    ]
    return gh(f"repos/{repository}/actions/artifacts/{int(found[0]['id'])}/zip") if found else None


def contents(zipped: bytes) -> tuple[int, ReportForm | None]:
    """The number of the pull request, and the report, where there is one.

    Raises:
        ValueError: for anything else.
    """
    if len(zipped) > MOST_ZIPPED:
        raise ValueError("the artifact is larger than it was said to be")
    try:
        with zipfile.ZipFile(io.BytesIO(zipped)) as opened:
            number = member(opened, "number", 20)
            report = member(opened, "report.json", MOST_BYTES)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise ValueError(f"the artifact is no zip that can be read ({error})") from None
    digits = (number or b"").strip()
    if not digits.isdigit() or len(digits) > 9 or digits.startswith(b"0"):
        raise ValueError("the artifact has no number of a pull request")
    return int(digits), None if report is None else report_from_json(report)


def member(opened: zipfile.ZipFile, name: str, most: int) -> bytes | None:
    """The content of a file in the zip, of at most so many bytes; None where there is none."""
    if name not in opened.namelist():
        return None
    with opened.open(name) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{name} has more than {most:,} bytes")
    return content


def is_of(repository: str, number: int, run: dict[str, Any]) -> bool:
    """Whether a pull request is open, and its head is the commit that the run checked."""
    pull = ask(f"repos/{repository}/pulls/{number}")
    theirs, ours = pull["head"].get("repo") or {}, run.get("head_repository") or {}
    same = pull["head"]["sha"] == run["head_sha"] and theirs.get("id") == ours.get("id") is not None
    return bool(pull["state"] == "open" and same)


def say(repository: str, number: int, text: str) -> None:
    """Write the answer, in the place of that of an earlier run."""
    place = f"repos/{repository}/issues/{number}/comments"
    for page in range(1, PAGES + 1):
        comments = ask(f"{place}?per_page=100&page={page}")
        for one in comments:
            if (one.get("user") or {}).get("login") == OWN and str(one.get("body")).startswith(MARK):
                gh("--method", "PATCH", f"repos/{repository}/issues/comments/{int(one['id'])}", body=text)
                return
        if len(comments) < 100:
            break
    gh("--method", "POST", place, body=text)


def ask(path: str) -> Any:
    """What GitHub answers, as plain values."""
    return json.loads(gh(path))


def gh(*words: str, body: str | None = None) -> bytes:
    """What ``gh api`` gives; with ``body`` as the one field that is sent."""
    sent = [] if body is None else ["--input", "-"]
    given = b"" if body is None else json.dumps({"body": body}).encode()
    return subprocess.run(["gh", "api", *words, *sent], input=given, stdout=subprocess.PIPE, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
