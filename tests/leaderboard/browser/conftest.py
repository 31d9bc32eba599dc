"""A browser, and a page in it. Skipped where the browser is not installed, with the package that it lacks."""

import shutil

import pytest
from made_boards import show_board
from page_actions import find, until
from selenium import webdriver

from avsal_bench.leaderboard.page.board import read_board
from avsal_bench.leaderboard.page.html import html_page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1360,900"
)


@pytest.fixture(scope="session")
def driver():
    if not (CHROMIUM and DRIVER):
        pytest.skip("no chromium and chromedriver: apt-get install chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield chrome
    chrome.quit()


@pytest.fixture(scope="session")
def board(tmp_path_factory):
    folder = show_board(tmp_path_factory.mktemp("board"))
    page = folder / "index.html"
    page.write_text(html_page(read_board(folder)), encoding="utf-8")
    return page


@pytest.fixture
def visit(driver, board):
    """Opens the page at a hash; at the end nothing may have been complained of in the console."""
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.get_log("browser")

    def go(hash_="", page=board):
        driver.get("about:blank")
        driver.get(page.as_uri() + hash_)
        if hash_.startswith("#row/"):
            until(lambda: find(driver, "#panel").get_attribute("data-row"), "the panel is filled")
        return driver

    yield go
    said = [entry["message"] for entry in driver.get_log("browser")]
    assert not said, said
