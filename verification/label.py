"""Labels: GS1 DataMatrix, GS1-128 and QR with a Digital Link, checked before they are drawn.

Below the symbol stand its elements and the signs for storage. There is no logo.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from math import ceil
from typing import TYPE_CHECKING, Any

from schemas.finding import Finding, Severity
from schemas.gs1 import digital_link
from schemas.gs1.element_string import bracketed, transmitted
from schemas.gs1.expiry import expiry_date
from schemas.gs1.reading import read

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import zxingcpp

    Modules = npt.NDArray[np.bool_]
    """Rows by columns, True where ink goes, quiet zone included."""

TEXT_GAP_MODULES = 2
TEXT_LINE_MODULES = 3
"""Height of a line of human readable text, and of the gap above the first."""
TEXT_SPARE = 1.15
"""Other fonts than Helvetica are a little wider."""
BAR_HEIGHT_MODULES = 60
GS1_128_CHARACTERS_MAX = 48
"""Data characters a GS1-128 may carry (General Specifications 5.4.2)."""
POINTS_PER_MM = 72 / 25.4


class Symbology(StrEnum):
    """What a label may be printed in."""

    DATA_MATRIX = "GS1 DataMatrix"
    GS1_128 = "GS1-128"
    QR_DIGITAL_LINK = "QR Code"


QUIET_MODULES = {Symbology.DATA_MATRIX: 3, Symbology.GS1_128: 10, Symbology.QR_DIGITAL_LINK: 4}
"""Clear modules around a symbol; never less than its standard asks."""


class StorageSign(StrEnum):
    """How goods are to be kept, in the words of the EMA's guideline on storage declarations."""

    COLD = "Store in a refrigerator (2 °C to 8 °C)"
    FROZEN = "Store in a freezer (-25 °C to -15 °C)"
    ROOM = "Do not store above 25 °C"
    NOT_FROZEN = "Do not freeze"
    DARK = "Protect from light"
    DRY = "Protect from moisture"
    FRAGILE = "Fragile"
    UPRIGHT = "This way up"


class LabelRefused(ValueError):  # noqa: N818  # a refusal, carrying its findings
    """No label may say this; `findings` tell why."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("no label can say this: " + "; ".join(f.what for f in findings))
        self.findings = findings


@dataclass(frozen=True, slots=True)
class Code:
    """Element strings in one symbology, valid by the General Specifications.

    >>> str(Code.parse("(01)09506000134352(21)A1"))
    '(01)09506000134352(21)A1'
    """

    elements: tuple[tuple[str, str], ...]
    """Application Identifiers and values, in the order they are encoded."""
    symbology: Symbology = Symbology.DATA_MATRIX
    signs: tuple[StorageSign, ...] = ()

    def __post_init__(self) -> None:
        reading = read(bracketed(self.elements))
        faults = tuple(f for f in reading.findings if f.severity == Severity.ERROR)
        if not faults and self.symbology is Symbology.GS1_128:
            faults = _too_long_for_bars(transmitted(self.elements))
        if faults or not reading.elements:
            raise LabelRefused(faults or (_nothing(),))

    @classmethod
    def parse(
        cls,
        text: str,
        symbology: Symbology = Symbology.DATA_MATRIX,
        signs: tuple[StorageSign, ...] = (),
    ) -> Code:
        """The code for any GS1 text: bracketed, scanned, or a Digital Link.

        Raises LabelRefused where the text is no valid GS1 text.
        """
        reading = read(text)
        faults = tuple(f for f in reading.findings if f.severity == Severity.ERROR)
        if faults or not reading.format.startswith("gs1-"):
            raise LabelRefused(faults or (_nothing(),))
        return cls(tuple(reading.elements.items()), symbology, signs)

    def __str__(self) -> str:
        return bracketed(self.elements)

    @property
    def message(self) -> str:
        """What a scanner transmits, without symbology identifier."""
        if self.symbology is Symbology.QR_DIGITAL_LINK:
            return digital_link.write(self.elements)
        return transmitted(self.elements)

    @property
    def lines(self) -> tuple[str, ...]:
        """The human readable text below the symbol: an element a line, then the signs."""
        elements = (f"({identifier}) {value}" for identifier, value in self.elements)
        return (*elements, *(sign.value for sign in self.signs))

    @property
    def width_modules(self) -> int:
        """Width of the label: of the symbol, or of its longest line of text."""
        from reportlab.pdfbase.pdfmetrics import stringWidth  # labels are drawn by few commands

        size = 0.7 * TEXT_LINE_MODULES
        longest: float = max(stringWidth(line, "Helvetica", size) for line in self.lines)
        wide: int = self.modules.shape[1]
        return max(wide, ceil(TEXT_SPARE * longest) + 2)

    @property
    def _for_encoder(self) -> str:
        """With square brackets, which no value may contain; round ones may stand in a serial."""
        return "".join(f"[{identifier}]{value}" for identifier, value in self.elements)

    @property
    def modules(self) -> Modules:
        """The symbol with its quiet zone; bars are `BAR_HEIGHT_MODULES` high."""
        import numpy as np  # labels are drawn by few commands

        ink = np.asarray(self._drawn().to_image(scale=1, add_quiet_zones=False)) < 128
        if self.symbology is Symbology.GS1_128:
            ink = np.tile(ink[:1], (BAR_HEIGHT_MODULES, 1))
        return np.pad(ink, QUIET_MODULES[self.symbology])

    def _drawn(self) -> zxingcpp.Barcode:
        import zxingcpp  # as above

        kinds = {
            Symbology.QR_DIGITAL_LINK: (self.message, zxingcpp.QRCode, {}),
            Symbology.GS1_128: (self._for_encoder, zxingcpp.Code128, {"gs1": True}),
            Symbology.DATA_MATRIX: (
                self._for_encoder,
                zxingcpp.DataMatrix,
                {"gs1": True, "forceSquare": True},
            ),
        }
        text, kind, options = kinds[self.symbology]
        try:
            return zxingcpp.create_barcode(text, kind, **options)
        except ValueError:
            raise LabelRefused((_too_much(self.symbology),)) from None


@dataclass(frozen=True, slots=True)
class Label:
    """What a pack's code says; building one with values that cannot be right raises ValueError.

    >>> Label(gtin="09506000134352", serial="A1", lot="L1", expiry="2027-05-31").bracketed
    '(01)09506000134352(21)A1(17)270531(10)L1'
    """

    gtin: str
    """GTIN-14."""
    serial: str
    lot: str
    expiry: str
    """ISO 8601, `2027-05-31`."""

    def __post_init__(self) -> None:
        if expiry_date(self.expiry.replace("-", "")[2:]) is None:
            raise LabelRefused((_no_date(self.expiry),))
        _ = self.code

    @property
    def code(self) -> Code:
        """The label's GS1 DataMatrix, in the order pharma packs carry their elements."""
        yymmdd = self.expiry.replace("-", "")[2:]
        return Code((("01", self.gtin), ("21", self.serial), ("17", yymmdd), ("10", self.lot)))

    @property
    def bracketed(self) -> str:
        """The element string with brackets."""
        return str(self.code)


def write_png(label: Label | Code, module_px: int = 8) -> bytes:
    """The label as a PNG picture, black on white."""
    import numpy as np  # labels are drawn by few commands
    from PIL import Image, ImageDraw, ImageFont  # as above

    code = _code_of(label)
    ink = np.kron(code.modules, np.ones((module_px, module_px), bool))
    height = ink.shape[0] + (TEXT_GAP_MODULES + TEXT_LINE_MODULES * len(code.lines)) * module_px
    font = ImageFont.load_default(0.7 * TEXT_LINE_MODULES * module_px)
    text_px = max(ceil(font.getlength(line)) for line in code.lines) + 2 * module_px
    picture = Image.new("L", (max(ink.shape[1], text_px), height), 255)
    picture.paste(Image.fromarray(np.where(ink, 0, 255).astype(np.uint8)), (0, 0))
    pen = ImageDraw.Draw(picture)
    for number, line in enumerate(code.lines):
        top = ink.shape[0] + (TEXT_GAP_MODULES + number * TEXT_LINE_MODULES) * module_px
        pen.text((module_px, top), line, font=font, fill=0)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def write_svg(label: Label | Code, module_mm: float = 0.4) -> str:
    """The label as an SVG drawing in millimetres: one path for the symbol, text below."""
    code = _code_of(label)
    modules = code.modules
    rows, columns = len(modules), code.width_modules
    height = rows + TEXT_GAP_MODULES + TEXT_LINE_MODULES * len(code.lines)
    path = "".join(f"M{x} {y}h{wide}v{high}h-{wide}z" for x, y, wide, high in _runs(modules))
    texts = "".join(
        f'<text x="1" y="{rows + TEXT_GAP_MODULES + (number + 0.8) * TEXT_LINE_MODULES:g}" '
        f'font-family="sans-serif" font-size="{0.7 * TEXT_LINE_MODULES:g}">{_escaped(line)}</text>'
        for number, line in enumerate(code.lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns * module_mm:g}mm" '
        f'height="{height * module_mm:g}mm" viewBox="0 0 {columns} {height}">'
        f'<rect width="{columns}" height="{height}" fill="#fff"/>'
        f'<path shape-rendering="crispEdges" d="{path}"/>{texts}</svg>'
    )


def write_pdf(label: Label | Code, module_mm: float = 0.4) -> bytes:
    """The label as a PDF page of its own size."""
    from reportlab.pdfgen.canvas import Canvas  # labels are drawn by few commands

    code = _code_of(label)
    modules = code.modules
    side = module_mm * POINTS_PER_MM
    rows, columns = len(modules), code.width_modules
    height = (rows + TEXT_GAP_MODULES + TEXT_LINE_MODULES * len(code.lines)) * side
    out = io.BytesIO()
    canvas: Any = Canvas(out, pagesize=(columns * side, height), invariant=True)
    for x, y, wide, high in _runs(modules):
        bottom = height - (y + high) * side
        canvas.rect(x * side, bottom, wide * side, high * side, stroke=0, fill=1)
    canvas.setFont("Helvetica", 0.7 * TEXT_LINE_MODULES * side)
    for number, line in enumerate(code.lines):
        base = rows + TEXT_GAP_MODULES + (number + 0.8) * TEXT_LINE_MODULES
        canvas.drawString(side, height - base * side, line)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def write_zpl(label: Label | Code, module_dots: int = 4) -> str:
    """The label in Zebra's printer language, the symbol as a graphic: every printer draws it alike.

    `module_dots` is the module's side in printer dots: 4 at 203 dpi is half a millimetre.
    """
    import numpy as np  # labels are drawn by few commands

    code = _code_of(label)
    ink = np.kron(code.modules, np.ones((module_dots, module_dots), bool))
    packed = np.packbits(ink, axis=1)
    size = packed.size
    graphic = f"^FO0,0^GFA,{size},{size},{packed.shape[1]},{packed.tobytes().hex().upper()}^FS"
    line_dots = TEXT_LINE_MODULES * module_dots
    texts = "".join(
        f"^FO{module_dots},{ink.shape[0] + TEXT_GAP_MODULES * module_dots + number * line_dots}"
        f"^A0N,{line_dots}^FH_^FD{_zpl_text(line)}^FS"
        for number, line in enumerate(code.lines)
    )
    high = ink.shape[0] + (TEXT_GAP_MODULES + TEXT_LINE_MODULES * len(code.lines)) * module_dots
    # ^CI28 is UTF-8, ^PW and ^LL are the size of the label.
    return f"^XA^CI28^PW{code.width_modules * module_dots}^LL{high}{graphic}{texts}^XZ"


def _code_of(label: Label | Code) -> Code:
    return label.code if isinstance(label, Label) else label


def _runs(modules: Modules) -> list[tuple[int, int, int, int]]:
    """Left, top, width and height of every run of ink; rows that are alike make one run."""
    runs = []
    top = 0
    for row, group in groupby(modules.tolist()):
        height = len(list(group))
        left = 0
        for dark, run in groupby(row):
            width = len(list(run))
            if dark:
                runs.append((left, top, width, height))
            left += width
        top += height
    return runs


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _zpl_text(text: str) -> str:
    """Text as ^FH_ hexadecimal escapes where the language gives a character a meaning."""
    return "".join(
        sign if sign.isascii() and sign not in "^~_,\\" else _hexadecimal(sign) for sign in text
    )


def _hexadecimal(sign: str) -> str:
    return "".join(f"_{byte:02X}" for byte in sign.encode())


def _too_long_for_bars(message: str) -> tuple[Finding, ...]:
    if len(message) <= GS1_128_CHARACTERS_MAX:
        return ()
    what = f"a GS1-128 carries {GS1_128_CHARACTERS_MAX} characters, this has {len(message)}"
    hint = "Use a GS1 DataMatrix, or two bar codes."
    return (Finding("label.too-long", Severity.ERROR, what, hint),)


def _too_much(symbology: Symbology) -> Finding:
    what = f"no {symbology} holds so much"
    return Finding(
        "label.too-long", Severity.ERROR, what, "Leave elements out, or print two codes."
    )


def _nothing() -> Finding:
    what = "this is no GS1 text"
    hint = "Give elements with their Application Identifiers, as (01)09506000134352(21)A1."
    return Finding("label.no-elements", Severity.ERROR, what, hint)


def _no_date(text: str) -> Finding:
    hint = "Give the date as 2027-05-31."
    return Finding("label.expiry", Severity.ERROR, f"{text!r} is no expiry date", hint)
