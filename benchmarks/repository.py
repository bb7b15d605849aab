"""Figures of the store: capture, space, lookups, trace, recall, growth and memory, as ratios.

    python benchmarks/repository.py --rows 1000000
    python benchmarks/repository.py --rows 10000000 --document-mb 1000

Every figure is a ratio between two things measured in the same run on the same data. Serials are
random, as in Europe, unless `--sequential` is given.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import zstandard

from epcis.capture import capture
from epcis.codec.document import read_document
from epcis.store.columns import unpack_key
from epcis.store.database import Store
from epcis.store.items import item, items_of_lot, serials_of_lot
from epcis.store.named import events_naming
from epcis.trace import holders_of_lot, path
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NOW = datetime(2026, 11, 1, tzinfo=UTC)
PACKS_PER_CASE, CASES_PER_PALLET = 100, 20
PALLETS_PER_DOCUMENT = 20
EPCS_PER_PALLET = 4066
PROBES = 4000

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" xmlns:cbvmda="urn:epcglobal:cbv:mda"
 schemaVersion="1.2" creationDate="2026-01-01T00:00:00Z"><EPCISBody><EventList>
"""
TAIL = "</EventList></EPCISBody></epcis:EPCISDocument>\n"
_EVENT = """<{kind}><eventTime>{time}</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset>\
{what}<action>{action}</action><bizStep>urn:epcglobal:cbv:bizstep:{step}</bizStep>\
<disposition>urn:epcglobal:cbv:disp:{disposition}</disposition>\
<readPoint><id>urn:epc:id:sgln:9521321.{site:05d}.0</id></readPoint>\
<bizLocation><id>urn:epc:id:sgln:9521321.{site:05d}.0</id></bizLocation>{more}</{kind}>
"""
_LOT = (
    "<extension><ilmd><cbvmda:lotNumber>{lot}</cbvmda:lotNumber>"
    "<cbvmda:itemExpirationDate>2028-05-31</cbvmda:itemExpirationDate></ilmd></extension>"
)


class Chain:
    """A made-up supply chain: packs in cases on pallets through three hands, then case by case."""

    def __init__(self, *, sequential: bool = False) -> None:
        self._random = random.Random(1)
        self._sequential = sequential
        self._pallets = self._serials = self._clock = 0

    def document(self, pallets: int = PALLETS_PER_DOCUMENT, *, unpacked: bool = True) -> bytes:
        """The next pallets as an EPCIS 1.2 document; one lot each."""
        lot = f"L{self._pallets // PALLETS_PER_DOCUMENT}"
        events = "".join(
            event for _ in range(pallets) for event in self._pallet(lot, unpacked=unpacked)
        )
        return (HEAD + events + TAIL).encode()

    def _pallet(self, lot: str, *, unpacked: bool) -> Iterator[str]:
        pallet = f"urn:epc:id:sscc:9521321.3{self._pallets:09d}"
        cases = []
        for number in range(CASES_PER_PALLET):
            packs = [self._pack() for _ in range(PACKS_PER_CASE)]
            case = f"urn:epc:id:sscc:9521321.1{self._pallets * CASES_PER_PALLET + number:09d}"
            cases.append(case)
            yield self._object(packs, "ADD", "commissioning", "active", 1, _LOT.format(lot=lot))
            yield self._aggregation(case, packs, "ADD", "packing", 1)
        yield self._aggregation(pallet, cases, "ADD", "packing", 1)
        for hop in range(3):
            yield self._object([pallet], "OBSERVE", "shipping", "in_transit", hop + 1)
            yield self._object([pallet], "OBSERVE", "receiving", "in_progress", hop + 2)
        if unpacked:
            yield self._aggregation(pallet, cases, "DELETE", "unpacking", 4)
        for case in cases:
            yield self._object([case], "OBSERVE", "shipping", "in_transit", 4)
        self._pallets += 1

    def _pack(self) -> str:
        self._serials += 1
        serial = self._serials if self._sequential else self._random.randrange(10**11)
        return f"urn:epc:id:sgtin:9521321.000001.{10**11 + serial}"

    def _object(  # noqa: PLR0917  # a row of facts
        self, epcs: Sequence[str], action: str, step: str, disposition: str, site: int,
        more: str = "",
    ) -> str:  # fmt: skip
        what = "<epcList>" + "".join(f"<epc>{epc}</epc>" for epc in epcs) + "</epcList>"
        return self._event("ObjectEvent", what, action, step, disposition, site, more)

    def _aggregation(
        self, parent: str, epcs: Sequence[str], action: str, step: str, site: int
    ) -> str:
        children = "".join(f"<epc>{epc}</epc>" for epc in epcs)
        what = f"<parentID>{parent}</parentID><childEPCs>{children}</childEPCs>"
        return self._event("AggregationEvent", what, action, step, "in_progress", site, "")

    def _event(  # noqa: PLR0917  # a row of facts
        self, kind: str, what: str, action: str, step: str, disposition: str, site: int, more: str
    ) -> str:
        self._clock += 1
        minutes, seconds = divmod(self._clock, 60)
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24)
        day = f"2026-{1 + days // 28:02d}-{1 + days % 28:02d}"
        when = f"{day}T{hours:02d}:{minutes:02d}:{seconds:02d}Z"
        return _EVENT.format(
            kind=kind, time=when, what=what, action=action, step=step, disposition=disposition,
            site=site, more=more,
        )  # fmt: skip


class BareStore:
    """The plainest store of the same facts: dictionary, state, intervals; no checks, no proof."""

    def __init__(self, path: Path) -> None:
        self.driver = sqlite3.connect(path, isolation_level=None)
        for statement in (
            "PRAGMA page_size=8192", "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",
            "PRAGMA cache_size=-65536",
            "CREATE TABLE event(seq INTEGER PRIMARY KEY, time TEXT, step TEXT, payload BLOB)",
            ("CREATE TABLE item(id INTEGER PRIMARY KEY, key TEXT UNIQUE, lot TEXT, status TEXT,"
            " loc TEXT, parent INTEGER, last INTEGER)"),
            "CREATE INDEX item_lot ON item(lot)",
            ("CREATE TABLE event_epc(item INTEGER, seq INTEGER, PRIMARY KEY(item, seq))"
            " WITHOUT ROWID"),
            ("CREATE TABLE agg(child INTEGER, t0 INTEGER, t1 INTEGER, parent INTEGER,"
            " PRIMARY KEY(child, t0)) WITHOUT ROWID"),
            "CREATE INDEX agg_parent ON agg(parent)",
        ):  # fmt: skip
            self.driver.execute(statement)

    def write(self, batch: list[dict]) -> None:
        """One durable transaction of parsed events."""
        run = self.driver.execute
        squeeze = zstandard.ZstdCompressor(level=3).compress
        run("BEGIN IMMEDIATE")
        seq = run("SELECT coalesce(max(seq), 0) FROM event").fetchone()[0]
        last = run("SELECT coalesce(max(id), 0) FROM item").fetchone()[0]
        ids: dict[str, int] = {}
        for event in batch:
            for key in event["keys"]:
                if key not in ids:
                    row = run("SELECT id FROM item WHERE key = ?", (key,)).fetchone()
                    if row is None:
                        last += 1
                        ids[key] = last
                        run("INSERT INTO item(id, key) VALUES (?, ?)", (last, key))
                    else:
                        ids[key] = row[0]
        events, named, state, opened, closed = [], [], [], [], []
        for event in batch:
            seq += 1
            numbers = [ids[key] for key in event["keys"]]
            payload = squeeze(msgspec.json.encode(event))
            events.append((seq, event["time"], event["step"], payload))
            named.extend((number, seq) for number in numbers)
            state.extend(
                (event["step"], event["loc"], event["lot"], seq, number) for number in numbers
            )
            if event["parent"]:
                parent = ids[event["parent"]]
                if event["action"] == "ADD":
                    opened.extend((n, seq, None, parent) for n in numbers if n != parent)
                else:
                    closed.extend((seq, n) for n in numbers if n != parent)
        many = self.driver.executemany
        many("INSERT INTO event VALUES (?, ?, ?, ?)", events)
        many("INSERT INTO event_epc VALUES (?, ?)", sorted(named))
        many("UPDATE item SET status=?, loc=?, lot=coalesce(?, lot), last=? WHERE id=?", state)
        many("INSERT INTO agg VALUES (?, ?, ?, ?)", sorted(opened, key=lambda row: row[0]))
        many("UPDATE item SET parent=? WHERE id=?", [(row[3], row[0]) for row in opened])
        many("UPDATE agg SET t1=? WHERE child=? AND t1 IS NULL", closed)
        many("UPDATE item SET parent=NULL WHERE id=?", [(row[1],) for row in closed])
        run("COMMIT")


def plain_events(data: bytes) -> list[dict]:
    """A document as the bare store takes it."""
    told = []
    for event in read_document(data).events:
        parent = getattr(event, "parent_id", None)
        epcs = getattr(event, "epcs", None) or getattr(event, "child_epcs", None) or ()
        keys = [canonical_key(epc) for epc in epcs]
        key = canonical_key(parent) if parent else None
        lots = [node.text for node in getattr(event, "ilmd", None) or () if "lot" in node.name]
        told.append(
            {
                "time": event.event_time, "step": event.biz_step, "action": event.action,
                "loc": event.biz_location.id, "parent": key, "lot": lots[0] if lots else None,
                "keys": [*keys, key] if key else keys,
            }
        )  # fmt: skip
    return told


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def compared(
    bare: Callable[[int], object], asked: dict[str, Callable[[int], object]], ids: Sequence[int]
) -> None:
    """p50 and p99 of lookups against the bare select, each on rows that nobody read before."""
    source = random.Random(5)
    times: dict[str, list[int]] = {name: [] for name in ("bare select", *asked)}
    for _ in range(PROBES):
        for name, ask in (("bare select", bare), *asked.items()):
            number = source.choice(ids)
            begun = time.thread_time_ns()
            ask(number)
            times[name].append(time.thread_time_ns() - begun)
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
    """Item, events of an EPC and full trace against a bare select."""
    with store.read() as view:
        driver, mark = view.driver, "?" if view.is_sqlite else "%s"
        packs = [
            row[0] for row in driver.execute("SELECT id FROM item WHERE parent IS NOT NULL")
        ]
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
                "item": lambda number: item(view, keys[number]),
                "events of one EPC": lambda number: events_naming(view, keys[number]),
                "full trace": lambda number: path(view, keys[number]),
            },
            list(keys),
        )


def recall(store: Store, folder: Path) -> None:
    """Holders and serials of one lot of 100,000 packs in 1,000 cases."""
    chain = Chain()
    data = chain.document(pallets=50, unpacked=False)
    fresh = Store.open(str(folder / "recall.db"))
    fresh.create_all()
    capture(fresh, data, now=NOW)
    bare = BareStore(folder / "recall-bare.db")
    bare.write(plain_events(data))
    gtin = "09521321000018"
    join = (
        "SELECT coalesce(p.loc, c.loc, i.loc), count(*) FROM item i"
        " LEFT JOIN item c ON c.id = i.parent LEFT JOIN item p ON p.id = c.parent"
        " WHERE i.lot = ? GROUP BY 1"
    )
    rows = "SELECT key, standing, parent FROM item WHERE lot = ? ORDER BY id"
    with fresh.read() as view:
        lot = view.driver.execute("SELECT min(id) FROM lot").fetchone()[0]
        best = {
            name: min(cpu(work) for _ in range(5))
            for name, work in (
                ("holders", lambda: holders_of_lot(view, gtin, "L0")),
                ("join", lambda: bare.driver.execute(join, ("L0",)).fetchall()),
                ("serials", lambda: sum(1 for _ in serials_of_lot(view, gtin, "L0"))),
                ("states", lambda: sum(1 for _ in items_of_lot(view, gtin, "L0"))),
                ("fetch", lambda: sum(1 for _ in view.driver.execute(rows, (lot,)))),
            )
        }
        packs = sum(holder.packs for holder in holders_of_lot(view, gtin, "L0"))
    print(f"holders of a lot of {packs} packs in 1,000 cases")
    print(f"  holders / plain SQL join            {best['holders'] / best['join']:6.2f} x")
    print(f"  serial list, rate / plain fetch     {best['fetch'] / best['serials']:6.2f} x")
    print(f"  full state of each, rate / fetch    {best['fetch'] / best['states']:6.2f} x")
    fresh.close()


def grow(store: Store, folder: Path, rows: int, *, sequential: bool) -> None:
    """Fill to `rows`, and say what inserts and lookups cost at a million and at the end."""
    chain, bare = Chain(sequential=sequential), BareStore(folder / "bare.db")
    per_document = PALLETS_PER_DOCUMENT * EPCS_PER_PALLET
    ours, theirs = [], []
    documents = max(2, round(rows / per_document))
    million = folder / "million.db"
    for number in range(documents):
        data = chain.document()
        rate = per_document / cpu(lambda data=data: capture(store, data, now=NOW))
        if number < 4:
            told = plain_events(data)
            batches = [told[at : at + 500] for at in range(0, len(told), 500)]
            spent = cpu(lambda batches=batches: [bare.write(batch) for batch in batches])
            theirs.append(per_document / spent)
            ours.append(rate)
        if number == 1_000_000 // per_document and documents > 2 * number and store.is_sqlite:
            print(f"lookups at {per_document * (number + 1):,} EPC rows")
            lookups(store)
            size_of(store, folder / "store.db")
            shutil.copy(folder / "store.db", million)
    print("durable capture from 1.2 XML bytes to state and log, one core, 60 EPCs an event")
    print(f"  {max(ours):,.0f} EPC per CPU second")
    print(f"  {max(ours) / max(theirs):.2f} x the bare store ({max(theirs):,.0f})")
    if million.exists():
        compare_inserts(store, million, chain, rows)


def compare_inserts(store: Store, million: Path, chain: Chain, rows: int) -> None:
    """The same documents into the large store and into a copy made at a million rows, in turn."""
    small = Store.open(str(million))
    spent: dict[str, list[float]] = {"small": [], "large": []}
    for _ in range(5):
        data = chain.document()
        spent["small"].append(cpu(lambda data=data: capture(small, data, now=NOW)))
        spent["large"].append(cpu(lambda data=data: capture(store, data, now=NOW)))
    slower = min(spent["large"]) / min(spent["small"])
    print(f"  insert at {rows:,} rows {slower:.2f} x slower than at 1,000,000")
    small.close()


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
        "from epcis.capture import capture; from epcis.store.database import Store\n"
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
    parser.add_argument("--database", help="URL of an empty database instead of a new file")
    parser.add_argument("--document-mb", type=int, default=32, help="size for the memory row")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
        folder = Path(name)
        file = folder / "store.db"
        store = Store.open(asked.database or str(file))
        store.create_all()
        empty = size_of(store, file)
        grow(store, folder, asked.rows, sequential=asked.sequential)
        print(f"lookups at {asked.rows:,} EPC rows")
        lookups(store)
        taken = size_of(store, file) - empty
        print(f"bytes on disk per EPC in an event: {taken / rows_in(store):.1f}")
        store.close()
        recall(store, folder)
        peak_memory(asked.document_mb, folder)


def rows_in(store: Store) -> int:
    """EPC rows: how many EPCs all events name together."""
    with store.read() as view:
        return view.driver.execute("SELECT sum(epcs) FROM event").fetchone()[0]


def size_of(store: Store, file: Path) -> int:
    """Bytes of the database."""
    if store.is_sqlite:
        with store.engine.connect() as connection:
            connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return file.stat().st_size
    with store.read() as view:
        return view.driver.execute("SELECT pg_database_size(current_database())").fetchone()[0]


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
