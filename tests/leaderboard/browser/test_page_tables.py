"""Tables in a browser: sorting, filters, the choice of a metric and of a set."""

import time

import pytest
from made_records import make, save
from page_actions import choose, column, find, head, ordered, shown, until
from selenium.webdriver.common.by import By

from avsal_bench.leaderboard.page.board import read_board
from avsal_bench.leaderboard.page.html import html_page

pytestmark = pytest.mark.browser


def test_a_click_on_a_header_sorts_and_a_second_turns_the_order(visit):
    driver = visit("#measured/avad")
    head(driver, "NSS").click()
    until(lambda: ordered(column(driver, "NSS"), True), "NSS falls")
    assert shown(driver, "#measured th[aria-sort]")[0].get_attribute("aria-sort") == "descending"
    head(driver, "NSS").click()
    until(lambda: ordered(column(driver, "NSS"), False), "NSS rises")
    assert shown(driver, "#measured th[aria-sort]")[0].get_attribute("aria-sort") == "ascending"


def test_less_is_better_and_names_sort_upwards_first(visit):
    driver = visit("#measured/avad")
    head(driver, "KL").click()
    until(lambda: ordered(column(driver, "KL"), False), "KL rises")
    head(driver, "Network").click()
    until(lambda: column(driver, "Network") == sorted(column(driver, "Network"), key=str.lower), "names rise")


def test_incomplete_rows_stay_below(visit):
    driver = visit("#measured/avad")
    for _ in range(2):
        head(driver, "CC").click()
        time.sleep(0.05)
        assert shown(driver, "#measured .set tbody + tbody tr")[0].text.startswith("DAVE")


def test_filters_leave_what_they_name(visit):
    driver = visit("#measured/avad")
    everything = len(column(driver, "Modality"))
    choose(driver, "modality", "v")
    assert set(column(driver, "Modality")) == {"v"}
    find(driver, "#filters [name=text]").send_keys("vin")
    assert column(driver, "Network") == ["ViNet"]
    assert find(driver, "#count").text == "1 of 14 rows"
    choose(driver, "protocol", "vinet")
    assert find(driver, "#count").text == "0 of 14 rows"
    find(driver, "#filters [name=text]").clear()
    choose(driver, "modality", "all")
    choose(driver, "protocol", "all")
    driver.execute_script("document.querySelector('#filters').dispatchEvent(new Event('input'))")
    assert len(column(driver, "Modality")) == everything


def test_a_metric_shows_its_columns_only_and_sorts_by_them(visit):
    driver = visit("#measured/avad")
    choose(driver, "metric", "KL")
    until(lambda: ordered(column(driver, "KL"), False), "the best KL is first")
    titles = [b.text for b in shown(driver, "#measured thead button")]
    assert not any(title.startswith(("CC", "NSS", "SIM", "sAUC", "AUC-J")) for title in titles)
    choose(driver, "metric", "all")
    assert any(b.text.startswith("CC") for b in shown(driver, "#measured thead button"))


def test_a_metric_leaves_its_lines_among_reproductions(visit):
    driver = visit("#reproduced")
    choose(driver, "metric", "SIM")
    assert set(column(driver, "Metric", "reproduced")) == {"SIM"}


def test_one_table_a_data_set_at_a_time(visit):
    driver = visit("#published/etmd")
    assert [h.text for h in shown(driver, "#published h3")] == ["ETMD eye tracking, with sound"]
    next(b for b in shown(driver, ".pills button") if b.text == "disagreements").click()
    until(lambda: [h.text for h in shown(driver, "#published h3")] == ["Where papers disagree"], "disagreements")
    assert driver.current_url.endswith("#published/disagreements")
    tables = shown(driver, "#published table")
    counts = [len(table.find_elements(By.CSS_SELECTOR, "tbody tr")) for table in tables]
    assert counts[0] == 49, "scores that papers disagree on"
    assert counts[1] >= 7, "what a text says against its own tables"


def test_plots_of_cost_are_drawn(visit):
    driver = visit("#cost")
    until(lambda: len(shown(driver, "#plots canvas")) == 3, "three plots")
    choose(driver, "metric", "NSS")
    assert find(driver, "#plot-note").text.startswith("NSS")


def test_an_empty_board_opens_on_the_field_as_papers_print_it(visit, tmp_path):
    page = save(tmp_path, []) / "index.html"
    page.write_text(html_page(read_board(tmp_path)), encoding="utf-8")
    driver = visit("", page)
    assert find(driver, "#overview").is_displayed()
    assert shown(driver, "#field .best.published b")
    assert not shown(driver, "#field .best.measured")
    find(driver, "#tabs a[href='#measured']").click()
    until(lambda: find(driver, "#measured").is_displayed(), "measured")
    assert "No record of a real data set yet" in find(driver, "#measured").text


def test_what_a_training_saw_is_a_filter_and_tells_more(driver, tmp_path):
    told = {"known": True, "weights": [], "tested_videos_seen": 0}
    saw = {"set": "avad", "part": "train", "fold": 1, "use": "fit"}
    stories = {
        "zero": told | {"sets": [], "training_part_seen": False},
        "trained": told | {"sets": [saw], "training_part_seen": True},
    }
    records = [
        make([0.5, 0.6], model=model, dataset=name, fold=k, provenance=make([0]).provenance | {"trained_on": story})
        for model, story in stories.items()
        for name in ("avad", "crowdsal")
        for k in (1, 2, 3)
    ]
    page = save(tmp_path, records) / "index.html"
    page.write_text(html_page(read_board(tmp_path)), encoding="utf-8")
    driver.get(page.as_uri() + "#measured/avad")
    until(lambda: len(shown(driver, "#measured tbody tr")) == 2, "two rows")
    pills = find(driver, "#measured .pills").text.split()
    assert pills == ["eye:", "AVAD", "mouse:", "CrowdSAL", "all"]
    choose(driver, "seen", "zero-shot")
    assert [row.text.split()[0] for row in shown(driver, "#measured tbody tr")] == ["zero"]
    choose(driver, "seen", "all")
    word = next(m for m in shown(driver, ".mark.word") if m.text == "training part")
    driver.execute_script("arguments[0].focus()", word)
    until(find(driver, "#tip").is_displayed, "the story")
    assert find(driver, "#tip").text == "trained on the training part. avad, part train, fold 1"
