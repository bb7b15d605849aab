"""Labels by the name of their format, and the check of what was printed."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from schemas.gs1.reading import read
from verification.label import Code, write_pdf, write_png, write_svg, write_zpl

if TYPE_CHECKING:
    from collections.abc import Callable


class LabelFormat(StrEnum):
    """How a label is written."""

    PNG = "png"
    SVG = "svg"
    PDF = "pdf"
    ZPL = "zpl"


MEDIA_TYPES: Final = {
    LabelFormat.PNG: "image/png",
    LabelFormat.SVG: "image/svg+xml",
    LabelFormat.PDF: "application/pdf",
    LabelFormat.ZPL: "application/vnd.zebra-zpl",
}
_WRITERS: Final[dict[LabelFormat, Callable[[Code], bytes]]] = {
    LabelFormat.PNG: write_png,
    LabelFormat.SVG: lambda code: write_svg(code).encode(),
    LabelFormat.PDF: write_pdf,
    LabelFormat.ZPL: lambda code: write_zpl(code).encode(),
}


def write_label(code: Code, wanted: LabelFormat) -> bytes:
    """A label in one of the formats. Raises LabelRefused where no symbol holds it."""
    return _WRITERS[wanted](code)


def differences(text: str, scanned: str) -> list[str]:
    """What a scanner read otherwise than the label was to say; empty where all is right.

    Raises LabelRefused where the text is none for a label.

    >>> differences("(01)09506000134352(21)A1", "]d2010950600013435221A2")
    ["(21) is 'A2', should be 'A1'"]
    """
    wanted = dict(Code.parse(text).elements)
    found = dict(read(scanned).elements)
    every = [*wanted, *(one for one in found if one not in wanted)]
    return [
        f"({one}) is {_shown(found.get(one))}, should be {_shown(wanted.get(one))}"
        for one in every
        if wanted.get(one) != found.get(one)
    ]


def _shown(value: str | None) -> str:
    return "missing" if value is None else repr(value)
