"""A recall is approved, its link handed over, and the holder answers without an account."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

pytestmark = pytest.mark.browser


def test_a_holder_answers_by_the_link_that_was_handed_over(serving: Callable, browser) -> None:
    with serving("--demo") as server:
        link = re.search(r"http://\S+/sign-in/\S+", server.greeting)
        assert link
        browser.driver.get(link[0])
        browser.find("#text")
        browser.driver.get(server.address + "/recalls/board")
        browser.press('form[action="/recalls/board/approve"] button')
        browser.press('form[action="/recalls/board/link"] button')
        handed_over = browser.until("main code", "/answer/")

        browser.driver.delete_all_cookies()
        browser.driver.get(handed_over)
        browser.until("h1", "Recall of lot")
        for name, typed in (("received", "4"), ("found", "5"), ("by", "Cleo")):
            browser.find(f"input[name={name}]").send_keys(typed)
        browser.press("main form button")
        browser.until('main [role="alert"]', "only 4 received")
        browser.find("input[name=received]").send_keys("0")
        browser.press("main form button")
        browser.until('main [role="status"]', "your answer is kept")
        assert not browser.foreign_requests()
