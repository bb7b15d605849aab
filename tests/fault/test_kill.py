"""The process dies at any moment while four clients send: what was acknowledged is there, once."""

from __future__ import annotations

import http.client
import os
import random
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from chain import pack, see
from sqlalchemy import func, select

from epcis.codec.document import write_event_json
from epcis.fsck import fsck
from epcis.ledger.tables import ledger_entry
from epcis.store import tables
from epcis.store.database import Store

RECEIVER = Path(__file__).with_name("receiver.py")
CLIENTS = 4
SEED = int(os.environ.get("PACKTRAIL_SEED", "20261122"))
ROUNDS = int(os.environ.get("PACKTRAIL_KILL_ROUNDS", "100"))


class Receiver:
    """The server process, started again after every kill; clients ask for the port of the day."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.port = 0
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(RECEIVER), self._url], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Client(threading.Thread):
    """Sends one event after the other, each until it is acknowledged."""

    def __init__(self, name: int, receiver: Receiver, stop: threading.Event) -> None:
        super().__init__()
        self.number = name
        self._receiver, self._stop_sending = receiver, stop
        self.acknowledged: list[str] = []
        self.refused: list[int] = []

    def run(self) -> None:
        count = 0
        while not self._stop_sending.is_set():
            count += 1
            epc = pack(f"{self.number}x{count}")
            body = write_event_json(see(count % 5000, [epc], "storing"))
            while not self._send(body):
                if self._stop_sending.is_set():
                    return
            self.acknowledged.append(epc)

    def _send(self, body: bytes) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._receiver.port, timeout=20)
        try:
            connection.request("POST", "/", body)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            self._stop_sending.wait(0.01)
            return False
        finally:
            connection.close()
        if status != 201:
            self.refused.append(status)
        return status == 201


def rounds_of_killing(url: str, rounds: int) -> None:
    store = Store.open(url)
    store.create_all()
    dice, stop = random.Random(SEED), threading.Event()
    receiver = Receiver(url)
    clients = [Client(number, receiver, stop) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        for _ in range(rounds):
            stop.wait(dice.uniform(0.05, 0.4))
            receiver.kill()
            receiver.start()
        stop.wait(0.3)
    finally:
        stop.set()
        for client in clients:
            client.join()
        receiver.kill()
    check(store, clients)
    store.close()


def check(store: Store, clients: list[Client]) -> None:
    acknowledged = [epc for client in clients for epc in client.acknowledged]
    assert acknowledged, f"nothing was acknowledged (seed {SEED})"
    with store.read() as view:
        stored = view.connection.scalar(select(func.count()).select_from(tables.event))
        items = set(view.connection.scalars(select(tables.item.c.key)))
        named = view.connection.scalar(select(func.count()).select_from(tables.event_epc))
        logged = view.connection.scalar(
            select(func.count()).select_from(ledger_entry).where(ledger_entry.c.kind == 1)
        )
    keys = {epc.removeprefix("https://id.gs1.org") for epc in acknowledged}
    assert keys <= items, f"acknowledged and lost (seed {SEED})"
    assert stored == named == len(items) == logged, f"something twice (seed {SEED})"
    assert list(fsck(store, now=datetime.now(UTC))) == []


def test_ten_kills_lose_nothing_and_double_nothing(database):
    rounds_of_killing(database, 10)


@pytest.mark.slow
def test_many_kills_lose_nothing_and_double_nothing(database):
    rounds_of_killing(database, ROUNDS)
