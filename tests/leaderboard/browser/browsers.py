"""Chromium and Firefox as the tests use them: Selenium's words for both, and what these do not have.

Chromium is driven by Selenium and chromedriver. Firefox needs no driver: it speaks WebDriver BiDi itself, and
:class:`Firefox` says in it what the tests need, in Selenium's words.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CHROMEDRIVER = shutil.which("chromedriver")
FIREFOX = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1360,900"
)
#: Of a profile of Firefox that asks nobody for anything.
PREFERENCES = {
    "app.update.auto": False,
    "app.normandy.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "focusmanager.testmode": True,  # a window that nobody sees has the focus all the same
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "remote.active-protocols": 1,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}
#: Seconds that a browser may take to start, or to answer, on a busy machine.
PATIENCE = 120


class Chromium(webdriver.Chrome):
    """Chromium without a window."""

    def __init__(self) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in FLAGS.split():
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        super().__init__(options=options, service=webdriver.ChromeService(CHROMEDRIVER))
        self.set_script_timeout(2 * PATIENCE)

    def screen(self, width: int, height: int, phone: bool = False) -> None:
        """Pretend a screen of so many pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
        self.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def scheme(self, name: str) -> None:
        """Pretend a system in ``light`` or ``dark``; "" for its own."""
        features = [{"name": "prefers-color-scheme", "value": name}] if name else []
        self.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def scripts(self, run: bool) -> None:
        """Whether scripts of pages run."""
        self.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not run})

    def complaints(self) -> list[str]:
        """What the console was told since it was asked last."""
        return [entry["message"] for entry in self.get_log("browser")]


class Element:
    """An element of a page in Firefox."""

    def __init__(self, browser: Firefox, shared: str) -> None:
        self.browser, self.shared = browser, shared

    def _ask(self, body: str, *given: object) -> Any:
        return self.browser.execute_script(f"const node = arguments[0]; {body}", self, *given)

    @property
    def text(self) -> str:
        """As it is seen."""
        return self._ask("return node.innerText.trim()")

    def is_displayed(self) -> bool:
        """Whether it takes part in the picture."""
        return self._ask(
            "return node.checkVisibility({ visibilityProperty: true }) && node.getClientRects().length > 0"
        )

    def get_attribute(self, name: str) -> str | None:
        """As Selenium gives it: addresses in full, "true" for what is only there."""
        return self._ask(
            "const name = arguments[1], told = node.getAttribute(name); return told === '' ? 'true' : "
            "name === 'href' || name === 'value' ? node[name] : told",
            name,
        )

    def find_elements(self, by: str, selector: str) -> list[Element]:
        """Below it."""
        assert by == By.CSS_SELECTOR
        return self._ask("return [...node.querySelectorAll(arguments[1])]", selector)

    def click(self) -> None:
        """By the pointer, where it is."""
        self._ask("node.scrollIntoView({ block: 'center', inline: 'nearest' })")
        origin = {"type": "element", "element": {"sharedId": self.shared}}
        moves = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": origin},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self.browser.act({"type": "pointer", "id": "mouse", "actions": moves})

    def send_keys(self, *keys: str) -> None:
        """Focus it, and type."""
        self._ask("node.focus()")
        text = "".join(keys).replace(Keys.SPACE, " ")
        pressed = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self.browser.act({"type": "key", "id": "keyboard", "actions": pressed})

    def clear(self) -> None:
        """Empty a field."""
        self._ask("node.value = ''")


class Firefox:
    """Firefox without a window, by WebDriver BiDi (W3C, https://www.w3.org/TR/webdriver-bidi/)."""

    def __init__(self, profile: Path) -> None:
        from websocket import create_connection

        lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items())
        (profile / "user.js").write_text("".join(lines), encoding="utf-8")
        command = [FIREFOX, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
        command += ["--width", "1360", "--height", "900", "about:blank"]
        self._said = (profile / "said.txt").open("w+b")
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=self._said)
        address = self._address(profile / "said.txt")
        self._socket = create_connection(f"{address}/session", timeout=2 * PATIENCE, suppress_origin=True)
        self._number, self._told = 0, []  # type: int, list[str]
        self._send("session.new", capabilities={})
        self._send("session.subscribe", events=["log.entryAdded"])
        # In the tab that is there at first the address bar has the focus, and the page never gets it.
        self._context = self._send("browsingContext.create", type="tab", background=False)["context"]
        self.switch_to = self

    def _address(self, said: Path) -> str:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self._process.poll() is None:
            if found := re.search(r"listening on (ws://\S+)", said.read_text(encoding="utf-8", errors="replace")):
                return found[1]
            time.sleep(0.1)
        raise RuntimeError(f"Firefox does not speak WebDriver BiDi: {said.read_text(errors='replace')[-500:]}")

    def _send(self, method: str, **given: object) -> Any:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": given}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("method") == "log.entryAdded":
                entry = answer["params"]
                if entry["level"] in ("error", "warn"):
                    self._told.append(f"{entry['level']}: {entry.get('text')}")
            if answer.get("id") == self._number:
                if answer["type"] == "error":
                    raise RuntimeError(f"{method}: {answer['error']}: {answer['message']}")
                return answer["result"]

    def act(self, source: dict[str, object]) -> None:
        """Actions of one keyboard or pointer."""
        self._send("input.performActions", context=self._context, actions=[source])

    def execute_script(self, script: str, *given: object) -> Any:
        """The value of a function's body; elements go in and come out."""
        answer = self._send(
            "script.callFunction",
            functionDeclaration=f"function() {{ {script}\n }}",
            arguments=[self._local(value) for value in given],
            target={"context": self._context},
            awaitPromise=True,
        )
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return self._remote(answer["result"])

    def _local(self, value: object) -> dict[str, object]:
        if isinstance(value, Element):
            return {"sharedId": value.shared}
        if value is None or isinstance(value, bool | int | float | str):
            kinds = {bool: "boolean", int: "number", float: "number", str: "string"}
            return {"type": "null"} if value is None else {"type": kinds[type(value)], "value": value}
        if isinstance(value, dict):
            return {"type": "object", "value": [[name, self._local(of)] for name, of in value.items()]}
        assert isinstance(value, Sequence)
        return {"type": "array", "value": [self._local(of) for of in value]}

    def _remote(self, told: dict[str, Any]) -> Any:
        kind = told["type"]
        if kind == "node":
            return Element(self, told["sharedId"])
        if kind in ("array", "htmlcollection", "nodelist"):
            return [self._remote(value) for value in told["value"]]
        if kind == "object":
            return {name: self._remote(value) for name, value in told["value"]}
        return told.get("value")

    def get(self, address: str) -> None:
        """Open a page, and wait until it is there."""
        self._send("browsingContext.navigate", context=self._context, url=address, wait="complete")

    def back(self) -> None:
        """To the page before."""
        self._send("browsingContext.traverseHistory", context=self._context, delta=-1)

    @property
    def current_url(self) -> str:
        """With its hash."""
        return self.execute_script("return location.href")

    @property
    def title(self) -> str:
        """Of the page."""
        return self.execute_script("return document.title")

    @property
    def active_element(self) -> Element:
        """What has the focus."""
        return self.execute_script("return document.activeElement")

    def find_element(self, by: str, selector: str) -> Element:
        """The first one."""
        return self.find_elements(by, selector)[0]

    def find_elements(self, by: str, selector: str) -> list[Element]:
        """All of the page."""
        assert by == By.CSS_SELECTOR
        return self.execute_script("return [...document.querySelectorAll(arguments[0])]", selector)

    def save_screenshot(self, path: str) -> None:
        """A PNG of what is seen."""
        import base64

        told = self._send("browsingContext.captureScreenshot", context=self._context)
        Path(path).write_bytes(base64.b64decode(told["data"]))

    def screen(self, width: int, height: int, phone: bool = False) -> None:
        """Pretend a screen of so many pixels."""
        size = {"width": width, "height": height}
        ratio = 2.0 if phone else 1.0
        self._send("browsingContext.setViewport", context=self._context, viewport=size, devicePixelRatio=ratio)

    def complaints(self) -> list[str]:
        """What the console was told since it was asked last."""
        told, self._told = self._told, []
        return told

    def quit(self) -> None:
        """End it."""
        try:
            self._send("browser.close")
            self._process.wait(timeout=20)
        except Exception:
            self._process.terminate()
        self._said.close()
