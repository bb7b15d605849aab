"""The table of requested dossiers and their progress."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from epcis.database.columns import Instant
from epcis.database.metadata import metadata
from epcis.ledger.proved import Outside, proof

export_job = Table(
    "export_job",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("selection", Text, nullable=False, comment="JSON, as in the manifest"),
    Column("redaction", String(20), nullable=False),
    Column("party", String(100), comment="whose view of the events it is; None is everybody's"),
    Column("by", String(100), nullable=False),
    Column("asked", Instant, nullable=False),
    Column("state", String(20), nullable=False, comment="waiting, running, ready or refused"),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("finished", Instant),
    Column("sha256", String(64)),
    Column("error", Text, comment="why it was refused"),
    Index("export_job_by_state", "state", "asked"),
    info=proof(Outside("how far work is; each finished dossier is in the log")),
)
