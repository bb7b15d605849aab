"""Questions about packs and what was answered: per place, with the shares an inspector asks for.

Law: 2016/161 Art. 36(j), 37, 39; FD&C Act 582 (verification requests).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy import Float, case, cast, func, select

from compliance.reports.sheet import Section
from epcis.store.columns import microseconds, moment_of
from verification.tables import pack_operation

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.store.database import View

ROWS_MAX = 2_000
LATE_US = 60 * 1_000_000
"""An operation that arrives later than this after its scan was kept offline."""


def questions_section(view: View, since: datetime, until: datetime) -> Section:
    """Operations per place, operation and result, with alerts and late ones."""
    row = pack_operation.c
    late = func.sum(case((row.at_us - row.scanned_us > LATE_US, 1), else_=0))
    alerts = func.sum(case((row.alert.is_not(None), 1), else_=0))
    found = view.connection.execute(
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
        .order_by(row.location, row.client, row.operation, row.result)
        .limit(ROWS_MAX)
    ).all()
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
            ("kept offline and told late", str(totals["late"])),
        ),
        columns=(
            "place", "who", "operation", "result", "how many", "alerts", "late", "last",
        ),
        rows=tuple(
            (*map(str, one[:4]), *map(str, one[4:7]), moment_of(one[7]).isoformat())
            for one in found
        ),
        rows_total=len(found),
    )  # fmt: skip


def pack_questions_section(view: View, code: str, serial: str) -> Section:
    """Every operation on one pack, oldest first."""
    row = pack_operation.c
    found = view.connection.execute(
        select(row.at_us, row.operation, row.result, row.client, row.location, row.alert, row.rules)
        .where(row.code == code, row.serial == serial)
        .order_by(row.at_us, row.id)
        .limit(ROWS_MAX)
    ).all()
    return Section(
        title="Questions about the pack",
        columns=("when", "operation", "result", "who", "place", "alert", "rule pack"),
        rows=tuple(
            (moment_of(one[0]).isoformat(), *(value or "" for value in one[1:])) for one in found
        ),
        rows_total=len(found),
    )


def daily_section(view: View, since: datetime, until: datetime) -> Section:
    """How many operations each place did each day: whether it is connected at all."""
    row = pack_operation.c
    day = cast(row.at_us / 86_400_000_000, Float)
    found = view.connection.execute(
        select(row.location, func.floor(day), func.count())
        .where(row.at_us >= microseconds(since), row.at_us < microseconds(until))
        .group_by(row.location, func.floor(day))
        .order_by(row.location, func.floor(day))
        .limit(ROWS_MAX)
    ).all()
    return Section(
        title="Operations by place and day",
        columns=("place", "day", "operations"),
        rows=tuple(
            (one[0], moment_of(int(one[1]) * 86_400_000_000).date().isoformat(), str(one[2]))
            for one in found
        ),
        rows_total=len(found),
    )


def _per_thousand(part: int, whole: int) -> str:
    """A share as inspectors compare it.

    >>> _per_thousand(3, 1500)
    '2.0 in 1,000'
    """
    return f"{1000 * part / whole:.1f} in 1,000" if whole else "none asked"
