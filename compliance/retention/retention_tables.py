"""Legal holds, and the certificates of what was destroyed."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, String, Table, Text

from epcis.database.columns import Instant
from epcis.database.metadata import BigId, metadata
from epcis.ledger.proved import Register, proof

legal_hold = Table(
    "legal_hold",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("gtin", String(14), comment="GTIN-14; with lot or serial that lot or pack only"),
    Column("lot", String(20)),
    Column("serial", String(20)),
    Column("case_id", String(40), comment="a case or a recall: the packs it is about"),
    Column("party", String(100), comment="canonical GLN key, /414/{gln13}"),
    Column("since", Instant, comment="only what happened from then on"),
    Column("until", Instant, comment="only what happened before"),
    Column("opened", Instant, nullable=False),
    Column("opened_by", String(100), nullable=False),
    Column("released", Instant),
    Column("released_by", String(100)),
    Column("released_why", Text),
    info=proof(Register()),
)

erasure = Table(
    "erasure",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("by", String(100), nullable=False),
    Column("record", String(40), nullable=False, comment="the class of record, see policy.py"),
    Column("entries", BigInteger, nullable=False, comment="how many went"),
    Column("before", Instant, nullable=False, comment="all of them were older"),
    Column("rule", Text, nullable=False, comment="JSON of the rule they went by"),
    Column("digest", String(64), nullable=False, comment="SHA-256 over what went"),
    comment="certificates of destruction",
    info=proof(Register()),
)
