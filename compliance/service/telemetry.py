"""What the server counts about itself, for Prometheus; no identifiers of packs, people or partners.

Each application has a registry of its own, so that two in one process do not mix.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, NamedTuple

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram
from prometheus_client import generate_latest as written

from epcis.desk import Caller, needs

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

router = APIRouter(tags=["health"])
_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 3.0, 10.0)
"""0.3 s is the limit of 2016/161 Art. 35 for 95 % of queries, 3 s the US wallets' maximum."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_AREAS = ("verify", "packs", "epcis", "recalls", "exports", "log", "fmd", "static", "health")


class _Line(NamedTuple):
    """The counters of one kind of answer, looked up once."""

    answers: Counter
    seconds: Histogram


class Telemetry:
    """ASGI middleware: counts answers and times them, by area of the address space."""

    def __init__(self, app: ASGIApp, *, registry: CollectorRegistry) -> None:
        self.app = app
        self._answers = Counter(
            "packtrail_answers", "HTTP answers", ["area", "method", "status"], registry=registry
        )
        self._seconds = Histogram(
            "packtrail_answer_seconds",
            "Time from request to answer, in seconds",
            ["area"],
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._lines: dict[tuple[str, str, int], _Line] = {}

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        """Count one answer."""
        key = (_area(scope["path"]), _method(scope["method"]), status)
        line = self._lines.get(key)
        if line is None:
            answers = self._answers.labels(key[0], key[1], str(status))
            line = self._lines[key] = _Line(answers, self._seconds.labels(key[0]))
        line.answers.inc()
        line.seconds.observe(seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, counting the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun_s = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.count(scope, message["status"], time.perf_counter() - begun_s)
            await send(message)

        await self.app(scope, receive, counted)


def _method(name: str) -> str:
    return name if name in _METHODS else "other"


def _area(path: str) -> str:
    """The first step of a path where we know it; anything else counts as `page`.

    >>> _area("/verify/gtin/0/lot/L/ser/S"), _area("/01/09506000134352/21/A1")
    ('verify', 'page')
    """
    first = path.split("/", 2)[1]
    return first if first in _AREAS else "page"


@router.get("/metrics", response_class=Response)
def metrics(request: Request, caller: Annotated[Caller, Depends(needs("admin"))]) -> Response:
    """Counters and timings in Prometheus' text format."""
    del caller
    return Response(written(request.app.state.registry), media_type=CONTENT_TYPE_LATEST)
