"""The plainest store of the same facts, which shows what the databases themselves cost."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import msgspec
import zstandard

from epcis.codec.document import read_document
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from pathlib import Path


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
