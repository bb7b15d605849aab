"""Perform pack operations: look, decide, write, tell; all of it in the caller's one act.

Exactly once: SQLite has one writer and PostgreSQL locks the pack, so of many parallel supplies one
finds the pack active. A client's transaction id that comes again gets the first answer again.
"""

from __future__ import annotations

import hashlib
from datetime import datetime  # noqa: TC003  # msgspec reads the annotations at run time
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import select

from epcis.capture import record
from epcis.database.columns import microseconds
from epcis.database.raw_driver import RawDriver
from epcis.ledger.entry import LeafKind
from verification.alerts import alert
from verification.decision.verdict import PackState, Word
from verification.fmd import cause
from verification.fmd.cause import Cause, Hint
from verification.fmd.decide import Outcome, decide, spell
from verification.fmd.event import event_of
from verification.fmd.known import known_of, meant_serial
from verification.fmd.operation import Known, Operation, PackRequest, Who, standing
from verification.fmd.packs import Packs
from verification.fmd.result import SPELLINGS, Result
from verification.fmd.rulepack import parse
from verification.registry import history
from verification.registry.pack_tables import client_transaction, rule_pack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction
    from verification.fmd.packs import Row
    from verification.fmd.rulepack import RulePack

EVENT_PACKS_MAX = 1000
"""Packs in one recorded event."""

_UNKNOWN = (Result.SERIAL_UNKNOWN, Result.LOT_AND_SERIAL_UNKNOWN)


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to one operation, before it is put in a client's words."""

    code: str
    serial: str
    operation: Operation
    result: Result
    http: int
    hub: str
    soap: str
    rest: str
    say: str
    rules: str
    """Id and version of the rule pack."""
    rules_sha256: str
    at: datetime
    state: PackState | None = None
    standing: str | None = None
    lot: str | None = None
    expiry: str | None = None
    alert: str | None = None
    cause: str = ""
    cause_say: str = ""
    intermarket: bool = False
    transaction: str | None = None

    @property
    def severity(self) -> int:
        """0 success, 1 success with a warning, 2 failure, 3 failure with an alert."""
        if self.http == 200:
            return 1 if self.result in (Result.REPEAT, Result.REPEAT_LAST) else 0
        return 3 if self.alert else 2

    @property
    def word(self) -> Word:
        """The word for the person at the counter."""
        if self.http == 200 or self.result is Result.EXEMPT:
            sellable = self.state in (PackState.ACTIVE, None) and self.standing in ("Active", None)
            checked = self.operation is Operation.VERIFY
            return Word.OK if sellable or not checked else Word.STOP
        cannot_tell = self.result in (Result.PRODUCT_UNKNOWN, Result.CANNOT_TELL)
        return Word.UNKNOWN if cannot_tell else Word.STOP


class _Done(NamedTuple):
    """One operation that was decided and written, on its way to log and event."""

    request: PackRequest
    who: Who
    known: Known
    outcome: Outcome
    answer: Answer


def perform(
    tx: Transaction, requests: Sequence[tuple[PackRequest, Who]], rules: RulePack
) -> list[Answer]:
    """Perform operations one after the other; an answer for each, in order.

    All or none is written: a caller that wants each to stand for itself gives each its own act.
    """
    transactions = [f"{who.client} {one.transaction}" for one, who in requests if one.transaction]
    packs = Packs(tx, ((one.code, one.serial) for one, _ in requests), transactions)
    done: list[_Done] = []
    answers: list[Answer] = []
    for request, who in requests:
        earlier = _answered_before(tx, request, who)
        if earlier is not None:
            answers.append(earlier)
            continue
        one = _perform_one(tx, packs, request, who, rules)
        done.append(one)
        answers.append(one.answer)
        _remember(tx, one)
    packs.write()
    _keep(tx, done, rules)
    return answers


def query(
    snapshot: Snapshot, request: PackRequest, who: Who, rules: RulePack, now: datetime
) -> Answer:
    """The status of a pack without alert, entry or change (Art. 36(f))."""
    quiet = msgspec.structs.replace(request, operation=Operation.VERIFY, alerting=False)
    return status_of(quiet, who, known_of(snapshot, quiet, who.market), rules, now)


def status_of(
    request: PackRequest, who: Who, known: Known, rules: RulePack, now: datetime
) -> Answer:
    """The answer to a query about a pack that is known: a verification that does not alert."""
    outcome = decide(request, who, known, rules, now)
    return answer_of(request, who, known, outcome, rules=rules, now=now)


def _perform_one(
    tx: Transaction, packs: Packs, request: PackRequest, who: Who, rules: RulePack
) -> _Done:
    known = packs.known(request, who.market)
    outcome = decide(request, who, known, rules, tx.now)
    hint = hint_of(tx, request, who, known, outcome)
    answer = answer_of(request, who, known, outcome, rules=rules, now=tx.now, hint=hint)
    if outcome.alert:
        late = is_late(request, tx.now, rules)
        alert_id = alert.raise_alert(
            tx, request, who, result=outcome.result, hub=answer.hub, hint=hint, late=late
        )
        answer = msgspec.structs.replace(answer, alert=alert_id)
    if outcome.becomes or outcome.counts_repeat or outcome.marks_stolen:
        packs.put(row_after(request, who, known, outcome, tx.now))
    return _Done(request, who, known, outcome, answer)


def is_late(request: PackRequest, now: datetime, rules: RulePack) -> bool:
    """Whether a request is the replay of something scanned long before (Art. 29)."""
    return request.scanned is not None and (
        (now - request.scanned).total_seconds() > rules.late_after_s
    )


def hint_of(
    snapshot: Snapshot, request: PackRequest, who: Who, known: Known, outcome: Outcome
) -> Hint:
    """What probably lies behind an outcome that is not as wished."""
    if outcome.is_success and outcome.result is Result.DONE:
        return Hint()
    meant = Cause.NONE
    if outcome.result in _UNKNOWN and outcome.alert:
        meant = meant_serial(snapshot, request)
    return cause.hint(request, who, known, outcome.result, meant)


def answer_of(
    request: PackRequest,
    who: Who,
    known: Known,
    outcome: Outcome,
    *,
    rules: RulePack,
    now: datetime,
    hint: Hint | None = None,
) -> Answer:
    """What came out, with its codes in every family's words."""
    spelling = SPELLINGS[outcome.result]
    codes = spell(request, who, known, outcome)
    record_ = known.pack
    return Answer(
        code=request.code,
        serial=request.serial,
        operation=request.operation,
        result=outcome.result,
        http=spelling.http,
        **codes,
        say=spelling.say,
        rules=rules.title,
        rules_sha256=rules.sha256,
        at=now,
        state=outcome.becomes or (record_.state if record_ else None),
        standing=standing(known, now).value if record_ and not outcome.becomes else None,
        lot=record_.lot if record_ else None,
        expiry=record_.expiry.isoformat() if record_ and record_.expiry else None,
        cause=hint.cause.value if hint else "",
        cause_say=hint.say if hint else "",
        intermarket=known.intermarket,
        transaction=request.transaction,
    )


def row_after(request: PackRequest, who: Who, known: Known, outcome: Outcome, now: datetime) -> Row:
    """The pack's row as an operation leaves it, columns as in table `pack`."""
    before = known.pack
    assert before is not None, "only a known pack is changed"
    changes = outcome.becomes is not None
    at = request.scanned if request.scanned and request.scanned < now else now
    since = at if changes or before.since is None else before.since
    return (
        request.code,
        request.serial,
        before.lot,
        before.expiry.isoformat() if before.expiry else None,
        (outcome.becomes or before.state).value,
        microseconds(since),
        who.location if changes else before.location,
        who.authorisation if changes else before.authorisation,
        0 if changes else before.repeats + int(outcome.counts_repeat),
        before.version + 1,
        int(before.stolen or outcome.marks_stolen or outcome.becomes is PackState.STOLEN),
        int(request.handed_over or (before.handed_over and not changes)),
    )


def _keep(tx: Transaction, done: Sequence[_Done], rules: RulePack) -> None:
    """History, log and events of everything that was done in this act."""
    if not done:
        return
    keep_rules(tx, rules)
    for kind in (LeafKind.VERDICT, LeafKind.PACK_OPERATION):
        entries = [_entry(one, rules) for one in done if _leaf_kind(one) is kind]
        if entries:
            history.keep(tx, entries, kind)
    groups: dict[tuple[Operation, str, datetime], list[_Done]] = {}
    for one in done:
        if one.outcome.becomes or one.outcome.marks_stolen:
            at = one.request.scanned or tx.now
            groups.setdefault((one.request.operation, one.who.location, at), []).append(one)
    events = []
    for (operation, _, at), group in groups.items():
        for start in range(0, len(group), EVENT_PACKS_MAX):
            part = group[start : start + EVENT_PACKS_MAX]
            packs = [(one.request.code, one.request.serial) for one in part]
            events.append(event_of(operation, packs, part[0].who, at))
    if events:
        record(tx, events)


def _leaf_kind(one: _Done) -> LeafKind:
    verify = one.request.operation is Operation.VERIFY
    return LeafKind.VERDICT if verify else LeafKind.PACK_OPERATION


def _entry(one: _Done, rules: RulePack) -> history.HistoryEntry:
    return history.HistoryEntry(
        one.request.code,
        one.request.serial,
        one.request.operation.value,
        one.outcome.result.value,
        one.who.client,
        one.who.location,
        msgspec.json.encode(
            {"request": one.request, "who": one.who, "known": one.known, "outcome": one.outcome}
        ),
        scanned=one.request.scanned,
        alert=one.answer.alert,
        rules=rules.sha256,
    )


class Record(msgspec.Struct):
    """What a history entry of an operation holds."""

    request: PackRequest
    who: Who
    known: Known
    outcome: Outcome


def replay(snapshot: Snapshot, past: history.Past) -> tuple[Outcome, Outcome]:
    """Decide an old operation again under the rules it was decided by: (then, now).

    The two are equal, or the record or the rules were tampered with. Raises LookupError where
    the rule pack is not kept here.
    """
    content = snapshot.connection.execute(
        select(rule_pack.c.content).where(rule_pack.c.sha256 == past.rules)
    ).scalar()
    if content is None:
        raise LookupError(f"no rule pack {past.rules} is kept here")
    rules = parse(bytes(content))
    if rules.sha256 != past.rules:
        raise LookupError(f"the kept rule pack {past.rules} was altered")
    kept = msgspec.convert(past.record, type=Record)
    again = decide(kept.request, kept.who, kept.known, rules, past.at)
    return kept.outcome, again


def keep_rules(tx: Transaction, rules: RulePack) -> None:
    """Keep the rule pack's bytes under its name, once."""
    RawDriver(tx).run(
        "INSERT INTO rule_pack (sha256, id, version, content, first_used_us)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (rules.sha256, rules.id, rules.version, rules.content, microseconds(tx.now)),
    )


def _answered_before(tx: Transaction, request: PackRequest, who: Who) -> Answer | None:
    """The answer this client got for this transaction id; another request under it is refused."""
    if request.transaction is None:
        return None
    table = client_transaction.c
    row = tx.connection.execute(
        select(table.request_sha256, table.answer).where(
            table.client == who.client, table.id == request.transaction
        )
    ).first()
    if row is None:
        return None
    first = msgspec.json.decode(bytes(row.answer), type=Answer)
    if row.request_sha256 == _digest(request):
        return first
    spelling = SPELLINGS[Result.TRANSACTION_REUSED]
    return msgspec.structs.replace(
        first,
        code=request.code,
        serial=request.serial,
        operation=request.operation,
        result=Result.TRANSACTION_REUSED,
        http=spelling.http,
        hub=spelling.hub,
        soap=spelling.soap,
        rest=spelling.rest,
        say=spelling.say,
        at=tx.now,
        alert=None,
    )


def _remember(tx: Transaction, one: _Done) -> None:
    if one.request.transaction is None:
        return
    tx.connection.execute(
        client_transaction.insert().values(
            client=one.who.client,
            id=one.request.transaction,
            request_sha256=_digest(one.request),
            answer=msgspec.json.encode(one.answer),
            at_us=microseconds(tx.now),
        )
    )


def _digest(request: PackRequest) -> str:
    return hashlib.sha256(msgspec.json.encode(request, order="deterministic")).hexdigest()
