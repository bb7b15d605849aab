"""The one judgement of packs that are alike: of one lot, in one state by their events.

Stock counts millions of packs by it, without a look at each. It is the judgement that `facts_from`
and `decide` give each of them, as long as nothing is recorded of the pack alone: which packs those
are says `verification.stock_apart`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.database.raw_driver import RawDriver
from epcis.database.site_zone import zone_of
from verification.decision.act import TO_LOOK_UP, Asked
from verification.decision.decide import decide
from verification.decision.facts import (
    BETWEEN,
    STATE_OF_ITEM,
    Facts,
    KnownPack,
    RecordedPack,
    known_pack,
    without_alarms,
)
from verification.decision.restrictions import gravest
from verification.decision.rule_pack import shipped
from verification.decision.words import PackState, Reason

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.database.transactions import Snapshot
    from epcis.store.item_state import ItemState
    from epcis.store.stock import StockLot
    from verification.decision.restrictions import Restrictions

GENUINE = (Reason.GENUINE,)
_SAYS_NOTHING_OF_A_CASE = frozenset({Reason.EXPIRY_NOT_RECORDED, Reason.LOT_NOT_RECORDED})
_BY_MASTER_DATA = (
    f"SELECT lot, min(expiry) || '{BETWEEN}' || max(expiry) FROM master_data_lot"  # noqa: S608  # no value is put in
    " WHERE gtin = ? GROUP BY lot"
)


class GroupJudge:
    """Judges packs that are alike, at one time, as whoever asks in a market would be answered."""

    def __init__(
        self, snapshot: Snapshot, stops: Restrictions, now: datetime, *, market: str
    ) -> None:
        self._driver = RawDriver(snapshot)
        self._stops, self._now, self._market = stops, now, market
        self._zone = zone_of(snapshot)
        self._judged: dict[tuple[object, ...], tuple[Reason, ...]] = {}
        self._master: dict[str, dict[str, str]] = {}

    def reasons(
        self, lot: StockLot, state: ItemState, *, is_sensed: bool = False
    ) -> tuple[Reason, ...]:
        """What speaks against them, gravest first; `genuine` alone where nothing does.

        `is_sensed`: a reading of a sensor beyond a limit of their product stands against them.
        """
        case = (lot, state.status, state.conditions, is_sensed)
        known = self._judged.get(case)
        if known is None:
            if lot.gtin:
                facts = self.facts(lot, state, is_sensed=is_sensed)
                known = decide(facts, TO_LOOK_UP, shipped(), self._now).reasons
            else:
                known = reasons_of_container(state, self._now)
            self._judged[case] = known
        return known

    def facts(self, lot: StockLot, state: ItemState, *, is_sensed: bool = False) -> Facts:
        """The facts about any of these packs."""
        stops, gtin, code = self._stops, lot.gtin, lot.code or None
        pack = known_pack(self._recorded(lot, state))
        assert pack is not None, "an item is known by its events"
        rule = stops.sensors.get(gtin)
        if rule is not None and not rule.on:
            pack = without_alarms(pack)
        of_lot = (one for one in stops.doubts.get(gtin, ()) if not one.serial)
        return Facts(
            asked=Asked(gtin, ""),
            pack=pack,
            product_state=stops.product(gtin, self._market),
            lot_state=stops.lot(gtin, code, self._market),
            doubt=gravest(one.kind for one in of_lot if one.lot in ("", code)),
            extended=stops.extended(gtin, code),
            exempt=stops.is_exempt(gtin, code, self._market),
            readings=("a reading beyond the limits",) if is_sensed else (),
            zone=self._zone,
        )

    def _recorded(self, lot: StockLot, state: ItemState) -> RecordedPack:
        """As `look` finds one of them."""
        if lot.gtin not in self._master:
            rows = self._driver.all(_BY_MASTER_DATA, (lot.gtin,))
            self._master[lot.gtin] = {row[0]: row[1] for row in rows}
        return RecordedPack(
            status=state.status.value,
            conditions=" ".join(state.conditions),
            place=state.location,
            event_lot=lot.code,
            event_expiry=lot.expiry,
            state=None,
            lot=None,
            expiry=None,
            location=None,
            authorisation=None,
            repeats=None,
            stolen=None,
            handed_over=None,
            master_expiries=self._master[lot.gtin].get(lot.code),
            mark=None,
            moment=0,
            since_us=None,
            version=None,
            parent=None,
            n=0,
        )


def reasons_of_container(state: ItemState, now: datetime) -> tuple[Reason, ...]:
    """What its own events say against a case or pallet; it has no lot or expiry of its own."""
    own = STATE_OF_ITEM.get(state.status.value, PackState.ACTIVE)
    facts = Facts(asked=Asked("", ""), pack=KnownPack(state=own, conditions=state.conditions))
    reasons = decide(facts, TO_LOOK_UP, shipped(), now).reasons
    return tuple(one for one in reasons if one not in _SAYS_NOTHING_OF_A_CASE) or GENUINE
