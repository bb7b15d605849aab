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

from epcis.database.columns import microseconds
from epcis.database.columns import pack_key as packed
from epcis.database.raw_driver import RawDriver
from epcis.ledger.entry import LeafKind
from verification.alerts import alert
from verification.decision.act import CHANGES, PackAct, PackRequest, ParticipantRole, Who
from verification.decision.decide import Judgement, decide, matrix_row
from verification.decision.facts import Facts, facts_of
from verification.decision.rule_pack import parse
from verification.decision.sentences import SAY_RESULT
from verification.decision.words import PackState, Reason, Result, Word, word_of
from verification.fmd import cause
from verification.fmd.as_of import facts_as_of, judged_at
from verification.fmd.cause import Cause, Hint
from verification.fmd.event import EVENT_PACKS_MAX, event_of
from verification.fmd.packs import Packs
from verification.fmd.result import SPELLINGS, spell
from verification.registry import history
from verification.registry.pack_tables import client_transaction, pack, rule_pack
from verification.registry.rights import owns_product, participants_company

if TYPE_CHECKING:
    from collections.abc import Sequence

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction
    from verification.alerts.guessing import GuessBudget
    from verification.decision.rule_pack import RulePack
    from verification.fmd.packs import Row

OWNERS = (ParticipantRole.MAH, ParticipantRole.PARALLEL_DISTRIBUTOR)
"""Who acts by owning the product; everybody else acts by having the pack in hand."""
_OWNERS_ACTS = frozenset(CHANGES) - {PackAct.CHECK_OUT}
"""What an owner does to its own products only; repacking begins with somebody else's."""

_NOT_THEIRS = (Result.NOT_ALLOWED, Result.NOT_OWNER)
TOO_MANY_GUESSES = (
    "Too many unknown serial numbers were asked for today: the operator must confirm who you are."
)
_UNKNOWN = (Result.SERIAL_UNKNOWN, Result.LOT_AND_SERIAL_UNKNOWN)


class OperationAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to one operation, before it is put in a client's words."""

    code: str
    serial: str
    operation: PackAct
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
    reason: Reason
    """The gravest reason of the judgement; `genuine` where nothing speaks against the pack."""
    also: tuple[Reason, ...] = ()
    """Further reasons, gravest first."""
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
        if self.alert:
            return 3
        if self.http != 200:
            return 2
        return 0 if self.word is Word.OK else 1

    @property
    def colour(self) -> str:
        """Red, amber or green: never green beside a word that is not OK."""
        if self.result in (Result.REPEAT, Result.REPEAT_LAST):
            return "amber"
        if self.severity == 0:
            return "green"
        return "red" if self.word is Word.STOP or self.alert else "amber"

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Every state in force against the pack, gravest first; none where nothing is."""
        return tuple(one for one in (self.reason, *self.also) if one is not Reason.GENUINE)

    @property
    def word(self) -> Word:
        """The word for the person at the counter: the pack's verdict, and never OK on a refusal."""
        word = word_of(self.reason)
        refused = self.http != 200 and self.result is not Result.EXEMPT
        return Word.STOP if refused and word is Word.OK else word


class _Done(NamedTuple):
    """One operation that was decided and written, on its way to log and event."""

    request: PackRequest
    facts: Facts
    judgement: Judgement
    answer: OperationAnswer

    @property
    def who(self) -> Who:
        """Who asked."""
        assert self.facts.who is not None, "an operation has somebody who asks for it"
        return self.facts.who


def perform(
    tx: Transaction,
    requests: Sequence[tuple[PackRequest, Who]],
    rules: RulePack,
    budget: GuessBudget | None = None,
) -> list[OperationAnswer]:
    """Perform operations one after the other; an answer for each, in order.

    All or none is written: a caller that wants each to stand for itself gives each its own act.
    A client whose `budget` of unknown serial numbers is spent gets no answer about any pack.
    """
    transactions = [f"{who.client} {one.transaction}" for one, who in requests if one.transaction]
    packs = Packs(tx, ((one.code, one.serial) for one, _ in requests), transactions)
    done: list[_Done] = []
    answers: list[OperationAnswer] = []
    for request, who in requests:
        earlier = _answered_before(tx, request, who)
        if earlier is not None:
            answers.append(earlier)
            continue
        guesser = budget.guesser(who.client) if budget else None
        if budget and guesser and budget.is_spent(guesser):
            answers.append(_nothing_known(request, rules, tx.now))
            continue
        one = _perform_one(tx, packs, request, who, rules)
        is_guess = one.facts.pack is None and one.facts.product_known
        if budget and guesser and is_guess and not budget.count(guesser):
            answers.append(_nothing_known(request, rules, tx.now))
            continue
        done.append(one)
        answers.append(one.answer)
        remember(tx, request, who, one.answer)
    packs.write()
    _keep(tx, done, rules)
    return answers


def _nothing_known(request: PackRequest, rules: RulePack, now: datetime) -> OperationAnswer:
    """The answer to a client that has guessed too often today: nothing of any pack."""
    spelling = SPELLINGS[Result.NOT_ALLOWED]
    return OperationAnswer(
        code=request.code,
        serial=request.serial,
        operation=request.operation,
        result=Result.NOT_ALLOWED,
        http=429,
        hub=spelling.hub,
        soap=spelling.soap,
        rest=spelling.rest,
        say=TOO_MANY_GUESSES,
        rules=rules.title,
        rules_sha256=rules.sha256,
        at=now,
        reason=Reason.CANNOT_TELL,
        transaction=request.transaction,
    )


def query(
    snapshot: Snapshot, request: PackRequest, who: Who, rules: RulePack, now: datetime
) -> OperationAnswer:
    """The status of a pack without alert, entry or change (Art. 36(f))."""
    quiet = msgspec.structs.replace(request, operation=PackAct.VERIFY, alerting=False)
    facts = facts_of(snapshot, quiet.asked, who)
    if who.abroad:
        facts = msgspec.structs.replace(facts, intermarket=True)
    return status_of(quiet, facts, rules, now)


def status_of(
    request: PackRequest, facts: Facts, rules: RulePack, now: datetime
) -> OperationAnswer:
    """The answer to a query about a pack that was looked up: a verification that does not alert."""
    judgement = decide(facts, request.wish, rules, now)
    return answer_of(request, facts, judgement, rules=rules, now=now)


def _perform_one(
    tx: Transaction, packs: Packs, request: PackRequest, who: Who, rules: RulePack
) -> _Done:
    facts = packs.facts(request, who)
    if who.role in OWNERS and request.operation in _OWNERS_ACTS:
        company = participants_company(who)
        facts = msgspec.structs.replace(facts, owned=owns_product(tx, company, request.code))
    facts = facts_as_of(tx, facts, request, rules, tx.now)
    judgement = decide(facts, request.wish, rules, judged_at(request, tx.now))
    hint = hint_of(tx, request, facts, judgement)
    answer = answer_of(request, facts, judgement, rules=rules, now=tx.now, hint=hint)
    if judgement.alert:
        late = is_late(request, tx.now, rules)
        alert_id = alert.raise_alert(
            tx, request, who, result=alerted_as(judgement), hub=answer.hub, hint=hint, late=late
        )
        answer = msgspec.structs.replace(answer, alert=alert_id)
    if judgement.becomes or judgement.counts_repeat or judgement.marks_stolen:
        packs.put(row_after(request, facts, judgement, tx.now))
    return _Done(request, facts, judgement, answer)


def is_late(request: PackRequest, now: datetime, rules: RulePack) -> bool:
    """Whether a request is the replay of something scanned long before (Art. 29)."""
    return request.scanned is not None and (
        (now - request.scanned).total_seconds() > rules.late_after_s
    )


def hint_of(snapshot: Snapshot, request: PackRequest, facts: Facts, judgement: Judgement) -> Hint:
    """What probably lies behind a result that is not as wished."""
    if judgement.result in (Result.DONE, Result.NOT_TO_SUPPLY) or facts.who is None:
        return Hint()
    meant = Cause.NONE
    if judgement.result in _UNKNOWN and judgement.alert:
        meant = _meant_serial(snapshot, request)
    return cause.hint(request, facts.who, facts, judgement.result, meant)


def _meant_serial(snapshot: Snapshot, request: PackRequest) -> Cause:
    """How an unknown serial came about, where a known one is its likely original."""
    by_text = {other: why for why, other in cause.candidates(request.serial)}
    if not by_text:
        return Cause.NONE
    keys = {packed(history.pack_key(request.code, other)): other for other in by_text}
    recorded = RawDriver(snapshot).all_in("SELECT key FROM item_key WHERE key", list(keys))
    found = [keys[bytes(key)] for (key,) in recorded]
    rows = snapshot.connection.execute(
        select(pack.c.serial).where(pack.c.code == request.code, pack.c.serial.in_(by_text))
    )
    found += [serial for (serial,) in rows]
    return next((why for other, why in by_text.items() if other in found), Cause.NONE)


def alerted_as(judgement: Judgement) -> str:
    """The result that an alert is raised under; records that contradict each other by reason."""
    contradicted = judgement.result in (Result.NOT_TO_SUPPLY, Result.STOPPED)
    return judgement.reason.value if contradicted else judgement.result.value


def answer_of(
    request: PackRequest,
    facts: Facts,
    judgement: Judgement,
    *,
    rules: RulePack,
    now: datetime,
    hint: Hint | None = None,
) -> OperationAnswer:
    """What came out, with its codes in every family's words."""
    codes = spell(request, facts, judgement)
    # Who may not do this learns nothing about the pack.
    known = None if judgement.result in _NOT_THEIRS else facts.pack
    return OperationAnswer(
        code=request.code,
        serial=request.serial,
        operation=request.operation,
        result=judgement.result,
        http=SPELLINGS[judgement.result].http,
        **codes,
        say=judgement.say,
        rules=rules.title,
        rules_sha256=rules.sha256,
        at=now,
        reason=judgement.reason,
        also=judgement.also,
        state=judgement.becomes or (known.state if known else None),
        standing=matrix_row(facts, now).value if known and not judgement.becomes else None,
        lot=known.lot if known else None,
        expiry=known.expiry.isoformat() if known and known.expiry else None,
        cause=hint.cause.value if hint else "",
        cause_say=hint.say if hint else "",
        intermarket=facts.intermarket,
        transaction=request.transaction,
    )


def row_after(request: PackRequest, facts: Facts, judgement: Judgement, now: datetime) -> Row:
    """The pack's row as an operation leaves it, columns as in table `pack`."""
    before, who = facts.pack, facts.who
    assert before is not None, "only a known pack is changed"
    assert who is not None, "somebody changed it"
    changes = judgement.becomes is not None
    opened = request.operation is PackAct.PARTIAL_SUPPLY
    at = judged_at(request, now)
    since = at if changes or before.since is None else before.since
    return (
        request.code,
        request.serial,
        before.lot,
        before.expiry.isoformat() if before.expiry else None,
        (judgement.becomes or before.state).value,
        microseconds(since),
        who.location if changes else before.location,
        who.authorisation if changes else before.authorisation,
        0 if changes else before.repeats + int(judgement.counts_repeat),
        before.version + 1,
        int(before.stolen or judgement.marks_stolen or judgement.becomes is PackState.STOLEN),
        # What was opened cannot come back any more than what was handed over (Art. 13, 28).
        int(opened or request.handed_over or (before.handed_over and not changes)),
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
    groups: dict[tuple[PackAct, str, datetime], list[_Done]] = {}
    for one in done:
        if one.judgement.becomes or one.judgement.marks_stolen:
            at = judged_at(one.request, tx.now)
            groups.setdefault((one.request.operation, one.who.location, at), []).append(one)
    events = []
    for (operation, _, at), group in groups.items():
        for start in range(0, len(group), EVENT_PACKS_MAX):
            part = group[start : start + EVENT_PACKS_MAX]
            packs = [(one.request.code, one.request.serial) for one in part]
            events.append(event_of(operation, packs, part[0].who, at))
    if events:
        from epcis.capture import record  # the readers of documents, which most answers do without

        record(tx, events)


def _leaf_kind(one: _Done) -> LeafKind:
    verify = one.request.operation is PackAct.VERIFY
    return LeafKind.VERDICT if verify else LeafKind.PACK_OPERATION


def _entry(one: _Done, rules: RulePack) -> history.HistoryEntry:
    return history.HistoryEntry(
        one.request.code,
        one.request.serial,
        one.request.operation.value,
        one.judgement.result.value,
        one.who.client,
        one.who.location,
        msgspec.json.encode(
            {"request": one.request, "facts": one.facts, "judgement": one.judgement}
        ),
        scanned=one.request.scanned,
        alert=one.answer.alert,
        rules=rules.sha256,
    )


class OperationRecord(msgspec.Struct):
    """What a history entry of an operation holds."""

    request: PackRequest
    facts: Facts
    judgement: Judgement


def replay(snapshot: Snapshot, past: history.Past) -> tuple[Judgement, Judgement]:
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
    kept = msgspec.convert(past.record, type=OperationRecord)
    at = judged_at(kept.request, past.at)
    return kept.judgement, decide(kept.facts, kept.request.wish, rules, at)


def keep_rules(tx: Transaction, rules: RulePack) -> None:
    """Keep the rule pack's bytes under its name, once."""
    RawDriver(tx).run(
        "INSERT INTO rule_pack (sha256, id, version, content, first_used_us)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (rules.sha256, rules.id, rules.version, rules.content, microseconds(tx.now)),
    )


def _answered_before(tx: Transaction, request: PackRequest, who: Who) -> OperationAnswer | None:
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
    first = msgspec.json.decode(bytes(row.answer), type=OperationAnswer)
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
        say=SAY_RESULT[Result.TRANSACTION_REUSED],
        at=tx.now,
        # Nothing of what the other request was about.
        reason=Reason.CANNOT_TELL,
        also=(),
        state=None,
        standing=None,
        lot=None,
        expiry=None,
        alert=None,
        cause="",
        cause_say="",
        intermarket=False,
    )


def is_answered(snapshot: Snapshot, request: PackRequest, who: Who) -> bool:
    """Whether this client got an answer under this transaction id before, whatever it asked."""
    if request.transaction is None:
        return False
    table = client_transaction.c
    known = select(table.id).where(table.client == who.client, table.id == request.transaction)
    return snapshot.connection.execute(known).first() is not None


def remember(tx: Transaction, request: PackRequest, who: Who, answer: OperationAnswer) -> None:
    """Keep an answer under the client's transaction id, where the client gave one."""
    if request.transaction is None:
        return
    tx.connection.execute(
        client_transaction.insert().values(
            client=who.client,
            id=request.transaction,
            request_sha256=_digest(request),
            answer=msgspec.json.encode(answer),
            at_us=microseconds(tx.now),
        )
    )


def _digest(request: PackRequest) -> str:
    return hashlib.sha256(msgspec.json.encode(request, order="deterministic")).hexdigest()
