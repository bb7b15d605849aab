"""Who enters the SOAP family: login, user and password that travel in each of its requests.

A login stands for one of our clients, with its role, premises and licence. Passwords are kept as
scrypt hashes; after some wrong ones the user is locked until an administrator sets a new one, which
must be changed at first use (NMVS return codes FE_AU and FE_PMS).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from epcis.database.columns import microseconds
from epcis.http_context import Caller
from verification.registry.pack_tables import national_login
from verification.registry.rights import SCOPE_OF_ACT

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, RowMapping

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store, Transaction

PACK_SCOPES = frozenset(SCOPE_OF_ACT.values())
"""What a login may ask for; what becomes of it, the role of its client decides."""
FAILURES_MAX = 5
"""Wrong passwords in a row; the last of them locks the user."""
PASSWORD_CHARACTERS_MIN = 12
PASSWORD_CHARACTERS_MAX = 128
REMEMBERED_MAX = 1024
"""Users whose password was found right and is not hashed again at each request."""
_COST = {"n": 2**14, "r": 8, "p": 1}
_SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Credentials:
    """The Auth block of a request."""

    login: str
    user: str
    password: str
    sub_user: str = ""
    """The person at the client, as the client names them; kept with each request."""


@dataclass(eq=False)
class RefusedError(Exception):
    """A request is not let in: the return code and what to do."""

    code: str
    what: str


def set_login(  # what a login is made of
    tx: Transaction,
    login: str,
    user: str,
    password: str,
    *,
    client: str,
    party: str | None,
    by: str,
) -> None:
    """Make a login, or give it a new first password; raises `RefusedError`."""
    _need_strength(password)
    tx.connection.execute(delete(national_login).where(*_here(login, user)))
    tx.connection.execute(
        insert(national_login).values(
            login_id=login,
            user_id=user,
            client=client,
            party=party,
            password=_hashed(password),
            is_initial=1,
            failures=0,
            changed_us=microseconds(tx.now),
            by=by,
        )
    )


def end_login(tx: Transaction, login: str, user: str) -> bool:
    """Take a login away; whether there was one."""
    gone = tx.connection.execute(delete(national_login).where(*_here(login, user)))
    return gone.rowcount > 0


class NationalLogins:
    """Lets clients of the SOAP family in; remembers passwords that were right, in memory only."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[tuple[str, str, str], bytes] = OrderedDict()

    def knows(self, snapshot: Snapshot, login: str) -> bool:
        """Whether any user of this login may enter."""
        found = select(national_login.c.user_id).where(national_login.c.login_id == login)
        return snapshot.connection.execute(found.limit(1)).first() is not None

    def enter(
        self, store: Store, now: datetime, given: Credentials, *, changing: bool = False
    ) -> Caller:
        """The client behind a request's Auth block; raises `RefusedError` with its return code.

        `changing` lets a first password in, for the one operation that changes it.
        """
        with store.read() as snapshot:
            row = _row(snapshot, given)
            if row is None and not self.knows(snapshot, given.login):
                raise RefusedError("NMVS_FE_AU_04", "this client login is not known")
        if row is None:
            raise RefusedError("NMVS_FE_AU_01", "login and user do not match")
        if row["failures"] >= FAILURES_MAX:
            raise RefusedError("NMVS_FE_AU_02", "this user is locked: ask the operator")
        if not self._is_right(given, row["password"]):
            with store.write(now) as tx:
                refused = _failed(tx, given)
            raise refused
        if row["failures"]:
            with store.write(now) as tx:
                _set(tx, given, failures=0)
        if row["is_initial"] and not changing:
            raise RefusedError("NMVS_FE_AU_11", "change the first password before anything else")
        return Caller(row["client"], PACK_SCOPES, row["party"], "")

    def _is_right(self, given: Credentials, stored: str) -> bool:
        key = (given.login, given.user, stored)
        digest = hmac.digest(self._key, given.password.encode(), "sha256")
        if hmac.compare_digest(self._right.get(key, b""), digest):
            return True
        if not _matches(given.password, stored):
            return False
        self._right[key] = digest
        if len(self._right) > REMEMBERED_MAX:
            self._right.popitem(last=False)
        return True


def change_password(tx: Transaction, given: Credentials, new: str) -> None:
    """Operation G445: replace the password that let the caller in; raises `RefusedError`."""
    _need_strength(new)
    if hmac.compare_digest(new.encode(), given.password.encode()):
        raise RefusedError("NMVS_FE_PMS_02", "choose a password that was not used before")
    _set(tx, given, password=_hashed(new), is_initial=0, changed_us=microseconds(tx.now))


def _failed(tx: Transaction, given: Credentials) -> RefusedError:
    """Count a wrong password; the answer to the caller."""
    row = _row(tx, given)
    failures = (row["failures"] if row is not None else 0) + 1
    _set(tx, given, failures=failures)
    if failures >= FAILURES_MAX:
        return RefusedError("NMVS_FE_AU_05", "too many wrong passwords: this user is locked now")
    return RefusedError("NMVS_FE_AU_10", "the password is wrong")


def _need_strength(password: str) -> None:
    if not PASSWORD_CHARACTERS_MIN <= len(password) <= PASSWORD_CHARACTERS_MAX:
        raise RefusedError(
            "NMVS_FE_PMS_03",
            f"a password has {PASSWORD_CHARACTERS_MIN} to {PASSWORD_CHARACTERS_MAX} characters",
        )


def _row(snapshot: Snapshot, given: Credentials) -> RowMapping | None:
    where = _here(given.login, given.user)
    return snapshot.connection.execute(select(national_login).where(*where)).mappings().first()


def _set(tx: Transaction, given: Credentials, **values: object) -> None:
    where = _here(given.login, given.user)
    tx.connection.execute(update(national_login).where(*where).values(**values))


def _here(login: str, user: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return national_login.c.login_id == login, national_login.c.user_id == user


def _hashed(password: str) -> str:
    salt = secrets.token_bytes(_SALT_BYTES)
    return f"{salt.hex()}:{hashlib.scrypt(password.encode(), salt=salt, **_COST).hex()}"


def _matches(password: str, stored: str) -> bool:
    salt, _, digest = stored.partition(":")
    made = hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), **_COST)
    return hmac.compare_digest(made.hex(), digest)
