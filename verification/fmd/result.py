"""What an operation may come out as, in the words of the hub and of both national API families.

Codes marked as inferred in the reference are opaque to clients: they classify by HTTP status and
by the presence of a warning or an alert id, so a wrong guess there harms nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from verification.decision.verdict import PackState
from verification.fmd.operation import Operation


class Result(StrEnum):
    """The outcome of one operation, before it is spelt for a client."""

    DONE = "done"
    """Verified, or changed as asked."""
    NOOP = "already-active"
    REPEAT = "repeat-tolerated"
    REPEAT_LAST = "repeat-tolerated-last"
    EXEMPT = "exempt"
    PRODUCT_UNKNOWN = "product-unknown"
    LOT_AND_SERIAL_UNKNOWN = "lot-and-serial-unknown"
    SERIAL_UNKNOWN = "serial-unknown"
    LOT_DIFFERS = "lot-differs"
    EXPIRY_DIFFERS = "expiry-differs"
    ALREADY_IN_STATE = "already-in-state"
    IMPOSSIBLE = "impossible"
    UNDO_OTHER_TYPE = "undo-other-type"
    UNDO_TOO_LATE = "undo-too-late"
    UNDO_ELSEWHERE = "undo-elsewhere"
    UNDO_REFUSED = "undo-refused"
    RECALLED = "recalled"
    HELD = "held"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    NOT_ALLOWED = "not-allowed"
    TRANSACTION_REUSED = "transaction-reused"
    CANNOT_TELL = "cannot-tell"
    """The pack is not known here, and a repository that may know it did not answer."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """A result as the hub, the SOAP family and the REST family name it."""

    http: int
    soap: str
    hub: str = ""
    """Alert code of the European hub, empty where it has none."""
    rest: str = ""
    """Eight digits; empty where they are composed from operation and state."""
    say: str = ""
    """One sentence: what happened and what to do."""


_ASIDE = "Compare it with the print, scan again; if it stays so, set the pack aside."

SPELLINGS = {
    Result.DONE: Spelling(200, "NMVS_SUCCESS", say="Done."),
    Result.NOOP: Spelling(200, "NMVS_SUCCESS", say="The pack is active already."),
    Result.REPEAT: Spelling(
        200, "NMVS_NC_PCK_23", "A10", say="You supplied this pack before; the repeat is noted."
    ),
    Result.REPEAT_LAST: Spelling(
        200,
        "NMVS_NC_PCK_23",
        "A10",
        say="You supplied this pack before; the next repeat will be rejected.",
    ),
    Result.EXEMPT: Spelling(
        404,
        "NMVS_NC_PC_06",
        "A74",
        "41020006",
        "The lot is exempt from safety features; it may be supplied.",
    ),
    Result.PRODUCT_UNKNOWN: Spelling(
        404,
        "NMVS_NC_PC_01",
        "A1",
        "41020000",
        "The product code is not known; ask your supplier whether it was uploaded.",
    ),
    Result.LOT_AND_SERIAL_UNKNOWN: Spelling(
        404, "NMVS_FE_LOT_03", "A2", "41020002", f"Lot and serial number are not known. {_ASIDE}"
    ),
    Result.SERIAL_UNKNOWN: Spelling(
        404, "NMVS_NC_PC_02", "A3", "41020001", f"The serial number is not known. {_ASIDE}"
    ),
    Result.LOT_DIFFERS: Spelling(
        404,
        "NMVS_FE_LOT_13",
        "A68",
        "41020003",
        f"The serial number belongs to another lot. {_ASIDE}",
    ),
    Result.EXPIRY_DIFFERS: Spelling(
        404,
        "NMVS_FE_LOT_12",
        "A52",
        "41020005",
        f"The expiry date is not the recorded one. {_ASIDE}",
    ),
    Result.ALREADY_IN_STATE: Spelling(
        409,
        "NMVS_NC_PCK_22",
        "A7",
        say="The pack is in that state already; if that was not you, set it aside.",
    ),
    Result.IMPOSSIBLE: Spelling(
        409,
        "NMVS_NC_PCK_22",
        "A24",
        say="The pack was taken out of use before; set it aside and ask who did it.",
    ),
    Result.UNDO_OTHER_TYPE: Spelling(
        409, "NMVS_NC_PCK_06", "A24", say="The undo does not match the pack's state; verify it."
    ),
    Result.UNDO_TOO_LATE: Spelling(
        409,
        "NMVS_NC_PCK_20",
        "A4",
        say="The time for taking it back is over; the pack must not return to stock.",
    ),
    Result.UNDO_ELSEWHERE: Spelling(
        409,
        "NMVS_NC_PCK_21",
        "A5",
        say="Only the premises and licence that changed the pack may take it back.",
    ),
    Result.UNDO_REFUSED: Spelling(
        409, "NMVS_NC_PCK_06", say="This state is final; the pack must not return to stock."
    ),
    Result.RECALLED: Spelling(
        409, "NMVS_FE_LOT_01", say="The lot is recalled; set the pack aside and return it."
    ),
    Result.HELD: Spelling(
        409, "NMVS_FE_LOT_01", say="The lot is on hold; set the pack aside until it is decided."
    ),
    Result.WITHDRAWN: Spelling(
        409, "NMVS_FE_LOT_08", say="The product is withdrawn; set the pack aside for return."
    ),
    Result.EXPIRED: Spelling(
        409, "NMVS_NC_PCK_02", say="The pack is past its expiry date; set it aside for disposal."
    ),
    Result.NOT_ALLOWED: Spelling(
        403,
        "NMVS_FE_BR_01",
        rest="31000001",
        say="Your role may not do this; ask the operator of the system.",
    ),
    Result.CANNOT_TELL: Spelling(
        504,
        "NMVS_TI_RT_02",
        rest="81000000",
        say="Cannot tell now: another market's system does not answer; wait and ask again.",
    ),
    Result.TRANSACTION_REUSED: Spelling(
        409,
        "NMVS_TE_TX_01",
        rest="51000001",
        say="This transaction id was used for another request; send a new one.",
    ),
}
_INTERMARKET_SOAP = {Result.ALREADY_IN_STATE: "NMVS_NC_PCK_19", Result.IMPOSSIBLE: "NMVS_NC_PCK_27"}

_SHAPED = {
    Result.SERIAL_UNKNOWN: {"length": "41020010", "characters": "41020011", "both": "41020012"},
    Result.LOT_DIFFERS: {"length": "41020007", "characters": "41020008", "both": "41020009"},
}

_OPERATION_DIGIT = {
    Operation.VERIFY: 1,
    Operation.SUPPLY: 2,
    Operation.PARTIAL_SUPPLY: 2,
    Operation.UNDO: 4,
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


def soap_code(result: Result, *, intermarket: bool = False) -> str:
    """The return code of the SOAP family.

    >>> soap_code(Result.ALREADY_IN_STATE, intermarket=True)
    'NMVS_NC_PCK_19'
    """
    if intermarket and result in _INTERMARKET_SOAP:
        return _INTERMARKET_SOAP[result]
    return SPELLINGS[result].soap


@lru_cache(maxsize=4096)
def rest_code(
    result: Result,
    operation: Operation,
    state: PackState | None = None,
    *,
    unlike: str = "",
    same_location: bool = False,
) -> str:
    """The eight digits of the REST family.

    Digit 1 is the outcome, 3 the operation, 4 the weight, 5-6 the pack's state, 7-8 a variant:
    01 this location, 02 the last tolerated repeat. `unlike` says in what a serial or lot differs
    from the uploaded ones: length, characters or both.

    >>> rest_code(Result.ALREADY_IN_STATE, Operation.SUPPLY, PackState.SUPPLIED)
    '51220200'
    >>> rest_code(Result.SERIAL_UNKNOWN, Operation.VERIFY)
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
