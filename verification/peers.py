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

from verification.breaker import Breaker

if TYPE_CHECKING:
    from verification.fmd.operation import PackRequest

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


class Found(StrEnum):
    """What asking the peers came to."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    SILENT = "silent"
    """None knows it, and at least one did not answer."""


@dataclass(frozen=True, slots=True)
class PeerAnswer:
    """The peers' answer; `said` is the answer of the one that knows the pack."""

    found: Found
    peer: str = ""
    status: int = 0
    said: dict[str, Any] | None = None


class Peers:
    """The repositories of one installation; remembers which are down."""

    def __init__(
        self, peers: tuple[Peer, ...], http: httpx.AsyncClient, *, budget_s: float = BUDGET_S
    ) -> None:
        self._peers = peers
        self._http = http
        self._budget_s = budget_s
        self._breakers = {peer.name: Breaker() for peer in peers}

    async def ask(self, request: PackRequest, *, change: bool) -> PeerAnswer:
        """Ask all peers for a pack; with `change`, perform the operation at the one that knows it.

        Bulk requests are never passed on.
        """
        asked = [self._status(peer, request) for peer in self._peers]
        answers = await asyncio.gather(*asked)
        known = [one for one in answers if one.found is Found.KNOWN]
        if not known:
            silent = any(one.found is Found.SILENT for one in answers)
            return PeerAnswer(Found.SILENT if silent else Found.UNKNOWN)
        if not change:
            return known[0]
        peer = next(peer for peer in self._peers if peer.name == known[0].peer)
        return await self._change(peer, request)

    async def _status(self, peer: Peer, request: PackRequest) -> PeerAnswer:
        given = {
            "gtin": request.code,
            "serial": request.serial,
            "lot": request.lot,
            "expiry": request.expiry.isoformat() if request.expiry else None,
        }
        params = {name: value for name, value in given.items() if value is not None}
        return await self._call(peer, "GET", "/packs/status", params=params)

    async def _change(self, peer: Peer, request: PackRequest) -> PeerAnswer:
        body = {
            "gtin": request.code,
            "serial": request.serial,
            "lot": request.lot,
            "expiry": request.expiry.isoformat() if request.expiry else None,
            "transaction": request.transaction,
            "manual": request.manual,
        }
        content = {name: value for name, value in body.items() if value is not None}
        return await self._call(peer, "POST", f"/packs/{request.operation.value}", json=content)

    async def _call(self, peer: Peer, method: str, path: str, **more: Any) -> PeerAnswer:  # noqa: ANN401  # httpx's arguments
        breaker = self._breakers[peer.name]
        if breaker.is_open(time.monotonic()):
            return PeerAnswer(Found.SILENT, peer.name)
        headers = {"Authorization": f"Bearer {peer.key}"} if peer.key else {}
        try:
            async with asyncio.timeout(self._budget_s):
                answer = await self._http.request(
                    method, peer.base_url.rstrip("/") + path, headers=headers, **more
                )
        except (httpx.HTTPError, TimeoutError):
            breaker.failed(time.monotonic())
            return PeerAnswer(Found.SILENT, peer.name)
        said = _said(answer.content)
        if said is None:
            breaker.failed(time.monotonic())
            return PeerAnswer(Found.SILENT, peer.name, answer.status_code)
        breaker.succeeded()
        unknown = said.get("result") in _NOT_HERE
        found = Found.UNKNOWN if unknown else Found.KNOWN
        return PeerAnswer(found, peer.name, answer.status_code, said)


_NOT_HERE = frozenset({"product-unknown", "serial-unknown", "lot-and-serial-unknown"})


def _said(content: bytes) -> dict[str, Any] | None:
    """A peer's answer; None where it is not one, as an error page."""
    if len(content) > ANSWER_BYTES_MAX:
        return None
    try:
        said = msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return said if isinstance(said.get("result"), str) else None
