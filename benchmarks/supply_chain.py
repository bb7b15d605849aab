"""A made-up supply chain: packs in cases on pallets in containers on ships, through four hands.

Each document tells of twenty pallets: commissioning, packing, a voyage, three legs by road, and
the cases one by one. Serials are random, as Europe has them, or in sequence.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PACKS_PER_CASE, CASES_PER_PALLET = 100, 20
PALLETS_PER_DOCUMENT = 20
SERIALS = 10**11

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" xmlns:cbvmda="urn:epcglobal:cbv:mda"
 schemaVersion="1.2" creationDate="2026-01-01T00:00:00Z"><EPCISBody><EventList>
"""
TAIL = "</EventList></EPCISBody></epcis:EPCISDocument>\n"
_EVENT = """<{kind}><eventTime>{time}</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset>\
{what}<action>{action}</action><bizStep>urn:epcglobal:cbv:bizstep:{step}</bizStep>\
<disposition>urn:epcglobal:cbv:disp:{disposition}</disposition>\
<readPoint><id>urn:epc:id:sgln:9521321.{site:05d}.0</id></readPoint>\
<bizLocation><id>urn:epc:id:sgln:9521321.{site:05d}.0</id></bizLocation>{more}</{kind}>
"""
_LOT = (
    "<extension><ilmd><cbvmda:lotNumber>{lot}</cbvmda:lotNumber>"
    "<cbvmda:itemExpirationDate>2028-05-31</cbvmda:itemExpirationDate></ilmd></extension>"
)


class Chain:
    """A made-up supply chain: packs in cases on pallets through three hands, then case by case."""

    def __init__(
        self, *, sequential: bool = False, first_pallet: int = 0, products: int = 1
    ) -> None:
        self._random = random.Random(1 + first_pallet)
        self._sequential = sequential
        self._products = products
        self._pallets = first_pallet
        self._documents = self._serials = self._clock = 0

    def document(self, pallets: int = PALLETS_PER_DOCUMENT, *, unpacked: bool = True) -> bytes:
        """The next pallets as an EPCIS 1.2 document; one lot each."""
        lot = f"L{self._pallets // PALLETS_PER_DOCUMENT}"
        first = self._pallets
        self._pallets += pallets
        numbers = range(first, self._pallets)
        events = [
            *(event for number in numbers for event in self._packing(number, lot)),
            *self._voyage([_pallet(number) for number in numbers]),
            *(event for number in numbers for event in self._delivery(number, unpacked=unpacked)),
        ]
        self._documents += 1
        return (HEAD + "".join(events) + TAIL).encode()

    def _packing(self, number: int, lot: str) -> Iterator[str]:
        pallet, cases = _pallet(number), _cases(number)
        yield self._object([*cases, pallet], "ADD", "commissioning", "active", 1)
        for case in cases:
            packs = [self._pack() for _ in range(PACKS_PER_CASE)]
            yield self._object(packs, "ADD", "commissioning", "active", 1, _LOT.format(lot=lot))
            yield self._aggregation(case, packs, "ADD", "packing", 1)
        yield self._aggregation(pallet, cases, "ADD", "packing", 1)

    def _voyage(self, pallets: Sequence[str]) -> Iterator[str]:
        """The pallets go in a container, and that on a ship; both are emptied at the end."""
        number = pallets[0].rpartition(".3")[2]
        container = f"urn:epc:id:sscc:9521321.5{number}"
        ship = f"urn:epc:id:sscc:9521321.7{number}"
        yield self._object([container, ship], "ADD", "commissioning", "active", 1)
        yield self._aggregation(container, pallets, "ADD", "loading", 1)
        yield self._aggregation(ship, [container], "ADD", "loading", 1)
        yield self._object([ship], "OBSERVE", "departing", "in_transit", 1)
        yield self._object([ship], "OBSERVE", "arriving", "in_progress", 2)
        yield self._aggregation(ship, [container], "DELETE", "unloading", 2)
        yield self._aggregation(container, pallets, "DELETE", "unloading", 2)

    def _delivery(self, number: int, *, unpacked: bool) -> Iterator[str]:
        pallet, cases = _pallet(number), _cases(number)
        for hop in range(3):
            yield self._object([pallet], "OBSERVE", "shipping", "in_transit", hop + 1)
            yield self._object([pallet], "OBSERVE", "receiving", "in_progress", hop + 2)
        if unpacked:
            yield self._aggregation(pallet, cases, "DELETE", "unpacking", 4)
        for case in cases:
            yield self._object([case], "OBSERVE", "shipping", "in_transit", 4)

    def _pack(self) -> str:
        self._serials += 1
        serial = self._serials if self._sequential else self._random.randrange(SERIALS)
        product = 1 + self._documents % self._products
        return f"urn:epc:id:sgtin:9521321.{product:06d}.{SERIALS + serial}"

    def _object(  # noqa: PLR0917  # a row of facts
        self, epcs: Sequence[str], action: str, step: str, disposition: str, site: int,
        more: str = "",
    ) -> str:  # fmt: skip
        what = "<epcList>" + "".join(f"<epc>{epc}</epc>" for epc in epcs) + "</epcList>"
        return self._event("ObjectEvent", what, action, step, disposition, site, more)

    def _aggregation(
        self, parent: str, epcs: Sequence[str], action: str, step: str, site: int
    ) -> str:
        children = "".join(f"<epc>{epc}</epc>" for epc in epcs)
        what = f"<parentID>{parent}</parentID><childEPCs>{children}</childEPCs>"
        return self._event("AggregationEvent", what, action, step, "in_progress", site, "")

    def _event(  # noqa: PLR0917  # a row of facts
        self, kind: str, what: str, action: str, step: str, disposition: str, site: int, more: str
    ) -> str:
        self._clock += 1
        minutes, seconds = divmod(self._clock, 60)
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24)
        day = f"2026-{1 + days // 28:02d}-{1 + days % 28:02d}"
        when = f"{day}T{hours:02d}:{minutes:02d}:{seconds:02d}Z"
        return _EVENT.format(
            kind=kind, time=when, what=what, action=action, step=step, disposition=disposition,
            site=site, more=more,
        )  # fmt: skip


def _pallet(number: int) -> str:
    return f"urn:epc:id:sscc:9521321.3{number:09d}"


def _cases(pallet: int) -> list[str]:
    first = pallet * CASES_PER_PALLET
    return [
        f"urn:epc:id:sscc:9521321.1{number:09d}"
        for number in range(first, first + CASES_PER_PALLET)
    ]
