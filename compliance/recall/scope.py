"""What a recall is about, as a person names it, and the packs that belong to it.

A lot, product or range of serial numbers is looked up in the state of items, so packs that become
known later belong to it by themselves. A list and a production window name their packs one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from sqlalchemy import select

from epcis.database.columns import microseconds, moment_of, pack_key, unpack_key, unpack_keys
from epcis.database.raw_driver import RawDriver
from epcis.store.event_tables import event
from epcis.store.items import (
    items,
    items_between,
    items_of_lot,
    keys_of_lot,
    lot_numbers,
)
from epcis.trace import groups_between, groups_of_lot
from schemas.gs1.keys import Gln, Gtin
from schemas.refusal import Refused
from verification.decision.facts import serial_ranges
from verification.decision.restrictions import OpenDoubt
from verification.decision.words import Doubt
from verification.registry.pack_tables import pack as pack_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import RowMapping

    from epcis.database.transactions import Snapshot
    from epcis.store.items import StoredItem
    from epcis.trace import AlikePacks

LOT_CHARS_MAX = SERIAL_CHARS_MAX = 20
SERIALS_MAX = 200_000
"""Most packs that one recall names one by one."""
KEYS_PER_QUESTION = 500


class RecallRefused(Refused):
    """The recall cannot be opened or changed; the text says why and what to do."""


class ScopeKind(StrEnum):
    """What a recall may be about."""

    LOT = "lot"
    PRODUCT = "product"
    RANGE = "range"
    SERIALS = "serials"
    WINDOW = "window"


LISTED = frozenset({ScopeKind.SERIALS, ScopeKind.WINDOW})
"""Kinds whose packs are named one by one."""
BY_MARKET = frozenset({ScopeKind.LOT, ScopeKind.PRODUCT})
"""Kinds that can be recalled in one market alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallScope:
    """What is recalled; `parse` makes it from a person's input.

    >>> str(RecallScope.parse(gtin="0355555678908", lot="L7"))
    'lot L7 of 00355555678908'
    """

    kind: ScopeKind
    gtin: str
    """GTIN-14."""
    lot: str = ""
    serial: str = ""
    """First of a range."""
    serial_to: str = ""
    """Last of a range."""
    since: datetime | None = None
    """Begin of a production window, in event time."""
    until: datetime | None = None
    """Its end, which is no longer part of it."""
    place: str = ""
    """GLN-13 where the packs of a window were commissioned; empty: anywhere."""
    market: str = ""
    """ISO 3166 country; empty: everywhere."""
    serials: tuple[str, ...] = ()
    """Of a list."""

    @classmethod
    def parse(
        cls,
        *,
        gtin: str,
        lot: str = "",
        serials: Sequence[str] = (),
        serial_range: tuple[str, str] | None = None,
        window: tuple[datetime, datetime] | None = None,
        place: str = "",
        product: bool = False,
        market: str = "",
    ) -> RecallScope:
        """A scope from a person's input; raises RecallRefused, naming what is missing.

        Exactly one of `lot`, `serials`, `serial_range`, `window` and `product` is given.
        """
        given = [
            kind
            for kind, is_given in (
                (ScopeKind.LOT, bool(lot)),
                (ScopeKind.SERIALS, bool(serials)),
                (ScopeKind.RANGE, serial_range is not None),
                (ScopeKind.WINDOW, window is not None),
                (ScopeKind.PRODUCT, product),
            )
            if is_given
        ]
        if len(given) != 1:
            raise RecallRefused(
                "say what is recalled by one of: a lot, a list of serials, a range of serials,"
                " a production window, the whole product"
            )
        first, last = serial_range or ("", "")
        since, until = window or (None, None)
        try:
            made = cls(
                kind=given[0],
                gtin=str(Gtin.parse(gtin)),
                lot=lot,
                serial=first,
                serial_to=last,
                since=since,
                until=until,
                place=Gln.parse(place).number if place else "",
                market=market.upper(),
                serials=tuple(dict.fromkeys(serials)),
            )
        except ValueError as fault:
            raise RecallRefused(str(fault)) from None
        made.check()
        return made

    def check(self) -> None:
        """Raise RecallRefused where a value cannot be one."""
        if len(self.lot) > LOT_CHARS_MAX:
            raise RecallRefused(f"a lot has 1 to 20 characters, not {len(self.lot)}")
        odd = [one for one in self.serials if not 1 <= len(one) <= SERIAL_CHARS_MAX]
        if odd:
            raise RecallRefused(f"a serial number has 1 to 20 characters, not '{odd[0][:30]}'")
        if len(self.serials) > SERIALS_MAX:
            raise RecallRefused(
                f"{len(self.serials)} serials are listed, at most {SERIALS_MAX}: recall the lot"
            )
        ends = (len(self.serial), len(self.serial_to))
        is_range = self.kind is ScopeKind.RANGE
        if is_range and (
            ends[0] != ends[1]
            or not 1 <= ends[0] <= SERIAL_CHARS_MAX
            or self.serial > self.serial_to
        ):
            raise RecallRefused("a range goes from a serial to a later one of the same length")
        if self.since and self.until and self.since >= self.until:
            raise RecallRefused("the window ends before it begins")
        if self.place and self.kind is not ScopeKind.WINDOW:
            raise RecallRefused("a place goes with a production window only")
        if self.market and (len(self.market) != 2 or not self.market.isalpha()):
            raise RecallRefused(f"'{self.market}' is no country of ISO 3166, as DE")
        if self.market and self.kind not in BY_MARKET:
            raise RecallRefused(
                "a lot or a product can be recalled in one market; single packs everywhere only"
            )

    @classmethod
    def of_row(cls, row: RowMapping) -> RecallScope:
        """The scope in a row of `recall`; a list's serials stand in `recall_pack`."""
        return cls(
            kind=ScopeKind(row["kind"]),
            gtin=row["gtin"],
            lot=row["lot"],
            serial=row["serial"],
            serial_to=row["serial_to"],
            since=moment_of(row["since_us"]) if row["since_us"] is not None else None,
            until=moment_of(row["until_us"]) if row["until_us"] is not None else None,
            place=row["place"],
            market=row["market"],
        )

    def as_row(self) -> dict[str, object]:
        """Its columns."""
        return {
            "kind": self.kind.value,
            "gtin": self.gtin,
            "lot": self.lot,
            "serial": self.serial,
            "serial_to": self.serial_to,
            "since_us": microseconds(self.since) if self.since else None,
            "until_us": microseconds(self.until) if self.until else None,
            "place": self.place,
            "market": self.market,
        }

    def as_dict(self) -> dict[str, object]:
        """What it says, ready for JSON."""
        fields = {
            "kind": self.kind.value,
            "gtin": self.gtin,
            "lot": self.lot,
            "serial": self.serial,
            "serialTo": self.serial_to,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
            "place": self.place,
            "market": self.market,
        }
        return {name: value for name, value in fields.items() if value}

    @property
    def word(self) -> str:
        """What a person types once more where no pack of it is known: the lot, else the GTIN."""
        return self.lot or self.gtin

    def covers(self, key: str, lot: str) -> bool:
        """Whether a pack belongs by its number and lot; always no for what is named one by one."""
        if not key.startswith(f"/01/{self.gtin}/21/"):
            return False
        if self.kind is ScopeKind.RANGE:
            return self._range.covers(None, unquote(key[22:]))
        return self.kind is ScopeKind.PRODUCT or (self.kind is ScopeKind.LOT and lot == self.lot)

    @property
    def _range(self) -> OpenDoubt:
        return OpenDoubt("", self.serial, Doubt.RECALLED, self.serial_to)

    def __str__(self) -> str:
        where = f" in {self.market}" if self.market else ""
        match self.kind:
            case ScopeKind.LOT:
                return f"lot {self.lot} of {self.gtin}{where}"
            case ScopeKind.PRODUCT:
                return f"product {self.gtin}{where}"
            case ScopeKind.RANGE:
                return f"serials {self.serial} to {self.serial_to} of {self.gtin}"
            case ScopeKind.SERIALS:
                return f"listed serials of {self.gtin}"
        at = f" at {self.place}" if self.place else ""
        return f"packs of {self.gtin} made {self.since} to {self.until}{at}"


def pack_link(gtin: str, serial: str) -> str:
    """The canonical key of a pack.

    >>> pack_link("00355555678908", "A/1")
    '/01/00355555678908/21/A%2F1'
    """
    return f"/01/{gtin}/21/{quote(serial, safe='')}"


def packs_named(snapshot: Snapshot, scope: RecallScope) -> list[str]:
    """The keys of the packs that a list or a window names one by one; none for other kinds."""
    if scope.kind is ScopeKind.SERIALS:
        return sorted(pack_link(scope.gtin, serial) for serial in scope.serials)
    if scope.kind is ScopeKind.WINDOW:
        return sorted(_made_in_window(snapshot, scope))
    return []


_NAMED_BY = "SELECT i.key FROM event_epc x JOIN item i ON i.id >= x.block * 64"
_MADE_THEN = (
    _NAMED_BY + " AND i.id < x.block * 64 + 64"
    " AND x.mask & (CAST(1 AS BIGINT) << CAST(i.id & 63 AS INTEGER)) <> 0"
    " WHERE x.role = 1 AND x.seq"
)


def _made_in_window(snapshot: Snapshot, scope: RecallScope) -> set[str]:
    """The packs of the product that were commissioned in the window, there."""
    columns = event.c
    wanted = select(columns.seq).where(
        columns.biz_step == "commissioning",
        columns.event_time >= scope.since,
        columns.event_time < scope.until,
        columns.voided.is_(False),
    )
    if scope.place:
        here = f"/414/{scope.place}"
        wanted = wanted.where(
            columns.read_point.startswith(here) | columns.biz_location.startswith(here)
        )
    seqs = list(snapshot.connection.scalars(wanted))
    rows = RawDriver(snapshot).all_in(_MADE_THEN, seqs)
    head = f"/01/{scope.gtin}/21/"
    return {key for key in unpack_keys((row[0],) for row in rows) if key.startswith(head)}


def groups_of(snapshot: Snapshot, scope: RecallScope) -> Iterator[AlikePacks] | None:
    """The packs of a scope by container and state; None where each has to be looked at."""
    if scope.kind is ScopeKind.LOT:
        return iter(groups_of_lot(snapshot, scope.gtin, scope.lot))
    if scope.kind is ScopeKind.PRODUCT:
        ranges = serial_ranges(scope.gtin)
        return (group for ends in ranges for group in groups_between(snapshot, *ends))
    return None


def items_in(snapshot: Snapshot, scope: RecallScope) -> Iterator[StoredItem]:
    """The packs that belong to a scope by number or lot, by key; streams."""
    if scope.kind is ScopeKind.LOT:
        yield from items_of_lot(snapshot, scope.gtin, scope.lot)
    elif scope.kind not in LISTED:
        for first, after in _key_ranges(scope):
            for one in items_between(snapshot, first, after):
                if scope.covers(one.key, one.lot):
                    yield one


def keys_in(snapshot: Snapshot, scope: RecallScope) -> Iterator[str]:
    """As `items_in`, the keys alone: cheaper."""
    if scope.kind is ScopeKind.LOT:
        yield from keys_of_lot(snapshot, scope.gtin, scope.lot)
    elif scope.kind not in LISTED:
        in_range = "SELECT key FROM item_key WHERE key >= ? AND key < ? ORDER BY key"
        for ends in _key_ranges(scope):
            for key in unpack_keys(RawDriver(snapshot).stream(in_range, ends)):
                if scope.covers(key, ""):
                    yield key


def _key_ranges(scope: RecallScope) -> list[tuple[bytes, bytes]]:
    """The ranges of packed keys in which the packs of a product or range are."""
    if scope.kind is ScopeKind.RANGE and scope.serial.isdigit() and scope.serial_to.isdigit():
        ends = (pack_link(scope.gtin, scope.serial), pack_link(scope.gtin, scope.serial_to))
        first, last = map(pack_key, ends)
        # Serials with letters may lie between two numbers: they are packed in a range of their own.
        return [(first, last + b"\x00"), serial_ranges(scope.gtin)[1]]
    return serial_ranges(scope.gtin)


def uploaded_in(snapshot: Snapshot, scope: RecallScope) -> Iterator[tuple[str, str]]:
    """Packs that belong by the registry alone, by serial: key and state."""
    if scope.kind in LISTED:
        return
    columns = pack_table.c
    wanted = (
        select(columns.serial, columns.state)
        .where(columns.code == scope.gtin)
        .order_by(columns.serial)
    )
    if scope.kind is ScopeKind.LOT:
        wanted = wanted.where(columns.lot == scope.lot)
    driver = RawDriver(snapshot)
    numbers = set(lot_numbers(driver, scope.gtin, scope.lot))
    rows = iter(snapshot.connection.execute(wanted).yield_per(KEYS_PER_QUESTION))
    while some := list(islice(rows, KEYS_PER_QUESTION)):
        keys = {pack_link(scope.gtin, row.serial): row.state for row in some}
        found = driver.all_in(_LOT_OF, [pack_key(key) for key in keys])
        lots = {unpack_key(bytes(packed)): lot for packed, lot in found}
        for key, state in keys.items():
            is_given = key in lots and (scope.kind is not ScopeKind.LOT or lots[key] in numbers)
            if not is_given and (scope.kind is ScopeKind.LOT or scope.covers(key, "")):
                yield key, state


_LOT_OF = "SELECT n.key, i.lot FROM item_key n JOIN item i ON i.id = n.id WHERE n.key"


def items_named(snapshot: Snapshot, keys: Iterable[str]) -> Iterator[tuple[str, StoredItem | None]]:
    """Packs by their keys, a few at a time; None beside one that no event names."""
    waiting = iter(keys)
    while some := list(islice(waiting, KEYS_PER_QUESTION)):
        found = items(snapshot, some)
        for key in some:
            yield key, found.get(key)
