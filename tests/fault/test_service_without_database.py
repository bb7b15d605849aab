"""PostgreSQL goes away under load: 503 with Retry-After, a short log, nothing lost, and back."""

from __future__ import annotations

import json
import threading
from collections import Counter

import pytest
from chain import pack, see
from databases import new_cluster
from service import Service, eventually

from epcis.codec.document import write_event_json
from epcis.ledger.store import Store
from epcis.store.items import item
from schemas.gs1.epc import canonical_key

pytestmark = pytest.mark.postgresql
SENDERS = 4
LINES_MAX = 60
"""Of the log in one restart: a few for each worker, whatever the load."""


@pytest.fixture
def own_cluster():
    yield from new_cluster()


class Sender(threading.Thread):
    """Sends one event after the other until it is stopped; what was acknowledged must stay."""

    def __init__(self, service: Service, number: int, stop: threading.Event) -> None:
        super().__init__()
        self._service, self._number, self._until = service, number, stop
        self.kept: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.unexplained: list[bytes] = []

    def run(self) -> None:
        serial = 0
        while not self._until.is_set():
            serial += 1
            epc = pack(f"{self._number}x{serial}")
            body = write_event_json(see(serial % 5000, [epc], "storing"))
            status, headers, said = self._service.ask("POST", "/epcis/events", body)
            self.statuses[status] += 1
            if status == 201:
                self.kept.append(epc)
            elif status != 503 or int(headers.get("retry-after", 0)) < 1:
                self.unexplained.append(said)
            else:
                self._until.wait(0.02)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_senders_are_told_to_come_back_and_nothing_is_lost(own_cluster, tmp_path, mode):
    url = own_cluster.new_database()
    stop = threading.Event()
    with Service(tmp_path, url) as service:
        senders = [Sender(service, number, stop) for number in range(SENDERS)]
        for sender in senders:
            sender.start()
        try:
            eventually(lambda: sum(len(one.kept) for one in senders) > 20)
            own_cluster.stop(mode)
            eventually(lambda: sum(one.statuses[503] for one in senders) > 40)
            own_cluster.start()
            before = {one: len(one.kept) for one in senders}
            eventually(lambda: all(len(one.kept) > before[one] + 5 for one in senders))
        finally:
            stop.set()
            for sender in senders:
                sender.join()
        lines = [json.loads(line) for line in service.log.splitlines()]
    assert [one.unexplained for one in senders] == [[]] * SENDERS
    assert set().union(*(one.statuses for one in senders)) == {201, 503}
    assert len(lines) <= LINES_MAX, Counter(line["event"] for line in lines)
    assert not any("stack" in line for line in lines), "a database that is away is no fault of ours"
    store = Store.open(url)
    with store.read() as snapshot:
        assert all(item(snapshot, canonical_key(epc)) for one in senders for epc in one.kept)
    store.close()
