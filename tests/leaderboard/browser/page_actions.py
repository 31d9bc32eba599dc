"""What the tests of the page do in a browser: find, choose, wait."""

import time

from selenium.webdriver.common.by import By

#: Address of a row of the board that the tests look at.
ROW = "#row/stavis/avad/avrsp_av/paper"


def find(driver, selector):
    return driver.find_element(By.CSS_SELECTOR, selector)


def shown(driver, selector):
    return [e for e in driver.find_elements(By.CSS_SELECTOR, selector) if e.is_displayed()]


def column(driver, title, tab="measured"):
    """Sort values of the shown rows of a column in the first shown table's first body."""
    return driver.execute_script(
        """const table = [...document.querySelectorAll(`#${arguments[1]} table`)].find((t) => t.offsetParent);
        const head = [...table.tHead.rows[0].cells].find((c) => c.textContent.startsWith(arguments[0]));
        return [...table.tBodies[0].rows].filter((r) => r.offsetParent)
            .map((r) => r.cells[head.cellIndex].dataset.sort ?? r.cells[head.cellIndex].textContent)""",
        title,
        tab,
    )


def head(driver, title):
    return next(b for b in shown(driver, "thead button") if b.text.startswith(title))


def until(check, what):
    end = time.monotonic() + 20
    while not check():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def choose(driver, name, value):
    driver.execute_script(
        """const select = document.querySelector(`#filters [name=${arguments[0]}]`);
        select.value = arguments[1]; select.dispatchEvent(new Event("input", { bubbles: true }))""",
        name,
        value,
    )


def ordered(values, reverse):
    return values == sorted(values, key=float, reverse=reverse)


def luminance(rgb):
    parts = [int(x) / 255 for x in rgb[rgb.index("(") + 1 : rgb.index(")")].split(",")[:3]]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
