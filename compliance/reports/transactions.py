"""Transaction information and statement of a shipment (FD&C Act 581(26) and 581(27)).

The layout follows the questions of inspectors: from whom to whom, and for each product and lot its
name, strength, form, NDC, container size and the number of containers. Packs inside cases and
pallets are counted as they were packed at the time of shipping.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from compliance.reports.sheet import Section
from compliance.reports.shipment_facts import dates, local_time, purchase_facts, standing
from epcis.archive.reading import Shelves
from epcis.database.item_keys import item_key
from epcis.database.raw_driver import RawDriver
from epcis.model import Node
from epcis.query.query_tables import event_word
from epcis.store.event_index import word
from epcis.store.event_tables import (
    Role,
    document,
    event,
    event_epc,
    event_party,
    item,
    lot,
    master_data,
    master_data_attribute,
)
from epcis.store.items import items as items_by_key
from epcis.store.moments import ALWAYS
from epcis.store.named import ids_of
from epcis.store.payload import unpack_header
from epcis.store.stays import stays_in
from epcis.trace import path
from schemas.cbv import bare
from schemas.gs1.epc import canonical_key
from verification.acts.event import ORDER_URN
from verification.decision.many import is_pack, name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from epcis.database.transactions import Snapshot
    from epcis.model import Event, Party
    from verification.decision.many import PackName

INFORMATION = "Transaction information"
SHIPMENTS_MAX = 200
PACKAGES_MAX = 100_000
"""Packages of one shipment that are listed one by one."""
IDS_PER_QUESTION = 400
LEVELS_MAX = 16
_STATEMENT = "dscsaTransactionStatement"
_PRODUCT_FACTS = (
    ("name", "regulatedProductName"),
    ("strength", "strengthDescription"),
    ("form", "dosageFormType"),
    ("NDC", "additionalTradeItemIdentification"),
    ("container size", "netContentDescription"),
)
_PLACE_FACTS = ("name", "streetAddressOne", "city", "state", "postalCode", "countryCode")
TRANSACTION_TYPES = (
    "", "bol", "cert", "desadv", "inv", "pedigree", "po", "poc", "prodorder", "recadv", "rma",
    "testprd", "testres", "upevt",
)  # fmt: skip
"""Business transaction types of CBV 2.0 section 7.3, and none."""


@dataclass(frozen=True, slots=True)
class ShippedEvent:
    """A shipping event with the data needed to find its packs."""

    seq: int
    moment: int
    event: Event
    header: bytes | None


def transaction_sections(
    snapshot: Snapshot, seqs: Iterable[int], *, with_packs: bool = False
) -> tuple[Section, ...]:
    """Transaction information and statements of the shipping events among some events.

    `with_packs` adds the identifier of every package, section 582(g)(1)(B).
    """
    sections: list[Section] = []
    for shipped in shipped_events(snapshot, seqs, SHIPMENTS_MAX):
        sections.append(_information(snapshot, shipped))
        if with_packs:
            sections.append(_packages(snapshot, shipped))
        sections.append(_statement(shipped))
    return tuple(sections)


def shipped_between(snapshot: Snapshot, since: datetime, until: datetime) -> list[int]:
    """The shipping events of a period, by event time."""
    time = event.c.event_time
    return list(
        snapshot.connection.scalars(
            select(event.c.seq)
            .where(time >= since, time < until, event.c.biz_step == "shipping")
            .order_by(event.c.seq)
            .limit(SHIPMENTS_MAX)
        )
    )


def shipments_section(snapshot: Snapshot, since: datetime, until: datetime) -> Section:
    """How many shipments there were, and for how many the transaction information follows."""
    time = event.c.event_time
    counted = snapshot.connection.scalar(
        select(func.count())
        .select_from(event)
        .where(time >= since, time < until, event.c.biz_step == "shipping")
    )
    return Section(
        title="Shipments",
        sentences=(
            "Transaction information and statements follow below.",
            "Those of any other shipment are in its own dossier (export --shipment).",
        ),
        facts=(
            ("shipments", str(counted)),
            ("transaction information below", str(min(counted or 0, SHIPMENTS_MAX))),
        ),
    )


def shipped_events(
    snapshot: Snapshot, seqs: Iterable[int], at_most: int | None = None
) -> Iterator[ShippedEvent]:
    """The shipping events among some events, in the order of their capture."""
    wanted = sorted(seqs)
    shelves = Shelves(RawDriver(snapshot))
    shown = 0
    for at in range(0, len(wanted), IDS_PER_QUESTION):
        rows = snapshot.connection.execute(
            select(event.c.seq, event.c.moment, event.c.payload, document.c.header)
            .select_from(event.outerjoin(document, document.c.id == event.c.document))
            .where(event.c.seq.in_(wanted[at : at + IDS_PER_QUESTION]))
            .where(event.c.biz_step == "shipping")
            .order_by(event.c.seq)
        )
        for seq, moment, payload, header in rows:
            if shown == at_most:
                return
            shown += 1
            yield ShippedEvent(seq, moment, shelves.event(seq, payload), header)


def _information(snapshot: Snapshot, shipped: ShippedEvent) -> Section:
    event = shipped.event
    numbers = ", ".join(one.id for one in event.biz_transactions or ())
    items = items_of(snapshot, shipped.seq)
    roots = list(snapshot.connection.scalars(select(item.c.key).where(item.c.id.in_(items[:200]))))
    packs = packs_counted(snapshot, items, shipped.moment)
    facts = _product_facts(snapshot, {gtin for gtin, _, _ in packs})
    return Section(
        title=INFORMATION,
        sentences=standing(snapshot, shipped.seq, roots),
        facts=(
            ("documents", numbers or "none"),
            *dates(event),
            *purchase_facts(event),
            ("from", _party(snapshot, event.sources)),
            ("to", _party(snapshot, event.destinations)),
        ),
        columns=(
            "GTIN", *(title for title, _ in _PRODUCT_FACTS), "lot", "expiry", "containers",
        ),
        rows=tuple(
            (
                gtin,
                *(facts.get((f"/01/{gtin}", name), "") for _, name in _PRODUCT_FACTS),
                code,
                expiry,
                str(count),
            )
            for (gtin, code, expiry), count in sorted(packs.items())
        ),
        rows_total=len(packs),
    )  # fmt: skip


def _packages(snapshot: Snapshot, shipped: ShippedEvent) -> Section:
    """The identifier of every package, those in cases and pallets included."""
    keys = packages_shipped(snapshot, shipped.seq)
    rows: list[tuple[str, ...]] = []
    for at in range(0, min(len(keys), PACKAGES_MAX), IDS_PER_QUESTION):
        some = keys[at : at + IDS_PER_QUESTION]
        known = items_by_key(snapshot, some)
        rows += [(*name_of(key), known[key].lot, known[key].expiry_text) for key in some]
    return Section(
        title="Package identifiers",
        columns=("GTIN", "serial", "lot", "expiry"),
        rows=tuple(rows[:PACKAGES_MAX]),
        rows_total=len(keys),
    )


def _statement(shipped: ShippedEvent) -> Section:
    """The transaction statement, as the sender's file has it."""
    texts = statement_of(shipped)
    return Section(
        title="Transaction statement",
        sentences=texts or ("The sender's file carries no transaction statement.",),
        is_quoted=bool(texts),
    )


def statement_of(shipped: ShippedEvent) -> tuple[str, ...]:
    """The words of the transaction statement in the sender's file; nothing where it has none."""
    header = unpack_header(shipped.header) if shipped.header else None
    nodes = header.header_extensions if header is not None else ()
    return tuple(text for node in nodes if node.name == _STATEMENT for text in _texts(node))


def _texts(node: Node) -> Iterator[str]:
    inner = [child for child in node.children if isinstance(child, Node)]
    if not inner:
        yield f"{node.name}: {node.text}"
    for child in inner:
        yield from _texts(child)


def items_of(snapshot: Snapshot, seq: int) -> list[int]:
    """Ids of the things that an event names as its EPCs."""
    rows = snapshot.connection.execute(
        select(event_epc.c.block, event_epc.c.mask).where(
            event_epc.c.seq == seq, event_epc.c.role == int(Role.EPC)
        )
    )
    return [one for block, mask in rows for one in ids_of(block, mask)]


def packs_counted(
    snapshot: Snapshot, items: list[int], moment: int
) -> Counter[tuple[str, str, str]]:
    """(GTIN, lot, expiry) -> packs among the items and inside of them at that moment.

    A case with a serial number of its own is none: 581(26)(E) counts what is dispensed from.
    """
    packs: Counter[tuple[str, str, str]] = Counter()
    for some in _packages_of(snapshot, items, moment):
        packs.update(_packs_among(snapshot, some))
    return packs


def packages_shipped(snapshot: Snapshot, seq: int) -> list[str]:
    """Keys of the packages of a shipping event, by GTIN and serial; cases are none."""
    keys: list[str] = []
    for shipped in shipped_events(snapshot, [seq]):
        for some in _packages_of(snapshot, items_of(snapshot, seq), shipped.moment):
            asked = select(item.c.key).where(item.c.id.in_(some))
            keys.extend(filter(is_pack, snapshot.connection.scalars(asked)))
    return sorted(keys)


def _packages_of(snapshot: Snapshot, items: list[int], moment: int) -> Iterator[list[int]]:
    """Those of the items, and of what is in them at a moment, that contain nothing."""
    driver = RawDriver(snapshot)
    for _ in range(LEVELS_MAX):
        inner: list[int] = []
        for at in range(0, len(items), IDS_PER_QUESTION):
            some = items[at : at + IDS_PER_QUESTION]
            stays = [s for s in stays_in(driver, some) if s.since <= moment <= s.until]
            inner.extend(stay.child for stay in stays)
            full = {stay.parent for stay in stays}
            yield [one for one in some if one not in full]
        items = inner


def _packs_among(snapshot: Snapshot, items: list[int]) -> Iterator[tuple[str, str, str]]:
    rows = snapshot.connection.execute(
        select(item.c.key, lot.c.code, lot.c.expiry)
        .select_from(item.outerjoin(lot, lot.c.id == item.c.lot))
        .where(item.c.id.in_(items))
    )
    for key, code, expiry in rows:
        if is_pack(key):
            yield key[4:18], code or "", expiry or ""


def _inside(snapshot: Snapshot, items: list[int], moment: int) -> Iterator[int]:
    for stay in stays_in(RawDriver(snapshot), items):
        if stay.since <= moment <= stay.until:
            yield stay.child


def packs_shipped(snapshot: Snapshot, seqs: Iterable[int]) -> Iterator[PackName]:
    """The packs of the shipping events among some events, those in cases and pallets included."""
    yield from map(name_of, filter(is_pack, things_shipped(snapshot, seqs)))


def packs_inside(snapshot: Snapshot, key: str) -> Iterator[PackName]:
    """The packs that are in a case or pallet now, at any depth."""
    yield from map(name_of, filter(is_pack, things_within(snapshot, key)))


def things_shipped(snapshot: Snapshot, seqs: Iterable[int]) -> Iterator[str]:
    """Keys of what the shipping events among some events name, and of all that was in it then."""
    for shipped in shipped_events(snapshot, seqs):
        yield from _things_within(snapshot, items_of(snapshot, shipped.seq), shipped.moment)


def keys_named(snapshot: Snapshot, seqs: Iterable[int]) -> Iterator[str]:
    """Keys of everything that some events name, in any of their lists; some more than once."""
    wanted = sorted(seqs)
    for start in range(0, len(wanted), IDS_PER_QUESTION):
        rows = snapshot.connection.execute(
            select(event_epc.c.block, event_epc.c.mask).where(
                event_epc.c.seq.in_(wanted[start : start + IDS_PER_QUESTION])
            )
        )
        ids = sorted({one for block, mask in rows for one in ids_of(block, mask)})
        for at in range(0, len(ids), IDS_PER_QUESTION):
            some = ids[at : at + IDS_PER_QUESTION]
            yield from snapshot.connection.scalars(select(item.c.key).where(item.c.id.in_(some)))


def things_within(snapshot: Snapshot, key: str) -> Iterator[str]:
    """Keys of a case or pallet and of all that is in it now; nothing where no event names it."""
    found = snapshot.connection.scalars(select(item_key.c.id).where(item_key.c.key == key))
    yield from _things_within(snapshot, list(found), ALWAYS)


def _things_within(snapshot: Snapshot, items: list[int], moment: int) -> Iterator[str]:
    """The keys of items, and of what was inside of them at a moment, level by level."""
    for _ in range(LEVELS_MAX):
        inner: list[int] = []
        for at in range(0, len(items), IDS_PER_QUESTION):
            some = items[at : at + IDS_PER_QUESTION]
            keys = snapshot.connection.scalars(select(item.c.key).where(item.c.id.in_(some)))
            yield from keys
            inner.extend(_inside(snapshot, some, moment))
        items = inner


def _party(snapshot: Snapshot, parties: Iterable[Party] | None) -> str:
    """The owner among sources or destinations, with name and address."""
    owner = owner_among(parties)
    if owner is None:
        return "not given"
    key = canonical_key(owner)
    attributes = attributes_known(snapshot, [key])
    lines = [attributes[key, name] for name in _PLACE_FACTS if (key, name) in attributes]
    return ", ".join([*lines, key.replace("/414/", "GLN ").replace("/417/", "GLN ")])


def owner_among(parties: Iterable[Party] | None) -> str | None:
    """The owning party among sources or destinations; else the first party named."""
    by_type = {bare("sdt", one.type): one.id for one in parties or ()}
    return by_type.get("owning_party") or next(iter(by_type.values()), None)


def _product_facts(snapshot: Snapshot, gtins: set[str]) -> dict[tuple[str, str], str]:
    return attributes_known(snapshot, sorted(f"/01/{gtin}" for gtin in gtins))


def attributes_known(snapshot: Snapshot, keys: list[str]) -> dict[tuple[str, str], str]:
    """(key, last word of the attribute's name) -> value, of master data."""
    attributes: dict[tuple[str, str], str] = {}
    for at in range(0, len(keys), IDS_PER_QUESTION):
        rows = snapshot.connection.execute(
            select(master_data.c.key, master_data_attribute.c.name, master_data_attribute.c.value)
            .join(
                master_data_attribute,
                (master_data_attribute.c.type == master_data.c.type)
                & (master_data_attribute.c.id == master_data.c.id),
            )
            .where(master_data.c.key.in_(keys[at : at + IDS_PER_QUESTION]))
        )
        attributes.update({(key, name.rpartition("#")[2]): value for key, name, value in rows})
    return attributes


def under_transaction(snapshot: Snapshot, transaction: str) -> list[int]:
    """The events under a business transaction, whatever type it has."""
    key = canonical_key(transaction)
    words = [word("bizTransaction", key, kind) for kind in TRANSACTION_TYPES]
    found = select(event_word.c.seq).where(event_word.c.word.in_(words)).distinct()
    return list(snapshot.connection.scalars(found))


def shipment_events(snapshot: Snapshot, number: str) -> list[int]:
    """The events under what people call a shipment.

    The URI of an order, despatch advice or invoice; its number, as any known party or this site
    wrote it; an SSCC as digits, URN or Digital Link; or a partner and a day, as
    `0366666000014 2026-11-20`.
    """
    text = number.strip()
    gln, _, day = text.partition(" ")
    if day and len(gln) == 13 and gln.isdigit():
        return _shipped_on(snapshot, f"/414/{gln}", day.strip())
    key = f"/00/{text}" if len(text) == 18 and text.isdigit() else canonical_key(text)
    if key.startswith("/00/"):
        return [turn.seq for turn in path(snapshot, key) if turn.biz_step == "shipping"]
    exact = under_transaction(snapshot, text)
    if exact or ":" in text:
        return exact
    parties = snapshot.connection.scalars(select(event_party.c.party).distinct())
    uris = [ORDER_URN + text, *(f"urn:epcglobal:cbv:bt:{party[5:18]}:{text}" for party in parties)]
    return sorted({seq for uri in uris for seq in under_transaction(snapshot, uri)})


def _shipped_on(snapshot: Snapshot, party: str, day: str) -> list[int]:
    """The shipping events of a party on a day, each in its own local time.

    Nothing where the text is no day.
    """
    try:
        since = datetime.fromisoformat(day).replace(tzinfo=UTC)
    except ValueError:
        return []
    time, beside = event.c.event_time, timedelta(hours=14)
    found = (
        select(event.c.seq)
        .join(event_party, event_party.c.seq == event.c.seq)
        .where(event_party.c.party == party, event.c.biz_step == "shipping")
        .where(time >= since - beside, time < since + timedelta(days=1) + beside)
        .distinct()
    )
    near = shipped_events(snapshot, snapshot.connection.scalars(found))
    return [one.seq for one in near if local_time(one.event).date() == since.date()]
