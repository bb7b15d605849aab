"""Report sections about verifications: questions and answers by place, with error rates.

Law: 2016/161 Art. 36(j), 37, 39; FD&C Act 582 (verification requests).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy import case, func, select

from compliance.reports.sheet import Section
from epcis.database.columns import microseconds, moment_of
from verification.registry.history import history
from verification.registry.pack_tables import pack_operation

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.database.transactions import Snapshot

ROWS_MAX = 2_000
_DAY_US = 86_400_000_000
LATE_US = 60 * 1_000_000
"""An operation that arrives later than this after its scan counts as kept offline."""


def questions_section(snapshot: Snapshot, since: datetime, until: datetime) -> Section:
    """Counts by place, operation and result, with alerts and late operations."""
    row = pack_operation.c
    late = func.sum(case((row.at_us - row.scanned_us > LATE_US, 1), else_=0))
    alerts = func.sum(case((row.alert.is_not(None), 1), else_=0))
    found = snapshot.connection.execute(
        select(
            row.location,
            row.client,
            row.operation,
            row.result,
            func.count(),
            alerts,
            late,
            func.max(row.at_us),
        )
        .where(row.at_us >= microseconds(since), row.at_us < microseconds(until))
        .group_by(row.location, row.client, row.operation, row.result)
    ).all()
    found = sorted(found, key=lambda one: one[:4])
    totals: Counter[str] = Counter()
    for one in found:
        totals["operations"] += one[4]
        totals["alerts"] += one[5]
        totals["late"] += one[6]
    asked = totals["operations"]
    return Section(
        title="Questions about packs",
        sentences=("What was asked and done at each place, by whom, and how it ended.",),
        facts=(
            ("operations", str(asked)),
            ("alerts", f"{totals['alerts']} ({_per_thousand(totals['alerts'], asked)})"),
            ("kept offline and sent late", str(totals["late"])),
        ),
        columns=(
            "place", "who", "operation", "result", "how many", "alerts", "late", "last",
        ),
        rows=tuple(
            (*map(str, one[:4]), *map(str, one[4:7]), moment_of(one[7]).isoformat())
            for one in found[:ROWS_MAX]
        ),
        rows_total=len(found),
    )  # fmt: skip


def pack_questions_section(snapshot: Snapshot, code: str, serial: str) -> Section:
    """Every operation on one pack from the log, oldest first."""
    found = list(history(snapshot, code, serial, rows_max=ROWS_MAX))
    return Section(
        title="Questions about the pack",
        columns=("when", "operation", "result", "who", "place", "alert", "rule pack"),
        rows=tuple(
            (
                one.at.isoformat(),
                one.operation,
                one.result,
                one.client,
                one.location,
                one.alert or "",
                one.rules or "",
            )
            for one in found
        ),
        rows_total=len(found),
    )


def daily_section(snapshot: Snapshot, since: datetime, until: datetime) -> Section:
    """How many operations each place did each day, which shows whether it is connected."""
    row = pack_operation.c
    day = row.at_us - row.at_us % _DAY_US
    rows = snapshot.connection.execute(
        select(row.location, day, func.count())
        .where(row.at_us >= microseconds(since), row.at_us < microseconds(until))
        .group_by(row.location, day)
    )
    found = sorted(tuple(one) for one in rows)
    return Section(
        title="Operations by place and day",
        columns=("place", "day", "operations"),
        rows=tuple(
            (place, moment_of(begun_us).date().isoformat(), str(number))
            for place, begun_us, number in found[:ROWS_MAX]
        ),
        rows_total=len(found),
    )


def _per_thousand(part: int, whole: int) -> str:
    """A share per thousand, the way inspectors compare it.

    >>> _per_thousand(3, 1500)
    '2.0 in 1,000'
    """
    return f"{1000 * part / whole:.1f} in 1,000" if whole else "none asked"
