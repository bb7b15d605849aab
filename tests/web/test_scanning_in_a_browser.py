"""A keyboard scanner at a counter: no scan is lost, none is silent, no old OK stays on the page."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.browser
OK = ("0109521321001015210795112158512", "1728063010CA2601")
UNKNOWN_SERIAL = ("0109521321001015219999999999999", "1728063010CA2601")
OK_CARD = '.answer .card[data-word="OK"]'
STOP_CARD = '.answer .card[data-word="STOP"]'
NO_ANSWER = "window.fetch = (_, how) => new Promise((_, no) => how.signal.onabort = no)"


@pytest.fixture
def demo(serving: Callable, browser) -> object:
    with serving("--demo") as server:
        link = re.search(r"http://\S+/sign-in/\S+", server.greeting)
        assert link
        browser.driver.get(link[0])
        browser.find("#text")
        yield server


def type_scan(browser, parts: tuple[str, str]) -> None:
    """What a keyboard scanner types wherever the focus is: Ctrl+] as separator, then Enter."""
    keys = ActionChains(browser.driver).send_keys(parts[0])
    keys.key_down(Keys.CONTROL).send_keys("]").key_up(Keys.CONTROL)
    keys.send_keys(parts[1]).send_keys(Keys.ENTER).perform()


def focus(browser, selector: str) -> None:
    browser.driver.execute_script("document.querySelector(arguments[0]).focus()", selector)


def test_a_scan_lands_wherever_the_focus_is(demo, browser) -> None:
    for selector in ("main", 'nav a[href="/alerts"]', ".scan button[type=submit]", "#text"):
        focus(browser, selector)
        type_scan(browser, OK)
        browser.until(OK_CARD, "Cardiolin 20 mg")
    assert len(browser.driver.find_elements(By.CSS_SELECTOR, ".history li")) == 4
    browser.driver.refresh()
    browser.until(".history li a", "Cardiolin 20 mg")
    browser.press(".history li a")
    browser.until("main h1", "Cardiolin 20 mg")


def test_a_scan_on_any_other_page_opens_over_it(demo, browser) -> None:
    for path in ("/quarantine", "/alerts", "/menu"):
        browser.driver.get(demo.address + path)
        browser.find("dialog.scan-over")
        type_scan(browser, OK)
        browser.until("dialog[open] " + OK_CARD, "Cardiolin 20 mg")


def test_a_scan_into_a_field_for_something_else_is_taken_out_of_it(demo, browser) -> None:
    browser.driver.get(demo.address + "/quarantine")
    browser.find("main input[name=reason]").send_keys("leaking ")
    focus(browser, "main input[name=reason]")
    type_scan(browser, OK)
    browser.until("dialog[open] " + OK_CARD, "Cardiolin 20 mg")
    assert browser.find("main input[name=reason]").get_attribute("value") == "leaking "


def test_a_scan_lands_in_the_field_that_expects_it(demo, browser) -> None:
    browser.driver.get(demo.address + "/returns")
    browser.find("main [data-scan]")
    browser.find("input[name=place]").send_keys("9521323000016")
    focus(browser, "main")
    type_scan(browser, OK)
    browser.until("main .card[data-decision]", "0795112158512")


def test_the_last_ok_goes_at_once_and_silence_is_told(demo, browser) -> None:
    type_scan(browser, OK)
    browser.until(OK_CARD)
    browser.driver.execute_script(NO_ANSWER)
    type_scan(browser, OK)
    assert not browser.driver.find_elements(By.CSS_SELECTOR, OK_CARD)
    browser.until(".answer .card", "Reading")
    browser.until(".answer .card[data-silent]", "NOT VERIFIED")
    assert browser.find(".answer [role=alert]")


def test_an_alert_is_confirmed_before_the_next_scan_counts(demo, browser) -> None:
    type_scan(browser, UNKNOWN_SERIAL)
    browser.until(STOP_CARD)
    type_scan(browser, OK)
    browser.until(".answer", "This scan was not read", "STOP")
    assert not browser.driver.find_elements(By.CSS_SELECTOR, OK_CARD)
    browser.press("[data-confirm] button")
    browser.until(".answer", "Confirmed")
    type_scan(browser, OK)
    browser.until(OK_CARD)


def test_what_is_no_pack_and_a_refusal_speak(demo, browser) -> None:
    focus(browser, "main")
    ActionChains(browser.driver).send_keys("00095213220000041997", Keys.ENTER).perform()
    browser.until('.answer .card[data-word="UNKNOWN"]', "case or pallet")
    ActionChains(browser.driver).send_keys("99", Keys.ENTER).perform()
    browser.until('.answer .card[data-word="UNKNOWN"]', "could not be read")
    browser.driver.delete_all_cookies()
    type_scan(browser, OK)
    browser.until(".answer .card[data-refused]", "NOT VERIFIED", "Sign in")


def test_a_refused_page_leads_to_signing_in_and_signing_out_is_everywhere(demo, browser) -> None:
    for path in ("/", "/alerts", "/no-such-page"):
        browser.driver.get(demo.address + path)
        browser.find('form[action="/sign-out"] button')
    browser.press('header form[action="/sign-out"] button')
    browser.until("h1", "Sign in")
    browser.driver.get(demo.address + "/alerts?status=New")
    browser.until("h1", "Sign in")
    assert browser.find("input[name=way]").get_attribute("value") == "/alerts?status=New"


def test_supply_says_what_it_does_and_is_taken_back(demo, browser) -> None:
    browser.press(".modes label:has([value=supply])")
    browser.until(".mode-says.writes", "Supply writes")
    type_scan(browser, OK)
    browser.until(OK_CARD, "Supplied:")
    type_scan(browser, OK)
    browser.until(OK_CARD, "changed nothing")
    browser.press(".modes label:has([value=undo])")
    type_scan(browser, OK)
    browser.until(OK_CARD, "Taken back:")
    assert not browser.foreign_requests()


@pytest.mark.parametrize("width_px", [320, 360, 768, 1280])
def test_no_page_is_wider_than_its_window(demo, browser, width_px: int) -> None:
    size = {"width": width_px, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    type_scan(browser, OK)
    browser.until(OK_CARD)
    is_wide = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not browser.driver.execute_script(is_wide), "/ with a verdict"
    browser.find('nav a[href="/alerts"], nav a[href="/menu"]')
    paths = [
        link.get_attribute("href")
        for link in browser.driver.find_elements(By.CSS_SELECTOR, "nav a")
    ]
    pack, lot = "/01/09521321001015/21/0795112158512", "/01/09521321001022/10/RE7715"
    beside = (pack, lot, "/verify-dossier", "/no-such-page")
    for path in {*paths, *(demo.address + one for one in beside)}:
        browser.driver.get(path)
        browser.find("main")
        assert not browser.driver.execute_script(is_wide), path


def test_a_form_half_filled_is_not_reloaded(demo, browser) -> None:
    browser.driver.get(demo.address + "/dossiers")
    reload = "document.querySelectorAll('meta[http-equiv=refresh]').length"
    assert browser.driver.execute_script(f"return {reload}") == 0
    form = browser.find('form:has(input[value="lot"])')
    browser.driver.execute_script("arguments[0].closest('details').open = true", form)
    form.find_element(By.NAME, "gtin").send_keys("09521321001015")
    form.find_element(By.NAME, "lot").send_keys("CA2601")
    form.find_element(By.TAG_NAME, "button").click()
    browser.until("#jobs tbody tr", "CA2601")
    half = browser.find('details[open] input[name="gtin"]')
    half.send_keys("0952")
    browser.until('#jobs tbody a[href$="/file"]', "Download")
    assert half.get_attribute("value") == "0952"


def test_a_supply_is_taken_back_from_the_list_with_a_reason(demo, browser) -> None:
    browser.press(".modes label:has([value=supply])")
    type_scan(browser, OK)
    browser.until(OK_CARD, "Supplied:")
    browser.driver.refresh()
    browser.press(".history button.undo")
    browser.until("dialog[open]", "Cardiolin 20 mg", "8512")
    browser.find("dialog[open] input[name=reason]").send_keys("Scanned by mistake", Keys.ENTER)
    browser.until(OK_CARD, "Taken back:")
    assert not browser.driver.find_elements(By.CSS_SELECTOR, ".history button.undo")
    type_scan(browser, OK)
    browser.until(OK_CARD, "Genuine and sellable")


def test_a_tote_is_scanned_in_one_go_and_looked_at_once(demo, browser) -> None:
    browser.press(".tote input")
    for parts in (OK, UNKNOWN_SERIAL, OK, UNKNOWN_SERIAL):
        type_scan(browser, parts)
    browser.until(".batch .sum", "2 OK, 2 to set aside, 2 scanned twice")
    browser.until(".batch li", "STOP", "9999")
    browser.press(".batch .emptied")
    browser.until(".batch .sum", "0 OK, 0 to set aside")


def test_a_fault_of_the_scanner_is_no_fault_of_the_pack(demo, browser) -> None:
    type_scan(browser, (OK[0], OK[1].lower()))
    browser.until(STOP_CARD, "a fault of the scanner, not of the pack", "Caps lock")
    browser.press("[data-confirm] button")
    type_scan(browser, OK)
    browser.until(OK_CARD, "Genuine and sellable")
    assert not browser.driver.find_elements(By.CSS_SELECTOR, OK_CARD + " [data-confirm]")
