"""What was scanned, from a picture or from a keyboard scanner, as one kind of value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi.concurrency import run_in_threadpool

from epcis.desk import Problem
from schemas.finding import Finding, Severity
from verification.scan import recover

if TYPE_CHECKING:
    from fastapi import FastAPI

    from compliance.service.settings import Settings
    from schemas.gs1.reading import Reading
    from verification.image.worker import PictureReader
    from verification.scan import Lookup


@dataclass(frozen=True, slots=True)
class Scan:
    """The codes of one scan, and what is to be said about the scan as a whole."""

    readings: tuple[Reading, ...]
    findings: tuple[Finding, ...]
    symbols: tuple[dict[str, Any], ...]
    """Each code as `packtrail scan --json` shows it."""
    file: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The scan as `POST /packs/scan` answers it."""
        refusing = (f for f in self.findings if f.severity in (Severity.ERROR, Severity.CRITICAL))
        return {
            "file": self.file,
            "symbols": list(self.symbols),
            "findings": [finding.as_dict() for finding in self.findings],
            "error": next((f.what for f in refusing), None),
        }


async def scan_picture(app: FastAPI, data: bytes, name: str | None) -> Scan:
    """Read a picture in the decoder process, which may die without anyone here noticing."""
    settings: Settings = app.state.settings
    if len(data) > settings.picture_bytes_max:
        raise Problem(
            413,
            "Picture too large",
            f"the picture has {len(data)} bytes, at most {settings.picture_bytes_max} are taken",
        )
    reader: PictureReader = app.state.picture_reader
    found = await run_in_threadpool(reader.read, data, timeout_s=settings.picture_timeout_s)
    return Scan(
        readings=tuple(symbol.reading for symbol in found.symbols),
        findings=found.findings,
        symbols=tuple(symbol.as_dict() for symbol in found.symbols),
        file=name,
    )


def scan_text(app: FastAPI, text: str, known: Lookup | None = None) -> Scan:
    """Read what a keyboard scanner typed, recovering what such scanners spoil."""
    settings: Settings = app.state.settings
    if not text.strip():
        return Scan((), (_nothing(),), ())
    if len(text) > settings.scan_text_chars_max:
        return Scan((), (_too_long(len(text), settings.scan_text_chars_max),), ())
    candidates = recover(text, known)
    readings = tuple(candidate.reading for candidate in candidates)
    symbols = tuple(
        {"symbology": candidate.reading.format, "raw": text, **candidate.as_dict()}
        for candidate in candidates
    )
    return Scan(readings, (), symbols)


def _nothing() -> Finding:
    return Finding("scan.empty", Severity.ERROR, "nothing was scanned", "scan the 2D code again")


def _too_long(length: int, limit: int) -> Finding:
    return Finding(
        "scan.too-long",
        Severity.ERROR,
        f"the text has {length} characters, at most {limit} are read",
        "scan one pack at a time",
    )
