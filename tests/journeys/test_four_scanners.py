"""Four scanners at two servers act on the same goods: no serial number is ever in two places.

Whatever was done is replayed, in the order in which it happened, by a model that knows nothing but
where each thing is; the stock that both servers show is the model's.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count

import pytest
from hands import hand
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from service import Service

from epcis.database.raw_driver import RawDriver
from epcis.fsck import fsck
from epcis.ledger.store import Store
from schemas.gs1.content_rules import check_digit

pytestmark = pytest.mark.postgresql
SITES = ("9521321000018", "9521321000025")
GTIN = "09521321000018"
SCOPES = "act,destroy,recall,query,admin,verify,capture"
PACKS, CASES = 6, 2
_examples = count(1)


class Floor:
    """Two servers on one database."""

    def __init__(self, servers: list[Service], database: str) -> None:
        self.servers, self.database = servers, database

    def act(self, server: int, kind: str, body: dict[str, object]) -> dict[str, object]:
        """Ask for an act; what is refused is an answer as well."""
        encoded = json.dumps(body).encode()
        status, _, told = self.servers[server].ask("POST", f"/acts/{kind}", encoded)
        answer: dict[str, object] = json.loads(told)
        to_itself = kind == "ship" and body["to"] == body["place"]
        assert status in ((422,) if to_itself else (200, 409)), (status, told)
        return answer

    def moments(self, events: list[str]) -> dict[str, int]:
        """When each event happened."""
        store = Store.open(self.database)
        with store.read() as snapshot:
            rows = RawDriver(snapshot).all_in(
                "SELECT event_id, moment FROM event WHERE event_id", events
            )
        store.close()
        return dict(rows)

    def stock(self, server: int) -> dict[str, tuple[str, str]]:
        """Every item of the stock: how it stands and where; each is listed once."""
        found: dict[str, tuple[str, str]] = {}
        after = ""
        while after is not None:
            page = self.servers[server].get(f"/stock/items?limit=1000&after={after}")
            for one in page["items"]:
                assert one["id"] not in found, f"{one['id']} is in two places"
                found[one["id"]] = (one["standing"], one["place"])
            after = page["next"]
        return found


@pytest.fixture(scope="module")
def floor(postgresql, tmp_path_factory) -> Iterator[Floor]:
    database = postgresql.new_database()
    one = Service(tmp_path_factory.mktemp("floor"), database)
    made = hand(one.environment)("access", "new-key", "scanners", "--scopes", SCOPES, "--json")
    one.key = made.json["key"]
    other = copy.copy(one)
    with one, other:
        yield Floor([one, other], database)


class Thing:
    """Where the model has a pack or case."""

    def __init__(self, place: str) -> None:
        self.place, self.status, self.inside = place, "in stock", ""
        self.sender = self.receiver = ""


class Truth:
    """The goods by what was done, one act after the other; every act must have been possible."""

    def __init__(self) -> None:
        self.things: dict[str, Thing] = {}

    def apply(self, kind: str, act: dict[str, object]) -> None:
        """Do what was done; fails where goods were not where the act found them."""
        keys, site = [one["id"] for one in act["packs"]], act["site"]  # type: ignore[index, union-attr]  # as it was sent
        getattr(self, kind.replace("-", "_"))(keys, f"/414/{site}", act)

    def along(self, keys: list[str]) -> list[Thing]:
        """Things, with what is in them."""
        inner = [one for one in self.things.values() if one.inside in keys]
        return [*(self.things[key] for key in keys), *inner]

    def here(self, keys: list[str], site: str) -> list[Thing]:
        """Things with what is in them, all of which lie at the site."""
        found = self.along(keys)
        assert {one.status for one in found} == {"in stock"}
        assert {one.place[:18] for one in found} == {site}
        return found

    def commission(self, keys, site, _act) -> None:
        for key in keys:
            assert key not in self.things
            self.things[key] = Thing(site)

    def pack(self, keys, site, act) -> None:
        case = self.things.setdefault(act["parent"], Thing(site))
        assert (case.status, case.place[:18]) == ("in stock", site)
        for one in self.here(keys, site):
            assert one.inside in ("", act["parent"])
            one.inside = act["parent"]
        for one in self.along([act["parent"]]):
            one.place = site

    def unpack(self, keys, site, act) -> None:
        for one in self.here([act["parent"]], site):
            one.place = site
        for key in keys:
            assert self.things[key].inside == act["parent"]
            self.things[key].inside = ""

    def move(self, keys, site, act) -> None:
        assert not any(self.things[key].inside for key in keys)
        for one in self.here(keys, site):
            one.place = f"{site}/254/{act['shelf']}"

    def ship(self, keys, site, act) -> None:
        assert not any(self.things[key].inside for key in keys)
        for one in self.here(keys, site):
            one.status, one.place = "in transit", ""
            one.sender, one.receiver = site, f"/414/{act['to']}"

    def _arrive(self, keys, site, end) -> None:
        for one in self.along(keys):
            assert (one.status, getattr(one, end)) == ("in transit", site)
            one.status, one.place = "in stock", site

    def receive(self, keys, site, _act) -> None:
        self._arrive(keys, site, "receiver")

    def void(self, keys, site, _act) -> None:
        self._arrive(keys, site, "sender")

    def decommission(self, keys, site, _act) -> None:
        for key in keys:
            assert (self.things[key].status, self.things[key].place[:18]) == ("in stock", site)
            self.things[key].status = "gone"
            self.things[key].inside = ""  # it was named by itself, so it left its case

    def count_adjust(self, keys, site, act) -> None:
        for key in keys:
            before, after = ("in stock", "missing")
            if act["result"] == "found":
                assert self.things[key].status in (before, after)
                after = before
            else:
                assert self.things[key].status == before
                self.things[key].inside = ""  # what is missing is not in its case either
            self.things[key].status, self.things[key].place = after, site


KINDS = (
    "commission", "pack", "pack", "unpack", "move", "ship", "ship", "receive", "receive", "void",
    "decommission", "count-adjust",
)  # fmt: skip
step = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(KINDS),
        "packs": st.lists(st.integers(0, PACKS - 1), min_size=1, max_size=3, unique=True),
        "case": st.integers(0, CASES - 1),
        "whole": st.booleans(),
        "site": st.sampled_from([SITES[0], SITES[0], SITES[0], SITES[1]]),
        "to": st.sampled_from(SITES),
        "result": st.sampled_from(["missing", "found"]),
        "server": st.integers(0, 1),
    }
)


def sscc(number: int) -> str:
    digits = f"{9521321_0000000000 + number:017d}"
    return digits + check_digit(digits)


class Scanner:
    """One person: does acts one after the other, and keeps what was done."""

    def __init__(self, floor: Floor, example: int, number: int) -> None:
        self.floor, self.example, self.number = floor, example, number
        self.done: list[tuple[str, dict[str, object]]] = []

    def work(self, script: list[dict[str, object]]) -> Scanner:
        """Do a script."""
        for at, wanted in enumerate(script):
            kind, body = self._body(wanted, at)
            answer = self.floor.act(wanted["server"], kind, body)  # type: ignore[arg-type]  # a number
            again = self.floor.act(1 - wanted["server"], kind, body)  # type: ignore[operator, arg-type]  # a number
            assert again == answer, "the same act at the other server is the same answer"
            if answer.get("done"):
                self.done.append((kind, {**wanted, **answer, **self._named(wanted)}))
        return self

    def _named(self, wanted: dict[str, object]) -> dict[str, object]:
        case = sscc(self.example * 10 + wanted["case"])  # type: ignore[operator]  # a number
        return {"parent": f"/00/{case}", "shelf": f"S{self.number}"}

    def _body(self, wanted: dict[str, object], at: int) -> tuple[str, dict[str, object]]:
        kind, site = str(wanted["kind"]), wanted["site"]
        scans = [f"(01){GTIN}(21)E{self.example}P{one}" for one in wanted["packs"]]  # type: ignore[attr-defined]  # a list
        case = str(self._named(wanted)["parent"]).removeprefix("/00/")
        body: dict[str, object] = {
            "clientId": f"{self.example} {self.number} {at}", "scans": scans, "place": site,
        }  # fmt: skip
        if kind in ("move", "ship", "receive", "void") and wanted["whole"]:
            body["scans"] = [case]
        if kind in ("pack", "unpack"):
            body["parent"] = case
        if kind == "commission":
            body |= {"lot": "L1", "expiry": "2035-12-31"}
        if kind == "move":
            body["place"] = f"{site}.S{self.number}"
        if kind == "ship":
            body["to"] = wanted["to"]
        if kind in ("decommission", "count-adjust"):
            body["reason"] = "count 7"
        if kind == "count-adjust":
            body["result"] = wanted["result"]
        return kind, body


@settings(
    max_examples=4,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(scripts=st.lists(st.lists(step, min_size=6, max_size=10), min_size=4, max_size=4))
def test_the_stock_of_both_servers_is_what_the_scanners_did(floor, scripts) -> None:
    example = next(_examples)
    first = Scanner(floor, example, 9).work(
        [{"kind": "commission", "packs": list(range(PACKS)), "case": 0, "whole": False,
          "site": SITES[0], "to": SITES[1], "result": "", "server": 0}]
    )  # fmt: skip
    scanners = [Scanner(floor, example, number) for number in range(4)]
    with ThreadPoolExecutor(4) as hands:
        list(hands.map(Scanner.work, scanners, scripts))
    done = [act for one in (first, *scanners) for act in one.done]
    moments = floor.moments([str(act["event"]) for _, act in done])
    truth = Truth()
    for kind, act in sorted(done, key=lambda one: moments[str(one[1]["event"])]):
        truth.apply(kind, act)
    expected = {
        key: (one.status, one.place) for key, one in truth.things.items() if one.status != "gone"
    }
    for server in (0, 1):
        listed = floor.stock(server)
        assert {key: listed[key] for key in listed if key in truth.things} == expected
    store = Store.open(floor.database)
    assert list(fsck(store, now=datetime.now(UTC))) == []
    store.close()
