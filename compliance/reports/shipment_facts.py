"""What a shipping event says beside its parties: dates, direct purchase, and what became of it.

FD&C Act 581(26)(G) and (H): the date of the transaction, and that of the shipment where it is more
than a day later; both are always given, in the local time of the sender. Section 582(c)(1)(A)(ii):
the statement of a direct purchase.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from epcis.model import Node, instant_of
from epcis.trace import path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from epcis.database.transactions import Snapshot
    from epcis.model import Event

ROOTS_MAX: Final = 200
"""Things of a shipment whose later events are looked up."""
_PURCHASE: Final = {
    "directPurchase": "direct purchase",
    "receivedDirectPurchaseFromPrevWhlsDist": "direct purchase by the previous wholesaler",
}
_LISTS: Final = ("indirectPurchaseEPCs", "prevReceivedinDirectPurchaseEPCs")
_YES: Final = frozenset({"true", "1"})


def dates(event: Event) -> tuple[tuple[str, str], ...]:
    """Date of the transaction and time of the shipment, as facts of a section.

    >>> from epcis.model import ObjectEvent
    >>> sent = ObjectEvent(event_time="2026-11-24T03:30:00Z", event_time_zone_offset="-05:00",
    ...     action="OBSERVE", extensions=(Node(name="transactionDate", children=("2026-11-20",)),))
    >>> dates(sent)[0], dates(sent)[1]
    (('date of transaction', '2026-11-20'), ('date of shipment', '2026-11-23 22:30 -05:00'))
    """
    shipped = local_time(event)
    dates_given = _texts(event, "transactionDate")
    day = dates_given[0] if dates_given else f"{shipped:%Y-%m-%d}"
    offset = f"{shipped:%z}"
    return (
        ("date of transaction", day),
        ("date of shipment", f"{shipped:%Y-%m-%d %H:%M} {offset[:3]}:{offset[3:]}"),
    )


def local_time(event: Event) -> datetime:
    """The time of an event in the zone that it tells; UTC where it tells none."""
    at = instant_of(event.event_time)
    text = event.event_time_zone_offset or ""
    try:
        hours, minutes = text[1:].split(":")
        size = timedelta(hours=int(hours), minutes=int(minutes))
    except ValueError:
        return at.astimezone(UTC)
    return at.astimezone(timezone(-size if text.startswith("-") else size))


def purchase_facts(event: Event) -> Iterator[tuple[str, str]]:
    """Drop shipment and direct purchase, where the event tells them."""
    for text in _texts(event, "dropShipment"):
        yield "drop shipment", "yes" if text.lower() in _YES else "no"
    for name, title in _PURCHASE.items():
        for node in _nodes(event, name):
            qualifier = next((v for _, local, v in node.attributes if local == "qualifier"), "")
            inner = [child for child in node.children if isinstance(child, Node)]
            kind = qualifier.replace("_", " ").lower() or ("" if inner else node.text.strip())
            statements = [one.text for one in inner if one.name not in _LISTS]
            yield title, ": ".join(filter(None, [kind, *statements]))
            yield from _listed(inner)
        yield from ((title, text) for text in _texts(event, f"{name}Statement"))
    yield from _listed(event.extensions)


def _listed(nodes: Iterable[Node]) -> Iterator[tuple[str, str]]:
    for node in nodes:
        if node.name in _LISTS:
            epcs = [child.text for child in node.children if isinstance(child, Node)]
            title = "not bought directly" if node.name == _LISTS[0] else "bought directly before"
            yield title, ", ".join(epcs)


def _nodes(event: Event, name: str) -> list[Node]:
    return [node for node in event.extensions if node.name == name]


def _texts(event: Event, name: str) -> list[str]:
    return [node.text.strip() for node in _nodes(event, name)]


def standing(snapshot: Snapshot, seq: int, roots: list[str]) -> tuple[str, ...]:
    """Sentences on what became of a shipment: declared wrong, voided, or partly come back.

    `roots` are the keys that the event names. Of one that stands it has nothing.
    """
    wrong = voided = returned = 0
    times: list[datetime] = []
    for key in roots[:ROOTS_MAX]:
        events = path(snapshot, key)
        place = next((at for at, turn in enumerate(events) if turn.seq == seq), None)
        if place is None:
            wrong += 1
            continue
        for turn in events[place + 1 :]:
            if turn.biz_step == "shipping":
                break  # what follows is about that shipment
            if turn.biz_step == "void_shipping" or turn.disposition == "returned":
                is_void = turn.biz_step == "void_shipping"
                voided, returned = voided + is_void, returned + (not is_void)
                times.append(turn.event_time)
                break
    looked = len(roots[:ROOTS_MAX])
    when = f" on {min(times):%Y-%m-%d %H:%M} UTC" if times else ""
    sentences = (
        (wrong, "THIS SHIPMENT DOES NOT STAND: its sender declared the event wrong"),
        (voided, f"THIS SHIPMENT WAS VOIDED{when}"),
        (returned, f"Goods of this shipment came back{when}"),
    )
    return tuple(
        f"{sentence}."
        if count == looked
        else f"{sentence}: {count} of {looked} things that it names."
        for count, sentence in sentences
        if count
    )
