"""The table of the archive's files."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from epcis.database.columns import Instant
from epcis.database.metadata import BigId, metadata
from epcis.ledger.proved import Register, proof

archive_file = Table(
    "archive_file",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("holds", Text, nullable=False, comment="events or documents"),
    Column("month", Text, nullable=False, comment="YYYY-MM of the event or receipt times"),
    Column("name", Text, nullable=False, unique=True),
    Column("folder", Text, nullable=False, comment="where the file lies"),
    Column("records", Integer, nullable=False, comment="how many events or documents"),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", LargeBinary(32), nullable=False, comment="of the whole file"),
    Column("oldest", Instant, nullable=False, comment="event or receipt time"),
    Column("newest", Instant, nullable=False),
    Column("made", Instant, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("restored", Instant, comment="its records are in the database again"),
    Column("restored_by", Text),
    Column("erased", Instant, comment="its records were destroyed"),
    Column("erased_by", Text),
    Index("archive_file_by_month", "holds", "month"),
    info=proof(Register()),
)
