"""What a partner cannot learn, whatever it asks, and what holds should a query of ours forget."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest
from asking import Memory
from chain import MAKER, PHARMACY, WHOLESALER, commission, pack, receive, ship
from repository import event, eventually, repository_over, send, serving

from epcis.capture import record
from epcis.http_context import Caller
from epcis.ledger.store import Store
from epcis.query import masterdata, search, seen

NOW = datetime(2026, 2, 1, tzinfo=UTC)
PACK = pack(1)
OURS, THEIRS = "/414/0614141000012", "/414/4012345000009"
PLACE = "https://id.gs1.org/414/4012345000009/254/vault"
READ_POINT = "urn:epcglobal:epcis:vtype:ReadPoint"
CITY = "urn:epcglobal:cbv:mda#city"


def source(owner: str) -> list[dict]:
    return [{"type": "owning_party", "source": f"https://id.gs1.org{owner}"}]


def owned(letter: str, owner: str, **more) -> dict:
    made = event(letter, sourceList=source(owner), **more)
    del made["@context"]
    return made


def places(*told: tuple[str, str, list[str]]) -> list[dict]:
    """A vocabulary of places: id, city and what lies in it."""
    listed = [
        {"id": place, "attributes": [{"id": CITY, "attribute": city}], "children": inside}
        for place, city, inside in told
    ]
    return [{"type": READ_POINT, "vocabularyElementList": listed}]


@pytest.fixture
def told(store):
    """Their document tells of a place; our event was seen there, but we were not told of it."""
    memory = Memory(store)
    theirs = owned("t", THEIRS, readPoint={"id": PLACE})
    memory.take(theirs, master_data=places((PLACE, "Basel", ["https://id.gs1.org/414/x"])))
    memory.take(owned("o", OURS, readPoint={"id": PLACE}, eventID="urn:event:o"))
    shared = "https://id.gs1.org/414/0614141000012/254/dock"
    ours = owned("p", OURS, readPoint={"id": shared}, eventID="urn:event:p")
    memory.take(ours, master_data=places((shared, "Ulm", [])))
    return memory


def test_master_data_of_others_cannot_be_asked_for_by_its_attributes(told):
    for asked in (
        {"HASATTR_readPoint": CITY},
        {f"EQATTR_readPoint_{CITY}": "Basel|Ulm"},
    ):
        assert len(told.ask(asked)) == 3
        assert told.ask(asked, party=OURS) == ["p"]
    assert told.ask({f"EQATTR_readPoint_{CITY}": "Basel"}, party=OURS) == []


def test_what_lies_in_others_places_is_not_told_by_what_is_found_there(store):
    memory = Memory(store)
    site, shelf = "https://id.gs1.org/414/4012345000016", "https://id.gs1.org/414/4012345000023"
    memory.take(owned("t", THEIRS), master_data=places((site, "Basel", [shelf])))
    memory.take(owned("o", OURS, readPoint={"id": shelf}, eventID="urn:event:o"))
    assert memory.ask({"WD_readPoint": site}) == ["o"]
    assert memory.ask({"WD_readPoint": site}, party=OURS) == []
    assert memory.ask({"WD_readPoint": shelf}, party=OURS) == ["o"]


def test_the_master_data_query_tells_what_is_ours_or_was_told_with_our_events(told):
    def cities(party, **more):
        asked = {"includeAttributes": "true", "includeChildren": "true", **more}
        with told.store.read(party=party) as snapshot:
            found = masterdata.ask(snapshot, masterdata.parse(asked), party=party)
        return {"".join(text) for one in found for e in one.elements for _, text in e.attributes}

    assert cities(None) == {"Basel", "Ulm"}
    assert cities(OURS) == {"Ulm"}
    assert cities(THEIRS) == {"Basel"}
    assert cities(OURS, EQ_name=[PLACE]) == cities(OURS, WD_name=[PLACE]) == set()


def test_a_place_of_our_own_is_ours_whoever_told_of_it(store):
    memory = Memory(store)
    own = f"https://id.gs1.org{OURS}/254/gate"
    memory.take(owned("t", THEIRS), master_data=places((own, "Bern", [])))
    memory.take(owned("o", OURS, readPoint={"id": own}, eventID="urn:event:o"))
    assert memory.ask({"HASATTR_readPoint": CITY}, party=OURS) == ["o"]


def test_a_state_is_told_by_what_the_partner_was_told_and_no_more(store):
    """The maker ships to the wholesaler; that it went on to a pharmacy is not the maker's."""
    with store.write(NOW) as tx:
        record(tx, [commission(0, [PACK]), ship(1, [PACK]), receive(2, [PACK])])
        record(tx, [ship(60, [PACK], WHOLESALER, PHARMACY), receive(90, [PACK], PHARMACY)])
    everyone = repository_over(store)
    for name, gln in (("maker", MAKER), ("pharmacy", PHARMACY)):
        everyone.callers[name] = Caller(name, frozenset({"query"}), f"/414/{gln}")
    address = f"/epcis/epcs/{PACK.replace('/', '%2F')}/state"
    with serving(everyone) as house:
        told = {}
        for name in ("all", "maker", "pharmacy"):
            with house.client(name) as client:
                told[name] = client.get(address).json()
    assert told["all"]["holder"].endswith(PHARMACY)
    assert PHARMACY not in str(told["maker"])
    assert told["maker"]["holder"].endswith(WHOLESALER)
    assert told["maker"]["lot"] == "L1"
    assert told["maker"]["lastEventTime"] < told["all"]["lastEventTime"]
    assert told["pharmacy"]["lot"] is None  # the maker's word, which the pharmacy never had
    assert told["pharmacy"]["holder"].endswith(PHARMACY)


@pytest.fixture
def ordinary(postgresql):
    """A store on PostgreSQL whose role is an ordinary one, as in production."""
    url = postgresql.new_database()
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS partners_test")
        admin.execute("CREATE ROLE partners_test LOGIN NOSUPERUSER NOBYPASSRLS")
        admin.execute("GRANT ALL ON SCHEMA public TO partners_test")
    store = Store.open(url.replace("packtrail@", "partners_test@"))
    store.create_all()
    yield store
    store.close()
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("DROP OWNED BY partners_test CASCADE")
        admin.execute("DROP ROLE partners_test")


@pytest.mark.postgresql
def test_tables_are_made_twice_without_harm(ordinary):
    ordinary.create_all()
    with ordinary.read(party=OURS) as snapshot:
        assert search.newest(snapshot) == 0


@pytest.mark.postgresql
def test_should_our_queries_forget_who_asks_the_database_does_not(ordinary, webhook, monkeypatch):
    """Every clause of our own about visibility is taken out; only the fence is left."""
    repository = repository_over(ordinary)
    scopes = frozenset({"query", "capture"})
    repository.callers["ours"] = Caller("ours", scopes, OURS)
    monkeypatch.setattr(search, "events_of", lambda *_: [])
    monkeypatch.setattr(seen, "events_of", lambda *_: [])
    with serving(repository) as house, house.client("ours") as client:
        client.post("/epcis/queries", json={"name": "q", "query": {}})
        dest = {"dest": webhook.url, "stream": True}
        assert client.post("/epcis/queries/q/subscriptions", json=dest).status_code == 201
        send(house, "a", sourceList=source(OURS), bizStep="urn:x:a")
        send(house, "b", sourceList=source(THEIRS), bizStep="urn:x:b")
        found = client.get("/epcis/events").json()["epcisBody"]["queryResults"]["resultsBody"]
        assert [one["eventID"] for one in found["eventList"]] == ["urn:uuid:a"]
        assert client.get("/epcis/events?maxEventCount=1").status_code == 200
        assert client.get("/epcis/events/urn:uuid:b").status_code == 404
        assert client.get("/epcis/bizSteps").json()["member"] == ["urn:x:a"]
        poll = (
            '<q:Poll xmlns:q="urn:epcglobal:epcis-query:xsd:1"><queryName>SimpleEventQuery'
            "</queryName><params/></q:Poll>"
        )
        polled = client.post("/epcis/soap", content=poll, headers={"Content-Type": "text/xml"})
        assert polled.text.count("<ObjectEvent>") == 1
        assert len(client.get("/epcis/queries/q/events").json()["epcisBody"]) == 1
        eventually(lambda: any(b"urn:uuid:a" in sent for _, _, sent in webhook.received))
        send(house, "c", sourceList=source(OURS))
        eventually(lambda: any(b"urn:uuid:c" in sent for _, _, sent in webhook.received))
        assert not any(b"urn:uuid:b" in sent for _, _, sent in webhook.received)
        with house.client() as everyone:
            assert len(everyone.get("/epcis/bizSteps").json()["member"]) == 3
