"""Stays 64 to a row say the same as stays one by one, whatever goes in and out, in any batches."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from epcis.database.raw_driver import RawDriver
from epcis.ledger.store import Store
from epcis.store import event_tables
from epcis.store.moments import ALWAYS
from epcis.store.named import masks_of
from epcis.store.stays import Stay, Stays, replace_stays, stays_in, stays_of

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ITEMS = (0, 1, 62, 63, 64, 65, 127, 128)
"""Both ends of blocks: the last item of one has the sign bit of its mask."""
CASES = (640, 704)

some_items = st.lists(st.sampled_from(ITEMS), min_size=1, unique=True)
moves = st.one_of(
    st.tuples(st.sampled_from(CASES), some_items),
    st.tuples(st.none(), some_items),
    st.just("write"),
)


@pytest.fixture(scope="module")
def kept_store(tmp_path_factory):
    store = Store.open(str(tmp_path_factory.mktemp("stays") / "packtrail.db"))
    store.create_all()
    yield store
    store.close()


def play(stays, moves):
    """Let items go in and out; returns the stays as a list of one by one."""
    inside, told = {}, []
    for moment, move in enumerate(moves):
        if move == "write":
            stays.write()
            continue
        parent, items = move
        for one in items:
            if one in inside:
                since, container = inside.pop(one)
                told.append(Stay(one, since, moment, container))
                stays.end(masks_of([one]), container, moment)
        if parent is not None:
            stays.begin(masks_of(items), parent, moment)
            inside.update((one, (moment, parent)) for one in items)
    stays.write()
    return told + [Stay(one, since, ALWAYS, parent) for one, (since, parent) in inside.items()]


@given(st.lists(moves, max_size=12))
@settings(max_examples=150, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
def test_stays_by_the_block_are_the_stays_of_each(kept_store, moves):
    with kept_store.write(NOW) as tx:
        tx.connection.execute(delete(event_tables.containment))
        told = play(Stays(RawDriver(tx)), moves)
        assert sorted(stays_of(RawDriver(tx), ITEMS)) == sorted(told)
        assert sorted(stays_in(RawDriver(tx), CASES)) == sorted(told)
        empty = select(func.count()).where(event_tables.containment.c.mask == 0)
        assert tx.connection.scalar(empty) == 0


@given(st.lists(moves, max_size=8), st.lists(moves, max_size=8), some_items)
@settings(max_examples=100, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
def test_stays_are_replaced_for_some_items_and_kept_for_their_neighbours(
    kept_store, before, after, items
):
    with kept_store.write(NOW) as tx:
        driver = RawDriver(tx)
        tx.connection.execute(delete(event_tables.containment))
        wanted = play(Stays(driver), after)
        tx.connection.execute(delete(event_tables.containment))
        kept = [stay for stay in play(Stays(driver), before) if stay.child not in items]
        instead = [stay for stay in wanted if stay.child in items]
        replace_stays(driver, items, instead)
        assert sorted(stays_of(driver, ITEMS)) == sorted(kept + instead)


def test_the_packs_of_a_case_are_few_rows_in_every_database(store):
    """Packed, unpacked in part, and the rest together: three rows of two blocks."""
    packs = list(range(64, 164))
    with store.write(NOW) as tx:
        stays = Stays(RawDriver(tx))
        stays.begin(masks_of(packs), 640, 1)
        stays.write()
        stays.end(masks_of(packs[:1]), 640, 5)
        stays.write()
        stays.end(masks_of(packs[1:]), 640, 9)
    with store.write(NOW) as tx:
        stays = Stays(RawDriver(tx))
        stays.end(masks_of(packs[1:]), 640, 9)
        stays.write()
        rows = tx.connection.scalar(select(func.count()).select_from(event_tables.containment))
        ends = {stay.child: stay.until for stay in stays_of(RawDriver(tx), packs)}
    assert rows == 3
    assert ends == {64: 5, **dict.fromkeys(packs[1:], 9)}
