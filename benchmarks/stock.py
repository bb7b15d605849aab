"""Stock at scale: a site's stock by lot, and a page of serials, in milliseconds.

    python -m benchmarks.stock --items 10000000
    python -m benchmarks.stock --items 200000 --database postgresql://…/an_empty_one

Items are packs, 100 to a case and 50 cases to a pallet, at `--sites` sites of one company.
They are written into the tables as capture would leave them, without their events, which the view
does not read.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import epcis.tables  # noqa: F401  # so that create_all makes them
from epcis.database.columns import pack_key
from epcis.database.raw_driver import RawDriver
from epcis.ledger.store import Store
from epcis.lot_facts import LotFacts
from epcis.store.item_state import ItemState
from epcis.store.item_status import ItemStatus
from epcis.store.named import signed
from epcis.store.state_dictionary import LotDictionary, StateDictionary
from schemas.gs1.content_rules import check_digit
from verification.registry import pack_tables  # noqa: F401  # so that create_all makes them
from verification.stock import StockFilter, stock, stock_items

NOW = datetime(2026, 11, 1, tzinfo=UTC)
GTIN = "09521321000018"
PACKS_PER_CASE, CASES_PER_PALLET = 100, 50
PALLETS_PER_LOT = 4
REPEATS = 9
BEGAN, PACKED, MOVED = (1_700_000_000_000_000 << 10, 1_700_000_001 << 20, 1_700_000_002 << 20)
_ITEM = ("id", "key", "lot", "state_id", "parent", "age", "moment", "lead")
_GROUP = ("block", "state_id", "lot", "parent", "moment", "mask")


def site(number: int) -> str:
    """The GLN of a site."""
    body = f"952132{number:06d}"
    return body + check_digit(body)


class Filling:
    """Writes pallets into the tables as capture leaves them."""

    def __init__(self, store: Store, sites: int) -> None:
        self._store, self._sites = store, sites
        self._block, self._serial, self._pallet = 1, 0, 0

    def fill(self, items: int) -> None:
        """At least so many packs."""
        per_pallet = PACKS_PER_CASE * CASES_PER_PALLET
        while self._serial < items:
            with self._store.write(NOW, long=True) as tx:
                driver = RawDriver(tx)
                states, lots = StateDictionary(driver, tx.words), LotDictionary(driver, tx.words)
                for _ in range(min(20, -(-(items - self._serial) // per_pallet))):
                    self._add_pallet(driver, states, lots)

    def _add_pallet(self, driver: RawDriver, states: StateDictionary, lots: LotDictionary) -> None:
        gln = f"/414/{site(self._pallet % self._sites)}"
        shelf = f"{gln}/254/A-{self._pallet % 40}"
        made = states.number(ItemState(ItemStatus.ACTIVE, "in_progress", gln, gln))
        lies = states.number(ItemState(ItemStatus.ACTIVE, "in_progress", shelf, gln, owner=gln))
        code = LotFacts(f"L{self._pallet // (PALLETS_PER_LOT * self._sites)}", "2028-05-31")
        lot = lots.number(GTIN, (code,))
        self._pallet += 1
        pallet = self._container(driver, f"/00/{self._pallet:018d}", lies, None, MOVED)
        for case in range(CASES_PER_PALLET):
            key = f"/00/{10**9 + self._pallet * CASES_PER_PALLET + case:018d}"
            number = self._container(driver, key, made, pallet, PACKED)
            self._packs(driver, made, lot, number)

    def _container(
        self, driver: RawDriver, key: str, state: int, parent: int | None, moment: int
    ) -> int:
        number = self._block * 64
        row = (number, pack_key(key), None, state, parent, 0, moment, 0)
        driver.insert("item", _ITEM, [row])
        driver.insert("stock_group", _GROUP, [(self._block, state, 0, parent or 0, moment, 1)])
        self._block += 1
        return number

    def _packs(self, driver: RawDriver, state: int, lot: int, case: int) -> None:
        rows, left = [], PACKS_PER_CASE
        while left:
            some = min(left, 64)
            for bit in range(some):
                self._serial += 1
                key = pack_key(f"/01/{GTIN}/21/{self._serial:012d}")
                rows.append((self._block * 64 + bit, key, lot, state, case, 0, PACKED, 0))
            group = (self._block, state, lot, case, PACKED, signed((1 << some) - 1))
            driver.insert("stock_group", _GROUP, [group])
            self._block += 1
            left -= some
        driver.insert("item", _ITEM, rows)


def main() -> None:
    """Fill a store, ask, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--items", type=int, default=10_000_000)
    parser.add_argument("--sites", type=int, default=20)
    parser.add_argument("--database", default="")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(asked.database or str(Path(folder) / "stock.db"))
        store.create_all()
        began = time.perf_counter()
        Filling(store, asked.sites).fill(asked.items)
        with store.write(NOW) as tx:
            RawDriver(tx).run("ANALYZE")
        print(f"{asked.items} packs at {asked.sites} sites, filled in {_s(began):.0f} s")
        there = StockFilter(place=f"/414/{site(3 % asked.sites)}")
        with store.read() as snapshot:
            packs = sum(row.items for row in stock(snapshot, there, NOW).rows if row.gtin)
        print(f"a site's stock by lot ({packs} packs): {_ms(store, there):.1f} ms")
        lot = StockFilter(place=there.place, gtin=GTIN, lot="L0")
        print(f"a page of 100 serials of one lot there: {_page_ms(store, lot):.1f} ms")
        product = StockFilter(place=there.place, gtin=GTIN)
        print(f"a page of 100 serials of the product there: {_page_ms(store, product):.1f} ms")
        store.close()


def _s(began: float) -> float:
    return time.perf_counter() - began


def _ms(store: Store, wanted: StockFilter) -> float:
    times = []
    for _ in range(REPEATS):
        with store.read() as snapshot:
            began = time.perf_counter()
            stock(snapshot, wanted, NOW)
            times.append(_s(began) * 1000)
    return statistics.median(times)


def _page_ms(store: Store, wanted: StockFilter) -> float:
    times = []
    after: str | None = ""
    for _ in range(REPEATS):
        with store.read() as snapshot:
            began = time.perf_counter()
            page = stock_items(snapshot, wanted, NOW, after=after or "", most=100)
            times.append(_s(began) * 1000)
        after = page.next
    return statistics.median(times)


if __name__ == "__main__":
    main()
