"""A memory with events in it, asked the way a partner asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
import pytest

from epcis.capture import capture
from epcis.ledger.store import Store
from epcis.query import search
from epcis.query.names import Names
from epcis.query.parameters import parse, piped

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
EX = "https://example.org/ext/"


@dataclass
class Memory:
    store: Store
    now: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def take(self, *events, party=None, master_data=None, **members):
        """Capture events given as JSON members; each gets a time and an id where it has none."""
        listed = [
            {
                "type": "ObjectEvent",
                "eventTime": f"2026-01-01T00:{at:02}:00Z",
                "eventTimeZoneOffset": "+00:00",
                **({"action": "OBSERVE"} if event.get("type") != "TransformationEvent" else {}),
                **event,
            }
            for at, event in enumerate(events)
        ]
        body = {
            "@context": [CONTEXT, {"ex": EX}],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-01-01T00:00:00Z",
            "epcisBody": {"eventList": listed},
            **members,
        }
        if master_data:
            body["epcisHeader"] = {"epcisMasterData": {"vocabularyList": master_data}}
        return self.take_bytes(orjson.dumps(body), party=party)

    def take_bytes(self, body: bytes, *, party=None):
        receipt = capture(self.store, body, now=self.now, party=party, strict=True)
        assert receipt.new + receipt.duplicates == receipt.events, receipt
        return receipt

    def ask(self, url=None, *, party=None, effective=False, **raw) -> list[str]:
        """Ids of the events found: `url` holds parameters as they stand in an address."""
        names = Names({"ex": EX})
        query = parse(piped(url) if url is not None else raw, names)
        with self.store.read() as snapshot:
            selection = search.Selection(party=party, effective=effective)
            page = search.page(snapshot, query, selection, rows_max=10_000)
        return [one.event_id.removeprefix("urn:event:") for one in page.events]


@pytest.fixture
def memory(store):
    """An empty memory, once on each kind of database."""
    return Memory(store)


def named(letter: str, **members) -> dict:
    """An event with an id to be told by."""
    epc = [f"urn:epc:id:sgtin:0614141.107346.{letter}"]
    return {"eventID": f"urn:event:{letter}", "epcList": epc, **members}
