"""Requests between the repositories of two markets, judged as in the market where they are made.

A request names its origin: market, premises, licence and role of the client. It is judged by that
market's rules and stops, and what is written names those premises. So a second pharmacy abroad is a
second supply, and nobody undoes an act that was not done at the same premises (2016/161 Art. 34(2),
36(e)).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from verification.decision.act import PackAct, PackRequest, ParticipantRole, Who
from verification.decision.rule_pack import DEFAULT
from verification.fmd.perform import OperationAnswer, perform, query

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.ledger.store import Store
    from verification.decision.rule_pack import RulePack

TEXT_CHARACTERS_MAX = 90
"""Of each text of an origin: it is kept behind the market's name."""
_NEVER_ABROAD = (ParticipantRole.REPOSITORY, ParticipantRole.UNREGISTERED)


class Origin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where an inter-market request was made."""

    client: str
    role: ParticipantRole
    location: str
    """Premises, as that market knows them."""
    authorisation: str
    market: str = ""
    rules: str = DEFAULT
    """The rule pack that decides there; ours does where we do not have it."""


class InterMarketRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One operation on one pack, and where it was made."""

    request: PackRequest
    origin: Origin


class NotEntitledError(PermissionError):
    """The caller is no repository, or speaks for a market that is not its own."""


def origin_of(who: Who, rules: RulePack) -> Origin:
    """A client of ours as another market's repository gets to know it."""
    return Origin(
        client=who.client,
        role=who.role,
        location=who.location,
        authorisation=who.authorisation,
        market=who.market,
        rules=rules.id,
    )


def client_abroad(repository: Who, origin: Origin) -> Who:
    """The client behind an inter-market request; raises `NotEntitledError`.

    >>> peer = Who(client="fi", role=ParticipantRole.REPOSITORY, market="FI")
    >>> role = ParticipantRole.PHARMACY
    >>> till = Origin(client="t1", role=role, location="P1", authorisation="A")
    >>> client_abroad(peer, till).location
    'FI:P1'
    """
    if repository.role is not ParticipantRole.REPOSITORY or not repository.market:
        raise NotEntitledError("only a client registered as repository asks for other clients")
    if origin.market not in ("", repository.market):
        raise NotEntitledError(f"this repository speaks for {repository.market} only")
    if origin.role in _NEVER_ABROAD:
        raise NotEntitledError("name the registered client that asks, not the repository")
    texts = (origin.client, origin.location, origin.authorisation)
    if not all(0 < len(text) <= TEXT_CHARACTERS_MAX for text in texts):
        what = f"client, location and authorisation have 1 to {TEXT_CHARACTERS_MAX} characters"
        raise NotEntitledError(what)
    market = repository.market
    return Who(
        client=f"{market}:{origin.client}",
        role=origin.role,
        location=f"{market}:{origin.location}",
        authorisation=f"{market}:{origin.authorisation}",
        market=market,
        abroad=True,
    )


def answer_abroad(
    store: Store, request: PackRequest, who: Who, rules: RulePack, now: datetime
) -> OperationAnswer:
    """The answer to a client abroad, once it is durable.

    A verification that must not alert is only looked up; everything else is kept as ours is.
    """
    if request.operation is PackAct.VERIFY and not request.alerting:
        with store.read() as snapshot:
            return query(snapshot, request, who, rules, now)
    with store.write(now) as tx:
        (answer,) = perform(tx, [(request, who)], rules)
    return answer
