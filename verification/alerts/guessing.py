"""A budget against guessing serial numbers, and an answer that teaches a guesser nothing."""

from __future__ import annotations

import asyncio
import time
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import delete

from epcis.database.many_writers import one_at_a_time
from epcis.database.raw_driver import RawDriver
from epcis.ledger.entry import LeafKind
from epcis.problem import Problem
from verification.decision.sentences import SAY
from verification.decision.words import Reason, Word
from verification.registry.pack_tables import unknown_answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from epcis.ledger.store import Transaction
    from verification.decision.render import Verdict

_TELLING = frozenset({Reason.UNKNOWN_SERIAL, Reason.LOT_DIFFERS, Reason.EXPIRY_DIFFERS})
_COUNT = (
    "INSERT INTO unknown_answer (guesser, day, answers) VALUES (?, ?, 1)"
    " ON CONFLICT (guesser, day) DO UPDATE SET answers = unknown_answer.answers + 1"
    " RETURNING answers"
)
NETWORK_SHARE = 5
"""So many times the answers of one client may be given to all clients of its network together."""
_BITS = {4: 24, 6: 64}
"""How much of an address names its network."""


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """The network that an address belongs to; empty where it is this machine's own or unknown.

    >>> network_of("192.0.2.77"), network_of("127.0.0.1")
    ('192.0.2.0/24', '')
    """
    try:
        one = ip_address(address)
    except ValueError:
        return ""
    return "" if one.is_loopback else str(ip_network((one, _BITS[one.version]), strict=False))


class Guesser(NamedTuple):
    """Who may be guessing serial numbers, whatever the product and the door."""

    client: str
    network: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names that its answers are counted under."""
        return (f"client {self.client}", *((f"network {self.network}",) if self.network else ()))


class LockedGuessers:
    """Who has spent its budget today, remembered in memory so that nobody else is slowed.

    A process that does not know it yet learns it from the count of the next guess.
    """

    def __init__(self) -> None:
        self._day = ""
        self._names: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._names)

    def has(self, guesser: Guesser, day: str) -> bool:
        """Whether a guesser is locked on a day."""
        return self._day == day and not self._names.isdisjoint(guesser.names)

    def add(self, name: str, day: str) -> None:
        """Lock one on a day."""
        if self._day != day:
            self._day, self._names = day, set()
        self._names.add(name)

    def clear(self) -> None:
        """Let everybody be counted again by the database."""
        self._names = set()


class GuessBudget:
    """How many unknown-serial answers some callers were given today, and may be given."""

    def __init__(self, tx: Transaction, guessers: Iterable[Guesser], *, answers_max: int) -> None:
        self._tx = tx
        self._answers_max = answers_max
        self._day = tx.now.date().isoformat()
        self._locked = tx.companions.one(LockedGuessers)
        self._of_client = {one.client: one for one in guessers}

    def guesser(self, client: str) -> Guesser | None:
        """The guesser behind a client; None for a client that nobody counts."""
        return self._of_client.get(client)

    def is_spent(self, guesser: Guesser) -> bool:
        """Whether the caller, or its network, has used up its unknown-serial answers today."""
        return bool(self._locked) and self._locked.has(guesser, self._day)

    def count(self, guesser: Guesser) -> bool:
        """Count one unknown-serial answer; whether it may still be given.

        The one that spends the budget is logged as an alert, once.
        """
        # Two that count the same guessers in another order would wait for each other.
        one_at_a_time(self._tx, "guessing")
        allowed = [self._count(name) for name in guesser.names]
        return all(allowed)

    def _count(self, name: str) -> bool:
        ((answers,),) = RawDriver(self._tx).all(_COUNT, (name, self._day))
        most = self._most(name)
        if answers >= most:
            self._locked.add(name, self._day)
        if answers == most:
            self._tx.log(
                LeafKind.CASE,
                msgspec.json.encode({"alert": "guessing", "day": self._day}),
                msgspec.json.encode({"guesser": name, "answers": answers}),
            )
        return bool(answers <= most)

    def _most(self, name: str) -> int:
        share = NETWORK_SHARE if name.startswith("network ") else 1
        return self._answers_max * share


ANSWERS_A_DAY = 20
"""Answers about unknown serial numbers that a client may get in a day, where nobody set another."""
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


def guessed_too_often() -> Problem:
    """The answer to a caller whose budget is spent."""
    return Problem(
        429,
        "Too many unknown serial numbers",
        "your unknown serial numbers of today are used up; ask the operator to confirm who you are,"
        " or come back tomorrow",
        headers={"Retry-After": "86400"},
    )


def step_up(tx: Transaction, *, client: str, by: str) -> None:
    """Give a client its budget back, after somebody has made sure who it is."""
    names = Guesser(client).names
    tx.connection.execute(delete(unknown_answer).where(unknown_answer.c.guesser.in_(names)))
    tx.companions.one(LockedGuessers).clear()
    tx.log(
        LeafKind.ACCESS,
        msgspec.json.encode({"act": "guessing-budget-renewed", "client": client}),
        msgspec.json.encode({"by": by}),
    )
