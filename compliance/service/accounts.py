"""Users who sign in with a password in the browser.

Passwords are kept as Argon2id hashes (RFC 9106, the parameters of OWASP). Wrong ones are counted
by name and client together, so that nobody can lock out another who comes from elsewhere; a name
that does not exist takes as long and is counted alike.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from sqlalchemy import delete, insert, select, update

from compliance.duty_tables import sign_in_failure, user_account
from compliance.service.access import columns_of, grant_in, lock, log_access
from compliance.service.sessions import end_sessions
from epcis.database.columns import microseconds, moment_of
from epcis.problem import Problem
from schemas.refusal import Refused
from verification.alerts.guessing import network_of

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from compliance.service.access import Grant
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store, Transaction

PASSWORD_CHARACTERS_MIN, PASSWORD_CHARACTERS_MAX = 12, 128
FAILURES_MAX = 5
"""Wrong passwords of one client for one name; then that client waits."""
LOCKED = timedelta(minutes=15)
_MEMORY_KIB, _PASSES, _LANES = 19 * 1024, 2, 1


class AccountRefusedError(Refused):
    """An account cannot be made or changed; the text says why."""


def put_account(tx: Transaction, grant: Grant, password: str, *, by: str) -> None:
    """Make an account, or give it another password and other scopes; ends its open sessions."""
    if not PASSWORD_CHARACTERS_MIN <= len(password) <= PASSWORD_CHARACTERS_MAX:
        raise AccountRefusedError(
            f"a password has {PASSWORD_CHARACTERS_MIN} to {PASSWORD_CHARACTERS_MAX} characters"
        )
    tx.connection.execute(delete(user_account).where(user_account.c.name == grant.name))
    tx.connection.execute(
        insert(user_account).values(
            password=hashed(password),
            changed_us=microseconds(tx.now),
            by=by,
            **columns_of(grant),
        )
    )
    end_sessions(tx, name=grant.name)
    lock(tx, by)
    log_access(tx, "account-set", grant, by=by)


def end_account(tx: Transaction, name: str) -> bool:
    """End an account and its sessions at once; False where there is none."""
    account = user_account.c
    done = tx.connection.execute(
        update(user_account)
        .where(account.name == name, account.ended_us.is_(None))
        .values(ended_us=microseconds(tx.now))
    )
    end_sessions(tx, name=name)
    return bool(done.rowcount)


def grant_of_password(
    store: Store, name: str, password: str, client: str, now: datetime
) -> Grant | None:
    """What a name and its password give; None where they do not belong together.

    Raises `Problem` 429 for a client that has tried too often for this name.
    """
    origin = network_of(client) or client
    with store.read() as snapshot:
        _need_patience(snapshot, name, origin, now)
        row = snapshot.connection.execute(
            select(user_account).where(
                user_account.c.name == name, user_account.c.ended_us.is_(None)
            )
        ).first()
    stored = row.password if row is not None else _nobodys()
    is_right = _matches(password[:PASSWORD_CHARACTERS_MAX], stored) and row is not None
    with store.write(now) as tx:
        _count(tx, name, origin, is_right=is_right)
    return grant_in(row) if is_right else None


def _need_patience(snapshot: Snapshot, name: str, origin: str, now: datetime) -> None:
    row = snapshot.connection.execute(select(sign_in_failure).where(*_here(name, origin))).first()
    if row is None or row.failures < FAILURES_MAX:
        return
    wait = moment_of(row.last_us) + LOCKED - now
    if wait > timedelta(0):
        raise Problem(
            429,
            "Too many wrong passwords",
            "from here, this name can be tried again in a quarter of an hour",
            headers={"Retry-After": str(int(wait.total_seconds()) + 1)},
        )


def _count(tx: Transaction, name: str, origin: str, *, is_right: bool) -> None:
    here = _here(name, origin)
    before = tx.connection.execute(select(sign_in_failure).where(*here)).first()
    tx.connection.execute(delete(sign_in_failure).where(*here))
    if is_right:
        return
    counts = before is not None and tx.now - moment_of(before.last_us) <= LOCKED
    failures = before.failures + 1 if before is not None and counts else 1
    tx.connection.execute(
        insert(sign_in_failure).values(
            name=name[:100], client=origin[:64], failures=failures, last_us=microseconds(tx.now)
        )
    )


def _here(name: str, origin: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return sign_in_failure.c.name == name[:100], sign_in_failure.c.client == origin[:64]


def hashed(password: str) -> str:
    """The Argon2id hash of a password, in PHC's string form."""
    return _argon2(secrets.token_bytes(16)).derive_phc_encoded(password.encode())


def _argon2(salt: bytes) -> Argon2id:
    return Argon2id(salt=salt, length=32, iterations=_PASSES, lanes=_LANES, memory_cost=_MEMORY_KIB)


def _matches(password: str, stored: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(password.encode(), stored)
    except InvalidKey:
        return False
    return True


@cache
def _nobodys() -> str:
    """What the password of a name that does not exist is compared with: it takes as long."""
    return hashed(secrets.token_urlsafe(32))
