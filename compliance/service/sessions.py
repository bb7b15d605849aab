"""Browser sessions: opened by a password or a link, ended by a person, by idleness or by age.

The store holds the SHA-256 of a session's token, and every session opened or ended is in the log.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, insert, select, update

from compliance.duty_tables import browser_session, session_use
from compliance.service.access import columns_of, grant_in, log_access
from epcis.database.columns import microseconds, moment_of

if TYPE_CHECKING:
    from compliance.service.access import Grant
    from compliance.service.settings import Settings
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store, Transaction

SEEN_EVERY_S = 60
"""How exactly it is kept when a session was last used."""


class SessionLimits(NamedTuple):
    """How long a session lives."""

    whole: timedelta
    idle: timedelta
    fresh: timedelta
    """How long after the password an act that asks for it again is let through."""

    @classmethod
    def of(cls, settings: Settings) -> SessionLimits:
        """The limits that the operator has set."""
        return cls(
            timedelta(hours=settings.session_hours_max),
            timedelta(minutes=settings.session_idle_minutes_max),
            timedelta(minutes=settings.step_up_minutes_max),
        )


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that is good now."""

    id: str
    grant: Grant
    started: datetime
    seen: datetime
    proved: datetime
    """When its user last proved who it is."""
    expires: datetime
    client: str

    def is_fresh(self, now: datetime, limits: SessionLimits) -> bool:
        """Whether its user proved who it is shortly before."""
        return now - self.proved < limits.fresh


def open_session(tx: Transaction, grant: Grant, client: str, limits: SessionLimits) -> str:
    """Open a session; its token is returned once and kept nowhere."""
    token, session_id = secrets.token_urlsafe(32), secrets.token_hex(8)
    tx.connection.execute(
        insert(browser_session).values(
            token_sha256=_sha256(token),
            id=session_id,
            started_us=microseconds(tx.now),
            fresh_us=microseconds(tx.now),
            expires_us=microseconds(tx.now + limits.whole),
            client=client[:64],
            **columns_of(grant),
        )
    )
    tx.connection.execute(
        insert(session_use).values(session=session_id, seen_us=microseconds(tx.now))
    )
    log_access(tx, "signed-in", grant, session=session_id)
    return token


def session_of(
    snapshot: Snapshot, token: str, now: datetime, limits: SessionLimits
) -> OpenSession | None:
    """The session of a token; None where it is unknown, ended, idle for too long or too old."""
    found = _open(snapshot, now, limits, browser_session.c.token_sha256 == _sha256(token))
    return found[0] if found else None


def sessions(
    snapshot: Snapshot, now: datetime, limits: SessionLimits, name: str | None = None
) -> list[OpenSession]:
    """The open sessions of everybody, or of one user, newest first."""
    return _open(snapshot, now, limits, *([browser_session.c.name == name] if name else []))


def keep_alive(store: Store, session: OpenSession, now: datetime) -> None:
    """Put down that a session is used, once a minute at most."""
    if (now - session.seen).total_seconds() < SEEN_EVERY_S:
        return
    with store.write(now) as tx:
        tx.connection.execute(
            update(session_use)
            .where(session_use.c.session == session.id)
            .values(seen_us=microseconds(now))
        )


def prove_again(tx: Transaction, session: OpenSession) -> None:
    """Put down that the user of a session has just proved who it is."""
    here = browser_session.c.id == session.id
    tx.connection.execute(update(browser_session).where(here).values(fresh_us=microseconds(tx.now)))


def end_sessions(tx: Transaction, *, session: str | None = None, name: str | None = None) -> int:
    """End one session, or all of a user, at once; returns how many were open."""
    table = browser_session.c
    which = table.id == session if session else table.name == name
    living = select(table.id).where(which, table.ended_us.is_(None))
    ids = list(tx.connection.execute(living).scalars())
    if ids:
        tx.connection.execute(
            update(browser_session).where(table.id.in_(ids)).values(ended_us=microseconds(tx.now))
        )
        tx.connection.execute(delete(session_use).where(session_use.c.session.in_(ids)))
    return len(ids)


def _open(
    snapshot: Snapshot, now: datetime, limits: SessionLimits, *conditions: object
) -> list[OpenSession]:
    table = browser_session.c
    idle_since = microseconds(now - limits.idle)
    rows = snapshot.connection.execute(
        select(browser_session, session_use.c.seen_us)
        .join(session_use, session_use.c.session == table.id)
        .where(
            table.ended_us.is_(None),
            table.expires_us > microseconds(now),
            session_use.c.seen_us > idle_since,
            *conditions,  # type: ignore[arg-type]  # conditions on columns
        )
        .order_by(table.started_us.desc())
    )
    return [
        OpenSession(
            row.id,
            grant_in(row),
            moment_of(row.started_us),
            moment_of(row.seen_us),
            moment_of(row.fresh_us),
            moment_of(row.expires_us),
            row.client,
        )
        for row in rows
    ]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
