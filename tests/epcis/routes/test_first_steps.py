"""A partner sends a file, waits for its job, and finds its events."""

from __future__ import annotations

import pytest


@pytest.fixture
def shipment(shared) -> bytes:
    return (shared / "epcis/examples/dscsa/gs1-us-r1.3-direct-purchase.xml").read_bytes()


def test_a_document_is_captured_and_its_events_are_found(served, shipment):
    job = served.capture(shipment)
    assert job["success"], job
    with served.client() as client:
        answer = client.get("/epcis/events", params={"EQ_bizStep": "shipping"})
        assert answer.status_code == 200, answer.text
        print(answer.json())
        assert answer.json()["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
        for resource in client.get("/epcis/").json()["member"]:
            listed = client.get(f"/epcis/{resource}")
            assert listed.status_code == 200, listed.text
            print(resource, listed.text[:300])
