"""`/jump`: paste anything and land on it; `/menu`: all pages.

A text is read as what is scanned is read; what is no code is looked for among the numbers of
alerts, recalls, quarantines, lots, serials and the names of pages.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse
from sqlalchemy import select

from compliance.quarantine.quarantine import find_quarantine
from compliance.recall.recall_tables import recall
from compliance.service.landing import Landing, landing_of
from compliance.service.navigation import places_of
from compliance.service.pages import render
from compliance.service.scans import layout_of, scan_text
from epcis.http_context import caller_of, store_of
from epcis.store.event_tables import lot
from epcis.store.items import items
from verification.alerts.alert import alert_of
from verification.registry.pack_tables import batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.responses import Response

    from epcis.database.transactions import Snapshot

router = APIRouter(include_in_schema=False)

FOUND_MAX = 50
"""Places listed where a text names several things."""
PRODUCTS_TRIED_MAX = 1_000
"""Products among which a bare serial number is looked for."""
_GLN_LENGTH, _SSCC_LENGTH = 13, 18


@router.get("/menu")
def menu(request: Request) -> Response:
    """Every page that the caller may open, with what it is for."""
    return render("menu.html", request)


@router.get("/jump")
def jump(request: Request, q: str = "") -> Response:
    """Go to what a pasted text names; where it names several things, list them."""
    text = q.strip()
    found = _landings(request, text) if text else []
    if len(found) == 1:
        return RedirectResponse(found[0].path, status_code=303)
    page = render("jump.html", request, asked=text, found=found)
    page.status_code = 200 if found or not text else 404
    return page


def _landings(request: Request, text: str) -> list[Landing]:
    by_code = [
        landing
        for reading in scan_text(request.app, text, layout_of(request)).readings
        if reading.is_valid and (landing := landing_of(reading))
    ]
    with store_of(request).read() as snapshot:
        by_number = list(_numbered(snapshot, text))
        known = [*by_number, *_lots(snapshot, text), *_serials(snapshot, text)]
    pages = [
        Landing(place.path, place.name)
        for place in places_of(caller_of(request))
        if text.lower() == place.name.lower()
    ]
    found = {one.path: one for one in (*pages, *by_code, *known)}
    if not found and text.isdigit() and len(text) == _GLN_LENGTH:
        found["gln"] = Landing(f"/414/{text}", f"Place or company {text}")
    return list(found.values())[:FOUND_MAX]


def _numbered(snapshot: Snapshot, text: str) -> Iterator[Landing]:
    """What we gave a number ourselves."""
    if re.fullmatch(r"[A-Za-z]{2}-.{4}-.{4}-.{4}-.{4}-.", text) and alert_of(snapshot, text):
        yield Landing(f"/alerts/{quote(text)}", f"Alert {text}")
    if text.startswith("Q-") and find_quarantine(snapshot, text):
        yield Landing("/quarantine", f"Quarantine {text}")
    if text.startswith("R-"):
        if snapshot.connection.execute(select(recall.c.id).where(recall.c.id == text)).first():
            yield Landing("/recalls/board", f"Recall {text}")
    elif text.isdigit() and len(text) == _SSCC_LENGTH:
        yield Landing(f"/00/{text}", f"Case or pallet {text}")


def _lots(snapshot: Snapshot, text: str) -> Iterator[Landing]:
    if not text or len(text) > 20:
        return
    lots, uploaded = lot.c, batch.c
    wanted = select(lots.gtin).where(lots.code == text).limit(FOUND_MAX)
    also = select(uploaded.code).where(uploaded.lot == text).limit(FOUND_MAX)
    rows = (row[0] for one in (wanted, also) for row in snapshot.connection.execute(one))
    for gtin in sorted(set(rows)):
        yield Landing(f"/01/{gtin}/10/{quote(text, safe='')}", f"Lot {text} of product {gtin}")


def _serials(snapshot: Snapshot, text: str) -> Iterator[Landing]:
    """Packs with this serial number; a serial is no number without its product."""
    if not text or len(text) > 20:
        return
    known = select(lot.c.gtin).distinct().limit(PRODUCTS_TRIED_MAX)
    serial = quote(text, safe="")
    keys = [f"/01/{row[0]}/21/{serial}" for row in snapshot.connection.execute(known)]
    for key in items(snapshot, keys):
        yield Landing(key, f"Pack {text} of product {key.split('/')[2]}")
