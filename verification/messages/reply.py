"""A whole answer to a hot route, before any server has it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from epcis.http_context import problem_response, refusal_of
from epcis.problem import Problem
from schemas.finding import Finding, Severity, Where
from verification.alerts.guessing import guessed_too_often
from verification.decision.render import Verdict
from verification.fmd.perform import OperationAnswer

if TYPE_CHECKING:
    from starlette.types import Send

    from epcis.database.transactions import StoreAway, StoreFull
    from verification.decision.words import Word
    from verification.messages.wanted import GivenAnswer

JSON = (b"content-type", b"application/json")
NOT_KEPT = (b"cache-control", b"private, no-cache")
_encoder = msgspec.json.Encoder()


class Reply(NamedTuple):
    """Status, headers without the length, body."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""

    async def send(self, send: Send, *more: tuple[bytes, bytes]) -> None:
        """Send it over ASGI, with `more` headers."""
        headers = [*self.headers, (b"content-length", b"%d" % len(self.body)), *more]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def refusal(fault: Problem | StoreAway | StoreFull) -> Reply:
    """The answer where there is none: RFC 9457."""
    response = problem_response(refusal_of(fault))
    headers = (pair for pair in response.raw_headers if pair[0] != b"content-length")
    return Reply(response.status_code, tuple(headers), bytes(response.body))


def refusal_at(path: str, fault: Problem | StoreAway | StoreFull) -> Reply:
    """The answer of a hot route where there is none; a partner's question is refused without words.

    Standard: GS1 Lightweight Messaging, statuses with an empty body.
    """
    refused = refusal(fault)
    if path.startswith("/packs/"):
        return refused
    kept = tuple(pair for pair in refused.headers if pair[0] != b"content-type")
    return Reply(refused.status, kept)


def given_json(given: GivenAnswer) -> tuple[int, bytes]:
    """Status and body of an answer to `/packs/…`; `Problem` 429 where the budget is spent."""
    if isinstance(given, Verdict):
        return 200, _encoder.encode(given.as_dict())
    if isinstance(given, OperationAnswer):
        # Written as it is but for its beginning: made a dictionary first, it would cost twice.
        return given.http, _head(given.word, given.severity, given.colour) + _encoder.encode(given)[
            1:
        ]
    raise guessed_too_often()


@cache
def _head(word: Word, severity: int, colour: str) -> bytes:
    """How the JSON of an operation's answer begins."""
    head = {"verdict": word.value, "colour": colour, "severity": severity}
    return msgspec.json.encode(head)[:-1] + b","


def bad_request(what: str) -> Problem:
    """400 with what could not be read."""
    finding = Finding(
        "request.malformed",
        Severity.ERROR,
        what,
        "see /openapi.json for what this route takes",
        Where(path="body"),
    )
    return Problem(400, "Request not understood", what, findings=(finding,))
