"""A transaction document as PDF: readable, paged, the same bytes for the same shipment.

Drawn line by line, because 100,000 serial numbers are more than a laid out table can hold.
"""

from __future__ import annotations

from io import BytesIO
from itertools import groupby
from typing import TYPE_CHECKING, Final

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas

from compliance.transactions.forms import CITATIONS

if TYPE_CHECKING:
    from compliance.transactions.forms import Packages
    from compliance.transactions.information import TransactionInformation, TransactionParty

_LEFT: Final = 18 * mm
_TOP: Final = A4[1] - 18 * mm
_BOTTOM: Final = 18 * mm
_WIDTH: Final = A4[0] - 2 * _LEFT
_NAMES: Final = 42 * mm
"""Width of the column of names of facts."""
_SERIAL_COLUMNS: Final = 4


def as_pdf(found: list[TransactionInformation], packages: Packages) -> bytes:
    """The document, each shipment on pages of its own."""
    out = BytesIO()
    sheet = _Sheet(out)
    for one in found:
        sheet.begin()
        _head(sheet, one)
        _products(sheet, one)
        _statement(sheet, one)
        _packages(sheet, one, packages)
    sheet.end()
    return out.getvalue()


class _Sheet:
    """Pages that are written from top to bottom."""

    def __init__(self, out: BytesIO) -> None:
        self._canvas = Canvas(out, pagesize=A4, invariant=1, pageCompression=1)
        self._canvas.setTitle("Transaction information and statement")
        self._canvas.setAuthor("Packtrail")
        self._page = 0
        self._y = _TOP

    def begin(self) -> None:
        """A new page."""
        if self._page:
            self._finish()
        self._page += 1
        self._y = _TOP

    def end(self) -> None:
        """No more pages."""
        self._finish()
        self._canvas.save()

    def _finish(self) -> None:
        self._canvas.setFont("Helvetica", 7)
        self._canvas.drawString(_LEFT, 10 * mm, CITATIONS)
        self._canvas.drawRightString(A4[0] - _LEFT, 10 * mm, f"page {self._page}")
        self._canvas.showPage()

    def _room(self, height: float) -> None:
        if self._y - height < _BOTTOM:
            self.begin()

    def heading(self, text: str, size: float = 12) -> None:
        """A line in bold."""
        self._room(3 * size)
        self._y -= 1.6 * size
        self._canvas.setFont("Helvetica-Bold", size)
        self._canvas.drawString(_LEFT, self._y, text)
        self._y -= 0.4 * size

    def sentence(self, text: str, *, bold: bool = False, indent: float = 0) -> None:
        """Words, over as many lines as they need."""
        font = "Helvetica-Bold" if bold else "Helvetica"
        for line in simpleSplit(text, font, 9, _WIDTH - indent):
            self._room(12)
            self._y -= 12
            self._canvas.setFont(font, 9)
            self._canvas.drawString(_LEFT + indent, self._y, line)

    def fact(self, name: str, value: str) -> None:
        """A name and what it is."""
        lines = simpleSplit(value or "not given", "Helvetica", 9, _WIDTH - _NAMES) or [""]
        for number, line in enumerate(lines):
            self._room(12)
            self._y -= 12
            if number == 0:
                self._canvas.setFont("Helvetica-Bold", 9)
                self._canvas.drawString(_LEFT, self._y, name)
            self._canvas.setFont("Helvetica", 9)
            self._canvas.drawString(_LEFT + _NAMES, self._y, line)

    def row(self, cells: list[str]) -> None:
        """Serial numbers side by side."""
        self._room(10)
        self._y -= 10
        self._canvas.setFont("Courier", 8)
        for number, cell in enumerate(cells):
            x = _LEFT + number * _WIDTH / _SERIAL_COLUMNS
            self._canvas.drawString(x, self._y, cell)


def _head(sheet: _Sheet, one: TransactionInformation) -> None:
    sheet.heading("Transaction information and statement", 15)
    for sentence in one.standing:
        sheet.sentence(sentence, bold=True)
    for kind, number in one.papers:
        sheet.fact(kind, number)
    sheet.fact("date of transaction", one.transaction_date)
    sheet.fact("date of shipment", one.shipped)
    sheet.fact("transferred from", _party(one.seller))
    sheet.fact("transferred to", _party(one.buyer))
    if one.ships_from != one.seller:
        sheet.fact("shipped from", _party(one.ships_from))
    if one.ships_to != one.buyer:
        sheet.fact("shipped to", _party(one.ships_to))
    for name, value in one.purchase:
        sheet.fact(name, value)
    sheet.fact("number of containers", str(one.containers))
    for gap in one.gaps:
        sheet.sentence(f"Not given: {gap}.", bold=True)
    for exemption in one.exemptions:
        sheet.sentence(f"{exemption}.")


def _party(party: TransactionParty) -> str:
    return ", ".join(filter(None, [party.name, *party.address, party.gln and f"GLN {party.gln}"]))


def _products(sheet: _Sheet, one: TransactionInformation) -> None:
    sheet.heading("Products")
    for line in one.products:
        sheet.sentence(
            " ".join(filter(None, [line.name or "no name given", line.strength, line.form])),
            bold=True,
        )
        sheet.sentence(
            f"NDC {line.ndc or 'not given'}, container size {line.container_size or 'not given'},"
            f" GTIN {line.gtin}, lot {line.lot or 'not given'}, expiry"
            f" {line.expiry or 'not given'}: {line.containers} containers",
            indent=4 * mm,
        )


def _statement(sheet: _Sheet, one: TransactionInformation) -> None:
    sheet.heading("Transaction statement")
    for sentence in one.statement:
        sheet.sentence(sentence)


def _packages(sheet: _Sheet, one: TransactionInformation, packages: Packages) -> None:
    sheet.heading("Package identifiers")
    for (gtin, lot, expiry), some in groupby(
        packages(one.seq), key=lambda pack: (pack.gtin, pack.lot, pack.expiry)
    ):
        sheet.sentence(
            f"GTIN {gtin}, lot {lot or 'not given'}, expiry {expiry}: serials", bold=True
        )
        cells: list[str] = []
        for pack in some:
            cells.append(pack.serial)
            if len(cells) == _SERIAL_COLUMNS:
                sheet.row(cells)
                cells = []
        if cells:
            sheet.row(cells)
