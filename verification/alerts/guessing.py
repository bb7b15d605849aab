"""A budget against guessing serial numbers, and an answer that teaches a guesser nothing."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import delete

from epcis.database.many_writers import one_at_a_time
from epcis.database.raw_driver import ListQuestion, RawDriver
from epcis.ledger.entry import LeafKind
from verification.decision.sentences import SAY
from verification.decision.words import Reason, Word
from verification.registry.pack_tables import unknown_answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from epcis.ledger.store import Transaction
    from verification.decision.render import Verdict

_TELLING = frozenset({Reason.UNKNOWN_SERIAL, Reason.LOT_DIFFERS, Reason.EXPIRY_DIFFERS})
_COUNT = (
    "INSERT INTO unknown_answer (client, gtin, address, day, answers) VALUES (?, ?, ?, ?, 1)"
    " ON CONFLICT (client, gtin, address, day)"
    " DO UPDATE SET answers = unknown_answer.answers + 1 RETURNING answers"
)
_READ = ListQuestion(
    "SELECT u.client, u.gtin, u.address, u.answers FROM q JOIN unknown_answer u"
    " ON u.client = q.client AND u.gtin = q.gtin AND u.address = q.address AND u.day = q.day",
    client="text",
    gtin="text",
    address="text",
    day="text",
)


class Guesser(NamedTuple):
    """Who may be guessing, and at which product's serial numbers."""

    client: str
    gtin: str
    address: str


class GuessBudget:
    """How many unknown-serial answers some callers were given today, and may be given."""

    def __init__(self, tx: Transaction, guessers: Iterable[Guesser], *, answers_max: int) -> None:
        self._tx = tx
        self._answers_max = answers_max
        self._day = tx.now.date().isoformat()
        self._answers = self._read(list(dict.fromkeys(guessers)))

    def is_spent(self, guesser: Guesser) -> bool:
        """Whether the caller has used up its unknown-serial answers for the product today."""
        return self._answers.get(guesser, 0) >= self._answers_max

    def count(self, guesser: Guesser) -> bool:
        """Count one unknown-serial answer; whether it may still be given.

        The one that spends the budget is logged as an alert.
        """
        tx, values = self._tx, (*guesser, self._day)
        # Two that count the same guessers in another order would wait for each other.
        one_at_a_time(tx, "guessing")
        ((answers,),) = RawDriver(tx).all(_COUNT, values)
        self._answers[guesser] = answers
        if answers == self._answers_max:
            client, gtin, address = guesser
            tx.log(
                LeafKind.CASE,
                msgspec.json.encode({"alert": "guessing", "gtin": gtin, "day": self._day}),
                msgspec.json.encode({"client": client, "address": address, "answers": answers}),
            )
        return bool(answers <= self._answers_max)

    def _read(self, guessers: list[Guesser]) -> dict[Guesser, int]:
        if not guessers:
            return {}
        rows = _READ.rows(self._tx, [(*guesser, self._day) for guesser in guessers])
        return {Guesser(*row[:3]): row[3] for row in rows}


VEIL_S = 0.02
"""Veiled answers leave at whole steps of this time after their question."""


async def until_veiled(begun_s: float) -> None:
    """Wait for the next step of time after a question that came at `begun_s` (`time.monotonic`).

    An unknown serial number takes more looks than a wrong lot; how long an answer took must not
    say what the answer itself does not.
    """
    await asyncio.sleep(VEIL_S - (time.monotonic() - begun_s) % VEIL_S)


def veiled(answer: Verdict) -> Verdict:
    """The verdict for a caller who does not own the product's data.

    Unknown serial, wrong lot and wrong expiry look the same, and nothing of the record shows.
    """
    if answer.reason not in _TELLING:
        return answer
    return msgspec.structs.replace(
        answer,
        word=Word.STOP,
        reason=Reason.NOT_CONFIRMED,
        say=SAY[Reason.NOT_CONFIRMED],
        facts=msgspec.structs.replace(answer.facts, pack=None, extended=None),
        also=(),
        cause="",
    )


def step_up(tx: Transaction, *, client: str, by: str) -> None:
    """Give a client its budget back, after somebody has made sure who it is."""
    tx.connection.execute(delete(unknown_answer).where(unknown_answer.c.client == client))
    tx.log(
        LeafKind.ACCESS,
        msgspec.json.encode({"act": "guessing-budget-renewed", "client": client}),
        msgspec.json.encode({"by": by}),
    )
