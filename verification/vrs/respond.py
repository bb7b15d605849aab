"""The answer to a verification question, by a fixed order of rules that each answer names.

A wrong GTIN or serial ends it: lot and expiry are not compared then. What must not be traded but
is genuine is answered true with the additional information, as the standard's scenarios have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from verification.decision.verdict import Doubt, LotState, PackState, ProductState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from verification.decision.verdict import Facts, KnownPack
    from verification.vrs.question import VrsQuestion


class FailureReason(StrEnum):
    """Why verified is false (release 1.3)."""

    MANUFACTURER_POLICY = "Manufacturer_policy"
    GTIN_SERIAL = "No_match_GTIN_Serial"
    GTIN_SERIAL_LOT_EXPIRY = "No_match_GTIN_Serial_Lot_Expiry"
    GTIN_SERIAL_LOT = "No_match_GTIN_Serial_Lot"
    GTIN_SERIAL_EXPIRY = "No_match_GTIN_Serial_Expiry"
    NO_REASON = "No_reason_provided"
    NOT_FOR_REDISTRIBUTION = "Not_for_re-distribution"


class AdditionalInfo(StrEnum):
    """What else a requester should know (release 1.3), gravest first."""

    ILLEGITIMATE = "Illegitimate"
    SUSPECT = "Suspect"
    RECALLED = "Recalled"
    EXPIRED = "Expired"
    EXPIRATION_EXTENDED = "ExpirationExtended"


@dataclass(frozen=True, slots=True)
class AnswerPolicy:
    """What a manufacturer wants said; the defaults are the standard's scenario table."""

    detail: bool = True
    """False answers every mismatch with No_reason_provided."""
    recalled_is_true: bool = True
    """False answers recalled packs with Manufacturer_policy."""
    ended_is_false: bool = True
    """True answers dispensed, destroyed and like packs with Not_for_re-distribution."""


class Response(msgspec.Struct, frozen=True):
    """The decided answer; `rule` says which rule of the order decided."""

    verified: bool
    reason: FailureReason | None
    info: AdditionalInfo | None
    rule: str


DEFAULT_POLICY = AnswerPolicy()
_ENDED = frozenset(PackState) - {
    PackState.ACTIVE,
    PackState.LOCKED,
    PackState.UNCOMMISSIONED,
}


def respond(
    question: VrsQuestion,
    facts: Facts,
    now: datetime,
    *,
    policy: AnswerPolicy = DEFAULT_POLICY,
) -> Response:
    """Answer a question about a GTIN that is answered for here."""
    pack, extended = facts.pack, facts.extended
    if pack is None or pack.state is PackState.UNCOMMISSIONED:
        return _mismatch(FailureReason.GTIN_SERIAL, "R4-serial", policy)
    reason = _compare(question, pack, extended)
    if reason is not None:
        return _mismatch(reason, "R5-lot-expiry", policy)
    infos = list(_infos(facts, pack, now, extended))
    info = infos[0] if infos else None
    if info is AdditionalInfo.ILLEGITIMATE:
        return Response(False, FailureReason.NOT_FOR_REDISTRIBUTION, info, "R6-illegitimate")
    if policy.ended_is_false and pack.state in _ENDED:
        return Response(False, FailureReason.NOT_FOR_REDISTRIBUTION, info, "R6-ended")
    if AdditionalInfo.RECALLED in infos and not policy.recalled_is_true:
        return Response(False, FailureReason.MANUFACTURER_POLICY, info, "R6-recall-policy")
    return Response(True, None, info, f"R6-{info.value.lower()}" if info else "R7-match")


def _mismatch(reason: FailureReason, rule: str, policy: AnswerPolicy) -> Response:
    return Response(False, reason if policy.detail else FailureReason.NO_REASON, None, rule)


def _compare(question: VrsQuestion, pack: KnownPack, extended: date | None) -> FailureReason | None:
    """Which of lot and expiry differ; what is not recorded cannot match."""
    lot_differs = question.lot != pack.lot
    expiry_differs = question.expiry is not None and not any(
        day is not None and question.expiry.matches(day) for day in (pack.expiry, extended)
    )
    if lot_differs and expiry_differs:
        return FailureReason.GTIN_SERIAL_LOT_EXPIRY
    if lot_differs:
        return FailureReason.GTIN_SERIAL_LOT
    return FailureReason.GTIN_SERIAL_EXPIRY if expiry_differs else None


def _infos(
    facts: Facts, pack: KnownPack, now: datetime, extended: date | None
) -> Iterator[AdditionalInfo]:
    """Everything worth knowing, gravest first; the answer has room for one."""
    if facts.doubt is Doubt.ILLEGITIMATE:
        yield AdditionalInfo.ILLEGITIMATE
    if facts.doubt is Doubt.SUSPECT or pack.state is PackState.LOCKED:
        yield AdditionalInfo.SUSPECT
    if facts.lot_state in (LotState.HELD, LotState.RECALLED, LotState.CLOSED):
        held = facts.lot_state is LotState.HELD
        yield AdditionalInfo.SUSPECT if held else AdditionalInfo.RECALLED
    elif facts.product_state is ProductState.WITHDRAWN:
        yield AdditionalInfo.RECALLED
    last = max((day for day in (pack.expiry, extended) if day is not None), default=None)
    if last is not None and now.date() > last:
        yield AdditionalInfo.EXPIRED
    elif extended is not None and extended != pack.expiry:
        yield AdditionalInfo.EXPIRATION_EXTENDED


class _Data(msgspec.Struct, frozen=True, omit_defaults=True):
    verified: bool
    verificationFailureReason: str | None = None  # noqa: N815  # the standard's name
    additionalInfo: str | None = None  # noqa: N815  # the standard's name


class _Body(msgspec.Struct, frozen=True):
    responderGLN: str  # noqa: N815  # the standard's name
    corrUUID: str  # noqa: N815  # the standard's name
    verificationTimestamp: str  # noqa: N815  # the standard's name
    data: _Data


_encoder = msgspec.json.Encoder()


def body_of(response: Response, question: VrsQuestion, responder: str, at: str) -> bytes:
    """The JSON body of status 200; `responder` is a GLN, `at` an ISO 8601 time in UTC."""
    data = _Data(
        response.verified,
        response.reason.value if response.reason else None,
        response.info.value if response.info else None,
    )
    return _encoder.encode(_Body(responder, question.corr_uuid, at, data))
