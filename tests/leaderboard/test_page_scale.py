"""Leaderboards of thousands of records: what is read once, what stays bounded, and what is told to be left out."""

import time
from dataclasses import replace

import numpy as np
import pytest
from html_reader import Page, _whole_pairs, _whole_row
from made_boards import board_records, huge_board, rich_record
from made_records import make, save

from avsal_bench.leaderboard import merged_records
from avsal_bench.leaderboard.page import html as html_module
from avsal_bench.leaderboard.page import readme as readme_module
from avsal_bench.leaderboard.page.board import COMPARED_ROWS, Group, read_board
from avsal_bench.leaderboard.page.html import html_page
from avsal_bench.leaderboard.page.parts.compact_numbers import compact
from avsal_bench.leaderboard.page.readme import readme, write_leaderboard
from avsal_bench.leaderboard.significance import holm, pairwise, signed_rank_p, video_means
from avsal_bench.leaderboard.statistics import bootstrap_band, bootstrap_interval, bootstrap_intervals
from avsal_bench.leaderboard.tables import rows
from avsal_bench.records import METRICS


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """66 rows with curves: eleven networks on six sets."""
    return save(tmp_path_factory.mktemp("many"), board_records(seeds=(0,)))


def test_every_record_is_read_once(tmp_path, monkeypatch):
    folder, read = save(tmp_path, [make([0.5, 0.6], fold=fold) for fold in (1, 2, 3)]), []
    plain = merged_records.read_records
    monkeypatch.setattr(merged_records, "read_records", lambda root: [read.append(f) or f for f in plain(root)])
    write_leaderboard(folder)
    assert len(read) == 3


def test_a_panel_takes_little_of_the_page(many):
    """Of all that it shows, with its share of the comparisons and trainings; as plain JSON it is some 12 kB."""
    details = Page(html_page(read_board(many))).blocks["details"]
    assert sum(map(len, details.values())) / 66 < 4000


def test_a_board_holds_no_recipes_and_no_curves_in_lists(many):
    board = read_board(many)
    records = [record for row in board.table for record in row.records]
    assert not any(record.recipe for record in records)
    assert not any(video.curve for record in records for video in record.videos)
    assert len(board.curves) == len(records) == board.records


def test_only_the_first_rows_of_a_long_table_are_compared(monkeypatch):
    records = [make([i / 200, i / 200 + 0.01], model=f"m{i:03d}", fold=f) for i in range(130) for f in (1, 2, 3)]
    group = Group("avad", "stavis", tuple(rows(records)))
    assert len(group.comparisons["CC"]) == COMPARED_ROWS * (COMPARED_ROWS - 1) // 2
    assert group.best("CC") == 0
    assert group.best("KL") == 129
    assert group.worse_than_best("KL") == {}, "which is not among those that are compared"


def test_all_pairs_at_once_have_the_values_of_each_alone():
    """With ties, zeros, absent videos and many videos among them."""
    rng = np.random.default_rng(5)
    for videos in (1, 2, 7, 40):
        table = [{f"v{i}": float(x) for i, x in enumerate(rng.normal(0.5, 0.1, videos))} for _ in range(5)]
        table.append({video: round(x, 1) for video, x in table[0].items()})
        table.append({video: round(x, 1) for video, x in table[1].items()})
        table.append({f"v{i}": 0.5 for i in range(0, videos, 2)})
        table.append({"elsewhere": 0.5})
        found = pairwise(table)
        alone = {}
        for i, a in enumerate(table):
            for j, b in enumerate(table[i + 1 :], start=i + 1):
                if differences := [a[video] - b[video] for video in a if video in b]:
                    alone[(i, j)] = signed_rank_p(differences)
        assert {pair: c.p for pair, c in found.items()} == alone
        assert [c.corrected for c in found.values()] == holm(list(alone.values()))


@pytest.mark.parametrize("videos", [2, 3, 17, 64, 211])
@pytest.mark.parametrize("weights", [None, 1, 3, "unlike"])
def test_an_interval_is_that_of_the_plain_product(videos, weights):
    rng = np.random.default_rng(videos)
    values = rng.normal(0.5, 0.1, videos)
    counts = rng.integers(1, 9, videos) if weights == "unlike" else np.full(videos, weights or 1)
    drawn = np.random.default_rng(0).integers(videos, size=(10_000, videos))
    draws = np.stack([np.bincount(line, minlength=videos) for line in drawn]).astype(float)
    means = (draws @ (values * counts)) / (draws @ counts.astype(float))
    found = bootstrap_interval(values, weights=None if weights is None else counts)
    assert [found.low, found.high] == pytest.approx(np.quantile(means, [0.025, 0.975]).tolist(), rel=1e-14)


def test_lists_that_are_drawn_together_have_the_intervals_that_they_have_alone():
    """Of other lengths, with NaN, weights alike and unlike, one video and none among them."""
    rng = np.random.default_rng(3)
    columns = [rng.normal(0.5, 0.1, n) for n in (24, 24, 7, 24, 1, 0, 24)]
    columns[3][5] = np.nan
    weights = [np.ones(len(column)) for column in columns]
    weights[1], weights[6] = rng.integers(1, 9, 24), np.full(24, 3)
    for given in (None, weights):
        together = bootstrap_intervals(columns, weights=given)
        alone = [bootstrap_interval(c, weights=given and given[i]) for i, c in enumerate(columns)]
        for one, other in zip(together, alone, strict=True):
            assert [one.mean, one.n, one.dropped] == pytest.approx([other.mean, other.n, other.dropped], nan_ok=True)
            assert [one.low, one.high] == pytest.approx([other.low, other.high], rel=1e-13, nan_ok=True)


def test_a_band_is_that_of_the_plain_product():
    values = np.random.default_rng(4).normal(0, 1, (9, 30))
    draws = np.stack([np.bincount(line, minlength=9) for line in np.random.default_rng(0).integers(9, size=(2000, 9))])
    mean, low, high = bootstrap_band(values)
    assert mean == pytest.approx(values.mean(axis=0))
    assert [low, high] == pytest.approx(np.quantile(draws @ values / 9, [0.025, 0.975], axis=0), rel=1e-13)


def test_panels_that_have_no_room_are_told_and_the_rest_is_there(many, monkeypatch):
    board = read_board(many)
    whole = html_page(board)
    assert "left out of this page" not in whole
    monkeypatch.setattr(html_module, "LARGEST", len(whole.encode()) - 60_000)
    text = html_page(board)
    page = Page(text)
    assert len(text.encode()) < html_module.LARGEST
    assert 0 < len(page.rows()) < 66
    assert f"The panels of {66 - len(page.rows())} rows are left out of this page for its size" in text
    assert len(page.blocks["data"]["rows"]) == 66
    assert [t["rows"] for t in page.tables] == [t["rows"] for t in Page(whole).tables]


def test_a_readme_too_long_for_its_reader_has_the_best_rows_and_says_so(tmp_path, monkeypatch):
    records = [make([i / 200] * 2, model=f"m{i:03d}", fold=f) for i in range(60) for f in (1, 2, 3)]
    board = read_board(save(tmp_path, records))
    whole = readme(board)
    assert "more lines are in" not in whole
    monkeypatch.setattr(readme_module, "LARGEST", len(whole.encode()) - 2000)
    text = readme(board)
    assert len(text.encode()) <= readme_module.LARGEST
    left = [n for n in range(60) if f"| m{n:03d} " not in text]
    assert left == list(range(len(left)))
    assert f"{len(left)} more lines are in [leaderboard.csv](leaderboard.csv) and [index.html](index.html)" in text


def test_what_records_share_stands_once(tmp_path):
    records = [rich_record("toy", "av", name, f, 0, 0.5, 3) for name in ("avad", "diem", "etmd") for f in (1, 2, 3)]
    other = rich_record("toy", "av", "summe", 1, 0, 0.5, 3)
    changed = [fit | {"seconds": 1.0} for fit in other.provenance["fits"]]
    records.append(replace(other, provenance=other.provenance | {"fits": changed}))
    page = Page(html_page(read_board(save(tmp_path, records))))
    assert len(page.part("shared")["fits"]) == 2 * 3 + 2, "two stages of three folds, and those that differ"
    row = page.rows()["stavis/summe/toy_av/paper"]
    assert {page.part("shared")["fits"][n]["seconds"] for _, _, n in row["fits"]} == {1.0}


def test_scores_of_videos_are_those_of_the_records(many):
    board = read_board(many)
    for group in board.groups[:2]:
        for metric in METRICS:
            assert group.means[metric] == [video_means(row, metric) for row in group.rows]


PANEL = {
    "label": "toy",
    "scores": {"CC": [0.123456, 0.01, 0.1, 0.2], "KL": [None, None, None, None], "SIM": [0.5, None, None, None]},
    "videos": {"names": ["a", "b"], "scores": {"CC": [0.5, None], "KL": [None, None], "NSS": [-1.2345, 3.0]}},
    "time": {"CC": [[500, None, 510], [1, None, 2], [3, None, 2]], "KL": []},
    "lost": [["muted", {"CC": [[1, 2, None], [0, 0, None], [5, 4, None]]}]],
}


def test_a_panel_comes_back_as_it_was():
    found = compact("rows/0", {"one": PANEL})["one"]
    assert found["time"]["CC"][0] == [500, None, 10]
    assert _whole_row(found) == PANEL


def test_comparisons_come_back_as_they_were():
    """With rows that share no video with the first one, or with any, and a last row that nobody is compared with."""
    tables = {
        "plain": [[0, 0, 1], [1, 2, 2], [0.01, 0.03, 0.0201], [0.1, 0.2, 0.3], [0.3, 0.4, 0.4], [0, 0, 1]],
        "gaps": [[1, 1], [2, 4], [-0.5, 0.25], [0.1, 0.2], [0.2, 0.2], [0, 1]],
        "none": [[], [], [], [], [], []],
    }
    found = compact("pairs/stavis/avad", tables)
    assert {name: _whole_pairs(columns) for name, columns in found.items()} == tables


def test_other_parts_stay_as_they_are():
    assert compact("shared", {"fits": [0.5]}) == {"fits": [0.5]}


@pytest.mark.slow
@pytest.mark.timed
def test_5000_records_make_all_pages_in_time_and_of_bounded_size(tmp_path):
    """14 s on an idle machine of two cores; the bound leaves room for a busy one."""
    assert huge_board(tmp_path) == 15 * 336
    began = time.process_time()
    files = {path.name: path.stat().st_size for path in write_leaderboard(tmp_path)}
    assert time.process_time() - began < 30
    assert files["index.html"] < html_module.LARGEST
    assert files["README.md"] <= readme_module.LARGEST
    page = Page((tmp_path / "index.html").read_text(encoding="utf-8"))
    assert len(page.blocks["data"]["rows"]) == 15 * 2 * 8 * 5
    # The tables take 2.3 MB of the 5, and the page says how many panels have no room
    assert len(page.rows()) > 0.85 * 15 * 2 * 8 * 5
