"""The panel of a row in a browser: what it shows, how it opens and closes, and what it says where nothing is known."""

from dataclasses import replace

import pytest
from made_records import make, save, synth_records
from page_actions import ROW, find, shown, until
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from avsal_bench.leaderboard.page.board import read_board
from avsal_bench.leaderboard.page.html import html_page
from avsal_bench.records import METRICS

pytestmark = pytest.mark.browser


def test_a_row_opens_its_panel_by_enter_and_escape_goes_back(visit):
    driver = visit("#measured/avad")
    link = next(a for a in shown(driver, "#measured a.row") if a.text == "AVRSP")
    link.send_keys(Keys.ENTER)
    until(lambda: find(driver, "#panel").get_attribute("data-row"), "the panel is filled")
    assert find(driver, "#panel-title").text == "AVRSP (av) on AVAD"
    assert driver.current_url.endswith(ROW)
    driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    until(lambda: find(driver, "#panel").get_attribute("open") is None, "the panel is closed")
    assert driver.current_url.endswith("#measured/avad")
    assert driver.switch_to.active_element.get_attribute("href").endswith(ROW)


def test_a_panel_by_its_address_shows_everything(visit):
    driver = visit(ROW)
    titles = [h.text for h in shown(driver, "#panel h3")]
    assert titles == [
        "Scores",
        "Against the others, CC",
        "Videos, CC",
        "Over time, CC",
        "Training",
        "Gallery",
        "Where it comes from",
    ]
    assert len(shown(driver, "#panel canvas")) == 5
    pictures = driver.execute_script("return [...document.querySelectorAll('#panel img')].map((i) => i.naturalWidth)")
    assert pictures
    assert all(pictures)
    commands = find(driver, "#panel pre").text.splitlines()
    assert commands[0].startswith("git checkout 604b21a")
    assert commands[1] == "avsal run avrsp --modality av --fold 1 --seed 0 --preset paper --protocol stavis"
    find(driver, "#panel summary").click()
    until(lambda: len(shown(driver, "#panel details tbody tr")) == 45, "a line a video")


def test_a_panel_changes_its_metric_and_leads_to_others(visit):
    driver = visit(ROW)
    driver.execute_script(
        "const s = document.querySelector('#panel header select'); s.value = 'NSS'; s.dispatchEvent(new Event('input'))"
    )
    assert "Videos, NSS" in [h.text for h in shown(driver, "#panel h3")]
    next(a for a in shown(driver, "#panel td a, #panel th a") if a.text == "ViNet (v)").click()
    until(lambda: find(driver, "#panel-title").text == "ViNet (v) on AVAD", "the other row")
    driver.back()
    until(lambda: find(driver, "#panel-title").text == "AVRSP (av) on AVAD", "back")


def test_categories_in_a_synthetic_panel(visit):
    driver = visit("#row/stavis/synth/avrsp_av/smoke")
    assert "By category" in [h.text for h in shown(driver, "#panel h3")]
    assert "says nothing about real videos" in find(driver, "#panel").text


def test_losses_with_other_sounds_and_a_place_between_the_bounds(visit, tmp_path):
    bound = [make([0.9] * 24, model="human_infinite", modality="", dataset="synth", fold=f) for f in (1, 2, 3)]
    folder = save(tmp_path, [*synth_records(), *bound])
    (tmp_path / "page.html").write_text(html_page(read_board(folder)), encoding="utf-8")
    driver = visit("#synthetic", tmp_path / "page.html")
    [table] = [t for t in shown(driver, "#synthetic table") if "Map CC" in t.text]
    lines = [row.text.split() for row in table.find_elements(By.CSS_SELECTOR, "tbody tr")]
    assert [line[2] for line in lines] == ["muted"] * 3
    losses = {" ".join(line[3:5]): float(line[6]) for line in lines}
    assert losses == pytest.approx({"all frames": 0.1, "sounding scenes": 0.2, "other scenes": 0.0}, abs=0.01)
    driver.get(driver.current_url.split("#")[0] + "#row/stavis/synth/toy_v/smoke")
    until(lambda: shown(driver, "#panel table"), "the panel")
    scores = shown(driver, "#panel table")[0]
    assert "Between bounds" in scores.text
    [cc] = [row for row in scores.find_elements(By.CSS_SELECTOR, "tbody tr") if row.text.startswith("CC")]
    # (0.4 - mep's 0.2) / (human's 0.9 - 0.2)
    assert float(cc.text.split()[-1]) == pytest.approx(0.2 / 0.7, abs=0.01)


def test_losses_over_time_are_drawn_in_the_panel_one_a_sound(visit, tmp_path):
    def over_time(sound, low):
        made = make([0.5] * 4, modality="av", dataset="diem", sound=sound, weights={"sha256": "a"})
        curve = {metric: [0.5] * 10 + [low] * 10 for metric in METRICS}
        return replace(made, videos=[replace(video, curve=curve) for video in made.videos])

    folder = save(tmp_path, [over_time(*of) for of in (("original", 0.5), ("swapped", 0.3), ("muted", 0.2))])
    (tmp_path / "page.html").write_text(html_page(read_board(folder)), encoding="utf-8")
    driver = visit("#row/stavis/diem/toy_av/paper", tmp_path / "page.html")
    assert "Lost with other sounds over time, CC" in [h.text for h in shown(driver, "#panel h3")]
    labels = [c.get_attribute("aria-label") for c in driver.find_elements(By.CSS_SELECTOR, "#panel canvas")]
    assert [label for label in labels if label.startswith("Loss in")] == [
        f"Loss in CC over time when {sound}" for sound in ("muted", "swapped")
    ]


def test_names_with_markup_are_text_in_tables_and_panels(visit, tmp_path):
    bad = "<img src=x onerror=document.title='hacked'>"
    folder = save(tmp_path, [make({bad: 0.5, "b": 0.6}, fold=k, provenance={"command": bad}) for k in (1, 2, 3)])
    page = folder / "index.html"
    page.write_text(html_page(read_board(folder)), encoding="utf-8")
    driver = visit("#row/stavis/avad/toy_v/paper", page)
    find(driver, "#panel summary").click()
    until(lambda: bad in find(driver, "#panel details").text, "the name as it is")
    assert bad in find(driver, "#panel pre").text
    assert not driver.find_elements(By.CSS_SELECTOR, "#panel img")
    assert "hacked" not in driver.title


@pytest.mark.parametrize(
    ("name", "said"),
    [("", "names no row"), ("nope", "has the name nope"), ("__proto__", "has the name __proto__"), ("%zz", "%zz")],
)
def test_a_link_to_a_row_that_is_not_there_says_so(visit, name, said):
    driver = visit()
    driver.execute_script("location.hash = arguments[0]", f"#row/{name}")
    until(lambda: shown(driver, "#panel [role=alert]"), "the panel says it")
    assert said in find(driver, "#panel [role=alert]").text
    driver.execute_script("location.hash = arguments[0]", ROW)
    until(lambda: find(driver, "#panel-title").text == "AVRSP (av) on AVAD", "the next link works")


def test_a_row_that_has_no_room_in_the_page_leads_to_its_records(visit, tmp_path, monkeypatch):
    folder = save(tmp_path, [make([0.5, 0.6], fold=k) for k in (1, 2, 3)])
    monkeypatch.setattr("avsal_bench.leaderboard.page.html.LARGEST", 0)
    page = folder / "index.html"
    page.write_text(html_page(read_board(folder)), encoding="utf-8")
    driver = visit("#row/stavis/avad/toy_v/paper", page)
    assert find(driver, "#panel-title").text == "toy (v) on AVAD"
    assert "Left out of the page for its size" in find(driver, "#panel").text
    assert find(driver, "#panel p a").get_attribute("href").endswith("/records/stavis/avad/")


def test_plots_are_painted_by_the_packed_library(visit):
    driver = visit(ROW)
    painted = """return [...document.querySelectorAll("#panel canvas")].filter((canvas) => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return data.some((value) => value);
    }).length"""
    assert driver.execute_script("return [...document.scripts].filter((s) => s.text.includes('Chart.js v')).length") < 2
    until(lambda: driver.execute_script(painted) == 5, "five plots")
