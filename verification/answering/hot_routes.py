"""The few routes that carry nearly all requests: one pack verified, changed or asked about.

They are answered in front of the framework, whose routing costs more than the look at the database.
The gate hands in an `Entrance`, so that these requests pass the same checks as all others.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from epcis.database.autocommit_read import autocommit_read
from epcis.database.transactions import StoreAway
from epcis.http_context import REFUSING
from epcis.problem import Problem
from verification.alerts.guessing import LockedGuessers, guessed_too_often, until_veiled
from verification.decision.act import PackAct, PackRequest
from verification.decision.facts import (
    RecordedPack,
    facts_from,
    is_known_product,
    look_at,
    state_by_events,
)
from verification.decision.render import FailureReason, Verdict, VrsResponse, vrs_body
from verification.decision.words import Reason
from verification.fmd.perform import status_of
from verification.messages.pack_request import PackBody, asked_of, request_of
from verification.messages.reply import (
    JSON,
    NOT_KEPT,
    Reply,
    bad_request,
    given_json,
    refusal,
    refusal_at,
)
from verification.messages.wanted import (
    NotOurs,
    OperationWanted,
    PartnerQuestion,
    StatusGuess,
    Verification,
    Wanted,
    WithinBudget,
)
from verification.registry.history import utc_text
from verification.registry.participants import who_is
from verification.registry.rights import SCOPE_OF_ACT, need_act
from verification.vrs.credential import HEADERS, Checked, CredentialOutcome, CredentialPolicy
from verification.vrs.question import MalformedError, gln_of, gtin_of, parameters_of, question_of

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.types import ASGIApp, Receive, Scope, Send

    from epcis.clock import Clock
    from epcis.http_context import Caller
    from epcis.ledger.store import Store
    from verification.answering.answers import Answering
    from verification.decision.act import Asked
    from verification.decision.restrictions import Restrictions
    from verification.settings import VerificationSettings
    from verification.vrs.question import VrsQuestion

_OPERATIONS = {f"/packs/{one.value}": one for one in PackAct if one is not PackAct.VERIFY}
HOT_ACTS = {
    **{f"/packs/{act.value}": ("POST", act) for act in PackAct},
    "/packs/status": ("GET", PackAct.VERIFY),
    "/verify/gtin/{gtin}/lot/{lot}/ser/{serial}": ("GET", PackAct.VERIFY),
    "/verify/checkConnectivity": ("GET", PackAct.VERIFY),
    "/checkConnectivity": ("GET", PackAct.VERIFY),
}
"""The addresses that are answered here, each with its method and the act it asks for."""
_ASK = SCOPE_OF_ACT[PackAct.VERIFY]
_CONNECTIVITY_PARAMETERS = frozenset({"gtin", "reqGLN", "context"})
_STATUS_PARAMETERS = frozenset({"gtin", "serial", "lot", "expiry"})
SITUATIONS_MAX = 4096
"""Status answers remembered at once; beyond that all are forgotten."""
_encoder = msgspec.json.Encoder()
Headers = tuple[tuple[bytes, bytes], ...]


class HotParts(Protocol):
    """What the hot routes need of an application; a `VerificationContext` has it."""

    @property
    def store(self) -> Store:
        """Where packs are looked up."""

    @property
    def clock(self) -> Clock:
        """The application's clock."""

    @property
    def verification(self) -> VerificationSettings:
        """How packs are verified here."""

    @property
    def answering(self) -> Answering:
        """Answers what is asked about packs."""


class Entrance(Protocol):
    """What stands between the network and the hot routes: who asks, limits, counts."""

    def admit(self, scope: Scope, receive: Receive) -> tuple[Caller, Receive]:
        """Who asks, and `receive` under the limits of a body; raises `Problem`."""

    def answered(self, scope: Scope, status: int, seconds: float) -> Headers:
        """Count an answer; the headers that every answer carries."""


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


class HotRoutes:
    """ASGI middleware in front of everything: answers the hot routes, passes on the rest."""

    def __init__(self, app: ASGIApp, *, parts: HotParts, entrance: Entrance) -> None:
        self._app = app
        self._entrance = entrance
        self._store = parts.store
        self._clock = parts.clock
        self._settings = parts.verification
        self._answering = parts.answering
        self._statuses = _StatusQueries(parts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a hot route; pass on any other."""
        if scope["type"] != "http" or not is_hot(scope["path"]):
            await self._app(scope, receive, send)
            return
        begun_s = time.perf_counter()
        try:
            caller, timed = self._entrance.admit(scope, receive)
            reply = await self._reply(scope, timed, caller)
        except REFUSING as fault:
            reply = refusal_at(scope["path"], fault)
        headers = self._entrance.answered(scope, reply.status, time.perf_counter() - begun_s)
        await reply.send(send, *headers)

    async def _reply(self, scope: Scope, receive: Receive, caller: Caller) -> Reply:
        path = scope["path"]
        if path.startswith("/packs/"):
            try:
                need_act(caller, _OPERATIONS.get(path, PackAct.VERIFY))
                if path == "/packs/status":
                    _need_method(scope, "GET")
                    return await self._statuses.reply(scope["query_string"], caller)
                return await self._pack(scope, receive, caller)
            except REFUSING as fault:
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
        given = await self._answering.ask(wanted)
        if isinstance(given, Verdict) and given.reason is Reason.NOT_CONFIRMED:
            await until_veiled(begun_s)
        status, content = given_json(given)
        return Reply(status, (JSON, NOT_KEPT), content)

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
        checked = await self._checked(question, headers)
        may_ask = _may_ask_as(caller, question.requester)
        if not may_ask or not checked.allows(self._policy_for(question)):
            return Reply(403, (correlation,))
        begun_s = time.monotonic()
        try:
            given = await self._answering.ask(
                PartnerQuestion(question, caller, _credential_text(checked))
            )
        except REFUSING:
            return Reply(503, ((b"retry-after", b"2"),))
        if isinstance(given, VrsResponse):
            if given.reason is FailureReason.NO_REASON:
                await until_veiled(begun_s)
            at = utc_text(self._clock())
            body = vrs_body(given, question.corr_uuid, self._settings.answering_gln, at)
            return Reply(200, (JSON, NOT_KEPT, correlation), body)
        return Reply(404 if isinstance(given, NotOurs) else 403, (correlation,))

    async def _checked(self, question: VrsQuestion, headers: dict[bytes, bytes]) -> Checked:
        """What the requester's presentation is worth; not checked where nobody asks for it."""
        if self._policy_for(question) is CredentialPolicy.OFF or self._settings.credentials is None:
            return Checked(CredentialOutcome.NOT_CHECKED)
        presentation = next((headers[name] for name in HEADERS if name in headers), b"")
        if not presentation:
            return Checked(CredentialOutcome.MISSING)
        text = presentation.decode("latin-1").removeprefix("Bearer ")
        ours = self._settings.wallet_holder
        return await self._settings.credentials.check(text, question.corr_uuid, ours)

    def _policy_for(self, question: VrsQuestion) -> CredentialPolicy:
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


class _StatusQueries:
    """Status queries: what is known of a pack, without alert, count or record (Art. 36(f)).

    Most packs of a lot are in the same situation, and the decision about them is pure. So an answer
    is remembered by all that it depends on; only the serial number and the time are put in anew.
    """

    def __init__(self, parts: HotParts) -> None:
        self._store = parts.store
        self._clock = parts.clock
        self._settings = parts.verification
        self._answering = parts.answering
        self._locked = parts.store.companions.one(LockedGuessers)
        self._remembered: dict[tuple[object, ...], _Around] = {}

    async def reply(self, query: bytes, caller: Caller) -> Reply:
        """The answer to the query string of a caller; raises `Problem` and `StoreAway`."""
        asked = _asked_by_query(query)
        if self._locked and self._answering.is_locked(caller):
            raise guessed_too_often()
        if self._store.file is not None:
            with autocommit_read(self._store) as snapshot:
                stops, row = look_at(snapshot, asked.gtin, asked.serial)
        else:
            stops, row = await self._answering.look(asked.gtin, asked.serial)
        if not row.is_known:
            await self._count_guess(asked, caller)
        return self._answer(asked, caller, stops, row)

    async def _count_guess(self, asked: Asked, caller: Caller) -> None:
        """Count an answer about an unknown serial number; raises `Problem` 429 for too many."""
        with autocommit_read(self._store) as snapshot:
            is_guess = is_known_product(snapshot, asked.gtin)
        if is_guess and not isinstance(
            await self._answering.ask(StatusGuess(caller)), WithinBudget
        ):
            raise guessed_too_often()

    def _answer(
        self, asked: Asked, caller: Caller, stops: Restrictions, row: RecordedPack
    ) -> Reply:
        """The answer from what was just looked up."""
        now = self._clock()
        if not row.is_known or row.has_own_values or asked.gtin in stops.sensors:
            return self._decided(asked, caller, stops, row, now).reply(asked.serial, now)
        # All that the answer depends on, but for the serial number and the time of day. The mark
        # in the row stands for all stops.
        situation = (
            *(asked.gtin, asked.lot, asked.expiry, caller.name, caller.party, now.date()),
            *(state_by_events(row), row.situation),
        )
        around = self._remembered.get(situation)
        if around is None:
            if len(self._remembered) >= SITUATIONS_MAX:
                self._remembered.clear()
            around = self._decided(asked, caller, stops, row, now)
            self._remembered[situation] = around
        return around.reply(asked.serial, now)

    def _decided(
        self, asked: Asked, caller: Caller, stops: Restrictions, row: RecordedPack, now: datetime
    ) -> _Around:
        request = PackRequest(
            operation=PackAct.VERIFY,
            code=asked.gtin,
            serial=asked.serial,
            lot=asked.lot,
            expiry=asked.expiry,
            alerting=False,
        )
        who = who_is(stops, caller, self._settings)
        with autocommit_read(self._store) as snapshot:
            facts = facts_from(snapshot, asked, who, stops, row)
        answer = status_of(request, facts, self._settings.rule_pack, now)
        return _Around.of(*given_json(answer), request.serial, now)


class _Around(NamedTuple):
    """An answer but for what it says of one pack alone."""

    status: int
    before_serial: bytes
    before_time: bytes
    after: bytes

    @classmethod
    def of(cls, status: int, body: bytes, serial: str, at: datetime) -> _Around:
        """Taken out of a whole answer.

        Quotation marks within values are escaped, so that the names are found where they stand.
        """
        before, name, rest = body.partition(b'"serial":')
        between, time, after = rest.removeprefix(_encoder.encode(serial)).partition(b'"at":')
        after = after.removeprefix(_encoder.encode(at))
        return cls(status, before + name, between + time, after)

    def reply(self, serial: str, at: datetime) -> Reply:
        """The whole answer about a pack."""
        encode = _encoder.encode
        parts = (self.before_serial, encode(serial), self.before_time, encode(at), self.after)
        return Reply(self.status, (JSON, NOT_KEPT), b"".join(parts))


def _asked_by_query(query: bytes) -> Asked:
    try:
        given = parameters_of(query, _STATUS_PARAMETERS)
    except MalformedError as error:
        raise bad_request(str(error)) from None
    named = given.get
    return asked_of(PackBody(None, named("gtin"), named("serial"), named("lot"), named("expiry")))


def _may_ask_as(caller: Caller, gln: str) -> bool:
    """Whether a caller may ask in the name of a GLN: a partner's key only in its own.

    A key of the operator, which acts for no party, may ask for anybody: a router's key is one.
    """
    return caller.party is None or caller.party == f"/414/{gln}"


def _credential_text(checked: Checked) -> str:
    """What the log says of a credential."""
    return " ".join((checked.outcome.value, *checked.codes))


def _refusal(scope: Scope, caller: Caller) -> Reply | None:
    """The answer to a partner whose request is refused before it is read."""
    if scope["method"] != "GET":
        return Reply(405, ((b"allow", b"GET"),))
    if caller.is_anonymous:
        return Reply(401, ((b"www-authenticate", b"Bearer"),))
    return None if _ASK in caller.scopes else Reply(403)


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
