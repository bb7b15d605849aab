"""The EPCIS events of a recall: goods tied to its number as recalled, and freed from it.

A TransactionEvent (EPCIS 2.0 section 7.4.4) of the CBV disposition `recalled`: nobody had the goods
at hand and nothing moved, so it changes no place, holder or container. Whoever subscribes to that
disposition hears of the recall. Packs that are named one by one get it as a lasting condition, with
our own word, which only an event of ours sets and unsets.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING
from urllib.parse import quote

from epcis.model import BizTransaction, PersistentDisposition, QuantityElement, TransactionEvent
from schemas.dispositions import OWN_DISPOSITION, Condition

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from compliance.recall.genealogy import Lot

_RESOLVER = "https://id.gs1.org"
_STEP = "urn:epcglobal:cbv:bizstep:holding"
_RECALLED = "urn:epcglobal:cbv:disp:recalled"
_HERE = OWN_DISPOSITION + Condition.RECALLED_HERE.value
NUMBER_PREFIX = "urn:packtrail:recall:"
"""Of the business transaction that stands for a recall."""
EPCS_PER_EVENT = 5_000


def stopping(number: str, keys: Sequence[str], at: datetime) -> Iterator[TransactionEvent]:
    """The events by which packs are stopped one by one."""
    for some in _portions(keys):
        lasting = PersistentDisposition(set=(_HERE,))
        yield _event(number, at, action="ADD", keys=some, lasting=lasting)


def recalling(
    number: str, lots: Sequence[Lot], keys: Sequence[str], at: datetime
) -> Iterator[TransactionEvent]:
    """The events that tell of a recall, once it is approved: classes of goods, then single packs.

    A lot that is empty stands for the whole product.
    """
    for lot in lots:
        yield _event(number, at, action="ADD", lot=lot, disposition=_RECALLED)
    for some in _portions(keys):
        lasting = PersistentDisposition(set=(_HERE, _RECALLED))
        yield _event(number, at, action="ADD", keys=some, lasting=lasting)


def freeing(
    number: str, lots: Sequence[Lot], keys: Sequence[str], at: datetime
) -> Iterator[TransactionEvent]:
    """The events by which a recall that was a mistake is taken back."""
    for lot in lots:
        yield _event(number, at, action="DELETE", lot=lot)
    for some in _portions(keys):
        lasting = PersistentDisposition(unset=(_HERE, _RECALLED))
        yield _event(number, at, action="DELETE", keys=some, lasting=lasting)


def _event(
    number: str,
    at: datetime,
    *,
    action: str,
    keys: Sequence[str] = (),
    lot: Lot | None = None,
    disposition: str | None = None,
    lasting: PersistentDisposition | None = None,
) -> TransactionEvent:
    return TransactionEvent(
        event_time=at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        event_time_zone_offset="+00:00",
        action=action,
        biz_step=_STEP,
        disposition=disposition,
        biz_transactions=(BizTransaction(id=NUMBER_PREFIX + number),),
        epcs=tuple(_RESOLVER + key for key in keys) or None,
        quantities=(QuantityElement(epc_class=_class_of(*lot)),) if lot else None,
        persistent_disposition=lasting,
    )


def _class_of(gtin: str, lot: str) -> str:
    return f"{_RESOLVER}/01/{gtin}" + (f"/10/{quote(lot, safe='')}" if lot else "")


def _portions(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), EPCS_PER_EVENT):
        yield keys[start : start + EPCS_PER_EVENT]
