"""The EPCIS event of a pack operation, so that a pack's story shows what was done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.model import ObjectEvent, Place
from verification.fmd.operation import Operation
from verification.registry import history

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from verification.fmd.operation import Who

_STEP = "urn:epcglobal:cbv:bizstep:"
_DISPOSITION = "urn:epcglobal:cbv:disp:"
_OWN_DISPOSITION = "urn:packtrail:disp:"
"""The vocabulary has no word for these; a private URI is what it asks for (CBV section 5.2)."""

_WORDS = {
    Operation.SUPPLY: (_STEP + "dispensing", _DISPOSITION + "dispensed"),
    Operation.PARTIAL_SUPPLY: (_STEP + "dispensing", _DISPOSITION + "partially_dispensed"),
    Operation.DESTROY: (_STEP + "destroying", _DISPOSITION + "destroyed"),
    Operation.EXPORT: (_STEP + "decommissioning", _OWN_DISPOSITION + "exported"),
    Operation.SAMPLE: (_STEP + "sampling", _OWN_DISPOSITION + "sampled"),
    Operation.FREE_SAMPLE: (_STEP + "decommissioning", _DISPOSITION + "inactive"),
    Operation.LOCK: (_STEP + "holding", _OWN_DISPOSITION + "locked"),
    Operation.STOLEN: (None, _DISPOSITION + "stolen"),
    Operation.CHECK_OUT: (_STEP + "repackaging", _DISPOSITION + "inactive"),
    Operation.UNDO: (None, _DISPOSITION + "active"),
}
_RESOLVER = "https://id.gs1.org"


def event_of(
    operation: Operation, packs: Sequence[tuple[str, str]], who: Who, at: datetime
) -> ObjectEvent:
    """The event that an operation on packs, as (product code, serial), is recorded as.

    >>> from datetime import UTC, datetime
    >>> from verification.fmd.operation import Who
    >>> made = datetime(2026, 1, 2, tzinfo=UTC)
    >>> event = event_of(Operation.SUPPLY, [("05901234123457", "S1")], Who(client="x"), made)
    >>> event.epcs
    ('https://id.gs1.org/01/05901234123457/21/S1',)
    """
    step, disposition = _WORDS[operation]
    known_place = who.location.startswith("/414/")
    place = Place(id=_RESOLVER + who.location) if known_place else None
    return ObjectEvent(
        event_time=at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        event_time_zone_offset="+00:00",
        action="OBSERVE",
        biz_step=step,
        disposition=disposition,
        epcs=tuple(_RESOLVER + history.pack_key(code, serial) for code, serial in packs),
        read_point=place,
        biz_location=place,
    )
