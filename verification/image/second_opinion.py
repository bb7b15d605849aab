"""ZBar beside zxing-cpp for bar codes and QR, where its library is installed; never needed.

It confirms bar codes whose check is weak, and is asked last where nothing else read anything. It
does not know Data Matrix.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2

from verification.image.symbol import Mark, corners_of

if TYPE_CHECKING:
    from verification.image.sheet import Grey

WEAK = frozenset({"ITF-14", "EAN-8", "UPC-E", "Pharmazentralnummer", "GS1 DataBar Limited"})
"""Symbologies that chance imitates most easily: short, or with a check of one digit only."""
QUALITY_MIN = 12
"""Scan lines that must agree before a bar code seen by ZBar alone is believed."""
SIDE_PX_MAX = 2500
"""Larger pages are reduced to this."""
NAMES = {
    "EAN13": ("EAN-13", "]E0"),
    "EAN8": ("EAN-8", "]E4"),
    "CODE128": ("Code 128", ""),
    "QRCODE": ("QR Code", ""),
}
"""ZBar's name -> GS1 name and symbology identifier; ZBar hides the identifier where it varies."""


@lru_cache(maxsize=1)
def _zbar() -> Any:  # noqa: ANN401  # pyzbar has no stubs
    """The binding, or None where the library is not installed."""
    try:
        from pyzbar import pyzbar  # noqa: PLC0415  # fails to import without the library
    except ImportError:
        return None
    return pyzbar


def contradicted(grey: Grey, marks: list[Mark]) -> list[Mark]:
    """Marks of weak symbologies at whose place ZBar reads something else."""
    weak = [mark for mark in marks if mark.symbology in WEAK]
    zbar = _zbar()
    if not weak or zbar is None:
        return []
    seen, scale = _seen(zbar, grey, list(zbar.ZBarSymbol))
    return [
        mark
        for mark in weak
        for other in seen
        if other.data.strip() and not _agree(mark, other.data) and _overlap(mark, other, scale)
    ]


def last_resort(grey: Grey, page: int) -> list[Mark]:
    """Bar codes and QR codes that only ZBar reads, and reads many times over."""
    zbar = _zbar()
    if zbar is None:
        return []
    wanted = [getattr(zbar.ZBarSymbol, name) for name in NAMES]
    seen, scale = _seen(zbar, grey, wanted)
    return [
        _mark(other, page, scale)
        for other in seen
        if other.data and (other.type == "QRCODE" or other.quality >= QUALITY_MIN)
    ]


def _seen(zbar: Any, grey: Grey, wanted: list[Any]) -> tuple[list[Any], float]:  # noqa: ANN401  # no stubs
    scale = min(1.0, SIDE_PX_MAX / max(grey.shape))
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    pixels = (grey.tobytes(), grey.shape[1], grey.shape[0])
    return zbar.decode(pixels, symbols=wanted), scale


def _agree(mark: Mark, data: bytes) -> bool:
    """Whether two readings are one number; ZBar pads and strips the zeros of retail codes."""
    return bool(mark.data.lstrip(b"0-") == data.lstrip(b"0-"))


def _overlap(mark: Mark, other: Any, scale: float) -> bool:  # noqa: ANN401  # no stubs
    corners = corners_of(mark.position) * scale
    (left, top), (right, bottom) = corners.min(0), corners.max(0)
    box = other.rect
    return bool(
        box.left < right
        and left < box.left + box.width
        and box.top < bottom
        and top < box.top + box.height
    )


def _mark(other: Any, page: int, scale: float) -> Mark:  # noqa: ANN401  # no stubs
    name, aim = NAMES[other.type]
    box = other.rect
    left, top = round(box.left / scale), round(box.top / scale)
    right = round((box.left + box.width) / scale)
    bottom = round((box.top + box.height) / scale)
    return Mark(
        symbology=name,
        aim=aim,
        data=other.data,
        raw=other.data.decode("utf-8", "replace"),
        position=((left, top), (right, top), (right, bottom), (left, bottom)),
        page=page,
        stage="second opinion",
    )
