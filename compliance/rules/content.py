"""What a file says in people's words: parties, shipments, products, packs, containers, dates.

Made from the events that the rules follow anyway, so that nobody reads a file twice.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from compliance.rules.header import gln_of
from compliance.rules.known import receiver, sender_and_instance
from compliance.rules.products import gtin_of, places_stated, products_stated
from compliance.rules.shipped_file import is_sgtin, local_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from compliance.rules.shipped_file import ShippedFile, Trade
    from epcis.model import Header

PRODUCTS_MAX: Final = 200
"""Products, lots of one product, and shipments that are described; all are counted."""
_PAPERS: Final = {"po": "order", "desadv": "despatch advice", "inv": "invoice"}


@dataclass(frozen=True, slots=True)
class NamedParty:
    """A party of the file, with its name where the master data has one."""

    gln: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class LotInFile:
    """One lot of a product."""

    lot: str
    expiry: str
    packs: int


@dataclass(frozen=True, slots=True)
class ProductInFile:
    """One product that events of the file name."""

    gtin: str
    name: str
    strength: str
    form: str
    ndc: str
    packs: int
    """Serial numbers of this GTIN that contain nothing."""
    cases: int
    """Serial numbers of this GTIN that contain something."""
    lots: tuple[LotInFile, ...]


@dataclass(frozen=True, slots=True)
class ShipmentInFile:
    """One shipping event."""

    seller: NamedParty
    buyer: NamedParty
    ships_from: NamedParty
    ships_to: NamedParty
    at: str
    """In local time, with its zone."""
    papers: tuple[str, ...]
    """Kind and number, as `order PO-8841`."""
    packs: int
    containers: int


@dataclass(frozen=True, slots=True)
class FileContent:
    """What a file is about."""

    sender: NamedParty
    receiver: NamedParty
    created: str
    first_event: str
    last_event: str
    events: dict[str, int]
    """Business step -> events of that step."""
    packs: int
    containers: int
    products: tuple[ProductInFile, ...]
    shipments: tuple[ShipmentInFile, ...]
    is_cut: bool
    """More objects than are followed: the counts are those of the first."""

    def as_dict(self) -> dict[str, object]:
        """As JSON shows it."""
        return asdict(self, dict_factory=_in_camels)


def _in_camels(members: list[tuple[str, Any]]) -> dict[str, Any]:  # members of a dataclass
    """An object of JSON, with names as the rest of the interface writes them."""
    return {re.sub(r"_(\w)", lambda one: one[1].upper(), name): value for name, value in members}


def content_of(file: ShippedFile, header: Header) -> FileContent:
    """What a file says, once all of its events were seen."""
    inside = _contents(file)
    names = {gln_of(uri): facts.get("name", "") for uri, facts in places_stated(header)}
    things = {key for step in file.steps for key in (*step.ids, step.parent) if key}
    packs = {key for key in things if is_sgtin(key) and key not in inside}
    ordered = file.in_time()
    sender, _ = sender_and_instance(header)
    return FileContent(
        sender=_party(sender, names),
        receiver=_party(receiver(header), names),
        created=header.creation_date or "",
        first_event=local_time(ordered[0].at, ordered[0].zone) if ordered else "",
        last_event=local_time(ordered[-1].at, ordered[-1].zone) if ordered else "",
        events=dict(Counter(step.biz_step or "without a step" for step in file.steps)),
        packs=len(packs),
        containers=len(things - packs),
        products=tuple(_products(file, header, inside, things)),
        shipments=tuple(_shipment(trade, names, inside) for trade in file.trades[:PRODUCTS_MAX]),
        is_cut=file.is_cut,
    )


def _party(gln: str, names: dict[str, str]) -> NamedParty:
    return NamedParty(gln_of(gln), names.get(gln_of(gln), "")) if gln else NamedParty("")


def _contents(file: ShippedFile) -> dict[str, list[str]]:
    """Container -> what the file packs into it."""
    inside: dict[str, list[str]] = defaultdict(list)
    for step in file.steps:
        if step.parent and step.action == "ADD":
            inside[step.parent].extend(step.ids)
    return inside


def within(roots: Iterable[str], inside: dict[str, list[str]]) -> Iterator[str]:
    """Things and all that is in them, each once, however containers are nested.

    >>> list(within(["a"], {"a": ["b", "c"], "b": ["a"]}))
    ['a', 'c', 'b']
    """
    waiting, seen = list(roots), set[str]()
    while waiting:
        key = waiting.pop()
        if key not in seen:
            seen.add(key)
            yield key
            waiting.extend(inside.get(key, ()))


def _products(
    file: ShippedFile, header: Header, inside: dict[str, list[str]], things: set[str]
) -> Iterator[ProductInFile]:
    facts = {gtin_of(uri): facts_stated for uri, facts_stated in products_stated(header)}
    packs = Counter(key[4:18] for key in things if is_sgtin(key) and key not in inside)
    cases = Counter(key[4:18] for key in things if is_sgtin(key) and key in inside)
    lots: dict[str, dict[tuple[str, str], set[str]]] = defaultdict(lambda: defaultdict(set))
    for step in file.steps:
        if step.lot or step.expires:
            for key in filter(is_sgtin, step.ids):
                if key not in inside:
                    lots[key[4:18]][step.lot, step.expires].add(key)
    for gtin in sorted(file.gtins)[:PRODUCTS_MAX]:
        known = facts.get(gtin, {})
        yield ProductInFile(
            gtin=gtin,
            name=known.get("regulatedProductName", ""),
            strength=known.get("strengthDescription", ""),
            form=known.get("dosageFormType", ""),
            ndc=known.get("additionalTradeItemIdentification", ""),
            packs=packs[gtin],
            cases=cases[gtin],
            lots=tuple(
                LotInFile(lot, expiry, len(keys))
                for (lot, expiry), keys in sorted(lots[gtin].items())[:PRODUCTS_MAX]
            ),
        )


def _shipment(trade: Trade, names: dict[str, str], inside: dict[str, list[str]]) -> ShipmentInFile:
    things = set(within(trade.ids, inside))
    packs = sum(is_sgtin(key) and key not in inside for key in things)
    sides = (trade.sources, trade.destinations)
    seller, buyer = (_party(side.get("owning_party", ""), names) for side in sides)
    start, goal = (_party(side.get("location", ""), names) for side in sides)
    numbers = (
        f"{_PAPERS.get(kind, kind)} {one.rpartition(':')[2]}".strip() for kind, one in trade.papers
    )
    return ShipmentInFile(
        seller=seller,
        buyer=buyer,
        ships_from=start,
        ships_to=goal,
        at=trade.local_time,
        papers=tuple(numbers),
        packs=packs,
        containers=len(things) - packs,
    )
