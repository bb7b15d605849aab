"""Take a delivery in: receive what matches, hold what does not, open the cases about it.

All of it is one transaction. What matches is received as the outermost cases that are wholly here;
of a case that came with other contents than announced, the packs are received and the case is not,
so that no event claims a pack that nobody has seen.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec
from sqlalchemy import select

from compliance.cases.cases import find_case
from compliance.duty_tables import case_item
from compliance.quarantine.acts import perform_by_quarantine, quarantines_of
from compliance.reader.problems import CaseCause, DocumentDeeds, FoundProblem
from compliance.reader.reader import close_what_is_cured, open_or_note
from compliance.receiving.compare import ScanOutcome, compare
from compliance.receiving.expected import expected_goods
from compliance.reports.transactions import IDS_PER_QUESTION
from epcis.problem import Problem
from verification.acts.kinds import ActKind
from verification.acts.once import once
from verification.acts.perform import perform_act, with_place
from verification.acts.request import ActAnswer, ActPackAnswer, ActRequest
from verification.acts.scans import scanned_thing
from verification.decision.many import is_pack, judge_packs, name_of
from verification.decision.words import Reason, Word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from compliance.cases.cases import CaseFile
    from compliance.receiving.compare import Comparison, ScanLine
    from compliance.receiving.expected import ExpectedGoods
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction
    from verification.acts.perform import ActContext

_FINE: Final = frozenset({Reason.GENUINE, Reason.EXEMPT})
_HELD: Final = frozenset({Reason.QUARANTINED})
CASES_SHOWN_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of a delivery."""

    answer: ActAnswer
    cases: tuple[CaseFile, ...]
    """About what did not match; open ones and closed ones."""


def take_in(
    tx: Transaction, number: str, scans: Sequence[str], client_id: str, context: ActContext
) -> TakenIn:
    """Take a delivery in, once for each id of the client.

    Raises ReceivingRefused where no shipment is known, and `Problem` where the act is refused; then
    nothing was done.
    """
    asked = ActRequest(
        kind=ActKind.RECEIVE, client_id=client_id, scans=tuple(scans), orders=(number,)
    )
    answer = once(tx, asked, context.caller, lambda: _Delivery(tx, asked, context).taken_in())
    keys = [*(one.id for one in answer.packs), *answer.missing]
    return TakenIn(answer, tuple(cases_about(tx, keys)))


def cases_about(snapshot: Snapshot, keys: Iterable[str]) -> Iterator[CaseFile]:
    """The cases that name any of these things, newest first, at most `CASES_SHOWN_MAX`."""
    found: set[str] = set()
    wanted = sorted(set(keys))
    for start in range(0, len(wanted), IDS_PER_QUESTION):
        some = wanted[start : start + IDS_PER_QUESTION]
        found.update(
            snapshot.connection.scalars(select(case_item.c.case).where(case_item.c.key.in_(some)))
        )
    cases = filter(None, (find_case(snapshot, one) for one in found))
    yield from sorted(cases, key=lambda one: (one.opened, one.id), reverse=True)[:CASES_SHOWN_MAX]


class _Delivery:
    """One delivery that is being taken in."""

    def __init__(self, tx: Transaction, asked: ActRequest, context: ActContext) -> None:
        self.tx, self.asked, self.context = tx, asked, context
        self.number = asked.orders[0]
        self.goods: ExpectedGoods = expected_goods(tx, self.number)
        scanned = [scanned_thing(one, tx.now.date(), context.recovered) for one in asked.scans]
        self.found: Comparison = compare(self.goods, scanned)

    def taken_in(self) -> ActAnswer:
        """Do everything; raises `Problem` where one part of it is refused."""
        stopped = self._stopped()
        ready = self.found.in_hand - stopped.keys()
        event = self._receive(ready) if ready else None
        self._hold([key for key, is_held in stopped.items() if not is_held], "it may not be sold")
        extra = [line for line in self.found.of(ScanOutcome.EXTRA) if is_pack(line.key)]
        different = self.found.of(ScanOutcome.DIFFERS)
        self._hold(self._not_held(extra), "its data did not come")
        self._hold(self._not_held(different), "print and data differ")
        for problem in self._problems():
            open_or_note(self.tx, problem, f"delivery {self.number}")
        if ready:
            deeds = DocumentDeeds(0, frozenset(ready), ())
            close_what_is_cured(self.tx, deeds, f"delivery {self.number}")
        aside = {line.key for line in (*extra, *different)} | stopped.keys()
        return ActAnswer(
            act=f"A-{self.tx.now:%Y%m%d}-{secrets.token_hex(6)}",
            kind=ActKind.RECEIVE,
            done=bool(ready),
            event=event,
            packs=tuple(_answer(line, stopped) for line in self.found.lines),
            missing=self.found.missing,
            say=f"{len(ready)} packs are received, {len(aside)} are set aside,"
            f" {len(self.found.missing)} are missing.",
        )

    def _stopped(self) -> dict[str, bool]:
        """Packs in hand that something speaks against, and whether they are held already."""
        names = [name_of(key) for key in sorted(self.found.in_hand)]
        judged = judge_packs(self.tx, names, self.tx.now)
        return {
            key: not _HELD.isdisjoint(one.reasons)
            for key, one in zip(sorted(self.found.in_hand), judged, strict=True)
            if not _FINE.issuperset(one.reasons)
        }

    def _not_held(self, lines: list[ScanLine]) -> list[str]:
        keys = [line.key for line in lines]
        judged = judge_packs(self.tx, map(name_of, keys), self.tx.now)
        return [
            key
            for key, one in zip(keys, judged, strict=True)
            if _HELD.isdisjoint(one.reasons) and not quarantines_of(self.tx, key)
        ]

    def _receive(self, ready: frozenset[str]) -> str | None:
        """Receive packs; the id of the event."""
        names = [name for root in self.goods.roots for name in self._wholly(root, ready)]
        act = with_place(
            self.tx,
            msgspec.structs.replace(
                self.asked,
                scans=tuple(names),
                to=f"/414/{self.goods.seller}" if self.goods.seller else "",
                is_opened=True,
            ),
            self.context,
        )
        answer = perform_act(self.tx, act, self.context)
        if not answer.done:
            refused = "; ".join(f"{one.id}: {one.say}" for one in answer.packs[:5] if not one.done)
            raise Problem(409, "Delivery refused", f"{answer.say} {refused}")
        return answer.event

    def _wholly(self, key: str, ready: frozenset[str]) -> Iterator[str]:
        """The outermost things under a thing of which every pack is to be received."""
        packs = list(self.goods.packs_in(key))
        if packs and ready.issuperset(packs):
            yield key
            return
        for inner in self.goods.contents.get(key, ()):
            yield from self._wholly(inner, ready)

    def _hold(self, keys: list[str], why: str) -> None:
        if not keys:
            return
        reason = f"delivery {self.number}: {why}"
        act = ActRequest(kind=ActKind.HOLD, client_id="", scans=tuple(keys), reason=reason)
        answer = perform_by_quarantine(self.tx, act, self.context)
        if not answer.done:
            raise Problem(409, "Delivery refused", f"{answer.say} {answer.packs[0].say}")

    def _problems(self) -> Iterator[FoundProblem]:
        """What does not match, by product and lot."""
        seller = self.goods.seller
        extra: dict[str, list[str]] = defaultdict(list)
        for line in self.found.of(ScanOutcome.EXTRA):
            extra[_gtin(line.key)].append(line.key)
        for gtin, keys in extra.items():
            what = f"{len(keys)} packs came with {self.number}, and its data does not name them"
            yield FoundProblem(CaseCause.NO_DATA, seller, gtin, "", what, tuple(sorted(keys)))
        different: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        for line in self.found.of(ScanOutcome.DIFFERS):
            different[_gtin(line.key), line.lot, line.expiry].append(line.key)
        for (gtin, lot, expiry), keys in different.items():
            what = (
                f"{len(keys)} packs of {self.number} have lot {lot} and expiry {expiry} in print,"
                " and others in the data"
            )
            own = tuple(sorted(keys))
            yield FoundProblem(CaseCause.PRINT_DIFFERS, seller, gtin, lot, what, own, expiry=expiry)
        missing: dict[tuple[str, str], list[str]] = defaultdict(list)
        for key in self.found.missing:
            missing[_gtin(key), self.goods.packs[key].lot].append(key)
        for (gtin, lot), keys in missing.items():
            what = f"{len(keys)} packs are in the data of {self.number}, and did not come"
            yield FoundProblem(CaseCause.MISSING, seller, gtin, lot, what, tuple(keys))


def _gtin(key: str) -> str:
    return key[4:18] if key.startswith("/01/") else ""


def _answer(line: ScanLine, stopped: dict[str, bool]) -> ActPackAnswer:
    is_fine = line.outcome in (ScanOutcome.MATCHES, ScanOutcome.CONTAINER)
    done = is_fine and line.key not in stopped
    return ActPackAnswer(
        id=line.key or line.scan,
        scan=line.scan,
        verdict=Word.OK if done else Word.CHECK,
        reason=line.outcome.value,
        say=line.say if done or not is_fine else "something speaks against it: it is set aside",
        done=done,
    )
