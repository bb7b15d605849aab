"""How well the installation keeps what the law and its users expect: read now, from its database.

Every server on one database says the same. `/metrics` and `packtrail doctor` show these figures.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from compliance.duty_clocks import CLOCKS, ClockState, running_clocks
from compliance.reader.reader import OutboxBacklog, backlog
from compliance.reports.service_times import SHARE_MIN, times_between
from epcis.capture_job import waiting_jobs
from epcis.exchange.health import STUCK, exchange_health
from epcis.ledger.sequencer import delay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from prometheus_client import Metric

    from compliance.duty_clocks import DutyClock
    from epcis.database.transactions import Snapshot
    from epcis.exchange.health import ExchangeHealth

SHARE_DAYS: Final = 30
"""The share of answers in time is of this many days, today among them."""


class Indicators(NamedTuple):
    """The figures of one moment."""

    answers: int
    """Answers to questions and acts about packs in `SHARE_DAYS`."""
    in_time: int
    """Those of them that took at most 300 ms (2016/161 Art. 35(1)(f))."""
    clocks: list[DutyClock]
    outbox: OutboxBacklog
    """Captured documents that are not judged yet."""
    jobs: int
    """Captured documents that are not stored yet."""
    log_delay: timedelta
    """How long the oldest entry waits for its place in the log."""
    exchange: ExchangeHealth
    """Messages to and from partners, and certificates that end."""
    now: datetime

    @property
    def share_in_time(self) -> float | None:
        """The share of answers in time; None where there were none."""
        return self.in_time / self.answers if self.answers else None

    @property
    def keeps_the_share(self) -> bool:
        """Whether as many answers were in time as the law asks for."""
        return self.share_in_time is None or self.share_in_time >= SHARE_MIN

    @property
    def outbox_age(self) -> timedelta:
        """How long the oldest document waits to be judged."""
        oldest = self.outbox.oldest
        return max(self.now - oldest, timedelta(0)) if oldest is not None else timedelta(0)

    def clocks_that_are(self, state: ClockState) -> list[DutyClock]:
        """The clocks in one state, the first to end first."""
        return [clock for clock in self.clocks if clock.state(self.now) is state]


def indicators_at(snapshot: Snapshot, now: datetime) -> Indicators:
    """Read all figures."""
    first = (now - timedelta(days=SHARE_DAYS - 1)).date()
    days = times_between(snapshot, first, now.date())
    return Indicators(
        answers=sum(day.answers for day in days),
        in_time=sum(day.within() for day in days),
        clocks=running_clocks(snapshot),
        outbox=backlog(snapshot),
        jobs=waiting_jobs(snapshot),
        log_delay=delay(snapshot, now=now),
        exchange=exchange_health(snapshot, now),
        now=now,
    )


class IndicatorGauges(Collector):
    """The figures in the words of Prometheus."""

    def __init__(self, read: Indicators) -> None:
        self._read = read

    @classmethod
    def registry(cls, read: Indicators) -> CollectorRegistry:
        """A registry of these figures alone."""
        made = CollectorRegistry()
        made.register(cls(read))
        return made

    def collect(self) -> Iterator[Metric]:
        """The figures."""
        read = self._read
        if read.share_in_time is not None:
            yield _gauge(
                "answers_in_time_share",
                f"Share of answers about packs within 300 ms, of {SHARE_DAYS} days",
                read.share_in_time,
            )
        yield _gauge("answers_in_time_share_min", "The share the law asks for", SHARE_MIN)
        yield _gauge("outbox_rows", "Captured documents to judge", read.outbox.rows)
        yield _gauge(
            "outbox_age_seconds",
            "Age of the document that waits longest",
            read.outbox_age.total_seconds(),
        )
        yield _gauge("capture_jobs_waiting", "Captured documents to store", read.jobs)
        yield _gauge(
            "log_delay_seconds",
            "How long the oldest entry waits for its place in the log",
            read.log_delay.total_seconds(),
        )
        yield from self._of_clocks()
        yield from self._of_exchange()

    def _of_exchange(self) -> Iterator[Metric]:
        exchange = self._read.exchange
        stuck = GaugeMetricFamily(
            "packtrail_exchange_stuck",
            "Messages to and from partners that wait for a person",
            labels=["state"],
        )
        for state in STUCK:
            stuck.add_metric([state.value], exchange.messages[state.value])
        yield stuck
        yield _gauge(
            "exchange_certificates_ending",
            "Certificates of channels that have ended or end within 30 days",
            len(exchange.ending),
        )

    def _of_clocks(self) -> Iterator[Metric]:
        counted = Counter((one.duty, one.state(self._read.now)) for one in self._read.clocks)
        clocks = GaugeMetricFamily(
            "packtrail_clocks", "Legal clocks that run, by how they stand", labels=["duty", "state"]
        )
        for duty in CLOCKS:
            for state in ClockState:
                clocks.add_metric([duty, state.value], counted[duty, state])
        yield clocks


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(f"packtrail_{name}", says, value)
