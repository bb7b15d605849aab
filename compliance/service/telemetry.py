"""What the server counts about itself, for Prometheus; no identifiers of packs, people or partners.

Each application has a registry of its own, so that two in one process do not mix.
"""

from __future__ import annotations

import secrets
import time
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client import generate_latest as written
from prometheus_client.core import (
    CounterMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from compliance.service.context import service_context_of
from compliance.service.indicators import IndicatorGauges, indicators_at
from epcis.http_context import now_of, store_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry, Metric
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

router = APIRouter(tags=["health"])
_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 3.0, 10.0)
"""0.3 s is the limit of 2016/161 Art. 35 for 95 % of queries, 3 s the US wallets' maximum."""
_LIMITS = (*(str(limit) for limit in _BUCKETS_S), "+Inf")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_AREAS = ("verify", "packs", "epcis", "recalls", "exports", "log", "fmd", "static", "health")
REQUEST_HEADER = b"packtrail-request"
"""Header with the number of a request, by which lines of the log are found."""
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Times:
    """How long the answers of one area took."""

    upto: list[int] = field(default_factory=lambda: [0] * len(_LIMITS))
    """Answers by the lowest of `_LIMITS` that they kept."""
    seconds: float = 0.0


class AnswerCounts(Collector):
    """Answers and their times, counted by area of the address space."""

    def __init__(self, registry: CollectorRegistry, *, logs: bool = False) -> None:
        self._logs = logs
        self._answers: Counter[tuple[str, str, int]] = Counter()
        self._times: dict[str, _Times] = {}
        registry.register(self)

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        """Count one answer; called on the server's event loop only, so that it needs no lock."""
        area, method = area_of(scope["path"]), method_of(scope["method"])
        self._answers[area, method, status] += 1
        times = self._times.get(area) or self._times.setdefault(area, _Times())
        times.upto[bisect_left(_BUCKETS_S, seconds)] += 1
        times.seconds += seconds
        if self._logs:
            _log.info(
                "answered",
                area=area,
                method=method,
                route=route_of(scope),
                status=status,
                milliseconds=round(seconds * 1000, 1),
            )

    def collect(self) -> Iterator[Metric]:
        """What was counted so far, for a registry."""
        answers = CounterMetricFamily(
            "packtrail_answers", "HTTP answers", labels=["area", "method", "status"]
        )
        for (area, method, status), count in sorted(self._answers.items()):
            answers.add_metric([area, method, str(status)], count)
        yield answers
        seconds = HistogramMetricFamily(
            "packtrail_answer_seconds", "Time from request to answer, in seconds", labels=["area"]
        )
        for area, times in sorted(self._times.items()):
            counts = zip(_LIMITS, accumulate(times.upto), strict=True)
            seconds.add_metric([area], [*counts], times.seconds)
        yield seconds


class Telemetry:
    """ASGI middleware: counts answers and times them."""

    def __init__(self, app: ASGIApp, *, counts: AnswerCounts) -> None:
        self.app = app
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, counting the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun_s = time.perf_counter()
        number = secrets.token_hex(8)
        structlog.contextvars.bind_contextvars(request=number)

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (REQUEST_HEADER, number.encode())]
                self._counts.count(scope, message["status"], time.perf_counter() - begun_s)
            await send(message)

        try:
            await self.app(scope, receive, counted)
        finally:
            structlog.contextvars.unbind_contextvars("request")


def route_of(scope: Scope) -> str:
    """The route that answers, without what stands in its place in the address; empty for none.

    >>> route_of({"type": "http"})
    ''
    """
    return str(getattr(scope.get("route"), "path", ""))


def method_of(name: str) -> str:
    """A method of HTTP, or `other`."""
    return name if name in _METHODS else "other"


def area_of(path: str) -> str:
    """The first step of a path where we know it; anything else counts as `page`.

    >>> area_of("/verify/gtin/0/lot/L/ser/S"), area_of("/01/09506000134352/21/A1")
    ('verify', 'page')
    """
    first = path.split("/", 2)[1]
    return first if first in _AREAS else "page"


@router.get("/metrics", response_class=Response)
def metrics(request: Request) -> Response:
    """Counters, timings and the law's indicators in Prometheus' text format."""
    counted = written(service_context_of(request).registry)
    with store_of(request).read() as snapshot:
        read = indicators_at(snapshot, now_of(request))
    gauges = written(IndicatorGauges.registry(read))
    return Response(counted + gauges, media_type=CONTENT_TYPE_LATEST)
