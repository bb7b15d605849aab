"""After a large capture PostgreSQL knows how large its tables are, before autovacuum looks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from chain import case, commission, pack, put

from epcis.capture import record
from epcis.database.connections import analyse_grown
from epcis.ledger.store import Store

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LARGE = {"event", "item", "ledger_entry"}

pytestmark = pytest.mark.postgresql


@pytest.fixture
def store(postgresql):
    opened = Store.open(postgresql.new_database())
    opened.create_all()
    with opened.engine.begin() as connection:
        for table in LARGE:
            connection.exec_driver_sql(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
    yield opened
    opened.close()


def capture_cases(store, cases, *, long):
    packs = {number: [pack(number * 10 + n) for n in range(10)] for number in cases}
    with store.write(NOW, long=long) as tx:
        for number, inside in packs.items():
            record(tx, [commission(0, inside), put(1, case(number), inside)])


def never_analysed(store):
    names = ", ".join(f"'{name}'" for name in LARGE)
    unknown = f"SELECT relname FROM pg_class WHERE reltuples < 0 AND relname IN ({names})"
    with store.read() as snapshot:
        return {row[0] for row in snapshot.driver.execute(unknown)}


def test_a_large_act_leaves_no_table_to_guesses(store):
    capture_cases(store, range(600), long=False)
    assert never_analysed(store) == LARGE
    capture_cases(store, range(600, 1200), long=True)
    assert never_analysed(store) == set()


def test_tables_are_analysed_again_when_they_have_doubled_and_not_before(store):
    capture_cases(store, range(600), long=False)
    assert set(analyse_grown(store.engine)) >= LARGE
    capture_cases(store, range(600, 700), long=False)
    assert not LARGE.intersection(analyse_grown(store.engine))
    capture_cases(store, range(700, 1900), long=False)
    assert set(analyse_grown(store.engine)) >= LARGE
