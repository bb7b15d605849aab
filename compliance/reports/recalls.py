"""Recalls as authorities want them told: what, why, how many packs, whom, and who answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from compliance.recall import list_recalls
from compliance.reports.sheet import Section
from compliance.tables import recall_notice

if TYPE_CHECKING:
    from datetime import datetime

    from compliance.recall import Recall
    from epcis.store.database import View


def recalls_section(view: View, since: datetime, until: datetime) -> Section:
    """The recalls opened in a period."""
    return _section(view, [one for one in list_recalls(view) if since <= one.opened < until])


def lot_recalls_section(view: View, gtin: str, lot: str) -> Section:
    """The recalls of a lot."""
    found = [one for one in list_recalls(view) if (one.gtin, one.lot) == (gtin, lot)]
    return _section(view, found)


def _section(view: View, recalls: list[Recall]) -> Section:
    return Section(
        title="Recalls",
        columns=(
            "recall", "GTIN", "lot", "reason", "opened", "by", "closed", "packs", "to tell",
            "answered",
        ),
        rows=tuple(_row(view, one) for one in recalls),
        rows_total=len(recalls),
    )  # fmt: skip


def _row(view: View, one: Recall) -> tuple[str, ...]:
    told, answered = view.connection.execute(
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
