"""Each kind of scanner text is recognised for what it is, and only packs are taken for packs."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.gs1 import hibc, national
from schemas.gs1.content_rules import CSET_82
from schemas.gs1.expiry import expiry_date, full_year
from schemas.gs1.reading import read

GTIN = "09506000134352"
PACK = f"01{GTIN}21A1\x1d1727053110L1"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("]d2" + PACK, "gs1-element-string"),
        ("]C1" + PACK, "gs1-element-string"),
        ("]Q3" + PACK, "gs1-element-string"),
        ("]J1" + PACK, "gs1-element-string"),
        ("]e0" + PACK, "gs1-element-string"),
        ("\x1d" + PACK, "gs1-element-string"),
        ("^" + PACK.replace("\x1d", "^"), "gs1-element-string"),
        (PACK, "gs1-element-string"),
        (PACK + "\x1d", "gs1-element-string"),
        ("(01)09506000134352(21)A1(17)270531(10)L1", "gs1-bracketed"),
        ("https://id.gs1.org/01/09506000134352/10/L1/21/A1?17=270531", "gs1-digital-link"),
        ("]Q1HTTPS://example.com/gtin/9506000134352/lot/L1/ser/A1?exp=270531", "gs1-digital-link"),
        ("[)>\x1e05\x1d" + PACK + "\x1e\x04", "iso-15434-05"),
        ("]d1[)>\x1e06\x1d8P09506000134352\x1dSA1\x1dD270531\x1d1TL1\x1e\x04", "iso-15434-06"),
        ("[)>␞06␝8P09506000134352␝SA1␝D270531␝1TL1␞␄", "iso-15434-06"),
    ],
)
def test_a_pack_is_the_same_pack_in_every_dress(text, form):
    reading = read(text)
    assert reading.format == form
    assert [f for f in reading.findings if f.severity == "error"] == []
    assert reading.is_pack
    assert (reading.gtin, reading.serial, reading.lot) == (GTIN, "A1", "L1")
    assert reading.expiry == date(2027, 5, 31)
    assert reading.text == text


@pytest.mark.parametrize(
    ("text", "gtin"),
    [
        ("4006381333931", "04006381333931"),
        ("]E04006381333931", "04006381333931"),
        ("036000291452", "00036000291452"),
        ("96385074", "00000096385074"),
        ("04252614", "00042100005264"),
        ("01234133", "00012300000413"),
        ("01234543", "00012340000053"),
        ("]E496385074", "00000096385074"),
        ("]I109506000134352", GTIN),
        ("-03752864", "04150037528643"),
        ("]A0-03752864", "04150037528643"),
        ("urn:epc:id:sgtin:9506000.013435.A1", GTIN),
        ("urn:epc:class:lgtin:9506000.013435.L1", GTIN),
    ],
)
def test_numbers_without_identifiers(text, gtin):
    reading = read(text)
    assert reading.gtin == gtin
    assert reading.is_valid


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "text.unrecognised"),
        ("hello", "text.unrecognised"),
        ("]E04006381333932", "ai.incorrect-check-digit"),
        ("-03752865", "ai.incorrect-check-digit"),
        ("urn:epc:id:sgtin:1.2.3", "urn.no-key"),
        ("]d1" + PACK, "symbology.not-gs1"),
        ("]C0" + PACK, "symbology.not-gs1"),
        ("]d1(01)09506000134352", "symbology.not-gs1"),
        ("]d109506000134352", "symbology.not-gs1"),
        ("]d2(01)09506000134352", "ai.unknown"),
        ("[)>\x1e07\x1dabc\x1e\x04", "envelope.format"),
        ("[)>\x1e06\x1dXabc\x1e\x04", "envelope.identifier"),
        ("[)>\x1e06\x1d9N110375286415\x1e\x04", "envelope.data"),
        ("[)>\x1e06\x1d8P09506000134353\x1e\x04", "envelope.data"),
        ("+A123BJC5D6E71H", "hibc.check-character"),
    ],
)
def test_what_is_no_pack_is_never_taken_for_one(text, code):
    reading = read(text)
    assert code in [f.code for f in reading.findings]
    assert not reading.is_valid
    assert reading.gtin is None


def test_a_german_pack_with_ppn_is_looked_up_by_its_ntin():
    reading = read("[)>\x1e06\x1d9N110375286414\x1d1T12345ABCD\x1dD150617\x1dS12345\x1e\x04")
    assert reading.elements["9N"] == "110375286414"
    assert reading.gtin == "0" + national.ntin_of_pzn("03752864")
    assert national.pzn_of_gtin(reading.gtin) == "03752864"
    assert [f.code for f in reading.findings] == ["ppn.as-ntin"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("D271331", "envelope.data"),
        ("16D20271331", "envelope.data"),
        ("S" + "A" * 21, "envelope.data"),
        ("1TL 1", "envelope.data"),
        ("SA\x1dSB", "envelope.repeated"),
    ],
)
def test_faults_beside_the_product_are_named(data, code):
    reading = read(f"[)>\x1e06\x1d8P{GTIN}\x1d{data}\x1e\x04")
    (finding,) = reading.findings
    assert finding.code == code
    # The fault is found where it stands; of two, the second is at fault.
    assert reading.text[finding.where.position :].startswith(data.split("\x1d")[-1])
    assert not reading.is_valid
    assert reading.gtin == GTIN


def test_an_envelope_cut_off_says_so_but_is_read():
    reading = read("[)>\x1e06\x1d9N110375286414\x1dSA1")
    assert reading.serial == "A1"
    assert "envelope.trailer" in [f.code for f in reading.findings]


def test_hibc_is_named_and_is_no_medicine_pack():
    reading = read("+A123BJC5D6E71G")
    assert (reading.format, reading.is_pack) == ("hibc", False)
    assert reading.elements == {"labeler": "A123", "product": "BJC5D6E7", "unit": "1"}
    joined = "+A123BJC5D6E71/$$3270531L1"
    joined += hibc.check_character(joined)
    assert read(joined).elements["secondary"] == "$$3270531L1"
    assert hibc.check_character("+é") is None


def test_a_serial_that_swallowed_its_neighbours_is_no_serial():
    reading = read(f"]d201{GTIN}21" + "A" * 16 + "17270531" + "10L1")
    assert [f.code for f in reading.findings] == ["ai.too-long"]
    assert (reading.gtin, reading.serial, reading.lot) == (GTIN, None, None)


def test_expiry_without_a_day_is_the_months_last():
    reading = read(f"01{GTIN}17280200")
    assert reading.expiry == date(2028, 2, 29)
    assert [f.code for f in reading.findings] == ["expiry.day-00"]


def test_findings_point_into_the_text_as_given():
    text = "]d2" + PACK.replace("270531", "271331")
    (finding,) = read(text).findings
    assert text[finding.where.position :].startswith("271331")


@given(st.integers(0, 99), st.integers(1950, 2150))
def test_the_century_window_is_49_years_back_and_50_ahead(two_digits, this_year):
    year = full_year(two_digits, date(this_year, 6, 1))
    assert year % 100 == two_digits
    assert -49 <= year - this_year <= 50


@given(st.text(alphabet="0123456789", min_size=6, max_size=6), st.dates(date(1990, 1, 1)))
def test_an_expiry_is_a_day_or_none(text, today):
    day = expiry_date(text, today)
    assert day is None or day.strftime("%y%m") == text[:4]
    assert day is None or text[4:] in ("00", day.strftime("%d"))


@given(st.integers(0, 10**10 - 1))
def test_ndc_and_gtin_lead_to_each_other(number):
    for ndc in national.ndc_candidates(f"{number:010}"):
        assert national.parse_ndc(str(ndc)) == ndc
        assert len(ndc.eleven_digits) == 11
        assert read(ndc.gtin).gtin == ndc.gtin
        filled = f"{ndc.labeler:0>5}-{ndc.product:0>4}-{ndc.package:0>2}"
        try:
            assert national.parse_ndc(filled) == ndc
        except ValueError as reason:
            assert "is not known" in str(reason)  # noqa: PT017  # both outcomes are right


@pytest.mark.parametrize("text", ["", "1234567890", "12345-6789-01-1", "123-456-78", "a-b-c"])
def test_what_is_no_ndc_is_refused(text):
    with pytest.raises(ValueError, match="NDC"):
        national.parse_ndc(text)


def test_numbers_of_other_countries():
    assert national.cip_of_gtin("03400930000120") == "3400930000120"
    assert national.cip_of_gtin(GTIN) is None
    assert national.cn_of_gtin("08470006599839") == "659983"
    assert national.cn_of_gtin(GTIN) is None
    assert national.pzn_of_gtin(GTIN) is None
    reading = read(f"01{GTIN}710123456")
    assert national.national_number("710", reading.elements["710"]) == "PZN 123456 (DE)"
    with pytest.raises(ValueError, match="ten digits"):
        national.ndc_candidates("123")


@given(st.text(alphabet=CSET_82, max_size=14))
def test_a_ppn_prints_as_it_parses(text):
    found = national.parse_ppn(text)
    assert found is None or str(found) == text
    if text.isalnum() and 3 <= len(text) <= 20 and not text.startswith("11"):
        whole = text + national.ppn_check_digits(text)
        assert str(national.parse_ppn(whole)) == whole


class TestGermanPacks:
    head = "[)>\x1e06\x1d9N111234567842\x1d"

    def test_the_ppn_is_the_product_whatever_gtins_stand_beside_it(self):
        text = self.head + "SA1\x1d8P08701234567896\x1d8P03400912345676\x1e\x04"
        reading = read(text)
        assert reading.is_valid
        assert reading.gtin == "04150123456782"
        (further,) = [f for f in reading.findings if f.code == "envelope.further-gtin"]
        assert "08701234567896, 03400912345676" in further.what

    def test_one_of_several_gtins_is_wrong(self):
        reading = read(self.head + "8P08701234567896\x1d8P03400912345677\x1e\x04")
        assert [f.code for f in reading.findings if f.severity == "error"] == ["envelope.data"]

    @pytest.mark.parametrize("part", ["27QABC", "25PXYZ", "30T9", "1P77", "12345", "?"])
    def test_identifiers_that_nobody_knows_are_tolerated(self, part):
        reading = read(self.head + f"SA1\x1d{part}\x1d1TL1\x1e\x04")
        assert reading.is_valid
        assert (reading.gtin, reading.serial, reading.lot) == ("04150123456782", "A1", "L1")

    @pytest.mark.parametrize("tail", ["\x1e\x04", "\x1e", ""])
    @pytest.mark.parametrize("record", ["\x1e", ""])
    def test_record_separators_that_were_lost(self, record, tail):
        reading = read(f"[)>{record}06\x1d9N110375286414\x1d1TL1\x1dSA1{tail}")
        assert reading.is_valid
        assert (reading.gtin, reading.serial, reading.lot) == ("04150037528643", "A1", "L1")
        assert ("envelope.header" in [f.code for f in reading.findings]) == (not record)

    @pytest.mark.parametrize(
        ("fields", "gtin"),
        [
            ("<PPN>111234567842</PPN>", "04150123456782"),
            ("<GTIN>4150123456782</GTIN>", "04150123456782"),
            ("<PPN>111234567842</PPN><GTIN>08701234567896</GTIN>", "04150123456782"),
        ],
    )
    @pytest.mark.parametrize("expiry", ["271231", "20271231", "2027-12-31"])
    def test_a_scanner_that_writes_xml(self, fields, gtin, expiry):
        rest = f"<LOT>A&amp;B</LOT>\n <EXP>{expiry}</EXP><SN>X1</SN><NEW>1</NEW>"
        reading = read(f'<Content dfi="IFA">{fields}{rest}</Content>')
        assert (reading.format, reading.gtin) == ("scanner-xml", gtin)
        assert (reading.serial, reading.lot, reading.expiry) == ("X1", "A&B", date(2027, 12, 31))
        assert reading.is_valid

    @pytest.mark.parametrize("text", ["<Content>", "<Content><SN>" + "A" * 30 + "</SN></Content>"])
    def test_xml_that_names_no_pack(self, text):
        assert not read(text).is_valid


@pytest.mark.parametrize(
    "text",
    [
        "(01) 09506000134352 (21) A1 (17) 270531 (10) L1",
        "(01) 09506000134352\n(21) A1\n(17) 270531\n(10) L1",
        "( 01 )09506000134352(21) A1(17)270531 (10)L1",
        "(9N) 110375286414 (S) A1 (1T) L1 (D) 270531",
    ],
)
def test_print_with_blanks_is_read(text):
    reading = read(text)
    assert reading.is_valid
    assert (reading.serial, reading.lot, reading.expiry) == ("A1", "L1", date(2027, 5, 31))


def test_a_rectangular_code_is_gs1_by_its_identifier():
    assert read("]d8" + PACK).serial == "A1"
    assert not read("]d7" + PACK).is_valid
