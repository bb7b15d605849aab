"""Why somebody reads what belongs to others: named before, logged, and visible to the owner.

Authorities and auditors see everything, and name a purpose or a case each time in the header
`Packtrail-Purpose`, or once at `/purpose` for their browser; the operator does so where the
settings ask for it.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING
from urllib.parse import unquote

from sqlalchemy import insert, or_, select

from compliance.duty_tables import purpose_read
from compliance.service.cookies import cookie_in
from epcis.database.columns import microseconds, moment_of
from epcis.problem import Problem
from verification.registry.pack_tables import product

if TYPE_CHECKING:
    from sqlalchemy import RowMapping
    from starlette.types import Scope

    from compliance.service.access_rule import AccessRule
    from epcis.database.transactions import Snapshot
    from epcis.http_context import Caller
    from epcis.ledger.store import Transaction
    from verification.registry.rights import ActingCompany

HEADER = b"packtrail-purpose"
COOKIE = "packtrail_purpose"
PURPOSE_NEEDED = "Purpose needed"
"""Title of the refusal of who has not named one."""
CHARACTERS_MIN, CHARACTERS_MAX = 4, 200
LISTED_MAX = 1_000
_GTIN = re.compile(r"(?<!\d)\d{14}(?!\d)")


def purpose_of(scope: Scope) -> str:
    """The purpose that a request names; raises `Problem` 403 where it names none."""
    headers = dict(scope["headers"])
    named: str = headers.get(HEADER, b"").decode("latin-1").strip() or _in_cookie(headers)
    if not is_purpose(named):
        raise Problem(
            403,
            PURPOSE_NEEDED,
            "say in the header Packtrail-Purpose, or at /purpose, for which case or reason you"
            f" read this, in {CHARACTERS_MIN} to {CHARACTERS_MAX} characters; the owner can see it",
        )
    return named


def is_purpose(text: str) -> bool:
    """Whether a text is long enough to say why, and short enough to be kept.

    >>> is_purpose("case 4711"), is_purpose("x")
    (True, False)
    """
    return CHARACTERS_MIN <= len(text.strip()) <= CHARACTERS_MAX


def _in_cookie(headers: dict[bytes, bytes]) -> str:
    """The purpose that a browser named once for all that it reads."""
    named = cookie_in(headers, COOKIE)
    return unquote(named).strip() if named else ""


def note(tx: Transaction, rule: AccessRule, caller: Caller, scope: Scope, purpose: str) -> None:
    """Put down who reads what, and why."""
    address = scope["path"] + "?" + unquote(scope.get("query_string", b"").decode("latin-1"))
    named = _GTIN.search(address)
    owner = select(product.c.owner).where(product.c.code == (named[0] if named else ""))
    tx.connection.execute(
        insert(purpose_read).values(
            id=secrets.token_hex(8),
            at_us=microseconds(tx.now),
            by=caller.name,
            role=caller.role,
            purpose=purpose,
            address=f"{rule.method} {rule.path}",
            owner=tx.connection.execute(owner).scalar() or "",
        )
    )


def reads(snapshot: Snapshot, company: ActingCompany) -> list[dict[str, object]]:
    """Who read what, newest first: of a company's products, and of everybody's."""
    table = purpose_read.c
    wanted = select(purpose_read).order_by(table.at_us.desc()).limit(LISTED_MAX)
    if not company.is_operator:
        wanted = wanted.where(or_(table.owner == "", table.owner.in_(company.names)))
    return [_as_dict(row) for row in snapshot.connection.execute(wanted).mappings()]


def own_reads(snapshot: Snapshot, caller: Caller) -> list[dict[str, object]]:
    """What a caller read under a purpose, newest first."""
    table = purpose_read.c
    wanted = select(purpose_read).where(table.by == caller.name).order_by(table.at_us.desc())
    rows = snapshot.connection.execute(wanted.limit(LISTED_MAX)).mappings()
    return [_as_dict(row) for row in rows]


def _as_dict(row: RowMapping) -> dict[str, object]:
    return {
        "at": moment_of(row["at_us"]).isoformat(),
        "by": row["by"],
        "role": row["role"],
        "purpose": row["purpose"],
        "address": row["address"],
    }
