"""What questions and jobs cost once there are many of them, as ratios of one run (SQLite).

One captured document is repeated until there are as many events as asked for, 30 seconds apart.
Then a page of each family of parameters beside an hour is compared with plain SQL that reads the
rows of that hour by its index; one EPC with plain SQL by its key; and a worker's next job among
many waiting jobs with the same among a hundred. Processor time of the thread, best of some rounds.

    python -m benchmarks.load [--events 1000000] [--jobs 100000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import inspect

from compliance.service.migrate import open_migrated
from compliance.service.settings import Settings
from epcis.capture import capture
from epcis.capture_turn import claimed
from epcis.query import search
from epcis.query.parameters import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from epcis.ledger.store import Store

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FIRST_EVENTS, APART_S, ROUNDS = 400, 30, 7
STEPS = ("commissioning", "packing", "shipping", "receiving", "storing", "picking", "dispensing")
FAMILIES = {
    "eventType": {"eventType": ["ObjectEvent"]},
    "action": {"EQ_action": ["OBSERVE"]},
    "bizStep": {"EQ_bizStep": ["shipping"]},
    "bizLocation": {"EQ_bizLocation": ["urn:epc:id:sgln:0614141.00006.0"]},
    "bizTransaction": {"EQ_bizTransaction_po": ["urn:epcglobal:cbv:bt:0614141073467:6"]},
    "source": {"EQ_source_owning_party": ["urn:epc:id:pgln:0614141.00001"]},
    "class": {"MATCH_epcClass": ["urn:epc:class:lgtin:0614141.107346.L6"]},
    "quantity": {"GE_quantity": 80},
    "field": {"EXISTS_http://ex.example/ns#grade": None},
    "field's amount": {"GE_http://ex.example/ns#grade": 8},
    "sensor": {"GE_value_CEL": 30},
}
TABLES = ("event", "event_word", "event_field", "event_sensor", "event_quantity", "event_epc")


def document() -> bytes:
    context = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
    return orjson.dumps(
        {
            "@context": [context, {"ex": "http://ex.example/ns/"}],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-01-01T00:00:00Z",
            "epcisBody": {"eventList": [told(number) for number in range(FIRST_EVENTS)]},
        }
    )


def told(number: int) -> dict[str, object]:
    place = f"urn:epc:id:sgln:0614141.{number % 50:05d}.0"
    po = f"urn:epcglobal:cbv:bt:0614141073467:{number % 40}"
    lot = f"urn:epc:class:lgtin:0614141.107346.L{number % 20}"
    report = {"type": "Temperature", "value": number % 40, "uom": "CEL"}
    return {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "eventTime": (NOW + timedelta(seconds=number * APART_S)).isoformat(),
        "eventTimeZoneOffset": "+00:00",
        "epcList": [f"urn:epc:id:sgtin:0614141.107346.{number}"],
        "bizStep": STEPS[number % len(STEPS)],
        "bizLocation": {"id": place},
        "bizTransactionList": [{"type": "po", "bizTransaction": po}],
        "sourceList": [{"type": "owning_party", "source": "urn:epc:id:pgln:0614141.00001"}],
        "quantityList": [{"epcClass": lot, "quantity": number % 90, "uom": "KGM"}],
        "sensorElementList": [{"sensorReport": [report]}],
        "ex:grade": number % 10,
    }


def repeat(store: Store, events: int) -> None:
    """The rows of the first events again, later and under further numbers."""
    moved = {
        "seq": f"seq + k * {FIRST_EVENTS}",
        "moment": f"moment + k * {FIRST_EVENTS}",
        "event_time": f"event_time + k * {FIRST_EVENTS * APART_S * 1_000_000}",
        "record_time": f"record_time + k * {FIRST_EVENTS * APART_S * 1_000_000}",
        "identity": "randomblob(32)",
        "hash": "randomblob(32)",
        "event_id": f"'urn:x:' || (seq + k * {FIRST_EVENTS})",
        "block": f"block + k * {FIRST_EVENTS // 64 + 1}",
    }
    times = max(1, events // FIRST_EVENTS - 1)
    numbers = f"WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < {times})"
    with store.write(NOW) as tx:
        for table in TABLES:
            columns = [one["name"] for one in inspect(tx.connection).get_columns(table)]
            given = ", ".join(moved.get(one, one) for one in columns)
            tx.driver.execute(
                f"{numbers} INSERT INTO {table} ({', '.join(columns)})"
                f" SELECT {given} FROM n, {table} WHERE seq <= {FIRST_EVENTS}"
            )


def seconds(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        begun_s = time.thread_time()
        work()
        best = min(best, time.thread_time() - begun_s)
    return best


def queries(store: Store, events: int) -> None:
    begin = NOW + timedelta(seconds=events * APART_S // 2)
    hour = {
        "GE_eventTime": begin.isoformat(),
        "LT_eventTime": (begin + timedelta(hours=1)).isoformat(),
    }
    first_us = int(begin.timestamp() * 1_000_000)
    plain = (
        "SELECT seq, payload, record_time, event_id, biz_step FROM event"
        " INDEXED BY event_by_event_time WHERE event_time >= ? AND event_time < ? ORDER BY seq"
    )
    of_epc = (
        "SELECT e.seq, e.payload FROM item_key_even k JOIN event_epc n ON n.block = k.id >> 6"
        " JOIN event e ON e.seq = n.seq WHERE k.key = ?"
    )

    def page(asked: dict[str, object]) -> Callable[[], object]:
        return lambda: search.page(snapshot, parse(asked), search.Selection(), rows_max=30)

    with store.read() as snapshot:
        run = snapshot.driver.execute
        floor_s = seconds(lambda: run(plain, (first_us, first_us + 3_600_000_000)).fetchall())
        ratios = {
            name: seconds(page({**asked, **hour})) / floor_s for name, asked in FAMILIES.items()
        }
        for name, ratio in ratios.items():
            print(f"  {name:<16} {ratio:6.1f} x")
        print(
            f"a page beside an hour / plain SQL for the hour, worst: {max(ratios.values()):.1f} x"
        )
        ((key,),) = run("SELECT key FROM item_key_even ORDER BY id LIMIT 1 OFFSET 7").fetchall()
        ours_s = seconds(page({"MATCH_epc": ["urn:epc:id:sgtin:0614141.107346.7"]}))
        plain_s = seconds(lambda: run(of_epc, (key,)).fetchall())
        print(f"MATCH_epc / plain SQL by its key: {ours_s / plain_s:.1f} x")


def backlog(store: Store, folder: Path, jobs: int) -> None:
    body = folder / "body"
    body.write_bytes(b" ")
    add = (
        "INSERT INTO capture_job (id, created, running, success, behaviour, body_path, caller)"
        " VALUES (?, ?, 1, 1, 'rollback', ?, ?)"
    )

    def waiting(start: int, end: int) -> float:
        rows = [(f"j{one}", one, str(body), f"sender {one % 5}") for one in range(start, end)]
        with store.write(NOW) as tx:
            tx.driver.executemany(add, rows)
        return seconds(next_job)

    def next_job() -> None:
        with claimed(store, NOW) as job:
            assert job is not None

    few_s, many_s = waiting(0, 100), waiting(100, jobs)
    print(f"the next of {jobs} jobs / the next of 100: {many_s / few_s:.2f} x")


def main() -> None:
    """Print each figure on a line of its own."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--events", type=int, default=1_000_000)
    arguments.add_argument("--jobs", type=int, default=100_000)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = open_migrated(Settings(data_dir=folder))
        try:
            capture(store, BytesIO(document()), now=NOW, sender="benchmark")
            repeat(store, options.events)
            queries(store, options.events)
            backlog(store, folder, options.jobs)
        finally:
            store.close()


if __name__ == "__main__":
    main()
