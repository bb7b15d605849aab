"""The same day over HTTP, on a really started server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from hands import serve_in

GTIN = "00355555678908"
LOT = "L77"


@pytest.fixture
def client(serving: Callable, database: str) -> Iterator[httpx.Client]:
    with (
        serving("--database", database) as server,
        httpx.Client(base_url=server.address, timeout=60) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server that stays empty, for tests that must change nothing."""
    home = tmp_path_factory.mktemp("empty")
    with (
        serve_in({**os.environ, "PACKTRAIL_DATA_DIR": str(home)}) as server,
        httpx.Client(base_url=server.address, timeout=60) as client,
    ):
        yield client


@pytest.fixture
def shipment(examples: Path) -> bytes:
    return (examples / "shipment.xml").read_bytes()


def captured(client: httpx.Client, shipment: bytes) -> dict:
    """Send the shipment and follow its job to the end, as a partner's client does."""
    sent = client.post("/epcis/capture", content=shipment, headers={"Content-Type": "text/xml"})
    assert sent.status_code == 202, sent.text
    for _ in range(600):
        job = client.get(sent.headers["Location"]).json()
        if not job["running"]:
            return job
    raise AssertionError(f"the job never ended: {job}")


def test_the_whole_thread(client: httpx.Client, shipment: bytes, tmp_path: Path) -> None:
    job = captured(client, shipment)
    assert job["success"], job
    assert captured(client, shipment)["success"]
    events = client.get("/epcis/events", params={"perPage": 30}).json()
    assert len(events["epcisBody"]["queryResults"]["resultsBody"]["eventList"]) == 7

    asked = {"gtin": GTIN, "serial": "U1", "lot": LOT}
    verdict = client.post("/packs/verify", json=asked).json()
    assert (verdict["verdict"], verdict["reason"]) == ("OK", "genuine")
    answer = client.get(
        f"/verify/gtin/{GTIN}/lot/{LOT}/ser/U1",
        params={
            "exp": "351031",
            "linkType": "verificationService",
            "context": "dscsaSaleableReturn",
            "reqGLN": "0366666000014",
            "corrUUID": "2f7f2f7e-5d0b-4a0e-9a34-7a9d6f0f3f10",
        },
        headers={"GS1US-Version": "1.3.0"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["verified"] is True

    story = client.get(f"/packs/01/{GTIN}/21/U1/trace").json()
    assert [event["bizStep"] for event in story["events"]][-1] == "shipping"

    opened = client.post("/recalls", json={"gtin": GTIN, "lot": LOT, "reason": "glass"})
    assert opened.status_code == 201, opened.text
    assert len(opened.json()["packs"]) == 4
    assert client.post("/packs/verify", json=asked).json()["reason"] == "recalled"

    page = client.get(f"/01/{GTIN}/21/U1")
    assert "STOP" in page.text
    assert client.get("/log/checkpoint").status_code == 200


def test_a_picture_and_a_text_are_scanned(empty: httpx.Client, examples: Path) -> None:
    picture = examples / "pack.png"
    for request in (
        {"content": picture.read_bytes(), "headers": {"Content-Type": "image/png"}},
        {"files": {"picture": picture.read_bytes()}},
    ):
        found = empty.post("/packs/scan", **request).json()
        assert found["symbols"][0]["symbology"] == "GS1 DataMatrix"
    text = "]d2010950600013435221A1\x1d1727053110L1"
    for request in ({"json": {"text": text}}, {"data": {"text": text}}):
        symbol = empty.post("/packs/scan", **request).json()["symbols"][0]
        assert (symbol["gtin"], symbol["serial"]) == ("09506000134352", "A1")


@pytest.mark.parametrize(
    ("path", "request_", "status"),
    [
        ("/packs/scan", {"content": b"no picture", "headers": {"Content-Type": "image/png"}}, 422),
        ("/packs/scan", {"content": b"", "headers": {"Content-Type": "image/png"}}, 422),
        ("/packs/scan", {"content": b"x", "headers": {"Content-Type": "video/mp4"}}, 415),
        ("/packs/scan", {"json": {"words": 1}}, 400),
        ("/epcis/capture", {"content": b"<a>", "headers": {"Content-Type": "text/xml"}}, 400),
        ("/packs/verify", {"json": {"gtin": "00300010123457", "serial": "1"}}, 422),
        ("/recalls", {"json": {"gtin": GTIN, "lot": ""}}, 400),
    ],
)
def test_bad_input_is_a_problem_that_says_what_to_do(
    empty: httpx.Client, path: str, request_: dict, status: int
) -> None:
    answer = empty.post(path, **request_)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"]
    assert answer.status_code in (status, 400, 422)
    assert (
        empty.get("/epcis/events").json()["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
        == []
    )


def test_an_acknowledged_capture_survives_a_kill(
    serving, environment, shipment: bytes, tmp_path: Path
) -> None:
    database = str(tmp_path / "kept.db")
    with serving("--database", database) as server:
        with httpx.Client(base_url=server.address, timeout=60) as client:
            assert captured(client, shipment)["success"]
        server.process.kill()
    with (
        serving("--database", database) as server,
        httpx.Client(base_url=server.address, timeout=60) as client,
    ):
        asked = {"gtin": GTIN, "serial": "U1"}
        assert client.post("/packs/verify", json=asked).json()["reason"] == "genuine"


def test_a_server_open_to_others_needs_access_first(packtrail, serving, home: Path) -> None:
    refused = packtrail("serve", "--host", "0.0.0.0", "--port", "0")
    assert refused.code == 2
    assert "new-key" in refused.err
    key = packtrail("access", "new-key", "till", "--scopes", "verify").out.strip()
    with serving() as server, httpx.Client(base_url=server.address, timeout=30) as client:
        asked = {"gtin": GTIN, "serial": "11"}
        assert client.post("/packs/verify", json=asked).status_code == 401
        client.headers["Authorization"] = f"Bearer {key}"
        assert client.post("/packs/verify", json=asked).status_code == 200
        assert client.get("/recalls").status_code == 403


def test_the_page_is_there_for_any_browser(empty: httpx.Client) -> None:
    assert "Scan a pack" in empty.get("/").text
