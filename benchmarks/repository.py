"""Figures of the store: capture, space, lookups, trace, recall, growth and memory, as ratios.

    python -m benchmarks.repository --rows 1000000 --quartet
    python -m benchmarks.repository --rows 10000000 --document-mb 1000
    python -m benchmarks.repository --rows 1000000 --database postgresql://…/an_empty_one --quartet

Every figure is a ratio between two things measured in the same run on the same data. Serials are
random, as in Europe, unless `--sequential` is given. CPU seconds are those of this process and,
where PostgreSQL runs on the same machine, of its server.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import compliance.service.migrations.tables  # noqa: F401  # so that create_all makes them
from benchmarks.bare_store import BareStore, plain_events
from benchmarks.quartet import quartet_rate
from benchmarks.supply_chain import HEAD, PALLETS_PER_DOCUMENT, TAIL, Chain
from compliance.recall.recall import RecallWanted, start_recall
from compliance.recall.record import packs_of
from compliance.recall.scope import RecallScope
from epcis.capture import capture
from epcis.database.columns import unpack_key
from epcis.ledger.store import Store
from epcis.store.items import item, items_of_lot, serials_of_lot
from epcis.store.named import events_naming
from epcis.trace import holders_of_lot, path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NOW = datetime(2026, 11, 1, tzinfo=UTC)
GTIN = "09521321000018"
PROBES = 4000
RECALLED_FIRST_PALLET = 900_000
"""Far from those of the chain that fills the store."""
QUARTET_PALLETS = 2
GENERATION_DOCUMENTS = 8
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Meter:
    """CPU seconds of this process and of the PostgreSQL server of a store, if it has one here."""

    def __init__(self, store: Store) -> None:
        self._server: int | None = None
        if store.is_sqlite:
            return
        with store.read() as snapshot:
            (backend,) = snapshot.driver.execute("SELECT pg_backend_pid()").fetchone()
        stat = _stat(backend)
        self._server = int(stat[1]) if stat else None

    def __call__(self, work: Callable[[], object]) -> float:
        """CPU seconds that some work takes."""
        begun = self._spent()
        work()
        return self._spent() - begun

    def _spent(self) -> float:
        spent = time.process_time()
        if self._server is None:
            return spent
        own = _stat(self._server)
        ticks = sum(int(value) for value in own[11:15])  # with its children that have ended
        for process in Path("/proc").iterdir():
            stat = _stat(int(process.name)) if process.name.isdigit() else []
            if stat and int(stat[1]) == self._server:
                ticks += int(stat[11]) + int(stat[12])
        return spent + ticks / _TICKS_PER_S


def _stat(process: int) -> list[str]:
    """What Linux tells of a process, from its state on; empty where it is none of this machine."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def compared(
    bare: Callable[[int], object],
    asked: dict[str, Callable[[int], object]],
    ids: Sequence[int],
    clock: Callable[[], int],
) -> None:
    """p50 and p99 of lookups against the bare select, each on rows that nobody read before."""
    source = random.Random(5)
    times: dict[str, list[int]] = {name: [] for name in ("bare select", *asked)}
    for _ in range(PROBES):
        for name, ask in (("bare select", bare), *asked.items()):
            number = source.choice(ids)
            begun = clock()
            ask(number)
            times[name].append(clock() - begun)
    marks = {name: (at(taken, 0.5), at(taken, 0.99)) for name, taken in times.items()}
    base = marks["bare select"]
    print(f"  bare select             p50 {base[0] / 1000:6.1f} us   p99 {base[1] / 1000:7.1f} us")
    for name in asked:
        p50, p99 = marks[name]
        print(
            f"  {name:<22}  p50 {p50 / base[0]:6.2f} x    p99 {p99 / base[1]:7.2f} x"
            f"   (p99 / bare p50 {p99 / base[0]:.1f} x)"
        )


def at(values: list[int], share: float) -> int:
    """A percentile."""
    return sorted(values)[int(len(values) * share)]


def lookups(store: Store) -> None:
    """Item, events of an EPC and full trace against a bare select.

    On SQLite the CPU time of the thread is taken, on PostgreSQL, where it waits, the wall time.
    """
    with store.read() as snapshot:
        driver, mark = snapshot.driver, "?" if snapshot.is_sqlite else "%s"
        packs = [row[0] for row in driver.execute("SELECT id FROM item WHERE lot IS NOT NULL")]
        keys = dict.fromkeys(random.Random(9).sample(packs, min(len(packs), 40_000)), "")
        for number in keys:
            found = driver.execute(f"SELECT key FROM item WHERE id = {mark}", (number,)).fetchone()
            keys[number] = unpack_key(bytes(found[0]))
        del packs
        gc.collect()
        gc.freeze()  # a collection that walks the list of all packs is not part of a lookup
        bare = f"SELECT * FROM item WHERE id = {mark}"
        compared(
            lambda number: driver.execute(bare, (number,)).fetchone(),
            {
                "item": lambda number: item(snapshot, keys[number]),
                "events of one EPC": lambda number: events_naming(snapshot, keys[number]),
                "trace, four levels": lambda number: path(snapshot, keys[number]),
            },
            list(keys),
            time.thread_time_ns if store.is_sqlite else time.perf_counter_ns,
        )


def recall(store: Store, folder: Path) -> None:
    """Holders and serials of one lot of 100,000 packs in 1,000 cases, still on their pallets."""
    chain = Chain(first_pallet=RECALLED_FIRST_PALLET)
    data = chain.document(pallets=50, unpacked=False)
    lot = f"L{RECALLED_FIRST_PALLET // PALLETS_PER_DOCUMENT}"
    capture(store, data, now=NOW)
    bare = BareStore(folder / "recall-bare.db")
    bare.write(plain_events(data))
    join = (
        "SELECT coalesce(p.loc, c.loc, i.loc), count(*) FROM {0} i"
        " LEFT JOIN {0} c ON c.id = i.parent LEFT JOIN {0} p ON p.id = c.parent"
        " WHERE i.lot = {1} GROUP BY 1"
    )
    rows = "SELECT {} FROM item WHERE lot = {} ORDER BY id"
    mark = "?" if store.is_sqlite else "%s"
    with store.write(NOW) as tx:
        plain: Any = bare.driver
        if not store.is_sqlite:
            plain = tx.driver
            _copy_items(bare, plain)
        (number,) = tx.driver.execute(f"SELECT id FROM lot WHERE code = {mark}", (lot,)).fetchone()
        joined = join.format("item" if store.is_sqlite else "bare_item", mark)
        clock = time.process_time if store.is_sqlite else time.perf_counter
        best = {
            name: min(_timed(clock, work) for _ in range(7))
            for name, work in (
                ("holders", lambda: holders_of_lot(tx, GTIN, lot)),
                ("join", lambda: plain.execute(joined, (lot,)).fetchall()),
                ("states", lambda: sum(1 for _ in items_of_lot(tx, GTIN, lot))),
                ("serials", lambda: sum(1 for _ in serials_of_lot(tx, GTIN, lot))),
                ("keys", lambda: _counted(tx.driver, rows.format("key", mark), number)),
                ("rows", lambda: _counted(tx.driver, rows.format("*", mark), number)),
            )
        }
        packs = sum(holder.packs for holder in holders_of_lot(tx, GTIN, lot))
    print(f"holders of a lot of {packs} packs in 1,000 cases")
    print(f"  holders / plain SQL join            {best['holders'] / best['join']:6.2f} x")
    print(f"  serials, rate / plain fetch of keys {best['keys'] / best['serials']:6.2f} x")
    print(f"  full state of each / fetch of rows  {best['rows'] / best['states']:6.2f} x")
    _opened(store, lot)


def _opened(store: Store, lot: str) -> None:
    """Open a recall of the lot, as a person waits for it, and stream the list of its packs."""
    scope = RecallScope.parse(gtin=GTIN, lot=lot)
    begun = time.perf_counter()
    with store.write(NOW) as tx:
        opened = start_recall(tx, RecallWanted(scope=scope, reason="measured"), by="benchmark")
    took_s = time.perf_counter() - begun
    begun = time.perf_counter()
    with store.read() as snapshot:
        listed = sum(1 for _ in packs_of(snapshot, opened))
    print(f"  recall of {opened.packs} packs, opened   {took_s:6.2f} s, at most 1 s")
    print(f"  list of {listed} packs, streamed       {time.perf_counter() - begun:6.2f} s")


def _timed(clock: Callable[[], float], work: Callable[[], object]) -> float:
    begun = clock()
    work()
    return clock() - begun


def _counted(driver: Any, statement: str, lot: int) -> int:  # either driver
    return sum(1 for _ in driver.execute(statement, (lot,)))


def _copy_items(bare: BareStore, driver: Any) -> None:
    """The prototype's items in PostgreSQL too."""
    driver.execute(
        "CREATE TEMP TABLE bare_item(id int8 PRIMARY KEY, lot text, loc text, parent int8)"
    )
    driver.execute("CREATE INDEX ON bare_item(lot)")
    with driver.cursor() as cursor, cursor.copy("COPY bare_item FROM STDIN") as copy:
        for row in bare.driver.execute("SELECT id, lot, loc, parent FROM item"):
            copy.write_row(row)
    driver.execute("ANALYZE bare_item")


def grow(store: Store, folder: Path, rows: int, chain: Chain) -> float:
    """Fill to `rows`, and say what inserts and lookups cost at a million and at the end.

    Returns the best rate of capture: EPCs per CPU second.
    """
    bare, cpu = BareStore(folder / "bare.db"), Meter(store)
    ours, theirs = [], []
    filled, is_million = 0, False
    million = folder / "million.db"
    while filled < rows:
        data = chain.document()
        count = data.count(b"<epc>")
        filled += count
        rate = count / cpu(lambda data=data: capture(store, data, now=NOW))
        if len(ours) < 4:
            told = plain_events(data)
            batches = [told[start : start + 500] for start in range(0, len(told), 500)]
            spent = cpu(lambda batches=batches: [bare.write(batch) for batch in batches])
            theirs.append(count / spent)
            ours.append(rate)
        if filled >= 1_000_000 and rows >= 2_000_000 and store.is_sqlite and not is_million:
            is_million = True
            print(f"lookups at {filled:,} EPC rows")
            lookups(store)
            size_of(store, folder / "store.db")
            shutil.copy(folder / "store.db", million)
    events = data.count(b"<eventTime>")
    print(
        f"durable capture from 1.2 XML bytes to state and log, {count / events:.0f} EPCs an event"
    )
    print(f"  {max(ours):,.0f} EPC per CPU second")
    print(f"  {max(ours) / max(theirs):.2f} x the bare store on SQLite ({max(theirs):,.0f})")
    if is_million:
        compare_inserts(store, million, chain, filled)
    return max(ours)


def compare_inserts(store: Store, million: Path, chain: Chain, rows: int) -> None:
    """The same documents into the large store and into a copy made at a million rows, in turn.

    As many as a generation of keys takes (`epcis.database.item_keys`), so that all settles once.
    """
    small = Store.open(str(million))
    cpu = Meter(store)
    spent: dict[str, list[float]] = {"small": [], "large": []}
    for _ in range(GENERATION_DOCUMENTS):
        data = chain.document()
        spent["small"].append(cpu(lambda data=data: capture(small, data, now=NOW)))
        spent["large"].append(cpu(lambda data=data: capture(store, data, now=NOW)))
    slower = sum(spent["large"]) / sum(spent["small"])
    best = min(spent["large"]) / min(spent["small"])
    print(
        f"  insert at {rows:,} rows {slower:.2f} x slower than at 1,000,000, all of"
        f" {GENERATION_DOCUMENTS} documents; {best:.2f} x the quickest of each"
    )
    small.close()


def against_quartet(store: Store, folder: Path, database: str | None) -> None:
    """A document of about a hundred events, into a young store and into quartet's empty one."""
    chain, cpu = Chain(first_pallet=2 * RECALLED_FIRST_PALLET), Meter(store)
    rates = []
    for _ in range(10):
        data = chain.document(pallets=QUARTET_PALLETS)
        spent = cpu(lambda data=data: capture(store, data, now=NOW))
        rates.append(data.count(b"<epc>") / spent)
    theirs = quartet_rate(data, folder, database)
    events = data.count(b"<eventTime>")
    print(f"a document of {events} events, captured durably, against quartet_epcis 4.1.5")
    print(f"  {max(rates) / theirs:.0f} x ({max(rates):,.0f} and {theirs:,.0f} EPC per CPU second)")


def peak_memory(size_mb: int, folder: Path) -> None:
    """Peak resident memory of a process that captures one document of that size."""
    path = folder / "large.xml"
    chain = Chain()
    with path.open("wb") as out:
        out.write(HEAD.encode())
        while out.tell() < size_mb * 2**20:
            out.write(chain.document(5)[len(HEAD) : -len(TAIL)])
        out.write(TAIL.encode())
    program = (
        "import resource, sys; from datetime import UTC, datetime\n"
        "import epcis.tables\n"
        "from epcis.capture import capture; from epcis.ledger.store import Store\n"
        "store = Store.open(sys.argv[2]); store.create_all()\n"
        "peak = lambda: int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"
        "before = peak()\n"
        "receipt = capture(store, open(sys.argv[1], 'rb'), now=datetime.now(UTC))\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(f'  {receipt.new:,} events: {peak() / 1024:.0f} MB"
        " ({before / 1024:.0f} MB before), {used.ru_utime + used.ru_stime:.0f} CPU s')\n"
    )
    print(
        f"memory while a document of {path.stat().st_size / 2**20:.0f} MB is captured", flush=True
    )
    subprocess.run([sys.executable, "-c", program, str(path), str(folder / "large.db")], check=True)


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000, help="EPC rows to fill up to")
    parser.add_argument("--sequential", action="store_true", help="serials in sequence")
    parser.add_argument(
        "--products", type=int, default=1, help="a lot is of one; serials are random"
    )
    parser.add_argument("--database", help="URL of an empty database instead of a new file")
    parser.add_argument("--document-mb", type=int, default=32, help="size for the memory row")
    parser.add_argument("--quartet", action="store_true", help="install quartet_epcis and compare")
    parser.add_argument("--quartet-database", help="URL of an empty database for quartet_epcis")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
        folder = Path(name)
        file = folder / "store.db"
        store = Store.open(asked.database or str(file))
        store.create_all()
        if asked.quartet:
            against_quartet(store, folder, asked.quartet_database)
        empty, before = size_of(store, file), rows_in(store)
        chain = Chain(sequential=asked.sequential, products=asked.products)
        grow(store, folder, asked.rows, chain)
        taken, held = size_of(store, file) - empty, rows_in(store) - before
        print(f"lookups at {held:,} EPC rows")
        lookups(store)
        print(f"bytes on disk per EPC in an event: {taken / held:.1f}, what was there before apart")
        recall(store, folder)
        store.close()
        peak_memory(asked.document_mb, folder)


def rows_in(store: Store) -> int:
    """EPC rows: how many EPCs all events name together."""
    with store.read() as snapshot:
        return int(snapshot.driver.execute("SELECT sum(epcs) FROM event").fetchone()[0] or 0)


def size_of(store: Store, file: Path) -> int:
    """Bytes of the database."""
    if store.is_sqlite:
        with store.engine.connect() as connection:
            connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return file.stat().st_size
    with store.read() as snapshot:
        size = "SELECT pg_database_size(current_database())"
        return int(snapshot.driver.execute(size).fetchone()[0])


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
