"""Whoever looks at a list sorts it, filters it, leaves columns out and takes it along."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import load_workbook
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

pytestmark = pytest.mark.browser
GTIN = "09521321000018"


def column(browser, number: int) -> list[str]:
    cells = browser.driver.find_elements(By.CSS_SELECTOR, f"tbody td:nth-child({number})")
    return [cell.text for cell in cells if cell.is_displayed()]


def saved(browser, folder: Path, form: str) -> Path:
    browser.press(f"[data-save={form}]")
    wait = WebDriverWait(browser.driver, 30)
    return wait.until(lambda _: next(folder.glob(f"*.{form}"), None))


def test_a_list_is_sorted_filtered_and_taken_along(
    serving: Callable, packtrail: Callable, browser, tmp_path: Path
) -> None:
    for number, name in enumerate(("B", "A", "C"), 1):
        at = ("--place", "9521321000018", "--expiry", f"203{number}-05-31", "--lot", f"=L{name}")
        links = [f"https://id.gs1.org/01/{GTIN}/21/{name}{one}" for one in range(number * 4)]
        done = packtrail("act", "commission", *links, *at)
        assert done.code == 0, done.out
    with serving(PACKTRAIL_OWNER_GLN="9521321000018") as server:
        browser.driver.get(server.address + "/stock")
        browser.until(".table-tools output", "3")
        head = browser.driver.find_elements(By.CSS_SELECTOR, "thead th")
        lot = 1 + [one.text for one in head].index("Lot")
        packs = 1 + [one.text for one in head].index("Items")
        browser.press(f"thead th:nth-child({lot}) .sort")
        assert column(browser, lot) == ["=LA", "=LB", "=LC"]
        browser.press(f"thead th:nth-child({packs}) .sort")
        assert column(browser, packs) == ["4", "8", "12"], "as numbers, not as text"
        browser.press(f"thead th:nth-child({packs}) .sort")
        assert column(browser, packs) == ["12", "8", "4"]
        browser.find(".table-tools input[type=search]").send_keys("=lb")
        browser.until(".table-tools output", "1 / 3")
        assert column(browser, lot) == ["=LB"]

        downloads = tmp_path / "downloads"
        with saved(browser, downloads, "csv").open(encoding="utf-8-sig", newline="") as file:
            names, row = csv.reader(file)
        assert (row[names.index("Lot")], row[names.index("Items")]) == ("'=LB", "4"), "no formula"
        sheet = load_workbook(saved(browser, downloads, "xlsx")).active
        names, row = (list(one) for one in sheet.values)
        assert (row[names.index("Lot")], row[names.index("Items")]) == ("=LB", 4)
        assert sheet.freeze_panes == "A2"
        assert not browser.foreign_requests()
