"""Rows of a part of a test list are marked, stand last and compare with none; what rounds to zero is no difference."""

from dataclasses import replace

import pytest
from conftest import HOME
from made_records import make, save, whole

from avsal_bench.data.dataset import dataset
from avsal_bench.data.layouts.listed import listed_frames
from avsal_bench.data.layouts.lists import PACKAGED_LISTS, story_of_lists
from avsal_bench.leaderboard.analysis import bounds_of, labels
from avsal_bench.leaderboard.page.board import overall, read_board
from avsal_bench.leaderboard.page.longform import to_csv
from avsal_bench.leaderboard.page.parts.cells import difference, number
from avsal_bench.leaderboard.page.readme import _difference, readme, summary_table
from avsal_bench.leaderboard.page.score_tables import score_sets
from avsal_bench.leaderboard.reports.latex import latex_tables
from avsal_bench.leaderboard.statistics import Interval
from avsal_bench.leaderboard.submissions.submit import check_submission
from avsal_bench.leaderboard.tables import rows
from avsal_bench.records import write_record
from avsal_bench.text import fixed

GOOD, BAD = [0.9, 0.8, 0.9, 0.7, 0.8, 0.9], [0.5, 0.4, 0.5, 0.3, 0.4, 0.5]


def folds(values, **changes):
    return [make(values, fold=fold, **changes) for fold in (1, 2, 3)]


def short_list(**changes):
    return folds(GOOD[:4], model="part", **changes)


def fewer_frames(**changes):
    records = folds(GOOD, model="part", **changes)
    videos = [replace(records[1].videos[0], frames=9), *records[1].videos[1:]]
    return [records[0], replace(records[1], videos=videos), records[2]]


def missing_maps(**changes):
    records = folds(GOOD, model="part", **changes)
    videos = [replace(records[0].videos[0], frames=9, skipped=1), *records[0].videos[1:]]
    return [replace(records[0], videos=videos), *records[1:]]


def own_list(**changes):
    return [
        replace(r, provenance=r.provenance | {"own_list": {"videos": 6, "usual": 15}})
        for r in folds(GOOD, model="part", **changes)
    ]


@pytest.fixture(params=[short_list, fewer_frames, missing_maps, own_list])
def part(request):
    return request.param


def test_a_row_of_a_part_of_a_list_never_ranks_and_says_so(part, tmp_path):
    others = [*folds(BAD, model="whole"), *folds([x - 0.1 for x in BAD], model="other")]
    found = rows([*part(), *others])
    assert [(row.head.model, row.ranked) for row in found] == [("whole", True), ("other", True), ("part", False)]
    assert found[2].complete, "it has all folds"
    assert found[2].part
    save(tmp_path, [*part(), *others])
    board = read_board(tmp_path)
    [group] = board.groups
    assert [row.head.model for row in group.ranked] == ["whole", "other"]
    assert group.best("CC") == 0
    assert {pair for pairs in group.comparisons.values() for pair in pairs} == {(0, 1)}
    [shown] = score_sets(board.groups, board.facts)
    above, below = shown.scores.bodies
    assert [line.cells[0].text for line in below] == ["part"]
    assert not any(cell.bold or cell.like_best for cell in below[0].cells)
    assert [mark.symbol for mark in below[0].cells[0].marks if mark.symbol == "§"] == ["§"]
    assert "not ranked" in next(mark.reason for mark in below[0].cells[0].marks if mark.symbol == "§")
    assert any(cell.bold for cell in above[0].cells)
    table = [line for line in readme(board).splitlines() if line.startswith(("| part", "| whole"))]
    assert table[0].startswith("| whole")
    assert table[1].startswith("| part§")
    assert all("part-of-list" in line for line in to_csv(board.table, []).splitlines() if ",part," in line)


def test_tables_for_a_paper_do_not_rank_it(part, tmp_path):
    save(tmp_path, [*part(), *folds(BAD, model="whole")])
    text = latex_tables(tmp_path, ["avad"], ["CC"]).text
    assert r"\textbf{0.433}" in text
    line = next(line for line in text.splitlines() if line.strip().startswith("part"))
    assert "textbf" not in line
    assert r"$^{\S}$" in line
    assert r"$^{\S}$~a part of the test list, not ranked" in text


def test_ranks_over_all_sets_are_of_whole_rows(part, tmp_path):
    sets = ("avad", "etmd")
    records = [r for name in sets for r in folds(BAD, model="whole", dataset=name)]
    save(tmp_path, [*records, *part(dataset="avad"), *folds(GOOD, model="part", dataset="etmd")])
    [ranks] = overall(read_board(tmp_path).groups)
    assert [ranked.row.head.model for ranked in ranks.ranked] == ["whole"]
    assert ranks.missing == {"part_v (paper)": ("avad",)}


def test_analyses_name_it_and_scale_by_bounds_of_the_same_list_only(part):
    bounds = [*folds(BAD, model="mep", modality=""), *folds(GOOD, model="human_infinite", modality="")]
    table = rows([*part(), *bounds, *folds(BAD, model="whole")])
    by_model = {row.head.model: row for row in table}
    assert bounds_of(by_model["part"], table) is None
    assert bounds_of(by_model["whole"], table) is not None
    assert dict(zip(by_model, labels(table), strict=True))["part"].endswith("(part of the list)")


def test_the_end_of_a_run_says_it(part):
    text = summary_table([*part(), *folds(BAD, model="whole")])
    notes = [line for line in text.splitlines() if "not of the whole test list, and not ranked" in line]
    assert 1 <= len(notes) <= 3
    assert all(note.startswith("part_v avad stavis fold") for note in notes)


def test_records_of_one_whole_list_are_ranked_whatever_else_is_there():
    assert all(row.ranked for row in rows([*folds(GOOD), *folds(BAD, model="other"), *folds(BAD, dataset="etmd")]))
    assert all(row.ranked for row in rows([*folds(GOOD[:2], protocol="dave"), *folds(BAD)])), "other protocols too"


def test_a_record_says_that_its_root_has_another_list(tmp_path):
    (tmp_path / "fold_lists").mkdir()
    own = tmp_path / "fold_lists" / "AVAD_list_test_2_fps.txt"
    usual = (PACKAGED_LISTS / own.name).read_text()
    own.write_text("\n\n".join(usual.splitlines()[::-1]))
    assert story_of_lists(tmp_path, dataset("avad"), 2) == {}, "in another order, and with blank lines, it is the same"
    own.write_text("\n".join([line for line in usual.splitlines() if line.strip()][:9]))
    assert story_of_lists(tmp_path, dataset("avad"), 2) == {"own_list": {"videos": 9, "usual": 15}}
    assert story_of_lists(tmp_path, dataset("avad"), 1) == {}
    own.write_text(usual.replace(" 202 ", " 201 ") if " 202 " in usual else usual.rstrip() + "\nanother 10 25\n")
    assert story_of_lists(tmp_path, dataset("avad"), 2)["own_list"]["usual"] == 15


# --- what rounds to zero


@pytest.mark.parametrize("value", [-0.0004, 0.0004, -0.0, 0.0, -1e-9])
def test_what_rounds_to_zero_has_no_sign_and_is_not_bold(value):
    interval = Interval(value, value - 1e-5, value + 1e-5, 9)
    assert difference(interval, "CC").text == "0.000"
    assert not difference(interval, "CC").bold
    assert _difference(interval, "CC") == "0.000 (0.000 to 0.000)"
    assert interval.text() == "0.000 [0.000, 0.000]"
    assert number(value, "CC") == number(value, "CC", sign=True) == "0.000"
    assert fixed(value) == "0.000"


def test_what_is_seen_of_a_difference_depends_on_its_digits():
    interval = Interval(-0.004, -0.0044, -0.0034, 9)
    assert difference(interval, "CC").bold
    assert _difference(interval, "CC") == "**-0.004 (-0.004 to -0.003)**"
    assert not difference(interval, "NSS").bold
    assert _difference(interval, "NSS") == "0.00 (0.00 to 0.00)"
    assert fixed(float("nan")) == "nan"


def test_csv_and_tables_for_a_paper_have_no_negative_zero(tmp_path):
    save(tmp_path, folds([-1e-8, 1e-9], model="zero"))
    assert "-0.000" not in to_csv(read_board(tmp_path).table, [])
    assert "-0.000" not in latex_tables(tmp_path, ["avad"], intervals=True).text
    assert "-0.000" not in readme(read_board(tmp_path))


# --- handing in


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"own_list": {"videos": 9, "usual": 15}}, "tested by a list in fold_lists of the data root"),
        ({"own_set": {"title": "x"}}, "is a set of its owner"),
    ],
)
def test_who_tests_by_lists_of_their_own_is_told_how_to_publish(told, said, tmp_path):
    record = whole()
    record = replace(record, provenance=record.provenance | told)
    if "own_set" in told:
        record = replace(record, dataset="mine")
    [problem] = problems_of(record, tmp_path)
    assert said in problem
    assert "'Publish a record' of the documentation" in problem
    assert "A set of your own" in (HOME / "docs" / "howto" / "publish.md").read_text(encoding="utf-8")


def problems_of(record, folder):
    path = folder / "handed_in.json"
    write_record(path, record)

    def listed(name, fold):
        return None if name == "mine" else listed_frames(name, fold)

    found = check_submission([path], folder / "board", {"stavis": "videos"}, listed)
    return found.problems.get(path, [])
