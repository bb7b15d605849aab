"""The tables of the top floor: who may enter, and recalls."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from epcis.store.proved import Outside, Register, proof
from epcis.store.tables import metadata

_Id = BigInteger().with_variant(Integer, "sqlite")

api_key = Table(
    "api_key",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("secret_sha256", String(64), nullable=False),
    Column("scopes", String(200), nullable=False),
    Column("party", String(100)),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("revoked_us", BigInteger),
    info=proof(Register()),
)

browser_session = Table(
    "browser_session",
    metadata,
    Column("token_sha256", String(64), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("scopes", String(200), nullable=False),
    Column("party", String(100)),
    Column("expires_us", BigInteger, nullable=False),
    info=proof(Outside("sessions, which end by themselves")),
)

sign_in_link = Table(
    "sign_in_link",
    metadata,
    Column("token_sha256", String(64), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("scopes", String(200), nullable=False),
    Column("party", String(100)),
    Column("expires_us", BigInteger, nullable=False),
    Column("used_us", BigInteger),
    info=proof(Outside("links that open a session once")),
)

recall = Table(
    "recall",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("gtin", String(14), nullable=False),
    Column("lot", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("opened_us", BigInteger, nullable=False),
    Column("opened_by", String(100), nullable=False),
    Column("closed_us", BigInteger),
    Column("closed_by", String(100)),
    Column("packs", Integer, nullable=False),
    Index("recall_lot", "gtin", "lot"),
    info=proof(Register()),
)

recall_pack = Table(
    "recall_pack",
    metadata,
    Column("recall", String(40), ForeignKey("recall.id"), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("status", String(30), nullable=False),
    Column("holder", String(100)),
    Column("location", String(100)),
    info=proof(Register(by=("recall",))),
)

recall_notice = Table(
    "recall_notice",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("recall", String(40), ForeignKey("recall.id"), nullable=False),
    Column("party", String(100), nullable=False),
    Column("name", String(200)),
    Column("packs", Integer, nullable=False),
    Column("acknowledged_us", BigInteger),
    Index("recall_notice_recall", "recall"),
    info=proof(Register(by=("recall",))),
)
