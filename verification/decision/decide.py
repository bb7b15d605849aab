"""The one decision about a pack and an act on it: pure, total, and the same for ever after.

Two steps. The safety core (`weigh`) finds everything that speaks against the pack, gravest first;
the verdict is that of the gravest reason, for every act and at every door. Then the rule pack of
the market says whether this client may do this act to a pack in this state (2016/161 Art. 10 to 13
and 36). A rule pack can forbid what the core allows; it can never allow what the core forbids.

Questions are asked in the order: role, exemption, product, serial, lot, expiry, then state.
Serials and lots are compared by exact characters. Which CHECK a person may settle at the pack is
decision 0096.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from epcis.clock import day_in
from schemas.dispositions import Condition
from verification.decision.act import TAKING_OUT, MatrixRow, PackAct
from verification.decision.rule_pack import Ruling
from verification.decision.sentences import SAY, SAY_RESULT
from verification.decision.words import (
    OF_DOUBT,
    OF_STATE,
    STOPS,
    SUCCESSES,
    WEIGHT,
    LotState,
    PackState,
    ProductState,
    Reason,
    Result,
    Word,
    reason_of_condition,
    word_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from verification.decision.act import Wish
    from verification.decision.facts import Facts, KnownPack
    from verification.decision.rule_pack import RulePack


class Judgement(msgspec.Struct, frozen=True, omit_defaults=True):
    """The judgement on a pack, and what is to be written if anything is."""

    verdict: Word
    """About the pack as it was found; for an undo, as it will be."""
    reasons: tuple[Reason, ...]
    """Everything that speaks against it, gravest first; `genuine` alone where nothing does."""
    may_proceed: bool
    """Whether the act was allowed; for a verification, whether the pack may be supplied."""
    result: Result
    say: str
    becomes: PackState | None = None
    """The pack's new state; None leaves it."""
    counts_repeat: bool = False
    marks_stolen: bool = False
    alert: bool = False

    @property
    def reason(self) -> Reason:
        """The gravest reason."""
        return self.reasons[0]

    @property
    def also(self) -> tuple[Reason, ...]:
        """Further reasons, lighter than the first."""
        return self.reasons[1:]

    @property
    def is_success(self) -> bool:
        """Whether the client gets status 200: answered, done or noted."""
        return self.result in SUCCESSES


CONFIRMABLE = frozenset(
    {Reason.LOT_NOT_RECORDED, Reason.EXPIRY_NOT_RECORDED, Reason.UNKNOWN_DISPOSITION}
)
"""What the print and the papers can settle at the pack. Everything else that is CHECK was put on
the pack by somebody, and is lifted by name or by closing the case, never at the counter."""

EVIDENCE = frozenset({Reason.SUSPECT, Reason.HELD, Reason.QUARANTINED})
"""What is under investigation is not destroyed (DSCSA 582(c)(4), 2016/161 Art. 24)."""

CONTRADICTIONS = frozenset(
    {
        Reason.SEEN_AFTER_END,
        Reason.LOT_CONFLICT,
        Reason.EXPIRY_CONFLICT,
        Reason.COMMISSIONED_TWICE,
    }
)
"""Records that contradict each other: one of two packs is false, so they alert like a clone."""

_IDENTITY = {
    Reason.UNKNOWN_PRODUCT: Result.PRODUCT_UNKNOWN,
    Reason.UNKNOWN_SERIAL: Result.SERIAL_UNKNOWN,
    Reason.LOT_DIFFERS: Result.LOT_DIFFERS,
    Reason.EXPIRY_DIFFERS: Result.EXPIRY_DIFFERS,
    Reason.CANNOT_TELL: Result.CANNOT_TELL,
    Reason.NOT_CONFIRMED: Result.SERIAL_UNKNOWN,
}
"""Why the pack is not the one on record; no act is done on such a pack."""

_FORBIDS = {
    Reason.RECALLED: Result.RECALLED,
    Reason.WITHDRAWN: Result.WITHDRAWN,
    Reason.EXPIRED: Result.EXPIRED,
    Reason.HELD: Result.HELD,
}
_ABOVE = frozenset({MatrixRow.EXPIRED, MatrixRow.RECALLED, MatrixRow.WITHDRAWN, MatrixRow.HELD})
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
_GENUINE = (Reason.GENUINE,)
_SEEN_SINCE = frozenset({Reason.SEEN_AFTER_END, Reason.RETURNED_AFTER_END})


class _Ruled(NamedTuple):
    """What the rule pack makes of an act."""

    result: Result
    becomes: PackState | None = None
    counts_repeat: bool = False
    marks_stolen: bool = False


class _Case(NamedTuple):
    """Everything one decision depends on."""

    facts: Facts
    wish: Wish
    rules: RulePack
    now: datetime
    reasons: tuple[Reason, ...]


def decide(facts: Facts, wish: Wish, rules: RulePack, now: datetime) -> Judgement:
    """Judge an act on a pack.

    `now` is the time the act is judged at. A pack may be used through the whole day of its expiry,
    in the site's time zone. Values the caller did not give are not compared.

    >>> from datetime import UTC, datetime
    >>> from verification.decision.act import TO_VERIFY, Asked
    >>> from verification.decision.facts import Facts, KnownPack
    >>> from verification.decision.rule_pack import shipped
    >>> pack = KnownPack(state=PackState.SUPPLIED)
    >>> facts = Facts(asked=Asked("00355555678908", "S1"), pack=pack)
    >>> judgement = decide(facts, TO_VERIFY, shipped(), datetime(2026, 1, 1, tzinfo=UTC))
    >>> judgement.verdict.value, [reason.value for reason in judgement.reasons]
    ('STOP', ['dispensed', 'expiry-not-recorded'])
    """
    reasons = weigh(facts, now)
    case = _Case(facts, wish, rules, now, reasons)
    ruled = _ruled(case)
    if reasons is _GENUINE and ruled.result is Result.DONE and wish.act is PackAct.VERIFY:
        return _FINE  # nearly every verification
    alert = wish.alerting and _alerts(case, ruled.result)
    if ruled.becomes is PackState.ACTIVE:
        lifted = _lifted(facts)
        reasons = tuple(one for one in reasons if one not in lifted) or _GENUINE
    verdict = word_of(reasons[0])
    if wish.act is PackAct.VERIFY:
        may_proceed = verdict is Word.OK and ruled.result in (Result.DONE, Result.EXEMPT)
    else:
        may_proceed = ruled.result in (Result.DONE, Result.NOOP)
    say = _say(case, ruled.result, reasons[0])
    return Judgement(verdict, reasons, may_proceed, ruled.result, say, *ruled[1:], alert)


_FINE = Judgement(Word.OK, _GENUINE, True, Result.DONE, SAY[Reason.GENUINE])


def weigh(facts: Facts, now: datetime) -> tuple[Reason, ...]:
    """Everything that speaks against a pack, gravest first; `genuine` alone where nothing does."""
    pack = facts.pack
    if pack is None and facts.product_known and not facts.exempt and not facts.is_peer_silent:
        # Nothing more is compared: a wrong serial must not be a way to learn lots or dates.
        return (Reason.UNKNOWN_SERIAL,)
    found = set(_above(facts, now))
    if facts.exempt and (pack is None or not _differs(facts, pack)):
        found = found or {Reason.EXEMPT}
    elif pack is None:
        found.add(_unknown(facts))
    if pack is not None:
        found.update(_identity(facts, pack))
        found.update(_state(pack))
        if facts.readings:
            found.add(Reason.SENSOR_ALARM)
    if not found:
        return _GENUINE
    if len(found) == 1:
        return tuple(found)
    return tuple(sorted(found - {Reason.EXEMPT}, key=WEIGHT.__getitem__))


def matrix_row(facts: Facts, now: datetime) -> MatrixRow:
    """What stands above the pack, else its own state: product, then lot, then expiry, then pack."""
    pack = facts.pack
    assert pack is not None, "an unknown pack has no row"
    if facts.product_state is ProductState.WITHDRAWN:
        return MatrixRow.WITHDRAWN
    if facts.is_recalled:
        return MatrixRow.RECALLED
    if _is_over(facts, now) or Condition.EXPIRED in pack.conditions:
        return MatrixRow.EXPIRED
    if facts.lot_state is LotState.HELD and pack.state is PackState.ACTIVE:
        return MatrixRow.HELD
    return MatrixRow(pack.state.value)


def _unknown(facts: Facts) -> Reason:
    if facts.is_peer_silent:
        return Reason.CANNOT_TELL
    return Reason.UNKNOWN_SERIAL if facts.product_known else Reason.UNKNOWN_PRODUCT


def _differs(facts: Facts, pack: KnownPack) -> bool:
    return any(one in _IDENTITY for one in _identity(facts, pack))


def _identity(facts: Facts, pack: KnownPack) -> Iterator[Reason]:
    asked = facts.asked
    if asked.lot is not None and pack.lot is None:
        yield Reason.LOT_NOT_RECORDED
    elif asked.lot is not None and asked.lot != pack.lot:
        yield Reason.LOT_DIFFERS
    if pack.expiry is None:
        # Nobody can say that it has not passed, whatever the caller read (decision 0087).
        yield Reason.EXPIRY_NOT_RECORDED
    elif asked.expiry is not None and asked.expiry not in (pack.expiry, facts.extended):
        yield Reason.EXPIRY_DIFFERS


def _above(facts: Facts, now: datetime) -> Iterator[Reason]:
    """What stands above the single pack: cases, product, lot, expiry."""
    if facts.doubt is not None:
        yield OF_DOUBT[facts.doubt]
    if facts.product_state is ProductState.WITHDRAWN:
        yield Reason.WITHDRAWN
    if facts.lot_state in (LotState.RECALLED, LotState.CLOSED):
        yield Reason.RECALLED
    elif facts.lot_state is LotState.HELD:
        yield Reason.HELD
    if _is_over(facts, now):
        yield Reason.EXPIRED


def _is_over(facts: Facts, now: datetime) -> bool:
    pack, extended = facts.pack, facts.extended
    last = (pack.expiry if pack is not None else None) or facts.asked.expiry
    if extended is not None and (last is None or extended > last):
        last = extended
    return last is not None and day_in(facts.zone, now) > last


def _state(pack: KnownPack) -> Iterator[Reason]:
    """The pack's own state and its lasting conditions."""
    own = OF_STATE.get(pack.state)
    if own is Reason.DISPENSED and Condition.RETURNED_AFTER_END in pack.conditions:
        own = None  # answered as returned; any other end stays an end
    if own is not None:
        yield own
    if pack.stolen:
        yield Reason.STOLEN
    for condition in pack.conditions:
        yield reason_of_condition(condition)


def _lifted(facts: Facts) -> frozenset[Reason]:
    """What an undo lifts: the pack's own state, and that it was seen since; nothing else."""
    own = OF_STATE.get(facts.pack.state) if facts.pack is not None else None
    return _SEEN_SINCE | {own} if own is not None else _SEEN_SINCE


def _ruled(case: _Case) -> _Ruled:
    wish = case.wish
    refused = _refused(case)
    if refused is not None:
        return _Ruled(refused)
    confirmed = _identified(case)
    if confirmed is not None:
        return _Ruled(confirmed)
    if wish.act is PackAct.VERIFY:
        return _Ruled(Result.DONE if case.reasons == _GENUINE else Result.NOT_TO_SUPPLY)
    ruled = _by_rules(case)
    if ruled.result not in SUCCESSES:
        return ruled
    forbidding = _forbidding(case, ruled)
    return ruled if forbidding is None else _Ruled(_result_of(forbidding))


def _refused(case: _Case) -> Result | None:
    """Why the request is refused whatever the pack is; None where it is looked at."""
    facts, wish = case.facts, case.wish
    if facts.who is not None and not case.rules.allows(
        facts.who.role, wish.act, alerting=wish.alerting
    ):
        return Result.NOT_ALLOWED
    if not facts.owned and wish.act is not PackAct.VERIFY:
        return Result.NOT_OWNER
    return None if facts.time_plausible else Result.TIME_NOT_PLAUSIBLE


def _identified(case: _Case) -> Result | None:
    """Why the pack is not one that can be acted on; None where it is the one on record."""
    facts, reasons = case.facts, case.reasons
    if facts.exempt and (facts.pack is None or not _differs(facts, facts.pack)):
        against = next((one for one in reasons if one is not Reason.EXEMPT), None)
        if against is None:
            return Result.EXEMPT
        if facts.pack is None:
            return _result_of(against)
    for reason in reasons:
        if reason is Reason.UNKNOWN_SERIAL and facts.asked.lot is not None and not facts.lot_known:
            return Result.LOT_AND_SERIAL_UNKNOWN
        if reason in _IDENTITY:
            return _IDENTITY[reason]
    return None


def _by_rules(case: _Case) -> _Ruled:
    """The matrix: first what stands above the pack, then the pack's own state."""
    pack, rules, wished = case.facts.pack, case.rules, case.wish.act.target
    assert pack is not None, "identity was confirmed against a pack"
    assert wished is not None, "every act but verify has a state that it leads to"
    above = matrix_row(case.facts, case.now)
    if above in _ABOVE and rules.ruling(above, wished) is Ruling.BLOCKED:
        return _Ruled(_BLOCKED[above])
    ruling = rules.ruling(MatrixRow(pack.state.value), wished)
    if ruling in _CONDITIONAL:
        return _CONDITIONAL[ruling](case, pack)
    if ruling is Ruling.OK:
        return _Ruled(Result.DONE, becomes=wished)
    if ruling is Ruling.MARK:
        return _Ruled(Result.DONE, marks_stolen=True)
    return _Ruled(_PLAIN[ruling])


_PLAIN = {
    Ruling.NOOP: Result.NOOP,
    Ruling.SAME: Result.ALREADY_IN_STATE,
    Ruling.FINAL: Result.UNDO_REFUSED,
    Ruling.IMPOSSIBLE: Result.IMPOSSIBLE,
    Ruling.BLOCKED: Result.IMPOSSIBLE,
}


def _forbidding(case: _Case, ruled: _Ruled) -> Reason | None:
    """The gravest reason for which the safety core forbids what the rules would allow."""
    facts, wish = case.facts, case.wish
    if case.reasons is _GENUINE:
        return None
    if wish.act in TAKING_OUT:
        evidence = EVIDENCE if wish.act is PackAct.DESTROY else frozenset()
        return next((one for one in case.reasons if one in evidence), None)
    settled = {Reason.GENUINE, Reason.EXEMPT}
    if ruled.becomes is PackState.ACTIVE or ruled.counts_repeat:
        settled |= _lifted(facts)
    if wish.confirmed:
        settled |= CONFIRMABLE
        if facts.asked.expiry is None:
            # Who confirms an expiry nobody recorded says which day is printed on the pack.
            settled.discard(Reason.EXPIRY_NOT_RECORDED)
    return next((one for one in case.reasons if one not in settled), None)


def _result_of(reason: Reason) -> Result:
    if reason in _FORBIDS:
        return _FORBIDS[reason]
    if reason in _IDENTITY:
        return _IDENTITY[reason]
    return Result.STOPPED if reason in STOPS else Result.TO_CHECK


def _alerts(case: _Case, result: Result) -> bool:
    """Whether the result is one that others must hear of.

    No pack of a recalled lot or withdrawn product is a suspected falsification, and no state that
    expiry or a hold forbids (Art. 36(b)).
    """
    facts = case.facts
    is_asked_for = case.rules.alerts_on(result, intermarket=facts.intermarket)
    contradicted = not CONTRADICTIONS.isdisjoint(case.reasons)
    if not is_asked_for and not contradicted:
        return False
    if facts.product_state is ProductState.WITHDRAWN or facts.is_recalled:
        return False
    above = facts.pack is not None and matrix_row(facts, case.now) in _ABOVE
    if above and result in _STATE_RESULTS:
        return False
    return is_asked_for or (not above and result is not Result.NOT_ALLOWED)


def _say(case: _Case, result: Result, reason: Reason) -> str:
    by_result = case.wish.act is not PackAct.VERIFY or result is Result.NOT_ALLOWED
    if by_result and result in SAY_RESULT:
        return SAY_RESULT[result]
    sentence = SAY[reason]
    return sentence.format(values=_values(case.facts, reason)) if "{" in sentence else sentence


def _values(facts: Facts, reason: Reason) -> str:
    """The values that a reason is about, as they stand in its sentence."""
    if reason is Reason.LOT_CONFLICT:
        values = facts.lots_recorded
    elif reason is Reason.EXPIRY_CONFLICT:
        values = facts.expiries_recorded
    elif reason is Reason.SENSOR_ALARM:
        values = facts.readings
    else:
        pack = facts.pack
        values = tuple(
            mark.partition(":")[2] or mark
            for mark in (pack.conditions if pack is not None else ())
            if reason_of_condition(mark) is reason
        )
    return f" ({', '.join(values)})" if values else ""


def _undo(case: _Case, pack: KnownPack) -> _Ruled:
    """The predicate of Art. 13: same premises, same authorisation, in time, not handed over."""
    who, undo = case.facts.who, case.rules.undo
    if not _names_state(case.wish, pack):
        return _Ruled(Result.UNDO_OTHER_TYPE)
    if pack.handed_over or pack.stolen:
        return _Ruled(Result.UNDO_REFUSED)
    other = undo.same_authorisation and (who is None or who.authorisation != pack.authorisation)
    if other or not _is_here(case, pack):
        return _Ruled(Result.UNDO_ELSEWHERE)
    if pack.since is not None and pack.since > case.now:
        return _Ruled(Result.UNDO_OTHER_TYPE)  # an act sent late cannot undo what came after it
    if pack.since is None or case.now - pack.since > timedelta(hours=undo.window_h):
        return _Ruled(Result.UNDO_TOO_LATE)
    return _Ruled(Result.DONE, becomes=PackState.ACTIVE)


def _unlock(case: _Case, pack: KnownPack) -> _Ruled:
    if not _names_state(case.wish, pack):
        return _Ruled(Result.UNDO_OTHER_TYPE)
    if pack.stolen:
        return _Ruled(Result.UNDO_REFUSED)
    if not _is_here(case, pack):
        return _Ruled(Result.UNDO_ELSEWHERE)
    return _Ruled(Result.DONE, becomes=PackState.ACTIVE)


def _is_here(case: _Case, pack: KnownPack) -> bool:
    """Whether the client stands where the pack's state was set: at a place, not in a country."""
    who = case.facts.who
    return who is not None and bool(who.location) and who.location == pack.location


def _names_state(wish: Wish, pack: KnownPack) -> bool:
    return wish.undo_of is None or wish.undo_of.target is pack.state


def _repeat(case: _Case, pack: KnownPack) -> _Ruled:
    limit = case.rules.double_supply
    here = _is_here(case, pack)
    window = timedelta(hours=limit.window_h)
    in_time = pack.since is not None and case.now - pack.since <= window
    if not here or not in_time or pack.repeats >= limit.repeats_max:
        return _Ruled(Result.ALREADY_IN_STATE)
    last = pack.repeats + 1 == limit.repeats_max
    return _Ruled(Result.REPEAT_LAST if last else Result.REPEAT, counts_repeat=True)


_CONDITIONAL: dict[Ruling, Callable[[_Case, KnownPack], _Ruled]] = {
    Ruling.UNDO: _undo,
    Ruling.UNLOCK: _unlock,
    Ruling.REPEAT: _repeat,
}
