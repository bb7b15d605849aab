"""A pharmacist holds something up to the camera, or drops a file: what is on it?"""

from __future__ import annotations

import io
from datetime import date

import numpy as np
import pytest
import zxingcpp
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from tests.verification.image.conftest import MESSAGE, PACK, drawn, saved
from verification.image.limits import PictureLimits
from verification.image.picture import read_picture


def test_a_pack_is_read_with_its_elements(pack_picture):
    (symbol,) = read_picture(pack_picture).symbols
    assert symbol.symbology == "GS1 DataMatrix"
    assert symbol.raw == MESSAGE
    assert symbol.data == MESSAGE.encode()
    reading = symbol.reading
    assert (reading.gtin, reading.serial, reading.lot) == ("09506000134352", "A1B2C3D4", "LOT7")
    assert reading.expiry == date(2027, 5, 31)
    assert symbol.stage == "plain"


def test_json_has_the_public_names(pack_picture):
    (symbol,) = read_picture(pack_picture).as_dict()["symbols"]
    assert symbol["raw"] == MESSAGE
    assert symbol["elements"]["21"] == "A1B2C3D4"
    assert symbol["expiry"] == "2027-05-31"
    assert symbol["findings"] == []


def test_the_position_is_where_the_code_lies():
    page = np.full((400, 600), 255, np.uint8)
    code = drawn(quiet=0)
    page[100 : 100 + code.shape[0], 250 : 250 + code.shape[1]] = code
    (symbol,) = read_picture(saved(page)).symbols
    side = code.shape[0]
    expected = ((250, 100), (250 + side, 100), (250 + side, 100 + side), (250, 100 + side))
    assert np.abs(np.array(symbol.position) - expected).max() <= 3


@pytest.mark.parametrize(
    ("text", "symbology", "name", "gtin"),
    [
        ("(01)09506000134352(10)L1", zxingcpp.Code128, "GS1-128", "09506000134352"),
        ("(01)09506000134352(21)A", zxingcpp.DataBarExp, "GS1 DataBar Expanded", "09506000134352"),
        ("0950600013435", zxingcpp.DataBarOmni, "GS1 DataBar Omnidirectional", "09506000134352"),
        ("9506000134352", zxingcpp.EAN13, "EAN-13", "09506000134352"),
        ("96385074", zxingcpp.EAN8, "EAN-8", "00000096385074"),
        ("19506000134359", zxingcpp.ITF14, "ITF-14", "19506000134359"),
        (
            "https://id.gs1.org/01/09506000134352/21/A1",
            zxingcpp.QRCode,
            "QR Code",
            "09506000134352",
        ),
        ("(01)09506000134352(21)A1", zxingcpp.QRCode, "GS1 QR Code", "09506000134352"),
    ],
)
def test_every_symbology_of_packs_cases_and_pallets(text, symbology, name, gtin):
    try:
        grey = drawn(text, symbology, quiet=12, scale=3)
    except ValueError as refusal:
        pytest.skip(f"the encoder refuses this text: {refusal}")
    (symbol,) = read_picture(saved(grey)).symbols
    assert symbol.symbology == name
    if gtin:
        assert symbol.reading.gtin == gtin


def test_a_plain_data_matrix_is_reported_and_never_taken_for_a_pack():
    (symbol,) = read_picture(saved(drawn("PATIENT 4711"))).symbols
    assert symbol.symbology == "Data Matrix"
    assert symbol.raw == "PATIENT 4711"
    assert not symbol.reading.is_pack
    assert "image.not-a-pack" in [finding.code for finding in symbol.findings]


def test_a_german_ppn_envelope_is_read():
    text = "[)>\x1e06\x1d9N111234567842\x1d1TLOT1\x1dD270531\x1dSABC\x1e\x04"
    (symbol,) = read_picture(saved(drawn(text, gs1=False))).symbols
    assert symbol.raw == text
    assert symbol.reading.format == "iso-15434-06"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "PPM"])
def test_every_picture_format(kind):
    assert [s.raw for s in read_picture(saved(drawn(), kind)).symbols] == [MESSAGE]


def test_heic_from_a_telephone():
    heif = pytest.importorskip("pillow_heif", reason="HEIC needs packtrail[heic]")
    out = io.BytesIO()
    heif.from_pillow(Image.fromarray(drawn(scale=8)).convert("RGB")).save(out, quality=90)
    assert [s.raw for s in read_picture(out.getvalue()).symbols] == [MESSAGE]


def test_colour_transparency_and_depth_do_not_matter():
    grey = drawn()
    ink = np.zeros((*grey.shape, 4), np.uint8)
    ink[..., 3] = 255 - grey
    deep = grey.astype(np.uint16) * 100 + 500
    for data in (
        saved(grey, "JPEG", "CMYK"),
        saved(grey, "PNG", "P"),
        saved(grey, "PNG", "1"),
        saved(grey, "PNG", "RGB"),
        _png(Image.fromarray(ink, "RGBA")),
        _png(Image.fromarray(deep)),
    ):
        assert [s.raw for s in read_picture(data).symbols] == [MESSAGE]


def test_a_picture_held_sideways_is_turned_by_its_note():
    sideways = Image.fromarray(drawn()).rotate(90, expand=True)
    note = Image.Exif()
    note[0x0112] = 6
    out = io.BytesIO()
    sideways.save(out, "JPEG", exif=note)
    (symbol,) = read_picture(out.getvalue()).symbols
    left_top = symbol.position[0]
    assert max(left_top) < 20


def test_all_pages_of_a_tiff_and_a_pdf():
    texts = [PACK.replace("A1B2C3D4", f"SERIAL{n}") for n in range(3)]
    pages = [Image.fromarray(drawn(text)) for text in texts]
    tiff = io.BytesIO()
    pages[0].save(tiff, "TIFF", save_all=True, append_images=pages[1:])
    pdf = io.BytesIO()
    canvas = Canvas(pdf, pagesize=(200, 200), invariant=True)
    for page in pages:
        canvas.drawInlineImage(page, 50, 50, 60, 60)
        canvas.showPage()
    canvas.save()
    for data in (tiff.getvalue(), pdf.getvalue()):
        reading = read_picture(data)
        assert reading.pages == 3
        assert [(s.page, s.reading.serial) for s in reading.symbols] == [
            (0, "SERIAL0"),
            (1, "SERIAL1"),
            (2, "SERIAL2"),
        ]


def test_too_many_pages_are_cut_and_said():
    pages = [Image.fromarray(drawn()) for _ in range(4)]
    tiff = io.BytesIO()
    pages[0].save(tiff, "TIFF", save_all=True, append_images=pages[1:])
    reading = read_picture(tiff.getvalue(), limits=PictureLimits(pages_max=2))
    assert (reading.pages, len(reading.symbols)) == (2, 2)
    assert [finding.code for finding in reading.findings] == ["image.pages"]


def test_of_an_animation_the_first_frame_is_read():
    frames = [Image.fromarray(drawn()), Image.fromarray(drawn("OTHER", gs1=False))]
    gif = io.BytesIO()
    frames[0].save(gif, "GIF", save_all=True, append_images=frames[1:])
    reading = read_picture(gif.getvalue())
    assert [s.raw for s in reading.symbols] == [MESSAGE]
    assert [finding.code for finding in reading.findings] == ["image.animated"]


def test_a_picture_without_code_says_so_and_what_to_do():
    reading = read_picture(saved(np.full((300, 300), 200, np.uint8)))
    assert reading.symbols == ()
    (finding,) = reading.findings
    assert finding.code == "image.no-code"
    assert finding.hint


def test_print_quality_is_advisory_and_falls_with_the_print():
    (good,) = read_picture(saved(drawn())).symbols
    faint = (drawn().astype(np.float32) * 0.2 + 150).astype(np.uint8)
    (poor,) = read_picture(saved(faint)).symbols
    assert good.quality.grade == "A"
    assert good.quality.unused_error_correction == 1
    assert poor.quality.contrast < 0.25
    assert good.quality.contrast > 0.9
    assert poor.quality.grade in "DF"
    assert good.quality.as_dict()["advisory"] == "yes"


def test_print_quality_sees_a_crowded_quiet_zone_and_a_stretched_code():
    crowded = drawn(quiet=0)
    crowded = np.pad(crowded, 60, constant_values=0)
    crowded[:56], crowded[-56:], crowded[:, :56], crowded[:, -56:] = 255, 255, 255, 255
    free = drawn(quiet=15)
    assert _quality(free).quiet_zone > 0.95
    assert _quality(np.kron(free, np.ones((2, 3), np.uint8))).axial_nonuniformity > 0.3


def _quality(grey):
    (symbol,) = read_picture(saved(grey)).symbols
    return symbol.quality


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
