"""The page by keyboard, in dark and light, and on a phone."""

import pytest
from page_actions import ROW, column, find, head, luminance, ordered, shown, until
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.browser


def test_the_keyboard_sorts(visit):
    driver = visit("#measured/avad")
    driver.execute_script("arguments[0].focus()", head(driver, "SIM"))
    driver.switch_to.active_element.send_keys(Keys.ENTER)
    driver.switch_to.active_element.send_keys(Keys.SPACE)
    until(lambda: ordered(column(driver, "SIM"), False), "SIM rises after two presses")
    assert driver.switch_to.active_element.text.startswith("SIM")


def test_tabs_by_arrow_keys_and_address(visit):
    driver = visit()
    find(driver, "#tabs a[aria-selected=true]").send_keys(Keys.ARROW_RIGHT)
    until(lambda: find(driver, "#measured").is_displayed(), "the next tab")
    assert driver.current_url.endswith("#measured")
    assert not find(driver, "#overview").is_displayed()
    driver.switch_to.active_element.send_keys(Keys.END)
    until(lambda: find(driver, "#about").is_displayed(), "the last tab")
    driver.back()
    until(lambda: find(driver, "#measured").is_displayed(), "back")


def test_a_mark_tells_its_reason_to_the_keyboard(visit):
    driver = visit("#published/diem")
    mark = next(m for m in shown(driver, ".mark") if m.text == "≠")
    driver.execute_script("arguments[0].focus()", mark)
    tip = find(driver, "#tip")
    until(tip.is_displayed, "the reason")
    assert tip.text.startswith("papers disagree: ")
    mark.send_keys(Keys.ESCAPE)
    assert not tip.is_displayed()


def test_dark_by_the_system_and_by_the_button_with_enough_contrast(chromium, visit):
    driver = visit()
    colour = "const p = document.querySelector(arguments[0]); return getComputedStyle(p)[arguments[1]]"
    for scheme, dark in (("light", False), ("dark", True)):
        chromium.scheme(scheme)
        ground = luminance(driver.execute_script(colour, "body", "backgroundColor"))
        assert (ground < 0.2) is dark
        for selector in ("body", ".lead", "a.row", "#published .mark", "td small", ".like"):
            ink = luminance(driver.execute_script(colour, selector, "color"))
            contrast = (max(ink, ground) + 0.05) / (min(ink, ground) + 0.05)
            assert contrast >= 4.5, (scheme, selector, contrast)
    find(driver, "#theme").click()
    assert luminance(driver.execute_script(colour, "body", "backgroundColor")) > 0.8
    assert find(driver, "#theme").text == "Dark"
    chromium.scheme("")


@pytest.mark.parametrize(
    "hash_",
    [
        *("#overview", "#set/diem", "#science", "#measured/all", "#published/all", "#reproduced", "#synthetic"),
        *("#cost", "#card-stavis", "#about", ROW),
    ],
)
def test_a_phone_scrolls_tables_and_not_the_page(visit, hash_):
    driver = visit()
    driver.screen(375, 812, phone=True)
    visit(hash_)
    widths = "return [document.documentElement.scrollWidth, document.querySelector('#panel').scrollWidth, innerWidth]"
    page, panel, screen = driver.execute_script(widths)
    assert screen == 375
    assert page <= 375
    assert panel <= 375
