"""Who a client is to the law: its role, premises and licence (2016/161 Art. 37(b))."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import delete

from epcis.database.columns import microseconds
from epcis.ledger.entry import LeafKind
from verification.decision.act import ParticipantRole, Who
from verification.decision.restrictions import changed
from verification.registry.pack_tables import participant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.http_context import Caller
    from epcis.ledger.store import Transaction
    from verification.decision.restrictions import Restrictions
    from verification.settings import VerificationSettings

TEXT_CHARACTERS_MAX = 100


def faults_of(who: Who) -> Iterator[str]:
    """Why a client cannot be registered like this, one sentence each.

    >>> list(faults_of(Who(client="fimea", role=ParticipantRole.REPOSITORY)))
    ['market is missing: a repository speaks for the clients of one market']
    """
    if who.role is ParticipantRole.UNREGISTERED:
        roles = ", ".join(
            role.value for role in ParticipantRole if role is not ParticipantRole.UNREGISTERED
        )
        yield f"role is one of: {roles}"
    if who.role is ParticipantRole.REPOSITORY and not who.market:
        yield "market is missing: a repository speaks for the clients of one market"
    if who.market and not (len(who.market) == 2 and who.market.isascii() and who.market.isupper()):
        yield "market is an ISO 3166 country of two upper-case letters"
    for name in ("client", "location", "authorisation"):
        if len(getattr(who, name)) > TEXT_CHARACTERS_MAX:
            yield f"{name} has {TEXT_CHARACTERS_MAX} characters at most"
    if ":" in who.location.partition("/414/")[0]:
        yield "location has no colon: what stands before one is another market"


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
    """The participant behind a caller.

    Until the first participant is registered, the operator's own keys act in the operator's role;
    after that, and for a partner's key always, a client that is not registered may change nothing.
    """
    row = stops.participants.get(caller.name)
    if row is None:
        own = caller.party or caller.name
        is_operator = caller.party is None and not stops.participants
        return Who(
            client=caller.name,
            role=settings.operator_role if is_operator else ParticipantRole.UNREGISTERED,
            location=own,
            authorisation=own,
            market=settings.market,
        )
    return Who(
        client=caller.name,
        role=ParticipantRole(row.role),
        location=row.location or caller.party or caller.name,
        # Without a licence a client stands for itself: two of them are never one company.
        authorisation=row.authorisation or caller.name,
        market=row.market or settings.market,
    )
