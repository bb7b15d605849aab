"""Who may enter and what they may do: API keys and one-time sign-in links.

Secrets are 256 random bits; the store holds their SHA-256 only, so a stolen database opens no
door. Every grant and every refusal of a known key is a ledger leaf.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import or_, select, update

from compliance.duty_tables import access_lock, api_key, sign_in_link, user_account
from compliance.service.policy import ROLES, SCOPES
from epcis.http_context import Caller
from epcis.ledger.entry import LeafKind

if TYPE_CHECKING:
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction

EVERYTHING = frozenset(SCOPES)
IMPLIED = frozenset({"hold"})
"""What whoever may recall packs may do besides: to stop a lot is more than to hold a case."""


class UnknownScopeError(ValueError):
    """A scope that does not exist was asked for."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a key, link or session gives: a name, scopes, and the party acted for."""

    name: str
    scopes: frozenset[str]
    party: str | None = None
    role: str = ""

    @classmethod
    def of_role(cls, name: str, role: str, party: str | None = None) -> Grant:
        """What somebody of a role gets; raises `UnknownScopeError`.

        >>> sorted(Grant.of_role("Ann", "auditor").scopes)
        ['export']
        """
        if role not in ROLES:
            raise UnknownScopeError(f"{role}: not one of the roles {', '.join(ROLES)}")
        return cls(name, ROLES[role], party, role)

    def caller(self, client: str) -> Caller:
        """The caller this grant makes of a request from the address `client`.

        >>> sorted(Grant("Ann", frozenset({"recall"})).caller("").scopes)
        ['hold', 'recall']
        """
        scopes = self.scopes | (IMPLIED if "recall" in self.scopes else frozenset())
        return Caller(self.name, scopes, self.party, client, self.role)


def scopes_of(text: str) -> frozenset[str]:
    """Scopes from a comma-separated text; raises `UnknownScopeError`.

    >>> sorted(scopes_of("verify, capture"))
    ['capture', 'verify']
    """
    scopes = frozenset(word.strip() for word in text.split(",") if word.strip())
    if not scopes:
        raise UnknownScopeError(f"name at least one of: {', '.join(SCOPES)}")
    if unknown := sorted(scopes - EVERYTHING):
        raise UnknownScopeError(f"{', '.join(unknown)}: not one of {', '.join(SCOPES)}")
    return scopes


def new_key(
    tx: Transaction, grant: Grant, *, now: datetime, expires: datetime | None = None
) -> str:
    """Make an API key; its text is returned once and kept nowhere."""
    key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    tx.connection.execute(
        api_key.insert().values(
            id=key_id,
            secret_sha256=_sha256(secret),
            created_us=_us(now),
            expires_us=_us(expires) if expires else None,
            **columns_of(grant),
        )
    )
    lock(tx, grant.name)
    log_access(tx, "key-made", grant, key=key_id)
    return f"pt_{key_id}_{secret}"


def revoke_key(tx: Transaction, key_id: str, *, now: datetime) -> bool:
    """End an API key at once; False where there is no such living key."""
    done = tx.connection.execute(
        update(api_key)
        .where(api_key.c.id == key_id, api_key.c.revoked_us.is_(None))
        .values(revoked_us=_us(now))
    )
    if done.rowcount:
        tx.log(LeafKind.ACCESS, orjson.dumps({"act": "key-revoked", "key": key_id}))
    return bool(done.rowcount)


def is_locked(snapshot: Snapshot) -> bool:
    """Whether any credential was ever made here: from then on nobody enters without one."""
    return snapshot.connection.execute(select(access_lock.c.id)).first() is not None


def lock(tx: Transaction, by: str) -> None:
    """Ask everybody for credentials from now on; there is no way back."""
    if not is_locked(tx):
        tx.connection.execute(access_lock.insert().values(id=1, since_us=_us(tx.now), by=by))


def is_enterable(snapshot: Snapshot, now: datetime) -> bool:
    """Whether any API key or account is good now."""
    key = api_key.c
    unexpired = or_(key.expires_us.is_(None), key.expires_us > _us(now))
    living = select(key.id).where(key.revoked_us.is_(None), unexpired)
    users = select(user_account.c.name).where(user_account.c.ended_us.is_(None))
    return any(snapshot.connection.execute(one.limit(1)).first() for one in (living, users))


def grant_of_key(snapshot: Snapshot, text: str, now: datetime) -> Grant | None:
    """What an API key gives; None where it is unknown, expired or revoked."""
    match text.split("_", 2):
        case ["pt", key_id, secret]:
            pass
        case _:
            return None
    row = snapshot.connection.execute(select(api_key).where(api_key.c.id == key_id)).first()
    if row is None or not hmac.compare_digest(row.secret_sha256, _sha256(secret)):
        return None
    expired = row.expires_us is not None and row.expires_us <= _us(now)
    return None if expired or row.revoked_us is not None else grant_in(row)


def new_sign_in_link(
    tx: Transaction, grant: Grant, *, now: datetime, minutes: int, locks: bool = True
) -> str:
    """Make a one-time token for `/sign-in/{token}`, good for `minutes`.

    Without `locks` the machine itself stays let in: the demo shows both.
    """
    if locks:
        lock(tx, grant.name)
    token = secrets.token_urlsafe(32)
    tx.connection.execute(
        sign_in_link.insert().values(
            token_sha256=_sha256(token),
            expires_us=_us(now + timedelta(minutes=minutes)),
            **columns_of(grant),
        )
    )
    log_access(tx, "sign-in-link-made", grant)
    return token


def grant_of_link(tx: Transaction, token: str, *, now: datetime) -> Grant | None:
    """Use up a sign-in link, and say what it gives; None if it is not good.

    It is spent in the transaction that opens the session: two browsers that race for it cannot
    both win.
    """
    link = sign_in_link.c
    spent = tx.connection.execute(
        update(sign_in_link)
        .where(
            link.token_sha256 == _sha256(token),
            link.used_us.is_(None),
            link.expires_us > _us(now),
        )
        .values(used_us=_us(now))
    )
    if not spent.rowcount:
        return None
    row = tx.connection.execute(
        select(sign_in_link).where(link.token_sha256 == _sha256(token))
    ).one()
    return grant_in(row)


def columns_of(grant: Grant) -> dict[str, str | None]:
    """A grant as the columns of its table."""
    return {
        "name": grant.name,
        "scopes": ",".join(sorted(grant.scopes)),
        "party": grant.party,
        "role": grant.role,
    }


def grant_in(row: object) -> Grant:
    """The grant in a row of a key, link, account or session."""
    name, scopes, party, role = (
        getattr(row, column) for column in ("name", "scopes", "party", "role")
    )
    return Grant(name, frozenset(scopes.split(",")), party, role)


def log_access(tx: Transaction, what: str, grant: Grant, **more: str) -> None:
    """Put down in the log what was done about somebody's access."""
    entry = {"act": what, "name": grant.name, "scopes": sorted(grant.scopes), **more}
    tx.log(LeafKind.ACCESS, orjson.dumps(entry, option=orjson.OPT_SORT_KEYS))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _us(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() * 1_000_000)
