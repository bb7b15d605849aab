"""Transaction information and statement of one shipment, FD&C Act 581(26) and (27).

What is written here follows from captured events and master data alone and holds no clock, so the
same shipment gives the same bytes years later. What became of the shipment comes first.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from compliance.reports.shipment_facts import dates, purchase_facts, standing
from compliance.reports.transactions import (
    IDS_PER_QUESTION,
    attributes_known,
    items_of,
    packages_shipped,
    packs_counted,
    shipment_events,
    shipped_events,
    statement_of,
)
from epcis.store.event_tables import item
from epcis.store.items import items as items_by_key
from epcis.trace import gln_of
from schemas.cbv import bare
from schemas.gs1.epc import canonical_key
from schemas.refusal import Refused
from verification.decision.many import name_of
from verification.registry.pack_tables import exempt_lot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from compliance.reports.transactions import ShippedEvent
    from epcis.database.transactions import Snapshot
    from epcis.model import Event, Party

SHIPMENTS_MAX: Final = 200
_PAPERS: Final = {
    "po": "purchase order",
    "desadv": "despatch advice",
    "inv": "invoice",
    "bol": "bill of lading",
    "rma": "return authorisation",
}
_PLACE: Final = ("streetAddressOne", "streetAddressTwo", "city", "state", "postalCode")


class TransactionRefused(Refused):
    """No transaction document can be made; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class TransactionParty:
    """Business name and address of a party, 581(26)(I) and (J)."""

    gln: str
    name: str = ""
    address: tuple[str, ...] = ()
    """Street, town, state and postal code, country; in lines."""


@dataclass(frozen=True, slots=True)
class ProductLine:
    """One lot of one product in the shipment, 581(26)(A) to (F)."""

    gtin: str
    name: str
    strength: str
    form: str
    ndc: str
    container_size: str
    lot: str
    expiry: str
    containers: int
    """How many packages of it are shipped."""


@dataclass(frozen=True, slots=True)
class PackageIdentifier:
    """Product identifier of one package, 582(g)(1)(B)."""

    gtin: str
    serial: str
    lot: str
    expiry: str


@dataclass(frozen=True, slots=True)
class TransactionInformation:
    """One shipment."""

    seq: int
    """Number of the shipping event in the store."""
    standing: tuple[str, ...]
    """What became of it: voided, declared wrong, partly returned; nothing where it stands."""
    papers: tuple[tuple[str, str], ...]
    """Kind and number."""
    transaction_date: str
    shipped: str
    """Time of the shipment at the place it left, with the zone."""
    seller: TransactionParty
    buyer: TransactionParty
    ships_from: TransactionParty
    ships_to: TransactionParty
    purchase: tuple[tuple[str, str], ...]
    """Drop shipment and direct purchase, as the seller states them."""
    products: tuple[ProductLine, ...]
    statement: tuple[str, ...]
    """Transaction statement, as the seller's file has it."""
    exemptions: tuple[str, ...]
    """Lots that an exemption or waiver covers, with the reason."""
    gaps: tuple[str, ...]
    """Which of 581(26)(A) to (J) the data does not tell."""

    @property
    def containers(self) -> int:
        """How many packages are shipped."""
        return sum(line.containers for line in self.products)


def transactions(snapshot: Snapshot, number: str) -> list[TransactionInformation]:
    """The shipments under a number as people know it, in the order of their capture.

    An order, despatch advice or invoice, with or without the URI around it; an SSCC; a partner's
    GLN and a day. Raises TransactionRefused where no shipment is known by it.
    """
    found = [
        _information(snapshot, shipped)
        for shipped in shipped_events(snapshot, shipment_events(snapshot, number), SHIPMENTS_MAX)
    ]
    if not found:
        raise TransactionRefused(
            f"no shipment is known by '{number}'; ask by order, despatch advice, invoice or SSCC,"
            " or by a partner's GLN and a day, as '0366666000014 2026-11-20'"
        )
    return found


def packages(snapshot: Snapshot, seq: int) -> Iterator[PackageIdentifier]:
    """Every package of a shipment, those in cases and pallets included, by GTIN and serial."""
    keys = packages_shipped(snapshot, seq)
    for start in range(0, len(keys), IDS_PER_QUESTION):
        known = items_by_key(snapshot, keys[start : start + IDS_PER_QUESTION])
        for key in keys[start : start + IDS_PER_QUESTION]:
            one = known[key]
            yield PackageIdentifier(*name_of(key), one.lot, one.expiry_text)


def _information(snapshot: Snapshot, shipped: ShippedEvent) -> TransactionInformation:
    event = shipped.event
    items = items_of(snapshot, shipped.seq)
    some = select(item.c.key).where(item.c.id.in_(items[:IDS_PER_QUESTION]))
    roots = sorted(snapshot.connection.scalars(some))
    products = tuple(_products(snapshot, items, shipped.moment))
    seller, buyer = (_owner(snapshot, side) for side in (event.sources, event.destinations))
    start, goal = (_place(snapshot, side) for side in (event.sources, event.destinations))
    on_the_day, at = dates(event)
    return TransactionInformation(
        seq=shipped.seq,
        standing=standing(snapshot, shipped.seq, roots),
        papers=_papers(event),
        transaction_date=on_the_day[1],
        shipped=at[1],
        seller=seller,
        buyer=buyer,
        ships_from=start or seller,
        ships_to=goal or buyer,
        purchase=tuple(purchase_facts(event)),
        products=products,
        statement=statement_of(shipped),
        exemptions=tuple(_exemptions(snapshot, products)),
        gaps=tuple(_gaps(products, seller, buyer)),
    )


def _papers(event: Event) -> tuple[tuple[str, str], ...]:
    return tuple(
        (_PAPERS.get(kind, kind or "document"), one.id.rpartition(":")[2])
        for one in event.biz_transactions or ()
        for kind in [bare("btt", one.type or "")]
    )


def _products(snapshot: Snapshot, items: list[int], moment: int) -> Iterator[ProductLine]:
    counted = packs_counted(snapshot, items, moment)
    known = attributes_known(snapshot, sorted({f"/01/{gtin}" for gtin, _, _ in counted}))
    for (gtin, lot, expiry), count in sorted(counted.items()):
        facts = {name: value for (key, name), value in known.items() if key == f"/01/{gtin}"}
        yield ProductLine(
            gtin=gtin,
            name=facts.get("regulatedProductName", ""),
            strength=facts.get("strengthDescription", ""),
            form=facts.get("dosageFormType", ""),
            ndc=facts.get("additionalTradeItemIdentification", ""),
            container_size=facts.get("netContentDescription", ""),
            lot=lot,
            expiry=expiry,
            containers=count,
        )


def _owner(snapshot: Snapshot, parties: Iterable[Party] | None) -> TransactionParty:
    return _of_role(snapshot, parties, "owning_party") or TransactionParty("")


def _place(snapshot: Snapshot, parties: Iterable[Party] | None) -> TransactionParty | None:
    return _of_role(snapshot, parties, "location")


def _of_role(
    snapshot: Snapshot, parties: Iterable[Party] | None, role: str
) -> TransactionParty | None:
    uri = next((one.id for one in parties or () if bare("sdt", one.type) == role), None)
    if uri is None:
        return None
    key = canonical_key(uri)
    facts = {name: value for (_, name), value in attributes_known(snapshot, [key]).items()}
    street, second, city, state, code = (facts.get(name, "") for name in _PLACE)
    town = ", ".join(filter(None, [city, " ".join(filter(None, [state, code]))]))
    lines = (street, second, town, facts.get("countryCode", ""))
    return TransactionParty(
        gln_of(key) or uri, facts.get("name", ""), tuple(line for line in lines if line)
    )


def _exemptions(snapshot: Snapshot, products: tuple[ProductLine, ...]) -> Iterator[str]:
    for line in products:
        found = select(exempt_lot.c.market).where(
            exempt_lot.c.code == line.gtin, exempt_lot.c.lot == line.lot
        )
        if snapshot.connection.scalar(found.limit(1)) is not None:
            yield (
                f"Lot {line.lot} of GTIN {line.gtin} is recorded as exempt from product"
                " identifiers, 582(a)(3) or (a)(5): its packages are listed as far as they have"
                " serial numbers"
            )


def _gaps(
    products: tuple[ProductLine, ...], seller: TransactionParty, buyer: TransactionParty
) -> Iterator[str]:
    """What transaction information asks for and the data does not tell, by letter of 581(26)."""
    lacking: dict[str, list[str]] = defaultdict(list)
    for line in products:
        for letter, value in (
            ("(A) name", line.name),
            ("(B) strength", line.strength),
            ("(B) dosage form", line.form),
            ("(C) NDC", line.ndc),
            ("(D) container size", line.container_size),
            ("(F) lot", line.lot),
        ):
            if not value and line.gtin not in lacking[letter]:
                lacking[letter].append(line.gtin)
    for letter, gtins in lacking.items():
        if gtins:
            yield f"581(26){letter} of GTIN {', '.join(gtins)}"
    if not products:
        yield "581(26)(E) number of containers: no event tells what was shipped"
    for letter, party, what in (("(I)", seller, "from"), ("(J)", buyer, "to")):
        if not party.name or not party.address:
            yield f"581(26){letter} business name and address of whom it was transferred {what}"
