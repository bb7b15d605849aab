"""A whole answer to a hot route, before any server has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from epcis.desk import Problem, problem_response
from epcis.store.database import StoreAway, StoreFull

if TYPE_CHECKING:
    from starlette.types import Send

JSON = (b"content-type", b"application/json")
NOT_KEPT = (b"cache-control", b"private, no-cache")


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
    problem = fault if isinstance(fault, Problem) else _of_store(fault)
    response = problem_response(problem)
    headers = (pair for pair in response.raw_headers if pair[0] != b"content-length")
    return Reply(response.status_code, tuple(headers), bytes(response.body))


def _of_store(fault: StoreAway | StoreFull) -> Problem:
    if isinstance(fault, StoreFull):
        return Problem(507, "No space left", "nothing was stored; free space and send it again")
    return Problem(
        503,
        "Database not available",
        "nothing was stored; send it again in a moment",
        headers={"Retry-After": "2"},
    )
