"""The table of keys that several servers share."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, String, Table

from epcis.database.columns import Instant
from epcis.database.metadata import metadata
from epcis.ledger.proved import Outside, proof

sealed_key = Table(
    "sealed_key",
    metadata,
    Column("name", String(60), primary_key=True, comment="as the file in a folder of keys"),
    Column("sealed", LargeBinary, nullable=False, comment="nonce and AES-256-GCM of the file"),
    Column("changed", Instant, nullable=False),
    info=proof(Outside("sealed with a secret the database never has; changes of keys are logged")),
)
