"""What was scanned, from a picture or from a keyboard scanner, as one kind of value."""

from __future__ import annotations

import base64
import binascii
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from anyio import to_thread
from sqlalchemy import select

from compliance.service.context import service_context
from epcis.http_context import caller_of
from epcis.problem import Problem
from epcis.store.event_tables import lot as lot_table
from epcis.store.items import item
from schemas.finding import Finding, Severity
from verification.alerts.guessing import network_of
from verification.decision.facts import is_known_product
from verification.image.turns import TooManyPictures
from verification.scan import Layout, decided, recover

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

    from epcis.database.transactions import Snapshot
    from epcis.http_context import Caller
    from schemas.gs1.reading import Reading

LAYOUT_COOKIE = "packtrail_layout"
"""Where a browser keeps what its workstation's calibration gave."""


@dataclass(frozen=True, slots=True)
class Scan:
    """The codes of one scan, and the notes about the scan as a whole."""

    readings: tuple[Reading, ...]
    findings: tuple[Finding, ...]
    symbols: tuple[dict[str, Any], ...]
    """Each code as `packtrail scan --json` shows it."""
    file: str | None = None

    def as_dict(self) -> dict[str, object]:
        """The scan as `POST /packs/scan` answers it."""
        refusing = (f for f in self.findings if f.severity in (Severity.ERROR, Severity.CRITICAL))
        return {
            "file": self.file,
            "symbols": list(self.symbols),
            "findings": [finding.as_dict() for finding in self.findings],
            "error": next((f.what for f in refusing), None),
        }


async def scan_picture(request: Request, data: bytes, name: str | None) -> Scan:
    """Read a picture in the decoder process, which may die without anyone here noticing.

    Clients take turns at the workers; a picture waits here, not on a thread that others need.
    """
    context = service_context(request.app)
    settings = context.settings
    if len(data) > settings.picture_bytes_max:
        raise Problem(
            413,
            "Picture too large",
            f"the picture has {len(data)} bytes, at most {settings.picture_bytes_max} are taken",
        )
    until_s = time.monotonic() + settings.picture_timeout_s
    try:
        async with context.picture_turns.turn(
            _client_of(caller_of(request)), settings.picture_timeout_s
        ):
            found = await to_thread.run_sync(
                context.picture_reader.read,
                data,
                until_s - time.monotonic(),
                limiter=context.picture_turns.threads,
            )
    except TooManyPictures:
        raise Problem(
            503,
            "Busy",
            "too many pictures are being read at once; send it again in a moment",
            headers={"Retry-After": "2"},
        ) from None
    return Scan(
        readings=tuple(symbol.reading for symbol in found.symbols),
        findings=found.findings,
        symbols=tuple(symbol.as_dict() for symbol in found.symbols),
        file=name,
    )


def _client_of(caller: Caller) -> str:
    """Whose pictures take turns with those of others: a key or person at a network."""
    return f"{caller.name} {network_of(caller.client) or caller.client}"


class KnownHere:
    """What the store knows of products, lots and packs: tells rival readings of a text apart."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._view = snapshot

    def knows_gtin(self, gtin: str) -> bool:
        """Whether any pack or master data has this GTIN-14."""
        return is_known_product(self._view, gtin)

    def knows_lot(self, gtin: str, lot: str) -> bool:
        """Whether the product has this lot."""
        lots = lot_table.c
        found = select(lots.id).where(lots.gtin == gtin, lots.code == lot).limit(1)
        return self._view.connection.execute(found).first() is not None

    def knows_pack(self, gtin: str, serial: str) -> bool:
        """Whether this very pack is known."""
        return item(self._view, f"/01/{gtin}/21/{quote(serial, safe='')}") is not None


def scan_text(app: FastAPI, text: str, layout: Layout | None = None) -> Scan:
    """Read what a keyboard scanner typed, recovering what such scanners spoil.

    `layout` is what the workstation's calibration gave.
    """
    settings = service_context(app).settings
    if not text.strip():
        return Scan((), (_nothing(),), ())
    if len(text) > settings.scan_text_chars_max:
        return Scan((), (_too_long(len(text), settings.scan_text_chars_max),), ())
    with service_context(app).store.read() as snapshot:
        candidates = recover(text, KnownHere(snapshot), layout)
    # What the store proves is acted on alone; rivals that nothing tells apart are all acted on,
    # each with its finding `scan.ambiguous`. Programs see every reading.
    readings = tuple(candidate.reading for candidate in decided(candidates))
    symbols = tuple(
        {"symbology": candidate.reading.format, "raw": text, **candidate.as_dict()}
        for candidate in candidates
    )
    return Scan(readings, (), symbols)


def layout_of(request: Request) -> Layout | None:
    """What the browser's workstation writes; None where it was not calibrated."""
    kept = request.cookies.get(LAYOUT_COOKIE, "")
    try:
        return Layout.parse(base64.urlsafe_b64decode(kept.encode()).decode()) if kept else None
    except (ValueError, binascii.Error):
        # A cookie cut short by hand or by an older version: scanning goes on without it.
        return None


def _nothing() -> Finding:
    return Finding("scan.empty", Severity.ERROR, "nothing was scanned", "scan the 2D code again")


def _too_long(length: int, limit: int) -> Finding:
    return Finding(
        "scan.too-long",
        Severity.ERROR,
        f"the text has {length} characters, at most {limit} are read",
        "scan one pack at a time",
    )
