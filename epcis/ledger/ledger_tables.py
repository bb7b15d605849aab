"""Where the log is kept, and the guards that let nobody rewrite it by way of SQL.

The guards stop mistakes and ordinary users; a database administrator can drop them, and is then
caught by the proofs.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)

from epcis.database.after_create import make_after_tables
from epcis.database.columns import Instant
from epcis.ledger.subjects import UNNOTED_KINDS
from epcis.store.event_tables import BigId, metadata
from epcis.store.proved import Register, Told, proof

ledger_entry = Table(
    "ledger_entry",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("tenant", SmallInteger, nullable=False, server_default="0"),
    Column("txid", BigInteger, nullable=False, server_default="0", comment="PostgreSQL: writer"),
    Column("idx", BigInteger, unique=True, comment="place in the log; None until sequenced"),
    Column("kind", SmallInteger, nullable=False, comment="epcis.ledger.entry.LeafKind"),
    Column("subject", LargeBinary(32), nullable=False),
    Column("public_hash", LargeBinary(32), nullable=False),
    Column("confidential_hash", LargeBinary(32), nullable=False),
    Column("salt", LargeBinary(16), comment="None: nothing confidential, or erased"),
    Column("public", LargeBinary, comment="None for an event: its own row has it"),
    Column("confidential", LargeBinary, comment="None for an event, nothing, or erased"),
    Column("event", BigInteger, comment="event.seq"),
    Column("record_time", Instant, nullable=False),
    Column("leaf", LargeBinary(32), comment="None until sequenced"),
    Index(
        "ledger_entry_by_event",
        "event",
        postgresql_where=text("event IS NOT NULL"),
        sqlite_where=text("event IS NOT NULL"),
    ),
    Index(
        "ledger_entry_by_subject",
        "subject",
        postgresql_where=text(UNNOTED_KINDS),
        sqlite_where=text(UNNOTED_KINDS),
    ),
    Index(
        "ledger_entry_waiting",
        "id",
        postgresql_where=text("idx IS NULL"),
        sqlite_where=text("idx IS NULL"),
    ),
    info=proof(Told("its own leaf, and its place between the others")),
)

ledger_tile = Table(
    "ledger_tile",
    metadata,
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False, comment="up to 256 hashes, one after the other"),
    comment="C2SP tlog-tiles; level 0 full tiles only, above also the one being filled",
    info=proof(Told("the entries")),
)

ledger_head = Table(
    "ledger_head",
    metadata,
    Column("tenant", SmallInteger, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False, comment="the name of this log in its checkpoints"),
    Column("size", BigInteger, nullable=False),
    Column("record_time", Instant, nullable=False),
    Column("frontier", LargeBinary, nullable=False, comment="merkle.Frontier, hashes joined"),
    info=proof(Told("the entries and the checkpoints")),
)

ledger_checkpoint = Table(
    "ledger_checkpoint",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("made", Instant, nullable=False),
    Column("note", Text, comment="the signed note, C2SP tlog-checkpoint"),
    Column("timestamp", LargeBinary, comment="RFC 3161 token over the note"),
    info=proof(Told("the entries, its signature, the next checkpoint's entry and who holds it")),
)

ledger_witness = Table(
    "ledger_witness",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("witness", Text, nullable=False, comment="who says it saw this checkpoint"),
    Column("told", Instant, nullable=False),
    Column("agrees", SmallInteger, nullable=False, comment="1 with this log, 0 a fork"),
    Column("note", Text, nullable=False, comment="as posted"),
    Index("ledger_witness_by_size", "size"),
    info=proof(Register(by=("size",))),
)

ledger_key = Table(
    "ledger_key",
    metadata,
    Column("name", Text, primary_key=True, comment="the name on the signature line"),
    Column("key_id", LargeBinary(4), primary_key=True),
    Column("public_key", LargeBinary, nullable=False, comment="type byte and key"),
    Column("added", Instant, nullable=False),
    comment="the public keys that checkpoints of this log were signed with",
    info=proof(Register()),
)

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

make_after_tables(metadata, "ledger guards", sqlite=_SQLITE_GUARDS, postgresql=_POSTGRESQL_GUARDS)
