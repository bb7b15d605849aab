"""A recall reaches every pack, tells every holder, and never ends in trade."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import compliance.service.migrations.tables  # noqa: F401  # so that all tables are made
from compliance.recall.recall import (
    close_recall,
    need_confirmation,
    open_recall,
    preview,
    reach,
    withdraw_recall,
)
from compliance.recall.record import find_recall, list_recalls, open_recall_of, packs_of, reach_now
from compliance.recall.scope import RecallRefused, RecallScope
from epcis.capture import capture, record
from epcis.ledger.store import Store
from epcis.model import ObjectEvent
from tests.verdicts import verify
from verification.decision.words import Reason, Word

NOW = datetime(2026, 6, 1, tzinfo=UTC)
GTIN, LOT = "00355555678908", "L77"
SCOPE = RecallScope.parse(gtin=GTIN, lot=LOT)


@pytest.fixture
def shipped(store: Store, examples: Path) -> Store:
    file = examples / "shipment.xml"
    capture(store, file.read_bytes(), now=NOW)
    return store


def recall_it(store: Store, reason: str = "glass particles"):
    return open_recall(store, GTIN, LOT, reason=reason, by="ann", now=NOW)


def word(store: Store, serial: str = "U1") -> tuple[Word, Reason]:
    with store.read() as snapshot:
        answer = verify(snapshot, GTIN, serial, now=NOW)
    return answer.word, answer.reason


def test_every_pack_and_every_holder_is_on_the_list(shipped: Store) -> None:
    opened = recall_it(shipped)
    with shipped.read() as snapshot:
        listed = list(packs_of(snapshot, opened))
    assert opened.packs == len(listed) == 4
    assert {pack.key for pack in listed} == {f"/01/{GTIN}/21/U{number}" for number in range(1, 5)}
    assert [(h.gln, h.name, h.packs) for h in opened.holders] == [
        ("0366666000014", "Example Wholesale Corp", 4)
    ]


def test_looking_at_the_reach_changes_nothing(shipped: Store) -> None:
    with shipped.read() as snapshot:
        assert sum(holder.packs for holder in reach(snapshot, GTIN, LOT)) == 4
        assert list_recalls(snapshot) == []
    assert word(shipped)[0] is Word.OK


def test_from_the_opening_on_every_pack_is_stopped_for_good(shipped: Store) -> None:
    opened = recall_it(shipped)
    assert word(shipped) == (Word.STOP, Reason.RECALLED)
    closed = close_recall(shipped, opened.id, by="ben", now=NOW + timedelta(days=30))
    assert (closed.closed_by, closed.packs) == ("ben", 4)
    assert word(shipped)[0] is Word.STOP


def test_opening_twice_is_one_recall_and_closing_twice_keeps_the_first_time(shipped: Store) -> None:
    first, second = recall_it(shipped), recall_it(shipped, "again")
    assert second == first
    assert second.reason == "glass particles"
    early = close_recall(shipped, first.id, by="ben", now=NOW)
    late = close_recall(shipped, first.id, by="cat", now=NOW + timedelta(days=1))
    assert late == early
    with shipped.read() as snapshot:
        assert open_recall_of(snapshot, SCOPE) is None
        assert find_recall(snapshot, first.id) == late


def test_a_lot_nobody_has_seen_can_be_recalled_first(shipped: Store) -> None:
    opened = open_recall(shipped, GTIN, "B777", reason="wrong leaflet", by="ann", now=NOW)
    assert (opened.packs, opened.holders) == (0, ())


@pytest.mark.parametrize(
    ("lot", "reason", "says"),
    [
        ("", "x", "say what is recalled"),
        ("L" * 21, "x", "20"),
        ("L", "  ", "why"),
        ("L", "x" * 501, "500"),
    ],
)
def test_a_recall_that_cannot_be_one_is_refused(shipped, lot: str, reason: str, says: str) -> None:
    with pytest.raises(RecallRefused, match=says):
        open_recall(shipped, GTIN, lot, reason=reason, by="ann", now=NOW)
    with shipped.read() as snapshot:
        assert list_recalls(snapshot) == []


def test_closing_what_was_never_opened_says_so(shipped: Store) -> None:
    with pytest.raises(RecallRefused, match="R-none"):
        close_recall(shipped, "R-none", by="ann", now=NOW)


def test_the_preview_counts_what_was_supplied_apart(shipped: Store) -> None:
    event = ObjectEvent(
        event_time="2026-03-01T10:00:00Z",
        event_time_zone_offset="+00:00",
        action="OBSERVE",
        biz_step="dispensing",
        disposition="dispensed",
        epcs=(f"https://id.gs1.org/01/{GTIN}/21/U1",),
    )
    with shipped.write(NOW) as tx:
        record(tx, [event])
    with shipped.read() as snapshot:
        before = preview(snapshot, GTIN, LOT)
        assert list_recalls(snapshot) == []
    assert (before.supplied, before.on_the_way, before.packs) == (1, 3, 4)
    assert recall_it(shipped).reach_at_opening == before
    with shipped.read() as snapshot:
        [one] = list_recalls(snapshot)
        assert reach_now(snapshot, one).counts == before


def test_a_lot_that_nobody_knows_is_recalled_only_where_it_is_typed_twice(shipped: Store) -> None:
    with shipped.read() as snapshot:
        unknown = RecallScope.parse(gtin=GTIN, lot="L78")
        need_confirmation(snapshot, SCOPE, "")
        need_confirmation(snapshot, unknown, "L78")
        with pytest.raises(RecallRefused, match="type the lot once more"):
            need_confirmation(snapshot, unknown, "")


def test_a_mistaken_recall_is_taken_back_by_two_persons_and_its_record_stays(
    shipped: Store,
) -> None:
    opened = recall_it(shipped)

    def withdraw(by: str):
        with shipped.write(NOW) as tx:
            return withdraw_recall(tx, opened.id, why="wrong lot typed", by=by)

    assert withdraw("ann").withdrawn is None
    assert word(shipped) == (Word.STOP, Reason.RECALLED)
    with pytest.raises(RecallRefused, match="second person"):
        withdraw("ann")
    assert word(shipped) == (Word.STOP, Reason.RECALLED)
    assert withdraw("bob").withdrawn == NOW
    assert word(shipped)[0] is Word.OK
    with shipped.read() as snapshot:
        kept = find_recall(snapshot, opened.id)
        assert open_recall_of(snapshot, SCOPE) is None
    assert (kept.withdraw_asked_by, kept.withdrawn_by, kept.packs) == ("ann", "bob", 4)
    with pytest.raises(RecallRefused, match="closed"):
        withdraw("eve")


def test_a_closed_recall_is_never_taken_back(shipped: Store) -> None:
    opened = recall_it(shipped)
    close_recall(shipped, opened.id, by="ann", now=NOW)
    with shipped.write(NOW) as tx, pytest.raises(RecallRefused, match="stay out of trade"):
        withdraw_recall(tx, opened.id, why="wrong lot typed", by="bob")
    assert word(shipped) == (Word.STOP, Reason.RECALLED)
