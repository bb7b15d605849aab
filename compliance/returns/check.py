"""A returned pack against what was shipped to the customer who sends it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from epcis.store.items import item
from epcis.trace import gln_of
from schemas.dispositions import Condition
from verification.acts.event import ORDER_URN
from verification.registry.history import pack_key
from verification.returns.saleable_return import was_returned_before
from verification.returns.sold import last_sale

if TYPE_CHECKING:
    from epcis.database.transactions import Snapshot
    from epcis.store.items import StoredItem
    from verification.decision.act import Asked
    from verification.returns.sold import Sale


class ReturnMatch(StrEnum):
    """What a returned pack is to its customer's shipments."""

    MATCHES = "matches"
    NEVER_SOLD = "never sold by us"
    SOLD_TO_ANOTHER = "sold to another customer"
    OTHER_ORDER = "sold with another order"
    RETURNED_BEFORE = "came back before"
    PRINT_DIFFERS = "print and records differ"


SAY_MATCH = {
    ReturnMatch.MATCHES: "it was shipped to {what}",
    ReturnMatch.NEVER_SOLD: "no shipment of ours names it: it is set aside as suspect",
    ReturnMatch.SOLD_TO_ANOTHER: "it was shipped to {what}: it is set aside as suspect",
    ReturnMatch.OTHER_ORDER: "it was shipped with {what}: ask the customer for the right order",
    ReturnMatch.RETURNED_BEFORE: "it came back already, on {what}: it is set aside as suspect",
    ReturnMatch.PRINT_DIFFERS: "{what}: another pack has its number, it is set aside as suspect",
}
SUSPECT = frozenset(
    {
        ReturnMatch.NEVER_SOLD,
        ReturnMatch.SOLD_TO_ANOTHER,
        ReturnMatch.RETURNED_BEFORE,
        ReturnMatch.PRINT_DIFFERS,
    }
)
"""Matches after which the pack is held: somebody must find out where it comes from."""


class MatchedReturn(NamedTuple):
    """A returned pack and the shipment it came from."""

    match: ReturnMatch
    say: str
    sale: Sale | None


def match_return(
    snapshot: Snapshot, asked: Asked, site: str, *, customer: str, order: str
) -> MatchedReturn:
    """Match a pack with its last shipment by us.

    `site` and `customer` are canonical GLN keys; empty for an operator without GLN, and where
    nobody says who sends it back. `order` is a number or URI, or empty.
    """
    key = pack_key(asked.gtin, asked.serial)
    sale = last_sale(snapshot, key, site)
    known = item(snapshot, key)
    if sale is None:
        return _matched(ReturnMatch.NEVER_SOLD, "", None)
    differs = _print_differs(asked, known)
    if differs:
        return _matched(ReturnMatch.PRINT_DIFFERS, differs, sale)
    if sale.came_back is not None and not awaits_decision(snapshot, asked, known, sale):
        day = f"{sale.came_back:%Y-%m-%d %H:%M} UTC"
        return _matched(ReturnMatch.RETURNED_BEFORE, day, sale)
    if customer and sale.customer != customer:
        sold_to = gln_of(sale.customer) if sale.customer else "nobody by name"
        return _matched(ReturnMatch.SOLD_TO_ANOTHER, sold_to, sale)
    if order and not _names(sale, order):
        orders = ", ".join(one.removeprefix(ORDER_URN) for one in sale.orders)
        return _matched(ReturnMatch.OTHER_ORDER, orders or "no order", sale)
    return _matched(ReturnMatch.MATCHES, gln_of(sale.customer) if sale.customer else "", sale)


def awaits_decision(snapshot: Snapshot, asked: Asked, known: StoredItem | None, sale: Sale) -> bool:
    """Whether a pack was taken back, and nobody has decided yet what becomes of it."""
    is_aside = known is not None and Condition.RETURNED.value in known.conditions
    return is_aside and not was_returned_before(snapshot, asked.gtin, asked.serial, sale)


def _matched(match: ReturnMatch, what: str, sale: Sale | None) -> MatchedReturn:
    return MatchedReturn(match, SAY_MATCH[match].format(what=what or "nobody by name"), sale)


def _names(sale: Sale, order: str) -> bool:
    return order in sale.orders or ORDER_URN + order in sale.orders


def _print_differs(asked: Asked, known: StoredItem | None) -> str:
    """How print and records of a pack differ; empty where they do not."""
    if known is None:
        return ""
    if asked.lot and known.lot and asked.lot != known.lot:
        return f"lot {asked.lot} is printed, lot {known.lot} is recorded"
    if asked.expiry and known.expiry and asked.expiry != known.expiry:
        return f"expiry {asked.expiry} is printed, {known.expiry} is recorded"
    return ""
