"""An integration engineer's afternoon with a partner's file: explained, corrected, captured."""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
from collections.abc import AsyncIterator

import httpx
import pytest
from mistakes import NOW, RIGHT, swap
from sqlalchemy import func, select
from typer.testing import CliRunner

from compliance.rules.file import FileQuestion
from compliance.rules.mend import mend
from compliance.seal import Keys
from compliance.service import access
from compliance.service.access import Grant
from compliance.service.app import create_app
from compliance.service.cli import command_line
from compliance.service.context import ServiceContext
from epcis.capture import capture
from epcis.store.event_tables import document

pytestmark = pytest.mark.anyio
WRONG = swap("2035-10-31<", "2035-10-31T00:00:00Z<", swap("<action>OBSERVE", "<action>DELETE"))
"""A date with an hour, which has a safe correction, and a shipment that deletes, which has none."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(store, settings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        ServiceContext.of(settings, store, Keys.open(settings.keys_folder), lambda: NOW)
    )
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield client


def documents(store) -> int:
    with store.read() as snapshot:
        return snapshot.connection.scalar(select(func.count()).select_from(document)) or 0


async def test_a_file_is_explained_and_nothing_of_it_is_kept(client, store, settings) -> None:
    answer = await client.post("/files/check", content=WRONG.encode())
    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert report["profile"] == "dscsa-r1.3"
    assert not report["isFine"]
    [expiry, action] = sorted(report["groups"], key=lambda group: group["rule"])
    assert (expiry["rule"], expiry["count"]) == ("L03", 1)
    assert action["rule"] == "V07"
    assert action["citation"]
    [finding] = action["findings"]
    assert finding["where"]["path"].endswith("/ObjectEvent[4]/action")
    assert "<ObjectEvent>" in WRONG.splitlines()[finding["where"]["line"] - 1]
    assert finding["hint"]
    [change] = report["corrected"]["changes"]
    assert change["rule"] == "L03"
    assert [left["rule"] for left in report["corrected"]["left"]] == ["V07"]
    assert documents(store) == 0
    assert not (settings.data_dir / "files").exists()


async def test_a_file_says_in_words_who_ships_what_to_whom(client) -> None:
    content = (await client.post("/files/check", content=RIGHT.encode())).json()["content"]
    assert content["sender"] == {"gln": "0355555000013", "name": "Example Pharma Inc"}
    assert (content["packs"], content["containers"]) == (4, 3)
    [shipment] = content["shipments"]
    assert shipment["buyer"]["name"] == "Example Wholesale Corp"
    assert shipment["shipsTo"]["name"] == "Example Wholesale Depot"
    assert shipment["at"] == "2026-02-20 09:30 -05:00"
    assert shipment["papers"] == ["order PO-8841", "despatch advice ASN-5512"]
    assert (shipment["packs"], shipment["containers"]) == (4, 3)
    unit = next(one for one in content["products"] if one["packs"])
    assert (unit["name"], unit["ndc"], unit["packs"]) == ("Examplol", "55555-678-90", 4)
    assert unit["lots"] == [{"lot": "L77", "expiry": "2035-10-31", "packs": 4}]


def zipped(text: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("shipment.xml", text)
    return out.getvalue()


@pytest.mark.parametrize("pack", [str.encode, lambda text: gzip.compress(text.encode()), zipped])
async def test_every_door_gives_the_same_answer(client, tmp_path, pack) -> None:
    file = tmp_path / "shipment"
    file.write_bytes(pack(WRONG))
    ended = CliRunner().invoke(
        command_line(), ["check", str(file), "--json", "--now", NOW.strftime("%Y-%m-%d")]
    )
    [command] = json.loads(ended.stdout)
    http = (await client.post("/files/check", content=file.read_bytes())).json()
    for same in ("profile", "isFine", "counts", "content", "groups", "findings"):
        assert command[same] == http[same], same
    dropped = await client.post("/files", files={"file": ("s.xml", file.read_bytes())})
    page = (await client.get(dropped.headers["location"])).text
    for finding in http["findings"]:
        assert finding["code"] in page


async def test_the_corrected_copy_is_that_of_the_command(client) -> None:
    answer = await client.post("/files/correct", content=WRONG.encode())
    assert answer.headers["content-type"].startswith("application/xml")
    assert answer.content == mend(WRONG.encode(), FileQuestion(now=NOW)).data
    nothing = await client.post("/files/correct", content=RIGHT.encode())
    assert nothing.status_code == 422


async def test_a_program_sees_how_far_a_check_is(client) -> None:
    answer = await client.post(
        "/files/check", content=WRONG.encode(), headers={"Accept": "application/x-ndjson"}
    )
    *news, last = map(json.loads, answer.text.splitlines())
    assert all(set(one) == {"readBytes"} for one in news)
    assert last["report"] == (await client.post("/files/check", content=WRONG.encode())).json()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "document.empty"),
        (b"hello", "document.unknown-format"),
        (b"PK\x03\x04broken", "document.packed-damaged"),
        (b"<a/>", "xml.not-epcis"),
        (b"{", "json.malformed"),
    ],
)
async def test_what_is_no_epcis_file_gets_a_finding(client, body, code) -> None:
    answer = await client.post("/files/check", content=body)
    assert answer.status_code == 200
    assert code in [one["code"] for one in answer.json()["findings"]]


async def test_a_person_drops_a_file_fetches_the_copy_and_captures_it(client, store) -> None:
    assert "Drop an EPCIS file" in (await client.get("/files")).text
    wrong = swap("2035-10-31<", "2035-10-31T00:00:00Z<").encode()
    form = {"file": ("from <b>wholesaler.xml", wrong, "text/xml")}
    dropped = await client.post("/files", files=form, data={"history": "yes"})
    assert dropped.status_code == 303
    place = dropped.headers["location"]
    page = (await client.get(place)).text
    assert "should go back to its sender" in page
    assert "Example Wholesale Corp" in page
    assert "<b>wholesaler" not in page
    copy = await client.get(f"{place}/corrected")
    assert copy.content.decode() == RIGHT
    assert documents(store) == 0
    captured = await client.post(f"{place}/capture", data={"which": "corrected"})
    assert captured.status_code == 303, captured.text
    for _ in range(200):
        page = (await client.get(place)).text
        if "Being captured" not in page:
            break
    assert "7 events are stored" in page
    assert documents(store) == 1
    again = await client.post("/files", files={"file": ("a.xml", RIGHT)}, data={"history": "yes"})
    assert "D06" in (await client.get(again.headers["location"])).text


async def test_a_dropped_file_is_shown_to_who_dropped_it(client, store, settings) -> None:
    dropped = await client.post("/files", files={"file": ("a.xml", RIGHT)})
    place = dropped.headers["location"]
    with store.write(NOW) as tx:
        key = access.new_key(tx, Grant("other", frozenset({"capture", "admin"})), now=NOW)
    stranger = {"Authorization": f"Bearer {key}"}
    assert (await client.get(place, headers=stranger)).status_code == 404
    assert (await client.get("/files/../../etc/passwd", headers=stranger)).status_code == 404
    nobody = await client.post("/files/check", content=RIGHT.encode())
    assert nobody.status_code == 401


async def test_a_partner_asks_nothing_of_our_history(client, store) -> None:
    with store.write(NOW) as tx:
        key = access.new_key(tx, Grant("p", frozenset({"capture"}), "/414/0366666000014"), now=NOW)
    partner = {"Authorization": f"Bearer {key}"}
    asked = await client.post("/files/check?history=true", content=RIGHT.encode(), headers=partner)
    assert asked.status_code == 403
    alone = await client.post("/files/check", content=RIGHT.encode(), headers=partner)
    assert alone.json()["findings"] == []
    assert re.search("Compare with", (await client.get("/files", headers=partner)).text) is None


async def test_an_inspector_finds_a_shipment_by_its_order(client, store) -> None:
    capture(store, RIGHT.encode(), now=NOW, sender="wholesaler")
    page = await client.get("/transactions", params={"number": "PO-8841"})
    for word in ("Example Wholesale Corp", "Examplol 20 mg", "2026-02-20 09:30 -05:00", "L77"):
        assert word in page.text
    told = (await client.get("/transactions/PO-8841")).json()
    assert len(told["shipments"][0]["packages"]) == 4
    kinds = {"pdf": b"%PDF", "csv": b'"standing"', "xml": b"<?xml"}
    for form, begin in kinds.items():
        answer = await client.get("/transactions/PO-8841", params={"form": form})
        assert answer.content.startswith(begin)
    by_uri = "urn%3Aepcglobal%3Acbv%3Abt%3A0366666000014%3APO-8841"
    assert (await client.get(f"/transactions/{by_uri}")).json() == told
    assert (await client.get("/transactions/PO-1")).status_code == 404
    assert (await client.get("/transactions", params={"number": "PO-1"})).status_code == 404
