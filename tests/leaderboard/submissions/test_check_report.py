"""The report of a check: for programs as JSON, for people as tables in which texts of strangers are only text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from made_records import make, save, whole

from avsal_bench.cli import main
from avsal_bench.leaderboard.escaping import for_comment
from avsal_bench.leaderboard.submissions.check_report import (
    MOST_FILES,
    MOST_LETTERS,
    MOST_NOTES,
    MOST_PROBLEMS,
    make_report,
    report_from_json,
    report_json,
    report_markdown,
)
from avsal_bench.leaderboard.submissions.problem import Problem
from avsal_bench.leaderboard.submissions.standings import standings
from avsal_bench.leaderboard.submissions.submit import Submission
from avsal_bench.records import write_record

EVIL = "@all <img src=x onerror=a()> [a](http://evil.org) ![](//e) `x` | #12 <!-- --> &lt; www.evil.org \u202e\u200b"


def evil_report() -> Submission:
    problems = {Path(f"{EVIL}{n}"): [Problem(f"{EVIL}{k}" * 9, EVIL) for k in range(12)] for n in range(110)}
    return Submission(problems=problems)


def test_texts_of_strangers_stay_texts() -> None:
    told = for_comment(EVIL)
    assert not re.search(r"@\w|<(?!\u200b)|#\d|http://|www\.|(?<!\\)[\[\]|`*]|\u202e", told)
    table = report_markdown(make_report(evil_report(), [], [EVIL] * 99))
    bare = table.replace("<br>", "").replace("#### ", "")
    assert not re.search(r"@\w|<|#\d|://\w|www\.|(?<!\\)[\[\]`]", bare)
    columns = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines() if line.startswith("|")}
    assert columns == {4}


def test_a_report_is_bounded_and_read_again() -> None:
    report = make_report(evil_report(), [], [EVIL] * 99)
    assert (len(report["files"]), report["bad"], len(report["notes"])) == (MOST_FILES, 110, MOST_NOTES)
    assert report["notes"][-1] == "and 50 more notes"
    assert {(len(f["problems"]), f["more"]) for f in report["files"]} == {(MOST_PROBLEMS, 2)}
    text = report_markdown(report)
    assert len(text) <= MOST_LETTERS
    assert "more files." in text
    assert report_from_json(report_json(report).encode()) == report


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "Expecting value"),
        (b"[]", "no report of `avsal submit --check`"),
        (b'{"form": 2}', "no report"),
        (b" " * 4_000_001, "at most 4,000,000 are read"),
        (b"[" * 100_000, "deep"),
    ],
)
def test_what_is_no_report_is_told(content: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        report_from_json(content)


@pytest.mark.parametrize(
    "change",
    [
        {"more": 1},
        {"good": "3"},
        {"good": -1},
        {"notes": ["x" * 401]},
        {"files": [{"path": "a", "problems": [{"what": "b"}], "more": 0}]},
        {"rows": [{}]},
    ],
)
def test_a_report_has_its_form_and_no_other(change: dict[str, object]) -> None:
    plain = make_report(Submission(), [])
    with pytest.raises(ValueError, match="no report"):
        report_from_json(json.dumps(plain | change).encode())


def test_a_row_stands_among_the_ranked_rows_of_its_table(tmp_path: Path) -> None:
    values = {"a": 0.7, "b": 0.5, "c": 0.3}
    there = [make([v, v + 0.1], model=name, fold=k) for name, v in values.items() for k in (1, 2, 3)]
    lone = [make([0.9, 0.9], model="lone"), make([0.9, 0.9], model="elsewhere", dataset="etmd")]
    board = save(tmp_path, [*there, *lone])
    new = [make([0.55, 0.6], model="b", fold=k) for k in (1, 2)]  # in the place of two folds; the third is there
    [standing] = standings([*new, make([0.2, 0.2], model="d"), make([0.3, 0.3], model="a", sound="muted")][:2], board)
    assert (standing.ranks["CC"], standing.of, standing.unranked) == (2, 3, "")
    assert standing.ranks["KL"] == 2
    assert standing.row.scores["CC"].value == pytest.approx((0.575 * 2 + 0.55) / 3)
    assert standing.above is not None
    assert standing.below is not None
    assert (standing.above.row.head.model, standing.below.row.head.model) == ("a", "c")
    assert standing.below.difference is not None
    assert standing.below.difference.mean > 0.2
    other = standings([make([0.2, 0.2], model="d"), make([0.3, 0.3], model="a", sound="muted")], board)
    said = {one.row.head.model: one.unranked for one in other}
    assert said["d"].startswith("incomplete: only fold 1 is done")
    assert said["a"].startswith("tested with another sound (muted)")


def test_the_command_writes_both_forms_and_only_where_it_checks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = ["--leaderboard", str(save(tmp_path / "board", []))]
    write_record(tmp_path / "in" / "good.json", whole())
    (tmp_path / "in" / "bad.json").write_text("{}")
    reports = ["--json", str(tmp_path / "r.json"), "--markdown", str(tmp_path / "r.md")]
    assert main(["submit", str(tmp_path / "in"), "--check", *reports, *board]) == 1
    report = report_from_json((tmp_path / "r.json").read_bytes())
    assert (report["good"], report["bad"]) == (1, 1)
    assert report["files"][0]["problems"][0]["fix"].startswith("make it anew with `avsal bench`")
    text = (tmp_path / "r.md").read_text()
    assert "**1 of 2 files cannot be published.**" in text
    assert "not ranked: incomplete: only fold 1 is done" in text
    capsys.readouterr()
    assert main(["submit", str(tmp_path / "in"), *reports, *board]) == 2
    assert "--json goes with --check" in capsys.readouterr().err
    assert main(["submit", "--check", "--json", str(tmp_path / "in"), *board]) == 2
    assert "it is a folder" in capsys.readouterr().err
    assert main(["submit", "x.json", "--check", "--commits", "a..b", *board]) == 2
    assert "leave x.json out" in capsys.readouterr().err
