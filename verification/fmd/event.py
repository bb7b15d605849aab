"""The EPCIS event of a pack operation, so that a pack's story shows what was done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.model import Node, ObjectEvent, Place
from schemas.dispositions import OWN_DISPOSITION
from verification.decision.act import PackAct
from verification.registry import history

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from verification.decision.act import Who

_STEP = "urn:epcglobal:cbv:bizstep:"
_DISPOSITION = "urn:epcglobal:cbv:disp:"

_WORDS = {
    PackAct.SUPPLY: (_STEP + "dispensing", _DISPOSITION + "dispensed"),
    PackAct.PARTIAL_SUPPLY: (_STEP + "dispensing", _DISPOSITION + "partially_dispensed"),
    PackAct.DESTROY: (_STEP + "destroying", _DISPOSITION + "destroyed"),
    PackAct.EXPORT: (_STEP + "decommissioning", OWN_DISPOSITION + "exported"),
    PackAct.SAMPLE: (_STEP + "sampling", OWN_DISPOSITION + "sampled"),
    PackAct.FREE_SAMPLE: (_STEP + "decommissioning", _DISPOSITION + "inactive"),
    PackAct.LOCK: (_STEP + "holding", OWN_DISPOSITION + "locked"),
    PackAct.STOLEN: (None, _DISPOSITION + "stolen"),
    PackAct.CHECK_OUT: (_STEP + "repackaging", _DISPOSITION + "inactive"),
    PackAct.UNDO: (None, OWN_DISPOSITION + "undone"),
}
_RESOLVER = "https://id.gs1.org"
_MDA = "urn:epcglobal:cbv:mda"
EVENT_PACKS_MAX = 1000
"""Packs in one recorded event."""


def event_of(
    operation: PackAct, packs: Sequence[tuple[str, str]], who: Who, at: datetime
) -> ObjectEvent:
    """The event that an operation on packs, as (product code, serial), is recorded as.

    >>> from datetime import UTC, datetime
    >>> from verification.decision.act import Who
    >>> made = datetime(2026, 1, 2, tzinfo=UTC)
    >>> event = event_of(PackAct.SUPPLY, [("05901234123457", "S1")], Who(client="x"), made)
    >>> event.epcs
    ('https://id.gs1.org/01/05901234123457/21/S1',)
    """
    step, disposition = _WORDS[operation]
    place = _place(who)
    return ObjectEvent(
        event_time=_utc(at),
        event_time_zone_offset="+00:00",
        action="OBSERVE",
        biz_step=step,
        disposition=disposition,
        epcs=_epcs(packs),
        read_point=place,
        biz_location=place,
    )


def commissioning_of(
    packs: Sequence[tuple[str, str]], who: Who, at: datetime, *, lot: str, expiry: date
) -> ObjectEvent:
    """The event that uploaded packs of a lot come into being by (CBV section 7.1, commissioning).

    >>> from datetime import UTC, date, datetime
    >>> from verification.decision.act import Who
    >>> made = datetime(2026, 1, 2, tzinfo=UTC)
    >>> packs, day = [("05901234123457", "S1")], date(2028, 5, 31)
    >>> event = commissioning_of(packs, Who(client="x"), made, lot="L1", expiry=day)
    >>> event.action, [node.name for node in event.ilmd]
    ('ADD', ['lotNumber', 'itemExpirationDate'])
    """
    place = _place(who)
    return ObjectEvent(
        event_time=_utc(at),
        event_time_zone_offset="+00:00",
        action="ADD",
        biz_step=_STEP + "commissioning",
        disposition=_DISPOSITION + "active",
        epcs=_epcs(packs),
        ilmd=(
            Node(namespace=_MDA, name="lotNumber", children=(lot,)),
            Node(namespace=_MDA, name="itemExpirationDate", children=(expiry.isoformat(),)),
        ),
        read_point=place,
        biz_location=place,
    )


def _epcs(packs: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(_RESOLVER + history.pack_key(code, serial) for code, serial in packs)


def _place(who: Who) -> Place | None:
    """The premises of a client as a place, where they are a GLN, in whatever market."""
    _, at, gln = who.location.rpartition("/414/")
    return Place(id=f"{_RESOLVER}{at}{gln}") if at else None


def _utc(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
