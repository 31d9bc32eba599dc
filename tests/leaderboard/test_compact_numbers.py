"""Numbers of the packed parts come back as they were, also where some are not known."""

from html_reader import _whole_pairs, _whole_row

from avsal_bench.leaderboard.page.parts.compact_numbers import compact

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
