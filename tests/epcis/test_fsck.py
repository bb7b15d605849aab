"""fsck finds what somebody changed behind the store's back, and rebuilds state from events."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from chain import case, commission, pack, put, receive, see, ship, wrong
from sqlalchemy import delete, select, text, update

from epcis.capture import capture, record
from epcis.codec.document import write_event_json
from epcis.fsck import fsck
from epcis.store import event_tables
from epcis.store.items import item
from epcis.store.moments import ALWAYS
from epcis.store.payload import pack_event
from schemas.gs1.epc import canonical_key

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PACKS = [pack(n) for n in range(4)]
STORY = [
    commission(0, PACKS),
    put(1, case(1), PACKS),
    ship(2, [case(1)]),
    receive(3, [case(1)]),
    see(4, PACKS[:1], "dispensing", "dispensed"),
]


@pytest.fixture
def sound(store):
    with store.write(NOW) as tx:
        record(tx, [*STORY, wrong(STORY[4], 9)])
    capture(store, write_event_json(see(8, PACKS[1:2], "storing")), now=NOW)
    return store


def found(store, **how):
    return [(finding.code, finding.severity.value) for finding in fsck(store, now=NOW, **how)]


def test_a_sound_store_has_nothing_to_say_and_tells_progress(sound):
    told = []
    assert list(fsck(sound, now=NOW, progress=lambda what, count: told.append((what, count)))) == []
    assert {("documents", 1), ("events", 7), ("items", 5)} <= set(told)


def test_a_rebuild_of_a_sound_store_changes_nothing(sound):
    def dump():
        with sound.read() as snapshot:
            return [
                sorted(map(tuple, snapshot.connection.execute(select(table))))
                for table in (event_tables.item, event_tables.containment)
            ]

    before = dump()
    assert found(sound, rebuild=True) == []
    assert dump() == before


STATE_AND_STOCK = {"store.state-differs", "store.stock-differs"}
"""Stock is a view of the items, so it differs from items that were changed."""


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        (update(event_tables.item).values(parent=None), STATE_AND_STOCK),
        (update(event_tables.item).values(lot=None), STATE_AND_STOCK),
        (delete(event_tables.containment), {"store.containment-differs"}),
        (
            update(event_tables.containment)
            .where(event_tables.containment.c.until == ALWAYS)
            .values(until=1 << 61),
            {"store.containment-differs"},
        ),
    ],
)
def test_changed_state_is_found_and_rebuilt(sound, change, codes):
    with sound.read() as snapshot:
        before = item(snapshot, canonical_key(PACKS[1]))
    with sound.write(NOW) as tx:
        tx.connection.execute(change)
    assert {one for one, _ in found(sound)} == codes
    assert {severity for _, severity in found(sound, rebuild=True)} == {"warning"}
    assert found(sound) == []
    with sound.read() as snapshot:
        assert item(snapshot, canonical_key(PACKS[1])) == before


@pytest.mark.parametrize(
    "change",
    [
        update(event_tables.event).where(event_tables.event.c.seq == 5).values(voided=False),
        update(event_tables.event).where(event_tables.event.c.seq == 1).values(
            payload=pack_event(commission(0, PACKS[:3]))
        ),
        update(event_tables.event).where(event_tables.event.c.seq == 1).values(payload=b"\x00\x01"),
        update(event_tables.event)
        .where(event_tables.event.c.seq == 1)
        .values(event_id="urn:uuid:other"),
        delete(event_tables.event_epc).where(event_tables.event_epc.c.seq == 1),
    ],
)  # fmt: skip
def test_a_changed_event_is_found_and_no_stack_trace_is_shown(sound, change):
    with sound.write(NOW) as tx:
        tx.connection.execute(change)
    assert ("store.event-differs", "critical") in found(sound)


def test_changed_document_bytes_are_found(sound):
    with sound.write(NOW) as tx:
        tx.connection.execute(update(event_tables.document_part).values(content=b"broken"))
    assert found(sound) == [("store.document-differs", "critical")]


def test_a_deleted_event_is_found_by_the_state_that_leaned_on_it(sound):
    with sound.write(NOW) as tx:
        tx.connection.execute(text("DELETE FROM event WHERE seq = 2"))
    assert "store.state-differs" in {code for code, _ in found(sound)}
