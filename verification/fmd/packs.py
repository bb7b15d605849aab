"""The packs of one act: locked, looked up and written together, however many they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from epcis.database.many_writers import beside_others, hold_names
from epcis.database.raw_driver import RawDriver
from verification.decision.facts import facts_from, look
from verification.registry import history

if TYPE_CHECKING:
    from collections.abc import Iterable

    from epcis.ledger.store import Transaction
    from verification.decision.act import PackRequest, Who
    from verification.decision.facts import Facts

Row = tuple[str | int | None, ...]
"""A row of table `pack`, its columns in the order of `COLUMNS`."""

COLUMNS = (
    "code", "serial", "lot", "expiry", "state", "since_us", "location", "authorisation", "repeats",
    "version", "stolen", "public",
)  # fmt: skip
_CHANGED = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[4:])
_ON_CONFLICT = f"ON CONFLICT (code, serial) DO UPDATE SET {_CHANGED}"


WAREHOUSE = "acts in the warehouse"
"""The name that an act in the warehouse holds alone: it may name more packs than a server can lock
one by one, so operations on single packs wait for it and it for them."""


class Packs:
    """Packs, as (product code, serial), that no other act can change until this one is over.

    The locks also cover packs without a row, and are
    taken in one order whatever the order of the packs, so that two acts never wait for each other.
    """

    def __init__(
        self, tx: Transaction, packs: Iterable[tuple[str, str]], transactions: Iterable[str] = ()
    ) -> None:
        """Lock and look up packs; `transactions` are names that no other act may answer either."""
        self._tx = tx
        names = list(dict.fromkeys(packs))
        beside_others(tx, WAREHOUSE)
        hold_names(tx, [*(history.pack_key(*name) for name in names), *transactions])
        self._stops, rows = look(tx, names)
        self._rows = dict(zip(names, rows, strict=True))
        self._changed: dict[tuple[str, str], Row] = {}

    def facts(self, request: PackRequest, who: Who) -> Facts:
        """The facts of one request, with all that was put before it in this act."""
        name = (request.code, request.serial)
        if name in self._changed:
            self.write()
            self._stops, (self._rows[name],) = look(self._tx, [name])
        facts = facts_from(self._tx, request.asked, who, self._stops, self._rows[name])
        return msgspec.structs.replace(facts, intermarket=True) if who.abroad else facts

    def put(self, row: Row) -> None:
        """Give a pack a new row; `write` before the act ends."""
        self._changed[str(row[0]), str(row[1])] = row

    def write(self) -> None:
        """Write the new rows."""
        if not self._changed:
            return
        rows = list(self._changed.values())
        RawDriver(self._tx).insert_mixed("pack", COLUMNS, rows, _ON_CONFLICT)
        self._changed.clear()
