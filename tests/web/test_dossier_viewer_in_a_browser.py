"""The page in a dossier, opened from a folder in a browser that has no network."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest
from selenium.webdriver.support.ui import WebDriverWait

from compliance.dossier import EventPeriod, export
from compliance.dossier.export import Recipient
from compliance.dossier.redaction import shipped
from compliance.seal import Keys
from epcis.capture import record
from epcis.ledger.store import Store
from tests.compliance.test_dossier import NOW, STORY

pytestmark = pytest.mark.browser

RECORDED = EventPeriod(NOW - timedelta(days=1), NOW + timedelta(days=1), by_record_time=True)


@pytest.fixture
def dossier(tmp_path: Path) -> Path:
    """A dossier for the public, and its page unpacked beside it."""
    store = Store.open(str(tmp_path / "packtrail.db"))
    store.create_all()
    with store.write(NOW) as tx:
        record(tx, STORY)
    path = tmp_path / "day.asice"
    keys = Keys.open(tmp_path / "keys", "open sesame")
    export(
        store, RECORDED, path, keys, now=NOW, by="inspector", recipient=Recipient(shipped("public"))
    )
    store.close()
    with ZipFile(path) as archive:
        archive.extract("viewer.html", tmp_path)
    return path


def opened(browser, dossier: Path) -> tuple[list[str], str]:
    """What the page says of a dossier, and its table."""
    browser.driver.set_network_conditions(
        offline=True, latency=0, download_throughput=0, upload_throughput=0
    )
    browser.driver.get(dossier.with_name("viewer.html").as_uri())
    browser.find("#file").send_keys(str(dossier))
    wait = WebDriverWait(browser.driver, 30)
    wait.until(lambda _: "said" in browser.driver.execute_script(
        "return document.querySelectorAll('#findings li').length >= 3"
        " || document.querySelector('#findings .bad') ? 'said' : ''"))  # fmt: skip
    said = browser.driver.execute_script(
        "return [...document.querySelectorAll('#findings li')].map((one) => one.textContent)"
    )
    return said, browser.find("#events").text


def test_the_page_shows_and_checks_a_dossier_without_any_network(browser, dossier):
    said, table = opened(browser, dossier)
    assert [one[0] for one in said] == ["\u2713"] * 3
    assert "nothing recorded in the period is missing" in said[2]
    assert "commissioning" in table
    assert browser.foreign_requests() == []


def test_the_page_tells_a_changed_dossier(browser, dossier):
    changed = dossier.with_name("changed.asice")
    with ZipFile(dossier) as source, ZipFile(changed, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "events.ndjson":
                content = content.replace(b"inspecting", b"destroying")
            target.writestr(name, content)
    said, _ = opened(browser, changed)
    assert any(one.startswith("\u2717") for one in said)
