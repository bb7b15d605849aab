"""The service dies at any moment while four clients capture: what was acknowledged is there, once.

Two clients send single events, which are stored before the answer; two send documents, whose jobs
are only promised by the answer. All of them send again until they are answered.
"""

from __future__ import annotations

import http.client
import os
import random
import sys
import threading
from datetime import UTC, datetime

import pytest
from chain import pack, see
from service import Service, document, eventually
from sqlalchemy import func, select

from epcis.codec.document import write_event_json
from epcis.fsck import fsck
from epcis.ledger.entry import LeafKind
from epcis.ledger.ledger_tables import ledger_entry
from epcis.ledger.store import Store
from epcis.store import event_tables

CLIENTS = 4
SEED = int(os.environ.get("PACKTRAIL_SEED", "20261122"))
ROUNDS = int(os.environ.get("PACKTRAIL_KILL_ROUNDS", "100"))
ROUNDS_OF_EVERY_RUN = {"sqlite": 10, "postgresql": 3}
"""PostgreSQL keeps its promises by itself; there the short form looks at the jobs."""


class Client(threading.Thread):
    """Sends one event after the other, each until it is acknowledged."""

    def __init__(self, number: int, service: Service, stop: threading.Event) -> None:
        super().__init__()
        self.number = number
        self._service, self._stop_sending = service, stop
        self.acknowledged: list[str] = []
        self.refused: list[int] = []
        self.repeats = 0

    def run(self) -> None:
        count = 0
        while not self._stop_sending.is_set():
            count += 1
            epc = pack(f"{self.number}x{count}")
            event = see(count % 5000, [epc], "storing")
            path, body = "/epcis/events", write_event_json(event)
            if self.number % 2:
                path, body = "/epcis/capture", document(event)
            while not self._is_taken(path, body):
                self.repeats += 1
                if self._stop_sending.is_set():
                    return
            self.acknowledged.append(epc)

    def _is_taken(self, path: str, body: bytes) -> bool:
        try:
            status, _, _ = self._service.ask("POST", path, body, timeout_s=20)
        except (OSError, http.client.HTTPException):
            self._stop_sending.wait(0.01)
            return False
        if status not in (201, 202):
            self.refused.append(status)
        return status in (201, 202)


def rounds_of_killing(folder, url: str, rounds: int) -> str:
    """Kill and start again while clients send; what came of it, in a line."""
    dice, stop = random.Random(SEED), threading.Event()
    with Service(folder, url) as service:
        clients = [Client(number, service, stop) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            for _ in range(rounds):
                before = taken(clients)
                eventually(lambda before=before: taken(clients) > before)
                stop.wait(dice.uniform(0.02, 0.6))
                service.kill()
                service.start()
            stop.wait(0.3)
        finally:
            stop.set()
            for client in clients:
                client.join()
        eventually(lambda: not any(job["running"] for job in service.get("/epcis/capture")))
        eventually(lambda: not waiting(url))
        left = service.incoming
        service.kill()
        said = check(url, clients)
        service.start()  # to be killed at the end, like every other
    assert all(status in (503, 507) for client in clients for status in client.refused)
    assert len(left) <= rounds * CLIENTS, "more bodies are left than were on their way"
    return f"{rounds} kills, {said}, {sum(client.repeats for client in clients)} sent again"


def taken(clients: list[Client]) -> int:
    """How much was acknowledged so far; a kill in between finds work under way."""
    return sum(len(client.acknowledged) for client in clients)


def waiting(url: str) -> int:
    """How many capture jobs are not done."""
    store = Store.open(url)
    with store.read() as snapshot:
        jobs = select(func.count()).where(event_tables.capture_job.c.running)
        found = snapshot.connection.scalar(jobs)
    store.close()
    return found


def check(url: str, clients: list[Client]) -> str:
    store = Store.open(url)
    acknowledged = [epc for client in clients for epc in client.acknowledged]
    assert all(client.acknowledged for client in clients), f"nothing was taken (seed {SEED})"
    kind = ledger_entry.c.kind == int(LeafKind.DOCUMENT)
    with store.read() as snapshot:
        stored = snapshot.connection.scalar(select(func.count()).select_from(event_tables.event))
        items = set(snapshot.connection.scalars(select(event_tables.item.c.key)))
        named = snapshot.connection.scalar(select(func.count()).select_from(event_tables.event_epc))
        logged = snapshot.connection.scalar(
            select(func.count()).select_from(ledger_entry).where(kind)
        )
        failed = snapshot.connection.scalar(
            select(func.count()).where(event_tables.capture_job.c.success.is_(False))
        )
    keys = {epc.removeprefix("https://id.gs1.org") for epc in acknowledged}
    assert keys <= items, f"acknowledged and lost (seed {SEED}): {sorted(keys - items)[:5]}"
    assert stored == named == len(items) == logged, f"something twice (seed {SEED})"
    assert failed == 0
    assert list(fsck(store, now=datetime.now(UTC))) == []
    store.close()
    return f"{len(acknowledged)} acknowledged, 0 lost, 0 twice of {stored} stored"


@pytest.mark.timeout(600)
def test_kills_lose_nothing_and_double_nothing(tmp_path, database):
    kind = database.partition(":")[0]
    rounds_of_killing(tmp_path, database, ROUNDS_OF_EVERY_RUN[kind])


@pytest.mark.endurance
@pytest.mark.timeout(3600)
def test_many_kills_lose_nothing_and_double_nothing(tmp_path, database, capsys):
    said = rounds_of_killing(tmp_path, database, ROUNDS)
    with capsys.disabled():
        sys.stdout.write(f"\n{database.partition(':')[0]}: {said}\n")
