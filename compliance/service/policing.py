"""The gate's second half: every request is held against the policy before a route is reached.

The addresses are matched here by the routes' own patterns in the routes' own order, so that this
gate and the framework mean the same route; what matches none is answered here, and nothing behind
is reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Match, Mount

from compliance.service.access_rule import ANY_KEY, ANYONE, Own
from compliance.service.approvals import digest_of, pass_or_wait
from compliance.service.gate import refuse
from compliance.service.pages import is_for_a_person, render
from compliance.service.policy import POLICY, SEES_ALL_WITH_A_PURPOSE
from compliance.service.purposes import note, purpose_of
from compliance.service.sessions import SessionLimits
from epcis.database.autocommit_read import autocommit_read
from epcis.http_context import REFUSING, need_scope, not_known, refusal_of
from epcis.problem import Problem
from verification.registry.rights import company_behind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from compliance.service.access_rule import AccessRule
    from compliance.service.context import ServiceContext
    from compliance.service.sessions import OpenSession
    from epcis.http_context import Caller

_NO_DATA = ("capable.<locals>.options", "capable.<locals>.refuse")
"""Endpoints of `epcis.routes.routers` that say which methods an address takes, and nothing else."""


class PolicyGapError(Exception):
    """Routes that no row of the policy speaks of: the application must not start with them."""


class GuardedRoute(NamedTuple):
    """A route with the rules of its methods."""

    route: BaseRoute
    rules: Mapping[str, AccessRule | None]
    """By method; None where the answer says only which methods there are."""


def guarded(routes: Iterable[BaseRoute], extra: Iterable[AccessRule] = ()) -> list[GuardedRoute]:
    """Every route with its rules, in order; raises `PolicyGapError` naming those without."""
    policy = POLICY | {(one.method, one.path): one for one in extra}
    found, gaps = [], []
    for route in _flat(routes):
        rules: dict[str, AccessRule | None] = {}
        for method in _methods(route):
            rule = policy.get((method, _path(route))) or policy.get(("ANY", _path(route)))
            if rule is None and not _is_without_data(route):
                gaps.append(f"{method} {_path(route)}")
            rules[method] = rule
        found.append(GuardedRoute(route, rules))
    if gaps:
        raise PolicyGapError(
            f"no row of compliance/service/policy.py speaks of: {', '.join(sorted(gaps))}"
        )
    return found


def _flat(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Routes in order, those of included routers in their place."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from _flat(included.routes)


def _path(route: BaseRoute) -> str:
    return str(getattr(route, "path", ""))


def _methods(route: BaseRoute) -> set[str]:
    if isinstance(route, Mount):
        return {"GET"}
    methods = getattr(route, "methods", None)
    # The framework adds HEAD to GET by itself; HEAD has the rule of GET.
    return set(methods) - ({"HEAD"} if "GET" in methods else set()) if methods else {"WEBSOCKET"}


def _is_without_data(route: BaseRoute) -> bool:
    endpoint = getattr(route, "endpoint", None)
    return (
        getattr(endpoint, "__module__", "") == "epcis.routes.routers"
        and getattr(endpoint, "__qualname__", "") in _NO_DATA
    )


@dataclass(frozen=True, slots=True)
class AddressFound:
    """What stands at an address: its rule, and the methods it takes where the asked one is none."""

    rule: AccessRule | None
    others: frozenset[str] = frozenset()


class Guard:
    """Finds the rule of a request, and says whether its caller keeps it."""

    def __init__(self, routes: Iterable[GuardedRoute], context: ServiceContext) -> None:
        self._store = context.store
        self._clock = context.clock
        self._limits = SessionLimits.of(context.settings)
        self._pages_need_sign_in = context.pages_need_sign_in
        self._two_person_acts = frozenset(context.settings.two_person_acts)
        self._operator_names_purpose = context.settings.operator_names_purpose
        self._first: dict[str, list[GuardedRoute]] = {}
        for one in routes:
            step = _path(one.route).split("/", 2)[1] if "/" in _path(one.route) else ""
            self._first.setdefault(step, []).append(one)

    def find(self, scope: Scope) -> AddressFound | None:
        """What stands at the address of a request; None where nothing does."""
        method = "WEBSOCKET" if scope["type"] == "websocket" else scope["method"]
        others: set[str] = set()
        for one in self._first.get(scope["path"].split("/", 2)[1], ()):
            if one.route.matches(scope)[0] is Match.NONE:
                continue
            asked = "GET" if method == "HEAD" and "HEAD" not in one.rules else method
            if asked in one.rules:
                return AddressFound(one.rules[asked])
            others |= one.rules.keys()
        return AddressFound(None, frozenset(others)) if others else None

    def need(self, rule: AccessRule, caller: Caller, session: OpenSession | None) -> None:
        """Raises `Problem` 401 or 403 for a caller who does not keep the rule."""
        if rule.scope == ANYONE:
            return
        must_sign_in = rule.is_page and self._pages_need_sign_in and session is None
        if caller.is_anonymous or must_sign_in:
            raise not_known()
        if rule.scope != ANY_KEY:
            need_scope(caller, rule.scope)
        is_fresh = session is None or session.is_fresh(self._clock(), self._limits)
        if rule.is_fresh and not is_fresh:
            raise Problem(
                403,
                "Password needed again",
                "this asks for your password once more: give it at /step-up, then repeat",
            )

    def asks_for_purpose(self, rule: AccessRule, caller: Caller) -> bool:
        """Whether this caller must say why it reads what the rule shows."""
        if rule.own in (Own.NOTHING, Own.SESSION) or rule.scope == ANYONE:
            return False
        if caller.role in SEES_ALL_WITH_A_PURPOSE:
            return True
        reads_others = (
            caller.party is None and rule.method == "GET" and rule.own is not Own.OPERATOR
        )
        return reads_others and self._operator_names_purpose

    def note_purpose(self, rule: AccessRule, caller: Caller, scope: Scope) -> None:
        """Put down the purpose of a read; raises `Problem` 403 where none is named."""
        purpose = purpose_of(scope)
        with self._store.write(self._clock()) as tx:
            note(tx, rule, caller, scope, purpose)

    def asks_for_another(self, rule: AccessRule) -> bool:
        """Whether a second person must have approved the act of a rule."""
        return rule.approved in self._two_person_acts

    def second_person(
        self, rule: AccessRule, caller: Caller, scope: Scope, body: bytes
    ) -> dict[str, object] | None:
        """None where the request was approved; else the answer about its waiting."""
        address = scope["path"] + "?" + scope.get("query_string", b"").decode("latin-1")
        digest = digest_of(scope["method"], address, body)
        what = f"{scope['method']} {scope['path']} {body.decode('utf-8', 'replace')}"
        with self._store.write(self._clock()) as tx:
            waits = pass_or_wait(tx, rule, caller, digest=digest, what=what)
        if waits is None:
            return None
        say = "a second person approves this at /approvals; then send the same request again"
        return {"approval": waits, "act": rule.approved, "state": "waiting", "say": say}

    def need_operator(self, caller: Caller) -> None:
        """Raises `Problem` 404 for a caller who is not the operator."""
        with autocommit_read(self._store) as snapshot:
            company = company_behind(snapshot, caller)
        if not company.is_operator:
            raise Problem(404, "Not found", "there is nothing here for this key")


class Policing:
    """ASGI middleware behind the gate: lets a request on where its caller keeps the rule."""

    def __init__(self, app: ASGIApp, *, guard: Guard) -> None:
        self.app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 401, 403, 404 or 405."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        found = self._guard.find(scope)
        rule = found.rule if found else None
        try:
            _need_route(found, scope)
            if rule is not None:
                caller = scope["state"]["caller"]
                self._guard.need(rule, caller, scope["state"]["session"])
                if rule.own is Own.OPERATOR:
                    await run_in_threadpool(self._guard.need_operator, caller)
                if self._guard.asks_for_purpose(rule, caller):
                    await run_in_threadpool(self._guard.note_purpose, rule, caller, scope)
                if self._guard.asks_for_another(rule):
                    body, receive = await _whole_body(receive)
                    waits = await run_in_threadpool(
                        self._guard.second_person, rule, caller, scope, body
                    )
                    if waits:
                        await _waiting(Request(scope), waits)(scope, receive, send)
                        return
        except REFUSING as fault:
            await refuse(refusal_of(fault), scope, receive, send)
            return
        scope["state"]["rule"] = rule
        if scope.get("method") == "HEAD" and rule is not None and rule.method == "GET":
            scope, send = {**scope, "method": "GET"}, _without_body(send)
        await self.app(scope, receive, send)


def _waiting(request: Request, waits: dict[str, object]) -> Response:
    """The answer that a second person must approve first."""
    if not is_for_a_person(request):
        return JSONResponse(waits, 202)
    page = render("waits.html", request, **waits)
    page.status_code = 202
    return page


def _need_route(found: AddressFound | None, scope: Scope) -> None:
    """Raises `Problem` 404 where there is nothing, 405 where it takes other methods."""
    if found is None:
        raise Problem(404, "Not Found", f"there is nothing at {scope['path'][:200]}")
    if found.others:
        allow = ", ".join(sorted(found.others))
        what = f"this address takes {allow}"
        raise Problem(405, "Method Not Allowed", what, headers={"Allow": allow})


async def _whole_body(receive: Receive) -> tuple[bytes, Receive]:
    """The body of a request, and a `receive` that gives it once more."""
    parts, more = [], True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Problem(400, "Request not understood", "the body was not sent to its end")
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"".join(parts)
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return body, again


def _without_body(send: Send) -> Send:
    """HEAD: the answer of GET with its headers alone (RFC 9110 section 9.3.2)."""

    async def head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return head
