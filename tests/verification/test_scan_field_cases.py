"""Scanner texts that were read wrongly in the field, with the right value; each stands for a kind.

Published cases are read from beside the checkout and skipped where they are absent.
"""

from __future__ import annotations

import json
import random
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.gs1 import ai
from schemas.gs1.content_rules import CSET_82, check_digit
from schemas.gs1.element_string import GS, bracketed, transmitted
from schemas.gs1.reading import read, spelled
from verification.label import Code
from verification.scan import Repair, calibrate, calibration_text, decided, recover
from verification.scan.keyboard import KEYBOARDS, Keyboard

GTIN = "09506000134352"
TODAY = date(2026, 2, 1)
ALPHANUMERIC = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
ASKED_FOR = (
    *("italian", "spanish", "belgian", "czech", "hungarian", "portuguese", "swiss german"),
    *("swiss french", "swedish", "norwegian", "danish", "turkish q", "polish 214", "russian"),
    *("greek", "us", "uk", "qwertz", "azerty"),
)


class Shelf:
    """A store that knows the packs it is given, as (GTIN, serial, lot)."""

    def __init__(self, *packs):
        self.packs = packs

    def knows_gtin(self, gtin):
        return any(gtin == g for g, _, _ in self.packs)

    def knows_lot(self, gtin, lot):
        return any((gtin, lot) == (g, found) for g, _, found in self.packs)

    def knows_pack(self, gtin, serial):
        return any((gtin, serial) == (g, s) for g, s, _ in self.packs)


def codes(found):
    return [finding.code for finding in found.reading.findings]


def contents(found):
    return [one.reading.elements for one in found]


def never_silently_wrong(found, truth):
    """Either the truth stands first and alone, or everybody is told to choose."""
    return all(one.is_ambiguous for one in found) or found[0].reading.elements == truth


def test_the_published_field_cases_have_the_right_value(shared):
    lines = (shared / "field-cases" / "scanning" / "texts.jsonl").read_text().splitlines()
    for case in map(json.loads, lines):
        found = recover(case["text"], today=TODAY)
        if isinstance(case["right"], str):
            assert any("check digit" in f.what for f in found[0].reading.findings)
            assert not found[0].reading.is_valid
            continue
        right = [case["right"].items() <= _as_published(one).items() for one in found]
        assert right[0], case
        assert found[0].reading.is_valid
        assert all(right) or all(one.is_ambiguous for one in found)


def _as_published(one):
    reading = one.reading
    return {
        "gtin": reading.gtin,
        "serial": reading.serial,
        "lot": reading.lot,
        "expiry": str(reading.expiry),
    }


class TestKeyboards:
    @pytest.mark.parametrize("layout", ASKED_FOR)
    @pytest.mark.parametrize("separator", [GS, "|", "#", "Alt029"])
    @pytest.mark.parametrize("prefix", ["]d2", "]C1", "]d8"])
    def test_a_pack_typed_on_any_keyboard_is_read(self, layout, separator, prefix):
        keyboard = Keyboard(layout)
        truth = {"01": GTIN, "21": "AB-12/X_3", "17": "270531", "10": "L7"}
        text = f"{prefix}01{GTIN}21AB-12/X_3{separator}1727053110L7"
        # The separator passes the keyboard like all other keys.
        found = recover(keyboard.types(text))
        assert truth in contents(found)
        assert never_silently_wrong(found, truth)

    @pytest.mark.parametrize("layout", ASKED_FOR)
    @pytest.mark.parametrize("separator", [GS, "|", ""])
    def test_without_identifier_nothing_is_chosen_silently(self, layout, separator):
        truth = {"01": GTIN, "21": "AYZ-1QW", "17": "270531", "10": "LM7"}
        typed = Keyboard(layout).types(f"01{GTIN}21AYZ-1QW{separator}1727053110LM7")
        found = recover(typed)
        said = {"scan.ambiguous", "scan.layout-unproven"}
        assert found[0].reading.elements == truth or said & set(codes(found[0]))
        if separator == "|":
            assert truth in contents(found)

    def test_an_accent_that_joined_with_a_letter_comes_apart(self):
        typed = Keyboard("spanish").types(f"]d201{GTIN}21X'A'E1{GS}10L1")
        joined = typed.replace("´A", "Á").replace("´E", "É")
        assert joined != typed
        found = recover(joined)
        assert "X'A'E1" in [one.reading.serial for one in found]
        assert all(one.is_ambiguous for one in found)

    def test_two_keyboards_that_type_alike_are_both_told_until_the_store_knows(self):
        typed = "+d2" + f"01{GTIN}21YZ1{GS}10L1"
        assert {one.reading.serial for one in recover(typed)} == {"YZ1", "ZY1"}
        assert all(one.is_ambiguous for one in recover(typed))
        found = recover(typed, Shelf((GTIN, "ZY1", "L1")))
        assert found[0].reading.serial == "ZY1"
        assert not found[0].is_ambiguous
        assert [one.reading.serial for one in decided(found)] == ["ZY1"]

    def test_a_serial_known_in_the_other_case_is_no_proof(self):
        # A forged serial may differ from a true one by nothing but its case.
        found = recover(f"01{GTIN}21abc{GS}10L1", Shelf((GTIN, "ABC", "L1")))
        assert {one.reading.serial for one in found} == {"ABC", "abc"}
        assert all(one.is_ambiguous for one in found)


class TestCalibration:
    @pytest.mark.parametrize("keyboard", KEYBOARDS, ids=repr)
    @pytest.mark.parametrize("learnt_with", ["]d1", ""])
    @pytest.mark.parametrize("scanned_with", ["]d2", "]C1", "]e0", ""])
    def test_with_and_without_symbology_identifiers(self, keyboard, learnt_with, scanned_with):
        layout = calibrate(keyboard.types(learnt_with + calibration_text()))
        text = f"{scanned_with}01{GTIN}21zY-1/\"q'{GS}1727053110L1"
        (found,) = recover(keyboard.types(text), layout=layout)
        assert found.reading.elements["21"] == "zY-1/\"q'"
        assert found.reading.symbology == scanned_with
        assert found.reading.findings[1:] == ()

    def test_another_code_with_an_identifier_teaches_nothing(self):
        with pytest.raises(ValueError, match="not the calibration code"):
            calibrate("]d2" + "A" * 90)
        with pytest.raises(ValueError, match=r"alike|not the calibration code"):
            calibrate("]d2" + "A" * 82)


class TestSeparators:
    @pytest.mark.parametrize("sign", ["|", "#", "Alt029", "§", "¶", "\u2194", "{GS}", "\\x1d"])
    def test_what_stands_for_a_separator(self, sign):
        truth = {"01": GTIN, "21": "A1B2C3", "17": "270531", "10": "LOT7"}
        found = recover(f"01{GTIN}21A1B2C3{sign}1727053110LOT7")
        assert truth in contents(found)
        assert never_silently_wrong(found, truth)

    @pytest.mark.parametrize("digits", ["029", "0029"])
    def test_the_digits_of_a_lost_key_combination(self, digits):
        truth = {"01": GTIN, "21": "A1B2C3", "17": "270531", "10": "LOT7"}
        found = recover(f"]d201{GTIN}21A1B2C3{digits}1727053110LOT7")
        assert truth in contents(found)
        assert all(one.is_ambiguous for one in found)

    def test_before_every_identifier_a_lost_separator_is_told(self):
        tried = 0
        for code in ai.codes():
            value = _value(ai.lookup(code))
            truth = {"01": GTIN, "10": "LOT77", code: value or ""}
            # (03) and the like may not stand beside (01); a few need data of their own form.
            if code in ("01", "10") or value is None or not read(transmitted(truth)).is_valid:
                continue
            tried += 1
            found = recover(f"]d201{GTIN}10LOT77{code}{value}")
            assert truth in contents(found), code
            assert all(one.is_ambiguous for one in found), code
        assert tried > 500

    @pytest.mark.parametrize("alphabet", [ALPHANUMERIC, "0123456789"])
    @pytest.mark.parametrize("form", ["01 10 30", "01 10 91", "00 37", "01 10 16 21", "01 10 99"])
    def test_labels_of_cases_without_separators(self, form, alphabet):
        rng = random.Random(form + alphabet)
        among = 0
        for _ in range(40):
            truth = {code: _drawn(code, rng, alphabet) for code in form.split()}
            found = recover("".join(code + value for code, value in truth.items()))
            assert never_silently_wrong(found, truth)
            among += truth in contents(found)
        assert among >= 38

    def test_a_single_way_is_ambiguous_until_the_store_proves_it(self):
        text = f"]d201{GTIN}21" + "A" * 16 + "17270531" + "10LX"
        (found, *_) = recover(text)
        assert found.is_ambiguous
        (found, *_) = recover(text, Shelf((GTIN, "A" * 16, "LX")))
        assert found.reading.serial == "A" * 16
        assert not found.is_ambiguous

    def test_a_lot_that_the_store_knows_tells_a_case_label(self):
        text = f"01{GTIN}10LOT305"
        assert all(one.is_ambiguous for one in recover(text))
        (found, *_) = recover(text, Shelf((GTIN, "S", "LOT")))
        assert found.reading.elements == {"01": GTIN, "10": "LOT", "30": "5"}
        assert not found.is_ambiguous


def _value(identifier):
    """Some data that an identifier accepts, long enough to be told from a chance."""
    digits = "3" * 30
    tried = ("270531", "2705312359", "20270531", "1", "12", *(digits[:n] for n in range(3, 31)))
    made = [text[:-1] + check_digit(text[:-1]) for text in tried if len(text) > 7]
    return next((text for text in (*tried, *made, "ABC") if identifier.accepts(text)), None)


def _drawn(code, rng, alphabet):
    if code in ("01", "00"):
        payload = "".join(rng.choices("0123456789", k=13 if code == "01" else 17))
        return payload + check_digit(payload)
    if code == "16":
        return f"{rng.randint(25, 35)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
    if code in ("30", "37"):
        return str(rng.randint(1, 5000))
    return "".join(rng.choices(alphabet, k=rng.randint(4, 12)))


class TestSeveralScans:
    @pytest.mark.parametrize("times", [2, 3])
    @pytest.mark.parametrize("between", ["", "\r", "\r\n", "\t", GS])
    @pytest.mark.parametrize("prefix", ["", "]d2"])
    def test_one_code_scanned_again_is_one_pack(self, times, between, prefix):
        truth = {"01": GTIN, "21": "12345"}
        found = recover(between.join([f"{prefix}01{GTIN}2112345"] * times))
        assert contents(found) == [truth]
        assert found[0].repairs[0] in (Repair.SCANNED_TWICE, Repair.LINE_END)
        assert "scan.scanned-twice" in codes(found[0])

    @given(st.text(alphabet="0123456789", min_size=1, max_size=20), st.booleans())
    def test_whatever_its_serial(self, serial, with_lot):
        once = f"01{GTIN}" + ("10A7" + GS if with_lot else "") + "21" + serial
        found = recover(once + once)
        assert read(once).elements in contents(found)
        assert "scan.scanned-twice" in codes(found[0])

    def test_two_codes_typed_on_a_foreign_keyboard(self):
        typed = Keyboard("italian").types(f"]d201{GTIN}21A-1]d201{GTIN}21A-2")
        found = recover(typed)
        assert [(one.scan, one.reading.serial) for one in found] == [(1, "A-1"), (2, "A-2")]

    def test_three_packs_in_a_row(self):
        found = recover("".join(f"]d201{GTIN}21S{n}{GS}10L1" for n in (1, 2, 3)))
        assert [(one.scan, one.reading.serial) for one in found] == [
            (1, "S1"),
            (2, "S2"),
            (3, "S3"),
        ]

    def test_a_guessed_cut_is_ambiguous(self):
        found = recover(f"01{GTIN}21A101{GTIN}21A2")
        assert {(1, "A1"), (2, "A2")} <= {(one.scan, one.reading.serial) for one in found}
        assert all(one.is_ambiguous for one in found)


class TestPrintedAgain:
    elements = st.fixed_dictionaries(
        {"01": st.just(GTIN)},
        optional={
            "21": st.text(alphabet=CSET_82, min_size=1, max_size=20),
            "10": st.text(alphabet=CSET_82, min_size=1, max_size=20),
            "17": st.just("270531"),
            "30": st.integers(1, 99_999_999).map(str),
            "99": st.text(alphabet=CSET_82, min_size=1, max_size=40),
        },
    )

    @given(elements, st.sampled_from(["\n", " ", "\r\n"]))
    def test_what_labels_and_parse_print_is_read_again(self, elements, between):
        code = Code(tuple(elements.items()))
        for printed in (
            between.join(code.lines),
            str(code),
            bracketed(elements),
            spelled("gs1-element-string", "", elements),
        ):
            (found,) = recover(printed)
            assert found.reading.elements == elements
            assert not found.is_ambiguous

    @pytest.mark.parametrize(
        "text",
        [
            "]d2" + f"01{GTIN}21A1{GS}1727053110L1",
            "]C117270531" + "10L1",
            "[)>\x1e06\x1d9N110375286414\x1d1TL1\x1dD270531\x1dSA1\x1e\x04",
            "<Content><PPN>110375286414</PPN><SN>A1</SN><LOT>L</LOT></Content>",
            "-03752864",
            "0777-3105-02",
            "4006381333931",
            "+A123BJC5D6E71G",
            "https://id.gs1.org/01/09506000134352/21/A(17)1",
            "urn:epc:id:sgtin:9506000.013435.A1",
        ],
    )
    def test_every_kind_of_text(self, text):
        first = read(text)
        again = read(spelled(first.format, first.text, first.elements))
        assert again.elements == first.elements
        assert (again.gtin, again.serial, again.lot) == (first.gtin, first.serial, first.lot)
        assert again.is_valid == first.is_valid


def test_keyboards_come_in_an_order_that_prefers_what_was_typed():
    first, second = recover(f"+d201{GTIN}21YZ1{GS}10L1")
    changes = [
        sum(a != b for a, b in zip(one.text, one.reading.text, strict=True))
        for one in (first, second)
    ]
    assert all(a <= b for a, b in pairwise(changes))


@pytest.mark.parametrize("keyboard", ["qwertz", "swiss german"])
@pytest.mark.parametrize("mark", ["]d2", ""])
@pytest.mark.parametrize("serial", ["AYZ7", "Z1", "Y", "ZZYY"])
def test_y_and_z_typed_at_a_german_workstation_are_never_guessed(keyboard, mark, serial):
    """The mark proves a keyboard, not whether the scanner was set to it; nobody has calibrated."""
    truth = f"{mark}01{GTIN}1728053110L1{GS}21{serial}"
    found = recover(Keyboard(keyboard).types(truth))
    serials = [one.reading.serial for one in found]
    if mark:
        assert set(serials) >= {serial, serial.translate(str.maketrans("YZ", "ZY"))}
        assert all("scan.ambiguous" in codes(one) for one in found)
    else:
        # Nothing proves any keyboard: what was typed is told, and that it may be wrong.
        assert all("scan.layout-unproven" in codes(one) for one in found)


def test_a_store_that_knows_the_pack_settles_y_and_z():
    truth = f"]d201{GTIN}1728053110L1{GS}21AYZ7"
    (found, *_) = recover(Keyboard("qwertz").types(truth), Shelf((GTIN, "AYZ7", "L1")))
    assert found.reading.serial == "AYZ7"
