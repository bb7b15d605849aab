"""A packaging line asks a started server for numbers, by command, over HTTP and on the page."""

from __future__ import annotations

import httpx
from chain import GTIN


def test_a_line_over_http_and_on_the_page(serving, packtrail):
    made = packtrail("serials", "pool", GTIN, "--template", "PL##########", "--json")
    pool = made.json[0]["id"]
    key = packtrail("access", "new-key", "line", "--scopes", "capture,verify", "--json").json["key"]
    with (
        serving() as server,
        httpx.Client(base_url=server.address, headers={"Authorization": f"Bearer {key}"}) as http,
    ):
        wanted = {"source": GTIN, "count": 3, "requestId": "order 7", "line": "line 1"}
        first = http.post("/serials/grants", json=wanted)
        assert first.status_code == 201
        again = http.post("/serials/grants", json=wanted, headers={"Accept": "text/csv"})
        numbers = [one["serial"] for one in first.json()["serials"]]
        assert [line.split(",")[1] for line in again.text.splitlines()[1:]] == numbers
        grant = first.headers["Location"]
        assert http.get(f"{grant}?format=xml").text.count("<serial ") == 3
        told = http.post(f"{grant}/report", json={"printed": 2, "returnRest": True}).json()
        assert (told["printed"], told["returned"]) == (2, 1)
        asked = {"code": GTIN, "serial": numbers}
        states = [one["state"] for one in http.get("/serials/standing", params=asked).json()]
        assert states == ["printed", "printed", "returned"]
        for path, body, status in (
            ("/serials/grants", wanted | {"count": 4}, 409),
            ("/serials/grants", wanted | {"count": 0}, 400),
            ("/serials/grants", wanted | {"requestId": "x", "source": "P-none"}, 409),
            ("/serials/pools", {"code": GTIN}, 201),
            ("/serials/pools", {"code": GTIN}, 422),
            ("/serials/pools", {"code": "1"}, 422),
        ):
            answer = http.post(path, json=body)
            assert answer.status_code == status, answer.text
            assert status == 201 or "application/problem+json" in answer.headers["content-type"]
        form = {"source": pool, "count": "2", "request_id": "page 1", "line": "line 2"}
        page = http.post("/serials/ask", data=form, follow_redirects=True)
        assert "page 1" in page.text
        refused = http.post("/serials/open", data={"code": GTIN, "kind": "sequential"})
        assert (refused.status_code, "can be guessed" in refused.text) == (422, True)
        listed = "84920175639201\n73016482950174\n"
        body = {"code": GTIN, "kind": "imported"}
        listing = http.post("/serials/pools", json=body).json()["id"]
        added = http.post(f"/serials/pools/{listing}/numbers", content=listed).json()
        assert added["remaining"] == 2
