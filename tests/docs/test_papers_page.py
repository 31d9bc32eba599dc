"""docs/papers.md: a row for each table and figure of the five papers, whose commands can be typed."""

import csv
import re
import shlex

import pytest
from conftest import HOME
from test_docs_commands import refusal

from avsal_bench.resources import resource
from avsal_bench.studies.ablation import list_ablations, load_ablation

PAGE = HOME / "docs" / "papers.md"
ROMAN = ("I", "II", "III", "IV", "V")
#: What each paper has; of the first one figures 3 and 4 are inferred from the others.
PAPERS = {
    "avrsp2024": [*(f"Table {n}" for n in ROMAN), *(f"Figure {n}" for n in range(1, 7))],
    "caspnet2023": [*(f"Table {n}" for n in range(1, 6)), *(f"Figure {n}" for n in range(1, 8))],
    "dave2019": [*(f"Table {n}" for n in range(1, 6)), *(f"Figure {n}" for n in range(1, 11))],
    "scdl2022": [*(f"Table {n}" for n in ROMAN), *(f"Figure {n}" for n in range(1, 15))],
    "mspi2024": [*(f"Table {n}" for n in range(1, 7)), *(f"Figure {n}" for n in range(1, 11))],
}
STATES = ("reproduced on real data", "runs on synth", "runs, without data", "not built")


def rows() -> dict[str, list[list[str]]]:
    """By paper its rows: name, what it shows, command, status."""
    found: dict[str, list[list[str]]] = {}
    for part in re.split(r"(?m)^## ", PAGE.read_text(encoding="utf-8"))[1:]:
        paper = re.search(r"\((\w+)\)", part.partition("\n")[0]).group(1)
        lines = [line for line in part.splitlines() if line.startswith(("| Table", "| Figure"))]
        found[paper] = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    return found


ROWS = [(paper, row) for paper, of in rows().items() for row in of]


@pytest.mark.parametrize("paper", PAPERS)
def test_every_table_and_figure_has_a_row(paper):
    assert [row[0] for row in rows()[paper]] == PAPERS[paper]


def test_every_table_with_published_scores_is_one_of_them():
    with resource("published.csv").open(encoding="utf-8", newline="") as file:
        printed = {(line["paper"], line["table"]) for line in csv.DictReader(file)}
    for paper, table in printed:
        if paper in PAPERS:
            name = table.split(" (")[0].split(",")[0].replace("Fig. ", "Figure ")
            assert name in PAPERS[paper], table


def test_every_row_has_a_status_and_a_command_or_a_reason():
    for paper, (name, shows, command, status) in ROWS:
        assert shows, name
        assert status.startswith(STATES), f"{paper}, {name}: {status}"
        assert command or re.match(r"not built: .{10}", status), f"{paper}, {name}: no command, and no reason"


def test_every_command_can_be_typed(capsys):
    for paper, (name, _, command, _) in ROWS:
        for words in map(shlex.split, re.findall(r"`([^`]+)`", command)):
            if words[0] == "python":
                assert (HOME / words[1]).is_file(), words
            else:
                wrong = refusal(words, whole=True)
                assert not wrong, f"{paper}, {name}: {wrong} {capsys.readouterr().err}"


def test_no_command_names_the_preset_that_real_sets_have_by_themselves():
    """``paper`` by name needs the real sets; without a name the same command runs on synth too, as its status says."""
    assert [row[:3] for _, row in ROWS if "--preset paper" in row[2]] == []


def test_every_ablation_is_the_command_of_its_table():
    for name in list_ablations(resource("ablations")):
        ablation = load_ablation(resource("ablations"), name)
        (row,) = [row for paper, row in ROWS if (paper, row[0]) == (ablation.paper, ablation.table)]
        assert f"`avsal bench --ablation {name}`" in row[2]
