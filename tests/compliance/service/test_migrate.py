"""The database comes into being and up to date by itself, and the migrations tell the truth."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import delete, text
from sqlalchemy.exc import DBAPIError

import compliance.service.migrations.tables  # noqa: F401  # so that metadata knows all tables
from compliance.service.migrate import (
    MIGRATIONS,
    NewerDatabaseError,
    current_revision,
    migrate,
    newest_revision,
    open_migrated,
)
from compliance.service.settings import Settings
from epcis.database.metadata import metadata
from epcis.ledger.ledger_tables import ledger_checkpoint
from epcis.ledger.store import Store

ROOT = Path(__file__).resolve().parents[3]


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


def test_the_first_migration_is_what_the_tables_say() -> None:
    ran = subprocess.run(
        [sys.executable, "scripts/first_migration.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_migrated_database_is_the_one_that_tests_create(empty_database, tmp_path) -> None:
    """Also where `compare_metadata` does not look: views, triggers, functions, policies."""
    store = open_migrated(Settings(data_dir=tmp_path, database=empty_database))
    migrated = _schema(store)
    if not store.is_sqlite:
        with store.engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
    created = Store.open(
        f"sqlite:///{tmp_path / 'created.db'}" if store.is_sqlite else empty_database
    )
    created.create_all()
    assert _schema(created) == migrated
    assert len(migrated) > len(metadata.tables)
    created.close()
    store.close()


_SQLITE_SCHEMA = ("SELECT type, name, sql FROM sqlite_master",)
_POSTGRESQL_SCHEMA = (
    (
        "SELECT table_name, column_name, ordinal_position, data_type, character_maximum_length,"
        " is_nullable, column_default FROM information_schema.columns WHERE table_schema = 'public'"
    ),
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
    (
        "SELECT conrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace"
    ),
    "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'",
    "SELECT tablename, policyname, cmd, qual FROM pg_policies",
    (
        "SELECT relname, relkind, relrowsecurity, relforcerowsecurity, obj_description(oid)"
        " FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    ),
    (
        "SELECT attrelid::regclass, attname, col_description(attrelid, attnum) FROM pg_attribute"
        " WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)"
    ),
    "SELECT tgrelid::regclass, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
)


def _schema(store: Store) -> set[tuple[str, ...]]:
    asked = _SQLITE_SCHEMA if store.is_sqlite else _POSTGRESQL_SCHEMA
    with store.engine.connect() as connection:
        return {
            tuple(" ".join(str(part).split()) for part in row)
            for statement in asked
            for row in connection.exec_driver_sql(statement)
            if "alembic_version" not in str(row)
        }


_SECOND = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"
branch_labels = depends_on = None


def upgrade() -> None:
    op.add_column("lot_state", sa.Column("toy", sa.Text(), nullable=False, server_default="bear"))
"""


def test_a_second_migration_keeps_what_a_database_of_the_first_holds(
    store, settings, tmp_path, monkeypatch
) -> None:
    with store.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO lot_state (gtin, lot, market, state, reason, since_us, by)"
            " VALUES ('09521321000016', 'L1', '', 'recalled', 'glass', 1, 'A')"
        )
    later = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, later)
    (later / "versions" / "0002_toy.py").write_text(_SECOND)
    monkeypatch.setattr("compliance.service.migrate.MIGRATIONS", later)
    upgraded = open_migrated(settings)
    with upgraded.engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT lot, state, toy FROM lot_state").all()
    assert [tuple(row) for row in kept] == [("L1", "recalled", "bear")]
    assert current_revision(upgraded.engine) == "0002"
    upgraded.close()
