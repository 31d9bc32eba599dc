"""The science of published scores: figures are of the numbers that papers, pages and expected scores have."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from made_records import make, save

from avsal_bench.leaderboard.disagreements import shared_scores
from avsal_bench.leaderboard.known_facts import facts
from avsal_bench.leaderboard.page.board import read_board
from avsal_bench.leaderboard.page.html import html_page
from avsal_bench.leaderboard.page.science import shared_figures
from avsal_bench.leaderboard.page.science.measured_pages import measured
from avsal_bench.leaderboard.page.science.science_tab import science
from avsal_bench.leaderboard.page.science.sound_facts import Trained, printed_gains, trained_pairs
from avsal_bench.leaderboard.published_scores import read_published
from avsal_bench.resources import resource

HOME = Path(__file__).parents[3]


def line(**changes: str) -> dict[str, str]:
    given = {"method": "stavis", "variant": "STAViS", "modality": "V", "pretrain": "none", "dataset": "avad"}
    return given | {"metric": "CC", "paper": "stavis2020", "value": "0.5"} | changes


def test_the_numbers_of_the_pages_are_those_of_the_file() -> None:
    path = HOME / "docs" / "science_data.py"
    spec = importlib.util.spec_from_file_location("science_data", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    kept = json.loads(resource("science.json").read_text(encoding="utf-8"))
    assert made.data() == kept, "python docs/science_data.py writes it"
    with pytest.raises(ValueError, match="no table that begins with"):
        made.table("# a page", made.FORMS)


def test_what_was_measured_of_dhf1k_is_whole() -> None:
    found = measured()
    assert [move.score for move in found.drawn] == ["NSS", "AUC-J", "sAUC"]
    page = (HOME / "docs" / "dhf1k.md").read_text(encoding="utf-8")
    assert f"changes in {found.changed} of {len(found.moves)} columns" in page
    assert {len(row) for row in found.cutting} == {16}
    assert all((HOME / "docs" / f"{name}.md").is_file() for name in found.pages.values())


def test_a_square_a_shared_score_and_a_point_a_clash() -> None:
    shared = shared_scores(read_published(resource("published.csv")))
    apart = sum(not one.agrees for one in shared)
    squares, spreads = shared_figures.squares(shared, facts()), shared_figures.spreads(shared, facts())
    assert squares.count("<rect") == len(shared)
    assert squares.count('class="clash') == apart == spreads.count("<circle")
    assert sum(shared_figures.groups(shared, facts()).values()) == apart
    assert "Tsiami et al. 2020" in squares or "Xiong et al. 2023" in squares


def test_a_spread_is_in_per_cent_of_the_mean() -> None:
    (one,) = shared_scores([line(value="0.5"), line(paper="other", value="0.6")])
    assert shared_figures.relative(one) == pytest.approx(100 * 0.1 / 0.55)
    (zero,) = shared_scores([line(value="0"), line(paper="other", value="0")])
    assert shared_figures.relative(zero) == 0


def test_networks_trained_with_and_without_the_sound_are_those_of_the_expected_scores() -> None:
    found = {one.label: one for one in trained_pairs()}
    plain = json.loads(resource("expected", "smoke.json").read_text(encoding="utf-8"))["scores"]
    assert found["avrsp"].sound[0] == plain["avrsp_av/synth/fold1/original"]["CC"][0]
    assert found["avrsp"].without[0] == plain["avrsp_v/synth/fold1/original"]["CC"][0]
    assert len(found["avrsp"].sound) == len(found["avrsp"].without)
    gains = [one.gain for one in found.values()]
    assert gains == sorted(gains, reverse=True)
    assert Trained("x", "smoke", (0.1, 0.2), (0.3, 0.2)).gain == pytest.approx(0.1)


def test_what_the_sound_gives_in_print_is_of_one_paper_and_one_number_each() -> None:
    lines = [line(), line(modality="AV", value="0.6"), line(dataset="diem"), line(dataset="etmd", modality="AV")]
    (found,) = printed_gains(lines)
    assert dict(found.gains) == {"avad": 0.1}
    assert printed_gains([line(), line(paper="other", modality="AV")]) == [], "two papers"
    assert printed_gains([line(), line(variant="STAViS*", modality="AV")]) == [], "another system"
    assert printed_gains([line(), line(modality="AV"), line(modality="AV", value="0.7")]) == [], "it would be a choice"


def test_losses_of_records_are_drawn_and_their_absence_is_said(tmp_path: Path) -> None:
    assert science(read_board(save(tmp_path / "none", [])))["lost"] == ""
    heard = [make([0.5, 0.6, 0.7], model="stavis", modality="av", fold=f) for f in (1, 2, 3)]
    muted = [make([0.4, 0.5, 0.5], model="stavis", modality="av", fold=f, sound="muted") for f in (1, 2, 3)]
    board = read_board(save(tmp_path / "some", [*heard, *muted]))
    drawn = science(board)["lost"]
    assert "STAViS, AVAD, muted" in drawn
    assert drawn.count('class="to"') == 1
    assert "Above zero: the true sound is better" in html_page(board)
