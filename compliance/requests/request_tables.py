"""The tables of trace requests: what is asked, about which packs, and what was done."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String, Table, Text

from epcis.database.metadata import metadata
from epcis.ledger.proved import Register, proof

trace_request = Table(
    "trace_request",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("reference", String(100), nullable=False, comment="of the asker: tiRequestID"),
    Column("investigation", String(100), nullable=False, comment="the asker's investigation"),
    Column("organisation", String(200), nullable=False),
    Column("department", String(200), nullable=False),
    Column("contact", String(254), nullable=False, comment="e-mail address or telephone number"),
    Column("gln", String(13), nullable=False, comment="of the asker; empty: not given"),
    Column("authority", Integer, nullable=False, comment="1: an authority, or on its behalf"),
    Column("authenticated", Text, nullable=False, comment="how it was found out who asks"),
    Column("response_type", String(30), nullable=False),
    Column("reason", String(40), nullable=False),
    Column("circumstances", Text, nullable=False),
    Column("incident", String(40), nullable=False, comment="FDA's number of a 3911"),
    Column("drill", Integer, nullable=False),
    Column("role", String(20), nullable=False, comment="ours: it sets the clock"),
    Column("owner", String(13), nullable=False, comment="our GLN; empty: not set"),
    Column("received_us", BigInteger, nullable=False),
    Column("due_us", BigInteger, nullable=False),
    Column("entered_by", String(100), nullable=False),
    Column("ended_us", BigInteger, comment="answered, or refused"),
    Column("ended_by", String(100)),
    Column("outcome", String(20), nullable=False, comment="answered or refused; empty: open"),
    Column("note", Text, nullable=False, comment="how it was sent, or why it was refused"),
    info=proof(Register()),
)

trace_request_item = Table(
    "trace_request_item",
    metadata,
    Column("request", String(40), ForeignKey("trace_request.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("gtin", String(14), nullable=False),
    Column("serial", String(20), nullable=False, comment="empty: the lot"),
    Column("lot", String(20), nullable=False),
    info=proof(Register(by=("request",))),
)
