"""One answer of each kind, for the reference page and for tests of how interfaces spell them."""

from __future__ import annotations

from datetime import UTC, datetime

from verification.decision.act import PackAct
from verification.decision.sentences import SAY, SAY_RESULT
from verification.decision.words import PackState, Reason, Result
from verification.fmd.perform import OperationAnswer
from verification.fmd.result import SPELLINGS, rest_code, soap_code

_REASON_OF = {
    Result.NOT_TO_SUPPLY: Reason.STOLEN,
    Result.REPEAT: Reason.DISPENSED,
    Result.REPEAT_LAST: Reason.DISPENSED,
    Result.EXEMPT: Reason.EXEMPT,
    Result.PRODUCT_UNKNOWN: Reason.UNKNOWN_PRODUCT,
    Result.LOT_AND_SERIAL_UNKNOWN: Reason.UNKNOWN_SERIAL,
    Result.SERIAL_UNKNOWN: Reason.UNKNOWN_SERIAL,
    Result.LOT_DIFFERS: Reason.LOT_DIFFERS,
    Result.EXPIRY_DIFFERS: Reason.EXPIRY_DIFFERS,
    Result.ALREADY_IN_STATE: Reason.DISPENSED,
    Result.IMPOSSIBLE: Reason.EXPORTED,
    Result.RECALLED: Reason.RECALLED,
    Result.HELD: Reason.HELD,
    Result.WITHDRAWN: Reason.WITHDRAWN,
    Result.EXPIRED: Reason.EXPIRED,
    Result.STOPPED: Reason.ILLEGITIMATE,
    Result.TO_CHECK: Reason.DAMAGED,
    Result.CANNOT_TELL: Reason.CANNOT_TELL,
    Result.TRANSACTION_REUSED: Reason.CANNOT_TELL,
}
_VERIFIED = (Result.NOT_TO_SUPPLY, Result.EXEMPT)
_UNDONE = (
    Result.NOOP,
    Result.UNDO_OTHER_TYPE,
    Result.UNDO_TOO_LATE,
    Result.UNDO_ELSEWHERE,
    Result.UNDO_REFUSED,
)


def sample_answer(result: Result) -> OperationAnswer:
    """An answer with this result, about a pack that gave rise to it.

    >>> sample_answer(Result.DONE).colour, sample_answer(Result.RECALLED).colour
    ('green', 'red')
    """
    act = PackAct.SUPPLY
    if result in _VERIFIED:
        act = PackAct.VERIFY
    elif result in _UNDONE:
        act = PackAct.UNDO
    reason = _REASON_OF.get(result, Reason.GENUINE)
    state = PackState.SUPPLIED if result is Result.DONE else PackState.ACTIVE
    return OperationAnswer(
        code="05901234123457",
        serial="S1",
        operation=act,
        result=result,
        http=SPELLINGS[result].http,
        hub=SPELLINGS[result].hub,
        soap=soap_code(result, reason),
        rest=rest_code(result, act, state),
        say=SAY_RESULT.get(result) or SAY[reason].format(values=""),
        rules="EU-2016/161 1.0.0",
        rules_sha256="",
        at=datetime(2026, 1, 1, tzinfo=UTC),
        reason=reason,
        state=state,
    )
