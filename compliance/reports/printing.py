"""Print the report of a dossier as PDF."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reportlab.pdfgen.canvas import Canvas

    from compliance.reports.sheet import Report, Section

ROWS_MAX = 500
"""Most rows of a table that are printed; the CSV has all of them."""
CELL_CHARACTERS_MAX = 160
FACT_CHARACTERS_MAX = 1_000
NARROW_COLUMNS_MIN = 10
"""A table with at least so many columns is printed smaller."""
_WIDTH = A4[0] - 36 * mm
_COLUMN_CHARACTERS_MIN = 6
_WORD_CHARACTERS_MAX = 18
_TEXT_CHARACTERS_MAX = 36


def print_report(report: Report) -> bytes:
    """The report as PDF; the same report gives the same bytes."""
    out = BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        title=report.title,
        author="Packtrail",
        invariant=1,
        leftMargin=18 * mm,
        rightMargin=18 * mm,
        topMargin=18 * mm,
        bottomMargin=18 * mm,
    )
    styles = getSampleStyleSheet()
    small = ParagraphStyle("small", parent=styles["BodyText"], fontSize=7.5, leading=9)
    story = [
        Paragraph(escape(report.title), styles["Title"]),
        Paragraph(
            escape(f"Made {report.made.isoformat(timespec='seconds')} by {report.made_by}"),
            styles["BodyText"],
        ),
    ]
    for section in report.sections:
        story.extend(_printed(section, styles["Heading2"], styles["BodyText"], small))
    document.build(story, onFirstPage=_number, onLaterPages=_number)
    return out.getvalue()


def _printed(
    section: Section, heading: ParagraphStyle, body: ParagraphStyle, small: ParagraphStyle
) -> list[object]:
    parts: list[object] = [Paragraph(escape(section.title), heading)]
    parts.extend(Paragraph(escape(sentence), body) for sentence in section.sentences)
    if section.facts:
        facts = [(name, _short(value, FACT_CHARACTERS_MAX)) for name, value in section.facts]
        parts.append(_table([], facts, small, [45 * mm, _WIDTH - 45 * mm]))
    if section.rows:
        rows = [
            [_short(cell, CELL_CHARACTERS_MAX) for cell in row] for row in section.rows[:ROWS_MAX]
        ]
        smaller = ParagraphStyle("smaller", parent=small, fontSize=6, leading=7.2)
        style = smaller if len(section.columns) >= NARROW_COLUMNS_MIN else small
        parts.append(_table(section.columns, rows, style, _widths(section.columns, rows)))
        left = max(section.rows_total, len(section.rows)) - len(rows)
        if left > 0:
            parts.append(Paragraph(f"and {left} more rows; report.json has more of them", small))
    elif section.columns:
        parts.append(Paragraph("none", small))
    parts.append(Spacer(1, 3 * mm))
    return parts


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[float]:
    """Widths of columns by their content: room for the longest word, more for long text."""
    needs = []
    for at, name in enumerate(columns):
        cells = [row[at] for row in rows]
        words = [word for cell in (name, *cells) for word in cell.split()]
        word = min(max(map(len, words), default=1), _WORD_CHARACTERS_MAX)
        text = min(max(map(len, cells), default=1), _TEXT_CHARACTERS_MAX)
        needs.append(max(word + 2, (word + text) / 2, _COLUMN_CHARACTERS_MIN))
    return [_WIDTH * need / sum(needs) for need in needs]


def _table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    style: ParagraphStyle,
    widths: list[float],
) -> Table:
    printed = [[Paragraph(escape(cell), style) for cell in row] for row in rows]
    if columns:
        printed.insert(0, [Paragraph(f"<b>{escape(name)}</b>", style) for name in columns])
    table = Table(printed, colWidths=widths, repeatRows=1 if columns else 0, hAlign="LEFT")
    table.setStyle(
        TableStyle(
            [
                ("GRID", (0, 0), (-1, -1), 0.25, colors.lightgrey),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("TOPPADDING", (0, 0), (-1, -1), 1.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
                ("LEFTPADDING", (0, 0), (-1, -1), 2.5),
                ("RIGHTPADDING", (0, 0), (-1, -1), 2.5),
            ]
        )
    )
    return table


def _short(cell: str, characters_max: int) -> str:
    return cell if len(cell) <= characters_max else cell[: characters_max - 1] + "\u2026"


def _number(canvas: Canvas, document: SimpleDocTemplate) -> None:
    canvas.setFont("Helvetica", 7)
    canvas.drawRightString(A4[0] - 18 * mm, 10 * mm, f"page {document.page}")
