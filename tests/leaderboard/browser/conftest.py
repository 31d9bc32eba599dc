"""The browsers, and a page in them. Skipped where a browser is not installed, with the package that it lacks."""

import pytest
from browsers import CHROMEDRIVER, CHROMIUM, FIREFOX, Chromium, Firefox
from made_boards import show_board
from page_actions import find, until

from avsal_bench.leaderboard.page.board import read_board
from avsal_bench.leaderboard.page.html import html_page

#: The page undoes the browser's own jump to the address once all is there.
SETTLED = "return new Promise((done) => requestAnimationFrame(() => setTimeout(() => setTimeout(done))))"


@pytest.fixture(scope="session", params=["chromium", "firefox"])
def driver(request, tmp_path_factory):
    """A browser without a window. A test of what only one of them has takes ``chromium``."""
    if request.param == "firefox":
        if not FIREFOX:
            pytest.skip("no firefox: apt-get install firefox-esr")
        browser = Firefox(tmp_path_factory.mktemp("firefox"))
    else:
        if not (CHROMIUM and CHROMEDRIVER):
            pytest.skip("no chromium and chromedriver: apt-get install chromium-driver")
        browser = Chromium()
    yield browser
    browser.quit()


@pytest.fixture
def chromium(driver):
    """The browser, where it is Chromium: what a system is like is pretended there, and seconds are measured once."""
    if not isinstance(driver, Chromium):
        pytest.skip("Chromium alone can pretend it")
    return driver


@pytest.fixture(scope="session")
def board(tmp_path_factory):
    folder = show_board(tmp_path_factory.mktemp("board"))
    page = folder / "index.html"
    page.write_text(html_page(read_board(folder)), encoding="utf-8")
    return page


@pytest.fixture
def visit(driver, board):
    """Opens the page at a hash; at the end nothing may have been complained of in the console."""
    driver.screen(1360, 900)
    driver.complaints()

    def go(hash_="", page=board):
        driver.get("about:blank")
        driver.get(page.as_uri() + hash_)
        if driver.execute_script("return typeof Panel === 'object'"):  # else no script runs, and no timer
            driver.execute_script(SETTLED)
        if hash_.startswith("#row/"):
            until(lambda: find(driver, "#panel").get_attribute("data-row"), "the panel is filled")
        if hash_.startswith("#compare"):
            until(lambda: find(driver, "#compare").get_attribute("data-rows"), "the comparison is filled")
        return driver

    yield go
    said = driver.complaints()
    assert not said, said
