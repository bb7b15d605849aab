"""A budget against guessing serial numbers, and an answer that teaches a guesser nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import delete

from epcis.ledger.entry import LeafKind
from verification.tables import unknown_answer
from verification.verdict import SAY, Reason, Verdict, Word

if TYPE_CHECKING:
    from epcis.store.database import Act, View

_TELLING = frozenset({Reason.UNKNOWN_SERIAL, Reason.LOT_DIFFERS, Reason.EXPIRY_DIFFERS})
_COUNT = (
    "INSERT INTO unknown_answer (client, gtin, address, day, answers) VALUES (?, ?, ?, ?, 1)"
    " ON CONFLICT (client, gtin, address, day)"
    " DO UPDATE SET answers = unknown_answer.answers + 1 RETURNING answers"
)
_COUNT_POSTGRESQL = _COUNT.replace("?", "%s")
_READ = (
    "SELECT answers FROM unknown_answer WHERE client = ? AND gtin = ? AND address = ? AND day = ?"
)
_READ_POSTGRESQL = _READ.replace("?", "%s")


def veiled(answer: Verdict) -> Verdict:
    """The verdict for a caller who does not own the product's data.

    Unknown serial, wrong lot and wrong expiry look the same, and nothing of the record shows.
    """
    if answer.reason not in _TELLING:
        return answer
    return replace(
        answer,
        word=Word.STOP,
        reason=Reason.NOT_CONFIRMED,
        say=SAY[Reason.NOT_CONFIRMED],
        facts=replace(answer.facts, pack=None),
        also=(),
    )


def is_spent(
    view: View, *, client: str, gtin: str, address: str, day: str, answers_max: int
) -> bool:
    """Whether the caller has used up its unknown-serial answers for the product today."""
    statement = _READ if view.is_sqlite else _READ_POSTGRESQL
    row = view.driver.execute(statement, (client, gtin, address, day)).fetchone()
    return row is not None and row[0] >= answers_max


def count_unknown(
    act: Act, *, client: str, gtin: str, address: str, day: str, answers_max: int
) -> int:
    """Count one unknown-serial answer; the one that spends the budget is logged as an alert."""
    statement = _COUNT if act.is_sqlite else _COUNT_POSTGRESQL
    (answers,) = act.driver.execute(statement, (client, gtin, address, day)).fetchone()
    if answers == answers_max:
        act.log(
            LeafKind.CASE,
            msgspec.json.encode({"alert": "guessing", "gtin": gtin, "day": day}),
            msgspec.json.encode({"client": client, "address": address, "answers": answers}),
        )
    return int(answers)


def step_up(act: Act, *, client: str, by: str) -> None:
    """Give a client its budget back, after somebody has made sure who it is."""
    act.connection.execute(delete(unknown_answer).where(unknown_answer.c.client == client))
    act.log(
        LeafKind.ACCESS,
        msgspec.json.encode({"act": "guessing-budget-renewed", "client": client}),
        msgspec.json.encode({"by": by}),
    )
