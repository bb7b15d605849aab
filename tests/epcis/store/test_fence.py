"""PostgreSQL itself hides events from parties that took no part, should a query forget to."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest
from chain import MAKER, PHARMACY, WHOLESALER, commission, pack, receive, ship
from sqlalchemy import func, select, text

from epcis.capture import record
from epcis.ledger.store import Store
from epcis.store import event_tables

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PACKS = [pack(n) for n in range(12)]
pytestmark = pytest.mark.postgresql
EVENTS = select(func.count()).select_from(event_tables.event)


@pytest.fixture
def fenced(postgresql):
    """A store whose role is an ordinary one, as in production."""
    url = postgresql.new_database()
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS ordinary")
        admin.execute("CREATE ROLE ordinary LOGIN NOSUPERUSER NOBYPASSRLS")
        admin.execute("GRANT ALL ON SCHEMA public TO ordinary")
    store = Store.open(url.replace("packtrail@", "ordinary@"))
    store.create_all()
    with store.write(NOW) as tx:
        record(tx, [commission(0, PACKS), ship(1, PACKS), receive(2, PACKS)])
    yield store
    store.close()
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("DROP OWNED BY ordinary CASCADE")
        admin.execute("DROP ROLE ordinary")


def test_a_party_sees_its_events_only_even_where_the_query_forgets(fenced):
    def seen(party):
        with fenced.read(party=party) as snapshot:
            return snapshot.connection.scalar(EVENTS)

    assert seen(None) == 3
    assert seen(f"/414/{MAKER}") == 2
    assert seen(f"/414/{WHOLESALER}") == 2
    assert seen(f"/414/{PHARMACY}") == 0
    assert seen(None) == 3


def test_a_connection_that_says_nothing_sees_and_stores_nothing(fenced):
    with psycopg.connect(
        fenced.engine.url.set(drivername="postgresql").render_as_string()
    ) as plain:
        assert plain.execute("SELECT count(*) FROM event").fetchone() == (0,)


def test_the_setting_of_a_snapshot_ends_with_it_on_the_same_connection(fenced):
    with fenced.read(party=f"/414/{PHARMACY}") as snapshot:
        pid = snapshot.connection.scalar(text("SELECT pg_backend_pid()"))
    with fenced.read() as snapshot:
        assert snapshot.connection.scalar(text("SELECT pg_backend_pid()")) == pid
        assert snapshot.connection.scalar(EVENTS) == 3
