"""Audits of this repository: planned, done, and when the next one is due by law.

Due every year in the first five years, then every three years (2016/161 Art. 37(e)).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import insert, select, update

from compliance.duty_tables import system_audit
from epcis.database.columns import microseconds
from epcis.ledger.entry import LeafKind
from schemas.refusal import Refused

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction

YEARLY_FOR_YEARS = 5
YEARS_BETWEEN_LATER = 3
WORDS_CHARACTERS_MAX = 2_000
AUDITOR_CHARACTERS_MAX = 200
LISTED_MAX = 1_000


class AuditRefused(Refused):
    """The audit cannot be planned or closed; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Audit:
    """One audit, planned or done."""

    id: str
    planned: date
    scope: str
    auditor: str
    done: date | None
    outcome: str
    by: str

    def as_dict(self) -> dict[str, object]:
        """The audit as `audit list --json` and `/audits` show it."""
        return {
            "id": self.id,
            "planned": self.planned.isoformat(),
            "scope": self.scope,
            "auditor": self.auditor,
            "done": self.done.isoformat() if self.done else None,
            "outcome": self.outcome,
            "by": self.by,
        }


def plan_audit(tx: Transaction, planned: date, *, scope: str, auditor: str, by: str) -> Audit:
    """Put an audit into the calendar. Raises AuditRefused."""
    if not scope.strip() or len(scope) > WORDS_CHARACTERS_MAX:
        raise AuditRefused(f"say what is audited, in at most {WORDS_CHARACTERS_MAX} characters")
    if not auditor.strip() or len(auditor) > AUDITOR_CHARACTERS_MAX:
        raise AuditRefused(f"say who audits, in at most {AUDITOR_CHARACTERS_MAX} characters")
    audit_id = f"A-{secrets.token_hex(4)}"
    tx.connection.execute(
        insert(system_audit).values(
            id=audit_id,
            planned=planned.isoformat(),
            scope=scope,
            auditor=auditor,
            done=None,
            outcome="",
            entered_us=microseconds(tx.now),
            by=by,
        )
    )
    _log(tx, "audit-planned", audit_id, by)
    return _found(tx, audit_id)


def close_audit(tx: Transaction, audit_id: str, done: date, *, outcome: str, by: str) -> Audit:
    """Record that an audit was done, and its result. Raises AuditRefused."""
    before = _found(tx, audit_id)
    if before.done is not None:
        raise AuditRefused(f"audit {audit_id} was done on {before.done} already")
    if not outcome.strip() or len(outcome) > WORDS_CHARACTERS_MAX:
        raise AuditRefused(f"say what came of it, in at most {WORDS_CHARACTERS_MAX} characters")
    here = system_audit.c.id == audit_id
    values = {"done": done.isoformat(), "outcome": outcome}
    tx.connection.execute(update(system_audit).where(here).values(**values))
    _log(tx, "audit-done", audit_id, by)
    return _found(tx, audit_id)


def list_audits(snapshot: Snapshot) -> list[Audit]:
    """All audits, in the order of the calendar."""
    order = (system_audit.c.planned, system_audit.c.id)
    rows = snapshot.connection.execute(select(system_audit).order_by(*order).limit(LISTED_MAX))
    return [_of_row(row) for row in rows.mappings()]


def due_after(done: list[date], begun: date) -> date:
    """When the next audit is due of a repository in operation since `begun`.

    >>> due_after([], date(2026, 1, 1)), due_after([date(2026, 6, 1)], date(2019, 2, 9))
    (datetime.date(2027, 1, 1), datetime.date(2029, 6, 1))
    """
    last = max(done, default=begun)
    in_first_years = last < _years_later(begun, YEARLY_FOR_YEARS)
    return _years_later(last, 1 if in_first_years else YEARS_BETWEEN_LATER)


def _years_later(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # the 29th of February
        return day.replace(year=day.year + years, day=28)


def _found(snapshot: Snapshot, audit_id: str) -> Audit:
    row = (
        snapshot.connection.execute(select(system_audit).where(system_audit.c.id == audit_id))
        .mappings()
        .first()
    )
    if row is None:
        raise AuditRefused(f"there is no audit {audit_id}")
    return _of_row(row)


def _of_row(row: RowMapping) -> Audit:
    return Audit(
        row["id"],
        date.fromisoformat(row["planned"]),
        row["scope"],
        row["auditor"],
        date.fromisoformat(row["done"]) if row["done"] else None,
        row["outcome"],
        row["by"],
    )


def _log(tx: Transaction, what: str, audit_id: str, by: str) -> None:
    public = orjson.dumps({"act": what, "audit": audit_id})
    tx.log(LeafKind.SETTING, public, orjson.dumps({"by": by}))
