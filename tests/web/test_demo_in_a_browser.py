"""A newcomer starts the demo, signs in, scans three packs and takes a proof home."""

from __future__ import annotations

import re
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from selenium.webdriver.support.ui import WebDriverWait

pytestmark = pytest.mark.browser


@pytest.fixture
def demo(serving: Callable, browser) -> object:
    with serving("--demo") as server:
        link = re.search(r"http://\S+/sign-in/\S+", server.greeting)
        assert link
        browser.driver.get(link[0])
        browser.find("#text")
        yield server


def labels(greeting: str) -> list[Path]:
    return [Path(found) for found in re.findall(r"^\s+(/\S+\.png)", greeting, re.MULTILINE)]


def card(word: str) -> str:
    """The card with this verdict, as a selector."""
    return f'.card[data-word="{word}"]'


def drop(browser, picture: Path) -> None:
    browser.find("input[type=file]").send_keys(str(picture))


def test_three_labels_three_verdicts_and_a_proof(demo, browser, tmp_path: Path) -> None:
    genuine, recalled, falsified = labels(demo.greeting)

    drop(browser, genuine)
    reach = "What a recall of lot CA2601 would reach"
    browser.until(card("OK"), "Cardiolin 20 mg", "Received at Lindenhof Pharmacy.", reach)
    browser.find(card("OK") + " svg.custody circle")
    browser.driver.save_screenshot(str(tmp_path / "ok.png"))

    browser.press(card("OK") + " form.proof button")
    wait = WebDriverWait(browser.driver, 60)
    proof = wait.until(lambda _: next((tmp_path / "downloads").glob("*.asice"), None))
    assert "META-INF/signature001.p7s" in zipfile.ZipFile(proof).namelist()

    drop(browser, recalled)
    browser.until(card("STOP"), "recalled")
    browser.press("[data-confirm] button")
    drop(browser, falsified)
    browser.until(".answer", "no pack with this serial")
    assert not browser.foreign_requests()


def test_a_page_without_sign_in_shows_nothing(serving) -> None:
    with serving("--demo") as server:
        as_browsers_ask = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
        for headers, expected in ((as_browsers_ask, b"Sign in</h1>"), ({}, b'"status":401')):
            asked = urllib.request.Request(server.address + "/", headers=headers)
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(asked, timeout=20)
            assert refused.value.code == 401
            assert expected in refused.value.read()
