"""Files from the field about one pack, and the verdict that a careful pharmacist would give."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from epcis.capture import capture
from epcis.ledger.store import Store
from tests.verdicts import verify
from verification.decision.words import Reason, Word

NOW = datetime(2026, 2, 1, tzinfo=UTC)
GTIN = "00300012345671"


def asked_of(store, folder, *names):
    """The verdict on the one pack of some files, captured in their order."""
    for name in names:
        with (folder / name).open("rb") as file:
            receipt = capture(store, file, now=NOW)
        assert receipt.new, receipt
    with store.read() as snapshot:
        row = snapshot.driver.execute(
            "SELECT key FROM item_key WHERE key >= x'01' AND key < x'03' ORDER BY id LIMIT 1"
        ).fetchone()
        from epcis.database.columns import unpack_key

        _, _, gtin, _, serial = unpack_key(bytes(row[0])).split("/")
        assert gtin == GTIN
        return verify(snapshot, gtin, serial, now=NOW)


@pytest.mark.parametrize(
    ("names", "word", "reason"),
    [
        ("gs1ushc-ilmd-lot-not-read", Word.STOP, Reason.EXPIRED),
        ("disposition-expired-judged-OK", Word.STOP, Reason.EXPIRED),
        ("disposition-non_sellable_expired-judged-OK", Word.STOP, Reason.EXPIRED),
        ("disposition-non_sellable_recalled-judged-OK", Word.STOP, Reason.RECALLED),
        ("disposition-no_pedigree_match-judged-OK", Word.CHECK, Reason.NO_PEDIGREE_MATCH),
        ("destroyed-then-received-active-judged-OK", Word.STOP, Reason.SEEN_AFTER_END),
        ("dispensed-then-returned-judged-OK", Word.CHECK, Reason.RETURNED_AFTER_END),
        ("damaged-pack-in-case-that-moves-judged-OK", Word.CHECK, Reason.DAMAGED),
        ("persistent-recalled-1-commission persistent-recalled-2-set", Word.STOP, Reason.RECALLED),
    ],
)
def test_a_pack_of_the_field_gets_the_right_verdict(tmp_path, shared, names, word, reason):
    folder = shared / "field-cases" / "epcis"
    store = Store.open(str(tmp_path / "field.db"))
    store.create_all()
    try:
        told = asked_of(store, folder, *(f"{name}.xml" for name in names.split()))
    finally:
        store.close()
    assert (told.word, told.reason) == (word, reason), told
