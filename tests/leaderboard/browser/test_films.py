"""Films in a browser: on the page and in a folder of their own; loaded when played, and followed by the bar."""

import shutil
from pathlib import Path

import pytest
from made_records import make, save
from page_actions import find, shown, until
from selenium.webdriver.common.by import By

from avsal_bench.leaderboard.page.board import read_board
from avsal_bench.leaderboard.page.html import html_page

pytestmark = pytest.mark.browser

FILMS = Path(__file__).resolve().parents[3] / "leaderboard" / "films"
ROW = "#row/stavis/synth/avrsp_av/smoke"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    shutil.copytree(FILMS, folder / "films")
    save(folder, [make([0.6] * 4, "avrsp", "av", "synth", preset="smoke")])
    path = folder / "index.html"
    path.write_text(html_page(read_board(folder)), encoding="utf-8")
    return path


def play(driver, where):
    """Plays the first film for a moment; returns it."""
    video = find(driver, f"{where} .film video")
    assert driver.execute_script("return arguments[0].readyState", video) == 0, "nothing is loaded unasked"
    driver.execute_script("arguments[0].muted = true", video)
    find(driver, f"{where} .film .tools button").click()
    until(lambda: driver.execute_script("return arguments[0].currentTime", video) > 0.3, "it plays")
    driver.execute_script("arguments[0].pause()", video)
    return video


def test_the_panel_of_a_row_plays_its_films(visit, page):
    driver = visit(ROW, page)
    assert len(shown(driver, "#panel .film video")) == 4
    video = play(driver, "#panel")
    others = driver.find_elements(By.CSS_SELECTOR, "#panel .film video")[1:]
    assert {driver.execute_script("return arguments[0].readyState", other) for other in others} == {0}
    cursor = find(driver, "#panel .film .cursor")
    until(lambda: float(cursor.get_attribute("x1")) > 30, "the bar moves with the film")
    before = find(driver, "#panel .film .now").text
    video.send_keys(".")
    until(lambda: find(driver, "#panel .film .now").text != before, "one frame on")
    video.send_keys("c")
    modes = "return [...arguments[0].textTracks].map((track) => [track.kind, track.mode])"
    assert driver.execute_script(modes, video) == [["captions", "showing"]]


def test_a_film_that_is_gone_says_so(visit, page, tmp_path):
    folder = shutil.copytree(page.parent, tmp_path / "gone")
    for film in folder.glob("films/*/*/*.webm"):
        film.unlink()
    driver = visit(ROW, folder / "index.html")
    find(driver, "#panel .film .tools button").click()
    until(lambda: shown(driver, "#panel .film .empty"), "it is told")
    driver.complaints()  # that there is no such file


def test_a_folder_of_films_opens_from_the_disk(visit):
    folder = next(path.parent for path in FILMS.rglob("films.json"))
    driver = visit(page=folder / "index.html")
    assert len(shown(driver, ".film video")) == 4
    play(driver, "main")
    slider = find(driver, ".film input[type=range]")
    assert int(slider.get_attribute("value")) > 0
