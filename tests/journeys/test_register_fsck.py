"""Somebody changes an order in the database; `fsck`, a process of its own, says so."""

from __future__ import annotations

import sqlite3

from chain import GTIN, MAKER, PHARMACY


def test_a_changed_order_is_found_by_the_command(packtrail, home, tmp_path) -> None:
    lines = tmp_path / "lines.csv"
    lines.write_text(f"gtin,packs\n{GTIN},3\n")
    args = ("order", "import", "SO-1", lines, "--customer", PHARMACY, "--site", MAKER)
    assert packtrail(*args).code == 0
    assert packtrail("fsck").code == 0
    [file] = home.glob("*.db")
    with sqlite3.connect(file) as database:
        guards = database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall()
        for (name,) in guards:
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute("UPDATE trade_order SET customer = '/414/9521321000025'")
    told = packtrail("fsck")
    assert told.code == 1
    assert "trade_order SO-1: has another customer" in told.out
