"""What stands above single packs, held in memory: stopped lots, withdrawn products and doubts.

Exempt lots, expiry extensions and participants too. They are few and change seldom, while each
verification asks for them. Every write puts a new random mark in the same transaction; every look
at a pack reads the mark along, and what is held counts only while the mark is the same. So a recall
holds for the next look, in any process.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import select

from epcis.database.raw_driver import RawDriver
from verification.decision.sensors import SensorLimit, SensorRule
from verification.decision.words import OF_DOUBT, Doubt, LotState, ProductState
from verification.registry.pack_tables import (
    doubt,
    exempt_lot,
    expiry_extension,
    lot_state,
    participant,
    product_market,
    sensor_rule,
    stop_mark,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Row

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction

EVERYWHERE = ""
"""The market of a state that holds in all markets."""
ANYWHERE = "*"
"""Whoever asks for no market in particular: what holds in any market counts, an exemption does not.
"""

MARK = "(SELECT mark FROM stop_mark WHERE id = 1)"
"""The SQL that a look at a pack reads along."""

WEIGHT_OF_LOT = {LotState.ACTIVE: 0, LotState.HELD: 1, LotState.CLOSED: 2, LotState.RECALLED: 3}
_PUT_MARK = (
    "INSERT INTO stop_mark (id, mark) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET mark ="
    " excluded.mark"
)


class OpenDoubt(NamedTuple):
    """An open doubt about packs of one product.

    >>> part = OpenDoubt("", "A100", Doubt.QUARANTINED, "A199")
    >>> part.covers("L1", "A150"), part.covers("L1", "A200"), part.covers("L1", "A1500")
    (True, False, False)
    """

    lot: str
    """Empty: all lots."""
    serial: str
    """Empty: all packs of the lot; the first one where `serial_to` is given."""
    kind: Doubt
    serial_to: str = ""
    """The last serial of a range; empty where it is no range."""

    @classmethod
    def of(cls, row: Row[Any]) -> OpenDoubt:  # the columns of a doubt
        """The doubt in a row of the table."""
        return cls(row.lot, row.serial, Doubt(row.kind), row.serial_to)

    def covers(self, lot: str | None, serial: str) -> bool:
        """Whether a pack is among them; serials of a range have the length of its ends."""
        if self.serial_to:
            in_range = self.serial <= serial <= self.serial_to
            return in_range and len(serial) == len(self.serial)
        return self.serial == serial or (not self.serial and self.lot in ("", lot))


@dataclass(frozen=True, slots=True)
class Restrictions:
    """All stops as of one mark."""

    mark: int | None
    lots: dict[tuple[str, str], dict[str, LotState]] = field(default_factory=dict)
    withdrawn: dict[str, frozenset[str]] = field(default_factory=dict)
    doubts: dict[str, tuple[OpenDoubt, ...]] = field(default_factory=dict)
    exempt: frozenset[tuple[str, str, str]] = frozenset()
    participants: dict[str, Any] = field(default_factory=dict)
    """Rows of `participant` by client."""
    extensions: dict[tuple[str, str], date] = field(default_factory=dict)
    """The later expiry of lots that were given one, by GTIN and lot."""
    sensors: dict[str, SensorRule] = field(default_factory=dict)
    """By GTIN, what sensor reports mean for its packs, where a product has a rule of its own."""
    recalled_whole: frozenset[str] = frozenset()
    """GTINs of which the whole product has a state in `lots`, under an empty lot."""

    def lot(self, gtin: str, lot: str | None, market: str) -> LotState:
        """The gravest state of a lot in a market or everywhere."""
        state = self._lot(gtin, lot or "", market)
        if lot and gtin in self.recalled_whole:
            state = max(state, self._lot(gtin, "", market), key=WEIGHT_OF_LOT.__getitem__)
        return state

    def _lot(self, gtin: str, lot: str, market: str) -> LotState:
        by_market = self.lots.get((gtin, lot))
        if by_market is None:
            return LotState.ACTIVE
        if market == ANYWHERE:
            return max(by_market.values(), key=WEIGHT_OF_LOT.__getitem__)
        states = (by_market.get(place, LotState.ACTIVE) for place in (market, EVERYWHERE))
        return max(states, key=WEIGHT_OF_LOT.__getitem__)

    def product(self, code: str, market: str) -> ProductState:
        """Whether a product is withdrawn in a market or everywhere."""
        markets = self.withdrawn.get(code)
        if markets and (market in markets or EVERYWHERE in markets or market == ANYWHERE):
            return ProductState.WITHDRAWN
        return ProductState.ACTIVE

    def doubt(self, gtin: str, lot: str | None, serial: str) -> Doubt | None:
        """The gravest open doubt about a pack or its lot."""
        doubts = self.doubts.get(gtin)
        if doubts is None:
            return None
        return gravest(one.kind for one in doubts if one.covers(lot, serial))

    def extended(self, gtin: str, lot: str | None) -> date | None:
        """The later expiry that a lot was given, if any."""
        return self.extensions.get((gtin, lot or "")) if self.extensions else None

    def is_exempt(self, code: str, lot: str | None, market: str) -> bool:
        """Whether a lot needs no safety features in a market."""
        if not self.exempt or lot is None:
            return False
        return (code, lot, market) in self.exempt or (code, lot, EVERYWHERE) in self.exempt


def gravest(doubts: Iterable[Doubt | None]) -> Doubt | None:
    """The gravest of some doubts; None where there is none.

    >>> gravest((Doubt.SUSPECT, None, Doubt.ILLEGITIMATE)).value
    'illegitimate'
    """
    kinds = {one for one in doubts if one is not None}
    return next((one for one in OF_DOUBT if one in kinds), None)


class _HeldRestrictions:
    """What was read last of one database."""

    last: Restrictions | None = None


def restrictions_at(snapshot: Snapshot, mark: int | None) -> Restrictions:
    """The stops that go with a mark that was just read from the same view."""
    held = snapshot.companions.one(_HeldRestrictions)
    known = held.last
    if known is None or known.mark != mark:
        known = held.last = _read(snapshot)
    return known


def current_restrictions(snapshot: Snapshot) -> Restrictions:
    """The stops as this view sees them."""
    return restrictions_at(snapshot, mark_now(snapshot))


def mark_now(snapshot: Snapshot) -> int | None:
    """The mark as this view sees it."""
    row = RawDriver(snapshot).one(f"SELECT {MARK}")
    return None if row is None else row[0]


def changed(tx: Transaction) -> None:
    """Say, in the act that writes any of these tables, that what is held is out of date.

    The mark is random and not a count: a count could come again after an act that was undone.
    """
    RawDriver(tx).run(_PUT_MARK, (secrets.randbits(62),))


def _read(snapshot: Snapshot) -> Restrictions:
    """Everything from the store; the mark first, so that a change meanwhile shows next time."""
    run = snapshot.connection.execute
    mark = run(select(stop_mark.c.mark)).scalar()
    lots: dict[tuple[str, str], dict[str, LotState]] = {}
    for row in run(select(lot_state)):
        lots.setdefault((row.gtin, row.lot), {})[row.market] = LotState(row.state)
    withdrawn: dict[str, set[str]] = {}
    for row in run(select(product_market)):
        if row.state == ProductState.WITHDRAWN:
            withdrawn.setdefault(row.code, set()).add(row.market)
    doubts: dict[str, list[OpenDoubt]] = {}
    for row in run(select(doubt)):
        doubts.setdefault(row.gtin, []).append(OpenDoubt.of(row))
    return Restrictions(
        mark,
        lots,
        {code: frozenset(markets) for code, markets in withdrawn.items()},
        {gtin: tuple(those) for gtin, those in doubts.items()},
        frozenset((row.code, row.lot, row.market) for row in run(select(exempt_lot))),
        {row.client: row for row in run(select(participant))},
        {
            (row.gtin, row.lot): date.fromisoformat(row.expiry)
            for row in run(select(expiry_extension))
        },
        {
            row.gtin: SensorRule(row.gtin, bool(row.is_on), _LIMITS.decode(row.limits))
            for row in run(select(sensor_rule))
        },
        frozenset(gtin for gtin, lot in lots if not lot),
    )


_LIMITS = msgspec.json.Decoder(tuple[SensorLimit, ...])
