"""Check a shipment file under the US Drug Supply Chain Security Act, as its receiver would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from compliance.rules.catalogue import Findings, GuidelineRelease
from compliance.rules.header import judge_header
from compliance.rules.history import judge_history
from compliance.rules.item_histories import ItemHistories
from compliance.rules.lots import judge_lot, judge_lots
from compliance.rules.numbers import judge_numbers
from compliance.rules.packing import judge_packing
from compliance.rules.products import judge_master_data
from compliance.rules.quantities import judge_quantities, judge_units
from compliance.rules.shipped_file import EPCS_MAX, ShippedFile
from compliance.rules.steps import judge_event
from compliance.rules.times import judge_times
from compliance.rules.trade import judge_advices, judge_sellers, judge_trade
from compliance.rules.zones import judge_zones
from schemas.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from compliance.rules.known import KnownBefore
    from epcis.model import Event, Header
    from schemas.finding import Where

SUPERSEDED: Final = {
    "event.id-repeated": "dscsa.i07-epc-repeated",
    "event.time-without-zone": "dscsa.t01-no-zone",
    "document.no-events": "dscsa.d09-no-events",
}
"""Findings of the EPCIS checks that this profile makes too, with its own severity for them."""


class DscsaWatcher:
    """Follows the events of one file and checks it against one release of the guideline."""

    def __init__(
        self,
        profile: GuidelineRelease,
        known: KnownBefore | None = None,
        file: ShippedFile | None = None,
    ) -> None:
        self._say = Findings(profile)
        self._file = file if file is not None else ShippedFile()
        self._known = known

    def see(self, event: Event, where: Where) -> Iterator[Finding]:
        """Check one event by itself."""
        if self._known is not None:
            self._known.see(event)
        step = self._file.add(event, where)
        if step is None:
            return
        yield from judge_event(event, step, self._say)
        yield from judge_lot(event, step, self._say)
        yield from judge_quantities(event, step, self._say)
        if step.biz_step == "shipping":
            yield from judge_trade(event, step, self._file.trades[-1], self._say)

    def judge(self, header: Header, now: datetime | None = None) -> Iterator[Finding]:
        """Check header, master data and all events together."""
        file, say = self._file, self._say
        if self._known is not None:
            self._known.gather(file)
            yield from judge_history(file, header, self._known, say)
        yield from self._whole()
        yield from judge_header(file, header, say)
        yield from judge_master_data(file, header, say)
        yield from judge_numbers(file, header, say)
        yield from judge_sellers(file, header, say)
        yield from judge_times(file, header, now, say)
        yield from judge_zones(file, header, say)
        yield from judge_lots(file, say)
        yield from judge_units(file, say)
        yield from judge_packing(file, say)
        yield from judge_advices(file, say)
        histories = ItemHistories(file, say)
        yield from histories.judge()
        if file.is_cut or histories.is_cut:
            yield Finding(
                "dscsa.followed-in-part",
                Severity.INFO,
                f"only the first {EPCS_MAX} objects are followed, and not into every container",
                "Rules over the history of objects are judged for those alone.",
            )

    def _whole(self) -> Iterator[Finding]:
        if not self._file.steps:
            yield self._say.found(
                "D09", "the file holds no events", "A shipment file reports the shipment as events."
            )
        elif not self._file.trades:
            yield self._say.found(
                "V09",
                "the file holds no shipping event",
                "Send the shipping event: without it nobody knows who owns the goods.",
            )
        elif not any(step.biz_step == "commissioning" for step in self._file.steps):
            yield self._say.found(
                "V09",
                "the file holds no commissioning event, so lots and expiries are missing",
                "A manufacturer sends it with the shipment; others pass on what they received.",
                severity=Severity.WARNING,
            )
