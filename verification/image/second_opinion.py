"""ZBar beside zxing-cpp for bar codes and QR, where its library is installed; never needed.

It confirms bar codes whose check is weak or that only a filter showed, and is asked last where
nothing else read anything. It does not know Data Matrix.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2

from schemas.gs1.national import upc_of_short
from verification.image.symbol import Mark, corners_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verification.image.sheet import Grey

WEAK = frozenset({"ITF-14", "EAN-8", "UPC-E", "Pharmazentralnummer", "GS1 DataBar Limited"})
"""Symbologies that chance imitates most easily: short, or with a check of one digit only."""
QUALITY_MIN = 12
"""Scan lines that must agree before a bar code seen by ZBar alone is believed."""
SIDE_PX_MAX = 2500
"""Larger pages are reduced to this."""
SECOND_LOOK = 0.8
"""Size of the page as ZBar looks at it a second time."""
NAMES = {
    "EAN13": ("EAN-13", "]E0"),
    "ISBN13": ("EAN-13", "]E0"),
    "EAN8": ("EAN-8", "]E4"),
    "CODE128": ("Code 128", ""),
    "QRCODE": ("QR Code", ""),
}
"""ZBar's name -> GS1 name and symbology identifier; ZBar hides the identifier where it varies."""
_GREY = int.from_bytes(b"Y800", "little")
"""ZBar's name for eight bits of grey."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A code as ZBar sees it."""

    kind: str
    data: bytes
    quality: int
    """Scan lines that agree."""
    box: tuple[float, float, float, float] | None
    """Left, top, right, bottom in pixels of the page; None where ZBar tells no place."""


@lru_cache(maxsize=1)
def _zbar() -> Any:  # noqa: ANN401  # the binding has no stubs
    """The binding's functions, or None where the library is not installed."""
    try:
        from pyzbar import wrapper  # fails to import without the library
    except ImportError:
        return None
    return wrapper


def contradicted(grey: Grey, marks: list[Mark]) -> list[Mark]:
    """Marks of weak symbologies at whose place ZBar reads something else."""
    weak = [mark for mark in marks if mark.symbology in WEAK]
    zbar = _zbar()
    if not weak or zbar is None:
        return []
    seen = _seen(zbar, grey, tuple(kind.name for kind in zbar.ZBarSymbol))
    return [
        mark
        for mark in weak
        for other in seen
        if other.data.strip() and not same_number(mark.data, other.data) and _overlap(mark, other)
    ]


def confirmed(grey: Grey, marks: list[Mark]) -> list[Mark]:
    """Bar codes that ZBar reads too."""
    zbar = _zbar()
    if not marks or zbar is None:
        return []
    seen = _seen(zbar, grey, tuple(kind.name for kind in zbar.ZBarSymbol))
    return [mark for mark in marks if any(same_number(mark.data, other.data) for other in seen)]


def last_resort(grey: Grey, page: int) -> list[Mark]:
    """Bar codes and QR codes that only ZBar reads: bars twice, many scan lines each time."""
    zbar = _zbar()
    if zbar is None:
        return []
    wanted = tuple(NAMES)
    seen = [one for one in _seen(zbar, grey, wanted) if one.data and one.box]
    if not seen:
        return []
    size = (max(1, int(grey.shape[1] * SECOND_LOOK)), max(1, int(grey.shape[0] * SECOND_LOOK)))
    smaller = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    again = {one.data for one in _seen(zbar, smaller, wanted)}
    return [
        _mark(one, one.box, page)
        for one in seen
        if one.box and (one.kind == "QRCODE" or (one.quality >= QUALITY_MIN and one.data in again))
    ]


def same_number(one: bytes, other: bytes) -> bool:
    """Whether two readings are one number, whatever zeros it has and however short it is written.

    >>> same_number(b"04963406", b"0049000006346"), same_number(b"96385074", b"12345670")
    (True, False)
    """
    return not _numbers(one).isdisjoint(_numbers(other))


def _numbers(data: bytes) -> set[bytes]:
    found = {data.lstrip(b"0-")}
    long = upc_of_short(data.decode("latin-1")) if len(data) == 8 else None
    return found | ({long.encode().lstrip(b"0")} if long else set())


def _seen(zbar: Any, grey: Grey, wanted: tuple[str, ...]) -> list[Seen]:  # noqa: ANN401  # no stubs
    """What ZBar sees of the wanted kinds.

    Its own binding fails where a code has no place; here such a code is kept without.
    """
    scale = min(1.0, SIDE_PX_MAX / max(grey.shape))
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    pixels = grey.tobytes()
    scanner, image = zbar.zbar_image_scanner_create(), zbar.zbar_image_create()
    try:
        for kind in zbar.ZBarSymbol:
            on = int(kind.name in wanted)
            zbar.zbar_image_scanner_set_config(scanner, kind, zbar.ZBarConfig.CFG_ENABLE, on)
        zbar.zbar_image_set_format(image, _GREY)
        zbar.zbar_image_set_size(image, grey.shape[1], grey.shape[0])
        held = ctypes.cast(ctypes.c_char_p(pixels), ctypes.c_void_p)
        zbar.zbar_image_set_data(image, held, len(pixels), None)
        zbar.zbar_scan_image(scanner, image)
        return [_as_seen(zbar, symbol, scale) for symbol in _symbols(zbar, image)]
    finally:
        zbar.zbar_image_destroy(image)
        zbar.zbar_image_scanner_destroy(scanner)


def _symbols(zbar: Any, image: Any) -> Iterator[Any]:  # noqa: ANN401  # no stubs
    symbol = zbar.zbar_image_first_symbol(image)
    while symbol:
        yield symbol
        symbol = zbar.zbar_symbol_next(symbol)


def _as_seen(zbar: Any, symbol: Any, scale: float) -> Seen:  # noqa: ANN401  # no stubs
    size = zbar.zbar_symbol_get_data_length(symbol)
    data = ctypes.string_at(zbar.zbar_symbol_get_data(symbol), size)
    names = {int(kind): kind.name for kind in zbar.ZBarSymbol}
    points = range(zbar.zbar_symbol_get_loc_size(symbol))
    across = [zbar.zbar_symbol_get_loc_x(symbol, n) / scale for n in points]
    down = [zbar.zbar_symbol_get_loc_y(symbol, n) / scale for n in points]
    box = (min(across), min(down), max(across), max(down)) if across else None
    kind = names.get(int(symbol.contents.type), "")
    return Seen(kind, data, zbar.zbar_symbol_get_quality(symbol), box)


def _overlap(mark: Mark, other: Seen) -> bool:
    if other.box is None:
        return False
    corners = corners_of(mark.position)
    (left, top), (right, bottom) = corners.min(0), corners.max(0)
    x0, y0, x1, y1 = other.box
    return bool(x0 < right and left < x1 and y0 < bottom and top < y1)


def _mark(other: Seen, box: tuple[float, float, float, float], page: int) -> Mark:
    name, aim = NAMES[other.kind]
    left, top, right, bottom = map(round, box)
    return Mark(
        symbology=name,
        aim=aim,
        data=other.data,
        raw=other.data.decode("utf-8", "replace"),
        position=((left, top), (right, top), (right, bottom), (left, bottom)),
        page=page,
        stage="second opinion",
    )
