"""The first screen, pages of data sets and tips of metrics in a browser: by pointer, keyboard and address."""

import pytest
from page_actions import column, find, shown, until
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.browser


def test_the_first_screen_shows_the_field_and_the_clips(visit):
    driver = visit()
    assert find(driver, "#tabs a[aria-selected=true]").text == "Overview"
    assert not find(driver, "#filters").is_displayed()
    assert len(shown(driver, "#field figure")) >= 6
    assert len(shown(driver, "#field svg[role=group]")) == len(shown(driver, "#field figure")), "one axis at a time"
    assert shown(driver, "#field .best.measured b")
    assert all(driver.execute_script("return [...document.querySelectorAll('.clip img')].map((i) => i.naturalWidth)"))


def test_the_axis_changes_without_scripts_of_the_page(visit):
    driver = visit()
    for axis in ("seconds", "macs", "year"):
        find(driver, f"#field [value={axis}]").click()
        kinds = {svg.get_attribute("class") for svg in shown(driver, "#field svg[role=group]")}
        assert kinds == {f"by-{axis}"}


def test_points_go_by_arrow_keys_tell_what_they_are_and_open_their_row(visit):
    driver = visit()
    stops = """return [...document.querySelectorAll('#field figure svg.by-year')]
        .map((figure) => figure.querySelectorAll('a[tabindex="0"]').length)"""
    assert set(driver.execute_script(stops)) == {1}, "one stop of the Tab key a panel"
    first = find(driver, "#field svg.by-year a.pt")
    driver.execute_script("arguments[0].focus()", first)
    tip = find(driver, "#tip")
    until(tip.is_displayed, "the tip")
    before = tip.text
    assert "CC 0." in before
    press = "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}))"
    driver.execute_script(press)  # drivers send no keys to what is SVG
    until(lambda: tip.text != before, "the next point")
    link = find(driver, "#field svg.by-year a.pt.measured")
    assert driver.execute_script("return arguments[0].getAttribute('href')", link).startswith("#row/stavis/")
    driver.execute_script(
        "arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))", link
    )
    until(lambda: find(driver, "#panel").get_attribute("data-row"), "the panel")


def test_a_clip_moves_while_it_has_the_focus(visit):
    driver = visit()
    state = "return getComputedStyle(document.querySelector('.clip img')).animationPlayState"
    assert driver.execute_script(state) == "paused"
    driver.execute_script("document.querySelector('.clip').focus()")
    assert driver.execute_script(state) == "running"


def test_a_data_set_has_an_address_and_tables_lead_to_it(visit):
    driver = visit("#measured/avad")
    find(driver, "#measured .set:not([hidden]) h3 a").click()
    until(lambda: find(driver, "#sets").is_displayed(), "the page of the set")
    assert driver.current_url.endswith("#set/avad")
    assert [h.text for h in shown(driver, "#sets h3")] == ["AVAD eye tracking, with sound"]
    assert driver.execute_script("return scrollY") == 0
    find(driver, "#sets .set:not([hidden]) dd a[href^='#published']").click()
    until(lambda: [h.text.split()[0] for h in shown(driver, "#published h3")] == ["AVAD"], "its published scores")


@pytest.mark.parametrize("hash_", ["#set/nobody", "#set/", "#%E0%A4%A", "#science", "#published-disagreements"])
def test_an_address_of_anything_shows_a_tab(visit, hash_):
    driver = visit(hash_)
    assert len(shown(driver, "section.tab")) == 1


def test_the_search_finds_names_of_people_and_of_machines(visit):
    driver = visit("#measured/avad")
    box = find(driver, "#filters [name=text]")
    for words, found in (("mspi-s3d", ["MSPI, S3D"]), ("tsiami", ["STAViS", "STAViS"]), ("vinet_av", ["ViNet"])):
        box.clear()
        box.send_keys(words)
        until(lambda found=found: column(driver, "Network") == found, words)


def test_a_metric_tells_what_it_is_by_keyboard(visit):
    driver = visit("#measured/avad")
    head = next(b for b in shown(driver, "thead button") if b.text.startswith("NSS"))
    driver.execute_script("arguments[0].focus()", head)
    tip = driver.find_element(By.CSS_SELECTOR, "#tip")
    until(tip.is_displayed, "the sentence")
    assert tip.text.startswith("NSS, Normalised scanpath saliency: ")
    head.send_keys(Keys.ESCAPE)
    assert not tip.is_displayed()
