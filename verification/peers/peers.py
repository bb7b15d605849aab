"""Other repositories: a pack that is unknown here is asked for there, all at once, within a budget.

A repository that does not answer is not a "no": if none knows the pack and one was silent, the
answer is that nobody can tell now (2016/161 Art. 34(2), 35(1)(d): 300 ms for each of three hops).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from verification.decision.act import PackAct
from verification.decision.words import Result
from verification.fmd.perform import OperationAnswer
from verification.peers.intermarket import InterMarketRequest
from verification.vrs.circuit_breaker import Breaker

if TYPE_CHECKING:
    import httpx

    from verification.decision.act import PackRequest
    from verification.peers.intermarket import Origin

BUDGET_S = 0.9
"""National system, hub and the other national system, 300 ms each."""
ANSWER_BYTES_MAX = 64 * 1024
PATH = "/fmd/intermarket"


@dataclass(frozen=True, slots=True)
class Peer:
    """Another repository and how to enter it."""

    name: str
    base_url: str
    key: str = ""
    """API key, sent as bearer token; registered there with the role `repository`."""
    markets: tuple[str, ...] = ()


class PeerFound(StrEnum):
    """What asking the peers came to."""

    KNOWN = "known"
    NOT_CONFIRMED = "not-confirmed"
    """A peer knows the product, and has no pack of it with this serial number."""
    UNKNOWN = "unknown"
    SILENT = "silent"
    """None knows it, and at least one did not answer."""


_WEIGHT = {
    PeerFound.UNKNOWN: 0,
    PeerFound.NOT_CONFIRMED: 1,
    PeerFound.SILENT: 2,
    PeerFound.KNOWN: 3,
}
"""Of several peers' answers the weightiest is the answer: no silence turns into a "no"."""


@dataclass(frozen=True, slots=True)
class PeerAnswer:
    """The peers' answer; `answer` is the answer of the one that knows the pack or its product."""

    found: PeerFound
    peer: str = ""
    status: int = 0
    answer: OperationAnswer | None = None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long peers are waited for, and when one that is down is left alone."""

    budget_s: float = BUDGET_S
    """All of it together: finding the pack, and changing it where that was asked."""
    failures_max: int = 5
    """Failures in a row after which a peer is left alone."""
    rest_s: float = 30.0
    """How long it is left alone."""


PATIENT = Patience()


class Peers:
    """The repositories of one installation; remembers which are down."""

    def __init__(
        self, peers: tuple[Peer, ...], http: httpx.AsyncClient, patience: Patience = PATIENT
    ) -> None:
        self._peers = {peer.name: peer for peer in peers}
        self._http = http
        self._patience = patience
        self._breakers = {
            peer.name: Breaker(patience.failures_max, patience.rest_s) for peer in peers
        }

    def deadline_s(self) -> float:
        """When the budget of a request that begins now is spent, by the event loop's clock."""
        return asyncio.get_running_loop().time() + self._patience.budget_s

    async def find(self, request: PackRequest, origin: Origin, until_s: float) -> PeerAnswer:
        """Ask all peers what they know of a pack; the first that knows it is the answer.

        Nothing is written and nothing alerts there. Bulk requests are never passed on.
        """
        quiet = msgspec.structs.replace(
            request, operation=PackAct.VERIFY, undo_of=None, alerting=False, transaction=None
        )
        asked = [
            asyncio.create_task(self._call(peer, quiet, origin, until_s))
            for peer in self._peers.values()
        ]
        best = PeerAnswer(PeerFound.UNKNOWN)
        try:
            for next_answer in asyncio.as_completed(asked):
                answer = await next_answer
                if _WEIGHT[answer.found] > _WEIGHT[best.found]:
                    best = answer
                if best.found is PeerFound.KNOWN:
                    break
        finally:
            for task in asked:
                task.cancel()
        return best if best.found is not PeerFound.SILENT else PeerAnswer(PeerFound.SILENT)

    async def perform(
        self, at: str, request: PackRequest, origin: Origin, until_s: float
    ) -> PeerAnswer:
        """Perform an operation at the peer that knows the pack or its product."""
        return await self._call(self._peers[at], request, origin, until_s)

    async def _call(
        self, peer: Peer, request: PackRequest, origin: Origin, until_s: float
    ) -> PeerAnswer:
        import httpx

        breaker = self._breakers[peer.name]
        if breaker.is_open(time.monotonic()):
            return PeerAnswer(PeerFound.SILENT, peer.name)
        headers = {"Content-Type": "application/json"}
        if peer.key:
            headers["Authorization"] = f"Bearer {peer.key}"
        content = msgspec.json.encode(InterMarketRequest(request=request, origin=origin))
        url = peer.base_url.rstrip("/") + PATH
        try:
            async with (
                asyncio.timeout_at(until_s),
                self._http.stream("POST", url, headers=headers, content=content) as answer,
            ):
                operation = _operation_in(await _content(answer))
        except (httpx.HTTPError, TimeoutError):
            breaker.failed(time.monotonic())
            return PeerAnswer(PeerFound.SILENT, peer.name)
        if operation is None:
            breaker.failed(time.monotonic())
            return PeerAnswer(PeerFound.SILENT, peer.name, answer.status_code)
        breaker.succeeded()
        found = _FOUND.get(operation.result, PeerFound.KNOWN)
        return PeerAnswer(found, peer.name, answer.status_code, operation)


async def _content(answer: httpx.Response) -> bytes:
    """The body, no further than an answer can be long."""
    parts: list[bytes] = []
    size_bytes = 0
    async for part in answer.aiter_bytes():
        size_bytes += len(part)
        if size_bytes > ANSWER_BYTES_MAX:
            return b""
        parts.append(part)
    return b"".join(parts)


_FOUND = {
    Result.PRODUCT_UNKNOWN: PeerFound.UNKNOWN,
    Result.SERIAL_UNKNOWN: PeerFound.NOT_CONFIRMED,
    Result.LOT_AND_SERIAL_UNKNOWN: PeerFound.NOT_CONFIRMED,
}
"""What an answer says of the pack's being known there; every other result knows it."""
_NOTHING_OF_THE_PACK = frozenset({Result.NOT_ALLOWED, Result.CANNOT_TELL})
"""Answers that say nothing of the pack: we may not ask there, or that peer cannot tell either."""


def _operation_in(content: bytes) -> OperationAnswer | None:
    """A peer's answer; None where it is none, as an error page, or tells nothing of the pack."""
    try:
        answer = msgspec.json.decode(content, type=OperationAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return None if answer.result in _NOTHING_OF_THE_PACK else answer
