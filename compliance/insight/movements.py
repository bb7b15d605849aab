"""Packs that came to a site, left it, came back or were lost, by product, lot and day."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import func, or_, select

from compliance.reports.transactions import items_of, packs_counted
from epcis.store.event_tables import event
from schemas.dispositions import OWN_DISPOSITION

if TYPE_CHECKING:
    from epcis.database.transactions import Snapshot

EVENTS_MAX = 50_000
"""Events that one question adds up, the newest first."""
DAYS_MAX = 730
_SITE_CHARS = len("/414/") + 13


class MovedWay(StrEnum):
    """Which way packs moved."""

    IN = "in"
    """Received, or put into use here."""
    OUT = "out"
    """Shipped, or handed to patients."""
    BACK = "back"
    """Received as returned goods."""
    LOST = "lost"
    """Found missing, stolen, destroyed or taken out of use."""


_VOIDS: Final = "void_shipping"
_STEPS: Final = {
    "commissioning": MovedWay.IN,
    "receiving": MovedWay.IN,
    "shipping": MovedWay.OUT,
    "dispensing": MovedWay.OUT,
    "retail_selling": MovedWay.OUT,
    _VOIDS: MovedWay.OUT,
    "destroying": MovedWay.LOST,
    "decommissioning": MovedWay.LOST,
}
_LOST: Final = ("stolen", "lost", OWN_DISPOSITION + "lost")
"""Dispositions as they are stored: standard ones as bare words, ours whole."""


class Movement(NamedTuple):
    """Packs of one lot that moved one way on one day."""

    day: date
    """In UTC."""
    gtin: str
    lot: str
    """Empty where no event tells it."""
    direction: MovedWay
    what: str
    """The business step, or the disposition of what was lost or came back; a bare word."""
    packs: int
    """Below zero where more shipments were voided than made."""


class Movements(NamedTuple):
    """The movements of a site in a period, by day, product and lot."""

    since: date
    until: date
    """The day after the last."""
    rows: tuple[Movement, ...]
    is_cut: bool
    """More than `EVENTS_MAX` events were found; the oldest of them are not in it."""

    @property
    def days(self) -> int:
        """How many days the period has."""
        return (self.until - self.since).days


def direction_of(step: str, disposition: str) -> tuple[MovedWay, str] | None:
    """Which way an event moved goods, and the word for it; None where it moved none.

    >>> direction_of("receiving", "in_progress"), direction_of("receiving", "returned")
    ((<MovedWay.IN: 'in'>, 'receiving'), (<MovedWay.BACK: 'back'>, 'returned'))
    >>> direction_of("inspecting", "damaged") is None
    True
    """
    if disposition in _LOST:
        return MovedWay.LOST, disposition.removeprefix(OWN_DISPOSITION)
    way = _STEPS.get(step)
    if way is MovedWay.IN and disposition == "returned":
        return MovedWay.BACK, disposition
    return (way, step) if way is not None else None


def movements(snapshot: Snapshot, site: str, since: date, until: date) -> Movements:
    """What moved at a site from one day to the day before another, both in UTC.

    `site` is a canonical GLN key, empty for all places. What was inside a case or pallet then is
    counted, the cases and pallets themselves are not. A shipment that was voided counts back.
    """
    columns = event.c
    wanted = (
        select(
            columns.seq, columns.moment, columns.event_time, columns.biz_step, columns.disposition
        )
        .where(
            columns.event_time >= _start(since),
            columns.event_time < _start(until),
            or_(columns.biz_step.in_(_STEPS), columns.disposition.in_(_LOST)),
            columns.voided.is_(False),
        )
        .order_by(columns.event_time.desc(), columns.seq.desc())
        .limit(EVENTS_MAX + 1)
    )
    if site:
        places = (columns.read_point, columns.biz_location)
        wanted = wanted.where(or_(*(func.substr(one, 1, _SITE_CHARS) == site for one in places)))
    found = snapshot.connection.execute(wanted).all()
    packs: Counter[tuple[date, str, str, MovedWay, str]] = Counter()
    for seq, moment, at, step, disposition in found[:EVENTS_MAX]:
        moved = direction_of(step or "", disposition or "")
        if moved is None:
            continue
        sign = -1 if step == _VOIDS else 1
        counted = packs_counted(snapshot, items_of(snapshot, seq), moment)
        for (gtin, lot, _), count in counted.items():
            packs[at.date(), gtin, lot, *moved] += sign * count
    rows = tuple(Movement(*key, count) for key, count in sorted(packs.items()))
    return Movements(since, until, rows, is_cut=len(found) > EVENTS_MAX)


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def last_days(days: int, now: datetime) -> tuple[date, date]:
    """The first day, and the day after the last, of the days that end today in UTC.

    >>> last_days(7, datetime(2026, 12, 1, 9, tzinfo=UTC))
    (datetime.date(2026, 11, 25), datetime.date(2026, 12, 2))
    """
    until = now.astimezone(UTC).date() + timedelta(days=1)
    return until - timedelta(days=days), until
