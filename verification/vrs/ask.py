"""Ask another company's responder: look it up, try and try again within a budget, then queue.

What comes back is an answer or "not answered": a line that is down, a time-out or a refusal never
becomes a negative verdict about a pack.
"""

from __future__ import annotations

import asyncio
import random
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from sqlalchemy import insert, select, update

from epcis.database.columns import microseconds, moment_of
from epcis.ledger.entry import LeafKind
from verification.registry.history import subject
from verification.registry.pack_tables import verification_request
from verification.vrs.circuit_breaker import Breaker
from verification.vrs.credential import WalletRefusedError
from verification.vrs.directory import DirectoryEntry, responders
from verification.vrs.question import LINK_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store, Transaction
    from verification.vrs.credential import CredentialProvider

VERSION = "1.3.0"
BUDGET_S = 3.0
"""Total time for all tries of one question."""
TRIES_MAX = 3
PAUSE_S = 0.1
"""Before the second try; doubled before each next, with jitter."""
QUEUE_HOURS = 24
"""How long an unanswered question is asked again (DSCSA 582(c)(4)(D): 24 hours)."""
QUEUE_PAUSE_MINUTES = 10
ANSWER_BYTES_MAX = 64 * 1024
_RETRYABLE = frozenset({408, 429, 500, 502, 503, 504})


class Outgoing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A question to be put to whoever answers for the product."""

    corr_uuid: str
    gtin: str
    serial: str
    lot: str
    expiry: str
    """YYMMDD as printed."""
    requester: str
    """Our GLN."""
    context: str | None = None
    in_possession: bool | None = None
    email: str | None = None
    telephone: str | None = None

    def url(self, base_url: str) -> str:
        """The request to a responder whose paths begin with `base_url`."""
        path = "/".join(
            quote(part, safe="")
            for part in ("gtin", self.gtin, "lot", self.lot, "ser", self.serial)
        )
        more = {
            "exp": self.expiry,
            "linkType": LINK_TYPE,
            "context": self.context,
            "reqGLN": self.requester,
            "corrUUID": self.corr_uuid,
            "ctrlPossessAtt": None
            if self.in_possession is None
            else str(self.in_possession).lower(),
            "email": self.email,
            "telephone": self.telephone,
        }
        given = {name: value for name, value in more.items() if value is not None}
        return f"{base_url.rstrip('/')}/{path}?{urlencode(given, quote_via=quote)}"


class PartnerAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of a question: `answered`, or why not."""

    answered: bool
    verified: bool | None = None
    """None unless answered: what was not answered is neither true nor false."""
    reason: str | None = None
    info: str | None = None
    responder: str | None = None
    at: str | None = None
    status: int = 0
    """The HTTP status for our own caller: 200, 404, 403, 502 or 504."""
    why_not: str = ""
    tries: int = 0


class Requester:
    """Asks responders over HTTP; remembers which hosts are down."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        budget_s: float = BUDGET_S,
        credentials: CredentialProvider | None = None,
        holder: str = "",
        keys: Mapping[str, str] | None = None,
    ) -> None:
        self._http = http
        self._budget_s = budget_s
        self._credentials = credentials
        self._holder = holder
        self._keys = keys or {}
        self._breakers: dict[str, Breaker] = {}

    async def ask(self, question: Outgoing, entries: list[DirectoryEntry]) -> PartnerAnswer:
        """Put a question to the first responder that answers, within the budget."""
        if not entries:
            return PartnerAnswer(
                answered=False, status=404, why_not="nobody is known to answer for it"
            )
        tries: list[str] = []
        try:
            async with asyncio.timeout(self._budget_s):
                return await self._ask_all(question, entries, tries)
        except TimeoutError:
            why = f"no answer within {self._budget_s:g} seconds"
            return PartnerAnswer(answered=False, status=504, why_not=why, tries=len(tries))

    async def _ask_all(
        self, question: Outgoing, entries: list[DirectoryEntry], tries: list[str]
    ) -> PartnerAnswer:
        last = PartnerAnswer(answered=False, status=504, why_not="every responder is resting")
        pause_s = PAUSE_S
        for turn in range(TRIES_MAX):
            for entry in entries:
                breaker = self._breaker(entry)
                if breaker.is_open(time.monotonic()):
                    continue
                tries.append(entry.base_url)
                last = await self._ask_one(question, entry, breaker)
                last = msgspec.structs.replace(last, tries=len(tries))
                if last.answered or last.status in (403, 404):
                    return last
            if turn + 1 < TRIES_MAX:
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311  # jitter
                pause_s *= 2
        return last

    async def _ask_one(
        self, question: Outgoing, entry: DirectoryEntry, breaker: Breaker
    ) -> PartnerAnswer:
        import httpx

        headers = {"GS1US-Version": VERSION, "Accept": "application/json"}
        key = self._keys.get(entry.base_url.rstrip("/"))
        if key:
            headers["Authorization"] = f"Bearer {key}"
        if self._credentials is not None:
            try:
                # A presentation lives five minutes and is tied to the question: new for each try.
                shown = await self._credentials.present(question.corr_uuid, self._holder)
            except WalletRefusedError as refused:
                why = f"our wallet gave no credential: {refused}"
                return PartnerAnswer(answered=False, status=502, why_not=why)
            headers["ATP-Authorization"] = shown
        try:
            status, content = await self._get(question.url(entry.base_url), headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            breaker.failed(time.monotonic())
            return PartnerAnswer(answered=False, status=502, why_not=f"{type(error).__name__}")
        if status in _RETRYABLE:
            breaker.failed(time.monotonic())
            why = f"the responder says {status}"
            return PartnerAnswer(
                answered=False, status=504 if status in (408, 504) else 502, why_not=why
            )
        breaker.succeeded()
        return heard(status, content, question.corr_uuid)

    async def _get(self, url: str, headers: dict[str, str]) -> tuple[int, bytes]:
        """Status and body, the body no further than an answer can be long."""
        parts: list[bytes] = []
        size_bytes = 0
        async with self._http.stream("GET", url, headers=headers) as answer:
            async for part in answer.aiter_bytes():
                size_bytes += len(part)
                parts.append(part)
                if size_bytes > ANSWER_BYTES_MAX:
                    break
        return answer.status_code, b"".join(parts)

    def _breaker(self, entry: DirectoryEntry) -> Breaker:
        return self._breakers.setdefault(urlsplit(entry.base_url).netloc, Breaker())


def heard(status: int, content: bytes, corr_uuid: str) -> PartnerAnswer:
    """What a responder's answer says; anything that is not a clear answer is none.

    >>> heard(200, b'{"data":{"verified":false}}', "x").answered
    False
    """
    if status in (401, 403, 404):
        known = 404 if status == 404 else 403
        return PartnerAnswer(answered=False, status=known, why_not=f"the responder says {status}")
    if status != 200 or len(content) > ANSWER_BYTES_MAX:
        return PartnerAnswer(answered=False, status=502, why_not=f"the responder says {status}")
    try:
        fields = msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return PartnerAnswer(answered=False, status=502, why_not="the answer is not JSON")
    data = fields.get("data")
    mine = str(fields.get("corrUUID", "")).lower().removeprefix("urn:uuid:") == corr_uuid.lower()
    if not mine or not isinstance(data, dict) or not isinstance(data.get("verified"), bool):
        return PartnerAnswer(
            answered=False, status=502, why_not="the answer belongs to no such question"
        )
    return PartnerAnswer(
        answered=True,
        verified=data["verified"],
        reason=_text(data.get("verificationFailureReason")),
        info=_text(data.get("additionalInfo")),
        responder=_text(fields.get("responderGLN")),
        at=_text(fields.get("verificationTimestamp")),
        status=200,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def keep(tx: Transaction, question: Outgoing, answer: PartnerAnswer) -> None:
    """Keep a question and what came of it; one that was not answered is asked again."""
    again = not answer.answered and answer.status in (502, 504)
    next_ = tx.now + timedelta(minutes=QUEUE_PAUSE_MINUTES)
    tx.connection.execute(
        insert(verification_request).values(
            corr_uuid=question.corr_uuid,
            asked_us=microseconds(tx.now),
            due_us=microseconds(tx.now + timedelta(hours=QUEUE_HOURS)),
            next_us=microseconds(next_) if again else None,
            tries=answer.tries,
            question=msgspec.json.encode(question),
            answer=msgspec.json.encode(answer),
        )
    )
    _log(tx, question, answer)


def waiting(snapshot: Snapshot, now: datetime) -> Iterator[Outgoing]:
    """Questions to be asked again now."""
    table = verification_request.c
    rows = snapshot.connection.execute(
        select(table.question).where(table.next_us <= microseconds(now)).order_by(table.next_us)
    )
    yield from (msgspec.json.decode(bytes(row.question), type=Outgoing) for row in rows)


async def ask_again(store: Store, requester: Requester, now: datetime) -> int:
    """Ask everything that waits once more; returns how many were answered."""
    answered = 0
    with store.read() as snapshot:
        due = list(waiting(snapshot, now))
    for question in due:
        with store.read() as snapshot:
            entries = responders(snapshot, question.gtin, now, question.context)
        answer = await requester.ask(question, entries)
        with store.write(now) as tx:
            _keep_again(tx, question, answer)
        answered += answer.answered
    return answered


def _keep_again(tx: Transaction, question: Outgoing, answer: PartnerAnswer) -> None:
    table = verification_request.c
    here = table.corr_uuid == question.corr_uuid
    due_us = tx.connection.execute(select(table.due_us).where(here)).scalar_one()
    next_ = tx.now + timedelta(minutes=QUEUE_PAUSE_MINUTES)
    again = not answer.answered and next_ < moment_of(due_us)
    tx.connection.execute(
        update(verification_request)
        .where(here)
        .values(
            next_us=microseconds(next_) if again else None,
            tries=table.tries + answer.tries,
            answer=msgspec.json.encode(answer),
        )
    )
    _log(tx, question, answer)


def answer_of(snapshot: Snapshot, corr_uuid: str) -> PartnerAnswer | None:
    """The latest that is known of a question."""
    table = verification_request.c
    row = snapshot.connection.execute(
        select(table.answer).where(table.corr_uuid == corr_uuid)
    ).scalar()
    return msgspec.json.decode(bytes(row), type=PartnerAnswer) if row is not None else None


def _log(tx: Transaction, question: Outgoing, answer: PartnerAnswer) -> None:
    public = {"answered": answer.answered, "verified": answer.verified, "status": answer.status}
    tx.log(
        LeafKind.VERDICT,
        msgspec.json.encode(public),
        msgspec.json.encode({"question": question, "answer": answer}),
        subject=subject(question.gtin, question.serial),
    )
