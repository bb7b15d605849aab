"""A day in a warehouse that keeps the goods of two clients, over HTTP and on the pages.

Goods come in, three orders are picked, one of their lots is recalled at noon, a pack comes back,
and in the evening a count finds what was stolen. At the end stock, events, shipment documents, the
registry of packs and a dossier say the same of every pack, and `fsck` says nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import count

import httpx
import pytest
from doors import dossier, rows_of
from hands import hand
from service import Service

from schemas.gs1.content_rules import check_digit

WAREHOUSE = "9521321000025"
CLIENT_A, CLIENT_B = "9521321000018", "9506000134352"
PHARMACY, HOSPITAL = "9521321000032", "9521321000049"
GTIN_A, GTIN_B = "09521321000018", "09506000134352"
SCOPES = "act,supply,destroy,recall,verify,capture,query,admin,export"
HTML = {"Accept": "text/html"}
EXPIRY = {"LA1": "2028-01-31", "LA2": "2028-12-31", "LB1": "2027-09-30"}
_ids = count(1)


def sscc(number: int) -> str:
    digits = f"{9521321_0000000000 + number:017d}"
    return digits + check_digit(digits)


class Floor:
    """The people of the warehouse, each act with an id of its own."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.lots: dict[str, str] = {}
        """Lot of each pack that was made."""

    def act(self, kind: str, scans, place=WAREHOUSE, status=200, **more) -> dict:
        body = {"clientId": f"d{next(_ids)}", "scans": list(scans), "place": place, **more}
        answer = self.http.post(f"/acts/{kind}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def page(self, path: str, status=200, **form: object) -> str:
        answer = self.http.post(path, data=form, headers=HTML)
        assert answer.status_code == status, answer.text
        return answer.text

    def made(self, client: str, gtin: str, lot: str, numbers, case: int) -> list[str]:
        """A client makes packs of a lot and puts them into a case."""
        packs = [f"/01/{gtin}/21/{lot}x{number:02}" for number in numbers]
        self.lots |= dict.fromkeys(packs, lot)
        self.act("commission", packs, client, lot=lot, expiry=EXPIRY[lot])
        self.act("pack", packs, client, parent=sscc(case))
        return packs

    def picked(self, number: str) -> list[str]:
        """Pick an order as its list says; what was picked: cases and packs."""
        order = self.http.get("/orders/list", params={"number": number}).json()
        taken: list[str] = []
        for step in (one for line in order["pickList"] for one in line["steps"]):
            inside = self.inside(step["lot"], step["case"])
            if step["case"] and len(inside) == step["packs"]:
                things = [step["case"]]
            else:
                things = inside[: step["packs"]]
                if step["case"]:
                    self.act("unpack", things, parent=step["case"])
            self.act("pick", things, order=number)
            taken += things
        return taken

    def trace(self, thing: str) -> dict:
        answer = self.http.get(f"/packs{thing}/trace")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def inside(self, lot: str, case: str) -> list[str]:
        """The packs of a lot in a case; without one those that are in none, here."""
        of_lot = [one for one, its in self.lots.items() if its == lot]
        if case:
            contents = self.trace(case)["contents"]
            return [one for one in of_lot if one in contents]
        inner = {one: self.trace(one)["containment"] for one in of_lot}
        return [one for one, stays in inner.items() if all(stay["to"] for stay in stays)]

    def standing(self) -> dict[str, tuple[str, str]]:
        """How each pack of the stock stands, and whose it is."""
        found: dict[str, tuple[str, str]] = {}
        after: str | None = ""
        while after is not None:
            answer = self.http.get("/stock/items", params={"limit": 1000, "after": after}).json()
            for one in answer["items"]:
                assert one["id"] not in found, f"{one['id']} is in two places"
                found[one["id"]] = (one["standing"], one["owner"])
            after = answer["next"]
        return {key: how for key, how in found.items() if key.startswith("/01/")}

    def printed(self, pack: str) -> dict[str, str]:
        _, _, gtin, _, serial = pack.split("/")
        lot = self.lots[pack]
        return {"gtin": gtin, "serial": serial, "lot": lot, "expiry": EXPIRY[lot]}

    def scan(self, pack: str) -> str:
        fields = self.printed(pack)
        day = fields["expiry"].replace("-", "")[2:]
        return f"(01){fields['gtin']}(21){fields['serial']}(17){day}(10){fields['lot']}"


@pytest.fixture
def service(tmp_path, database):
    with Service(tmp_path, database, owner_gln=WAREHOUSE) as running:
        yield running


def _client(service: Service, name: str) -> httpx.Client:
    made = hand(service.environment)("access", "new-key", name, "--scopes", SCOPES, "--json")
    headers = {"Authorization": f"Bearer {made.json['key']}"}
    return httpx.Client(base_url=f"http://127.0.0.1:{service.port}", headers=headers, timeout=60)


@pytest.fixture
def floor(service):
    with _client(service, "ann") as http:
        yield Floor(http)


@pytest.fixture
def second(service):
    """A second person."""
    with _client(service, "ben") as http:
        yield http


def _goods_come_in(floor: Floor) -> None:
    """Both clients send goods; they are received on the page and put away."""
    floor.made(CLIENT_A, GTIN_A, "LA1", range(1, 7), 1)
    floor.made(CLIENT_A, GTIN_A, "LA1", range(7, 13), 2)
    floor.made(CLIENT_A, GTIN_A, "LA2", range(1, 7), 3)
    floor.made(CLIENT_B, GTIN_B, "LB1", range(1, 11), 4)
    for client, cases, number in ((CLIENT_A, (1, 2, 3), "ASN-A"), (CLIENT_B, (4,), "ASN-B")):
        scans = list(map(sscc, cases))
        floor.act("ship", scans, client, to=WAREHOUSE, owner=client, order=number)
        shown = floor.page("/receive", number=number, scans="\n".join(scans[:-1]), scan=scans[-1])
        client_id = re.search(r'name="client_id" value="([^"]+)"', shown)[1]
        form = {"number": number, "scans": "\n".join(scans), "client_id": client_id}
        assert "are received" in floor.page("/receive/take-in", **form)
    for shelf, cases in (("A-1", (1, 2, 3)), ("B-1", (4,))):
        form = {"client_id": f"put {shelf}", "scans": "\n".join(map(sscc, cases))}
        shown = floor.page("/work/move", place=f"{WAREHOUSE}.{shelf}", **form)
        assert f"Done: move, {len(cases)} scans." in shown


def _an_order(floor: Floor, number: str, customer: str, lines: str) -> None:
    form = {"number": number, "customer": customer, "lines": lines, "site": WAREHOUSE}
    floor.page("/orders/new", 303, **form)


def _shipped(floor: Floor, number: str, customer: str, case: int) -> list[str]:
    """Pick an order, pack it into a case and ship it; its packs."""
    taken = floor.picked(number)
    packs = [one for one in taken if one.startswith("/01/")]
    for whole in (one for one in taken if one.startswith("/00/")):
        packs += [pack for lot in EXPIRY for pack in floor.inside(lot, whole)]
    floor.act("pack", taken, parent=sscc(case))
    floor.act("ship", [sscc(case)], to=customer, order=number)
    return packs


def _recalled(floor: Floor, second: httpx.Client) -> None:
    """The lot LA1 is recalled by one person and approved by a second one."""
    recall = {"gtin": GTIN_A, "lot": "LA1", "reason": "glass", "class": "II", "depth": "retail"}
    opened = floor.http.post("/recalls", json=recall)
    assert opened.status_code in (200, 201), opened.text
    number = opened.json()["id"]
    assert second.post(f"/recalls/{number}/approve").status_code == 200


def _counted(floor: Floor, second: httpx.Client, here: list[str], gone: list[str]) -> None:
    """Two people count all shelves pack by pack; what nobody finds was stolen."""
    opened = floor.http.post("/counts", json={"place": WAREHOUSE, "opened": True})
    number = opened.json()["number"]
    found = [pack for pack in here if pack not in gone]
    half = len(found) // 2
    for pack in found[:half]:
        shown = floor.page(f"/counts/{number}/page", deed="scan", scan=floor.scan(pack))
        assert "Counted." in shown
    told = second.post(f"/counts/{number}/scans", json={"scans": found[half:]})
    assert all(one["is_new"] for one in told.json())
    shown = floor.http.get(f"/counts/{number}").json()
    missing = {one["id"]: one for one in shown["differs"]}
    assert sorted(missing) == sorted(gone)
    for one in missing.values():
        assert one["finding"] == "missing"
        assert one["lastSeen"]["by"] == "ann"
        assert one["lastSeen"]["at"] < shown["at"]
    form = {"deed": "close", "why": "evening count", "stolen": gone}
    assert "were as recorded" in floor.page(f"/counts/{number}/page", **form)


def test_a_day_in_the_warehouse(floor, second, service) -> None:
    _goods_come_in(floor)
    _an_order(floor, "SO-1", PHARMACY, f"{GTIN_A} 8")
    _an_order(floor, "SO-2", HOSPITAL, f"{GTIN_B} 4")
    _an_order(floor, "SO-3", HOSPITAL, f"{GTIN_A} 2 LA1")
    first = _shipped(floor, "SO-1", PHARMACY, 91)
    assert Counter(floor.lots[one] for one in first) == {"LA1": 8}

    _recalled(floor, second)
    order = floor.http.get("/orders/list", params={"number": "SO-3"}).json()
    assert order["pickList"][0]["short"] == 2
    left = next(one for one, lot in floor.lots.items() if lot == "LA1" and one not in first)
    assert floor.act("pick", [left], status=409)["packs"][0]["reason"] in ("recalled", "in-a-case")
    cancelled = {"number": "SO-3", "state": "cancelled", "why": "the lot is recalled"}
    assert floor.http.post("/orders/end", json=cancelled).status_code == 200
    other = _shipped(floor, "SO-2", HOSPITAL, 92)
    assert Counter(floor.lots[one] for one in other) == {"LB1": 4}

    returned = first[0]
    body = {
        "clientId": "back",
        "scan": floor.scan(returned),
        "storedWell": True,
        "customer": PHARMACY,
        "order": "SO-1",
    }
    back = floor.http.post("/returns/packs", json=body)
    assert back.status_code == 200, back.text
    assert (back.json()["match"], back.json()["decision"]) == ("matches", "scrap")
    stranger = body | {"clientId": "not ours", "scan": floor.scan(other[0])}
    answer = floor.http.post("/returns/packs", json=stranger).json()
    assert (answer["match"], answer["decision"]) == ("sold to another customer", None)

    sold = {*first, *other} - {returned}
    here = [one for one in floor.lots if one not in sold]
    gone = [
        next(one for one in here if floor.lots[one] == "LA2"),
        next(one for one in here if floor.lots[one] == "LB1"),
    ]
    _counted(floor, second, here, gone)
    _all_say_the_same(floor, service, sold=sold, returned=returned, suspect=other[0], gone=gone)


def _all_say_the_same(floor, service, *, sold, returned, suspect, gone) -> None:
    """Stock, verdicts, shipment documents, dossier and `fsck` at the end of the day."""
    held = {returned, suspect}
    owner = {"LA1": CLIENT_A, "LA2": CLIENT_A, "LB1": CLIENT_B}
    standing = floor.standing()
    assert standing.keys() == floor.lots.keys()
    for pack, lot in floor.lots.items():
        how = "in stock" if lot != "LA1" else "on hold"
        how = "in transit" if pack in sold else "missing" if pack in gone else how
        assert standing[pack][0] == how, pack
        if pack not in sold | held:
            assert standing[pack][1] == f"/414/{owner[lot]}", pack
        answer = floor.http.post("/packs/verify", json=floor.printed(pack)).json()
        stopped = lot == "LA1" or pack in gone
        expected = "STOP" if stopped else "CHECK" if pack == suspect else "OK"
        assert answer["verdict"] == expected, (pack, answer)
    for number, packs in (("SO-1", 8), ("SO-2", 4)):
        document = floor.http.get(f"/transactions/{number}", params={"form": "json"})
        assert document.status_code == 200, document.text
        named = {pack for pack in floor.lots if pack.rpartition("/")[2] in document.text}
        assert len(named & (sold | held)) == packs
        assert not named - sold - held
        xml = floor.http.get(f"/transactions/{number}", params={"form": "xml"})
        assert xml.status_code == 200, xml.text
    sections = dossier(floor.http, {"kind": "lot", "gtin": GTIN_A, "lot": "LA2"})
    judged = {row["serial"]: row["verdict"] for row in rows_of(sections["Judgement of packs"])}
    stolen = {pack.rpartition("/")[2] for pack in gone}
    assert {serial for serial, verdict in judged.items() if verdict == "STOP"} == {
        serial for serial in judged if serial in stolen
    }
    assert len(judged) == 6
    missing = floor.http.get("/counts/missing").json()
    assert sorted((one["id"], one["state"]) for one in missing) == sorted(
        (pack, "stolen") for pack in gone
    )
    ran = hand(service.environment)("fsck")
    assert (ran.code, "agree" in ran.out) == (0, True), ran.out
