"""Report sections about recalls: lot, reason, number of packs, who was notified, who answered."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from compliance.duty_tables import recall_notice
from compliance.recall.recall import list_recalls
from compliance.reports.sheet import Section
from verification.decision.many import judge_lot
from verification.decision.words import Word

if TYPE_CHECKING:
    from datetime import datetime

    from compliance.recall.recall import LotRecall
    from epcis.database.transactions import Snapshot


def recalls_section(snapshot: Snapshot, since: datetime, until: datetime, now: datetime) -> Section:
    """The recalls opened in a period."""
    return _section(
        snapshot, [one for one in list_recalls(snapshot) if since <= one.opened < until], now
    )


def lot_recalls_section(snapshot: Snapshot, gtin: str, lot: str, now: datetime) -> Section:
    """The recalls of a lot."""
    found = [one for one in list_recalls(snapshot) if (one.gtin, one.lot) == (gtin, lot)]
    return _section(snapshot, found, now)


def _section(snapshot: Snapshot, recalls: list[LotRecall], now: datetime) -> Section:
    return Section(
        title="Recalls",
        columns=(
            "recall", "GTIN", "lot", "reason", "opened", "by", "closed", "packs", "packs now",
            "may be supplied", "to tell", "answered",
        ),
        rows=tuple(_row(snapshot, one, now) for one in recalls),
        rows_total=len(recalls),
    )  # fmt: skip


def _row(snapshot: Snapshot, one: LotRecall, now: datetime) -> tuple[str, ...]:
    verdicts = Counter(pack.verdict for pack in judge_lot(snapshot, one.gtin, one.lot, now))
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
        str(verdicts.total()),
        str(verdicts[Word.OK]),
        str(told),
        str(answered),
    )
