"""What the page shows of losses: tests in the table, what was not run, and the loss over time in the panel of a row."""

from dataclasses import replace

import numpy as np
import pytest
from made_records import make, save

from avsal_bench.leaderboard.page.board import read_board, row_id
from avsal_bench.leaderboard.page.html import html_page
from avsal_bench.leaderboard.page.panels import packed, parts
from avsal_bench.leaderboard.page.readme import readme
from avsal_bench.records import CURVE_PARTS, METRICS

LATE = np.where(np.arange(CURVE_PARTS) < 10, 0.5, 0.3)


def record(sound, lost, curve, **more):
    """Ten real videos, each some more worse than 0.5, that lose late."""
    made = make([0.5] * 10, modality="av", dataset="diem", sound=sound, weights={"sha256": "a"}, **more)
    signs = {metric: 1 if higher else -1 for metric, higher in METRICS.items()}
    videos = [
        replace(
            video,
            scores={metric: 0.5 - sign * by for metric, sign in signs.items()},
            curve={metric: (0.5 + sign * (curve - 0.5)).round(4).tolist() for metric, sign in signs.items()},
        )
        for video, by in zip(made.videos, np.broadcast_to(lost, 10), strict=True)
    ]
    return replace(made, videos=videos)


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    flat = np.full(CURVE_PARTS, 0.5)
    noisy = np.linspace(-0.05, 0.051, 10)
    records = [record("original", 0, flat), record("muted", np.linspace(0.05, 0.15, 10), LATE)]
    faces = {"source": [2.0, 1.5], "others": [1.0, 1.0]}
    records[1] = replace(records[1], videos=[replace(video, places=faces) for video in records[1].videos])
    records += [record("noise", noisy, flat), replace(record("original", 0, flat), modality="v", weights={})]
    return read_board(save(tmp_path_factory.mktemp("board"), records))


def test_the_panel_of_a_row_has_its_losses_over_time_in_thousandths(board):
    shown = {name: row for part, value in parts(board) if part.startswith("rows/") for name, row in value.items()}
    heard, silent = (next(row_id(r) for r in board.groups[0].rows if r.head.modality == m) for m in ("av", "v"))
    lost = dict(shown[heard]["lost"])
    assert [*lost] == ["muted", "noise"]
    for metric in METRICS:
        mean, below, above = lost["muted"][metric]
        assert mean == [0] * 10 + [200] * 10
        assert below == above == [0] * CURVE_PARTS, "all videos lose the same"
        assert lost["noise"][metric][0] == [0] * CURVE_PARTS
    assert shown[silent]["lost"] == [], "a network without sound loses nothing"


def test_losses_over_time_take_little_of_the_page(board):
    with_losses = sum(map(len, packed(board, 10**7)[0].values()))
    without = sum(map(len, packed(replace(board, losses=()), 10**7)[0].values()))
    assert with_losses - without < 1500


def test_the_table_has_the_tests_and_what_could_have_been_shown(board):
    page = html_page(board)
    muted, noise = ({one.sound: one for one in board.losses}[sound].tests["CC"] for sound in ("muted", "noise"))
    assert "<strong>+0.100</strong> <small>0.08" in page
    assert f"; p {muted.corrected:.2g}</small>" in page
    assert f"; p {noise.corrected:.2g}, shows {noise.smallest():.3f}</small>" in page
    assert "Not run: toy (paper): swapped, matched, shifted." in page
    text = readme(board)
    assert "Not run: toy (paper): swapped, matched, shifted." in text
    [line] = [line for line in text.splitlines() if "| noise " in line and "| toy" in line]
    assert "**" not in line, "not shown, and so not in bold"


def test_where_it_is_lost_stands_in_a_table_of_its_own(board):
    page = html_page(board)
    table = page[page.index("<h4>Where is it lost?</h4>") :]
    table = table[: table.index("</table>")]
    assert "what sounds" in table
    assert "other faces" in table
    assert "no face" not in table, "of which nothing is known here"
    assert "+0.50" in table
    assert "noise" not in table
    assert "Where is it lost" not in html_page(replace(board, losses=board.losses[1:]))
