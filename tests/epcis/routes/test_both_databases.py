"""The whole way of an event, from file to webhook, on SQLite and on PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest
from asking import CONTEXT
from repository import event, eventually, repository_over, send, serving

from epcis import capture_job
from epcis.capture_outcome import Behaviour, NewJob
from epcis.codec.document import DocumentLimits
from epcis.http_context import Caller

PARTY = "/414/0614141000012"


@pytest.fixture
def whole(store):
    with serving(repository_over(store)) as repository:
        repository.callers["partner"] = Caller("partner", frozenset({"query"}), PARTY)
        yield repository


def document(*letters: str) -> bytes:
    source = [{"type": "owning_party", "source": f"https://id.gs1.org{PARTY}"}]
    events = [event(letter, sourceList=source) for letter in letters]
    return orjson.dumps(
        {
            "@context": CONTEXT,
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-01-01T00:00:00Z",
            "epcisBody": {"eventList": events},
        }
    )


def test_from_the_file_to_the_webhook(whole, webhook):
    with whole.client() as client, whole.client("partner") as partner:
        client.post("/epcis/queries", json={"name": "q", "query": {"EQ_bizStep": ["shipping"]}})
        body = {"dest": webhook.url, "stream": True}
        assert client.post("/epcis/queries/q/subscriptions", json=body).status_code == 201
        job = whole.capture(document(*"abc"), "application/json")
        assert job["success"], job
        send(whole, "d")
        eventually(lambda: b"urn:uuid:d" in b"".join(sent for _, _, sent in webhook.received))
        for asked, count in ((client, 4), (partner, 3)):
            answer = asked.get("/epcis/events?orderBy=eventTime&perPage=2")
            assert answer.status_code == 200, answer.text
            assert "next" in answer.links
            assert len(asked.get("/epcis/epcs").json()["member"]) == count
            assert asked.get("/epcis/bizSteps").json()["member"] == ["shipping"]
            assert asked.get("/epcis/readPoints").json()["member"] == []
            epc = asked.get("/epcis/epcs").json()["member"][0]
            assert asked.get(f"/epcis/epcs/{epc}/state").json()["status"]
            found = asked.get(f"/epcis/events?maxEventCount={count}")
            assert found.status_code == 200
            assert asked.get(f"/epcis/events?maxEventCount={count - 1}").status_code == 413
        assert client.get("/epcis/capture").json()[0]["success"]
        assert len(client.get("/epcis/queries/q/subscriptions").json()) == 1


def test_many_workers_do_every_job_once(store):
    """Several workers serve one database: each job is claimed by one of them at a time."""
    repository = repository_over(store)
    for letter in "abcdef":
        body = capture_job.incoming(store) / f"{letter}.body"
        body.write_bytes(document(letter))
        new = NewJob(letter, Behaviour.ROLLBACK, "application/json", "all", None)
        capture_job.open_job(store, new, body, now=repository.now)

    def work(_):
        done = 0
        while capture_job.do_next(store, repository.clock, DocumentLimits()):
            done += 1
        return done

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(work, range(3))) == 6
    with serving(repository) as served, served.client() as client:
        assert len(client.get("/epcis/epcs").json()["member"]) == 6
        assert all(job["success"] for job in client.get("/epcis/capture").json())
