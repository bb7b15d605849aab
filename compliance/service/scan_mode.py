"""What a scan does beside asking: the modes of the page to scan on, and the second scan of a pack.

A hand that scans one pack twice means it once: the second scan within a minute repeats the answer,
raises no second alert and does no act again.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import select

from epcis.database.columns import microseconds
from verification.acts.kinds import KINDS, ActKind
from verification.alerts.guessing import guessed_too_often
from verification.answering.answers import answer_round, verify_for
from verification.decision.act import PackAct, PackRequest
from verification.decision.words import Result, Word
from verification.fmd.perform import OperationAnswer
from verification.messages.wanted import OperationWanted
from verification.registry.pack_tables import pack_operation
from verification.registry.rights import SCOPE_OF_ACT, need_act

if TYPE_CHECKING:
    from epcis.http_context import Caller
    from epcis.ledger.store import Transaction
    from verification.decision.render import Verdict
    from verification.messages.wanted import Verification
    from verification.settings import VerificationSettings

SAME_SCAN = timedelta(seconds=60)
"""Within this time the same pack at the same counter is the same scan."""


class ScanMode(StrEnum):
    """What the next scan does."""

    VERIFY = "verify"
    SUPPLY = "supply"
    RECEIVE = "receive"
    RETURN = "return"
    UNDO = "undo"

    @property
    def act(self) -> PackAct:
        """The act on a pack; only for modes that are no act in the warehouse."""
        return PackAct(self.value)

    @property
    def in_warehouse(self) -> ActKind | None:
        """The act in the warehouse that a scan does; None where it acts on one pack."""
        return _IN_WAREHOUSE.get(self)

    @property
    def scope(self) -> str:
        """The scope that a scan in this mode asks for."""
        kind = self.in_warehouse
        return KINDS[kind].scope if kind is not None else SCOPE_OF_ACT[self.act]


_IN_WAREHOUSE = {ScanMode.RECEIVE: ActKind.RECEIVE, ScanMode.RETURN: ActKind.RETURN}


class ModeRow(NamedTuple):
    """A mode as the bar shows it."""

    mode: ScanMode
    label: str
    icon: str
    """Symbol of `static/icons.svg`."""
    says: str
    """What the next scan does, under the bar."""
    done: str = ""
    """Sentence shown when the act was done."""

    @property
    def writes(self) -> bool:
        """Whether a scan changes the pack's state."""
        return self.mode is not ScanMode.VERIFY


MODES = (
    ModeRow(
        ScanMode.VERIFY,
        "Verify",
        "verify",
        "Verify only looks. Nothing is changed about the pack; to hand it out, choose Supply.",
    ),
    ModeRow(
        ScanMode.SUPPLY,
        "Supply",
        "supply",
        "Supply writes. Each pack that is OK leaves the stock when it is scanned.",
        "Supplied: the pack has left the stock. Hand it over.",
    ),
    ModeRow(
        ScanMode.RECEIVE,
        "Receive",
        "receive",
        "Receive writes. Each pack, case or pallet that was shipped here is taken in.",
        "Received: it is here now.",
    ),
    ModeRow(
        ScanMode.RETURN,
        "Return",
        "return",
        "Return writes. What a customer sends back is taken in and stays aside.",
        "Taken in as returned: keep it aside until it is inspected.",
    ),
    ModeRow(
        ScanMode.UNDO,
        "Undo",
        "back",
        "Undo writes. A pack that you supplied and still hold comes back into the stock.",
        "Taken back: the pack is in the stock again.",
    ),
)
"""Every mode, in the order of the bar."""
ROW_OF = {row.mode: row for row in MODES}
_ON_PACKS = frozenset({ScanMode.SUPPLY.value, ScanMode.UNDO.value})
"""Modes of which the last one counts, where the same pack was scanned in several."""


class ScanAnswer(NamedTuple):
    """The answer about one scanned pack."""

    verdict: Verdict
    """What is known of the pack, before the act."""
    word: Word
    reason: str
    say: str
    alert: str | None
    cause: str
    is_done: bool = False
    """Whether an act was done, now or by the first scan of this pack."""
    is_repeat: bool = False
    """Whether the pack was scanned here a moment ago."""


class _Scanned(NamedTuple):
    result: str
    alert: str | None


def modes_of(caller: Caller) -> tuple[ModeRow, ...]:
    """The modes that a caller may choose.

    >>> from epcis.http_context import Caller
    >>> [row.label for row in modes_of(Caller("till", frozenset({"verify", "supply"})))]
    ['Verify', 'Supply', 'Undo']
    """
    return tuple(row for row in MODES if row.mode.scope in caller.scopes)


def answer_scan(
    tx: Transaction, wanted: Verification, mode: ScanMode, practice: VerificationSettings
) -> ScanAnswer:
    """Verify a pack in hand, or act on it; raises `Problem` 403 without the scope of the act."""
    need_act(wanted.caller, mode.act)
    before = _scanned_before(tx, wanted, mode)
    if mode is ScanMode.VERIFY:
        return _verified(tx, wanted, before, practice)
    verdict = verify_for(tx, msgspec.structs.replace(wanted, alerting=False), practice)
    row = ROW_OF[mode]
    if before is not None and before.result in (Result.DONE.value, Result.REPEAT.value):
        say = f"{row.done} It was scanned twice; the second scan changed nothing."
        return ScanAnswer(
            verdict, Word.OK, before.result, say, None, "", is_done=True, is_repeat=True
        )
    given = _operated(tx, wanted, mode, practice)
    is_done = given.http == 200 and given.result is not Result.NOOP
    word = {"green": Word.OK, "amber": Word.CHECK}.get(given.colour, Word.STOP)
    if is_done and word is not Word.STOP:
        say = row.done if given.result is Result.DONE else f"{row.done} {given.say}"
        return ScanAnswer(
            verdict, Word.OK, given.result.value, say, given.alert, given.cause_say, is_done=True
        )
    return ScanAnswer(verdict, word, given.result.value, given.say, given.alert, given.cause_say)


def _verified(
    tx: Transaction,
    wanted: Verification,
    before: _Scanned | None,
    practice: VerificationSettings,
) -> ScanAnswer:
    known = before.alert if before is not None else None
    is_alerting = wanted.alerting and known is None
    verdict = verify_for(tx, msgspec.structs.replace(wanted, alerting=is_alerting), practice)
    return ScanAnswer(
        verdict,
        verdict.word,
        verdict.reason.value,
        verdict.say,
        verdict.alert or (known if wanted.alerting else None),
        verdict.cause,
        is_repeat=before is not None,
    )


def _operated(
    tx: Transaction, wanted: Verification, mode: ScanMode, practice: VerificationSettings
) -> OperationAnswer:
    asked = wanted.asked
    request = PackRequest(
        operation=mode.act,
        code=asked.gtin,
        serial=asked.serial,
        lot=asked.lot,
        expiry=asked.expiry,
        manual=wanted.manual,
    )
    (given,) = answer_round(tx, [OperationWanted(request, wanted.caller)], practice)
    if not isinstance(given, OperationAnswer):
        raise guessed_too_often()
    return given


def _scanned_before(tx: Transaction, wanted: Verification, mode: ScanMode) -> _Scanned | None:
    """The last scan of the same pack by the same caller in the same mode, a moment ago."""
    kept, asked = pack_operation.c, wanted.asked
    row = tx.connection.execute(
        select(kept.result, kept.alert, kept.operation)
        .where(
            kept.client == wanted.caller.name,
            kept.at_us > microseconds(tx.now - SAME_SCAN),
            kept.code == asked.gtin,
            kept.serial == asked.serial,
        )
        .order_by(kept.at_us.desc(), kept.id.desc())
    )
    acts = _ON_PACKS if mode.value in _ON_PACKS else {mode.value}
    found = next((one for one in row if one.operation in acts), None)
    if found is None or found.operation != mode.value:
        return None
    return _Scanned(found.result, found.alert)
