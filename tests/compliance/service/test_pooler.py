"""Behind PgBouncer in transaction mode each transaction gets any connection, and all is as without.

What one transaction left on a connection (a prepared statement, a setting, the party it served)
would be met by another client's next one.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from chain import WHOLESALER, commission, pack, see
from poolers import pooler, through
from service import Service, document, eventually
from sqlalchemy import func, select

from epcis.codec.document import write_event_json
from epcis.database.whole_copy import CopyRefused, put_back
from epcis.fsck import fsck
from epcis.http_context import utc_now
from epcis.ledger.store import Store
from epcis.store.event_tables import event

pytestmark = pytest.mark.postgresql
SENDERS, EACH = 6, 20
LARGE_EVENTS = 1200
"""So many that the document is a job for a worker."""


@pytest.fixture
def folder():
    """A scratch folder with a short path, as a socket needs."""
    made = Path(tempfile.mkdtemp(prefix="pt-pool-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_a_company_and_its_partner_work_behind_a_pooler_as_without(postgresql, folder, tmp_path):
    url = postgresql.new_database_of("service")
    with pooler(postgresql, folder, role="service") as place:
        address = through(place, url)
        with Service(tmp_path, address) as service:
            partner = service.run(
                *("access", "new-key", "partner", "--scopes", "capture,query,verify"),
                *("--party", WHOLESALER, "--json"),
            ).json["key"]
            statuses: Counter[int] = Counter()
            seen_by_partner: set[int] = set()

            def send(sender: int) -> None:
                for number in range(EACH):
                    alone = see(number, [pack(f"{sender}x{number}")], "storing")
                    packed = see(number, [pack(f"{sender}y{number}")], "storing")
                    for path, body in (
                        ("/epcis/events", write_event_json(alone)),
                        ("/epcis/capture", document(packed)),
                    ):
                        statuses[service.ask("POST", path, body)[0]] += 1
                    theirs = service.get("/epcis/events", key=partner)
                    seen_by_partner.add(len(theirs["epcisBody"]["queryResults"]["resultsBody"]
                                            ["eventList"]))  # fmt: skip

            one = see(1, [pack("theirs")], "storing")
            said = service.ask("POST", "/epcis/events", write_event_json(one), key=partner)
            assert said[0] == 201
            many = document(*(commission(1, [pack(f"big{n}")]) for n in range(LARGE_EVENTS)))
            status, headers, _ = service.ask("POST", "/epcis/capture", many)
            assert status == 202
            with ThreadPoolExecutor(SENDERS) as senders:
                list(senders.map(send, range(SENDERS)))
            assert set(statuses) == {201, 202}, statuses
            assert seen_by_partner == {1}, "a partner sees its own event, whoever asked before it"
            job = "/epcis/capture/" + headers["location"].rpartition("/")[2]
            eventually(lambda: not service.get(job)["running"])
            assert service.get(job)["success"], service.get(job)["errors"]
            assert '"level": "error"' not in service.log
        store = Store.open(address)
        with store.read() as snapshot:
            count = snapshot.connection.scalar(select(func.count()).select_from(event))
        assert count == SENDERS * EACH * 2 + LARGE_EVENTS + 1
        assert list(fsck(store, now=utc_now())) == []
        store.close()


def test_a_pooler_whose_connections_serve_nobody_is_refused(postgresql, folder):
    """Row-level security would hide every event from the operator."""
    url = postgresql.new_database_of("service")
    with pooler(postgresql, folder, role="service", connect_query="") as place:
        store = Store.open(through(place, url))
        with pytest.raises(ValueError, match="connect_query"), store.read():
            pass
        store.close()


def test_programs_of_postgresql_and_other_poolers_are_refused(tmp_path):
    address = "postgresql://packtrail@/trail?host=/nowhere&pooler=transaction"
    with pytest.raises(CopyRefused, match="its own address"):
        put_back(address, tmp_path / "copy")
    with pytest.raises(ValueError, match="pooler=statement is unknown"):
        Store.open(address.replace("transaction", "statement"))
