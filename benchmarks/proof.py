"""Figures of the log and of dossiers, as ratios measured in one run.

    python -m benchmarks.proof [--events 50000] [--leaves 1000000] [--rounds 5] [--only NAME]

CPU is process time, the best of several rounds taken in turn; memory is the peak of a process of
its own. The row with PostgreSQL needs its Debian package and is left out where that is absent.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import os
import random
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

from compliance.dossier import EventPeriod, export, verify_export
from compliance.dossier.chosen import Chosen
from compliance.dossier.table import row_of, writer_of
from compliance.fsck import fsck
from compliance.seal import Keys
from epcis.capture import capture
from epcis.database.columns import moment_of
from epcis.ledger.entry import LeafKind
from epcis.ledger.record import commit_events, parts_of
from epcis.ledger.sequencer import catch_up, sequence
from epcis.ledger.store import Store, Transaction
from epcis.ledger.tree import Tree
from epcis.model import BizTransaction, ObjectEvent, Place
from epcis.store.event_tables import event as event_table
from epcis.store.payload import pack_event, unpack_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

NOW = datetime(2026, 6, 1, tzinfo=UTC)
WRITER_ROUNDS_MIN = 7
"""Rounds of captures by many writers; the middle of fewer says little."""
EVERYTHING = EventPeriod(NOW - timedelta(days=5000), NOW + timedelta(days=5000))
EPCS_PER_EVENT = 58
EVENTS_PER_DOCUMENT = 200
NOTE = """<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" schemaVersion="1.2"
 creationDate="2026-05-01T00:00:00Z"><EPCISBody><EventList>{events}</EventList></EPCISBody>
</epcis:EPCISDocument>"""
EVENT = """<ObjectEvent><eventTime>2026-05-01T0{hour}:00:00Z</eventTime>
<eventTimeZoneOffset>+00:00</eventTimeZoneOffset><epcList>{epcs}</epcList><action>ADD</action>
<bizStep>urn:epcglobal:cbv:bizstep:commissioning</bizStep>
<disposition>urn:epcglobal:cbv:disp:active</disposition>
<readPoint><id>urn:epc:id:sgln:0355555.00001.0</id></readPoint>
<bizTransactionList><bizTransaction type="urn:epcglobal:cbv:btt:po">urn:x:{number}</bizTransaction>
</bizTransactionList></ObjectEvent>"""


def row(what: str, figure: str, must: str, *, holds: bool) -> None:
    print(f"{what:<58} {figure:>26}   must {must:<22} {'yes' if holds else 'NO'}", flush=True)


def document(seed: int, events: int, epcs: int = EPCS_PER_EVENT) -> bytes:
    chance = random.Random(seed)

    def listed() -> str:
        return "".join(
            f"<epc>urn:epc:id:sgtin:0355555.067890.{chance.randrange(10**14)}</epc>"
            for _ in range(epcs)
        )

    return NOTE.format(
        events="".join(
            EVENT.format(hour=number % 10, epcs=listed(), number=number) for number in range(events)
        )
    ).encode()


@contextmanager
def log_off() -> Iterator[None]:
    """The store without its log: nothing is hashed for it and nothing written."""

    def nothing(_: Transaction) -> None:
        _.commitments.clear()

    with (
        patch("epcis.store.intake.commit_events", lambda _: []),
        patch.object(Transaction, "enter_log", nothing),
        patch.object(Transaction, "log", lambda *_, **__: None),
    ):
        yield


@contextmanager
def log_on() -> Iterator[None]:
    yield


def fresh(folder: Path, name: str) -> Store:
    store = Store.open(str(folder / name))
    store.create_all()
    return store


def cpu_of_capture(
    folder: Path, content: bytes, way: Callable[[], AbstractContextManager[None]]
) -> float:
    """CPU seconds of one capture, in a process that begins as this one stands."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with way():
            store = fresh(folder, "before.db")
            capture(store, document(-1, EVENTS_PER_DOCUMENT), now=NOW)
            store.close()
            store = fresh(folder, "capture.db")
            gc.collect()
            gc.freeze()
            begin = time.process_time()
            capture(store, content, now=NOW)
            took = time.process_time() - begin
            store.close()
        os.write(writing, struct.pack("d", took))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as said:
        told = said.read()
    os.waitpid(child, 0)
    for file in folder.glob("*.db*"):
        file.unlink()
    return float(struct.unpack("d", told)[0])


def capture_cost(folder: Path, rounds: int) -> None:
    """CPU of capturing the same document with the log and without, taken in turn.

    Both are done by processes that are alike up to the log: nothing is remembered of the document,
    memory lies as it did. So what differs beside the log is what disturbs the machine, which only
    ever adds: the least of several tries counts, and of many documents the middle.
    """
    for way in (log_on, log_off):  # this process has everything loaded that a capture asks for
        with way():
            store = fresh(folder, "first.db")
            capture(store, document(-2, EVENTS_PER_DOCUMENT), now=NOW)
            store.close()
    gc.collect()
    gc.freeze()
    added = []
    for number in range(rounds * 6):
        content = document(number, EVENTS_PER_DOCUMENT)
        took = {log_on: float("inf"), log_off: float("inf")}
        for way in (log_on, log_off, log_off, log_on) * 2:
            took[way] = min(took[way], cpu_of_capture(folder, content, way))
        added.append(took[log_on] / took[log_off] - 1)
    gc.unfreeze()
    low, middle, high = (100 * each for each in statistics.quantiles(added, n=4))
    row("CPU the log adds to capture, 58 EPCs an event",
        f"{middle:+.1f} % (half in {low:+.1f} to {high:+.1f})", "<= 5 %",
        holds=middle <= 5)  # fmt: skip


def writers_on_postgresql(rounds: int) -> None:
    """Single-event captures by 8 writers, log with its sequencer against no log."""
    from tests import databases

    if not (databases.BINARIES / "initdb").exists():
        print("single-event captures on PostgreSQL: left out, PostgreSQL is not installed")
        return
    ratios = []
    cluster_of_run = databases.new_cluster()
    cluster = next(cluster_of_run)
    try:
        captures_per_s(Store.open(cluster.new_database()), with_log=True)  # warms everything up
        for number in range(max(rounds, WRITER_ROUNDS_MIN)):
            took = {True: 0.0, False: 0.0}
            # On, off, off, on, and the other way round: what drifts, drifts for both.
            for with_log in (True, False, False, True):
                is_on = with_log != bool(number % 2)
                with log_on() if is_on else log_off():
                    store = Store.open(cluster.new_database())
                    took[is_on] += 1 / captures_per_s(store, is_on)
            ratios.append(took[False] / took[True])
    finally:
        next(cluster_of_run, None)
    low, middle, high = statistics.quantiles(ratios, n=4)
    spread = f"{middle:.2f} x (half in {low:.2f} to {high:.2f})"
    row("single-event captures, PostgreSQL, 8 writers, on/off", spread, ">= 0.9 x",
        holds=middle >= 0.9)  # fmt: skip


def captures_per_s(store: Store, with_log: bool, writers: int = 8, each: int = 60) -> float:
    store.create_all()
    stop = threading.Event()
    files = [[document(1000 * w + n, 1, 5) for n in range(each)] for w in range(writers)]

    def write(mine: list[bytes]) -> None:
        for content in mine:
            capture(store, content, now=NOW)

    def place() -> None:
        while not stop.wait(0.3):
            sequence(store, now=NOW)

    placing = threading.Thread(target=place)
    if with_log:
        placing.start()
    hands = [threading.Thread(target=write, args=(mine,)) for mine in files]
    begin = time.perf_counter()
    for one in hands:
        one.start()
    for one in hands:
        one.join()
    took = time.perf_counter() - begin
    stop.set()
    if with_log:
        placing.join()
        catch_up(store, now=NOW)
    store.close()
    return writers * each / took


def proofs(folder: Path, leaves: int) -> None:
    """Proofs out of a large log."""
    store = fresh(folder, "log.db")
    done = 0
    while done < leaves:
        some = min(100_000, leaves - done)
        with store.write(NOW, long=True) as tx:
            for number in range(some):
                tx.log(LeafKind.SETTING, b"%d" % (done + number))
        done += some
    chance = random.Random(1)
    tiles, hashes = 0, 0
    made = 0.0
    with store.read() as snapshot:
        size = Tree(snapshot.connection).size
        for _ in range(200):
            tree = Tree(snapshot.connection)
            begin = time.process_time()
            path = tree.inclusion(chance.randrange(size))
            made += time.process_time() - begin
            tiles, hashes = max(tiles, tree.tiles_read), max(hashes, len(path))
        row(f"tiles read for an inclusion proof, {size:,} leaves", f"{tiles}", "<= 3",
            holds=tiles <= 3)  # fmt: skip
        expected = (size - 1).bit_length()
        row("hashes in it", f"{hashes} ({made / 200 * 1e3:.2f} CPU-ms)", f"{expected}",
            holds=hashes <= expected)  # fmt: skip
        chosen = sorted(chance.sample(range(size), size // 10))
        begin = time.process_time()
        count = sum(1 for _ in Tree(snapshot.connection).selection(iter(chosen)))
        took = time.process_time() - begin
        each = 32 * count / len(chosen)
        row("multi-proof of 10 % of it, bytes an event", f"{each:.0f} ({took:.1f} CPU-s)",
            "<= 100", holds=each <= 100)  # fmt: skip
    store.close()


def fill(store: Store, events: int) -> None:
    """Events straight into the store with their log entries, without capture's other work."""
    chance = random.Random(events)
    done = 0
    while done < events:
        some = min(20_000, events - done)
        with store.write(NOW, long=True) as tx:
            rows = []
            for number in range(done, done + some):
                said = ObjectEvent(
                    event_time="2026-05-01T00:00:00Z",
                    event_time_zone_offset="+00:00",
                    action="OBSERVE",
                    biz_step="urn:epcglobal:cbv:bizstep:shipping",
                    disposition="urn:epcglobal:cbv:disp:in_transit",
                    read_point=Place(id="urn:epc:id:sgln:0355555.00001.0"),
                    epcs=tuple(
                        f"urn:epc:id:sgtin:0355555.067890.{chance.randrange(10**12)}"
                        for _ in range(5)
                    ),
                    biz_transactions=(BizTransaction(id=f"urn:x:{number}"),),
                )
                digest = sha256(b"%d" % number).digest()
                rows.append(
                    {
                        "seq": number + 1, "identity": digest, "hash": digest,
                        "event_id": digest.hex(), "type": "ObjectEvent", "event_time": NOW,
                        "record_time": NOW, "moment": number, "epcs": 5,
                        "payload": pack_event(said),
                    }
                )  # fmt: skip
                tx.commitments.extend(commit_events([(said, digest, number + 1)]))
            tx.connection.execute(event_table.insert(), rows)
        done += some


def merely_write(store: Store, folder: Path) -> float:
    """CPU of writing and hashing the same JSON lines and CSV from the same store."""
    begin = time.process_time()
    with (
        store.read() as snapshot,
        (folder / "plain.ndjson").open("wb") as lines,
        (folder / "plain.csv").open("w", newline="") as table,
    ):
        digests = (sha256(), sha256())
        text = io.StringIO(newline="")
        writer = writer_of(text)
        chosen = Chosen(snapshot, EVERYTHING, 1 << 60)
        with closing(chosen.rows()) as rows:
            for one in rows:
                assert one.payload is not None, "nothing is archived here"
                said = unpack_event(one.payload)
                line = parts_of(said).line + b"\n"
                digests[0].update(line)
                lines.write(line)
                recorded = moment_of(one.record_time_us).isoformat()
                writer.writerow(
                    row_of(
                        said, index=one.place, record_time=recorded, event_hash=one.subject.hex()
                    )
                )
                written = text.getvalue()
                digests[1].update(written.encode())
                table.write(written)
                text.seek(0)
                text.truncate()
    return time.process_time() - begin


def dossier_in_own_process(database: Path, keys: Path, out: Path) -> None:
    """What the memory row runs: one export, and its peak."""
    store = Store.open(str(database))
    begin = time.process_time()
    export(store, EVERYTHING, out, Keys.open(keys), now=NOW, by="benchmark")
    took = time.process_time() - begin
    status = Path("/proc/self/status").read_text()  # getrusage would count the parent's memory too
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    print(json.dumps({"cpu_s": took, "peak_mb": peak}))


def dossiers(folder: Path, events: int) -> None:
    """Memory and speed of a large dossier."""
    keys = Keys.open(folder / "keys")
    said = {}
    plain = 0.0
    for count in (1000, events):
        database = folder / f"events-{count}.db"
        store = fresh(folder, database.name)
        fill(store, count)
        if count == events:
            plain = merely_write(store, folder)
        store.close()
        out = folder / f"{count}.asice"
        command = [sys.executable, "-m", "benchmarks.proof", "--export"]
        command += [str(database), str(folder / "keys"), str(out)]
        done = subprocess.run(command, check=True, capture_output=True)
        said[count] = json.loads(done.stdout)
    peak, small = said[events]["peak_mb"], said[1000]["peak_mb"]
    row(f"peak memory, dossier of {events:,} events", f"{peak:.0f} MB", "<= 150 MB",
        holds=peak <= 150)  # fmt: skip
    row("the same for 1,000 events", f"{small:.0f} MB", "about the same",
        holds=peak <= small * 1.25)  # fmt: skip
    speed = plain / said[events]["cpu_s"]
    row("its speed against merely writing and hashing", f"{speed:.2f} x", ">= 0.5 x",
        holds=speed >= 0.5)  # fmt: skip
    begin = time.process_time()
    outcome = verify_export(folder / f"{events}.asice", keys.root_pem())
    took = time.process_time() - begin
    size = (folder / f"{events}.asice").stat().st_size
    row("checking it", f"{took / events * 1e6:.0f} CPU-us/event, {size / events:.0f} B/event",
        "exit 0", holds=outcome.exit_code == 0)  # fmt: skip


def changes(folder: Path, count: int = 500) -> None:
    """Random changes of single bytes in a dossier."""
    keys = Keys.open(folder / "keys")
    store = fresh(folder, "changed.db")
    fill(store, 2000)
    export(store, EVERYTHING, folder / "whole.asice", keys, now=NOW, by="benchmark")
    whole = (folder / "whole.asice").read_bytes()
    chance = random.Random(9)
    noticed = 0
    for _ in range(count):
        changed = bytearray(whole)
        changed[chance.randrange(len(changed))] ^= chance.randint(1, 255)
        (folder / "changed.asice").write_bytes(changed)
        noticed += verify_export(folder / "changed.asice", keys.root_pem()).exit_code == 1
    row("random byte changes noticed in a dossier", f"{noticed} of {count}", "all",
        holds=noticed == count)  # fmt: skip
    store.close()


def falsified_rows(folder: Path, count: int) -> None:
    """Flips, drops, insertions and swaps over all tables; fsck must name each place."""
    from tests import falsified  # its web framework would count as a dossier's memory

    keys = folder / "keys"
    store = fresh(folder, "whole.db")
    falsified.build(store, Keys.open(keys))
    store.close()
    chance = random.Random(count)
    found = named = 0
    for number in range(count):
        copied = folder / f"{number}.db"
        shutil.copy(folder / "whole.db", copied)
        store = Store.open(str(copied))
        deed = falsified.falsify(store, chance.randrange(1 << 32))
        paths = {one.where.path for one in fsck(store, now=falsified.NOW, keys_folder=keys)}
        store.close()
        copied.unlink()
        found += bool(paths)
        named += deed.is_named_by(paths)
    row("falsified rows found, all tables", f"{found} of {count}", "all", holds=found == count)
    row("of them with the place named", f"{named} of {count}", "all", holds=named == count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--leaves", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--falsified", type=int, default=500)
    parser.add_argument("--only", default="")
    parser.add_argument("--export", nargs=3, type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.export:
        dossier_in_own_process(*asked.export)
        return
    rows: dict[str, Callable[[Path], None]] = {
        "capture": lambda folder: capture_cost(folder, asked.rounds),
        "postgresql": lambda _: writers_on_postgresql(asked.rounds),
        "proofs": lambda folder: proofs(folder, asked.leaves),
        "dossiers": lambda folder: dossiers(folder, asked.events),
        "changes": changes,
        "falsified": lambda folder: falsified_rows(folder, asked.falsified),
    }
    os.environ.setdefault("PYTHONHASHSEED", "0")
    for name, measure in rows.items():
        if asked.only in ("", name):
            with tempfile.TemporaryDirectory(prefix="packtrail-proof-") as folder:
                measure(Path(folder))


if __name__ == "__main__":
    main()
