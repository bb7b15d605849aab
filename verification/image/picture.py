"""A picture in, its symbols out: the stages in their order, and the judgement on what they read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.finding import Finding, Severity
from verification.image.budget import TimeBudget
from verification.image.limits import PictureLimits
from verification.image.page import marks_on
from verification.image.sheet import PictureRefused, open_picture
from verification.image.symbol import Mark, PictureReading, Symbol

if TYPE_CHECKING:
    from collections.abc import Iterable


def read_picture(data: bytes, *, limits: PictureLimits | None = None) -> PictureReading:
    """Every symbol in a picture file: PNG, JPEG, WebP, TIFF, GIF, BMP, PNM, PDF, HEIC.

    Never raises for what is wrong with the file: `findings` say it. Native decoders run in
    this process; a service calls `reader.PictureReader` instead.

    >>> read_picture(b"").error
    'the file is empty'
    """
    limits = limits or PictureLimits()
    marks, findings, pages = marks_of(data, limits)
    return reading_of(marks, findings, pages)


def marks_of(data: bytes, limits: PictureLimits) -> tuple[list[Mark], list[Finding], int]:
    """The marks on all pages, the findings about the file, and the number of pages read."""
    marks: list[Mark] = []
    pages = 0
    findings: list[Finding] = []
    budget = TimeBudget(limits.time_s)
    try:
        opened = open_picture(data, limits)
        findings = opened.findings
        for sheet in opened.sheets:
            budget.limit_s += limits.further_page_s if pages else 0.0
            pages += 1
            seen, refused = marks_on(sheet, limits, budget)
            marks += seen
            findings += refused
            if not budget.is_left:
                break
    except PictureRefused as refused:
        findings.append(refused.finding)
    if budget.was_short:
        findings.append(budget.finding())
    return marks, findings, pages


def reading_of(marks: Iterable[Mark], findings: list[Finding], pages: int) -> PictureReading:
    """Marks and findings, put into GS1 words."""
    symbols = tuple(symbol_of(mark) for mark in marks)
    if pages and not symbols:
        findings = [*findings, _no_code()]
    return PictureReading(symbols, tuple(findings), pages)


def symbol_of(mark: Mark) -> Symbol:
    """One mark with its reading; what is no pack is named so."""
    from schemas.gs1.reading import read  # pictures without codes need no grammar

    reading = read(mark.aim + mark.raw)
    findings = () if reading.is_pack else (_not_a_pack(mark),)
    return Symbol(mark, reading, findings)


def _not_a_pack(mark: Mark) -> Finding:
    return Finding(
        "image.not-a-pack",
        Severity.INFO,
        f"this {mark.symbology} carries no product code: it is reported as read",
        "Scan the code with the product code, serial number, lot and expiry.",
    )


def _no_code() -> Finding:
    return Finding(
        "image.no-code",
        Severity.WARNING,
        "no code was found in the picture",
        "Come closer, hold straight, avoid glare, and show the whole code with its margin.",
    )
