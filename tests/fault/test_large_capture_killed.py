"""The service dies while it stores a large document and verifies packs: it is there or not.

After each kill the document shows all of its events or none, every verification that was answered
is in the history once, and `fsck` has nothing to say.
"""

from __future__ import annotations

import http.client
import os
import random
import threading

import orjson
import pytest
from service import Service, document, eventually
from sqlalchemy import func, select

from epcis.fsck import fsck
from epcis.http_context import utc_now
from epcis.ledger.store import Store
from epcis.model import ObjectEvent
from epcis.store.event_tables import document as document_table
from epcis.store.event_tables import event as event_table
from verification.registry.history import history

SEED = int(os.environ.get("PACKTRAIL_SEED", "20261201"))
KILLS = int(os.environ.get("PACKTRAIL_KILL_ROUNDS_LARGE", "2"))
EVENTS, PACKS = 3000, 60
GTIN = "05901234123457"
QUESTION = orjson.dumps({"gtin": GTIN, "serial": "asked"})


def commissioned(number: int, serials: list[str]) -> ObjectEvent:
    return ObjectEvent(
        event_time=f"2026-05-01T00:00:00.{number:06d}Z",
        event_time_zone_offset="+00:00",
        action="ADD",
        biz_step="commissioning",
        disposition="active",
        epcs=tuple(f"https://id.gs1.org/01/{GTIN}/21/{one}" for one in serials),
    )


class Asking(threading.Thread):
    """Verifies one pack again and again; counts what was answered."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self._service = service
        self.is_over = threading.Event()
        self.answered = 0

    def run(self) -> None:
        while not self.is_over.is_set():
            try:
                status, _, _ = self._service.ask("POST", "/packs/verify", QUESTION, timeout_s=40)
            except (OSError, http.client.HTTPException):
                self.is_over.wait(0.02)
                continue
            self.answered += status == 200


@pytest.mark.timeout(300)
def test_a_large_document_is_whole_or_not_there_whenever_the_service_dies(tmp_path, database):
    dice = random.Random(SEED)
    large = document(
        *(commissioned(n, [f"L{n}x{one}" for one in range(PACKS)]) for n in range(EVENTS))
    )
    with Service(tmp_path, database) as service:
        status, _, _ = service.ask("POST", "/epcis/capture", document(commissioned(0, ["asked"])))
        assert status == 202
        status, headers, _ = service.ask("POST", "/epcis/capture", large)
        assert status == 202
        job = "/epcis/capture/" + headers["location"].rpartition("/")[2]
        asking = Asking(service)
        asking.start()
        try:
            for _ in range(KILLS):
                threading.Event().wait(dice.uniform(0.3, 3.0))
                service.kill()
                assert_whole_or_not_there(database)
                service.start()
            eventually(lambda: not service.get(job)["running"])
        finally:
            asking.is_over.set()
            asking.join()
        assert service.get(job)["success"]
        eventually(lambda: recorded(database) >= asking.answered)
    assert_whole_or_not_there(database)
    store = Store.open(database)
    assert list(fsck(store, now=utc_now())) == []
    store.close()
    # Kills may have cut off answers whose record was kept; each is there once at most.
    assert asking.answered <= recorded(database) <= asking.answered + KILLS


def assert_whole_or_not_there(database: str) -> None:
    store = Store.open(database)
    with store.read() as snapshot:
        documents = snapshot.connection.scalar(select(func.count()).select_from(document_table))
        events = snapshot.connection.scalar(select(func.count()).select_from(event_table))
    store.close()
    assert (documents, events) in ((1, 1), (2, 1 + EVENTS)), f"half a document (seed {SEED})"


def recorded(database: str) -> int:
    store = Store.open(database)
    with store.read() as snapshot:
        found = len(list(history(snapshot, GTIN, "asked", rows_max=100_000)))
    store.close()
    return found
