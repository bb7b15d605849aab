"""Every page keeps WCAG 2.2 AA as far as a machine can tell, light and dark, errors included.

The rules are those of axe-core (npm, MPL-2.0), which is kept beside this file for the tests alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.browser
AXE = (Path(__file__).parent / "axe-core-4.14.1.min.js").read_text()
RUN = """
const done = arguments[0];
const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const where = (one) => one.nodes.map((node) => `${node.target} ${node.any[0]?.message ?? ""}`);
axe.run(document, { runOnly: rules }).then((found) =>
  done(found.violations.map((one) => `${one.id}: ${where(one).join(" | ")}`)));
"""
PACK = "/01/09521321001015/21/0795112158512"
BESIDE = (
    PACK,
    "/01/09521321001022/10/RE7715",
    "/01/09521321001015",
    "/414/9521323000016",
    "/00/095213220000041997",
    "/reference/api?operation=act_receive",
    "/no-such-page",
    "/epcis/events/none",
    "/quarantine/Q-0",
    "/jump?q=CA2601",
    "/jump?q=nothing-of-this-name",
    "/step-up",
    "/purpose",
)
"""Pages that no navigation leads to."""


@pytest.fixture
def demo(serving: Callable, browser) -> object:
    with serving("--demo") as server:
        link = re.search(r"http://\S+/sign-in/\S+", server.greeting)
        assert link
        browser.driver.get(link[0])
        browser.find("#text")
        yield server


def violations(browser) -> list[str]:
    """What axe finds on the page that is shown."""
    browser.driver.execute_script(AXE)
    return browser.driver.execute_async_script(RUN)


def type_scan(browser, text: str) -> None:
    ActionChains(browser.driver).send_keys(text, Keys.ENTER).perform()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_breaks_a_rule_of_accessibility(demo, browser, theme: str) -> None:
    scheme = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme)
    links = browser.driver.find_elements(By.CSS_SELECTOR, "nav a")
    places = dict.fromkeys(urlsplit(link.get_attribute("href")).path for link in links)
    assert "/menu" in places
    wrong: dict[str, list[str]] = {}
    for path in (*places, *BESIDE):
        browser.driver.get(demo.address + path)
        browser.find("main h1")
        if found := violations(browser):
            wrong[path] = found
    browser.driver.get(demo.address + "/")
    for word, text in {
        "OK": "(01)09521321001015(21)0795112158512(17)280630(10)CA2601",
        "UNKNOWN": "(00)095213220000041997",
        "STOP": "(01)09521321001015(21)0795112158512(17)280630(10)CA2607",
    }.items():
        browser.find("#text")
        type_scan(browser, text)
        browser.until(f'.answer .card[data-word="{word}"]')
        if found := violations(browser):
            wrong[f"/ with {word}"] = found
    browser.driver.delete_all_cookies()
    browser.driver.get(demo.address + "/alerts")
    browser.until("h1", "Sign in")
    if found := violations(browser):
        wrong["/sign-in"] = found
    assert not wrong, "\n".join(f"{path}: {found}" for path, found in wrong.items())
