"""Every operation of the API has a page, and health is a page for those who run the server."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import quote


def test_every_operation_of_the_api_is_explained_on_a_page(browser) -> None:
    anybody = browser("192.0.2.9")
    described = anybody.get("/openapi.json").json()
    page = anybody.get("/reference/api").text
    names = {
        unescape(name) for name in re.findall(r'href="/reference/api\?operation=([^"]+)"', page)
    }
    known = [
        told["operationId"] for methods in described["paths"].values() for told in methods.values()
    ]
    assert names == {quote(name, safe="/") for name in known}
    for path, methods in described["paths"].items():
        for method, told in methods.items():
            shown = anybody.get(f"/reference/api?operation={quote(told['operationId'])}")
            assert shown.status_code == 200, told["operationId"]
            text = unescape(shown.text)
            assert f"{method.upper()} {path}" in text
            for one in told.get("parameters", []):
                assert f"<code>{one['name']}</code>" in text
            for status in told["responses"]:
                assert f"<code>{status}</code>" in text


def test_an_operation_that_does_not_exist_is_no_page(browser) -> None:
    refused = browser("192.0.2.9").get("/reference/api?operation=<none>")
    assert refused.status_code == 404
    assert "<none>" not in refused.text


def test_health_is_for_those_who_run_the_server(browser) -> None:
    ann, root = browser("192.0.2.1"), browser("192.0.2.2")
    ann.sign_in("ann")
    root.sign_in("root")
    assert ann.get("/health/page").status_code == 403
    page = root.get("/health/page")
    assert page.status_code == 200
    for check in ("database", "openssl"):
        assert check in page.text
    assert 'href="/health/page"' in root.get("/menu").text
    assert 'href="/health/page"' not in ann.get("/menu").text
