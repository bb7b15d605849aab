"""Two servers on one PostgreSQL, under load, while one is killed and started again.

Each has a folder of its own, as on two machines; what they share is the database and the secret of
the keys. Clients send to both: single events, small documents, and large ones whose jobs any of the
two may do. Dossiers are asked of one and fetched from the other.
"""

from __future__ import annotations

import http.client
import os
import random
import threading
from collections import Counter

import orjson
import pytest
from chain import GTIN, pack, see
from databases import new_cluster
from service import Service, document, eventually
from sqlalchemy import func, select

from compliance.dossier import verify_export
from epcis.capture_job import AT_ONCE_BYTES_MAX
from epcis.codec.document import write_event_json
from epcis.fsck import fsck
from epcis.http_context import utc_now
from epcis.ledger.entry import LeafKind
from epcis.ledger.ledger_tables import ledger_entry, ledger_key
from epcis.ledger.store import Store
from epcis.store.event_tables import capture_job, event, event_epc, item
from epcis.store.work_tables import shared_part

pytestmark = pytest.mark.postgresql
SEED = int(os.environ.get("PACKTRAIL_SEED", "20261201"))
ROUNDS = int(os.environ.get("PACKTRAIL_KILL_ROUNDS", "3"))
SECRET = "a secret that both servers know"
SCOPES = "capture,query,verify,export,admin"
LARGE_EVENTS = 1200
"""So many that the document is a job, which a worker of either server does later."""


@pytest.fixture
def database():
    """A PostgreSQL of this test: other tests of the run would wait for what is killed here."""
    for cluster in new_cluster():
        yield cluster.new_database()


class Client(threading.Thread):
    """Sends to one server after the other, each thing until one of them acknowledges it."""

    def __init__(self, number: int, servers: list[Service], stop: threading.Event) -> None:
        super().__init__()
        self.number, self._servers, self._stop_sending = number, servers, stop
        self.acknowledged: list[str] = []
        self.statuses: Counter[int] = Counter()
        self._turn = number

    def run(self) -> None:
        count = 0
        while not self._stop_sending.is_set():
            count += 1
            names = [f"{self.number}x{count}"]
            if self.number == 0:
                names = [f"{self.number}x{count}y{each}" for each in range(LARGE_EVENTS)]
            events = [see(count % 5000, [pack(name)], "storing") for name in names]
            path, body = "/epcis/events", write_event_json(events[0])
            if self.number < 3:
                path, body = "/epcis/capture", document(*events)
                assert (len(body) > AT_ONCE_BYTES_MAX) is (self.number == 0)
            if not self._until_taken(path, body):
                return
            self.acknowledged += map(pack, names)

    def _until_taken(self, path: str, body: bytes) -> bool:
        while not self._stop_sending.is_set():
            self._turn += 1
            server = self._servers[self._turn % len(self._servers)]
            try:
                status, _, _ = server.ask("POST", path, body, timeout_s=30)
            except (OSError, http.client.HTTPException):
                self._stop_sending.wait(0.02)
                continue
            self.statuses[status] += 1
            if status in (201, 202):
                return True
        return False


def test_one_of_two_servers_is_killed_and_nothing_is_lost_or_done_twice(tmp_path, database):
    dice, stop = random.Random(SEED), threading.Event()
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
    first, second = (Service(one, database, scopes=SCOPES, key_secret=SECRET) for one in folders)
    with first, second:
        clients = [Client(number, [first, second], stop) for number in range(5)]
        for client in clients:
            client.start()
        asked: list[str] = []
        try:
            for _ in range(ROUNDS):
                before = [len(client.acknowledged) for client in clients]
                eventually(lambda before=before: grown(clients, before))
                asked.append(order_dossier(first))
                asked.append(order_dossier(second))
                stop.wait(dice.uniform(0.02, 0.6))
                first.kill()
                first.start()
        finally:
            stop.set()
            for client in clients:
                client.join()
        eventually(lambda: not jobs_waiting(database))
        root = the_one_root(first, second)
        for number, job in enumerate(asked):
            there, here = (first, second) if number % 2 else (second, first)
            eventually(lambda j=job, s=there: s.get(f"/exports/{j}")["state"] == "ready")
            status, _, dossier = here.ask("GET", f"/exports/{job}/file")
            assert status == 200
            path = tmp_path / f"{job}.asice"
            path.write_bytes(dossier)
            assert verify_export(path, root).exit_code == 0, f"{job} (seed {SEED})"
        first.kill()
        second.kill()
        check(database, clients)
        first.start()  # to be killed at the end, like every other
        second.start()


def jobs_waiting(database: str) -> int:
    """Capture jobs that neither server has done yet, however many there are."""
    store = Store.open(database)
    with store.read() as snapshot:
        waits = select(func.count()).where(capture_job.c.running)
        found = int(snapshot.connection.scalar(waits) or 0)
    store.close()
    return found


def grown(clients: list[Client], before: list[int]) -> bool:
    """Whether every client got something acknowledged meanwhile."""
    return all(len(one.acknowledged) > was for one, was in zip(clients, before, strict=True))


def order_dossier(server: Service) -> str:
    """The id of the job of a dossier about some of what was captured."""
    about = {"kind": "pack", "gtin": GTIN, "serial": "P3x1"}
    status, _, said = server.ask("POST", "/exports", orjson.dumps(about))
    assert status == 202, said
    return str(orjson.loads(said)["id"])


def the_one_root(*servers: Service) -> bytes:
    """The root certificate, which all servers have from the database."""
    roots = {server.root_pem() for server in servers}
    assert len(roots) == 1
    assert not any((server.data / "keys" / "root.key").exists() for server in servers)
    return roots.pop()


def check(database: str, clients: list[Client]) -> None:
    odd = Counter()
    for client in clients:
        odd += client.statuses
    assert set(odd) <= {201, 202, 503}, odd
    store = Store.open(database)
    kept = {epc.removeprefix("https://id.gs1.org") for one in clients for epc in one.acknowledged}
    kind = ledger_entry.c.kind == int(LeafKind.DOCUMENT)
    with store.read() as snapshot:
        sql = snapshot.connection
        items = set(sql.scalars(select(item.c.key)))
        stored = sql.scalar(select(func.count()).select_from(event))
        named = sql.scalar(select(func.count()).select_from(event_epc))
        documents = sql.scalar(select(func.count()).select_from(ledger_entry).where(kind))
        digests = sql.scalar(select(func.count(ledger_entry.c.subject.distinct())).where(kind))
        keys = sql.scalar(select(func.count()).select_from(ledger_key))
        bodies = sql.scalar(select(func.count()).where(shared_part.c.file.like("incoming/%")))
    assert kept <= items, f"acknowledged and lost (seed {SEED}): {sorted(kept - items)[:5]}"
    assert stored == named == len(items), f"something twice (seed {SEED})"
    assert documents == digests
    assert keys == 1, "one key signs the log, whichever server does it"
    assert bodies == 0
    assert list(fsck(store, now=utc_now())) == []
    store.close()
