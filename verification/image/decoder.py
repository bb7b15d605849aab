"""The first decoder, zxing-cpp: grey levels in, marks out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import zxingcpp

from verification.image.symbol import GS1_NAMES, Mark, Quad

if TYPE_CHECKING:
    from verification.image.place import Corners
    from verification.image.sheet import Grey

WANTED = zxingcpp.BarcodeFormats(
    [
        zxingcpp.DataMatrix,
        zxingcpp.QRCode,
        zxingcpp.Code128,
        zxingcpp.EANUPC,
        zxingcpp.DataBar,
        zxingcpp.ITF14,
        zxingcpp.PZN,
    ]
)
"""Symbologies that stand on medicine packs, cases and pallets."""
DATA_MATRIX = zxingcpp.BarcodeFormats([zxingcpp.DataMatrix])

_DATABAR_NAMES = {
    "DataBar Omni": "GS1 DataBar Omnidirectional",
    "DataBar Stacked": "GS1 DataBar Stacked",
    "DataBar Stacked Omni": "GS1 DataBar Stacked Omnidirectional",
    "DataBar Limited": "GS1 DataBar Limited",
    "DataBar Expanded": "GS1 DataBar Expanded",
    "DataBar Expanded Stacked": "GS1 DataBar Expanded Stacked",
}


def name_of(symbology: str, aim: str) -> str:
    """GS1 name of a symbology.

    >>> name_of("Data Matrix", "]d2"), name_of("Data Matrix", "]d1"), name_of("ITF", "]I1")
    ('GS1 DataMatrix', 'Data Matrix', 'ITF-14')
    """
    if symbology in _DATABAR_NAMES:
        return _DATABAR_NAMES[symbology]
    if symbology == "ITF":
        return "ITF-14"
    if symbology.startswith("QR Code"):
        symbology = "QR Code"
    return GS1_NAMES.get(aim, symbology)


def decode(
    grey: Grey,
    *,
    stage: str,
    page: int = 0,
    formats: zxingcpp.BarcodeFormats = WANTED,
    scale: float = 1.0,
    offset: tuple[float, float] = (0.0, 0.0),
    **options: Any,  # noqa: ANN401  # zxing-cpp's own switches, passed through
) -> list[Mark]:
    """Every valid, non-empty symbol zxing-cpp reads in `grey`.

    `scale` and `offset` say how `grey` came from the page: page = grey / scale + offset, in pixels.
    """
    found = zxingcpp.read_barcodes(
        grey, formats=formats, text_mode=zxingcpp.TextMode.Plain, **options
    )
    return [_mark(code, stage, page, scale, offset) for code in found if code.valid and code.bytes]


def decode_with_doubts(
    grey: Grey, *, page: int = 0, formats: zxingcpp.BarcodeFormats = WANTED
) -> tuple[list[Mark], list[Corners]]:
    """What zxing-cpp reads, and the places where it saw a Data Matrix but could not read it."""
    found = zxingcpp.read_barcodes(
        grey, formats=formats, text_mode=zxingcpp.TextMode.Plain, return_errors=True
    )
    marks: list[Mark] = []
    doubts: list[Corners] = []
    for code in found:
        if code.valid and code.bytes:
            marks.append(_mark(code, "plain", page, 1.0, (0.0, 0.0)))
        elif code.format == zxingcpp.DataMatrix:
            doubts.append(np.array(_quad(code.position, 1.0, (0.0, 0.0)), np.float32))
    return marks, doubts


def details(code: zxingcpp.Barcode) -> dict[str, Any]:  # JSON of zxing-cpp
    """What zxing-cpp tells beside the message: `Version`, the size; `UEC`, the share unused."""
    return dict(code.extra or {})  # type: ignore[call-overload,no-any-return]  # stubs: object


def _mark(
    code: zxingcpp.Barcode, stage: str, page: int, scale: float, offset: tuple[float, float]
) -> Mark:
    aim = code.symbology_identifier
    extra = details(code)
    return Mark(
        symbology=name_of(str(code.format), aim),
        aim=aim,
        data=bytes(code.bytes),
        raw=code.text,
        position=_quad(code.position, scale, offset),
        page=page,
        stage=stage,
        version=str(extra.get("Version", "")),
        unused_error_correction=extra.get("UEC"),
    )


def _quad(position: zxingcpp.Position, scale: float, offset: tuple[float, float]) -> Quad:
    def point(corner: zxingcpp.Point) -> tuple[int, int]:
        return round(corner.x / scale + offset[0]), round(corner.y / scale + offset[1])

    return (
        point(position.top_left),
        point(position.top_right),
        point(position.bottom_right),
        point(position.bottom_left),
    )
