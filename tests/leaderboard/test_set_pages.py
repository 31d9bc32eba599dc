"""Pages of data sets in the page: every set has one, with what is known, and says what is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from made_records import make, save

from avsal_bench.data.dataset import dataset, registered_datasets
from avsal_bench.leaderboard.page.board import read_board
from avsal_bench.leaderboard.page.html import html_page
from avsal_bench.leaderboard.page.parts.metric_words import METRIC_WORDS, sentence
from avsal_bench.leaderboard.page.parts.naming import whole_set
from avsal_bench.leaderboard.page.set_pages import SetPage, packaged, set_pages
from avsal_bench.records import METRICS

HOME = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    records = [make([0.9, 0.95], model="stavis", modality="av", fold=k) for k in (1, 2, 3)]
    records += [make([0.5, 0.6], model="stavis", modality="av", fold=k, dataset="mine") for k in (1, 2, 3)]
    return save(tmp_path_factory.mktemp("sets"), records)


@pytest.fixture(scope="module")
def pages(folder: Path) -> dict[str, SetPage]:
    return {page.name: page for page in set_pages(read_board(folder))}


def test_every_set_has_a_page(pages: dict[str, SetPage]) -> None:
    assert set(pages) == {*registered_datasets(), "mine"}
    for name in registered_datasets():
        own, page = dataset(name).facts, pages[name]
        assert page.about, name
        assert page.terms, name
        if own is not None:
            assert page.faults == own.faults
            assert page.viewers.startswith(own.viewers)
            assert name in page.get


def test_a_bare_number_of_viewers_is_said_in_words(pages: dict[str, SetPage]) -> None:
    assert (pages["avad"].viewers, pages["coutrot1"].viewers) == ("16 viewers", "72 viewers")


def test_videos_and_frames_are_those_of_the_lists(pages: dict[str, SetPage]) -> None:
    assert pages["diem"].videos == "84 videos; 81 videos and 236,459 frames in the lists of this package"
    assert pages["avad"].videos.startswith("45 videos; 45 videos and 9,589 frames")
    assert "not counted here" in pages["hollywood2"].videos
    assert packaged("nowhere") == {}


@pytest.fixture(scope="module")
def shown(folder: Path) -> str:
    return html_page(read_board(folder))


def test_a_set_that_nobody_knows_says_so(pages: dict[str, SetPage], shown: str) -> None:
    mine = pages["mine"]
    assert (mine.title, mine.about, mine.get, mine.videos, mine.terms) == ("mine", "", "", "", "unknown")
    part = shown.partition('id="set/mine"')[2].partition("</section>")[0]
    assert part.count("not known here") == 5
    assert 'href="#measured-stavis/mine"' in part


def test_the_best_scores_are_printed_beside_measured(pages: dict[str, SetPage]) -> None:
    table = pages["avad"].best
    assert table is not None
    (lines,) = table.bodies
    cells = {line.cells[1].text: line.cells for line in lines}
    assert list(cells) == list(METRICS)
    assert cells["KL"][2].text == "\u2013", "no paper at hand prints it"
    named = {part.text for part in cells["CC"][3].parts}
    assert (cells["CC"][2].text, named) == ("0.704", {"AVRSP", "TSFP-Net"}), "two methods have it"
    assert cells["CC"][6].row == "stavis/avad/stavis_av/paper"
    assert pages["ucf"].best is None


def test_a_part_of_a_set_leads_to_the_page_of_the_whole(folder: Path) -> None:
    known = read_board(folder).facts
    names = ("dave_ave-nature", "dhf1k-test", "diem", "mine", "mine-2", "synth", "ntire26_private")
    whole = ("dave_ave", "dhf1k", "diem", "mine", "mine-2", "synth", "ntire26_private")
    assert tuple(whole_set(known, name) for name in names) == whole


def test_links_to_sets_and_tables_lead_to_something(shown: str) -> None:
    ids = set(re.findall(r' id="([^"]+)"', shown))
    assert {link for link in re.findall(r'href="#([^"]+)"', shown) if not link.startswith("row/")} <= ids


def test_every_metric_has_a_sentence_that_the_docs_agree_with() -> None:
    assert list(METRIC_WORDS) == list(METRICS)
    assert sentence("of a plug-in") == ""
    page = (HOME / "docs" / "metrics.md").read_text(encoding="utf-8")
    called = {"CC": "CC", "SIM": "SIM", "KL": "KL", "NSS": "NSS", "AUC-J": "AUC-Judd", "sAUC": "shuffled AUC"}
    for name, words in METRIC_WORDS.items():
        assert words.better == ("higher" if METRICS[name] else "lower")
        assert f"| {called[name]} | {words.compares} | {words.range} | {words.better} |" in page
