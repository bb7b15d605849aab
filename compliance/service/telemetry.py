"""What the server counts about itself, for Prometheus; no identifiers of packs, people or partners.

Each application has a registry of its own, so that two in one process do not mix.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry
from prometheus_client import generate_latest as written
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from compliance.reader.reader import backlog
from compliance.service.context import service_context_of
from epcis.http_context import now_of, store_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from prometheus_client import Metric
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from compliance.reader.reader import OutboxBacklog

router = APIRouter(tags=["health"])
_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 3.0, 10.0)
"""0.3 s is the limit of 2016/161 Art. 35 for 95 % of queries, 3 s the US wallets' maximum."""
_LIMITS = (*(str(limit) for limit in _BUCKETS_S), "+Inf")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_AREAS = ("verify", "packs", "epcis", "recalls", "exports", "log", "fmd", "static", "health")


@dataclass(slots=True)
class _Times:
    """How long the answers of one area took."""

    upto: list[int] = field(default_factory=lambda: [0] * len(_LIMITS))
    """Answers by the lowest of `_LIMITS` that they kept."""
    seconds: float = 0.0


class AnswerCounts(Collector):
    """Answers and their times, counted by area of the address space."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._answers: Counter[tuple[str, str, int]] = Counter()
        self._times: dict[str, _Times] = {}
        registry.register(self)

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        """Count one answer; called on the server's event loop only, so that it needs no lock."""
        area = _area(scope["path"])
        self._answers[area, _method(scope["method"]), status] += 1
        times = self._times.get(area) or self._times.setdefault(area, _Times())
        times.upto[bisect_left(_BUCKETS_S, seconds)] += 1
        times.seconds += seconds

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

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._counts.count(scope, message["status"], time.perf_counter() - begun_s)
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
def metrics(request: Request) -> Response:
    """Counters and timings in Prometheus' text format."""
    counted = written(service_context_of(request).registry)
    now = now_of(request)
    with store_of(request).read() as snapshot:
        waiting = written(_Waiting.registry(backlog(snapshot), now))
    return Response(counted + waiting, media_type=CONTENT_TYPE_LATEST)


class _Waiting(Collector):
    """How far the reader of captured documents is behind; the same from every server."""

    def __init__(self, waiting: OutboxBacklog, now: datetime) -> None:
        self._waiting = waiting
        self._now = now

    @classmethod
    def registry(cls, waiting: OutboxBacklog, now: datetime) -> CollectorRegistry:
        """A registry of these figures alone."""
        made = CollectorRegistry()
        made.register(cls(waiting, now))
        return made

    def collect(self) -> Iterator[Metric]:
        """The figures."""
        rows, oldest = self._waiting
        yield GaugeMetricFamily("packtrail_outbox_rows", "Captured documents to judge", rows)
        age_s = (self._now - oldest).total_seconds() if oldest is not None else 0.0
        yield GaugeMetricFamily(
            "packtrail_outbox_age_seconds", "Age of the document that waits longest", age_s
        )
