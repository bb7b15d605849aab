"""Of several servers on one database one does a piece of work, and another one when it died."""

from __future__ import annotations

import pytest

from epcis.database.raw_driver import RawDriver
from epcis.ledger.store import Store
from epcis.store.lease import end_old_leases, leased

pytestmark = pytest.mark.postgresql


@pytest.fixture
def servers(postgresql):
    """Two servers on one database."""
    address = postgresql.new_database()
    one, other = Store.open(address), Store.open(address)
    one.create_all()
    yield one, other
    one.close()
    other.close()


def cut_off(store: Store, work: str) -> None:
    """As if the holder had not renewed its lease for long."""
    with store.transaction() as connection:
        connection.exec_driver_sql("UPDATE lease SET until_us = 1 WHERE work = %s", (work,))


def test_work_that_one_has_no_other_gets_until_it_is_given_back(servers):
    one, other = servers
    with leased(one, "export 1") as ours:
        assert ours is not None
        with leased(other, "export 1") as theirs, leased(other, "export 2") as further:
            assert theirs is None
            assert further is not None
    with leased(other, "export 1") as theirs:
        assert theirs is not None


def test_who_was_taken_for_dead_sees_that_its_result_is_no_longer_wanted(servers):
    one, other = servers
    with leased(one, "export 1") as slow:
        cut_off(one, "export 1")
        with leased(other, "export 1") as quick:
            assert quick is not None
            with one.read() as snapshot:
                owners = RawDriver(snapshot).all("SELECT holder FROM lease")
            assert owners == [(quick.holder,)]
            for store, lease, held in ((one, slow, False), (other, quick, True)):
                with store.transaction() as connection:
                    assert lease.holds(snapshot_of(store, connection)) is held
    with leased(one, "export 1") as again:
        assert again is not None


def snapshot_of(store, connection):
    from epcis.database.transactions import Snapshot

    return Snapshot(connection, store.companions)


def test_a_holder_that_works_long_keeps_its_lease(servers):
    one, other = servers
    with leased(one, "export 1", lease_s=3) as ours:
        before = until(one)
        while until(one) <= before:  # the end moves on while it works
            with leased(other, "export 1") as theirs:
                assert theirs is None
        with one.transaction() as connection:
            assert ours.holds(snapshot_of(one, connection))


def test_leases_that_ended_long_ago_are_forgotten(servers):
    one, other = servers
    with leased(one, "export 1"):
        cut_off(one, "export 1")
        with leased(one, "export 2"):
            end_old_leases(other)
            with one.read() as snapshot:
                assert RawDriver(snapshot).all("SELECT work FROM lease") == [("export 2",)]


def until(store: Store) -> int:
    with store.read() as snapshot:
        row = RawDriver(snapshot).one("SELECT until_us FROM lease")
    assert row is not None
    return int(row[0])
