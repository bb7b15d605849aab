"""A log to look at, and the hands of somebody who wants to falsify it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from compliance.seal import Keys
from epcis.capture import record
from epcis.ledger.entry import LeafKind
from epcis.ledger.sequencer import catch_up
from epcis.ledger.store import Store
from epcis.model import BizTransaction, ObjectEvent

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def shipped(serial: int) -> ObjectEvent:
    """One pack leaves the house under an order number."""
    return ObjectEvent(
        event_time=(NOW - timedelta(days=1, seconds=-serial)).isoformat(),
        event_time_zone_offset="+00:00",
        action="OBSERVE",
        biz_step="urn:epcglobal:cbv:bizstep:shipping",
        epcs=(f"urn:epc:id:sgtin:0355555.067890.{1000 + serial}",),
        biz_transactions=(BizTransaction(id=f"urn:epcglobal:cbv:bt:0355555000013:{serial}"),),
    )


def tell(store: Store, events: range, *, now: datetime = NOW) -> None:
    """Record events and, beside every tenth, who asked for something."""
    with store.write(now) as tx:
        together: list[ObjectEvent] = []
        for serial in events:
            together.append(shipped(serial))
            if serial % 10 == 0:
                record(tx, together)
                together.clear()
                tx.log(LeafKind.ACCESS, b'{"act":"signed-in"}', b'{"address":"192.0.2.7"}')
        record(tx, together)
    catch_up(store, now=now)


@pytest.fixture
def told(store: Store) -> Store:
    """A log of 330 entries, two of them long ago enough to be in a full tile."""
    for start in range(0, 300, 100):
        tell(store, range(start, start + 100), now=NOW + timedelta(minutes=start))
    return store


@pytest.fixture
def falsify(told: Store):
    """Run SQL past all guards, as a database administrator can."""

    def run(*statements: str) -> None:
        with told.engine.connect() as connection:
            driver = connection.connection.driver_connection
            cursor = driver.cursor()
            if told.is_sqlite:
                triggers = cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
                for (name,) in triggers.fetchall():
                    cursor.execute(f"DROP TRIGGER {name}")
            else:
                cursor.execute("SET session_replication_role = replica")
            for statement in statements:
                cursor.execute(statement)
            driver.commit()

    return run


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Keys that sign the log."""
    return Keys.open(tmp_path_factory.mktemp("house") / "keys")
