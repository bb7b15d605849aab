"""What the database itself refuses: rewriting the log, and showing a party what is not its own.

Triggers let nobody rewrite the log by way of SQL; see `epcis.ledger.ledger_tables`.

Queries ask for what a caller may see; should one forget, row-level security on PostgreSQL still
hides the rest. Connections of the store say that they serve the operator (`*`); a snapshot for a
party says the party; a connection that says nothing sees no event. The role of the service must be
neither superuser nor BYPASSRLS, for those pass any row security.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.database.metadata import make_after_tables

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData

_SQLITE_GUARDS = (
    """CREATE TRIGGER IF NOT EXISTS ledger_entry_stays BEFORE DELETE ON ledger_entry
    BEGIN SELECT RAISE(ABORT, 'entries of the log are never deleted'); END""",
    """CREATE TRIGGER IF NOT EXISTS ledger_entry_is_fixed BEFORE UPDATE ON ledger_entry
    WHEN NOT (
      new.kind = old.kind AND new.subject = old.subject AND new.public_hash = old.public_hash
      AND new.confidential_hash = old.confidential_hash AND new.public IS old.public
      AND new.event IS old.event AND new.idx IS old.idx AND new.leaf IS old.leaf
      AND new.record_time = old.record_time AND new.salt IS NULL AND new.confidential IS NULL)
    BEGIN SELECT RAISE(ABORT, 'entries of the log are never changed'); END""",
    """CREATE TRIGGER IF NOT EXISTS ledger_checkpoint_stays BEFORE DELETE ON ledger_checkpoint
    BEGIN SELECT RAISE(ABORT, 'checkpoints are never deleted'); END""",
    """CREATE TRIGGER IF NOT EXISTS ledger_checkpoint_is_fixed BEFORE UPDATE ON ledger_checkpoint
    WHEN new.size <> old.size OR new.root <> old.root
    BEGIN SELECT RAISE(ABORT, 'checkpoints are never changed'); END""",
)

_POSTGRESQL_GUARDS = (
    """CREATE OR REPLACE FUNCTION ledger_entry_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'entries of the log are never deleted';
      END IF;
      IF (NEW.kind, NEW.subject, NEW.public_hash, NEW.confidential_hash)
        IS DISTINCT FROM (OLD.kind, OLD.subject, OLD.public_hash, OLD.confidential_hash)
        OR NEW.public IS DISTINCT FROM OLD.public OR NEW.event IS DISTINCT FROM OLD.event
        OR (OLD.idx IS NOT NULL AND (NEW.idx, NEW.leaf, NEW.record_time)
          IS DISTINCT FROM (OLD.idx, OLD.leaf, OLD.record_time))
        OR (NEW.salt IS NOT NULL AND NEW.salt IS DISTINCT FROM OLD.salt)
        OR (NEW.confidential IS NOT NULL AND NEW.confidential IS DISTINCT FROM OLD.confidential)
      THEN
        RAISE EXCEPTION 'entries of the log are never changed';
      END IF;
      RETURN NEW;
    END $$""",
    """CREATE OR REPLACE TRIGGER ledger_entry_is_fixed BEFORE UPDATE OR DELETE ON ledger_entry
    FOR EACH ROW EXECUTE FUNCTION ledger_entry_guard()""",
    """CREATE OR REPLACE FUNCTION ledger_checkpoint_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'DELETE' OR (NEW.size, NEW.root) IS DISTINCT FROM (OLD.size, OLD.root) THEN
        RAISE EXCEPTION 'checkpoints are never changed or deleted';
      END IF;
      RETURN NEW;
    END $$""",
    """CREATE OR REPLACE TRIGGER ledger_checkpoint_is_fixed
    BEFORE UPDATE OR DELETE ON ledger_checkpoint
    FOR EACH ROW EXECUTE FUNCTION ledger_checkpoint_guard()""",
)


def guard_log(metadata: MetaData) -> None:
    """Have tables `ledger_entry` and `ledger_checkpoint` of `metadata` made with their guards."""
    make_after_tables(
        metadata, "ledger guards", sqlite=_SQLITE_GUARDS, postgresql=_POSTGRESQL_GUARDS
    )


SETTING = "packtrail.party"
EVERYBODY = "*"

_STATEMENTS = (
    "ALTER TABLE event ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE event FORCE ROW LEVEL SECURITY",
    "DROP POLICY IF EXISTS event_is_for_its_parties ON event",
    """CREATE POLICY event_is_for_its_parties ON event USING (
      (SELECT current_setting('packtrail.party', true)) = '*'
      OR EXISTS (SELECT 1 FROM event_party p WHERE p.seq = event.seq
        AND p.party = (SELECT current_setting('packtrail.party', true))))""",
)


def hide_from_others(metadata: MetaData) -> None:
    """Have tables `event` and `event_party` of `metadata` made with this row security."""
    make_after_tables(metadata, "row security", postgresql=_STATEMENTS)


def serve(connection: Connection, party: str) -> None:
    """Show only this party's events (canonical GLN key) until the transaction ends."""
    connection.exec_driver_sql(f"SELECT set_config('{SETTING}', %s, true)", (party,))
