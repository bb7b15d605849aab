"""Master data of products, places and parties as documents tell it; the latest telling counts.

Standard: EPCIS 2.0 section 9.5 (master data in the header), CBV 2.0 section 9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import delete, insert, select

from epcis.ledger.entry import LeafKind
from epcis.lot_facts import lot_of_element
from epcis.model import Node, instant_of
from epcis.store.event_tables import (
    master_data,
    master_data_attribute,
    master_data_child,
    master_data_lot,
)
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction
    from epcis.model import Header, VocabularyElement

BESIDE = (master_data_attribute, master_data_child, master_data_lot)
"""What belongs to an entry of `master_data`."""
NAME_ATTRIBUTE = "urn:epcglobal:cbv:mda#name"
_ENCODER = msgspec.msgpack.Encoder()


def tell_master_data(tx: Transaction, header: Header, document: int) -> int:
    """Store what a header tells, where nothing later is known; returns how many entries.

    The creation time of the document decides what is later, not when it arrived.
    """
    stated_at = statement_time(header) or tx.now
    stored = 0
    for vocabulary in header.master_data:
        for element in vocabulary.elements:
            if _is_latest(tx, vocabulary.type, element.id, stated_at):
                _replace(tx, vocabulary.type, element, stated_at, document)
                stored += 1
    if header.master_data:
        tx.log(LeafKind.MASTER_DATA, _ENCODER.encode(header.master_data))
    return stored


def statement_time(header: Header) -> datetime | None:
    """When a document was made: by its SBDH, else by its creation date."""
    for text in (_sbdh_creation(header.sbdh), header.creation_date):
        if not text:
            continue
        try:
            return instant_of(text)
        except (ValueError, OverflowError):
            continue
    return None


def names_of(snapshot: Snapshot, keys: list[str]) -> dict[str, str]:
    """The names of places or parties by canonical key, where master data tells one."""
    found = snapshot.connection.execute(
        select(master_data.c.key, master_data_attribute.c.value)
        .join(
            master_data_attribute,
            (master_data_attribute.c.type == master_data.c.type)
            & (master_data_attribute.c.id == master_data.c.id),
        )
        .where(master_data.c.key.in_(keys), master_data_attribute.c.name == NAME_ATTRIBUTE)
        .order_by(master_data.c.stated_at)
    )
    return {row.key: row.value for row in found}


def _sbdh_creation(sbdh: Node | None) -> str:
    waiting: list[Node | str] = [sbdh] if sbdh is not None else []
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            continue
        if node.name == "CreationDateAndTime":
            return node.text
        waiting.extend(node.children)
    return ""


def _is_latest(tx: Transaction, kind: str, element_id: str, stated_at: datetime) -> bool:
    known = tx.connection.scalar(
        select(master_data.c.stated_at).where(
            master_data.c.type == kind, master_data.c.id == element_id
        )
    )
    return known is None or known <= stated_at


def _replace(
    tx: Transaction, kind: str, element: VocabularyElement, stated_at: datetime, document: int
) -> None:
    for table in (master_data, *BESIDE):
        tx.connection.execute(delete(table).where(table.c.type == kind, table.c.id == element.id))
    entry, beside = rows_of(kind, element)
    tx.connection.execute(
        insert(master_data).values(**entry, stated_at=stated_at, document=document)
    )
    for table in BESIDE:
        if beside[table.name]:
            tx.connection.execute(insert(table), beside[table.name])


def rows_of(
    kind: str, element: VocabularyElement
) -> tuple[dict[str, object], dict[str, list[dict[str, object]]]]:
    """The row of an entry, and those of each table of `BESIDE`, columns in their order.

    The caller adds who sent it and when.
    """
    key = canonical_key(element.id)
    entry: dict[str, object] = {
        "type": kind, "id": element.id, "key": key, "payload": _ENCODER.encode(element),
    }  # fmt: skip
    attributes: list[dict[str, object]] = [
        {"type": kind, "id": element.id, "position": position, "name": name, "value": value}
        for position, (name, value) in enumerate(_attributes(element))
    ]
    children: list[dict[str, object]] = [
        {"type": kind, "id": element.id, "child": child, "key": key,
         "child_key": canonical_key(child)}
        for child in dict.fromkeys(element.children or ())
    ]  # fmt: skip
    lot_facts_found = lot_of_element(element)
    lots: list[dict[str, object]] = []
    if lot_facts_found is not None:
        gtin, lot = lot_facts_found
        lots.append({"gtin": gtin, "lot": lot.code, "type": kind, "id": element.id,
                     "expiry": lot.expiry})  # fmt: skip
    return entry, {
        master_data_attribute.name: attributes,
        master_data_child.name: children,
        master_data_lot.name: lots,
    }


def _attributes(element: VocabularyElement) -> Iterator[tuple[str, str]]:
    for name, content in element.attributes:
        texts = (part.text if isinstance(part, Node) else part for part in content)
        yield name, "".join(texts).strip()
