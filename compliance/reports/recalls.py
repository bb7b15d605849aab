"""Report sections about recalls: lot, reason, number of packs, who was notified, who answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from compliance.duty_tables import recall_notice
from compliance.recall.recall import list_recalls
from compliance.reports.sheet import Section

if TYPE_CHECKING:
    from datetime import datetime

    from compliance.recall.recall import LotRecall
    from epcis.database.transactions import Snapshot


def recalls_section(snapshot: Snapshot, since: datetime, until: datetime) -> Section:
    """The recalls opened in a period."""
    return _section(
        snapshot, [one for one in list_recalls(snapshot) if since <= one.opened < until]
    )


def lot_recalls_section(snapshot: Snapshot, gtin: str, lot: str) -> Section:
    """The recalls of a lot."""
    found = [one for one in list_recalls(snapshot) if (one.gtin, one.lot) == (gtin, lot)]
    return _section(snapshot, found)


def _section(snapshot: Snapshot, recalls: list[LotRecall]) -> Section:
    return Section(
        title="Recalls",
        columns=(
            "recall", "GTIN", "lot", "reason", "opened", "by", "closed", "packs", "to tell",
            "answered",
        ),
        rows=tuple(_row(snapshot, one) for one in recalls),
        rows_total=len(recalls),
    )  # fmt: skip


def _row(snapshot: Snapshot, one: LotRecall) -> tuple[str, ...]:
    told, answered = snapshot.connection.execute(
        select(func.count(), func.count(recall_notice.c.acknowledged_us)).where(
            recall_notice.c.recall == one.id
        )
    ).one()
    return (
        one.id,
        one.gtin,
        one.lot,
        one.reason,
        one.opened.isoformat(),
        one.opened_by,
        one.closed.isoformat() if one.closed else "open",
        str(one.packs),
        str(told),
        str(answered),
    )
