"""The drill: a server that captures is backed up and dies, and another place takes over."""

from __future__ import annotations

import http.client
import threading
from datetime import UTC, datetime

import pytest
from chain import GTIN, pack, see
from hands import hand
from service import Service, document, eventually
from sqlalchemy import func, select

from compliance.fsck import fsck
from compliance.service.settings import Settings
from epcis.codec.document import write_event_json
from epcis.ledger.store import Store
from epcis.store import event_tables

SENDERS = 3
ENOUGH = 15
"""Acknowledged events of each sender before the backup begins, and after it has ended."""


class Sender(threading.Thread):
    """Sends event after event; every second sender leaves documents to the capture jobs."""

    def __init__(self, number: int, service: Service, stop: threading.Event) -> None:
        super().__init__()
        self._number, self._service, self._halt = number, service, stop
        self.acknowledged: list[str] = []

    def run(self) -> None:
        count = 0
        while not self._halt.is_set():
            count += 1
            epc = pack(f"{self._number}d{count}")
            event = see(count % 5000, [epc], "storing")
            path, body = "/epcis/events", write_event_json(event)
            if self._number % 2:
                path, body = "/epcis/capture", document(event)
            try:
                status, _, _ = self._service.ask("POST", path, body)
            except (OSError, http.client.HTTPException):
                return
            if status in (201, 202):
                self.acknowledged.append(epc)


@pytest.fixture
def elsewhere(database, tmp_path, request) -> str:
    """An empty database of the same kind."""
    if database.startswith("sqlite"):
        return f"sqlite:///{tmp_path / 'elsewhere' / 'packtrail.db'}"
    return request.getfixturevalue("postgresql").new_database()


def test_what_was_acknowledged_before_the_backup_is_there_after_the_restore(
    tmp_path, database, elsewhere
):
    home, there = tmp_path / "home", tmp_path / "there"
    home.mkdir()
    stop = threading.Event()
    out = tmp_path / "night.backup"
    with Service(home, database, backup_passphrase="correct horse") as service:
        packtrail = hand(service.environment)
        senders = [Sender(number, service, stop) for number in range(SENDERS)]
        for sender in senders:
            sender.start()
        try:
            eventually(lambda: all(len(one.acknowledged) >= ENOUGH for one in senders))
            dossier = tmp_path / "dossier.asice"
            root = tmp_path / "root.pem"
            root.write_text(packtrail("keys", "root").out)
            made = packtrail(
                "export",
                "--pack",
                GTIN,
                senders[0].acknowledged[0].rpartition("/")[2],
                "-o",
                dossier,
            )
            assert made.code == 0, made.err
            before = [epc for sender in senders for epc in sender.acknowledged]
            backup = packtrail("backup", out, "--json")
            after = {sender: len(sender.acknowledged) for sender in senders}
            eventually(lambda: all(len(one.acknowledged) > after[one] for one in senders))
        finally:
            stop.set()
            for sender in senders:
                sender.join()
        service.kill()
    assert backup.code == 0, backup.err
    assert backup.json["locked"]
    assert backup.json["lacks"] == []

    environment = service.environment | {
        "PACKTRAIL_DATA_DIR": str(there),
        "PACKTRAIL_DATABASE": elsewhere,
    }
    restored = hand(environment)("restore", out, "--json")
    assert restored.code == 0, restored.err + restored.out
    assert restored.json["findings"] == []
    checked = hand(environment)("verify-export", dossier, "--trust", root)
    assert checked.code == 0, checked.out
    assert hand(environment)("keys", "root").out == root.read_text()

    service.environment, service.data = environment, there
    service.start()  # and finishes the jobs whose documents waited in the backup
    eventually(lambda: not any(job["running"] for job in service.get("/epcis/capture")))
    service.kill()
    store = Store.open(elsewhere)
    with store.read() as snapshot:
        items = set(snapshot.connection.scalars(select(event_tables.item.c.key)))
        stored = snapshot.connection.scalar(select(func.count()).select_from(event_tables.event))
    keys = {epc.removeprefix("https://id.gs1.org") for epc in before}
    assert keys <= items, f"acknowledged and lost: {sorted(keys - items)[:5]}"
    assert stored == len(items), "an event is there twice"
    found = fsck(store, now=datetime.now(UTC), keys_folder=Settings(data_dir=there).keys_folder)
    assert list(found) == []
    store.close()
