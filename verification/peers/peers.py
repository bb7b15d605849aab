"""Other repositories: a pack that is unknown here is asked for there, all at once, within a budget.

A repository that does not answer is not a "no": if none knows the pack and one was silent, the
answer is that it cannot be told now (2016/161 Art. 34(2), 35(1)(d): 300 ms for each of three hops).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import httpx
import msgspec

from verification.fmd.perform import OperationAnswer
from verification.vrs.circuit_breaker import Breaker

if TYPE_CHECKING:
    from verification.decision.act import PackRequest

BUDGET_S = 0.9
"""National system, hub and the other national system, 300 ms each."""
ANSWER_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Peer:
    """Another repository and how to enter it."""

    name: str
    base_url: str
    key: str = ""
    """API key, sent as bearer token."""
    markets: tuple[str, ...] = ()


class PeerFound(StrEnum):
    """What asking the peers came to."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    SILENT = "silent"
    """None knows it, and at least one did not answer."""


@dataclass(frozen=True, slots=True)
class PeerAnswer:
    """The peers' answer; `said` is the answer of the one that knows the pack."""

    found: PeerFound
    peer: str = ""
    status: int = 0
    said: dict[str, Any] | None = None


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

    async def ask(self, request: PackRequest, *, change: bool) -> PeerAnswer:
        """Ask all peers for a pack; with `change`, perform the operation at the one that knows it.

        One budget covers both: names looked up, lines opened, answers read to their end. The first
        peer that knows the pack is the answer. Bulk requests are never passed on.
        """
        until_s = asyncio.get_running_loop().time() + self._patience.budget_s
        known = await self._who_knows(request, until_s)
        if known.found is not PeerFound.KNOWN or not change:
            return known
        return await self._change(self._peers[known.peer], request, until_s)

    async def _who_knows(self, request: PackRequest, until_s: float) -> PeerAnswer:
        asked = [
            asyncio.create_task(self._status(peer, request, until_s))
            for peer in self._peers.values()
        ]
        silent = False
        try:
            for next_answer in asyncio.as_completed(asked):
                answer = await next_answer
                if answer.found is PeerFound.KNOWN:
                    return answer
                silent = silent or answer.found is PeerFound.SILENT
        finally:
            for task in asked:
                task.cancel()
        return PeerAnswer(PeerFound.SILENT if silent else PeerFound.UNKNOWN)

    async def _status(self, peer: Peer, request: PackRequest, until_s: float) -> PeerAnswer:
        given = {
            "gtin": request.code,
            "serial": request.serial,
            "lot": request.lot,
            "expiry": request.expiry.isoformat() if request.expiry else None,
        }
        params = {name: value for name, value in given.items() if value is not None}
        return await self._call(peer, until_s, "GET", "/packs/status", params=params)

    async def _change(self, peer: Peer, request: PackRequest, until_s: float) -> PeerAnswer:
        body = {
            "gtin": request.code,
            "serial": request.serial,
            "lot": request.lot,
            "expiry": request.expiry.isoformat() if request.expiry else None,
            "transaction": request.transaction,
            "manual": request.manual,
        }
        content = {name: value for name, value in body.items() if value is not None}
        path = f"/packs/{request.operation.value}"
        return await self._call(peer, until_s, "POST", path, json=content)

    async def _call(
        self,
        peer: Peer,
        until_s: float,
        method: str,
        path: str,
        **more: Any,  # noqa: ANN401  # httpx's arguments
    ) -> PeerAnswer:
        breaker = self._breakers[peer.name]
        if breaker.is_open(time.monotonic()):
            return PeerAnswer(PeerFound.SILENT, peer.name)
        headers = {"Authorization": f"Bearer {peer.key}"} if peer.key else {}
        url = peer.base_url.rstrip("/") + path
        try:
            async with (
                asyncio.timeout_at(until_s),
                self._http.stream(method, url, headers=headers, **more) as answer,
            ):
                said = _said(await _content(answer))
        except (httpx.HTTPError, TimeoutError):
            breaker.failed(time.monotonic())
            return PeerAnswer(PeerFound.SILENT, peer.name)
        if said is None:
            breaker.failed(time.monotonic())
            return PeerAnswer(PeerFound.SILENT, peer.name, answer.status_code)
        breaker.succeeded()
        unknown = said.get("result") in _NOT_HERE
        found = PeerFound.UNKNOWN if unknown else PeerFound.KNOWN
        return PeerAnswer(found, peer.name, answer.status_code, said)


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


_NOT_HERE = frozenset({"product-unknown", "serial-unknown", "lot-and-serial-unknown"})
_NOT_SAID = frozenset({"not-allowed", "cannot-tell"})
"""Answers that say nothing of the pack: we may not ask there, or that peer cannot tell either."""


def _said(content: bytes) -> dict[str, Any] | None:
    """A peer's answer; None where it is none, as an error page, or tells nothing of the pack."""
    try:
        said = msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if said.get("result") in _NOT_SAID:
        return None
    try:
        msgspec.convert(said, type=OperationAnswer)
    except msgspec.ValidationError:
        return None
    return said
