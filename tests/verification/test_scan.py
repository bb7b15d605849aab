"""What workstations spoil is recovered and said; what cannot be told apart is never chosen."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.gs1.content_rules import CSET_82, check_digit
from schemas.gs1.element_string import GS
from verification.scan import Layout, Repair, calibrate, calibration_text, recover
from verification.scan.keyboard import KEYBOARDS, Keyboard
from verification.scan.separators import STAND_INS

GTIN = "09506000134352"
OTHER = "09506000117843"
ALPHANUMERIC = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


class Shelf:
    """A store that knows a few packs."""

    def __init__(self, *packs):
        self.packs = packs

    def knows_gtin(self, gtin):
        return any(gtin == g for g, _, _ in self.packs)

    def knows_lot(self, gtin, lot):
        return any((gtin, lot) == (g, found) for g, _, found in self.packs)

    def knows_pack(self, gtin, serial):
        return any((gtin, serial) == (g, s) for g, s, _ in self.packs)


def pack(serial="A1", lot="L1", *, gtin=GTIN, separator=GS, prefix="]d2"):
    return f"{prefix}01{gtin}21{serial}{separator}1727053110{lot}"


def content(found):
    return (found.reading.gtin, found.reading.serial, found.reading.lot)


def codes(found):
    return [finding.code for finding in found.reading.findings]


def test_a_clean_scan_is_one_reading_with_nothing_to_say():
    (found,) = recover(pack())
    assert content(found) == (GTIN, "A1", "L1")
    assert found.repairs == ()
    assert found.reading.findings == ()
    assert found.as_dict()["recovered"] == []


@pytest.mark.parametrize("stand_in", STAND_INS)
@pytest.mark.parametrize("prefix", ["]d2", ""])
def test_what_people_and_scanners_write_for_the_separator(stand_in, prefix):
    found = recover(pack(separator=stand_in, prefix=prefix))
    assert content(found[0]) == (GTIN, "A1", "L1")
    assert Repair.SEPARATOR_SUBSTITUTED in found[0].repairs
    assert "scan.separator-substituted" in codes(found[0])
    # A stand-in whose characters GS1 data may hold could be data: then both readings are told.
    data = set(stand_in) <= set(CSET_82)
    assert ("scan.ambiguous" in codes(found[0])) == (data and len(found) > 1)


def test_a_line_end_is_left_out_and_said():
    (found,) = recover(pack() + "\r\n")
    assert content(found) == (GTIN, "A1", "L1")
    assert found.repairs == (Repair.LINE_END,)


@given(
    st.text(alphabet=CSET_82, min_size=1, max_size=20),
    st.text(alphabet=CSET_82, min_size=1, max_size=20),
    st.sampled_from(KEYBOARDS),
    st.sampled_from([GS, "|"]),
)
def test_with_its_prefix_every_keyboard_is_undone(serial, lot, keyboard, separator):
    true = pack(serial, lot)
    typed = keyboard.types(true).replace(GS, separator)
    found = recover(typed)
    # What two keyboards would have typed alike is never chosen for the user.
    assert (GTIN, serial, lot) in [content(f) for f in found]
    assert len(found) == 1 or all(f.is_ambiguous for f in found)


@given(
    st.text(alphabet="0123456789ABCDEFGHJKLMNPQRSTUVWX", min_size=1, max_size=20),
    st.sampled_from([keyboard for keyboard in KEYBOARDS if not keyboard.caps_lock]),
)
def test_a_prefix_is_enough_for_what_all_its_keyboards_type_alike(serial, keyboard):
    (found,) = recover(keyboard.types(pack(serial, "L1")))
    assert content(found) == (GTIN, serial, "L1")
    assert not found.is_ambiguous


@given(st.text(alphabet=ALPHANUMERIC, min_size=4, max_size=12), st.sampled_from(KEYBOARDS))
def test_without_prefix_the_true_reading_is_among_those_told(serial, keyboard):
    typed = keyboard.types(pack(serial, "L1", prefix="")).replace(GS, "|")
    found = recover(typed)
    assert (GTIN, serial, "L1") in [content(f) for f in found]
    if len(found) > 1:
        assert all("scan.ambiguous" in codes(f) for f in found)


def test_a_missing_identifier_is_said_only_where_another_keyboard_would_read_otherwise():
    (found,) = recover(pack("ABC", prefix=""))
    assert codes(found) == []
    for doubtful in ("AYZ", "A-C", "abc"):
        (found,) = recover(pack(doubtful, prefix=""))
        assert content(found) == (GTIN, doubtful, "L1")
        assert codes(found) == ["scan.layout-unproven"]


def test_the_store_tells_which_of_two_readings_is_meant():
    typed = pack("AYZ1", prefix="", separator="|")
    blind = recover(typed)
    assert {f.reading.serial for f in blind} == {"AYZ1", "AZY1"}
    seen = recover(typed, Shelf((GTIN, "AZY1", "L1")))
    assert seen[0].reading.serial == "AZY1"
    assert seen[0].known == ("pack", "lot", "gtin")
    # The other is told too: nothing is chosen silently.
    assert {f.reading.serial for f in seen} == {"AYZ1", "AZY1"}
    # A pack known as it came needs no second thought about keyboards.
    (found,) = recover(typed, Shelf((GTIN, "AYZ1", "L1")))
    assert found.reading.serial == "AYZ1"


def test_a_store_may_know_what_no_sign_betrays():
    typed = pack("abc", prefix="")
    assert [f.reading.serial for f in recover(typed)] == ["abc"]
    found = recover(typed, Shelf((GTIN, "ABC", "L1")))
    assert [f.reading.serial for f in found] == ["ABC", "abc"]


def _random_pack(rng, alphabet, order):
    payload = "0" + "".join(rng.choices("0123456789", k=12))
    values = {
        "01": payload + check_digit(payload),
        "21": "".join(rng.choices(alphabet, k=rng.randint(6, 20))),
        "10": "".join(rng.choices(alphabet, k=rng.randint(4, 12))),
        "17": f"{rng.randint(25, 35)}{rng.randint(1, 12):02}{rng.randint(0, 28):02}",
    }
    return values, "".join(code + values[code] for code in order)


@pytest.mark.parametrize("order", ["01 21 17 10", "01 17 10 21", "01 21 10 17", "01 10 17 21"])
@pytest.mark.parametrize(("alphabet", "unique_min"), [(ALPHANUMERIC, 0.95), ("0123456789", 0.6)])
def test_lost_separators_leave_the_truth_among_the_readings(alphabet, unique_min, order):
    rng = random.Random(order + alphabet)
    rounds, unique = 60, 0
    for _ in range(rounds):
        values, text = _random_pack(rng, alphabet, order.split())
        found = recover("]d2" + text)
        assert values in [f.reading.elements for f in found]
        # A law-abiding pack has all four; readings that lack one are told, but later.
        unique += [set(f.reading.elements) for f in found].count(set(values)) == 1
        assert len(found) == 1 or all("scan.ambiguous" in codes(f) for f in found)
        # The store decides what the text cannot.
        shelf = Shelf((values["01"], values["21"], values["10"]))
        assert recover("]d2" + text, shelf)[0].reading.elements == values
    assert unique >= unique_min * rounds


@pytest.mark.parametrize("keyboard", KEYBOARDS, ids=repr)
def test_a_german_envelope_that_lost_its_control_characters(keyboard):
    whole = "[)>\x1e06\x1d9N110375286414\x1d1TL1\x1dD270531\x1dSA1B2\x1e\x04"
    bare = whole.translate(dict.fromkeys((0x1D, 0x1E, 0x04)))
    found = recover(keyboard.types(bare))
    readings = [(f.reading.serial, f.reading.lot, f.reading.gtin) for f in found]
    assert ("A1B2", "L1", "04150037528643") in readings
    assert len(found) == 1 or all("scan.ambiguous" in codes(f) for f in found)


def test_an_envelope_whose_control_characters_were_written_out():
    text = "[)><RS>06<GS>9N110375286414<GS>1TL1<GS>D270531<GS>SA1<RS><EOT>"
    (found,) = recover(text)
    assert (found.reading.format, found.reading.serial) == ("iso-15434-06", "A1")
    assert found.repairs == (Repair.SEPARATOR_SUBSTITUTED,)


def test_a_swallowed_lot_is_not_the_only_answer():
    # Strictly read, the serial swallows date and lot: a wrong answer that nobody may get alone.
    text = f"01{GTIN}21A1" + "17270531" + "10L1"
    found = recover(text)
    assert content(found[0]) == (GTIN, "A1", "L1")
    assert Repair.SEPARATOR_LOST in found[0].repairs


@pytest.mark.parametrize(
    ("typed", "gtin", "serial"),
    [
        (f"1{GTIN}21117", GTIN, "117"),
        (f"01{GTIN[1:]}21A1", GTIN, "A1"),
        (f"(01){GTIN[1:]}(21)A1", GTIN, "A1"),
        ("36000291452", "00036000291452", None),
        ("0195060001234567890", None, None),
    ],
    ids=["whole-text", "inside", "brackets", "upc", "sscc"],
)
def test_dropped_leading_zeros_come_back(typed, gtin, serial):
    found = [f for f in recover(typed) if Repair.LEADING_ZEROS in f.repairs]
    assert (gtin, serial) in [(f.reading.gtin, f.reading.serial) for f in found]
    assert all("scan.leading-zeros" in codes(f) for f in found)


@pytest.mark.parametrize("between", ["", "\r", "\r\n", GS])
def test_two_scans_run_together_are_cut_apart(between):
    found = recover(pack("A1") + between + pack("A2"))
    assert [(f.scan, f.reading.serial) for f in found] == [(1, "A1"), (2, "A2")]
    assert all(f.repairs[0] is Repair.RUN_TOGETHER for f in found)
    assert "scan.ambiguous" not in codes(found[0])


def test_the_same_pack_scanned_twice_is_one_pack():
    (found,) = recover(pack() + pack())
    assert content(found) == (GTIN, "A1", "L1")
    assert found.repairs[0] is Repair.SCANNED_TWICE


@pytest.mark.parametrize("keyboard", KEYBOARDS, ids=repr)
@pytest.mark.parametrize("separator", ["", "|", "§§", GS])
def test_one_calibration_fixes_a_workstation(keyboard, separator):
    layout = calibrate(keyboard.types(calibration_text()).replace(GS, separator) + "\r")
    assert Layout.parse(str(layout)) == layout
    for serial in ("aZ-1/y_0", 'Q:m,"(w)', "YZyz&%+="):
        true = pack(serial, prefix="")
        typed = keyboard.types(true).replace(GS, separator)
        found = recover(typed, layout=layout)
        assert content(found[0]) == (GTIN, serial, "L1")
        if separator:
            assert len(found) == 1


def test_a_calibration_that_went_wrong_says_so():
    with pytest.raises(ValueError, match="82 characters are expected"):
        calibrate("something else")
    with pytest.raises(ValueError, match="alike"):
        calibrate(calibration_text().replace(GS, "").upper())
    for text in ("abc", "abc" + GS):
        with pytest.raises(ValueError, match="calibrate again"):
            Layout.parse(text)
    with pytest.raises(ValueError, match="separator like a character"):
        calibrate(calibration_text().replace(GS, "A"))


def test_what_cannot_be_read_comes_back_as_it_came():
    (found,) = recover("good morning")
    assert found.reading.format == "unknown"
    assert not found.reading.is_valid
    assert found.repairs == ()


@given(st.text(max_size=120))
def test_any_text_is_answered(text):
    found = recover(text, Shelf((GTIN, "A1", "L1")))
    assert found
    assert all(f.text == text for f in found)
    # More than one answer means that every one of them reads without an error, and says so.
    assert len(found) == 1 or all(f.reading.is_valid for f in found)


@pytest.mark.parametrize(
    "text",
    [
        f"01{GTIN}" + "2110171110" * 95,
        f"01{GTIN}" + "21 10|17~11^10\\F{GS}<GS>[GS]" * 30,
        f"]D201{GTIN}" * 50,
        f"01{GTIN}" + "21" * 400,
        "\x1d" * 1_000,
        "0" * 1_000,
        "01" * 10_000,
    ],
    ids=["identifiers", "stand-ins", "packs", "serials", "separators", "zeros", "long"],
)
def test_hostile_text_meets_limits(text):
    """Work is counted, not timed: no text makes more drafts and cuts than the limits allow."""
    import sys

    calls = 0

    def count(frame, event, arg):
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        assert recover(text)
    finally:
        sys.setprofile(before)
    assert calls < 1_000_000


def test_keyboards_type_and_undo_every_character_of_gs1_data():
    for keyboard in KEYBOARDS:
        assert keyboard.undo(keyboard.types(CSET_82)) == CSET_82
    assert Keyboard("qwertz").types("yz-/") == "zyß-"
