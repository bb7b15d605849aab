"""A budget against guessing serial numbers, and an answer that teaches a guesser nothing."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import delete

from epcis.ledger.entry import LeafKind
from verification.decision.sentences import SAY
from verification.decision.words import Reason, Word
from verification.registry.pack_tables import unknown_answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from epcis.database.transactions import Transaction
    from verification.decision.render import Verdict

_TELLING = frozenset({Reason.UNKNOWN_SERIAL, Reason.LOT_DIFFERS, Reason.EXPIRY_DIFFERS})
_COUNT = (
    "INSERT INTO unknown_answer (client, gtin, address, day, answers) VALUES (?, ?, ?, ?, 1)"
    " ON CONFLICT (client, gtin, address, day)"
    " DO UPDATE SET answers = unknown_answer.answers + 1 RETURNING answers"
)
_ONE_AT_A_TIME = f"SELECT pg_advisory_xact_lock({int.from_bytes(b'guessing')})"
_COUNT_POSTGRESQL = _COUNT.replace("?", "%s")
_READ = """
SELECT u.client, u.gtin, u.address, u.answers FROM {asked} JOIN unknown_answer u
ON u.client = q.client AND u.gtin = q.gtin AND u.address = q.address AND u.day = {mark}
"""
_ASKED_POSTGRESQL = "unnest(%s::text[], %s::text[], %s::text[]) AS q(client, gtin, address)"


class Guesser(NamedTuple):
    """Who may be guessing, and at which product's serial numbers."""

    client: str
    gtin: str
    address: str


class Budget:
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
        if not tx.is_sqlite:
            # One act at a time: two that count the same guessers in another order would wait for
            # each other.
            tx.driver.execute(_ONE_AT_A_TIME)
        statement = _COUNT if tx.is_sqlite else _COUNT_POSTGRESQL
        (answers,) = tx.driver.execute(statement, values).fetchone()
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
        values: list[object]
        if self._tx.is_sqlite:
            marks = ", ".join(["(?, ?, ?)"] * len(guessers))
            asked = f"(WITH q(client, gtin, address) AS (VALUES {marks}) SELECT * FROM q) AS q"  # noqa: S608  # marks only
            values = [value for guesser in guessers for value in guesser]
            statement = _READ.format(asked=asked, mark="?")
        else:
            values = [list(column) for column in zip(*guessers, strict=True)]
            statement = _READ.format(asked=_ASKED_POSTGRESQL, mark="%s")
        rows = self._tx.driver.execute(statement, [*values, self._day])
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
