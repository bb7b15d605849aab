"""A pharmacist scans a tote in front of the page, takes it in and follows what did not match."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytestmark = pytest.mark.browser
ATTEMPTS_MAX = 500
"""How often the page is asked until the reader behind it has closed the case."""


def test_a_tote_with_one_pack_too_many_is_scanned_and_taken_in(
    serving: Callable, packtrail: Callable, examples, browser
) -> None:
    assert packtrail("capture", examples / "shipment.xml").code == 0
    with serving(PACKTRAIL_OWNER_GLN="0366666000014") as server:
        browser.driver.get(server.address + "/receive")
        browser.find("main input[name=number]").send_keys("PO-8841\n")
        browser.until("main", "0 of 4 awaited packs are here")
        for number, serial in enumerate(("U1", "U2", "U3", "U4"), 1):
            browser.find("#scan").send_keys(f"(01)00355555678908(21){serial}\n")
            browser.until("main", f"{number} of 4 awaited packs are here")
        browser.driver.get(server.address + "/stock")  # somebody closes the page
        browser.driver.get(server.address + "/receive?number=PO-8841")
        browser.until(".draft", "4 scans of this delivery were not taken in")
        browser.press("[data-go-on]")
        browser.until("main", "4 of 4 awaited packs are here")
        browser.find("#scan").send_keys("(01)00355555678908(21)U9\n")
        browser.until('[data-outcome="not announced"]', "keep it aside")
        browser.until(".aside", "U9")
        browser.press('form[action="/receive/take-in"] button')
        browser.until("main", "4 packs are received, 1 are set aside, 0 are missing")
        browser.until('article[data-state="open"]', "Product no data")
        browser.find('form[action$="/letter"] button')
        assert not browser.foreign_requests()
        assert packtrail("capture", examples / "late-pack.xml").code == 0
        for _ in range(ATTEMPTS_MAX):
            browser.driver.get(server.address + "/receive?number=PO-8841")
            if browser.driver.find_elements("css selector", 'article[data-state="resolved"]'):
                break
        browser.until('article[data-state="resolved"]', "document", "released")
