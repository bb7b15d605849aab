"""The documentation is served by the product: every document, every link between them."""

from __future__ import annotations

import re
from html import unescape

import pytest

ANYBODY = "192.0.2.9"


def test_every_document_is_a_page_and_every_link_leads_somewhere(browser) -> None:
    anybody = browser(ANYBODY)
    listed = re.findall(r'href="(/docs/[^"#]+)"', anybody.get("/docs").text)
    assert {"/docs/tutorial", "/docs/reference/settings"} <= set(listed)
    seen, waiting = set(), list(listed)
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        page = anybody.get(path)
        assert page.status_code == 200, path
        if page.headers["content-type"].startswith("text/html"):
            waiting += [unescape(one) for one in re.findall(r'="(/docs/[^"#]+)', page.text)]
    assert "/docs/images/architecture.svg" in seen


@pytest.mark.parametrize(
    "path",
    ["../pyproject.toml", "..%2fpyproject.toml", "%2e%2e/README", "none", "a%00b", "images", ""],
)
def test_nothing_else_is_a_document(browser, path: str) -> None:
    answer = browser(ANYBODY).get(f"/docs/{path}")
    assert answer.status_code in (404, 400) or answer.headers["content-type"].startswith(
        "text/html"
    )
    assert "requires-python" not in answer.text
    assert answer.status_code < 500


def test_every_part_of_a_page_is_shown_in_every_state(browser) -> None:
    page = browser(ANYBODY).get("/reference/style")
    assert page.status_code == 200
    for word in ("OK", "STOP", "CHECK", "UNKNOWN"):
        assert f'data-word="{word}"' in page.text
