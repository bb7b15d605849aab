"""Answers what was asked at the same time: verdicts, pack operations, partners' questions.

Requests that wait together are answered in one transaction.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from epcis.database.autocommit_read import autocommit_read
from epcis.database.transactions import WriterHeld
from verification.alerts.alert import raise_alert
from verification.alerts.guessing import (
    GuessBudget,
    Guesser,
    LockedGuessers,
    guessed_too_often,
    network_of,
    veiled,
)
from verification.alerts.suspicion import suspicion_of
from verification.answering.aside import AsideWorker, NeedsWriter, journal_of
from verification.answering.batch_queue import BatchQueue, TransactionWorker
from verification.decision.act import TO_LOOK_UP, TO_VERIFY, Asked, ParticipantRole
from verification.decision.decide import decide
from verification.decision.facts import RecordedPack, facts_from, look
from verification.decision.render import Verdict, VrsResponse, respond
from verification.decision.restrictions import Restrictions
from verification.decision.words import Reason
from verification.fmd.cause import Cause, Hint
from verification.fmd.perform import OperationAnswer, is_answered, perform, remember
from verification.messages.wanted import (
    BudgetSpent,
    GivenAnswer,
    NotOurs,
    OperationWanted,
    PartnerQuestion,
    RecordedAnswer,
    StatusGuess,
    Verification,
    Wanted,
    WithinBudget,
)
from verification.peers.peer_lookup import maybe_elsewhere
from verification.registry import history
from verification.registry.participants import place_of, who_is
from verification.registry.rights import company_of, owns_product

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from epcis.clock import Clock
    from epcis.http_context import Caller
    from epcis.ledger.store import Store, Transaction
    from verification.answering.aside import Round
    from verification.answering.batch_queue import BatchWorker
    from verification.decision.act import Who
    from verification.decision.facts import Facts
    from verification.peers.partner_connections import PartnerConnections
    from verification.registry.rights import ActingCompany
    from verification.settings import VerificationSettings

WORKERS = 2
"""Batches under way at once where many can write: while one waits for the server's disk, another is
worked on."""


Seen = tuple[Restrictions, RecordedPack]
"""What restricts packs at this moment, and what is recorded of one pack."""


class Answering:
    """Answers all questions about packs in one application; belongs to one event loop."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: VerificationSettings,
        connections: PartnerConnections,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._connections = connections
        workers = 1 if store.has_one_writer else WORKERS
        self.journal = journal_of(store)
        """Where records wait while a large document is stored; None where many can write."""
        self._batches = self._queue(
            TransactionWorker(store, clock, self._work, waits=False) for _ in range(workers)
        )
        self._patient = self._queue([TransactionWorker(store, clock, self._work)])
        self._aside = (
            self._queue([AsideWorker(store, clock, self.journal, self._work_aside)])
            if self.journal
            else None
        )
        self._looks: BatchQueue[tuple[str, str], Seen] = BatchQueue(
            [_LookWorker(store) for _ in range(WORKERS)],
            waiting_max=settings.waiting_max,
            gather_turns=0,  # a look has no commit to share
        )

    async def look(self, gtin: str, serial: str) -> Seen:
        """What is recorded of a pack, read on a thread beside the event loop."""
        return await self._looks.ask((gtin, serial))

    def is_locked(self, caller: Caller) -> bool:
        """Whether a caller is known here to have guessed too often today."""
        locked = self._store.companions.one(LockedGuessers)
        return locked.has(guesser_of(caller), self._clock().date().isoformat())

    async def ask(self, wanted: Wanted) -> GivenAnswer:
        """The answer to one request, once it is durable; peers are asked for an unknown pack."""
        if self._settings.peers:
            peers, now = self._connections.peers, self._clock()
            wanted = await maybe_elsewhere(wanted, peers, self._store, self._settings, now)
        if not self._store.is_held:
            with suppress(WriterHeld):
                return await self._batches.ask(wanted)
        if self._aside and isinstance(wanted, Verification | PartnerQuestion):
            with suppress(NeedsWriter):
                return await self._aside.ask(wanted)
        return await self._patient.ask(wanted)

    def close(self) -> None:
        """Finish the batches under way; whoever asks later is answered again."""
        for queue in filter(None, (self._batches, self._patient, self._aside)):
            queue.close()
        self._looks.close()
        if self.journal:
            self.journal.close()

    def _queue(
        self, workers: Iterable[BatchWorker[Wanted, GivenAnswer]]
    ) -> BatchQueue[Wanted, GivenAnswer]:
        return BatchQueue(list(workers), waiting_max=self._settings.waiting_max)

    def _work_aside(self, tx: Transaction, batch: list[Wanted]) -> Round:
        round_ = _Round(tx, batch, self._settings, writes=False)
        return round_.answers(), round_.entries

    def _work(self, tx: Transaction, batch: list[Wanted]) -> list[GivenAnswer]:
        return answer_round(tx, batch, self._settings)


class _LookWorker:
    """Looks up the packs of a batch, as (product code, serial), in one statement.

    It works beside the event loop, where every other request would wait for the database's answer.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def answer(self, packs: list[tuple[str, str]]) -> list[Seen | BaseException]:
        """What is seen of each pack; the fault for all where there is no database."""
        try:
            with autocommit_read(self._store) as snapshot:
                stops, rows = look(snapshot, packs)
        except Exception as fault:  # noqa: BLE001  # handed to whoever asked
            return [fault] * len(packs)
        return [(stops, row) for row in rows]

    def close(self) -> None:
        """It holds nothing: its snapshots wait with the store's others."""


def answer_round(
    tx: Transaction, round_: list[Wanted], settings: VerificationSettings
) -> list[GivenAnswer]:
    """An answer for each request, in order; what was answered is kept in the act."""
    return _Round(tx, round_, settings).answers()


def verify_for(tx: Transaction, wanted: Verification, settings: VerificationSettings) -> Verdict:
    """One verification by a caller, kept with its alert: what the page and the command ask.

    Raises `Problem` 429 where the caller has guessed too often.
    """
    (given,) = answer_round(tx, [wanted], settings)
    if not isinstance(given, Verdict):
        raise guessed_too_often()
    return given


class _Round:
    """Requests that are answered in one act; what is known of their packs is looked up at once.

    One that writes nothing raises NeedsWriter for an answer that has to.
    """

    def __init__(
        self,
        tx: Transaction,
        round_: Sequence[Wanted],
        settings: VerificationSettings,
        *,
        writes: bool = True,
    ) -> None:
        self._tx = tx
        self._writes = writes
        self._round = round_
        self._settings = settings
        self._rules = settings.rule_pack
        self.entries: list[history.HistoryEntry] = []
        """What is kept of the answers."""
        self._owned: dict[tuple[ActingCompany, str], bool] = {}
        questions = [one for one in round_ if isinstance(one, Verification | PartnerQuestion)]
        asked = [_asked(one) for one in questions]
        self._stops, rows = look(tx, [(one.gtin, one.serial) for one in asked])
        self._facts = [
            facts_from(tx, one, self._anybody(question.caller), self._stops, row)
            for one, question, row in zip(asked, questions, rows, strict=True)
        ]
        self._budget = GuessBudget(
            tx,
            (guesser_of(one.caller) for one in round_ if not self._is_own(one.caller)),
            answers_max=settings.unknown_answers_a_day,
        )

    def _anybody(self, caller: Caller) -> Who:
        """The caller as one who may ask: a verdict does not hang on who scanned the pack."""
        who = who_is(self._stops, caller, self._settings)
        return msgspec.structs.replace(who, role=ParticipantRole.PHARMACY)

    def answers(self) -> list[GivenAnswer]:
        """Answers in the order of the requests; kept where they are of that kind."""
        given: list[GivenAnswer | None] = []
        facts = iter(self._facts)
        for wanted in self._round:
            if isinstance(wanted, OperationWanted):
                given.append(None)
            elif isinstance(wanted, RecordedAnswer):
                given.append(self._hear(wanted))
            elif isinstance(wanted, StatusGuess):
                may = self._may_be_answered(wanted.caller, is_guess=True)
                given.append(WithinBudget() if may else BudgetSpent())
            else:
                given.append(self._answer(wanted, next(facts)))
        self._keep()
        operations = iter(self._operate())
        return [next(operations) if one is None else one for one in given]

    def _is_own(self, caller: Caller) -> bool:
        """Whether the operator itself asks, which need not guess."""
        return "admin" in caller.scopes and company_of(self._stops, caller).is_operator

    def _answer(self, wanted: Verification | PartnerQuestion, facts: Facts) -> GivenAnswer:
        if not self._may_be_answered(
            wanted.caller, is_guess=facts.pack is None and facts.product_known
        ):
            return BudgetSpent()
        if isinstance(wanted, Verification):
            return self._verify(wanted, facts)
        return self._respond(wanted, facts)

    def _may_be_answered(self, caller: Caller, *, is_guess: bool) -> bool:
        """Whether an answer may be given; one about an unknown serial number is counted."""
        guesser = self._budget.guesser(caller.name)
        if guesser is None:
            return True
        if self._budget.is_spent(guesser):
            return False
        if not is_guess:
            return True
        self._must_write()
        return self._budget.count(guesser)

    def _must_write(self) -> None:
        if not self._writes:
            raise NeedsWriter

    def _verify(self, wanted: Verification, facts: Facts) -> Verdict:
        tx = self._tx
        wish = TO_VERIFY if wanted.alerting else TO_LOOK_UP
        judgement = decide(facts, wish, self._rules, wanted.as_of or tx.now)
        answer = Verdict.of(judgement, facts)
        if judgement.alert:
            self._must_write()
            raised = suspicion_of(tx, facts, judgement, manual=wanted.manual)
            answer = msgspec.structs.replace(answer, alert=raised.alert, cause=raised.hint.say)
        if not self._owns(wanted.caller, facts.asked.gtin):
            answer = veiled(answer)
        place = place_of(self._stops, wanted.caller)
        self.entries.append(verdict_entry(answer, wanted.caller.name, place))
        return answer

    def _respond(self, wanted: PartnerQuestion, facts: Facts) -> VrsResponse | NotOurs:
        if not facts.product_known:
            return NotOurs()
        judgement = decide(facts, TO_LOOK_UP, self._rules, self._tx.now)
        response = respond(judgement, facts, self._settings.vrs_policy)
        self.entries.append(_vrs_entry(wanted, response))
        return response

    def _hear(self, wanted: RecordedAnswer) -> GivenAnswer:
        who = who_is(self._stops, wanted.caller, self._settings)
        _keep_peers_alert(self._tx, wanted, who)
        if not is_answered(self._tx, wanted.request, who):
            remember(self._tx, wanted.request, who, wanted.answer)
        self.entries.append(_peer_entry(self._stops, wanted))
        return self._answer_of_peer(wanted, wanted.verdict) if wanted.verdict else wanted.answer

    def _answer_of_peer(self, wanted: RecordedAnswer, verdict: Verdict) -> GivenAnswer:
        """A peer's verdict; a stranger to the product guesses no better there than here."""
        caller = wanted.caller
        if not self._may_be_answered(caller, is_guess=verdict.reason is Reason.UNKNOWN_SERIAL):
            return BudgetSpent()
        return verdict if caller.party is None else veiled(verdict)

    def _keep(self) -> None:
        if self.entries and self._writes:
            history.keep(self._tx, self.entries)

    def _operate(self) -> list[OperationAnswer]:
        operations = [one for one in self._round if isinstance(one, OperationWanted)]
        if not operations:
            return []
        requests = [
            (one.request, who_is(self._stops, one.caller, self._settings)) for one in operations
        ]
        return perform(self._tx, requests, self._rules, self._budget)

    def _owns(self, caller: Caller, gtin: str) -> bool:
        """Whether a caller may learn what is recorded: the operator, or the product's owner."""
        if caller.party is None:
            return True
        company = company_of(self._stops, caller)
        owned = self._owned.get((company, gtin))
        if owned is None:
            owned = owns_product(self._tx, company, gtin, self._settings.company_prefixes)
            self._owned[company, gtin] = owned
        return owned


def _asked(wanted: Verification | PartnerQuestion) -> Asked:
    if isinstance(wanted, Verification):
        return wanted.asked
    question = wanted.question
    expiry = question.expiry.last_day if question.expiry else None
    return Asked(question.gtin, question.serial, question.lot, expiry)


def guesser_of(caller: Caller) -> Guesser:
    """Whose guesses are counted: the key's, in whosever name it asks, and its network's."""
    return Guesser(caller.name, network_of(caller.client))


def verdict_entry(answer: Verdict, client: str, location: str) -> history.HistoryEntry:
    """What is kept of a verdict given to a client at a place."""
    asked = answer.facts.asked
    record = msgspec.json.encode(
        {
            "verdict": answer.word,
            "reason": answer.reason,
            "gtin": asked.gtin,
            "serial": asked.serial,
            "lot": asked.lot,
            "expiry": asked.expiry,
            "client": client,
        }
    )
    return history.HistoryEntry(
        asked.gtin,
        asked.serial,
        "verify",
        answer.reason.value,
        client,
        location,
        record,
        alert=answer.alert,
    )


def _vrs_entry(wanted: PartnerQuestion, response: VrsResponse) -> history.HistoryEntry:
    question = wanted.question
    result = response.reason or (response.info or "verified")
    record = msgspec.json.encode(
        {
            "question": {
                "corrUUID": question.corr_uuid,
                "gtin": question.gtin,
                "serial": question.serial,
                "lot": question.lot,
                "exp": question.expiry.text if question.expiry else None,
                "reqGLN": question.requester,
                "context": question.context,
                "ctrlPossessAtt": question.in_possession,
                "email": question.email,
                "telephone": question.telephone,
                "version": question.version,
            },
            "verified": response.verified,
            "reason": response.reason,
            "info": response.info,
            "rule": response.rule,
            "credential": wanted.credential,
        }
    )
    return history.HistoryEntry(
        question.gtin,
        question.serial,
        "vrs",
        str(result),
        wanted.caller.name,
        f"/414/{question.requester}",
        record,
        rules=None,
    )


def _keep_peers_alert(tx: Transaction, wanted: RecordedAnswer, who: Who) -> None:
    """Keep the alert that a peer raised for our client, under the same id."""
    answer = wanted.answer
    if answer.alert is None:
        return
    raise_alert(
        tx,
        wanted.request,
        who,
        result=answer.result.value,
        hub=answer.hub,
        hint=Hint(Cause(answer.cause), "medium" if answer.cause else ""),
        late=False,
        known_as=answer.alert,
    )


def _peer_entry(stops: Restrictions, wanted: RecordedAnswer) -> history.HistoryEntry:
    request, answer = wanted.request, wanted.answer
    return history.HistoryEntry(
        request.code,
        request.serial,
        request.operation.value,
        answer.result.value,
        wanted.caller.name,
        place_of(stops, wanted.caller),
        msgspec.json.encode({"request": request, "peer": answer}),
        scanned=request.scanned,
        alert=answer.alert,
    )
