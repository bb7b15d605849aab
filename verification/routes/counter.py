"""The counter over HTTP: verify, supply, undo and other acts on one pack, partners' questions.

Plain ASGI, because these few routes carry nearly all requests: `FastLane` answers them before the
framework's routing, and passes everything else on.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

import msgspec

from epcis.database.transactions import StoreAway, StoreFull
from epcis.http_context import Caller, Problem
from verification.alerts.guessing import until_veiled
from verification.answering.answers import (
    NotOurs,
    OperationWanted,
    PartnerQuestion,
    Told,
    Verification,
    Wanted,
    answer_round,
)
from verification.answering.autocommit_read import let_go
from verification.answering.batch_queue import BatchQueue, TransactionWorker
from verification.decision.act import PackAct
from verification.decision.facts import is_known_product
from verification.decision.render import FailureReason, Verdict, VrsResponse, vrs_body
from verification.decision.words import Reason
from verification.fmd.peer_lookup import maybe_elsewhere
from verification.registry.history import utc_text
from verification.routes.reply import (
    JSON,
    NOT_KEPT,
    Reply,
    bad_request,
    refusal,
    refusal_at,
    told_json,
)
from verification.routes.status import StatusQueries
from verification.routes.wanted import PackBody, asked_of, request_of
from verification.settings import settings_of
from verification.vrs.credential import HEADERS, Checked, Outcome, Policy
from verification.vrs.partner_connections import close_lines, lines_of
from verification.vrs.question import MalformedError, gln_of, gtin_of, parameters_of, question_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from epcis.database.transactions import Store, Transaction
    from epcis.http_context import Clock
    from verification.vrs.question import Question

_OPERATIONS = {f"/packs/{one.value}": one for one in PackAct if one is not PackAct.VERIFY}
LANES_POSTGRESQL = 2
"""Rounds under way at once: while one waits for the server's disk, another is worked on. SQLite
has one writer."""
_CONNECTIVITY_PARAMETERS = frozenset({"gtin", "reqGLN", "context"})


class Counter:
    """Answers the hot routes of one application; its rounds belong to the server's event loop."""

    def __init__(self, state: Any) -> None:  # noqa: ANN401  # Starlette's State
        self._state = state
        self._store: Store = state.store
        self._clock: Clock = state.clock
        self._settings = settings = settings_of(state)
        lanes = 1 if self._store.is_sqlite else LANES_POSTGRESQL
        self._rounds: BatchQueue[Wanted, Told] = BatchQueue(
            [TransactionWorker(self._store, self._clock, self._work) for _ in range(lanes)],
            waiting_max=settings.waiting_max,
        )
        self._statuses = StatusQueries(self._store, self._clock, settings)

    def _work(self, tx: Transaction, round_: list[Wanted]) -> list[Told]:
        return answer_round(tx, round_, self._settings)

    async def ask(self, wanted: Wanted) -> Told:
        """The answer to one request, once it is durable."""
        if self._settings.peers:
            peers, now = lines_of(self._state).peers, self._clock()
            wanted = await maybe_elsewhere(wanted, peers, self._store, self._settings, now)
        return await self._rounds.ask(wanted)

    async def close(self) -> None:
        """Finish the round under way and close the lines to peers and partners."""
        self._rounds.close()
        self._statuses.close()
        await close_lines(self._state)

    async def reply(self, scope: Scope, receive: Receive, caller: Caller) -> Reply:
        """The answer to one request of a route in `is_hot`."""
        path = scope["path"]
        if path.startswith("/packs/"):
            try:
                _need_scope(caller)
                if path == "/packs/status":
                    _need_method(scope, "GET")
                    return await self._statuses.reply(scope["query_string"], caller)
                return await self._pack(scope, receive, caller)
            except (Problem, StoreAway, StoreFull) as fault:
                return refusal(fault)
        if path.endswith("/checkConnectivity"):
            return self._connectivity(scope, caller)
        return await self._question(scope, caller)

    async def _pack(self, scope: Scope, receive: Receive, caller: Caller) -> Reply:
        path = scope["path"]
        _need_method(scope, "POST")
        body = await _body(scope, receive, self._settings.body_bytes_max)
        wanted: Wanted
        if path == "/packs/verify":
            wanted = Verification(asked_of(body), caller, body.manual, body.alerting)
        else:
            wanted = OperationWanted(
                request_of(_OPERATIONS[path], body, self._clock(), self._settings), caller
            )
        begun_s = time.monotonic()
        told = await self.ask(wanted)
        if isinstance(told, Verdict) and told.reason is Reason.NOT_CONFIRMED:
            await until_veiled(begun_s)
        status, said = told_json(told)
        return Reply(status, (JSON, NOT_KEPT), said)

    async def _question(self, scope: Scope, caller: Caller) -> Reply:
        """A partner's question, with the standard's statuses and its empty error bodies."""
        headers = dict(scope["headers"])
        refused = _refusal(scope, caller)
        if refused:
            return refused
        version = headers.get(b"gs1us-version", b"").decode("latin-1") or None
        try:
            question = question_of(
                scope["raw_path"],
                scope["query_string"],
                version=version,
                contexts=self._settings.vrs_contexts,
            )
        except MalformedError:
            return Reply(400)
        correlation = (b"x-correlation-id", question.corr_uuid.encode())
        if not _may_ask_as(caller, question.requester):
            return Reply(403, (correlation,))
        checked = await self._checked(question, headers)
        if not checked.allows(self._policy_for(question)):
            return Reply(403, (correlation,))
        begun_s = time.monotonic()
        try:
            told = await self._rounds.ask(
                PartnerQuestion(question, caller, _credential_text(checked))
            )
        except (Problem, StoreAway, StoreFull):
            return Reply(503, ((b"retry-after", b"2"),))
        if isinstance(told, VrsResponse):
            if told.reason is FailureReason.NO_REASON:
                await until_veiled(begun_s)
            at = utc_text(self._clock())
            body = vrs_body(told, question.corr_uuid, self._settings.answering_gln, at)
            return Reply(200, (JSON, NOT_KEPT, correlation), body)
        return Reply(404 if isinstance(told, NotOurs) else 403, (correlation,))

    async def _checked(self, question: Question, headers: dict[bytes, bytes]) -> Checked:
        """What the requester's presentation is worth; not checked where nobody asks for it."""
        if self._policy_for(question) is Policy.OFF or self._settings.credentials is None:
            return Checked(Outcome.NOT_CHECKED)
        presentation = next((headers[name] for name in HEADERS if name in headers), b"")
        if not presentation:
            return Checked(Outcome.MISSING)
        text = presentation.decode("latin-1").removeprefix("Bearer ")
        ours = self._settings.wallet_holder
        return await self._settings.credentials.check(text, question.corr_uuid, ours)

    def _policy_for(self, question: Question) -> Policy:
        settings = self._settings
        return settings.credential_policies.get(question.requester, settings.credential_policy)

    def _connectivity(self, scope: Scope, caller: Caller) -> Reply:
        """`/checkConnectivity`: whether questions about a product would be answered here."""
        refused = _refusal(scope, caller)
        if refused:
            return refused
        try:
            given = parameters_of(scope["query_string"], _CONNECTIVITY_PARAMETERS)
            gtin, asking = gtin_of(given.get("gtin", "")), gln_of(given.get("reqGLN", ""))
        except MalformedError:
            return Reply(400)
        if not _may_ask_as(caller, asking):
            return Reply(403)
        try:
            with self._store.read() as snapshot:
                known = is_known_product(snapshot, gtin)
        except StoreAway as fault:
            return refusal_at(scope["path"], fault)
        body = msgspec.json.encode({"responderGLN": self._settings.answering_gln})
        return Reply(200 if known else 404, (JSON, NOT_KEPT), body if known else b"")


class FastLane:
    """ASGI middleware behind the gate: answers the hot routes itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a hot route, or pass the request on."""
        if scope["type"] == "http" and is_hot(scope["path"]):
            await hot_route(scope, receive, send)
            return
        await self._app(scope, receive, send)
        if scope["type"] == "lifespan":
            await close_counter(scope["app"].state)


async def close_counter(state: Any) -> None:  # noqa: ANN401  # Starlette's State
    """Let go of what an application's counter holds; after its last request."""
    let_go(state.store)
    held = getattr(state, "counter", None)
    if held is not None:
        state.counter = None
        await held.close()


async def hot_route(scope: Scope, receive: Receive, send: Send) -> None:
    """The same answers as an ordinary route, where no `FastLane` is in front."""
    caller = cast("Caller", scope["state"]["caller"])
    reply = await counter_of(scope["app"].state).reply(scope, receive, caller)
    await reply.send(send)


def is_hot(path: str) -> bool:
    """Whether a path is answered here.

    >>> is_hot("/packs/supply"), is_hot("/packs/scan")
    (True, False)
    """
    if path.startswith("/packs/"):
        return path in _OPERATIONS or path in ("/packs/verify", "/packs/status")
    return path.startswith("/verify/gtin/") or path in (
        "/checkConnectivity",
        "/verify/checkConnectivity",
    )


def counter_of(state: Any) -> Counter:  # noqa: ANN401  # Starlette's State
    """The counter of an application, made at its first request."""
    held = getattr(state, "counter", None)
    if held is None:
        held = state.counter = Counter(state)
    return cast("Counter", held)


def _may_ask_as(caller: Caller, gln: str) -> bool:
    """Whether a caller may ask in the name of a GLN: a partner's key only in its own.

    A key of the operator, which acts for no party, may ask for anybody: a router's key is one.
    """
    return caller.party is None or caller.party == f"/414/{gln}"


def _credential_text(checked: Checked) -> str:
    """What the log says of a credential."""
    return " ".join((checked.outcome.value, *checked.codes))


def _need_scope(caller: Caller) -> None:
    if caller.is_anonymous:
        raise Problem(
            401,
            "Who are you?",
            "send an API key or token as 'Authorization: Bearer …'",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if "verify" not in caller.scopes:
        raise Problem(403, "Not allowed", f"{caller.name} does not have the scope 'verify'")


def _refusal(scope: Scope, caller: Caller) -> Reply | None:
    """What a partner is told whose request is refused before it is read."""
    if scope["method"] != "GET":
        return Reply(405, ((b"allow", b"GET"),))
    if caller.is_anonymous:
        return Reply(401, ((b"www-authenticate", b"Bearer"),))
    return None if "verify" in caller.scopes else Reply(403)


def _need_method(scope: Scope, method: str) -> None:
    if scope["method"] != method:
        raise Problem(
            405, "Wrong method", f"this route takes {method} only", headers={"Allow": method}
        )


async def _body(scope: Scope, receive: Receive, bytes_max: int) -> PackBody:
    """The JSON body about one pack; raises `Problem` 400, 413 or 415."""
    kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    if kind.partition(b";")[0].strip().lower() != b"application/json":
        raise Problem(415, "Wrong content type", "send the pack as application/json")
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise bad_request("the body was not sent to its end")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > bytes_max:
            raise Problem(413, "Too large", f"a body about one pack has {bytes_max} bytes at most")
        more = message.get("more_body", False)
    try:
        return _decoder.decode(b"".join(parts))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad_request(str(error)) from None


_decoder = msgspec.json.Decoder(PackBody)
