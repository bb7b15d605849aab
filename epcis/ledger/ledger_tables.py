"""The tables of the log, and the database triggers that refuse to rewrite it with SQL.

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
)

from epcis.database.columns import Instant
from epcis.database.guards import guard_log
from epcis.database.metadata import BigId, index_where, metadata
from epcis.ledger.proved import DerivedFrom, Register, proof
from epcis.ledger.subjects import UNNOTED_KINDS

ledger_entry = Table(
    "ledger_entry",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("tenant", SmallInteger, nullable=False, server_default="0"),
    Column(
        "txid",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="writer, where there are many",
    ),
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
    index_where("ledger_entry_by_event", "event", where="event IS NOT NULL"),
    index_where("ledger_entry_by_subject", "subject", where=UNNOTED_KINDS),
    index_where("ledger_entry_waiting", "id", where="idx IS NULL"),
    info=proof(DerivedFrom("its own leaf, and its place between the others")),
)

ledger_tile = Table(
    "ledger_tile",
    metadata,
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False, comment="up to 256 hashes, one after the other"),
    comment="C2SP tlog-tiles; level 0 full tiles only, above also the one being filled",
    info=proof(DerivedFrom("the entries")),
)

ledger_head = Table(
    "ledger_head",
    metadata,
    Column("tenant", SmallInteger, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False, comment="the name of this log in its checkpoints"),
    Column("size", BigInteger, nullable=False),
    Column("record_time", Instant, nullable=False),
    Column("frontier", LargeBinary, nullable=False, comment="merkle.Frontier, hashes joined"),
    info=proof(DerivedFrom("the entries and the checkpoints")),
)

ledger_checkpoint = Table(
    "ledger_checkpoint",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("made", Instant, nullable=False),
    Column("note", Text, comment="the signed note, C2SP tlog-checkpoint"),
    Column("timestamp", LargeBinary, comment="RFC 3161 token over the note"),
    info=proof(
        DerivedFrom("the entries, its signature, the next checkpoint's entry and who holds it")
    ),
)

ledger_witness = Table(
    "ledger_witness",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("witness", Text, nullable=False, comment="who says it saw this checkpoint"),
    Column("announced_at", Instant, nullable=False),
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

guard_log(metadata)
