"""Triggers that let nobody rewrite the log by way of SQL; see `epcis.ledger.ledger_tables`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.database.after_create import make_after_tables

if TYPE_CHECKING:
    from sqlalchemy import MetaData

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
