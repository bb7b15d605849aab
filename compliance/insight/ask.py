"""A table of insight from the store, and as CSV or Excel."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from compliance.dossier.table import safe, write_excel, writer_of
from compliance.insight.movements import DAYS_MAX, last_days, movements
from compliance.insight.tables import KINDS, LEAD_DAYS, SiteFigures
from epcis.database.site_zone import site_day
from verification.stock import StockFilter, stock

if TYPE_CHECKING:
    from datetime import datetime

    from compliance.insight.tables import InsightTable
    from epcis.database.transactions import Snapshot

DAYS = 90
"""Days that are looked back, where nobody says otherwise."""
LEAD_DAYS_MAX = 365


class InsightQuestion(NamedTuple):
    """Which table is asked for, of which site and period."""

    kind: str
    wanted: StockFilter
    """The site, and who asks."""
    days: int = DAYS
    lead_days: int = LEAD_DAYS


class InsightRefused(Exception):  # noqa: N818  # a refusal, not an error
    """The table cannot be made; the text says why and what to do."""


def insight(snapshot: Snapshot, asked: InsightQuestion, now: datetime) -> InsightTable:
    """The table. Raises `InsightRefused` for an unknown one, and for numbers out of bounds."""
    if asked.kind not in KINDS:
        raise InsightRefused(f"{asked.kind[:40]}: no such table; there are {', '.join(KINDS)}")
    if not 1 <= asked.days <= DAYS_MAX:
        raise InsightRefused(f"the period has 1 to {DAYS_MAX} days, not {asked.days}")
    if not 0 <= asked.lead_days <= LEAD_DAYS_MAX:
        raise InsightRefused(f"the lead time has 0 to {LEAD_DAYS_MAX} days, not {asked.lead_days}")
    wanted = asked.wanted
    if wanted.party and wanted.site != wanted.party:
        # Events of a site concern everybody's goods there; a stranger sees those of its own alone.
        wanted = msgspec.structs.replace(wanted, place=wanted.party)
    since, until = last_days(asked.days, now)
    moved = movements(snapshot, wanted.site, since, until)
    here = stock(snapshot, wanted, now)
    return KINDS[asked.kind].make(
        SiteFigures(here, moved, site_day(snapshot, now), asked.lead_days)
    )


def write_table(table: InsightTable, out: Path) -> None:
    """Write a table as CSV, or as Excel where `out` ends in `.xlsx`."""
    if out.suffix.lower() != ".xlsx":
        with out.open("w", newline="", encoding="utf-8") as file:
            writer = writer_of(file)
            writer.writerow(table.columns)
            writer.writerows([safe(str(cell)) for cell in row] for row in table.rows)
        return
    with TemporaryDirectory() as folder:
        plain = Path(folder) / "table.csv"
        write_table(table, plain)
        write_excel(plain, out, "insight")
