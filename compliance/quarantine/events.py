"""The EPCIS events of a quarantine: goods tied to its number, and freed from it.

A TransactionEvent (EPCIS 2.0 section 7.4.4): nobody had the goods at hand and nothing moved, so it
changes no place, holder or container. Its persistent disposition is our own word, which only an
event of ours sets and unsets.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from epcis.model import BizTransaction, PersistentDisposition, QuantityElement, TransactionEvent
from schemas.dispositions import OWN_DISPOSITION, Condition

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from compliance.quarantine.subject import QuarantineSubject

_RESOLVER = "https://id.gs1.org"
_STEP = "urn:epcglobal:cbv:bizstep:inspecting"
_HELD = OWN_DISPOSITION + Condition.QUARANTINED_HERE.value
NUMBER_PREFIX = "urn:packtrail:quarantine:"
"""Of the business transaction that stands for a quarantine."""


def placing(
    subject: QuarantineSubject, number: str, keys: Sequence[str], at: datetime
) -> TransactionEvent:
    """The event by which goods are held; without keys it names the class of goods."""
    return _event(subject, number, keys, at, is_end=False)


def releasing(
    subject: QuarantineSubject, number: str, keys: Sequence[str], at: datetime
) -> TransactionEvent:
    """The event by which goods are freed."""
    return _event(subject, number, keys, at, is_end=True)


def _event(
    subject: QuarantineSubject, number: str, keys: Sequence[str], at: datetime, *, is_end: bool
) -> TransactionEvent:
    held = (_HELD,)
    lasting = PersistentDisposition(unset=held) if is_end else PersistentDisposition(set=held)
    return TransactionEvent(
        event_time=at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        event_time_zone_offset="+00:00",
        action="DELETE" if is_end else "ADD",
        biz_step=_STEP,
        biz_transactions=(BizTransaction(id=NUMBER_PREFIX + number),),
        epcs=tuple(_RESOLVER + key for key in keys) or None,
        quantities=None if keys else (QuantityElement(epc_class=_class_of(subject)),),
        persistent_disposition=lasting if keys else None,
    )


def _class_of(subject: QuarantineSubject) -> str:
    """The class of goods; a pack or range stands for its product, the register says which."""
    lot = f"/10/{subject.lot}" if subject.lot else ""
    return f"{_RESOLVER}/01/{subject.gtin}{lot}"
