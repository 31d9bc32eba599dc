"""The first screen: the figure of the field, the best row a set, and the clips; all of it without scripts."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from made_records import make, save

from avsal_bench.leaderboard.known_facts import facts
from avsal_bench.leaderboard.page.board import Board, read_board
from avsal_bench.leaderboard.page.html import html_page
from avsal_bench.leaderboard.page.overview import field_points
from avsal_bench.leaderboard.page.overview.clip_strip import clip_strip
from avsal_bench.leaderboard.page.overview.field_figure import field_figures, known
from avsal_bench.leaderboard.page.overview.field_points import FEWEST, FieldSet, field_sets
from avsal_bench.leaderboard.page.svg import element, text
from avsal_bench.leaderboard.published_scores import read_published
from avsal_bench.leaderboard.tables import HUMAN
from avsal_bench.resources import resource


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    """Two networks on AVAD, of which one has a paper and costs, and one nobody knows."""
    folds = (1, 2, 3)
    records = [make([0.9, 0.95], model="somebody", modality="av", fold=k) for k in folds]
    records += [make([0.5, 0.6], model="stavis", modality="av", fold=k) for k in folds]
    records += [make([0.1, 0.2], model="vinet", modality="v", fold=1)]  # not ranked: two folds are missing
    folder = save(tmp_path_factory.mktemp("first"), records)
    (folder / "networks.csv").write_bytes(resource("networks.csv").read_bytes())
    return read_board(folder)


@pytest.fixture(scope="module")
def sets(board: Board) -> dict[str, FieldSet]:
    return {found.dataset: found for found in field_sets(board)}


def test_a_point_is_the_best_that_is_printed_of_a_method(sets: dict[str, FieldSet]) -> None:
    lines = [line for line in read_published(resource("published.csv")) if line["metric"] == "CC"]
    diem = [line for line in lines if line["dataset"] == "diem" and line["method"] != HUMAN]
    [best] = sets["diem"].best("published")
    assert best.cc == max(float(line["value"]) for line in diem)
    assert (best.shown, best.year, best.sound) == ("AVRSP (Yu et al. 2024)", 2024, True)
    assert best.link == "https://arxiv.org/abs/2411.11454"
    stavis = [p for p in sets["diem"].points if p.name == "STAViS" and p.sound]
    assert len(stavis) == 1, "papers disagree, and one point is drawn"
    assert "other tables print" in stavis[0].said
    assert {p.name for p in sets["diem"].points} >= {"STAViS*", "ViNet#"}, "other systems are points of their own"


def test_of_several_with_the_best_score_all_are_named(sets: dict[str, FieldSet], board: Board) -> None:
    assert {point.name for point in sets["avad"].best("published")} == {"AVRSP", "TSFP-Net"}, "both print 0.704"
    page = html_page(board)
    panel = page[page.index('href="#set/avad">AVAD</a>') :]
    assert "TSFP-Net" in panel[: panel.index("</figcaption>")]


def test_a_variant_has_the_costs_of_its_own_network(sets: dict[str, FieldSet], board: Board) -> None:
    mspi = {p.name: p for p in sets["diem"].points if p.name.startswith("MSPI")}
    assert mspi["MSPI, S3D"].macs == board.costs["mspi-s3d", "av"].macs
    assert mspi["MSPI"].macs == board.costs["mspi", "av"].macs


def test_measured_points_are_ranked_rows_of_real_sets_and_open_their_row(sets: dict[str, FieldSet]) -> None:
    measured = [p for p in sets["avad"].points if p.kind == "measured"]
    assert [(p.name, p.year) for p in measured] == [("somebody", None), ("STAViS", 2020)]
    assert measured[1].link == "#row/stavis/avad/stavis_av/paper"
    assert measured[1].seconds is not None
    assert sets["avad"].best("measured") == (measured[0],)
    assert [p.kind for p in sets["avad"].points] == sorted((p.kind for p in sets["avad"].points), reverse=True)


def test_a_part_of_a_set_and_a_set_of_few_points_have_no_panel(sets: dict[str, FieldSet]) -> None:
    assert "dave_ave" in sets
    assert not [name for name in sets if name.startswith("dave_ave-")]
    assert "mit1003" not in sets
    assert all(len(found.points) >= FEWEST for found in sets.values())


def test_thousands_of_rows_stay_a_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(field_points, "MOST", 2)
    records = [make([i / 9, i / 9 + 0.001], model=f"m{i}", fold=f) for i in range(4) for f in (1, 2, 3)]
    found = next(one for one in field_sets(read_board(save(tmp_path, records))) if one.dataset == "avad")
    assert [p.name for p in found.points if p.kind == "measured"] == ["m3", "m2"]


def test_synthetic_rows_are_no_part_of_the_field(tmp_path: Path) -> None:
    records = [
        replace(make([0.5, 0.6], model=f"m{i}", dataset="synth", fold=f), synthetic=True)
        for i in range(FEWEST)
        for f in (1, 2, 3)
    ]
    assert "synth" not in {found.dataset for found in field_sets(read_board(save(tmp_path, records)))}


def test_the_figure_is_links_with_titles_on_every_axis(board: Board) -> None:
    sets = field_sets(board)
    figures = field_figures(sets)
    assert list(figures) == ["year", "seconds", "macs"]
    titles: set[str] = set()
    for axis, drawn in figures.items():
        marks = [mark for svg in drawn.values() for mark in re.findall(r"<a [^>]*>.*?</a>", svg)]
        assert all(re.search(r'href="(#|https://)', mark) for mark in marks)
        told = [
            re.findall(r'<title id="(.*?)">', mark) or re.findall('aria-labelledby="(.*?)"', mark) for mark in marks
        ]
        assert {name for [name] in told} <= titles or axis == "year"
        titles = titles or {name for [name] in told}
        assert len(titles) >= len(told), "no two have one name"
        count, total = known(sets, axis)
        assert len(marks) == (total if axis == "year" else count)
    year = figures["year"]["avad"]
    assert year.count('class="pt measured') == 2
    assert 'class="best measured"' in year
    assert "style=" not in year


def test_a_leaderboard_without_scores_has_no_figure(tmp_path: Path) -> None:
    folder = save(tmp_path, [])
    header = (folder / "published.csv").read_text(encoding="utf-8").splitlines()[0]
    (folder / "published.csv").write_text(header + "\n", encoding="utf-8")
    board = read_board(folder)
    assert field_sets(board) == []
    assert field_figures([]) == {}
    text = html_page(board)
    assert 'id="field"' not in text
    assert "0 of 0 scores" in text


def test_the_best_of_a_set_says_whether_it_uses_the_sound(board: Board) -> None:
    text = html_page(board)
    assert "best, measured, uses the sound: " in text
    assert "best, printed, frames alone: " in text


def test_names_of_strangers_end_no_element() -> None:
    assert text("</title><script>") == "&lt;/title&gt;&lt;script&gt;"
    assert element("a", href='"><script>') == '<a href="&quot;&gt;&lt;script&gt;"/>'


def test_the_clips_are_small_and_say_what_they_show() -> None:
    strip = clip_strip(facts())
    assert strip.network == "AVRSP"
    assert sum(len(clip.picture) for clip in strip.clips) < 300_000
    assert all(clip.height == 12 * 120 and clip.width == 548 for clip in strip.clips), (
        "style.css has the steps and size"
    )
    assert all(f"{clip.heard:.3f}" in clip.alt and f"{clip.muted:.3f}" in clip.alt for clip in strip.clips)
    assert any(clip.heard - clip.muted > 0.3 for clip in strip.clips)
