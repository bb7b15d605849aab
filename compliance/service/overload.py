"""What to do with more requests than can be answered: few are refused at once, not all late.

Two kinds of work are watched apart, questions about packs and all the rest. While even the quickest
answers of a short while are slow, requests stand in a queue somewhere (for a thread, the writer,
the processor), and fewer may be at work at a time; otherwise more. What has no place is answered
503 with Retry-After. Health and metrics are always answered.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from starlette.requests import Request

from epcis.problem import Problem
from epcis.routes.problems import answer_anywhere

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

WINDOW_S = 0.25
"""How long answers are watched before the number at work is looked at again."""
QUICKEST_S_MAX = 0.05
"""Where the quickest answer of a window took longer, there is a queue."""
AT_WORK_MIN = 16
"""So many may always be at work at a time, however long they take."""
AT_WORK_MAX = 1024
SHRINK, GROW = 0.7, 8
"""What is left of the number at work after a window with a queue; what it gains otherwise."""
REFUSED_AFTER_S = 0.2
"""How long a refusal is held back: who asks again at once would cost more than an answer."""
REFUSED_WAITING_MAX = 2000
"""Refusals held back at a time; those beyond leave at once."""
ALWAYS_ANSWERED = frozenset({"/health", "/live", "/ready", "/metrics"})
_OF_PACKS = ("/packs/", "/verify/", "/checkConnectivity")
_NO_BODY = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})


class Workload:
    """The requests of one kind that are at work, and how many may be.

    >>> load = Workload(lambda: 0.0)
    >>> load.has_room
    True
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.at_work = 0
        self.limit = AT_WORK_MAX
        self._most = 0
        self._quickest_s = float("inf")
        self._window_end_s = clock() + WINDOW_S

    @property
    def has_room(self) -> bool:
        """Whether one more request may be at work."""
        if self._clock() >= self._window_end_s:
            self._look()
        return self.at_work < self.limit

    def begin(self) -> float:
        """A request is at work; gives the moment for `end`."""
        self.at_work += 1
        self._most = max(self._most, self.at_work)
        return self._clock()

    def end(self, begun_s: float) -> None:
        """A request that began at this moment is answered, or given up."""
        self.at_work -= 1
        self._quickest_s = min(self._quickest_s, self._clock() - begun_s)

    def _look(self) -> None:
        """Set the limit by what the window showed; nothing answered shows nothing."""
        if self._quickest_s == float("inf"):
            pass
        elif self._quickest_s > QUICKEST_S_MAX:
            self.limit = max(AT_WORK_MIN, int(self._most * SHRINK))
        else:
            self.limit = min(AT_WORK_MAX, self.limit + GROW)
        self._most, self._quickest_s = self.at_work, float("inf")
        self._window_end_s = self._clock() + WINDOW_S


class Overload:
    """ASGI middleware: refuses what there is no room for.

    A request is at work from the end of its body to the begin of its answer: slow senders and
    slow readers have limits of their own.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        refusing: ASGIApp,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._app = app
        self._refusing = refusing
        self.of_packs = Workload(clock)
        self.others = Workload(clock)
        self._held_back = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or scope["path"] in ALWAYS_ANSWERED:
            await self._app(scope, receive, send)
            return
        load = self.of_packs if scope["path"].startswith(_OF_PACKS) else self.others
        if not load.has_room:
            await self._refuse(scope, receive, send)
            return
        request = _AtWork(load, receive, send)
        if scope["method"] in _NO_BODY:
            request.begin()
        try:
            await self._app(scope, request.receive, request.send)
        finally:
            request.end()

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._held_back < REFUSED_WAITING_MAX:
            self._held_back += 1
            try:
                await asyncio.sleep(REFUSED_AFTER_S)
            finally:
                self._held_back -= 1
        await self._refusing(scope, receive, send)


class _AtWork:
    """One request between the end of its body and the begin of its answer."""

    __slots__ = ("_begun_s", "_load", "_receive", "_send")

    def __init__(self, load: Workload, receive: Receive, send: Send) -> None:
        self._load = load
        self._receive = receive
        self._send = send
        self._begun_s: float | None = None

    def begin(self) -> None:
        if self._begun_s is None:
            self._begun_s = self._load.begin()

    def end(self) -> None:
        if self._begun_s is not None and self._begun_s >= 0:
            self._load.end(self._begun_s)
            self._begun_s = -1.0

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            self.begin()
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.end()
        await self._send(message)


async def refuse_busy(scope: Scope, receive: Receive, send: Send) -> None:
    """The answer to what there is no room for, as an application."""
    busy = Problem(
        503,
        "Busy",
        "more is asked than can be answered in time; nothing was done, send it again in a moment",
        headers={"Retry-After": "1"},
    )
    await answer_anywhere(Request(scope), busy)(scope, receive, send)
