"""The database comes into being and up to date by itself, and the migrations tell the truth."""

from __future__ import annotations

import subprocess
import sys

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import delete, text
from sqlalchemy.exc import DBAPIError

import compliance.service.migrations.tables  # noqa: F401  # so that metadata knows all tables
from compliance.service.migrate import (
    NewerDatabaseError,
    alembic_config,
    current_revision,
    migrate,
    newest_revision,
    open_migrated,
)
from epcis.capture import record
from epcis.database.raw_driver import RawDriver
from epcis.database.transactions import Store
from epcis.fsck.registers import check_registers
from epcis.ledger.ledger_tables import ledger_checkpoint
from epcis.model import ObjectEvent
from epcis.store.event_tables import metadata
from epcis.store.stays import ALWAYS, stays_of


def test_a_fresh_database_gets_every_table_that_is_declared(store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, metadata)
    assert [d for d in differences if not _is_for_another_database(d, store.is_sqlite)] == []
    assert current_revision(store.engine) == newest_revision()


def _is_for_another_database(difference, is_sqlite: bool) -> bool:
    """An index or constraint that only PostgreSQL has is no difference on SQLite."""
    declared = (one for t in metadata.tables.values() for one in (*t.indexes, *t.constraints))
    conditional = {one.name for one in declared if one._ddl_if}
    return (
        is_sqlite
        and difference[0] in {"add_index", "add_constraint"}
        and difference[1].name in conditional
    )


def test_a_second_start_changes_nothing(store, settings) -> None:
    migrate(store.engine)
    again = open_migrated(settings)
    again.close()


def test_first_starts_at_once_make_one_database(tmp_path) -> None:
    start = (
        "import sys; from compliance.service.migrate import open_migrated;"
        "from compliance.service.settings import Settings;"
        "open_migrated(Settings(database=sys.argv[1])).close()"
    )
    command = [sys.executable, "-c", start, str(tmp_path / "both.db")]
    starts = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=60)[1] for process in starts]
    assert [process.returncode for process in starts] == [0, 0, 0], said


def test_a_database_of_a_newer_program_is_left_alone(store, settings) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerDatabaseError, match="update Packtrail"):
        open_migrated(settings)


def test_a_migrated_log_cannot_be_changed(store, now) -> None:
    with store.engine.begin() as connection:
        connection.execute(ledger_checkpoint.insert().values(size=1, root=b"r" * 32, made=now))
    with pytest.raises(DBAPIError, match="never"), store.engine.begin() as connection:
        connection.execute(delete(ledger_checkpoint))


def test_stays_told_one_by_one_are_kept_when_they_move_into_blocks(database) -> None:
    """Packs 63 (the sign bit of its mask) and 64 stand on either side of a block's end."""
    told = {(63, 5, 9, 700), (63, 9, ALWAYS, 701), (64, 5, ALWAYS, 700), (65, 5, ALWAYS, 700)}
    store = Store.open(database)
    with store.engine.begin() as connection:
        command.upgrade(alembic_config(connection), "0005")
        for child, since, until, parent in told:
            lasting = "NULL" if until == ALWAYS else str(until)
            connection.exec_driver_sql(
                "INSERT INTO containment (child, since, until, parent)"
                f" VALUES ({child}, {since}, {lasting}, {parent})"  # numbers of ours
            )
    migrate(store.engine)
    with store.read() as snapshot:
        assert {tuple(stay) for stay in stays_of(RawDriver(snapshot), [63, 64, 65])} == told
    store.close()


def test_what_a_database_of_the_first_release_holds_is_in_the_log_from_then_on(database) -> None:
    store = Store.open(database)
    with store.engine.begin() as connection:
        command.upgrade(alembic_config(connection), "0001")
        connection.exec_driver_sql(
            "INSERT INTO lot_state (gtin, lot, market, state, reason, since_us, by)"
            " VALUES ('09521321000016', 'L1', '', 'recalled', 'glass', 1, 'A')"
        )
    migrate(store.engine)
    assert list(check_registers(store, lambda _what, _count: None)) == []
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE lot_state SET state = 'active'")
    (finding,) = check_registers(store, lambda _what, _count: None)
    assert "another state than was logged last" in str(finding)
    store.close()


def test_an_event_with_an_id_from_before_is_still_known_when_it_is_sent_again(store, now) -> None:
    event = ObjectEvent(
        event_time="2026-01-02T03:04:05Z", action="ADD", epcs=(), event_id="urn:uuid:1"
    )
    with store.write(now) as tx:
        assert record(tx, [event]).new == 1
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE event SET identity = hash"))
        with Operations.context(MigrationContext.configure(connection)):
            script = ScriptDirectory.from_config(alembic_config(connection))
            script.get_revision("0008").module.upgrade()
    with store.write(now) as tx:
        assert record(tx, [event]).duplicates == 1
