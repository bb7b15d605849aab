"""Keeps what telemetry measured of answers, for reports to an authority about last month."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from compliance.reports.service_times import LONGER, add_times

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from epcis.clock import Clock
    from epcis.ledger.store import Store

KEEP_EVERY_S = 60.0
_METRIC = "packtrail_answer_seconds"


class Measured:
    """The counts of a registry's answer times, and how much of them is kept already."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._kept: dict[tuple[str, int], int] = {}

    def keep(self, store: Store, clock: Clock) -> None:
        """Add what came since the last time to today's counts."""
        now = self._counts()
        fresh = {key: count - self._kept.get(key, 0) for key, count in now.items()}
        if any(fresh.values()):
            with store.write(clock()) as tx:
                add_times(tx, tx.now.date(), fresh)
        # What was measured since is in memory only: a crash loses it, and counts nothing twice.
        self._kept = now

    def _counts(self) -> dict[tuple[str, int], int]:
        """(area, limit in ms) -> answers that kept this limit and no lower one."""
        upto: dict[str, list[tuple[float, int]]] = {}
        for metric in self._registry.collect():
            if metric.name != _METRIC:
                continue
            for sample in metric.samples:
                if sample.name == f"{_METRIC}_bucket":
                    limit_s = float(sample.labels["le"])
                    upto.setdefault(sample.labels["area"], []).append((limit_s, int(sample.value)))
        counts: dict[tuple[str, int], int] = {}
        for area, pairs in upto.items():
            below = 0
            for limit_s, total in sorted(pairs):
                limit_ms = LONGER if limit_s == float("inf") else round(limit_s * 1000)
                counts[area, limit_ms] = total - below
                below = total
        return counts


async def keep_measured(
    registry: CollectorRegistry, store: Store, clock: Clock, stop: asyncio.Event
) -> None:
    """Keep the counts once a minute, and once more at the end."""
    measured = Measured(registry)
    while not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), KEEP_EVERY_S)
        await asyncio.to_thread(measured.keep, store, clock)
