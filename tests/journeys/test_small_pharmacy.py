"""The small pharmacy's afternoon: a delivery with one pack too many, from file to inspector."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from time import monotonic

import httpx
import pytest

from benchmarks.shipment_files import BUYER, Shipment, gln

PATIENCE_S = 120


def captured(client: httpx.Client, text: str) -> None:
    sent = client.post("/epcis/capture", content=text, headers={"Content-Type": "text/xml"})
    assert sent.status_code == 202, sent.text
    assert settled(client, sent.headers["Location"], lambda job: not job["running"])["success"]


def settled(client: httpx.Client, path: str, is_so: Callable[[dict], bool]) -> dict:
    """What an address answers once it is so; the reader works behind the answers."""
    end = monotonic() + PATIENCE_S
    while monotonic() < end:
        told = client.get(path).json()
        if is_so(told):
            return told
    raise AssertionError(told)


def units(text: str) -> list[str]:
    epcs = re.findall(r"<epc>(urn:epc:id:sgtin:\d+\.0\d+\.\d+)</epc>", text)
    return list(dict.fromkeys(epcs))


def pharmacist_key(packtrail: Callable, database: str, name: str) -> dict[str, str]:
    made = packtrail(
        "access", "new-key", name, "--role", "pharmacist", "--database", database, "--json"
    )
    return {"Authorization": f"Bearer {made.json['key']}"}


def test_one_afternoon_from_the_file_to_the_inspector(
    serving: Callable, packtrail: Callable, database: str
) -> None:
    announced = Shipment(random.Random(4), cases=1, packs=3).build()
    late = Shipment(random.Random(9), cases=1, packs=1, pallet=False).build()
    [extra] = units(late)
    with (
        serving("--database", database, PACKTRAIL_OWNER_GLN=gln(BUYER)) as server,
        httpx.Client(base_url=server.address, timeout=60) as client,
    ):
        client.headers.update(pharmacist_key(packtrail, database, "Ann"))
        checked = client.post("/files/check", content=announced)
        assert checked.json()["isFine"], checked.text
        captured(client, announced)

        tote = {"shipment": "PO-0", "scans": [*units(announced), extra]}
        compared = client.post("/receiving/compare", json=tote).json()
        assert (compared["inHand"], compared["missing"]) == (3, [])
        assert [one["outcome"] for one in compared["scans"]][-1] == "not announced"
        taken = client.post("/receiving", json={**tote, "clientId": "tote 1"})
        assert taken.status_code == 200, taken.text
        [case] = taken.json()["cases"]
        pack = re.search(r"\.0(\d+)\.(\d+)$", extra)
        assert pack
        held = client.get("/quarantine").json()
        assert [one["subject"]["serial"] for one in held] == [pack[2]]

        letter = client.post(f"/cases/{case['id']}/letter")
        assert letter.status_code == 200, letter.text
        assert pack[2] in letter.text
        assert "Sample Labs" in letter.text

        captured(client, late)
        cured = settled(client, f"/cases/{case['id']}", lambda one: one["state"] == "resolved")
        assert "document" in cured["steps"][-1]["note"]

        own = client.post(f"/quarantine/{held[0]['id']}/release", json={"why": "its file came"})
        assert own.status_code == 409
        second = pharmacist_key(packtrail, database, "Ben")
        address = f"/quarantine/{held[0]['id']}/release"
        freed = client.post(address, json={"why": "its file came"}, headers=second)
        assert freed.status_code == 200, freed.text
        lot = {"gtin": "00355555678908", "lot": "L1", "confirm": "L1", "reason": "no maker's right"}
        assert client.post("/recalls", json=lot).status_code == 403
        again = {"shipment": "PO-0", "scans": [extra], "clientId": "tote 1, the last pack"}
        assert client.post("/receiving", json=again).json()["done"]

        shown = client.get("/transactions/PO-0").json()
        told = {one["serial"] for shipment in shown["shipments"] for one in shipment["packages"]}
        assert told == {one.rpartition(".")[2] for one in [*units(announced), extra]}
        assert client.get("/transactions/PO-0?form=pdf").content.startswith(b"%PDF")


@pytest.mark.parametrize("body", [
    {"shipment": "PO-99", "scans": [], "clientId": "1"}, {"shipment": "", "clientId": "1"},
    {"shipment": "PO-0", "scans": "x"}, {},
])  # fmt: skip
def test_nonsense_gets_a_problem_that_says_what_to_do(serving: Callable, body: dict) -> None:
    with serving() as server, httpx.Client(base_url=server.address, timeout=60) as client:
        answer = client.post("/receiving", json=body)
    assert answer.status_code in (400, 404)
    assert answer.json()["detail"]
