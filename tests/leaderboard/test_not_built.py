"""Methods with published scores that cannot be built here: the page says so, and what is missing."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from made_records import PUBLISHED, save, section

from avsal_bench.leaderboard import write_leaderboard
from avsal_bench.leaderboard.known_facts import facts
from avsal_bench.leaderboard.published_scores import read_not_built, read_published
from avsal_bench.models import list_models

NOT_BUILT = PUBLISHED.parent / "not_built.csv"


def methods() -> set[str]:
    return {line["method"] for line in read_published(PUBLISHED)}


def page(folder: Path) -> str:
    return write_leaderboard(folder)[0].read_text(encoding="utf-8")


def test_what_is_not_built_is_no_network_here() -> None:
    named = {line.method for line in read_not_built(NOT_BUILT, methods())}
    assert {"tsfpnet", "davs"} <= named
    assert named.isdisjoint(list_models())


def test_published_methods_bear_the_names_of_the_networks() -> None:
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        printed = {line["method"] for line in csv.DictReader(file)}
    assert {"aclnet", "deepvs", "gradcampp", "unisal"} <= printed & set(list_models())
    assert {"mws", "sbf", "wss"} <= {line.method for line in read_not_built(NOT_BUILT, methods())}


def test_each_published_number_is_of_a_kind_that_somebody_reads() -> None:
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        assert {line["kind"] for line in csv.DictReader(file)} == {"main", "ablation", "efficiency"}
    assert {line["dataset"] for line in read_published(PUBLISHED) if line["method"] == "unisal"} == {"dhf1k", "mit1003"}


def test_the_page_in_the_repository_is_of_the_scores_of_now() -> None:
    text = (Path(__file__).parents[2] / "leaderboard" / "README.md").read_text(encoding="utf-8")
    sets = {line["dataset"] for line in read_published(PUBLISHED)}
    known = facts()
    assert {name for name in sets if f"### {known.dataset(name).title}, published" not in text} == set()
    absent = {one.method for one in read_not_built(NOT_BUILT, methods())}
    missing = {name for name in absent if f"| {known.network(name).title}¶ " not in text}
    assert missing == set(), "make leaderboard writes them"


def test_the_page_marks_them_and_says_what_is_missing(tmp_path: Path) -> None:
    folder = save(tmp_path, [])
    (folder / "not_built.csv").write_bytes(NOT_BUILT.read_bytes())
    published = section(page(folder), "## Published")
    told = {line.split()[1]: line for line in section(published, "### Not built here").splitlines() if "|" in line}
    assert all(
        words in told["DAVS"] for words in ("no public code found", "text not found", "Yu et al. 2024", "losses")
    )
    assert "Cognitive Computation 15(3), 2023" in told["TSFP-Net"]
    diem = {line.split()[1] for line in section(published, "### DIEM, published").splitlines() if "|" in line}
    assert {"TSFP-Net¶", "DAVS¶", "ViNet"} <= diem
    assert diem.isdisjoint({"TSFP-Net", "DAVS"})


def test_a_leaderboard_without_the_file_marks_nothing(tmp_path: Path) -> None:
    text = page(save(tmp_path, []))
    assert "¶" not in text
    assert "Not built here" not in text


@pytest.mark.parametrize("line", ["dafs,paper,status,missing", "davs,paper,,missing", "davs,paper", "davs,a,b,c,d"])
def test_a_line_that_says_nothing_of_a_published_method_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "not_built.csv"
    path.write_text(f"method,paper,status,missing\ndavs,paper,status,missing\n{line}\n", encoding="utf-8")
    told = r"not_built\.csv, row 3: expected method, paper, status, missing(, none empty|; got)"
    with pytest.raises(ValueError, match=told):
        read_not_built(path, ["davs"])
