"""Somebody asks for a dossier on the page, watches it being made, and takes it away."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from compliance.dossier import verify_export

pytestmark = pytest.mark.browser


def test_a_dossier_for_the_public_is_asked_for_and_downloaded(
    browser, serving, packtrail, examples, tmp_path
):
    example = examples / "shipment.xml"
    assert packtrail("capture", example).code == 0
    (tmp_path / "root.pem").write_text(packtrail("keys", "root").out)
    with serving() as server:
        browser.driver.get(f"{server.address}/dossiers")
        wide = browser.driver.execute_script(
            "return document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )
        assert not wide, "the page is as wide as its window"
        form = browser.find('form:has(input[value="lot"])')
        browser.driver.execute_script("arguments[0].closest('details').open = true", form)
        form.find_element(By.NAME, "gtin").send_keys("00355555678908")
        form.find_element(By.NAME, "lot").send_keys("L77")
        Select(form.find_element(By.NAME, "profile")).select_by_visible_text("public")
        form.find_element(By.TAG_NAME, "button").click()
        browser.until("tbody tr", "for public")
        browser.press('tbody a[href$="/file"]')
        wait = WebDriverWait(browser.driver, 30)
        saved = wait.until(lambda _: next((tmp_path / "downloads").glob("*.asice"), None))
        assert browser.foreign_requests() == []
    assert verify_export(saved, (tmp_path / "root.pem").read_bytes()).exit_code == 0
