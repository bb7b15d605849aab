"""A real browser: Debian's Chromium, headless, watched for requests to other hosts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import pytest
from hands import environment, home, packtrail, serving  # noqa: F401  # fixtures
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE_S = 30
T = TypeVar("T")


@dataclass(frozen=True)
class Browser:
    """Chromium as a person uses it."""

    driver: webdriver.Chrome

    def find(self, selector: str) -> WebElement:
        """An element of a page that stays; of one that moves on, ask `until` and `press`."""
        return self._wait(lambda d: d.find_element(By.CSS_SELECTOR, selector))

    def until(self, selector: str, *words: str) -> str:
        """The text of an element once it says all of the words, whichever page shows it by then."""

        def said(driver: webdriver.Chrome) -> str | None:
            text = driver.find_element(By.CSS_SELECTOR, selector).text
            return text if all(word in text for word in words) else None

        return self._wait(said)

    def press(self, selector: str) -> None:
        """Click an element, also where the page reloads itself meanwhile."""
        self._wait(lambda d: d.find_element(By.CSS_SELECTOR, selector).click() or True)

    def _wait(self, seen: Callable[[webdriver.Chrome], T]) -> T:
        moved_on = (NoSuchElementException, StaleElementReferenceException)
        wait = WebDriverWait(self.driver, PATIENCE_S, ignored_exceptions=moved_on)
        return wait.until(seen)

    def foreign_requests(self) -> list[str]:
        """Addresses asked for that are not on this machine."""
        asked = [
            message["params"]["request"]["url"]
            for entry in self.driver.get_log("performance")
            if (message := json.loads(entry["message"])["message"])["method"]
            == "Network.requestWillBeSent"
        ]
        assert asked, "the browser's own log of requests must not be empty"
        own = ("127.0.0.1", "localhost")
        network = [url for url in asked if urlsplit(url).scheme in ("http", "https", "ws", "wss")]
        return [url for url in network if urlsplit(url).hostname not in own]


@pytest.fixture
def browser_flags() -> tuple[str, ...]:
    """Flags of Chromium that a test needs besides."""
    return ()


@pytest.fixture
def browser(tmp_path: Path, browser_flags: tuple[str, ...]) -> Iterator[Browser]:
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not chromedriver:
        pytest.skip("Debian's chromium and chromium-driver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--window-size=1100,1400",
        f"--user-data-dir={tmp_path / 'profile'}",
        *browser_flags,
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    saved = {"behavior": "allow", "downloadPath": str(tmp_path / "downloads")}
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", saved)
    try:
        yield Browser(driver)
    finally:
        driver.quit()
