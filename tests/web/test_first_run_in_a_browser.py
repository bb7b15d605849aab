"""A server that belongs to nobody asks whose it is, once, and leads to the first real task."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable

import pytest
from selenium.webdriver.common.by import By

pytestmark = pytest.mark.browser
WORD = "a long enough password"


def fill(browser, kind: str, files: str) -> None:
    browser.press(f"input[name=kind][value={kind}]")
    for name, text in {
        "name": "Lindenhof Pharmacy",
        "gln": "9521323000016",
        "licence": "FI-APT-77",
        "country": "FI",
        "user": "Ann",
        "password": WORD,
    }.items():
        browser.find(f"input[name={name}]").send_keys(text)
    zone = browser.find("input[name=time_zone]")
    assert zone.get_attribute("value"), "the browser knows its own time zone"
    zone.clear()
    zone.send_keys("Europe/Helsinki")
    browser.press(f"input[name=files][value={files}]")
    browser.press("form.set-up button")


def places(browser) -> list[str]:
    return [
        link.get_attribute("href")
        for link in browser.driver.find_elements(By.CSS_SELECTOR, "nav a")
    ]


def test_a_pharmacy_is_set_up_and_scans_its_first_pack(serving: Callable, browser) -> None:
    with serving() as server:
        browser.driver.get(server.address + "/")
        browser.until("h1", "Welcome")
        fill(browser, "eu-pharmacy", "folder")
        browser.until("h1", "Lindenhof Pharmacy is set up")
        browser.until("main", "inbox", "scan a pack")
        browser.press("[data-sample]")
        card = '.answer .card:not([data-word="OK"])[data-word]'
        browser.until(card, "PRACTICE1")
        shown = places(browser)
        assert not any(path.endswith(("/serials", "/line", "/regulator")) for path in shown)
        assert any(path.endswith("/settings") for path in shown)

        browser.driver.get(server.address + "/channels")
        browser.until("main", "inbox")
        browser.driver.get(server.address + "/settings")
        browser.press("input[name=kind][value=manufacturer]")
        browser.press("form.set-up button")
        browser.until("main", "Changed")
        assert any(path.endswith("/serials") for path in places(browser))
        assert not browser.foreign_requests()

        browser.driver.delete_all_cookies()
        browser.driver.get(server.address + "/first-run")
        browser.until("main", "The first run is over")
        browser.driver.get(server.address + "/settings")
        browser.until("h1", "Sign in")


def test_a_wholesaler_reads_its_first_file_and_keeps_the_key_of_its_partner(
    serving: Callable, browser, tmp_path
) -> None:
    with serving() as server:
        browser.driver.get(server.address + "/first-run")
        fill(browser, "wholesaler", "https")
        key = browser.until(".key", "pt_")
        sample = urllib.request.Request(
            server.address + "/first-task/shipment.jsonld",
            headers={"Authorization": f"Bearer {key}"},
        )
        file = tmp_path / "practice.jsonld"
        with urllib.request.urlopen(sample, timeout=20) as answer:
            file.write_bytes(answer.read())
        browser.find("input[type=file]").send_keys(str(file))
        browser.press("main form button")
        browser.until("main", "SAMPLE")


def test_another_machine_needs_the_code_of_the_console(serving: Callable, browser) -> None:
    with serving("--first-run", "--host", "0.0.0.0") as server:
        said = server.process.stdout.readline()
        code = said.split("the code ")[1].strip()
        local = server.address.replace("0.0.0.0", "127.0.0.1")
        browser.driver.get(local + "/")
        browser.until("h1", "Sign in")
        browser.driver.get(local + "/first-run")
        browser.find("input[name=code]").send_keys("AAAA-BBBB-CCCC")
        fill(browser, "authority", "browser")
        browser.until(".finding.error", "not the code")
        browser.find("input[name=code]").send_keys(code.lower())
        browser.find("input[name=password]").send_keys(WORD)
        browser.press("form.set-up button")
        browser.until("h1", "is set up")
        assert not any(path.endswith("/work") for path in places(browser))
