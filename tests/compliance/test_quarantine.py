"""Holds that bite: a quality manager holds goods, every door waits, a second person frees them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from chain import GTIN, case, commission, pack, put, see
from material import EXAMPLES

from compliance.quarantine.quarantine import (
    REVIEW_DUE,
    find_quarantine,
    list_quarantines,
    place_quarantine,
    release_quarantine,
    things_held,
)
from compliance.quarantine.subject import QuarantineRefused, QuarantineSubject
from epcis.capture import capture, record
from epcis.fsck.log import audit_log
from epcis.trace import trace
from verification.decision.act import TO_VERIFY, Asked, PackAct, Wish
from verification.decision.decide import decide
from verification.decision.facts import facts_of
from verification.decision.rule_pack import shipped
from verification.decision.words import Reason, Word

PALLET = case(1)
SSCC = re.search(r"/00/(\d{18})", PALLET)[1]


NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def now():
    return NOW


@pytest.fixture
def stock(store, now):
    """Packs 1 to 4; the first two in a case that stands on a pallet."""
    with store.write(now) as tx:
        record(tx, [
            commission(0, [pack(number) for number in range(1, 5)]),
            put(1, case(2), [pack(1), pack(2)]),
            put(2, PALLET, [case(2)]),
        ])  # fmt: skip
    return store


def judged(store, number, now, wish=TO_VERIFY):
    with store.read() as snapshot:
        facts = facts_of(snapshot, Asked(GTIN, f"P{number}", "L1"))
    return decide(facts, wish, shipped(), now)


def waiting(store, now, numbers=range(1, 5)):
    return {n for n in numbers if Reason.QUARANTINED in judged(store, n, now).reasons}


def hold(store, now, kind="pallet", by="ann", **what):
    what = what or {"container": SSCC}
    with store.write(now) as tx:
        subject = QuarantineSubject.parse(kind, **what)
        return place_quarantine(tx, subject, reason="broken seal", by=by)


def free(store, number, now, by="bob"):
    with store.write(now) as tx:
        return release_quarantine(tx, number, why="seal was replaced", by=by)


def test_a_hold_on_the_pallet_holds_what_is_in_it_until_a_second_person_frees_it(stock, now):
    held = hold(stock, now)
    assert held.things == 4
    assert waiting(stock, now) == {1, 2}
    assert judged(stock, 1, now).verdict is Word.CHECK
    assert not judged(stock, 1, now, Wish(PackAct.SUPPLY)).may_proceed
    assert not judged(stock, 1, now, Wish(PackAct.DESTROY)).may_proceed
    with pytest.raises(QuarantineRefused, match="two-person rule"):
        free(stock, held.id, now, by="ann")
    assert waiting(stock, now) == {1, 2}
    freed = free(stock, held.id, now)
    assert (freed.released_by, freed.why) == ("bob", "seal was replaced")
    assert waiting(stock, now) == set()
    with pytest.raises(QuarantineRefused, match="released already"):
        free(stock, held.id, now)


def test_what_is_put_into_a_held_pallet_waits_while_it_is_inside(stock, now):
    held = hold(stock, now)
    with stock.write(now) as tx:
        record(tx, [put(3, PALLET, [pack(3)])])
    assert waiting(stock, now) == {1, 2, 3}
    with stock.write(now) as tx:
        record(tx, [put(4, PALLET, [pack(3)], action="DELETE"),
                    put(5, case(2), [pack(1)], action="DELETE")])  # fmt: skip
    assert waiting(stock, now) == {1, 2}
    free(stock, held.id, now)
    assert waiting(stock, now) == set()


def test_two_holds_on_one_pack_must_both_be_released(stock, now):
    pallet, inner = hold(stock, now), hold(stock, now, "case", container=case(2))
    lot = hold(stock, now, "lot", gtin=GTIN, lot="L1")
    free(stock, pallet.id, now)
    free(stock, lot.id, now)
    assert waiting(stock, now) == {1, 2}
    free(stock, inner.id, now)
    assert waiting(stock, now) == set()


@pytest.mark.parametrize(
    ("kind", "what", "held"),
    [
        ("product", {"gtin": GTIN}, {1, 2, 3, 4, 7}),
        ("lot", {"gtin": GTIN, "lot": "L1"}, {1, 2, 3, 4, 7}),
        ("lot", {"gtin": GTIN, "lot": "L2"}, set()),
        ("pack", {"gtin": GTIN, "serial": "P3"}, {3}),
        ("range", {"gtin": GTIN, "serial": "P2", "serial_to": "P3"}, {2, 3}),
    ],
)
def test_a_class_of_packs_is_held_with_those_that_come_later(stock, now, kind, what, held):
    quarantine = hold(stock, now, kind, **what)
    with stock.write(now) as tx:
        record(tx, [commission(9, [pack(7), pack(33)])])
    assert waiting(stock, now, (1, 2, 3, 4, 7)) == held
    free(stock, quarantine.id, now)
    assert waiting(stock, now, (1, 2, 3, 4, 7)) == set()


def test_no_word_of_a_partner_ends_a_quarantine_of_ours(stock, now):
    hold(stock, now)
    capture(stock, _said_by_a_partner(), now=now)
    assert waiting(stock, now) == {1, 2}


def _said_by_a_partner():
    event = {
        "type": "ObjectEvent", "eventTime": "2026-04-01T10:00:00Z", "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE", "bizStep": "inspecting", "disposition": "sellable_accessible",
        "epcList": [pack(1), pack(2), PALLET],
        "persistentDisposition": {"unset": ["urn:packtrail:disp:quarantined_here", "recalled"]},
    }  # fmt: skip
    document = {
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
        "type": "EPCISDocument", "schemaVersion": "2.0", "creationDate": "2026-04-01T10:00:00Z",
        "epcisBody": {"eventList": [event]},
    }  # fmt: skip
    return json.dumps(document).encode()


def test_a_hold_moves_nothing_and_marks_no_pack_that_has_left(stock, now):
    with stock.write(now) as tx:
        record(tx, [see(6, [pack(2)], "destroying", "destroyed")])
    before = {n: judged(stock, n, now).reasons for n in (2, 4)}
    free(stock, hold(stock, now).id, now)
    assert {n: judged(stock, n, now).reasons for n in (2, 4)} == before
    with stock.read() as snapshot:
        story = trace(snapshot, pack(1))
    assert [told.type for told in story.events].count("TransactionEvent") == 2


def test_a_shipment_is_held_by_the_number_on_its_papers(store, now):
    capture(store, (EXAMPLES / "shipment.xml").read_bytes(), now=now)
    number = re.search(r"bt:0366666000014:([^<]*)<", (EXAMPLES / "shipment.xml").read_text())[1]
    held = hold(store, now, "shipment", document=number)
    with store.read() as snapshot:
        keys = list(things_held(snapshot, held.id))
        facts = facts_of(snapshot, Asked("00355555678908", "U1"))
    assert len(keys) == held.things == 7
    assert Reason.QUARANTINED in decide(facts, TO_VERIFY, shipped(), now).reasons


@pytest.mark.parametrize(
    ("kind", "what", "says"),
    [
        ("lot", {"gtin": GTIN}, "lot"),
        ("pallet", {"container": "ACME"}, "names no case"),
        ("pallet", {"container": case(9)}, "no event names"),
        ("shipment", {"document": "PO-0"}, "no shipment"),
        ("range", {"gtin": GTIN, "serial": "P9", "serial_to": "P10"}, "same length"),
        ("crate", {"gtin": GTIN}, "crate"),
        ("pack", {"gtin": "123", "serial": "P1"}, "digits"),
    ],
)
def test_what_cannot_be_held_is_refused_and_nothing_changes(stock, now, kind, what, says):
    with pytest.raises(QuarantineRefused, match=says):
        hold(stock, now, kind, **what)
    with stock.read() as snapshot:
        assert list_quarantines(snapshot) == []


def test_who_decides_and_by_when_is_kept_and_the_log_agrees(stock, now):
    held = hold(stock, now)
    assert (held.owner, held.due) == ("ann", now + REVIEW_DUE)
    late = held.due + timedelta(seconds=1)
    assert held.is_overdue(late)
    assert not held.is_overdue(held.due)
    free(stock, held.id, now)
    with stock.read() as snapshot:
        found = find_quarantine(snapshot, held.id)
        assert not found.is_overdue(late)
    assert list(audit_log(stock)) == []
