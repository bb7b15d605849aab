"""Who may have a picture read next: clients take turns, however many pictures each sends.

As many pictures as there are workers are read at once. The last free worker is kept for a client
of which no picture is being read, and of those who wait, the client with the fewest goes first.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anyio import CapacityLimiter

from verification.image.reader import WORKERS_MAX

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

KEPT_FREE = 1
"""Workers that only a client gets of which no picture is being read."""
WAITING_MAX = 32
"""Pictures that wait for a worker; each is held in memory."""
WAITING_PER_CLIENT_MAX = 8
"""As many of them may be of one client."""


class TooManyPictures(Exception):  # noqa: N818  # a state of the service, not a fault
    """A picture may not wait, or has waited for as long as it may."""


class PictureTurns:
    """The turns of one event loop's requests.

    >>> async def two() -> int:
    ...     turns = PictureTurns(2)
    ...     async with turns.turn("a", 1.0), turns.turn("b", 1.0):
    ...         return turns.at_work
    >>> asyncio.run(two())
    2
    """

    def __init__(self, workers_max: int = WORKERS_MAX) -> None:
        self._workers_max = workers_max
        self.threads = CapacityLimiter(workers_max)
        """Threads that wait for workers, apart from those that answer all other requests."""
        self._at_work: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @property
    def at_work(self) -> int:
        """Pictures that are being read."""
        return self._at_work.total()

    @property
    def waiting(self) -> int:
        """Pictures that wait."""
        return sum(map(len, self._waiting.values()))

    @asynccontextmanager
    async def turn(self, client: str, timeout_s: float) -> AsyncIterator[None]:
        """A worker for one picture of a client. Raises TooManyPictures."""
        if self.waiting or not self._may_begin(client):
            await self._wait(client, timeout_s)
        else:
            self._at_work[client] += 1
        try:
            yield
        finally:
            self._end(client)

    def _may_begin(self, client: str) -> bool:
        free = self._workers_max - self.at_work
        return free > KEPT_FREE or (free > 0 and not self._at_work[client])

    async def _wait(self, client: str, timeout_s: float) -> None:
        of_client = self._waiting.setdefault(client, deque())
        if self.waiting >= WAITING_MAX or len(of_client) >= WAITING_PER_CLIENT_MAX:
            raise TooManyPictures
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        of_client.append(turn)
        # Who waits already may be kept back by its own pictures, which need not keep this one.
        self._hand_out()
        try:
            async with asyncio.timeout(timeout_s):
                await turn
        except BaseException as fault:
            if turn.done() and not turn.cancelled():
                self._end(client)  # it was its turn in the moment in which it gave up
            else:
                self._forget(client, turn)
            if isinstance(fault, TimeoutError):
                raise TooManyPictures from None
            raise

    def _forget(self, client: str, turn: asyncio.Future[None]) -> None:
        left = self._waiting.get(client)
        if left and turn in left:
            left.remove(turn)
        if not left:
            self._waiting.pop(client, None)

    def _end(self, client: str) -> None:
        self._at_work[client] -= 1
        if not self._at_work[client]:
            del self._at_work[client]
        self._hand_out()

    def _hand_out(self) -> None:
        """Give free workers to those who wait, the client with the fewest at work first."""
        while True:
            able = [one for one, turns in self._waiting.items() if turns and self._may_begin(one)]
            if not able:
                return
            client = min(able, key=lambda one: self._at_work[one])  # the longest waiting of equals
            turn = self._waiting[client].popleft()
            # Its next picture is behind those of clients that have as many at work.
            rest = self._waiting.pop(client)
            if rest:
                self._waiting[client] = rest
            if not turn.done():
                self._at_work[client] += 1
                turn.set_result(None)
