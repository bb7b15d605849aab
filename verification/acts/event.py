"""The EPCIS event that an act is; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.model import (
    AggregationEvent,
    BizTransaction,
    Node,
    ObjectEvent,
    Party,
    Place,
    TransformationEvent,
)
from epcis.store.effect import party_key
from schemas.cbv import is_standard
from schemas.dispositions import OWN_DISPOSITION
from schemas.gs1.digital_link import RESOLVER
from verification.acts.kinds import KINDS, RESULTS, ActKind, ActRule, ActShape

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from epcis.model import Event
    from verification.acts.request import ActRequest

_STEP = "urn:epcglobal:cbv:bizstep:"
_DISPOSITION = "urn:epcglobal:cbv:disp:"
_ORDER = "urn:epcglobal:cbv:btt:po"
_RETURN_ORDER = "urn:epcglobal:cbv:btt:rma"
_POSSESSOR = "urn:epcglobal:cbv:sdt:possessing_party"
_OWNER = "urn:epcglobal:cbv:sdt:owning_party"
_MDA = "urn:epcglobal:cbv:mda"
ORDER_URN = "urn:packtrail:order:"
"""Of an order's number that is no URI itself."""


def event_of_act(
    act: ActRequest,
    names: Sequence[str],
    parent: str,
    at: datetime,
    *,
    event_id: str,
    outputs: Sequence[str] = (),
    was_lost: bool = False,
) -> Event:
    """The event of an act that was judged; `names` are the keys that it names, without the parent.

    `was_lost`: something among them had been missing, and is found again.

    >>> from datetime import UTC, datetime
    >>> from verification.acts.request import ActRequest
    >>> act = ActRequest(kind=ActKind.MOVE, client_id="1", place="/414/0614141007776/254/A1")
    >>> at = datetime(2026, 6, 1, tzinfo=UTC)
    >>> event = event_of_act(act, ["/00/106141412345678908"], "", at, event_id="urn:uuid:1")
    >>> event.biz_step, event.biz_location.id
    ('urn:epcglobal:cbv:bizstep:storing', 'https://id.gs1.org/414/0614141007776/254/A1')
    """
    rule = KINDS[act.kind]
    common: dict[str, object] = {
        "event_id": event_id,
        "event_time": at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "event_time_zone_offset": "+00:00",
        "biz_step": _STEP + rule.biz_step,
        "disposition": _disposition_of(act, rule, was_lost=was_lost),
        "read_point": Place(id=RESOLVER + act.place),
        # Goods that leave are at no place of the business any more.
        "biz_location": None if act.kind is ActKind.SHIP else Place(id=RESOLVER + act.place),
        "biz_transactions": _orders(act) or None,
        **_parties(act),
    }
    uris = tuple(RESOLVER + key for key in names)
    if rule.shape in (ActShape.PUT_IN, ActShape.TAKEN_OUT):
        action = "ADD" if rule.shape is ActShape.PUT_IN else "DELETE"
        within = RESOLVER + parent
        return AggregationEvent(action=action, parent_id=within, child_epcs=uris, **common)  # type: ignore[arg-type]  # the fields of every event
    if rule.shape is ActShape.TRANSFORMED:
        made = tuple(RESOLVER + key for key in outputs)
        return TransformationEvent(
            input_epcs=uris,
            output_epcs=made,
            ilmd=_ilmd(act),
            **common,  # type: ignore[arg-type]  # the fields of every event
        )
    action = {ActShape.MADE: "ADD", ActShape.ENDED: "DELETE"}.get(rule.shape, "OBSERVE")
    ilmd = _ilmd(act) if rule.shape is ActShape.MADE else None
    return ObjectEvent(action=action, epcs=uris, ilmd=ilmd, **common)  # type: ignore[arg-type]  # the fields of every event


def _disposition_of(act: ActRequest, rule: ActRule, *, was_lost: bool) -> str:
    if was_lost:
        return OWN_DISPOSITION + "undone"
    words = RESULTS.get(act.kind)
    word = words[act.result] if words and act.result else rule.disposition
    # What the CBV has no word for, as lost goods, has a name of our own.
    return (_DISPOSITION if is_standard("disp", word) else OWN_DISPOSITION) + word


def _orders(act: ActRequest) -> tuple[BizTransaction, ...]:
    kind = _RETURN_ORDER if act.kind is ActKind.RETURN else _ORDER
    return tuple(
        BizTransaction(id=order if ":" in order else ORDER_URN + order, type=kind)
        for order in act.orders
    )


def _parties(act: ActRequest) -> dict[str, object]:
    """Who has the goods and who owns them, before and after; only where the act changes it."""
    site = RESOLVER + party_key(act.place)
    other = RESOLVER + party_key(act.to) if act.to else ""
    owner = Party(type=_OWNER, id=RESOLVER + party_key(act.owner)) if act.owner else None
    sources: list[Party] = []
    destinations: list[Party] = []
    if act.kind is ActKind.SHIP:
        sources.append(Party(type=_POSSESSOR, id=site))
        if other:
            destinations.append(Party(type=_POSSESSOR, id=other))
    elif act.kind in (ActKind.RECEIVE, ActKind.RETURN):
        if other:
            sources.append(Party(type=_POSSESSOR, id=other))
        destinations.append(Party(type=_POSSESSOR, id=site))
    if owner is not None:
        destinations.append(owner)
    return {"sources": tuple(sources) or None, "destinations": tuple(destinations) or None}


def _ilmd(act: ActRequest) -> tuple[Node, ...] | None:
    if not act.lot or act.expiry is None:
        return None
    return (
        Node(namespace=_MDA, name="lotNumber", children=(act.lot,)),
        Node(namespace=_MDA, name="itemExpirationDate", children=(act.expiry.isoformat(),)),
    )
