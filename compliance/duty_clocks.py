"""The clocks a law has set running here: what must be done by when, and how near that is.

`CLOCKS` is the table: one function for each duty that has a time. Metrics and `packtrail doctor`
read it, so that a clock added here is watched everywhere.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import func, select

from compliance.cases.cases import NOTICE_DUE, Notice
from compliance.duty_tables import case_file, case_step, system_audit
from compliance.requests.request_tables import trace_request
from epcis.database.columns import moment_of
from verification.registry.pack_tables import verification_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from epcis.database.transactions import Snapshot

AT_RISK_SHARE: Final = 0.25
"""A clock is at risk while less than this share of its time is left."""
READ_MAX: Final = 10_000
"""Clocks of one duty that are read at once."""
_AUDIT_NOTICE: Final = timedelta(days=28)


class ClockState(StrEnum):
    """How a clock stands."""

    RUNNING = "running"
    AT_RISK = "at risk"
    OVERDUE = "overdue"


class DutyClock(NamedTuple):
    """One clock that runs."""

    duty: str
    """What must be done, with the section that says so."""
    subject: str
    """Id of the case, question or audit it is about."""
    began: datetime
    due: datetime

    def state(self, now: datetime) -> ClockState:
        """How it stands at `now`.

        >>> began = datetime(2026, 1, 1, tzinfo=UTC)
        >>> clock = DutyClock("notices", "C-1", began, began + timedelta(hours=24))
        >>> [clock.state(began + timedelta(hours=hour)).value for hour in (1, 19, 24)]
        ['running', 'at risk', 'overdue']
        """
        if now >= self.due:
            return ClockState.OVERDUE
        near = self.due - now < AT_RISK_SHARE * (self.due - self.began)
        return ClockState.AT_RISK if near else ClockState.RUNNING


NOTICES: Final = "tell FDA and partners of illegitimate product (582(b)(4)(B)(ii))"
ANSWERS: Final = "get a partner's answer about a pack (582(c)(4)(D))"
AUDITS: Final = "audit the repository (2016/161 Art. 37)"
REQUESTS: Final = "answer a trace request (582(b)(1)(B), (c)(1)(C), (d)(1)(D))"


def _notices(snapshot: Snapshot) -> Iterator[DutyClock]:
    """Illegitimate product without a notice to FDA or to the partners: 24 hours."""
    steps = case_step.c
    given = (
        select(func.count(func.distinct(steps.act)))
        .where(
            steps.case == case_file.c.id, steps.act.in_((Notice.FDA.value, Notice.PARTNERS.value))
        )
        .scalar_subquery()
    )
    table = case_file.c
    rows = snapshot.connection.execute(
        select(table.id, table.illegitimate_us)
        .where(table.illegitimate_us.is_not(None), given < 2)
        .order_by(table.illegitimate_us)
        .limit(READ_MAX)
    )
    for case_id, decided_us in rows:
        decided = moment_of(decided_us)
        yield DutyClock(NOTICES, case_id, decided, decided + NOTICE_DUE)


def _answers(snapshot: Snapshot) -> Iterator[DutyClock]:
    """Questions to partners that are asked again until they are answered: 24 hours."""
    table = verification_request.c
    rows = snapshot.connection.execute(
        select(table.corr_uuid, table.asked_us, table.due_us)
        .where(table.next_us.is_not(None))
        .order_by(table.next_us)
        .limit(READ_MAX)
    )
    for question, asked_us, due_us in rows:
        yield DutyClock(ANSWERS, question, moment_of(asked_us), moment_of(due_us))


def _audits(snapshot: Snapshot) -> Iterator[DutyClock]:
    """Planned audits that are not done: until the end of the day."""
    table = system_audit.c
    rows = snapshot.connection.execute(
        select(table.id, table.planned)
        .where(table.done.is_(None))
        .order_by(table.planned)
        .limit(READ_MAX)
    )
    for audit_id, planned in rows:
        day = datetime.fromisoformat(str(planned)).date()
        due = datetime.combine(day + timedelta(days=1), time(), UTC)
        yield DutyClock(AUDITS, audit_id, due - _AUDIT_NOTICE, due)


def _requests(snapshot: Snapshot) -> Iterator[DutyClock]:
    """Trace requests that wait for their answer."""
    table = trace_request.c
    rows = snapshot.connection.execute(
        select(table.id, table.received_us, table.due_us)
        .where(table.ended_us.is_(None))
        .order_by(table.due_us)
        .limit(READ_MAX)
    )
    for request_id, received_us, due_us in rows:
        yield DutyClock(REQUESTS, request_id, moment_of(received_us), moment_of(due_us))


CLOCKS: Final[dict[str, Callable[[Snapshot], Iterator[DutyClock]]]] = {
    NOTICES: _notices,
    ANSWERS: _answers,
    AUDITS: _audits,
    REQUESTS: _requests,
}
"""Every duty with a time, and what finds its clocks that run."""


def running_clocks(snapshot: Snapshot) -> list[DutyClock]:
    """Every clock that runs, the first to end first."""
    found = [clock for clocks in CLOCKS.values() for clock in clocks(snapshot)]
    return sorted(found, key=lambda clock: (clock.due, clock.subject))
