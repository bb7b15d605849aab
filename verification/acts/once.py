"""One act at a time, and each one once.

An act names packs, and with a case everything in it, while another one might move them. So all acts
of an installation wait for each other, as they would on SQLite, and an operation on a single pack
waits for the act under way (decision 0150). A client's id that comes again gets the first answer.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select

from epcis.database.columns import microseconds
from epcis.database.many_writers import one_at_a_time
from epcis.problem import Problem
from verification.acts.request import ActAnswer
from verification.fmd.packs import WAREHOUSE
from verification.registry.pack_tables import act

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from epcis.database.transactions import Snapshot
    from epcis.http_context import Caller
    from epcis.ledger.store import Transaction
    from verification.acts.request import ActRequest

_AT_ONCE = 500


def once(
    tx: Transaction, asked: ActRequest, caller: Caller, work: Callable[[], ActAnswer]
) -> ActAnswer:
    """The answer of `work`, or the one that this client got for this id before.

    Raises `Problem` 409 where the id came with another act.
    """
    one_at_a_time(tx, WAREHOUSE)
    mine = (act.c.client == caller.name, act.c.id == asked.client_id)
    row = tx.connection.execute(select(act.c.request_sha256, act.c.answer).where(*mine)).first()
    if row is not None and row.request_sha256 != _digest(asked):
        raise Problem(
            409,
            "Client id taken",
            f"the clientId {asked.client_id} was used for another act: give each act its own id",
        )
    if row is not None:
        return msgspec.json.decode(bytes(row.answer), type=ActAnswer)
    answer = work()
    record_client(tx, asked, answer, caller)
    return answer


def record_client(tx: Transaction, asked: ActRequest, answer: ActAnswer, caller: Caller) -> None:
    """Keep who did an act, and the answer: for the same request again, and for who asks whose."""
    tx.connection.execute(
        act.insert().values(
            client=caller.name,
            id=asked.client_id,
            request_sha256=_digest(asked),
            answer=msgspec.json.encode(answer),
            at_us=microseconds(tx.now),
            event=answer.event,
        )
    )


def _digest(asked: ActRequest) -> str:
    return hashlib.sha256(msgspec.json.encode(asked, order="deterministic")).hexdigest()


def event_of_client(snapshot: Snapshot, caller: Caller, client_id: str) -> str | None:
    """The id of the event of an act that this client did before; None where there is none."""
    mine = (act.c.client == caller.name, act.c.id == client_id)
    found: str | None = snapshot.connection.scalar(select(act.c.event).where(*mine))
    return found


def clients_of(snapshot: Snapshot, events: Iterable[str]) -> dict[str, str]:
    """Who did the acts whose events have these ids, as far as their records are still kept."""
    found: dict[str, str] = {}
    wanted = sorted(set(events))
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        rows = snapshot.connection.execute(
            select(act.c.event, act.c.client).where(act.c.event.in_(some))
        )
        found |= {row.event: row.client for row in rows}
    return found
