"""The second person: an act that the operator has named waits until another one approved it.

The request itself is what is approved, by the SHA-256 of its method, address and body: whoever
asked repeats it, and it is let through once. It works alike for every address whose row in the
policy names such an act.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from compliance.duty_tables import approval
from epcis.database.columns import microseconds, moment_of
from epcis.problem import Problem

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

    from compliance.service.access_rule import AccessRule
    from epcis.database.transactions import Snapshot
    from epcis.http_context import Caller
    from epcis.ledger.store import Transaction

GOOD_FOR = timedelta(hours=24)
"""How long a request waits, and how long an approval may be used."""
WHAT_CHARACTERS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class WaitingAct:
    """An act that waits for its second person, or for being repeated."""

    id: str
    act: str
    what: str
    asked_by: str
    asked: datetime
    approved_by: str | None

    def as_dict(self) -> dict[str, object]:
        """The entry as `/approvals` lists it."""
        return {
            "id": self.id,
            "act": self.act,
            "what": self.what,
            "askedBy": self.asked_by,
            "asked": self.asked.isoformat(),
            "approvedBy": self.approved_by,
        }


def digest_of(method: str, address: str, body: bytes) -> str:
    """The SHA-256 by which a request is known."""
    head = f"{method} {address}\n".encode()
    return hashlib.sha256(head + body).hexdigest()


def pass_or_wait(
    tx: Transaction, rule: AccessRule, caller: Caller, *, digest: str, what: str
) -> str | None:
    """Use up the approval of a request; else the id under which it waits from now on."""
    table = approval.c
    since = microseconds(tx.now - GOOD_FOR)
    mine = (
        table.request_sha256 == digest,
        table.asked_by == caller.name,
        table.asked_us > since,
        table.used_us.is_(None),
    )
    row = tx.connection.execute(select(approval).where(*mine)).first()
    if row is None:
        return _ask(tx, rule, caller, digest=digest, what=what)
    if row.approved_us is None:
        return str(row.id)
    tx.connection.execute(
        update(approval).where(table.id == row.id).values(used_us=microseconds(tx.now))
    )
    return None


def _ask(tx: Transaction, rule: AccessRule, caller: Caller, *, digest: str, what: str) -> str:
    new_id = secrets.token_hex(8)
    tx.connection.execute(
        insert(approval).values(
            id=new_id,
            act=rule.approved,
            request_sha256=digest,
            what=what[:WHAT_CHARACTERS_MAX],
            scope=rule.scope,
            party=caller.party,
            asked_by=caller.name,
            asked_us=microseconds(tx.now),
        )
    )
    return new_id


def approve(tx: Transaction, approval_id: str, caller: Caller) -> WaitingAct:
    """Approve what another person of the same company asked for; raises `Problem` 403, 404."""
    row = _row(tx, approval_id, tx.now)
    if row is None or (caller.party is not None and row["party"] != caller.party):
        raise Problem(404, "Nothing waits", f"no act waits under {approval_id[:40]}")
    if row["asked_by"] == caller.name:
        raise Problem(403, "A second person is needed", "who asked for it cannot approve it")
    if row["scope"] not in caller.scopes:
        raise Problem(403, "Not allowed", f"approving this needs the scope '{row['scope']}'")
    tx.connection.execute(
        update(approval)
        .where(approval.c.id == approval_id)
        .values(approved_by=caller.name, approved_us=microseconds(tx.now))
    )
    return replace(_waiting(row), approved_by=caller.name)


def waiting(snapshot: Snapshot, caller: Caller, now: datetime) -> list[WaitingAct]:
    """What waits in the caller's company, oldest first; to the operator all."""
    table = approval.c
    mine = [table.party == caller.party] if caller.party else []
    rows = snapshot.connection.execute(
        select(approval)
        .where(table.used_us.is_(None), table.asked_us > microseconds(now - GOOD_FOR), *mine)
        .order_by(table.asked_us)
    )
    return [_waiting(row) for row in rows.mappings()]


def _row(snapshot: Snapshot, approval_id: str, now: datetime) -> RowMapping | None:
    table = approval.c
    since = microseconds(now - GOOD_FOR)
    here = (table.id == approval_id, table.used_us.is_(None), table.asked_us > since)
    found = snapshot.connection.execute(select(approval).where(*here))
    return found.mappings().first()


def _waiting(row: RowMapping) -> WaitingAct:
    return WaitingAct(
        row["id"],
        row["act"],
        row["what"],
        row["asked_by"],
        moment_of(row["asked_us"]),
        row["approved_by"],
    )
