"""The words that other programs read: a change here is a change of the interface."""

from __future__ import annotations

import pytest

from verification.decision import act, render, words
from verification.decision.facts import STATE_OF_ITEM
from verification.decision.sensors import SensorLimit
from verification.decision.words import PackState

WORDS = {
    words.Word: "OK STOP CHECK UNKNOWN",
    words.PackState: """
        Active Supplied Destroyed Exported Sample FreeSample Locked Stolen CheckedOut
        Decommissioned Uncommissioned
    """,
    words.LotState: "Active Held Recalled RecallClosed",
    words.ProductState: "Active Withdrawn",
    words.Doubt: "suspect illegitimate recalled quarantined",
    words.Reason: """
        unknown-serial not-confirmed lot-differs expiry-differs illegitimate withdrawn
        recalled expired lot-conflict expiry-conflict commissioned-twice seen-after-end
        stolen dispensed destroyed exported sample free-sample checked-out
        decommissioned suspect held quarantined locked no-pedigree-match mismatch
        non-conformant damaged needs-replacement not-sellable sensor-alarm
        returned-after-end returned unavailable condition-unknown unknown-disposition
        not-commissioned lot-not-recorded expiry-not-recorded cannot-tell
        unknown-product exempt genuine
    """,
    words.Result: """
        done not-to-supply already-active repeat-tolerated repeat-tolerated-last exempt
        product-unknown lot-and-serial-unknown serial-unknown lot-differs expiry-differs
        already-in-state impossible undo-other-type undo-too-late undo-elsewhere
        undo-refused recalled held withdrawn expired stopped to-check not-allowed
        not-owner time-not-plausible transaction-reused cannot-tell
    """,
    act.ParticipantRole: "mah pd wholesaler pharmacy hospital nca nmvo repository unregistered",
    act.CustomerCategory: """
        other-supplier veterinarian dentist optician paramedic civil-protection
        university prison school hospice nursing-home
    """,
    act.PackAct: """
        verify supply partial-supply destroy export sample free-sample lock stolen
        check-out undo
    """,
    act.MatrixRow: """
        Active Supplied Exported Sample FreeSample Locked CheckedOut Destroyed Stolen
        Decommissioned Uncommissioned Expired Recalled Held Withdrawn
    """,
    render.FailureReason: """
        Manufacturer_policy No_match_GTIN_Serial No_match_GTIN_Serial_Lot_Expiry
        No_match_GTIN_Serial_Lot No_match_GTIN_Serial_Expiry No_reason_provided
        Not_for_re-distribution
    """,
    render.AdditionalInfo: "Illegitimate Suspect Recalled Expired ExpirationExtended",
}
"""The values of each enumeration, in order; a blank in one stands as `_`, none at all as `-`."""


@pytest.mark.parametrize("kind", WORDS, ids=lambda kind: kind.__name__)
def test_the_words_of_the_interface_stay(kind) -> None:
    assert [one.value.replace(" ", "_") or "-" for one in kind] == WORDS[kind].split()


def test_what_became_of_an_item_is_a_state_of_its_pack() -> None:
    ended = {
        "dispensed": PackState.SUPPLIED,
        "decommissioned": PackState.DECOMMISSIONED,
        "destroyed": PackState.DESTROYED,
        "exported": PackState.EXPORTED,
        "stolen": PackState.STOLEN,
        "sampled": PackState.SAMPLE,
        "lost": PackState.DECOMMISSIONED,
        "locked": PackState.LOCKED,
        "consumed": PackState.CHECKED_OUT,
        "": PackState.UNCOMMISSIONED,
    }
    assert ended.items() <= STATE_OF_ITEM.items()
    assert "in_transit" not in STATE_OF_ITEM, "it is still in trade"


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (None, "8", "Temperature up to 8 CEL"),
        ("2", None, "Temperature from 2 CEL"),
        ("2", "8", "Temperature 2 to 8 CEL"),
    ],
)
def test_a_limit_says_itself_whichever_side_is_open(low, high, text) -> None:
    assert SensorLimit("Temperature", "CEL", low, high).text == text
