"""Response times of the service, added up by day.

The law demands 95 % of the answers within 300 ms, without the time on the internet (2016/161
Art. 35(1)(f)). The server counts in memory and adds its counts to the table once a minute, so no
request waits for a write, and a crash loses the counts of a minute at most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select, text

from compliance.duty_tables import service_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction

LIMIT_MS = 300
SHARE_MIN = 0.95
LONGER = 0
"""Key of the count of answers that took longer than every limit."""
JUDGED = ("fmd", "packs", "verify")
"""First path segments of the routes that answer queries and operations on packs."""
_ADD = (
    "INSERT INTO service_time (day, area, limit_ms, answers) VALUES (:day, :area, :limit_ms, :n)"
    " ON CONFLICT (day, area, limit_ms)"
    " DO UPDATE SET answers = service_time.answers + excluded.answers"
)


class DayTimes(NamedTuple):
    """One day of one area."""

    day: str
    area: str
    counts: dict[int, int]
    """Number of answers by the lowest limit (ms) they met; `LONGER` for those that met none."""

    @property
    def answers(self) -> int:
        """All answers of the day."""
        return sum(self.counts.values())

    def within(self, limit_ms: int = LIMIT_MS) -> int:
        """How many answers took at most `limit_ms`."""
        return sum(n for limit, n in self.counts.items() if LONGER < limit <= limit_ms)

    def quantile_ms(self, share: float) -> int | None:
        """The limit that this share of the answers met; None where it is above every limit.

        >>> DayTimes("2026-01-02", "fmd", {10: 90, 300: 8, LONGER: 2}).quantile_ms(0.95)
        300
        """
        left = share * self.answers
        for limit in sorted(limit for limit in self.counts if limit != LONGER):
            left -= self.counts[limit]
            if left <= 0:
                return limit
        return None


def add_times(tx: Transaction, day: date, counts: Mapping[tuple[str, int], int]) -> None:
    """Add counts of (area, limit in ms) to a day."""
    rows = [
        {"day": day.isoformat(), "area": area, "limit_ms": limit, "n": number}
        for (area, limit), number in sorted(counts.items())
        if number
    ]
    if rows:
        tx.connection.execute(text(_ADD), rows)


def times_between(snapshot: Snapshot, first: date, last: date) -> list[DayTimes]:
    """The days from `first` to `last`, both included, in order."""
    table = service_time.c
    rows = snapshot.connection.execute(
        select(service_time).where(
            table.day >= first.isoformat(), table.day <= last.isoformat(), table.area.in_(JUDGED)
        )
    )
    found: dict[tuple[str, str], dict[int, int]] = {}
    for row in rows:
        found.setdefault((row.day, row.area), {})[row.limit_ms] = row.answers
    return [DayTimes(day, area, counts) for (day, area), counts in sorted(found.items())]
