"""Who a client is to the law: its role, premises and licence (2016/161 Art. 37(b))."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import delete

from epcis.database.columns import microseconds
from epcis.ledger.entry import LeafKind
from verification.decision.restrictions import changed
from verification.fmd.operation import Role, Who
from verification.registry.pack_tables import participant

if TYPE_CHECKING:
    from epcis.http_context import Caller
    from epcis.ledger.store import Transaction
    from verification.decision.restrictions import Restrictions
    from verification.settings import VerificationSettings


def register(tx: Transaction, who: Who, *, by: str) -> None:
    """Put down, or change, the role, premises, licence and market of a client."""
    tx.connection.execute(delete(participant).where(participant.c.client == who.client))
    tx.connection.execute(
        participant.insert().values(
            client=who.client,
            role=who.role.value,
            location=who.location,
            authorisation=who.authorisation,
            market=who.market,
            since_us=microseconds(tx.now),
            by=by,
        )
    )
    changed(tx)
    tx.log(LeafKind.ACCESS, msgspec.json.encode(who), msgspec.json.encode({"by": by}))


def place_of(stops: Restrictions, caller: Caller) -> str:
    """The premises of a caller, empty where they are not known."""
    row = stops.participants.get(caller.name)
    return str(row.location) if row is not None else caller.party or ""


def who_is(stops: Restrictions, caller: Caller, settings: VerificationSettings) -> Who:
    """The participant behind a caller; one who is not registered acts from its own party."""
    row = stops.participants.get(caller.name)
    if row is None:
        own = caller.party or caller.name
        return Who(
            client=caller.name,
            role=settings.default_role,
            location=own,
            authorisation=own,
            market=settings.market,
        )
    return Who(
        client=caller.name,
        role=Role(row.role),
        location=row.location,
        authorisation=row.authorisation,
        market=row.market or settings.market,
    )
