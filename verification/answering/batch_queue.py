"""Requests that arrive together are answered in one round: one transaction, one flush to disk.

An answer is given only after the round's commit, so that its audit record is durable by then.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from epcis.database.transactions import WriterHeld, close_for_good
from epcis.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from epcis.clock import Clock
    from epcis.ledger.store import Store, Transaction

Q = TypeVar("Q")
A = TypeVar("A")

WAITING_MAX = 4096
"""Requests that may wait; the next one is answered with 503, to come back."""
ROUND_MAX = 128
"""Requests answered in one transaction."""
GATHER_TURNS = 3
"""Turns of the event loop before a round begins: who was just answered may ask again by then, and
share its commit."""
OVERLAP_WAITING_MIN = 4
"""So many must wait before another worker is taken beside those under way."""
CONNECTION_IDLE_S_MAX = 30.0
"""How long a connection may rest before another is taken, which the store has tried out."""


class BatchWorker(Protocol[Q, A]):
    """Answers one round after the other, on a thread that `BatchQueue` gives it."""

    def answer(self, requests: list[Q]) -> list[A | BaseException]:
        """An answer, or the fault, for each request, in order."""

    def close(self) -> None:
        """Let go of what it holds."""


class BatchQueue(Generic[Q, A]):
    """Answers requests in rounds, each in the next free worker; belongs to one event loop.

    With more than one worker a round can be worked on while another waits for the database.
    """

    def __init__(
        self,
        workers: Sequence[BatchWorker[Q, A]],
        *,
        waiting_max: int = WAITING_MAX,
        round_max: int = ROUND_MAX,
        gather_turns: int = GATHER_TURNS,
    ) -> None:
        self._workers = workers
        self._free = list(workers)
        self._waiting_max = waiting_max
        self._round_max = round_max
        self._gather_turns = gather_turns
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._runners: set[asyncio.Task[None]] = set()
        self._threads: ThreadPoolExecutor | None = None

    async def ask(self, request: Q) -> A:
        """The answer of a worker; raises `Problem` 503 where too many wait."""
        if len(self._waiting) >= self._waiting_max:
            raise Problem(
                503, "Busy", "too many requests wait; try again", headers={"Retry-After": "1"}
            )
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        is_idle = len(self._free) == len(self._workers)
        if is_idle or (self._free and len(self._waiting) >= OVERLAP_WAITING_MIN):
            runner = asyncio.create_task(self._run(self._free.pop()))
            self._runners.add(runner)
            runner.add_done_callback(self._runners.discard)
        return await future

    def close(self) -> None:
        """Let go of threads and workers; rounds under way are finished first.

        Whoever asks later gets new ones.
        """
        if self._threads is not None:
            self._threads.shutdown(wait=True)
            self._threads = None
        for worker in self._workers:
            worker.close()

    async def _next_round(self) -> list[tuple[Q, asyncio.Future[A]]]:
        """Those who wait; empty where nobody does, or another worker was quicker."""
        if self._waiting:
            for _ in range(self._gather_turns):
                await asyncio.sleep(0)
        round_ = self._waiting[: self._round_max]
        del self._waiting[: self._round_max]
        return round_

    async def _run(self, worker: BatchWorker[Q, A]) -> None:
        loop = asyncio.get_running_loop()
        if self._threads is None:
            self._threads = ThreadPoolExecutor(len(self._workers), thread_name_prefix="rounds")
        threads = self._threads
        try:
            while round_ := await self._next_round():
                requests = [request for request, _ in round_]
                answers = await loop.run_in_executor(threads, worker.answer, requests)
                for (_, future), answer in zip(round_, answers, strict=True):
                    _settle(future, answer)
        finally:
            self._free.append(worker)


class TransactionWorker(Generic[Q, A]):
    """Answers each round in one act.

    `work` gets the act and the requests of a round and gives an answer for each, in order. Where
    it fails, each request of the round is tried in an act of its own, so that only the one at
    fault fails. Unless it `waits`, all get WriterHeld while a large act has the one writer.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        work: Callable[[Transaction, list[Q]], list[A]],
        *,
        waits: bool = True,
    ) -> None:
        self._store = store
        self._clock = clock
        self._work = work
        self._waits = waits
        self._connection: Connection | None = None
        self._used_s = 0.0

    def answer(self, requests: list[Q]) -> list[A | BaseException]:
        """An answer for each request, once all of them are durable, or its fault."""
        try:
            return [*self._in_one_act(requests)]
        except WriterHeld as fault:
            return [fault] * len(requests)
        except Exception as fault:  # noqa: BLE001  # handed to whoever asked
            if len(requests) == 1:
                return [fault]
        answers: list[A | BaseException] = []
        for request in requests:
            try:
                answers += self._in_one_act([request])
            except Exception as fault:  # noqa: BLE001  # handed to whoever asked
                answers.append(fault)
        return answers

    def close(self) -> None:
        """Close a connection that may be broken; the next round takes another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            close_for_good(connection)

    def _in_one_act(self, requests: list[Q]) -> list[A]:
        if time.monotonic() - self._used_s > CONNECTION_IDLE_S_MAX:
            self.close()
        try:
            if self._connection is None:
                self._connection = self._store.own_connection()
            with self._store.write(self._clock(), own=self._connection, waits=self._waits) as tx:
                return self._work(tx, requests)
            # A crash in the block leaves nothing; after it every answer of the round is on disk.
        except BaseException:
            self.close()
            raise
        finally:
            self._used_s = time.monotonic()


def _settle(future: asyncio.Future[A], answer: A | BaseException) -> None:
    if future.cancelled():
        return
    if isinstance(answer, BaseException):
        future.set_exception(answer)
    else:
        future.set_result(answer)
