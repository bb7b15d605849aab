"""The tables of orders: what customers ask for, and which packs were picked for them.

How much is in stock, reserved or shipped is in no table: item state says it (decision 0171).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from epcis.database.metadata import metadata
from epcis.ledger.proved import Register, proof

trade_order = Table(
    "trade_order",
    metadata,
    Column("number", String(100), primary_key=True),
    Column("customer", String(100), nullable=False, comment="canonical GLN key"),
    Column("site", String(100), nullable=False, comment="canonical GLN key of who ships"),
    Column("due", String(10), nullable=False, comment="ISO 8601 day, or empty"),
    Column("days_left_min", Integer, nullable=False, comment="until expiry, for the customer"),
    Column("state", String(10), nullable=False),
    Column("opened_us", BigInteger, nullable=False),
    Column("by", String(100), nullable=False),
    Column("ended_us", BigInteger),
    Column("why", Text, nullable=False, comment="why it was cancelled"),
    info=proof(Register()),
)

order_line = Table(
    "order_line",
    metadata,
    Column("order", String(100), primary_key=True),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("gtin", String(14), nullable=False),
    Column("lot", String(20), nullable=False, comment="the lot that is asked for, or empty"),
    Column("packs", Integer, nullable=False),
    Index("order_line_gtin", "gtin"),
    info=proof(Register(by=("order",))),
)

order_pick = Table(
    "order_pick",
    metadata,
    Column("order", String(100), primary_key=True),
    Column("pack", Text, primary_key=True, comment="canonical key"),
    Column("line", Integer, nullable=False),
    Column("lot", String(20), nullable=False),
    Column("event", Text, nullable=False, comment="the event of the pick"),
    Index("order_pick_pack", "pack"),
    Index("order_pick_event", "event"),
    info=proof(Register(by=("event",))),
)
"""A pack is bound to an order from its scan on, as long as the order is open."""
