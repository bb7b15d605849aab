"""The decision about one operation on one pack: pure, total, and the same for ever after.

Order of the questions: role, exemption, product, serial, lot, expiry, then state (2016/161 Art. 10
to 13 and 36). Comparison of serials and lots is by exact characters.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from verification.decision.verdict import PackState
from verification.fmd import cause
from verification.fmd.operation import MatrixRow, Operation, standing
from verification.fmd.result import SPELLINGS, Result, rest_code, soap_code
from verification.fmd.rulepack import Ruling

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from verification.fmd.operation import Known, PackRecord, PackRequest, Who
    from verification.fmd.rulepack import RulePack


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came out, and what is to be written if anything is."""

    result: Result
    becomes: PackState | None = None
    """The pack's new state; None leaves it."""
    counts_repeat: bool = False
    marks_stolen: bool = False
    alert: bool = False
    unlike: str = ""
    """In what an unknown serial differs from the uploaded ones, as if a scanner were at fault."""

    @property
    def is_success(self) -> bool:
        """Whether the client may go on."""
        return SPELLINGS[self.result].http == 200


def decide(request: PackRequest, who: Who, known: Known, rules: RulePack, now: datetime) -> Outcome:
    """What an operation comes out as.

    `now` is the time the act is judged at: a late replay is judged when it arrives, as its alerts
    must reach somebody then (Art. 29).
    """
    case = _Case(request, who, known, rules, now)
    outcome = _outcome(case)
    # Nothing that product, lot or expiry forbids is a suspected falsification (Art. 36(b)).
    upper = known.pack is not None and standing(known, now) in _UPPER
    allowed = request.alerting and not (upper and outcome.result in _STATE_RESULTS)
    alert = allowed and rules.alerts_on(outcome.result, intermarket=known.intermarket)
    return msgspec.structs.replace(outcome, alert=True) if alert else outcome


_UPPER = (MatrixRow.EXPIRED, MatrixRow.RECALLED, MatrixRow.WITHDRAWN, MatrixRow.HELD)
_STATE_RESULTS = frozenset(
    {
        Result.ALREADY_IN_STATE,
        Result.IMPOSSIBLE,
        Result.UNDO_OTHER_TYPE,
        Result.UNDO_TOO_LATE,
        Result.UNDO_ELSEWHERE,
    }
)
_BLOCKED = {
    MatrixRow.EXPIRED: Result.EXPIRED,
    MatrixRow.RECALLED: Result.RECALLED,
    MatrixRow.WITHDRAWN: Result.WITHDRAWN,
    MatrixRow.HELD: Result.HELD,
}


class _Case(NamedTuple):
    """Everything one decision depends on."""

    request: PackRequest
    who: Who
    known: Known
    rules: RulePack
    now: datetime


def _outcome(case: _Case) -> Outcome:
    request, known = case.request, case.known
    if not case.rules.allows(case.who.role, request.operation, alerting=request.alerting):
        return Outcome(result=Result.NOT_ALLOWED)
    unconfirmed = _identity(request, known)
    if unconfirmed is not None:
        return unconfirmed
    assert known.pack is not None, "identity was confirmed against a pack"
    wish = request.operation.target
    return Outcome(result=Result.DONE) if wish is None else _change(case, known.pack, wish)


def _identity(request: PackRequest, known: Known) -> Outcome | None:
    """Why the pack is not the one on record; None where it is."""
    if known.exempt:
        return Outcome(result=Result.EXEMPT)
    if not known.product:
        return Outcome(result=Result.PRODUCT_UNKNOWN)
    if known.pack is None:
        return _unknown(request, known)
    return _differs(request, known.pack, known.extended)


def _unknown(request: PackRequest, known: Known) -> Outcome:
    if request.lot is not None and not known.lot:
        return Outcome(result=Result.LOT_AND_SERIAL_UNKNOWN)
    unlike = cause.unlike(request.serial, known.serial_shape)
    return Outcome(result=Result.SERIAL_UNKNOWN, unlike=unlike)


def _differs(request: PackRequest, pack: PackRecord, extended: date | None) -> Outcome | None:
    if request.lot is not None and pack.lot is not None and request.lot != pack.lot:
        unlike = cause.unlike(request.lot, cause.shape(pack.lot))
        return Outcome(result=Result.LOT_DIFFERS, unlike=unlike)
    told = request.expiry is not None and pack.expiry is not None
    if told and request.expiry not in (pack.expiry, extended):
        return Outcome(result=Result.EXPIRY_DIFFERS)
    return None


def _change(case: _Case, pack: PackRecord, wish: PackState) -> Outcome:
    """The matrix: first what stands above the pack, then the pack's own state."""
    rules = case.rules
    above = standing(case.known, case.now)
    if above in _UPPER and rules.ruling(above, wish) is Ruling.BLOCKED:
        return Outcome(result=_BLOCKED[above])
    ruling = rules.ruling(MatrixRow(pack.state.value), wish)
    if ruling in _CONDITIONAL:
        return _CONDITIONAL[ruling](case, pack)
    if ruling is Ruling.OK:
        return Outcome(result=Result.DONE, becomes=wish)
    if ruling is Ruling.MARK:
        return Outcome(result=Result.DONE, marks_stolen=True)
    return Outcome(result=_PLAIN[ruling])


_PLAIN = {
    Ruling.NOOP: Result.NOOP,
    Ruling.SAME: Result.ALREADY_IN_STATE,
    Ruling.FINAL: Result.UNDO_REFUSED,
    Ruling.IMPOSSIBLE: Result.IMPOSSIBLE,
    Ruling.BLOCKED: Result.IMPOSSIBLE,
}


def _undo(case: _Case, pack: PackRecord) -> Outcome:
    """The predicate of Art. 13: same premises, same authorisation, in time, not handed over."""
    who, undo = case.who, case.rules.undo
    if not _names_state(case.request, pack):
        return Outcome(result=Result.UNDO_OTHER_TYPE)
    if pack.handed_over or pack.stolen:
        return Outcome(result=Result.UNDO_REFUSED)
    elsewhere = undo.same_location and who.location != pack.location
    other = undo.same_authorisation and who.authorisation != pack.authorisation
    if elsewhere or other:
        return Outcome(result=Result.UNDO_ELSEWHERE)
    if pack.since is None or case.now - pack.since > timedelta(hours=undo.window_h):
        return Outcome(result=Result.UNDO_TOO_LATE)
    return Outcome(result=Result.DONE, becomes=PackState.ACTIVE)


def _unlock(case: _Case, pack: PackRecord) -> Outcome:
    if not _names_state(case.request, pack):
        return Outcome(result=Result.UNDO_OTHER_TYPE)
    if pack.stolen:
        return Outcome(result=Result.UNDO_REFUSED)
    if case.rules.unlock.same_location and case.who.location != pack.location:
        return Outcome(result=Result.UNDO_ELSEWHERE)
    return Outcome(result=Result.DONE, becomes=PackState.ACTIVE)


def _names_state(request: PackRequest, pack: PackRecord) -> bool:
    return request.undo_of is None or request.undo_of.target is pack.state


def _repeat(case: _Case, pack: PackRecord) -> Outcome:
    limit = case.rules.double_supply
    here = case.who.location == pack.location
    window = timedelta(hours=limit.window_h)
    in_time = pack.since is not None and case.now - pack.since <= window
    if not here or not in_time or pack.repeats >= limit.repeats_max:
        return Outcome(result=Result.ALREADY_IN_STATE)
    last = pack.repeats + 1 == limit.repeats_max
    return Outcome(result=Result.REPEAT_LAST if last else Result.REPEAT, counts_repeat=True)


_CONDITIONAL: dict[Ruling, Callable[[_Case, PackRecord], Outcome]] = {
    Ruling.UNDO: _undo,
    Ruling.UNLOCK: _unlock,
    Ruling.REPEAT: _repeat,
}


def spell(request: PackRequest, who: Who, known: Known, outcome: Outcome) -> dict[str, str]:
    """The outcome's codes for every kind of client: `hub`, `soap` and `rest`."""
    pack = known.pack
    state = outcome.becomes or (pack.state if pack else None)
    own = pack is not None and pack.location == who.location
    operation = request.operation
    if operation is Operation.UNDO and outcome.is_success:
        state = PackState.ACTIVE
    return {
        "hub": SPELLINGS[outcome.result].hub,
        "soap": soap_code(outcome.result, intermarket=known.intermarket),
        "rest": rest_code(
            outcome.result,
            operation,
            state,
            unlike=outcome.unlike,
            same_location=own and not outcome.is_success,
        ),
    }
