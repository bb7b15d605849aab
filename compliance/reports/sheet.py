"""Printed reports: what a dossier says, on paper."""

from __future__ import annotations

from dataclasses import dataclass, field
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
    from datetime import datetime

    from reportlab.pdfgen.canvas import Canvas

ROWS_MAX = 500
"""Rows of a table that are printed; the CSV has all of them."""
CELL_CHARACTERS_MAX = 160


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with sentences, facts and a table; any of them may be empty."""

    title: str
    sentences: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    rows_total: int = 0
    """How many rows there are, printed or not."""
    is_quoted: bool = False
    """Whether the sentences are somebody else's, from a partner's file."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report before it is printed."""

    title: str
    made: datetime
    made_by: str
    sections: tuple[Section, ...] = field(default_factory=tuple)


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
        parts.append(_table([], section.facts, small, (45 * mm, 129 * mm)))
    if section.rows:
        parts.append(_table(section.columns, section.rows[:ROWS_MAX], small, None))
        left = max(section.rows_total, len(section.rows)) - len(section.rows[:ROWS_MAX])
        if left > 0:
            parts.append(Paragraph(f"and {left} more rows in the CSV file", small))
    parts.append(Spacer(1, 3 * mm))
    return parts


def _table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    style: ParagraphStyle,
    widths: tuple[float, ...] | None,
) -> Table:
    printed = [[Paragraph(escape(_short(cell)), style) for cell in row] for row in rows]
    if columns:
        printed.insert(0, [Paragraph(f"<b>{escape(name)}</b>", style) for name in columns])
    table = Table(printed, colWidths=widths, repeatRows=1 if columns else 0)
    table.setStyle(
        TableStyle(
            [
                ("GRID", (0, 0), (-1, -1), 0.25, colors.lightgrey),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("TOPPADDING", (0, 0), (-1, -1), 1.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
            ]
        )
    )
    return table


def _short(cell: str) -> str:
    return cell if len(cell) <= CELL_CHARACTERS_MAX else cell[: CELL_CHARACTERS_MAX - 1] + "\u2026"


def _number(canvas: Canvas, document: SimpleDocTemplate) -> None:
    canvas.setFont("Helvetica", 7)
    canvas.drawRightString(A4[0] - 18 * mm, 10 * mm, f"page {document.page}")
