"""What an act came to, in the codes of the hub and of both national API families.

Codes marked as inferred in the reference are opaque to clients: they classify by HTTP status and
by the presence of a warning or an alert id, so a wrong guess there harms nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from verification.decision.act import PackAct
from verification.decision.words import PackState, Reason, Result
from verification.fmd import cause

if TYPE_CHECKING:
    from verification.decision.act import PackRequest
    from verification.decision.decide import Judgement
    from verification.decision.facts import Facts


@dataclass(frozen=True, slots=True)
class Spelling:
    """A result as the hub, the SOAP family and the REST family name it."""

    http: int
    soap: str
    hub: str = ""
    """Alert code of the European hub, empty where it has none."""
    rest: str = ""
    """Eight digits; empty where they are composed from operation and state."""


SPELLINGS = {
    Result.DONE: Spelling(200, "NMVS_SUCCESS"),
    Result.NOT_TO_SUPPLY: Spelling(200, "NMVS_NC_PCK_01"),
    Result.NOOP: Spelling(200, "NMVS_SUCCESS"),
    Result.REPEAT: Spelling(200, "NMVS_NC_PCK_23", "A10"),
    Result.REPEAT_LAST: Spelling(200, "NMVS_NC_PCK_23", "A10"),
    Result.EXEMPT: Spelling(404, "NMVS_NC_PC_06", "A74", "41020006"),
    Result.PRODUCT_UNKNOWN: Spelling(404, "NMVS_NC_PC_01", "A1", "41020000"),
    Result.LOT_AND_SERIAL_UNKNOWN: Spelling(404, "NMVS_FE_LOT_03", "A2", "41020002"),
    Result.SERIAL_UNKNOWN: Spelling(404, "NMVS_NC_PC_02", "A3", "41020001"),
    Result.LOT_DIFFERS: Spelling(404, "NMVS_FE_LOT_13", "A68", "41020003"),
    Result.EXPIRY_DIFFERS: Spelling(404, "NMVS_FE_LOT_12", "A52", "41020005"),
    Result.ALREADY_IN_STATE: Spelling(409, "NMVS_NC_PCK_22", "A7"),
    Result.IMPOSSIBLE: Spelling(409, "NMVS_NC_PCK_22", "A24"),
    Result.UNDO_OTHER_TYPE: Spelling(409, "NMVS_NC_PCK_06", "A24"),
    Result.UNDO_TOO_LATE: Spelling(409, "NMVS_NC_PCK_20", "A4"),
    Result.UNDO_ELSEWHERE: Spelling(409, "NMVS_NC_PCK_21", "A5"),
    Result.UNDO_REFUSED: Spelling(409, "NMVS_NC_PCK_06"),
    Result.RECALLED: Spelling(409, "NMVS_FE_LOT_01"),
    Result.HELD: Spelling(409, "NMVS_FE_LOT_01"),
    Result.WITHDRAWN: Spelling(409, "NMVS_FE_LOT_08"),
    Result.EXPIRED: Spelling(409, "NMVS_NC_PCK_02"),
    Result.STOPPED: Spelling(409, "NMVS_NC_PCK_22"),
    Result.TO_CHECK: Spelling(409, "NMVS_NC_PCK_22"),
    Result.NOT_ALLOWED: Spelling(403, "NMVS_FE_BR_01", rest="31000001"),
    Result.NOT_OWNER: Spelling(403, "NMVS_NC_PC_03", rest="31000002"),
    Result.TIME_NOT_PLAUSIBLE: Spelling(422, "NMVS_FE_REQ_02", rest="61020014"),
    Result.CANNOT_TELL: Spelling(504, "NMVS_TI_RT_02", rest="81000000"),
    Result.TRANSACTION_REUSED: Spelling(409, "NMVS_TE_TX_01", rest="51000001"),
}
_SOAP_OF_REASON = {
    Reason.WITHDRAWN: "NMVS_FE_LOT_08",
    Reason.RECALLED: "NMVS_FE_LOT_01",
    Reason.HELD: "NMVS_FE_LOT_01",
    Reason.EXPIRED: "NMVS_NC_PCK_02",
    Reason.DISPENSED: "NMVS_NC_PCK_11",
    Reason.EXPORTED: "NMVS_NC_PCK_11",
    Reason.DESTROYED: "NMVS_NC_PCK_11",
    Reason.LOCKED: "NMVS_NC_PCK_08",
}
"""What the SOAP family says of a pack that was verified and must not be supplied, by its gravest
reason: clients colour by the code, and no code of success may stand beside STOP."""
_NOT_DISPENSABLE = "NMVS_NC_PCK_01"
_INTERMARKET_SOAP = {Result.ALREADY_IN_STATE: "NMVS_NC_PCK_19", Result.IMPOSSIBLE: "NMVS_NC_PCK_27"}

_SHAPED = {
    Result.SERIAL_UNKNOWN: {"length": "41020010", "characters": "41020011", "both": "41020012"},
    Result.LOT_DIFFERS: {"length": "41020007", "characters": "41020008", "both": "41020009"},
}

_OPERATION_DIGIT = {
    PackAct.VERIFY: 1,
    PackAct.SUPPLY: 2,
    PackAct.PARTIAL_SUPPLY: 2,
    PackAct.UNDO: 4,
}
_DECOMMISSION_DIGIT = 3

_STATE_DIGITS = {
    PackState.ACTIVE: "01",
    PackState.SUPPLIED: "02",
    PackState.DESTROYED: "03",
    PackState.LOCKED: "04",
    PackState.EXPORTED: "05",
    PackState.SAMPLE: "06",
    PackState.STOLEN: "07",
    PackState.FREE_SAMPLE: "08",
    PackState.CHECKED_OUT: "09",
}


def soap_code(result: Result, reason: Reason | None = None, *, intermarket: bool = False) -> str:
    """The return code of the SOAP family; `reason` is the gravest against a pack only verified.

    >>> soap_code(Result.ALREADY_IN_STATE, intermarket=True)
    'NMVS_NC_PCK_19'
    """
    if result is Result.NOT_TO_SUPPLY and reason is not None:
        return _SOAP_OF_REASON.get(reason, _NOT_DISPENSABLE)
    if intermarket and result in _INTERMARKET_SOAP:
        return _INTERMARKET_SOAP[result]
    return SPELLINGS[result].soap


@lru_cache(maxsize=4096)
def rest_code(
    result: Result,
    operation: PackAct,
    state: PackState | None = None,
    *,
    unlike: str = "",
    same_location: bool = False,
) -> str:
    """The eight digits of the REST family.

    Digit 1 is the outcome, 3 the operation, 4 the weight, 5-6 the pack's state, 7-8 a variant:
    01 this location, 02 the last tolerated repeat. `unlike` says in what a serial or lot differs
    from the uploaded ones: length, characters or both.

    >>> rest_code(Result.ALREADY_IN_STATE, PackAct.SUPPLY, PackState.SUPPLIED)
    '51220200'
    >>> rest_code(Result.SERIAL_UNKNOWN, PackAct.VERIFY)
    '41020001'
    """
    spelling = SPELLINGS[result]
    if unlike and result in _SHAPED:
        return _SHAPED[result][unlike]
    if spelling.rest:
        return spelling.rest
    outcome = {200: 1, 403: 3, 404: 4, 409: 5}[spelling.http]
    digit = _OPERATION_DIGIT.get(operation, _DECOMMISSION_DIGIT)
    weight = 0 if result in (Result.DONE, Result.NOOP) else 2
    variant = "01" if same_location else "00"
    if result is Result.REPEAT_LAST:
        variant = "02"
    state_digits = _STATE_DIGITS.get(state, "00") if state else "00"
    return f"{outcome}1{digit}{weight}{state_digits}{variant}"


def spell(request: PackRequest, facts: Facts, judgement: Judgement) -> dict[str, str]:
    """The result's codes for every kind of client: `hub`, `soap` and `rest`."""
    pack, who, result = facts.pack, facts.who, judgement.result
    own = pack is not None and who is not None and pack.location == who.location
    return {
        "hub": SPELLINGS[result].hub,
        "soap": soap_code(result, judgement.reason, intermarket=facts.intermarket),
        "rest": rest_code(
            result,
            request.operation,
            judgement.becomes or (pack.state if pack else None),
            unlike=_unlike(facts, result),
            same_location=own and not judgement.is_success,
        ),
    }


def _unlike(facts: Facts, result: Result) -> str:
    """In what the serial or lot differs from the uploaded ones, as if a scanner were at fault."""
    asked, pack = facts.asked, facts.pack
    if result is Result.SERIAL_UNKNOWN:
        return cause.unlike(asked.serial, facts.serial_shape)
    if result is Result.LOT_DIFFERS and asked.lot and pack is not None and pack.lot:
        return cause.unlike(asked.lot, cause.shape(pack.lot))
    return ""
