"""Rows compared by the command: the numbers of the page, what is not compared, and bad names."""

import re

import pytest
from made_records import make, save

from avsal_bench.cli import main
from avsal_bench.leaderboard.page.board import read_board
from avsal_bench.leaderboard.reports.compared_rows import compared_rows
from avsal_bench.leaderboard.statistics import paired_difference

A, B, C = (f"stavis/avad/{name}_v/paper" for name in ("a", "b", "c"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    values = {"a": [0.6, 0.7, 0.65], "b": [0.5, 0.62, 0.5], "c": [0.1, 0.2, 0.3]}
    made = [make(of, model=name, fold=k) for name, of in values.items() for k in (1, 2, 3)]
    made += [make([0.5, 0.4, 0.3], model=name, fold=1) for name in ("half", "other")]
    made += [make([0.5, 0.4], model=name, dataset="etmd", fold=k) for name in ("a", "b") for k in (1, 2, 3)]
    return save(tmp_path_factory.mktemp("board"), made)


def test_the_numbers_are_those_of_the_page(folder):
    compared = compared_rows(folder, [B, A, C], ["CC", "KL"])
    group = next(g for g in read_board(folder).groups if g.dataset == "avad")
    places = {row.head.network: n for n, row in enumerate(group.rows)}
    assert len(compared.pairs) == 2 * 3
    for pair in compared.pairs:
        at = [places[row.head.network] for row in (pair.first, pair.second)]
        test = group.comparisons[pair.metric][min(at), max(at)]
        assert (pair.p, pair.corrected, pair.significant) == (test.p, test.corrected, test.significant)
        first, second = (group.means[pair.metric][n] for n in at)
        assert pair.interval == paired_difference(first, second)
    assert [row.head.network for row in compared.chosen] == ["b_v", "a_v", "c_v"], "in the order that was asked"


def test_markdown_and_latex_have_every_row_and_pair(folder, tmp_path, capsys):
    words = ["leaderboard", "--leaderboard", str(folder), "--compare", A, B]
    assert main([*words, "--metrics", "CC,NSS"]) == 0
    shown = capsys.readouterr().out
    assert "## 2 rows on AVAD, protocol stavis" in shown
    assert len(re.findall(r"^\| a \(v\) less b \(v\) ", shown, re.MULTILINE)) == 2
    assert "a (v) is better" in shown or "not shown" in shown
    assert main([*words, "--out", str(tmp_path / "t.tex")]) == 0
    text = (tmp_path / "t.tex").read_text(encoding="utf-8")
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 2
    assert r"a (v) less b (v) & CC" in text
    assert main([*words, "--out", str(tmp_path / "t.md")]) == 0
    assert (tmp_path / "t.md").read_text(encoding="utf-8").startswith("## 2 rows")


def test_rows_of_other_folds_are_shown_and_not_compared(folder):
    [pair] = compared_rows(folder, [A, "stavis/avad/half_v/paper"], ["CC"]).pairs
    assert pair.interval is None
    assert pair.cells()[-1] == "not compared: their folds differ (1, 2, 3 and 1)"
    [pair] = compared_rows(folder, [f"stavis/avad/{name}_v/paper" for name in ("half", "other")], ["CC"]).pairs
    said = "half (v) is not ranked (of its folds it lacks 2, 3; avsal bench --folds 1,2,3 does them)"
    assert pair.cells()[-1] == f"not compared: {said}"


@pytest.mark.parametrize(
    ("names", "metrics", "said"),
    [
        ([A], [], "2 to 5 rows are compared, got 1"),
        ([A, A], [], "named twice"),
        ([A, "stavis/avad/d_v/paper"], [], "unknown row"),
        ([A, "a_v"], [], "a row is protocol/set/network/preset"),
        ([A, "stavis/etmd/b_v/paper"], [], "rows of one set and protocol are compared, got stavis/avad, stavis/etmd"),
        ([A, B], ["cc"], "did you mean 'CC'"),
        (
            ["nope/avad/a_v/paper", "nope/avad/b_v/paper"],
            [],
            "no record is of nope/avad; tables with records: stavis/avad",
        ),
    ],
)
def test_bad_names_are_told(folder, names, metrics, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        compared_rows(folder, names, metrics)


@pytest.mark.parametrize("more", [["--latex", "avad"], ["--hearing"], ["--published"], ["--out", "t.txt"]])
def test_options_of_other_tables_are_refused(folder, more, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["leaderboard", "--leaderboard", str(folder), "--compare", A, B, *more]) != 0
    assert "--compare" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
