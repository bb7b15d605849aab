"""Numbers that people type are named as what they are, right or wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.gs1.content_rules import check_digit
from schemas.gs1.national import ntin_of_pzn, pzn_check_digit, upc_of_short
from schemas.gs1.reading import read


def said(reading):
    return " ".join(finding.what for finding in reading.findings)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("3400930000126", "EAN-13"),
        ("036000291453", "UPC-A"),
        ("30360002914524", "GTIN-14"),
        ("96385075", "EAN-8"),
        ("]E03400930000126", "EAN-13"),
        ("-03752865", "PZN"),
        ("PZN 03752865", "PZN"),
    ],
)
def test_a_wrong_check_digit_is_said_with_the_kind_of_number(text, name):
    reading = read(text)
    assert not reading.is_valid
    assert reading.gtin is None
    assert f"check digit of the {name}" in said(reading)


@given(st.integers(0, 10**12 - 1), st.sampled_from([8, 12, 13, 14]), st.integers(1, 9))
def test_one_digit_is_right_and_the_other_nine_are_never_taken(number, length, off):
    payload = str(number % 10 ** (length - 1)).zfill(length - 1)
    right = check_digit(payload)
    assert read(payload + right).gtin is not None
    wrong = payload + str((int(right) + off) % 10)
    reading = read(wrong)
    # As UPC-E, PZN or element string the digits may still be something else.
    assert reading.gtin != wrong.zfill(14)


@pytest.mark.parametrize(
    "text",
    ["-03752864", "PZN 03752864", "PZN-03752864", "pzn: 0375 2864", "03752864", "PZN 3752864"],
)
def test_a_pzn_is_named_and_looked_up_by_its_ntin(text):
    reading = read(text)
    assert (reading.format, reading.gtin) == ("pzn", "04150037528643")
    assert "a PZN" in said(reading)


@given(st.integers(0, 9_999_999))
def test_every_pzn(number):
    first = f"{number:07}"
    check = pzn_check_digit(first)
    if check is not None:
        assert read("PZN " + first + check).gtin == ntin_of_pzn(first + check).zfill(14)


@pytest.mark.parametrize(
    "text",
    ["0777-3105-02", "NDC 0777-3105-02", "ndc:0777-3105-02", "NDC 0777310502", "0777310502"],
)
def test_an_ndc_is_named_and_looked_up_by_its_gtin(text):
    reading = read(text)
    assert (reading.format, reading.gtin) == ("ndc", "00307773105025")
    assert "an NDC" in said(reading)


@pytest.mark.parametrize("text", ["NDC 00777310502", "12345-6789-0-1", "NDC 12345678911"])
def test_an_ndc_that_names_no_product_is_no_product(text):
    reading = read(text)
    assert reading.gtin is None
    assert not reading.is_valid


class TestUpcE:
    def test_the_short_and_the_long_form_are_one_product(self):
        for text in (
            "04963406",
            "]E004963406",
            "049000006346",
            "0049000006346",
            "]E00049000006346",
        ):
            assert read(text).gtin == "00049000006346"

    @given(st.sampled_from("01"), st.integers(0, 999_999))
    def test_every_short_form(self, system, number):
        for check in "0123456789":
            short = f"{system}{number:06}{check}"
            long = upc_of_short(short)
            if long is not None:
                assert read("]E0" + short).gtin == read(long).gtin == long.zfill(14)

    def test_digits_that_are_two_numbers_say_so(self):
        both = next(
            text
            for number in range(1_000_000)
            if upc_of_short(text := (p := f"1{number:06}") + check_digit(p))
        )
        assert "number.ambiguous" in [finding.code for finding in read(both).findings]
        assert read("]E4" + both).gtin == both.zfill(14)
        assert read("]E0" + both).gtin == upc_of_short(both).zfill(14)


def test_a_second_bar_code_with_dates_is_no_mistyped_number():
    reading = read("1727053110123")
    assert reading.format == "gs1-element-string"
    assert reading.elements == {"17": "270531", "10": "123"}
