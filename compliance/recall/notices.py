"""The notices of a recall: one for each holder, with what it must say."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from compliance.recall.recall_tables import recall_notice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from compliance.recall.reach import Notified
    from epcis.ledger.store import Transaction

FACT_CHARS_MAX = 2_000
NOTICE_FACTS = (
    "product_name",
    "inn",
    "form",
    "strength",
    "pack",
    "ma_number",
    "mah",
    "manufacturer",
    "firm",
    "contact",
    "risk",
    "action",
    "alternative",
    "patient_advice",
    "returns",
    "authority_reference",
    "language",
)
"""What a notice says beside what the records know (21 CFR 7.49; EU rapid alert, GMP chapter 8)."""


def keep_notices(tx: Transaction, recall_id: str, holders: Iterable[Notified]) -> int:
    """Give every holder of today its notice; how many there are more than before.

    A holder who has more packs than the last message named gets another one, and answers again.
    """
    columns = recall_notice.c
    rows = tx.connection.execute(select(recall_notice).where(columns.recall == recall_id))
    known = {row.party: row for row in rows}
    new = []
    for holder in holders:
        before = known.get(holder.gln or "")
        if before is None:
            new.append(holder)
        elif before.packs != holder.packs:
            values: dict[str, object] = {"packs": holder.packs}
            if holder.packs > before.packs:
                values["acknowledged_us"] = None
            tx.connection.execute(
                update(recall_notice).where(columns.id == before.id).values(**values)
            )
    for holder in new:
        tx.connection.execute(insert(recall_notice).values(_row(recall_id, holder)))
    return len(new)


def _row(recall_id: str, holder: Notified) -> dict[str, object]:
    party = holder.gln or ""
    return {
        # A recall has one notice for each holder.
        "id": f"N-{sha256(f'{recall_id} {party}'.encode()).hexdigest()[:12]}",
        "recall": recall_id,
        "party": party,
        "name": holder.name,
        "packs": holder.packs,
        "named_packs": 0,
        "messages": 0,
        "channel": "",
        "fault": "",
    }
