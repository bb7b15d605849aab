"""The answer to a trace request: each change of owner back to the manufacturer, and what lacks.

Nothing is filled in: where the chain is broken the gap is named. A partner is shown the
transactions in which we or it took part; an authority sees them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from compliance.partners.names import product_attributes
from compliance.reports.sheet import Section
from compliance.reports.shipment_facts import dates
from compliance.reports.transactions import owner_among, shipped_events, transaction_sections
from compliance.requests.trace_requests import ResponseType
from epcis.model import instant_of
from epcis.store.items import items, keys_of_lot
from epcis.store.masterdata import names_of
from epcis.trace import gln_of, path
from schemas.gs1.epc import canonical_key
from verification.registry.history import pack_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from compliance.reports.transactions import ShippedEvent
    from compliance.requests.trace_requests import RequestedItem, TraceRequest
    from epcis.database.transactions import Snapshot
    from epcis.trace import TracedEvent

PACKS_MAX: Final = 1_000
"""Packs of one request that are followed one by one; a lot may have more, which a gap says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerChange:
    """One transaction of one pack."""

    seq: int
    """Of its shipping event."""
    at: datetime
    transaction_date: str
    documents: str
    seller: str
    """GLN-13; empty where the event names none."""
    seller_name: str
    buyer: str
    buyer_name: str

    def as_dict(self) -> dict[str, str]:
        """As `/requests/{id}/answer` shows it."""
        return {
            "transactionDate": self.transaction_date,
            "shipped": self.at.isoformat(),
            "documents": self.documents,
            "seller": self.seller,
            "sellerName": self.seller_name,
            "buyer": self.buyer,
            "buyerName": self.buyer_name,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedPack:
    """What is known of one pack that was asked about."""

    key: str
    lot: str
    expiry: str
    changes: tuple[OwnerChange, ...]
    """Oldest first; those that may be shown."""
    withheld: int
    """Transactions between others, which the asker may not see."""
    gaps: tuple[str, ...]
    """What is missing on the way back to the manufacturer, in sentences."""

    def as_dict(self) -> dict[str, object]:
        """As `/requests/{id}/answer` shows it."""
        return {
            "id": self.key,
            "lot": self.lot,
            "expiry": self.expiry,
            "transactions": [one.as_dict() for one in self.changes],
            "withheld": self.withheld,
            "gaps": list(self.gaps),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceAnswer:
    """The whole answer, as of now."""

    packs: tuple[TracedPack, ...]
    products: dict[str, dict[str, str]]
    """Attributes of the products by GTIN-14."""
    gaps: tuple[str, ...]
    """What holds for the whole request."""

    @property
    def seqs(self) -> list[int]:
        """The shipping events that may be shown, once each."""
        return sorted({one.seq for pack in self.packs for one in pack.changes})

    def as_dict(self) -> dict[str, object]:
        """As `/requests/{id}/answer` shows it."""
        return {
            "products": self.products,
            "packs": [one.as_dict() for one in self.packs],
            "gaps": list(self.gaps),
        }


def trace_answer(snapshot: Snapshot, asked: TraceRequest) -> TraceAnswer:
    """The answer to a request from what is known now."""
    keys: dict[str, None] = {}
    gaps: list[str] = []
    for one in asked.items:
        found = list(_keys_of(snapshot, one))
        if len(keys) + len(found) > PACKS_MAX:
            gaps.append(f"{one} has {len(found)} packs; the answer follows {PACKS_MAX} in all")
        if not found:
            gaps.append(f"{one}: no record names it")
        keys.update(dict.fromkeys(found))
    if not asked.is_authority and not asked.owner:
        gaps.append("our own GLN is not set (PACKTRAIL_OWNER_GLN), so no transaction is ours")
    known: dict[int, OwnerChange] = {}
    packs = tuple(_traced(snapshot, key, asked, known) for key in list(keys)[:PACKS_MAX])
    products = {gtin: product_attributes(snapshot, gtin) for gtin in {k[4:18] for k in keys}}
    return TraceAnswer(packs=packs, products=dict(sorted(products.items())), gaps=tuple(gaps))


def trace_answer_sections(snapshot: Snapshot, asked: TraceRequest) -> tuple[Section, ...]:
    """The answer as sections of a report: request, packs, changes of owner, gaps, TI and TS."""
    answer = trace_answer(snapshot, asked)
    gaps = [("", gap) for gap in answer.gaps]
    gaps += [(pack.key, gap) for pack in answer.packs for gap in pack.gaps]
    changes = [(pack, one) for pack in answer.packs for one in pack.changes]
    return (
        _request_section(asked),
        Section(
            title="Packs asked about",
            columns=("pack", "lot", "expiry", "transactions", "withheld"),
            rows=tuple(
                (one.key, one.lot, one.expiry, str(len(one.changes)), str(one.withheld))
                for one in answer.packs
            ),
            rows_total=len(answer.packs),
        ),
        Section(
            title="Changes of owner",
            columns=("pack", "date of transaction", "date of shipment", "documents", "from", "to"),
            rows=tuple(
                (
                    pack.key,
                    one.transaction_date,
                    one.at.isoformat(),
                    one.documents,
                    f"{one.seller_name} {one.seller}".strip(),
                    f"{one.buyer_name} {one.buyer}".strip(),
                )
                for pack, one in changes
            ),
            rows_total=len(changes),
        ),
        Section(
            title="Gaps",
            sentences=() if gaps else ("Nothing is missing back to the manufacturer.",),
            columns=("pack", "what is missing") if gaps else (),
            rows=tuple(gaps),
            rows_total=len(gaps),
        ),
        *(
            transaction_sections(snapshot, answer.seqs)
            if asked.response_type is ResponseType.INFORMATION
            else ()
        ),
    )


def _request_section(asked: TraceRequest) -> Section:
    drill = ("This is a fire drill: no authority or partner waits for it.",)
    return Section(
        title="Trace request",
        sentences=drill if asked.is_drill else (),
        facts=(
            ("request", asked.id),
            ("number of the asker", asked.reference),
            ("investigation", asked.investigation),
            ("organisation", asked.organisation),
            ("asked for", asked.response_type.value),
            ("reason", asked.reason.value),
            ("received", asked.received.isoformat() if asked.received else ""),
            ("due", asked.due.isoformat() if asked.due else ""),
            ("how the asker was authenticated", asked.authenticated),
        ),
    )


def _keys_of(snapshot: Snapshot, one: RequestedItem) -> Iterator[str]:
    if one.serial:
        key = pack_key(one.gtin, one.serial)
        if items(snapshot, [key]):
            yield key
    else:
        yield from keys_of_lot(snapshot, one.gtin, one.lot)


def _traced(
    snapshot: Snapshot, key: str, asked: TraceRequest, known: dict[int, OwnerChange]
) -> TracedPack:
    """One pack; `known` are the transactions that were read for others."""
    events = path(snapshot, key)
    stored = items(snapshot, [key])[key]
    shipped = _shipments(events)
    unread = [seq for seq in shipped if seq not in known]
    known.update({one.seq: _change(snapshot, one) for one in shipped_events(snapshot, unread)})
    changes = sorted((known[seq] for seq in shipped), key=lambda one: (one.at, one.seq))
    asked_for = changes[-1:] if asked.response_type is ResponseType.LAST_OWNERS else changes
    ours = {asked.gln, asked.owner} - {""}
    wanted = [
        one
        for one in asked_for
        if asked.is_authority or not ours.isdisjoint((one.seller, one.buyer))
    ]
    withheld = len(asked_for) - len(wanted)
    gaps = list(_gaps(changes, has_maker=any(one.biz_step == "commissioning" for one in events)))
    if withheld:
        # A gap between others would name them.
        gaps = [
            f"not shown to a partner, as they are between others: {withheld} of its transactions"
        ]
    return TracedPack(
        key=key,
        lot=stored.lot,
        expiry=stored.expiry_text,
        changes=tuple(wanted),
        withheld=withheld,
        gaps=tuple(gaps),
    )


def _shipments(events: list[TracedEvent]) -> list[int]:
    """The shipping events of a pack that were not taken back by `void_shipping`."""
    found: list[int] = []
    for one in events:
        if one.biz_step == "shipping":
            found.append(one.seq)
        elif one.biz_step == "void_shipping":
            del found[-1:]
    return found


def _change(snapshot: Snapshot, shipped: ShippedEvent) -> OwnerChange:
    event = shipped.event
    seller, buyer = (_key(owner_among(one)) for one in (event.sources, event.destinations))
    names = {
        gln_of(key): name for key, name in names_of(snapshot, _as_place(seller, buyer)).items()
    }
    days = dict(dates(event))
    return OwnerChange(
        seq=shipped.seq,
        at=instant_of(event.event_time),
        transaction_date=days.get("date of transaction", ""),
        documents=", ".join(one.id for one in event.biz_transactions or ()),
        seller=gln_of(seller),
        seller_name=names.get(gln_of(seller), ""),
        buyer=gln_of(buyer),
        buyer_name=names.get(gln_of(buyer), ""),
    )


def _as_place(*parties: str) -> list[str]:
    """Parties by their own keys, and as places: master data describes a company as either."""
    return [key for one in parties if one for key in (one, f"/414/{gln_of(one)}")]


def _key(party: str | None) -> str:
    return canonical_key(party) if party else ""


def _gaps(changes: list[OwnerChange], *, has_maker: bool) -> Iterator[str]:
    """What breaks the chain, oldest first."""
    if not has_maker:
        yield "no event says who made it: the chain does not reach the manufacturer"
    if not changes:
        yield "no event says that it was ever sold"
    for one in changes:
        if not one.seller or not one.buyer:
            yield f"the shipment of {one.at:%Y-%m-%d} does not name both seller and buyer"
    for before, after in pairwise(changes):
        if before.buyer and after.seller and before.buyer != after.seller:
            yield (
                f"{before.buyer} bought it on {before.at:%Y-%m-%d}, and {after.seller} sold it on"
                f" {after.at:%Y-%m-%d}: the transaction between them is not known"
            )
