"""Answers that are given while a large document holds the one writer.

A verification changes nothing but the history and the log. Its record is made durable in a small
journal beside the database file before the answer leaves, and taken into the history and the log in
one act as soon as the writer is free. What needs the writer for its answer (a guess that is
counted, an alert, an act) waits for it. Decision 0141.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from epcis.database.columns import microseconds
from epcis.database.journal import SideJournal
from epcis.database.raw_driver import RawDriver
from epcis.database.transactions import StoreAway, StoreFull, WriterHeld
from verification.registry import history

if TYPE_CHECKING:
    from collections.abc import Callable

    from epcis.clock import Clock
    from epcis.ledger.store import Store, Transaction
    from verification.messages.wanted import GivenAnswer, Wanted

TAKEN_AT_ONCE = 50
"""Rounds of answers taken into the history by one act."""
LOOK_S = 0.5
"""How often it is seen whether the writer is free again."""
_TAKEN = "SELECT taken FROM answer_aside WHERE journal = ?"
_OTHERS = "DELETE FROM answer_aside WHERE journal <> ?"
"""The file of a journal that was taken in whole is gone; nobody asks about it again."""
_MARK = (
    "INSERT INTO answer_aside (journal, taken) VALUES (?, ?)"
    " ON CONFLICT (journal) DO UPDATE SET taken = excluded.taken"
)
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[history.HistoryEntry])


class NeedsWriter(Exception):  # noqa: N818  # says what an answer needs
    """The answer cannot be given without an act."""


def journal_of(store: Store) -> SideJournal | None:
    """The journal beside the database file; None where many can write."""
    if store.file is None or not store.has_one_writer:
        return None
    return SideJournal(store.file.with_suffix(".aside"))


Round = tuple[list["GivenAnswer"], list[history.HistoryEntry]]


class AsideWorker:
    """Answers rounds from a snapshot; what needs the writer gets NeedsWriter instead."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        journal: SideJournal,
        work: Callable[[Transaction, list[Wanted]], Round],
    ) -> None:
        self._store = store
        self._clock = clock
        self._journal = journal
        self._work = work

    def answer(self, requests: list[Wanted]) -> list[GivenAnswer | BaseException]:
        """An answer for each request, its record durable, or its fault."""
        try:
            return [*self._together(requests)]
        except Exception as fault:  # noqa: BLE001  # handed to whoever asked
            if len(requests) == 1:
                return [fault]
        return [answer for one in requests for answer in self.answer([one])]

    def close(self) -> None:
        """It holds nothing of its own."""

    def _together(self, requests: list[Wanted]) -> list[GivenAnswer]:
        now = self._clock()
        with self._store.read_as_act(now) as tx:
            answers, entries = self._work(tx, requests)
        if entries:
            self._journal.keep(microseconds(now), _ENCODER.encode(entries))
        # A crash before this leaves no answer, after it a record that is taken in at the start.
        return answers


def take_in(store: Store, journal: SideJournal, clock: Clock) -> int:
    """Take the oldest rounds into the history and the log, each once; returns how many.

    Raises StoreAway and StoreFull; then they wait on.
    """
    rounds = journal.oldest(TAKEN_AT_ONCE)
    if not rounds:
        journal.forget(0)
        return 0
    with store.write(clock(), waits=False) as tx:
        driver = RawDriver(tx)
        taken = driver.one(_TAKEN, (journal.id,))
        for one in rounds:
            if taken is None or one.number > taken[0]:
                history.keep(tx, _DECODER.decode(one.entries), at_us=one.at_us)
        driver.run(_OTHERS, (journal.id,))
        driver.run(_MARK, (journal.id, rounds[-1].number))
        # A crash after this commit leaves them in the journal too: the mark passes them over.
    journal.forget(rounds[-1].number)
    return len(rounds)


async def run_aside(
    store: Store, journal: SideJournal | None, clock: Clock, stop: asyncio.Event
) -> None:
    """Take answers in as soon as the writer is free, until `stop` is set."""
    while not stop.is_set():
        if journal is not None and not journal.is_empty and not store.is_held:
            try:
                if await asyncio.to_thread(take_in, store, journal, clock):
                    continue
            except (WriterHeld, StoreAway, StoreFull):
                pass  # they wait on
        try:
            await asyncio.wait_for(stop.wait(), LOOK_S if journal is not None else None)
        except TimeoutError:
            continue
