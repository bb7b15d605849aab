"""The gate in front of every route: who asks, from where, and how much they may send.

Plain ASGI, because the verification routes behind it are counted in tens of microseconds.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, cast
from urllib.parse import urlsplit

from starlette.requests import Request

from compliance.service import access
from compliance.service.client_address import TrustedProxies
from compliance.service.cookies import cookie_in
from compliance.service.keyring import KeyRing
from compliance.service.sessions import SessionLimits, keep_alive, session_of
from epcis.http_context import REFUSING, Caller, refusal_of
from epcis.problem import Problem
from epcis.routes.problems import answer_anywhere

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from compliance.service.oidc import TokenReader
    from compliance.service.sessions import OpenSession
    from compliance.service.settings import Settings
    from epcis.clock import Clock
    from epcis.ledger.store import Store

SESSION_COOKIE = "packtrail_session"
BODY_BYTES_S_MIN = 1_000
"""A body that comes slower, all its pauses together, is given up as one that stalls."""
PROBES = frozenset({"/live", "/ready", "/health"})
"""Asked by whoever watches the machine, under its address and not under the server's name."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ONCE = (b"authorization", b"host", b"content-length", b"content-type", b"origin")
_LOOPBACK_NAMES = frozenset({"localhost", "testserver"})


class Admitted(NamedTuple):
    """Who asks, and the browser session it asks in, if it does."""

    caller: Caller
    session: OpenSession | None = None


class Admission:
    """Says who asks, from the credentials of a request, and refuses who may not.

    Until the first credential is made, callers on this very machine may do everything, and no one
    else can connect (the start refuses other addresses then); after that never again. The `Host`
    must be a loopback name in that mode, so that no web page can reach in by re-binding its name.
    """

    def __init__(
        self, store: Store, clock: Clock, settings: Settings, tokens: TokenReader | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._tokens = tokens
        self._keys = KeyRing(store, clock)
        self._is_locked = False
        self._limits = SessionLimits.of(settings)
        self._proxies = TrustedProxies(settings.trusted_proxies)
        self._host_names = frozenset(name.lower() for name in settings.host_names)

    def admit(self, scope: Scope) -> Admitted:
        """Who asks, and by what; raises `Problem` for who may not.

        A caller without credentials is let in as nobody: the routes say what nobody may do.
        """
        headers = dict(scope["headers"])
        if len(headers) < len(scope["headers"]) or b"transfer-encoding" in headers:
            _refuse_ambiguity(scope["headers"])
        if self._host_names and scope["path"] not in PROBES:
            _need_host(headers, self._host_names)
        bearer = headers.get(b"authorization")
        if bearer:
            return Admitted(self._bearer(bearer, self._proxies.address(scope)))
        _refuse_foreign_pages(scope, headers)
        return self._without_key(scope, headers)

    def _without_key(self, scope: Scope, headers: dict[bytes, bytes]) -> Admitted:
        """The caller by a browser's session, or by its place on this machine, or nobody."""
        client = self._proxies.address(scope)
        if token := cookie_in(headers, SESSION_COOKIE):
            now = self._clock()
            with self._store.read() as snapshot:
                session = session_of(snapshot, token, now, self._limits)
            if session is not None:
                keep_alive(self._store, session, now)
                return Admitted(session.grant.caller(client), session)
        if self._is_open():
            _need_loopback_host(headers)
            return Admitted(Caller("local", access.EVERYTHING, None, client))
        return Admitted(Caller("", frozenset(), None, client))

    def is_encrypted(self, scope: Scope) -> bool:
        """Whether the client's own connection is by TLS, as far as it is known."""
        return self._proxies.is_encrypted(scope)

    def _is_open(self) -> bool:
        if self._is_locked or not self._settings.is_loopback or self._tokens is not None:
            return False
        with self._store.read() as snapshot:
            self._is_locked = access.is_locked(snapshot)
        return not self._is_locked

    def _bearer(self, value: bytes, client: str) -> Caller:
        scheme, _, text = value.decode("latin-1").partition(" ")
        caller = None
        if text.startswith("pt_") and scheme.lower() == "bearer":
            caller = self._keys.caller(text, client)
        elif scheme.lower() == "bearer" and self._tokens is not None:
            grant = self._tokens.grant(text, self._clock())
            caller = grant.caller(client) if grant else None
        if caller is None:
            raise Problem(
                401,
                "Credentials not accepted",
                "the API key or token is unknown, expired or revoked; ask your administrator",
                type="epcisException:SecurityException",
                headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )
        return caller


class Gate:
    """ASGI middleware: puts the `Caller` of each request on the request state."""

    def __init__(self, app: ASGIApp, *, admission: Admission) -> None:
        self.app = app
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through with its caller, or answer 401, 403 or 421."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        try:
            caller, session = self._admission.admit(scope)
        except REFUSING as fault:
            await refuse(refusal_of(fault), scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["caller"] = caller
        state["session"] = session
        state["client_uses_tls"] = self._admission.is_encrypted(scope)
        await self.app(scope, receive, send)


@dataclass(frozen=True, slots=True)
class BodyBounds:
    """How large a body may be, and how long it may pause."""

    bytes_max: int
    pause_s_max: float

    def within(self, scope: Scope, receive: Receive) -> Receive:
        """`receive` with its pauses limited, for a route that counts the bytes itself.

        Raises `Problem` 413 where the body says that it is too large, and 408 while it is read.
        A body sent with GET is not read.
        """
        if scope["method"] == "GET":
            return receive
        self.need_size(scope)
        pace = _Pace(self.pause_s_max)

        async def next_part() -> Message:
            there = _at_once(receive)
            return await pace.next(receive) if there is None else pace.counted(there)

        return next_part

    def need_size(self, scope: Scope) -> None:
        """Raises `Problem` 413 where the body says that it is too large."""
        for name, value in scope["headers"]:
            if name == b"content-length" and not (value.isdigit() and int(value) <= self.bytes_max):
                raise self.too_large()

    def too_large(self) -> Problem:
        """The answer to a sender of too much."""
        return Problem(
            413,
            "Too large",
            f"the body may have {self.bytes_max} bytes at most; split it or ask the operator",
            type="epcisException:CaptureLimitExceededException",
            headers={
                "Connection": "close",
                "GS1-EPCIS-Capture-File-Size-Limit": str(self.bytes_max),
            },
        )


class BodyLimit:
    """ASGI middleware: no body larger than allowed, none that pauses for ever.

    A stalled upload is answered 408 and its connection let go, so that half-open uploads cannot
    pile up.
    """

    def __init__(self, app: ASGIApp, *, bounds: BodyBounds) -> None:
        self.app = app
        self._bounds = bounds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body counted and timed."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            self._bounds.need_size(scope)
        except Problem as problem:
            await refuse(problem, scope, receive, send)
            return
        await _Counted(self.app, self._bounds, receive, send).run(scope)


def _at_once(receive: Receive) -> Message | None:
    """The next message where it has come already, as nearly every body about a pack has.

    Where it must be waited for, the asking is given up and begun again under a time limit.
    """
    asking = cast("Coroutine[object, None, Message]", receive())
    try:
        asking.send(None)
    except StopIteration as there:
        return cast("Message", there.value)
    asking.close()
    return None


class _Pace:
    """How long the sender of one body is waited for: for no long pause, and not for drops."""

    __slots__ = ("_pause_s_max", "_waited_s", "seen_bytes")

    def __init__(self, pause_s_max: float) -> None:
        self._pause_s_max = pause_s_max
        self._waited_s = 0.0
        self.seen_bytes = 0

    async def next(self, receive: Receive) -> Message:
        """The next part of the body. Raises `Problem` 408."""
        earned_s = self._pause_s_max + self.seen_bytes / BODY_BYTES_S_MIN - self._waited_s
        began = time.monotonic()
        try:
            async with asyncio.timeout(min(self._pause_s_max, earned_s)):
                message = await receive()
        except TimeoutError:
            raise stalled(self._pause_s_max) from None
        self._waited_s += time.monotonic() - began
        return self.counted(message)

    def counted(self, message: Message) -> Message:
        """A part that has come, its bytes counted."""
        self.seen_bytes += len(message.get("body", b""))
        return message


class _Counted:
    """One request under the limits; once they are broken, its answer is the refusal."""

    def __init__(self, app: ASGIApp, bounds: BodyBounds, receive: Receive, send: Send) -> None:
        self._app = app
        self._bounds = bounds
        self._receive = receive
        self._send = send
        self._pace = _Pace(bounds.pause_s_max)
        self._body_over = False
        self._answering = False
        self._breach: Problem | None = None

    async def run(self, scope: Scope) -> None:
        try:
            await self._app(scope, self._next_part, self._answer)
        except Problem:
            if self._breach is None:
                raise
        if self._breach is not None and not self._answering:
            await refuse(self._breach, scope, self._receive, self._send)

    async def _next_part(self) -> Message:
        if self._body_over:
            return await self._receive()
        try:
            message = await self._pace.next(self._receive)
        except Problem as stalled:
            raise self._broken(stalled) from None
        if self._pace.seen_bytes > self._bounds.bytes_max:
            raise self._broken(self._bounds.too_large())
        self._body_over = not message.get("more_body", False)
        return message

    def _broken(self, breach: Problem) -> Problem:
        self._breach = breach
        return breach

    async def _answer(self, message: Message) -> None:
        """Pass the answer on, unless it is one that the broken limit has overtaken."""
        if self._breach is None or self._answering:
            self._answering = True
            await self._send(message)


def stalled(pause_s_max: float) -> Problem:
    """The answer to a sender that has paused for too long."""
    return Problem(
        408,
        "Upload stalled",
        f"nothing of the body came for {pause_s_max:g} seconds, or less than {BODY_BYTES_S_MIN}"
        " bytes a second all in all; send it again",
        headers={"Connection": "close"},
    )


def _refuse_ambiguity(headers: list[tuple[bytes, bytes]]) -> None:
    """Refuse what two readers of one request could read in two ways (RFC 9112 section 11.2)."""
    names = [name for name, _ in headers]
    if b"transfer-encoding" in names and b"content-length" in names:
        raise Problem(
            400,
            "Two lengths",
            "a request has Content-Length or Transfer-Encoding, not both",
            headers={"Connection": "close"},
        )
    for name in _ONCE:
        if names.count(name) > 1:
            raise Problem(
                400, "Header given twice", f"send {name.decode().title()} once, not more often"
            )


def _need_host(headers: dict[bytes, bytes], names: frozenset[str]) -> None:
    """Refuse a request that was sent to another name than this server's."""
    host = urlsplit("//" + headers.get(b"host", b"").decode("latin-1")).hostname or ""
    if host.lower() not in names:
        raise Problem(421, "Wrong address", "this server does not answer under that name")


def _need_loopback_host(headers: dict[bytes, bytes]) -> None:
    host = urlsplit("//" + headers.get(b"host", b"").decode("latin-1")).hostname or ""
    try:
        local = host in _LOOPBACK_NAMES or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise Problem(
            421,
            "Wrong address",
            f"this server answers on this machine's own names only, not as '{host}'",
        )


def _refuse_foreign_pages(scope: Scope, headers: dict[bytes, bytes]) -> None:
    """A page of another site must not act with this browser's session (cross-site forgery)."""
    origin = headers.get(b"origin")
    if origin is None:
        return
    if scope["type"] == "http" and scope["method"] in _SAFE_METHODS:
        return
    if urlsplit(origin.decode("latin-1")).netloc != headers.get(b"host", b"").decode("latin-1"):
        raise Problem(403, "Foreign page", "this request came from a page of another site")


async def refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request, or close a WebSocket, with a problem."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": problem.title})
        return
    await answer_anywhere(Request(scope), problem)(scope, receive, send)
