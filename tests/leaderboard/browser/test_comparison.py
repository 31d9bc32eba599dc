"""Rows compared in a browser: how they are chosen, what is shown, what is not compared, and a link to the view."""

import re

import pytest
from made_records import make, save
from page_actions import choose, find, shown, until
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from avsal_bench.leaderboard.page.board import read_board
from avsal_bench.leaderboard.page.html import html_page
from avsal_bench.leaderboard.reports.latex import latex_tables
from avsal_bench.leaderboard.significance import video_means
from avsal_bench.leaderboard.statistics import paired_difference

pytestmark = pytest.mark.browser


def rows(*networks, dataset="avad", protocol="stavis", preset="paper"):
    return "#compare/" + "/".join(f"{protocol}/{dataset}/{network}/{preset}" for network in networks)


def boxes_of(driver):
    until(lambda: shown(driver, "#measured input.choose"), "the boxes are there")
    return shown(driver, "#measured input.choose")


def headings(driver):
    return [h.text for h in shown(driver, "#compare h3")]


def lines(driver, caption):
    return driver.execute_script(
        r"""const tables = [...document.querySelectorAll("#compare table")];
        const table = tables.find((t) => t.caption.textContent.startsWith(arguments[0]));
        const plain = (text) => text.trim().replaceAll("\u2212", "-").replaceAll("\u2013", "to");
        return [...table.tBodies[0].rows].map((r) => [...r.cells].map((c) => plain(c.innerText)))""",
        caption,
    )


def page_of(folder, records):
    page = save(folder, records) / "index.html"
    page.write_text(html_page(read_board(folder)), encoding="utf-8")
    return page


def test_boxes_choose_rows_and_the_bar_opens_their_comparison(visit):
    driver = visit("#measured/avad")
    boxes = boxes_of(driver)
    assert len(boxes) == 14, "a row a network and protocol"
    assert not shown(driver, "#chosen")
    boxes[0].click()
    assert find(driver, "#chosen output").text == "1 of at most 5 rows chosen"
    assert "Choose one more" in find(driver, "#chosen").text
    assert find(driver, "#chosen button").get_attribute("disabled")
    boxes[4].send_keys(Keys.SPACE)
    assert find(driver, "#chosen output").text == "2 of at most 5 rows chosen"
    find(driver, "#chosen button").send_keys(Keys.ENTER)
    until(lambda: find(driver, "#compare").get_attribute("data-rows"), "the comparison")
    assert find(driver, "#compare-title").text == "Comparison on AVAD"
    assert driver.current_url.endswith(rows("avrsp_av", "vinet_av"))
    driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    until(lambda: find(driver, "#compare").get_attribute("open") is None, "it is closed")
    until(lambda: driver.switch_to.active_element.text == "Compare", "the focus is back")
    assert driver.current_url.endswith("#measured/avad")
    assert find(driver, "#chosen output").text == "2 of at most 5 rows chosen"


def test_a_sixth_row_and_one_of_another_protocol_are_not_added(visit):
    driver = visit("#measured/avad")
    boxes = boxes_of(driver)
    for box in boxes[:6]:
        box.click()
    assert find(driver, "#chosen output").text == "5 of at most 5 rows chosen"
    assert "5 rows at most" in find(driver, "#chosen").text
    assert driver.execute_script("return arguments[0].checked", boxes[5]) is False
    boxes[-1].send_keys(Keys.SPACE)
    assert find(driver, "#chosen output").text == "1 of at most 5 rows chosen"
    assert "only rows of one set and protocol" in find(driver, "#chosen").text
    assert len(driver.find_elements(By.CSS_SELECTOR, "input.choose:checked")) == 1


def test_a_panel_adds_its_row(visit):
    driver = visit("#row/stavis/avad/avrsp_av/paper")
    button = next(b for b in shown(driver, "#panel header button") if b.text == "To compare")
    button.click()
    assert button.text == "Chosen (1)"
    assert button.get_attribute("aria-pressed") == "true"


def test_a_link_shows_scores_differences_sets_and_disagreements(visit, board):
    driver = visit(rows("avrsp_av", "vinet_v", "mep") + "?metric=NSS&pair=0-2")
    assert headings(driver) == [
        "Scores",
        "Paired differences, NSS",
        "Over sets, NSS",
        "Where they disagree most, NSS",
        "Pictures",
        "LaTeX",
        "This view again",
    ]
    group = next(g for g in read_board(board.parent).groups if g.key == "stavis/avad")
    ours = {row.head.network: row for row in group.rows}
    pairs = [("avrsp_av", "vinet_v"), ("avrsp_av", "mep"), ("vinet_v", "mep")]
    for line, (first, second) in zip(lines(driver, "Paired differences"), pairs, strict=True):
        exact = paired_difference(video_means(ours[first], "NSS"), video_means(ours[second], "NSS"))
        assert float(line[1]) == pytest.approx(exact.mean, abs=0.0051)
        low, high = map(float, line[2].split(" to "))
        assert [low, high] == pytest.approx([exact.low, exact.high], abs=0.02), "another generator draws"
        assert line[3] == str(exact.n)
        assert line[7].endswith("A is better") or line[7].endswith("B is better")
    by_video = lines(driver, "NSS of AVRSP (av) less")
    values = [float(line[2]) for line in by_video]
    assert len(values) == 45
    assert values == sorted(values, reverse=True)
    spread = [float(line[-1]) for line in lines(driver, "Videos on which")]
    assert spread == sorted(spread, reverse=True)
    assert len(spread) == 10
    assert len(shown(driver, "#compare img")) == 3
    assert len(shown(driver, "#compare canvas")) == 1
    assert len(shown(driver, "#compare svg.whiskers circle")) == 3
    assert find(driver, "#compare .link input").get_attribute("value") == driver.current_url


def test_another_metric_and_pair_change_the_link(visit):
    driver = visit(rows("avrsp_av", "vinet_v", "mep"))
    assert lines(driver, "CC of AVRSP (av) less ViNet (v)")
    change = (
        "const s = document.querySelector(arguments[0]); s.value = arguments[1]; s.dispatchEvent(new Event('input'))"
    )
    driver.execute_script(change, "#compare header select", "KL")
    driver.execute_script(change, "#compare .pair select", "1-2")
    assert driver.current_url.endswith("?metric=KL&pair=1-2")
    by_video = lines(driver, "KL of ViNet (v) less Mean eye position")
    assert all(float(line[2]) < 0 for line in by_video)
    assert lines(driver, "Paired differences in KL")[2][-1] == "B is better", "less is better"


def test_the_latex_is_that_of_the_command(visit, tmp_path):
    names = {"avrsp": 0.61, "b-c": 0.5, "mep": 0.4}
    records = [
        make([value, value + 0.05, value - 0.1], model=name, modality="" if name == "mep" else "av", fold=fold)
        for name, value in names.items()
        for fold in (1, 2, 3)
    ]
    page = page_of(tmp_path, records)
    driver = visit(rows("mep", "avrsp_av", "b-c_av"), page)
    for intervals in (False, True):
        told = find(driver, "#compare pre[aria-label=LaTeX]").text
        expected = latex_tables(tmp_path, ["avad"], intervals=intervals).text
        skipped = re.compile(r"% Needs.*\n|.*\\label.*\n")
        assert skipped.sub("", told + "\n").split() == skipped.sub("", expected).split()
        find(driver, "#compare .beside input").click()


@pytest.mark.parametrize(
    ("hash_", "said"),
    [
        (rows("avrsp_av"), "names one row"),
        ("#compare", "names 0 rows"),
        (rows(*["avrsp_av"] * 2), "names a row twice"),
        (rows("avrsp_av", "vinet_v", "mep", "centre", "stavis_v", "stavis_av"), "a comparison is of 2 to 5"),
        (rows("avrsp_av", "nobody"), "No row of this page has the name stavis/avad/nobody/paper"),
        (rows("avrsp_av", "__proto__"), "No row of this page"),
        ("#compare/%E0%A4%A/x", "a row has four"),
        (rows("avrsp_av", "vinet_v") + "?metric=XX", "No metric has the name XX"),
        (f"{rows('avrsp_av', 'vinet_v')}?metric=toString", "No metric has the name toString"),
        (f"{rows('avrsp_av', 'vinet_v')}?metric=__proto__", "No metric has the name __proto__"),
        (f"{rows('avrsp_av', 'vinet_v')}?pair=0-2", "No pair has the name 0-2; it is two numbers of rows from 0 to 1"),
        (f"{rows('avrsp_av', 'vinet_v')}?pair=1-1", "No pair has the name 1-1"),
    ],
)
def test_a_bad_link_says_so(visit, hash_, said):
    driver = visit(hash_)
    assert said in find(driver, "#compare [role=alert]").text
    assert not shown(driver, "#compare table")


def test_rows_of_two_sets_protocols_or_folds_are_not_compared(visit, tmp_path):
    driver = visit("#compare/stavis/avad/vinet_v/paper/stavis/diem/vinet_v/paper")
    assert "different data sets" in find(driver, "#compare .warning").text
    assert "Paired differences, CC" not in headings(driver)
    driver = visit("#compare/stavis/avad/vinet_av/paper/vinet/avad/vinet_av/paper")
    assert "their protocols differ (stavis and vinet)" in find(driver, "#compare .warning").text
    assert len(re.findall(r"\\begin.table.", find(driver, "#compare pre[aria-label=LaTeX]").text)) == 2, (
        "a table a protocol"
    )
    driver = visit(rows("avrsp_av", "dave_av"))
    [line] = lines(driver, "Paired differences")
    assert "not compared: their folds differ (1, 2, 3 and 1)" in line[-1]
    assert not driver.find_elements(By.CSS_SELECTOR, "#compare .bars")


def test_names_with_markup_are_text(visit, tmp_path):
    bad = "<img src=x onerror=document.title='hacked'>"
    records = [
        make({bad: value, "b": 0.6}, model=name, fold=k) for k in (1, 2, 3) for name, value in (("c", 0.5), ("d", 0.4))
    ]
    driver = visit(rows("c_v", "d_v"), page_of(tmp_path, records))
    assert bad in [line[0] for line in lines(driver, "CC of c (v)")]
    assert "hacked" not in driver.title
    assert not driver.find_elements(By.CSS_SELECTOR, "#compare img")


def test_rows_without_room_in_the_page_say_so(visit, tmp_path, monkeypatch):
    records = [make([0.5, 0.6], model=name, fold=k) for k in (1, 2, 3) for name in ("c", "d")]
    monkeypatch.setattr("avsal_bench.leaderboard.page.html.LARGEST", 0)
    driver = visit(rows("c_v", "d_v"), page_of(tmp_path, records))
    assert "Left out of the page for its size" in find(driver, "#compare .warning").text
    assert "CC 0.550" in find(driver, "#compare .warning").text


def test_alike_rows_and_a_video_without_a_score_are_told_apart(visit, tmp_path):
    same = [make([0.5, 0.6, 0.7], model=name, fold=k) for k in (1, 2, 3) for name in ("c", "d")]
    holes = [make([0.5, 0.6, float("nan")], model="e", fold=k) for k in (1, 2, 3)]
    driver = visit(rows("c_v", "d_v", "e_v"), page_of(tmp_path, [*same, *holes]))
    alike, with_holes, _ = lines(driver, "Paired differences")
    assert alike[1] == "0.000"
    assert alike[-1] == "not shown"
    assert int(with_holes[3]) < int(alike[3])


def test_filters_find_rows_and_leave_the_choice(visit):
    driver = visit("#measured/avad")
    boxes_of(driver)[0].click()
    choose(driver, "modality", "v")
    assert find(driver, "#chosen output").text == "1 of at most 5 rows chosen"
