"""What we print, we read back: on paper, on a screen, on a label printer."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.verification.image.conftest import saved
from verification.image.picture import read_picture
from verification.label import (
    GS1_128_CHARACTERS_MAX,
    Code,
    Label,
    LabelRefused,
    StorageSign,
    Symbology,
    write_pdf,
    write_png,
    write_svg,
    write_zpl,
)
from verification.label_formats import LabelFormat, differences, write_label

PACK = Label(gtin="09506000134352", serial="A1&<b>", lot="L_1", expiry="2027-05-31")
CODES = {
    "a pack": PACK.code,
    "a case": Code.parse("(01)19506000134359(10)C7", Symbology.GS1_128),
    "a pallet": Code.parse("(00)395060001343520001", Symbology.GS1_128),
    "a patient's link": Code.parse("(01)09506000134352(21)A1", Symbology.QR_DIGITAL_LINK),
}
every_code = pytest.mark.parametrize("code", CODES.values(), ids=CODES.keys())


def _said(data: bytes) -> tuple[str, str]:
    (symbol,) = read_picture(data).symbols
    return symbol.symbology, symbol.raw


@every_code
def test_png_and_pdf_are_read_back(code):
    assert _said(write_png(code)) == (code.symbology, code.message)
    assert _said(write_pdf(code)) == (code.symbology, code.message)


@every_code
def test_svg_is_read_back(code):
    drawing = ET.fromstring(write_svg(code))
    _, _, width, height = (int(number) for number in drawing.get("viewBox").split())
    ink = np.full((height, width), 255, np.uint8)
    path = drawing.find("{http://www.w3.org/2000/svg}path").get("d")
    for numbers in re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)h-\d+z", path):
        left, top, wide, high = map(int, numbers)
        ink[top : top + high, left : left + wide] = 0
    assert _said(saved(np.kron(ink, np.ones((4, 4), np.uint8)))) == (code.symbology, code.message)
    texts = [text.text for text in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == list(code.lines)


@every_code
def test_the_graphic_in_zpl_is_read_back(code):
    size, row_bytes, digits = re.search(
        r"\^GFA,(\d+),\1,(\d+),([0-9A-F]+)\^FS", write_zpl(code)
    ).groups()
    packed = np.frombuffer(bytes.fromhex(digits), np.uint8)
    assert len(packed) == int(size)
    ink = np.unpackbits(packed.reshape(-1, int(row_bytes)), axis=1)
    assert _said(saved((255 * (1 - ink)).astype(np.uint8))) == (code.symbology, code.message)


def test_zpl_text_cannot_give_commands():
    zpl = write_zpl(Label(gtin="09506000134352", serial="A_1", lot="L,1", expiry="2027-05-31"))
    assert "(21) A_5F1" in zpl
    assert "(10) L_2C1" in zpl
    assert zpl.count("^XA") == zpl.count("^XZ") == 1


def test_a_label_reads_as_the_pack_it_is_for():
    (symbol,) = read_picture(write_png(PACK)).symbols
    reading = symbol.reading
    assert (reading.gtin, reading.serial, reading.lot, reading.expiry) == (
        "09506000134352",
        "A1&<b>",
        "L_1",
        date(2027, 5, 31),
    )
    assert symbol.quality.grade == "A"


@settings(max_examples=20, deadline=None)
@given(
    serial=st.text("ABCXYZabc0189!%&'()*+,-./:;<=>?_\"", min_size=1, max_size=20),
    lot=st.text("ABC0123456789-/", min_size=1, max_size=20),
)
def test_any_serial_and_lot_survive_the_paper(serial, lot):
    label = Label(gtin="09506000134352", serial=serial, lot=lot, expiry="2030-01-31")
    (symbol,) = read_picture(write_png(label, module_px=3)).symbols
    assert (symbol.reading.serial, symbol.reading.lot) == (serial, lot)


@pytest.mark.parametrize(
    "text",
    [
        "(01)09506000134353(21)A1",  # wrong check digit
        "(21)A1",  # a serial number of nothing
        "(01)09506000134352(17)271331",  # month 13
        "(01)09506000134352(21)A~",  # no character for a serial number
        "hello",
        "",
    ],
)
def test_what_is_not_valid_is_refused_with_its_findings(text):
    with pytest.raises(LabelRefused) as refusal:
        Code.parse(text)
    assert refusal.value.findings
    assert all(finding.hint for finding in refusal.value.findings)


@pytest.mark.parametrize("expiry", ["2027-13-01", "soon", ""])
def test_a_label_without_a_real_expiry_is_refused(expiry):
    with pytest.raises(LabelRefused):
        Label(gtin="09506000134352", serial="A1", lot="L1", expiry=expiry)


def test_bars_hold_no_more_than_their_standard_allows():
    text = "(01)09506000134352(21)" + "A" * 20 + "(10)" + "B" * 20
    assert len(Code.parse(text).message) > GS1_128_CHARACTERS_MAX
    with pytest.raises(LabelRefused) as refusal:
        Code.parse(text, Symbology.GS1_128)
    assert refusal.value.findings[0].code == "label.too-long"


def test_codes_round_trip():
    for code in CODES.values():
        assert Code.parse(str(code), code.symbology) == code


SIGNED = Code.parse(
    "(01)09506000134352(21)WWWWWWWWWWWWWWWWWWWW(17)270531(10)MMMMMMMMMM",
    signs=(StorageSign.COLD, StorageSign.FRAGILE),
)


def test_the_text_is_whole_however_wide_and_the_signs_stand_below():
    assert SIGNED.lines[-2:] == ("Store in a refrigerator (2 °C to 8 °C)", "Fragile")
    assert (
        _said(write_png(SIGNED)) == _said(write_pdf(SIGNED)) == (SIGNED.symbology, SIGNED.message)
    )
    picture = np.asarray(Image.open(io.BytesIO(write_png(SIGNED))))
    assert (picture[:, -4:] == 255).all(), "text runs out of the picture"
    box = ET.fromstring(write_svg(SIGNED)).get("viewBox").split()
    assert int(box[2]) == SIGNED.width_modules > SIGNED.modules.shape[1]
    assert "2 _C2_B0C to 8 _C2_B0C" in write_zpl(SIGNED)


def test_more_than_a_symbol_holds_is_refused():
    company = [(str(code), "aZ!/" * 22) for code in range(91, 100)]
    much = Code((("00", "395213210000000019"), *company))
    assert _said(write_png(much, module_px=4))[1] == much.message
    address = [(str(code), "aZ-bc" * 14) for code in (*range(4302, 4307), *range(4312, 4317))]
    names = [(str(code), "aZ-b" * 8) for code in (4300, 4301, 4310, 4311)]
    with pytest.raises(LabelRefused, match="no GS1 DataMatrix holds so much"):
        write_png(Code((*much.elements, *names, *address)))


@pytest.mark.parametrize("form", LabelFormat)
def test_a_printed_label_is_checked_by_scanning_it(form):
    assert write_label(PACK.code, form)
    read_back = "]d2" + PACK.code.message
    assert differences(PACK.bracketed, read_back) == []
    assert differences(PACK.bracketed, read_back.replace("L_1", "L_2")) == [
        "(10) is 'L_2', should be 'L_1'"
    ]
    assert differences(PACK.bracketed, "hello")[0] == "(01) is missing, should be '09506000134352'"
