"""The page for everybody: axe-core finds nothing serious, Tab reaches everything, scripts may be off."""

from importlib.resources import files

import pytest
from page_actions import ROW, find, shown, until
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.browser

COMPARED = "#compare/" + "/".join(f"stavis/avad/{network}/paper" for network in ("avrsp_av", "vinet_v", "mep"))
#: What is looked at: every tab, some with another table, an open panel, and a comparison.
PLACES = (
    *("#overview", "#measured/overall", "#measured/avad", "#published/diem", "#published/disagreements", "#reproduced"),
    *("#synthetic", "#sets", "#science", "#cost", "#card-mspi", "#about", ROW, COMPARED),
)


def axe(driver, *rules):
    """Finds of axe-core, by some of its rules or by all, that are serious or critical, each with some elements.

    What is hidden is not judged, but takes most of the time: it is taken out meanwhile.
    """
    source = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    if not driver.execute_script("return typeof axe === 'object'"):
        driver.execute_script(source)
    found = driver.execute_script(
        """const where = (found) => found.nodes.slice(0, 4).map((node) => node.html.slice(0, 160)).join(" | ");
        const untold = ".tab[hidden], .tab:not([hidden]) .set[hidden]";
        const hidden = [...document.querySelectorAll(untold)].map((section) => {
            const apart = document.createDocumentFragment();
            apart.append(...section.childNodes);
            return [section, apart];
        });
        return axe.run(document, { resultTypes: ["violations"], ...arguments[0] }).then((told) => told.violations
            .filter((found) => ["serious", "critical"].includes(found.impact))
            .map((found) => `${found.id}: ${where(found)}`))
            .finally(() => hidden.forEach(([section, apart]) => section.append(apart)))""",
        {"runOnly": list(rules)} if rules else {},
    )
    return list(found)


def look(driver, place):
    """Go to a place of the page that is open."""
    driver.execute_script("location.hash = arguments[0]", place)
    for dialog, told in (("#row", ("#panel", "data-row")), ("#compare", ("#compare", "data-rows"))):
        if place.startswith(dialog):
            until(lambda told=told: find(driver, told[0]).get_attribute(told[1]), f"{place} is filled")
    until(lambda: not place.startswith("#measured") or shown(driver, "#measured"), "the tab")


def test_axe_finds_nothing_serious(chromium, visit):
    """In one browser: axe looks at what both are told."""
    driver = visit()
    found = {}
    for place in PLACES:
        look(driver, place)
        if told := axe(driver):
            found[place] = told
    assert not found, "\n".join(f"{place}: {line}" for place, told in found.items() for line in told)


@pytest.mark.parametrize("way", ["dark", "phone"])
def test_axe_finds_nothing_serious_in_the_dark_and_on_a_phone(chromium, visit, way):
    if way == "dark":
        chromium.scheme("dark")
    else:
        chromium.screen(375, 812, phone=True)
    found = {}
    try:
        driver = visit()
        for place in PLACES if way == "dark" else PLACES[::2]:
            look(driver, place)
            if told := axe(driver, *(["color-contrast"] if way == "dark" else [])):
                found[place] = told
    finally:
        chromium.scheme("")
    assert not found, "\n".join(f"{place}: {line}" for place, told in found.items() for line in told)


def test_tab_reaches_everything_and_its_place_is_seen(visit):
    driver = visit("#measured/avad")
    reached = []
    for _ in range(45):
        driver.switch_to.active_element.send_keys(Keys.TAB)
        told = driver.execute_script(
            """const now = document.activeElement, style = getComputedStyle(now), at = now.getBoundingClientRect();
            const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
            const kinds = { tab: "#tabs a", filter: "#filters *", set: ".pills button", head: "thead button",
                box: "input.choose", row: "a.row" };
            const kind = Object.keys(kinds).find((name) => now.matches(kinds[name]));
            return [kind ?? (now.id || now.className || now.tagName), seen || now === document.body, at.width > 0]"""
        )
        reached.append(told[0])
        assert told[1], f"the focus on {told[0]} is seen"
        assert told[2] or told[0] == "BODY", f"{told[0]} is there"
    assert {"theme", "tab", "filter", "set", "head", "box", "row"} <= set(reached)


def test_every_table_has_a_caption_and_heads(visit):
    driver = visit()
    for place in (ROW, COMPARED):
        look(driver, place)
        wrong = driver.execute_script(
            """const heads = (t) => [...t.tHead.rows[0].cells].every((c) => c.scope === "col" && c.textContent.trim());
            const firsts = (t) => [...t.tBodies].every((b) => [...b.rows].every((r) => r.cells[0].scope === "row"));
            return [...document.querySelectorAll("table")].filter((t) => !t.caption?.textContent.trim()
                || !heads(t) || !firsts(t)).map((t) => t.outerHTML.slice(0, 200))"""
        )
        assert not wrong, wrong
    counts = driver.execute_script("return [...document.querySelectorAll('output')].map((o) => o.id || o.className)")
    assert counts == ["count", "chosen-count"], "what changes is told by those who read screens aloud"


def test_without_scripts_all_tables_and_figures_are_there(chromium, visit):
    chromium.scripts(False)
    try:
        driver = visit()
        hidden = """return [...document.querySelectorAll("main table, main section.tab, main svg")]
            .filter((e) => !e.checkVisibility({ visibilityProperty: true }) && !e.closest(".by-macs, [class*='by-']"))
            .map((e) => e.outerHTML.slice(0, 120))"""
        assert not driver.execute_script(hidden)
        assert len(driver.find_elements(By.CSS_SELECTOR, "main table")) > 20
        assert not driver.find_elements(By.CSS_SELECTOR, "input.choose, #chosen, #compare")
        assert not shown(driver, "#filters, #theme")
        assert driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    finally:
        chromium.scripts(True)


@pytest.mark.parametrize("width", [360, 390])
def test_a_comparison_fits_a_phone(visit, driver, width):
    driver.screen(width, 780, phone=True)
    visit(COMPARED)
    widths = "return [document.documentElement.scrollWidth, document.querySelector('#compare').scrollWidth, innerWidth]"
    page, dialog, screen = driver.execute_script(widths)
    assert screen == width
    assert page <= width
    assert dialog <= width
    find(driver, "#compare header button").click()
    until(lambda: shown(driver, "#chosen"), "the bar of what is chosen")
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width


def test_axe_sees_what_is_wrong(chromium, visit):
    driver = visit()
    driver.execute_script("document.querySelector('header').append(document.createElement('button'))")
    [found] = axe(driver, "button-name")
    assert found.startswith("button-name: <button")
