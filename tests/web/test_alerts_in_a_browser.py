"""A pharmacist scans a falsified pack, follows its alert and closes it; then takes a pack back."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from selenium.webdriver.support.ui import Select

pytestmark = pytest.mark.browser


@pytest.fixture
def demo(serving: Callable, browser) -> object:
    with serving("--demo") as server:
        link = re.search(r"http://\S+/sign-in/\S+", server.greeting)
        assert link
        browser.driver.get(link[0])
        browser.find("#text")
        yield server


def test_an_alert_is_raised_followed_and_closed(demo, browser) -> None:
    falsified = re.findall(r"^\s+(/\S+\.png)", demo.greeting, re.MULTILINE)[2]
    browser.find("input[type=file]").send_keys(falsified)
    link = '.card[data-word="STOP"] .alert-id a'
    number = browser.until(link)
    browser.press(link)
    browser.until('.card[data-status="New"]', "Keep the pack aside")

    Select(browser.find("select[name=status]")).select_by_visible_text("Closed")
    browser.find("input[name=reason]").send_keys("confirmed falsified")
    browser.find("input[name=comment]").send_keys("authority told")
    browser.find("form.ask button").click()
    browser.until('.card[data-status="Closed"]')
    browser.until(".events", "confirmed falsified")

    browser.press('nav a[href="/alerts"]')
    browser.until("table.alerts tbody tr", number, "Closed")
    assert not browser.foreign_requests()


def test_a_returned_pack_that_was_never_shipped_is_not_taken_in(demo, browser) -> None:
    browser.driver.get(demo.address + "/returns")
    field = browser.find("#text")
    label = re.findall(r"^\s+(/\S+\.png)", demo.greeting, re.MULTILINE)[0]
    scanned = _text_of(label)
    field.send_keys(scanned)
    browser.find("input[name=place]").send_keys("9521323000016")
    browser.find("input[name=stored_well]").click()
    field.submit()
    browser.until('.card[data-decision="refused"]', "Never sold by us")


def _text_of(label: str) -> str:
    """What a keyboard scanner types for a label, in brackets so that a field takes it."""
    import zxingcpp
    from PIL import Image

    raw = zxingcpp.read_barcodes(Image.open(label))[0]
    return raw.text
