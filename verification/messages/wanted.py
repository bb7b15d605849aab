"""What can be asked about one pack, and the answers: the values between routes and answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from verification.decision.render import Verdict, VrsResponse
from verification.fmd.perform import OperationAnswer

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.http_context import Caller
    from verification.decision.act import Asked, PackRequest
    from verification.vrs.question import VrsQuestion


class Verification(msgspec.Struct, frozen=True):
    """A pack to be verified for a caller."""

    asked: Asked
    caller: Caller
    manual: bool = False
    """Typed by hand, not scanned."""
    alerting: bool = True
    """False: the pack is not at hand, or is asked about for another reason than to supply it."""
    as_of: datetime | None = None
    """The moment to judge by, where it is not the act's own: records never go back in time."""


class OperationWanted(msgspec.Struct, frozen=True):
    """A pack operation that a caller wants."""

    request: PackRequest
    caller: Caller


class PartnerQuestion(msgspec.Struct, frozen=True):
    """A trading partner's verification question."""

    question: VrsQuestion
    caller: Caller
    credential: str = "not_checked"
    """What was found out about the requester's credential."""


class RecordedAnswer(msgspec.Struct, frozen=True):
    """Answer received from a peer repository; recorded, not decided here."""

    request: PackRequest
    caller: Caller
    answer: OperationAnswer
    verdict: Verdict | None = None
    """The answer in the words of a verification, where that was asked."""


class StatusGuess(msgspec.Struct, frozen=True):
    """A status query that met an unknown serial number, and asks whether it may say so."""

    caller: Caller


@dataclass(frozen=True, slots=True)
class WithinBudget:
    """Yes: it was counted, and may be answered."""


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """No answer: the caller has guessed too often today and must prove who it is."""


@dataclass(frozen=True, slots=True)
class NotOurs:
    """No answer: this product is not answered for here."""


Wanted = Verification | OperationWanted | PartnerQuestion | RecordedAnswer | StatusGuess
GivenAnswer = Verdict | OperationAnswer | VrsResponse | WithinBudget | BudgetSpent | NotOurs
