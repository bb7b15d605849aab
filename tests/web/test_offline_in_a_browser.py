"""The line is cut at the counter: scanning goes on, nothing is lost, and what differs is seen."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from verification.offline import offline_snapshot
from verification.offline.offline_snapshot import OfflineSnapshot, SnapshotContent
from verification.registry.history import pack_key

pytestmark = pytest.mark.browser
GENUINE = ("0109521321001015210795112158512", "1728063010CA2601")
RECALLED = ("(01)09521321001022(21)0000000000001(17)280131(10)RE7715", "")
FALSIFIED = ("0109521321001015219999999999999", "1728063010CA2601")
LEARNT = """
const [done] = arguments;
const look = async () => {
  await navigator.serviceWorker.ready;
  const asked = indexedDB.open("packtrail");
  await new Promise((resolve) => { asked.onsuccess = resolve; });
  const kept = asked.result.transaction("known").objectStore("known").get("snapshot");
  await new Promise((resolve) => { kept.onsuccess = resolve; });
  asked.result.close();
  if (kept.result) done(true); else setTimeout(look, 50);
};
look();
"""
JUDGED = """
const [content, packs, now, done] = arguments;
import("/static/offline.js").then(async ({ stops }) => {
  const said = [];
  for (const pack of packs) said.push(await stops(JSON.parse(content), pack, new Date(now)));
  done(said);
});
"""


def type_scan(browser, parts: tuple[str, str]) -> None:
    keys = ActionChains(browser.driver).send_keys(parts[0])
    if parts[1]:
        keys.key_down(Keys.CONTROL).send_keys("]").key_up(Keys.CONTROL).send_keys(parts[1])
    keys.send_keys(Keys.ENTER).perform()


def card(word: str) -> str:
    return f'.answer .card[data-offline][data-word="{word}"]'


def test_line_cut_three_scans_line_back_replay(serving: Callable, browser) -> None:
    with serving("--demo") as server:
        link = re.search(r"http://\S+/sign-in/\S+", server.greeting)
        assert link
        browser.driver.get(link[0])
        browser.find("#text")
        assert browser.driver.execute_async_script(LEARNT)

    type_scan(browser, GENUINE)
    browser.until(card("UNKNOWN"), "Not among the stopped packs", "offline, knows until")
    type_scan(browser, RECALLED)
    browser.until(card("STOP"), "the lot is stopped")
    browser.driver.refresh()
    browser.until("h1", "The line is down")
    type_scan(browser, FALSIFIED)
    browser.until(card("UNKNOWN"), "9999999999999")
    browser.until(".line-state", "Offline", "3 scans wait")

    port = server.address.rsplit(":", 1)[1]
    with serving("--demo", "--port", port):
        browser.until(".late", "Sent after the line came back", "1 of 3 came out otherwise")
        browser.until(".late li[data-conflict]", "UNKNOWN → STOP", "9999")
        lines = [one.text for one in browser.driver.find_elements(By.CSS_SELECTOR, ".late li")]
        assert [re.search(r"…(\d{4})", line)[1] for line in lines] == ["8512", "0001", "9999"]
        browser.driver.get(server.address + "/")
        browser.until(".late", "1 of 3 came out otherwise")
        browser.until(".history", "…9999", "…0001", "…8512")
        browser.press(".late .seen")
        browser.driver.get(server.address + "/alerts")
        browser.until("main", "9999999999999")
        browser.driver.get(server.address + "/")
        browser.find("#text")
        type_scan(browser, GENUINE)
        browser.until('.answer .card[data-word="OK"]:not([data-offline])', "Cardiolin 20 mg")
        assert not browser.find(".late").is_displayed()
        assert not browser.find(".line-state").is_displayed()


def some_packs(chance: random.Random, today: date) -> list[dict[str, str | None]]:
    signs = "AZaz09-._~!'()*+,/:;<=>?\"%&é"
    return [
        {
            "gtin": chance.choice(("09521321001015", "09521321001022", "09521321001039")),
            "serial": "".join(chance.choice(signs) for _ in range(chance.randint(1, 20))),
            "lot": chance.choice((None, "L1", "L2", "L3", "L4")),
            "expiry": chance.choice((None, str(today + timedelta(days=chance.randint(-3, 3))))),
        }
        for _ in range(400)
    ]


@pytest.mark.parametrize(
    ("age", "zone"),
    [
        (timedelta(hours=1), "UTC"),
        (timedelta(hours=1), "Pacific/Auckland"),  # a day ahead at noon in Greenwich
        (timedelta(days=4), "UTC"),
    ],
)
def test_the_browser_judges_as_the_server_does(
    serving: Callable, browser, age: timedelta, zone: str
) -> None:
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    chance = random.Random(7)
    packs = some_packs(chance, now.date())
    stopped = sorted(pack_key(one["gtin"], one["serial"]) for one in packs[:150])
    bits, hashes = 2157, 10
    first, second, third = "09521321001015", "09521321001022", "09521321001039"
    content = SnapshotContent(
        version=offline_snapshot.VERSION,
        made=now - age,
        stopped_packs=len(stopped),
        bits=bits,
        hashes=hashes,
        filter=offline_snapshot._filter(stopped, bits, hashes),
        lots=((first, "L1"), (second, "")),
        withdrawn=(),
        last_days=((third, "L2", date(2026, 5, 30)), (third, "L3", date(2026, 6, 3))),
        zone=zone,
    )
    expected = [
        OfflineSnapshot(content).stops(
            one["gtin"],
            one["serial"],
            one["lot"],
            now,
            date.fromisoformat(one["expiry"]) if one["expiry"] else None,
        )
        for one in packs
    ]
    assert len(set(expected)) > 3 or set(expected) == {"stale"}
    with serving("--demo") as server:
        browser.driver.get(server.address + "/offline")
        browser.find("#text")
        text = msgspec.json.encode(content).decode()
        said = browser.driver.execute_async_script(JUDGED, text, packs, now.isoformat())
    assert said == expected


READ = """
const [texts, done] = arguments;
import("/static/offline.js").then(({ elements, day }) => {
  const days = ["280200", "991231", "001231"].map((one) => day(one, new Date("2026-06-01")));
  done([texts.map(elements), days]);
});
"""


def test_a_scan_that_cannot_be_read_without_the_server_is_not_guessed(
    serving: Callable, browser
) -> None:
    texts = {
        "]d20109521321001015210795112158512\x1d1728063010CA2601": "0795112158512",
        "(01)09521321001015(21)A/1(10)L1": "A/1",
        "01095213210010152107951121585121728063010CA2601": None,
        "00095213220000041997": None,
        "2107951121585120109521321001015": None,
        "99": None,
        "": None,
    }
    with serving("--demo") as server:
        browser.driver.get(server.address + "/offline")
        browser.find("#text")
        found, days = browser.driver.execute_async_script(READ, list(texts))
    assert [one and one["21"] for one in found] == list(texts.values())
    assert days == ["2028-02-29", "1999-12-31", "2000-12-31"]
