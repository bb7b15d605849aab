"""A judgement in the words of whoever asked: the counter's answer, and a trading partner's (VRS).

Nothing is decided here. The codes of the European hub and of the national interfaces stand in
`verification.fmd.result`, as a table from the same judgement.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from verification.decision.words import Reason, Word  # msgspec reads them

if TYPE_CHECKING:
    from datetime import date

    from verification.decision.decide import Judgement
    from verification.decision.facts import Facts


class Verdict(msgspec.Struct, frozen=True):
    """The answer about one pack: a word, the reason for it and what to do next."""

    word: Word
    reason: Reason
    say: str
    """One sentence to the person who holds the pack."""
    facts: Facts
    also: tuple[Reason, ...] = ()
    """Further reasons, lighter than `reason`."""
    alert: str | None = None
    """Id of the alert that was raised for it (2016/161 Art. 36(b))."""
    cause: str = ""
    """What probably lies behind a pack that was not confirmed, and what to try."""
    peer: str = ""
    """The repository whose word it is, where it is not ours."""

    @classmethod
    def of(cls, judgement: Judgement, facts: Facts) -> Verdict:
        """A judgement as the person at the counter reads it."""
        reasons = judgement.reasons
        return cls(judgement.verdict, reasons[0], judgement.say, facts, reasons[1:])

    def as_dict(self) -> dict[str, object]:
        """The verdict as `verify --json` and `POST /packs/verify` show it."""
        asked, pack = self.facts.asked, self.facts.pack
        fields: dict[str, object] = {
            "verdict": self.word.value,
            "reason": self.reason.value,
            "say": self.say,
            "also": [reason.value for reason in self.also],
            "gtin": asked.gtin,
            "serial": asked.serial,
            "lot": asked.lot or (pack.lot if pack else None),
            "expiry": _iso(asked.expiry or (pack.expiry if pack else None)),
            "state": pack.state.value if pack else None,
        }
        # What few answers have.
        if pack and pack.conditions:
            fields["conditions"] = list(pack.conditions)
        if self.facts.lots_recorded or self.facts.expiries_recorded:
            fields["lots_recorded"] = list(self.facts.lots_recorded)
            fields["expiries_recorded"] = list(self.facts.expiries_recorded)
        if self.facts.readings:
            fields["readings"] = list(self.facts.readings)
        if self.facts.extended:
            fields["expiry_extended"] = _iso(self.facts.extended)
        if self.alert:
            fields["alert"] = self.alert
        if self.cause:
            fields["cause_say"] = self.cause
        if self.peer:
            fields["intermarket"] = True
        return fields


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


class FailureReason(StrEnum):
    """Why verified is false (GS1 lightweight messaging, release 1.3)."""

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
    """What a manufacturer wants answered; the defaults are the standard's scenario table."""

    detail: bool = True
    """False answers every mismatch with No_reason_provided."""
    recalled_is_true: bool = True
    """False answers recalled packs with Manufacturer_policy."""


class VrsResponse(msgspec.Struct, frozen=True):
    """The decided answer; `rule` says which rule of the order decided."""

    verified: bool
    reason: FailureReason | None
    info: AdditionalInfo | None
    rule: str
    expiry_not_compared: bool = False
    """The question named no expiry: lot and serial match, the date was not looked at."""


_INFO_OF = {
    Reason.ILLEGITIMATE: AdditionalInfo.ILLEGITIMATE,
    Reason.RECALLED: AdditionalInfo.RECALLED,
    Reason.WITHDRAWN: AdditionalInfo.RECALLED,
    Reason.EXPIRED: AdditionalInfo.EXPIRED,
}
"""Genuine, and not to be traded: the standard answers true with this beside it."""

_INFOS = {info: place for place, info in enumerate(AdditionalInfo)}

_NO_PACK = frozenset(
    {Reason.UNKNOWN_SERIAL, Reason.UNKNOWN_PRODUCT, Reason.NOT_CONFIRMED, Reason.CANNOT_TELL}
    | {Reason.NOT_COMMISSIONED}
)
_OTHER_LOT = frozenset({Reason.LOT_DIFFERS, Reason.LOT_NOT_RECORDED})
_OTHER_EXPIRY = frozenset({Reason.EXPIRY_DIFFERS, Reason.EXPIRY_NOT_RECORDED})
_ENDED = frozenset(
    {
        Reason.STOLEN,
        Reason.DISPENSED,
        Reason.DESTROYED,
        Reason.EXPORTED,
        Reason.SAMPLE,
        Reason.FREE_SAMPLE,
        Reason.CHECKED_OUT,
        Reason.DECOMMISSIONED,
    }
)
_UNFIT = frozenset(
    {
        Reason.DAMAGED,
        Reason.NON_CONFORMANT,
        Reason.NEEDS_REPLACEMENT,
        Reason.NOT_SELLABLE,
        Reason.RETURNED_AFTER_END,
        Reason.RETURNED,
        Reason.UNAVAILABLE,
    }
)
"""Genuine packs that somebody declared unfit for sale."""
_CONTRADICTED = frozenset(
    {
        Reason.LOT_CONFLICT,
        Reason.EXPIRY_CONFLICT,
        Reason.COMMISSIONED_TWICE,
        Reason.SEEN_AFTER_END,
    }
)
DEFAULT_POLICY = AnswerPolicy()


def respond(
    judgement: Judgement, facts: Facts, policy: AnswerPolicy = DEFAULT_POLICY
) -> VrsResponse:
    """The answer to a partner's question about a GTIN that is answered for here.

    A wrong GTIN or serial ends it: lot and expiry are not compared then. What must not be traded
    but is genuine is answered true with the additional information, as the standard's scenarios
    have it; every other reason that is STOP is answered false, every other CHECK with Suspect.
    """
    reasons = frozenset(judgement.reasons)
    if facts.pack is None or not reasons.isdisjoint(_NO_PACK):
        return _mismatch(FailureReason.GTIN_SERIAL, "R4-serial", policy)
    mismatch = _compared(reasons)
    if mismatch is not None:
        return _mismatch(mismatch, "R5-lot-expiry", policy)
    info = _info(reasons, facts)
    unread = facts.asked.expiry is None
    rule = _rule_against(reasons, policy)
    if rule is not None:
        reason = FailureReason.NOT_FOR_REDISTRIBUTION
        if rule == "R6-recall-policy":
            reason = FailureReason.MANUFACTURER_POLICY
        return VrsResponse(False, reason, info, rule)
    rule = f"R6-{info.value.lower()}" if info else "R7-match"
    return VrsResponse(True, None, info, rule, expiry_not_compared=unread)


def _mismatch(reason: FailureReason, rule: str, policy: AnswerPolicy) -> VrsResponse:
    return VrsResponse(False, reason if policy.detail else FailureReason.NO_REASON, None, rule)


def _compared(reasons: frozenset[Reason]) -> FailureReason | None:
    """Which of lot and expiry differ; what is not recorded cannot match.

    A pack whose expiry nobody recorded never matches, whether the question names one or not:
    nobody could say that it has not passed.
    """
    lot, expiry = not reasons.isdisjoint(_OTHER_LOT), not reasons.isdisjoint(_OTHER_EXPIRY)
    if lot and expiry:
        return FailureReason.GTIN_SERIAL_LOT_EXPIRY
    if lot:
        return FailureReason.GTIN_SERIAL_LOT
    return FailureReason.GTIN_SERIAL_EXPIRY if expiry else None


def _rule_against(reasons: frozenset[Reason], policy: AnswerPolicy) -> str | None:
    """The rule by which a genuine pack is not verified; None where it is."""
    if Reason.ILLEGITIMATE in reasons:
        return "R6-illegitimate"
    if not reasons.isdisjoint(_CONTRADICTED):
        return "R6-contradiction"
    if not reasons.isdisjoint(_ENDED):
        return "R6-ended"
    if not reasons.isdisjoint(_UNFIT):
        return "R6-unfit"
    if not policy.recalled_is_true and not reasons.isdisjoint({Reason.RECALLED, Reason.WITHDRAWN}):
        return "R6-recall-policy"
    return None


_PLAIN_FALSE = _ENDED | _UNFIT
"""Answered Not_for_re-distribution, which says it all."""


def _info(reasons: frozenset[Reason], facts: Facts) -> AdditionalInfo | None:
    """What is worth knowing besides, the gravest; the answer has room for one."""
    infos = {
        _INFO_OF.get(reason, AdditionalInfo.SUSPECT)
        for reason in reasons
        if reason is not Reason.GENUINE and reason not in _PLAIN_FALSE
    }
    extended = facts.extended
    pack = facts.pack
    if not infos and extended is not None and pack is not None and extended != pack.expiry:
        infos.add(AdditionalInfo.EXPIRATION_EXTENDED)
    return min(infos, key=_INFOS.__getitem__, default=None)


class _VrsData(msgspec.Struct, frozen=True, omit_defaults=True):
    verified: bool
    verificationFailureReason: str | None = None  # noqa: N815  # the standard's name
    additionalInfo: str | None = None  # noqa: N815  # the standard's name
    notCompared: tuple[str, ...] = ()  # noqa: N815  # ours, in the standard's spelling


class _VrsBody(msgspec.Struct, frozen=True):
    responderGLN: str  # noqa: N815  # the standard's name
    corrUUID: str  # noqa: N815  # the standard's name
    verificationTimestamp: str  # noqa: N815  # the standard's name
    data: _VrsData


_encoder = msgspec.json.Encoder()


def vrs_body(response: VrsResponse, corr_uuid: str, responder: str, at: str) -> bytes:
    """The JSON body of status 200; `responder` is a GLN, `at` an ISO 8601 time in UTC."""
    data = _VrsData(
        response.verified,
        response.reason.value if response.reason else None,
        response.info.value if response.info else None,
        ("exp",) if response.expiry_not_compared else (),
    )
    return _encoder.encode(_VrsBody(responder, corr_uuid, at, data))
