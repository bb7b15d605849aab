"""The tables of orders, counts and inspections: asked for, picked, counted, inspected.

How much is in stock, reserved or shipped is in no table: item state says it (decision 0171).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

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

count_session = Table(
    "count_session",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("place", Text, nullable=False, comment="canonical key of a site or of a place in it"),
    Column("gtin", String(14), nullable=False, comment="the product that is counted, or empty"),
    Column("is_blind", Boolean, nullable=False),
    Column("is_opened", Boolean, nullable=False, comment="cases are counted pack by pack"),
    Column("state", String(10), nullable=False),
    Column("opened_us", BigInteger, nullable=False),
    Column("by", String(100), nullable=False),
    Column("ended_us", BigInteger),
    Column("ended_by", String(100), nullable=False),
    Column("why", Text, nullable=False, comment="of its end"),
    Column("expected", Integer, nullable=False, comment="items of the records at the close"),
    Column("as_recorded", Integer, nullable=False, comment="of these, counted where they are"),
    info=proof(Register()),
)

count_scan = Table(
    "count_scan",
    metadata,
    Column("session", String(40), primary_key=True),
    Column("round", Integer, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True, comment="canonical key of what was scanned"),
    Column("place", Text, nullable=False, comment="where it was scanned"),
    Column("by", String(100), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("batch", String(40), nullable=False, comment="what one scanner sent together"),
    Index("count_scan_key", "key"),
    Index("count_scan_batch", "batch"),
    info=proof(Register(by=("batch",))),
)

count_recount = Table(
    "count_recount",
    metadata,
    Column("session", String(40), primary_key=True),
    Column("round", Integer, primary_key=True, autoincrement=False),
    Column("place", Text, nullable=False, comment="what was scanned here before no longer counts"),
    Column("by", String(100), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("why", Text, nullable=False),
    info=proof(Register()),
)

count_result = Table(
    "count_result",
    metadata,
    Column("session", String(40), primary_key=True),
    Column("key", Text, primary_key=True, comment="canonical key"),
    Column("finding", String(30), nullable=False),
    Column("gtin", String(14), nullable=False),
    Column("lot", String(20), nullable=False),
    Column("counted_at", Text, nullable=False, comment="place; empty where it was not counted"),
    Column("recorded_at", Text, nullable=False, comment="place by the records at the close"),
    Column("event", Text, nullable=False, comment="the event that adjusted it, or empty"),
    Column("seen_us", BigInteger, comment="when it was last seen, before the count"),
    Column("seen_at", Text, nullable=False),
    Column("seen_by", Text, nullable=False),
    Index("count_result_key", "key"),
    info=proof(Register(by=("session",))),
)
"""What differed when a count was closed."""

lot_inspection = Table(
    "lot_inspection",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("gtin", String(14), nullable=False),
    Column("lot", String(20), nullable=False),
    Column("site", Text, nullable=False, comment="canonical GLN key of where its packs lie"),
    Column("quarantine", String(40), nullable=False, comment="that locks the lot"),
    Column("lot_packs", Integer, nullable=False, comment="in stock when it was opened"),
    Column("sample_size", Integer, nullable=False, comment="packs that are inspected at least"),
    Column("failed_max", Integer, nullable=False, comment="failed samples that still release"),
    Column("state", String(10), nullable=False),
    Column("opened_us", BigInteger, nullable=False),
    Column("by", String(100), nullable=False),
    Column("why", Text, nullable=False),
    Column("ended_us", BigInteger),
    Column("ended_by", String(100), nullable=False),
    Column("ended_why", Text, nullable=False),
    Index("lot_inspection_lot", "gtin", "lot"),
    info=proof(Register()),
)

inspection_sample = Table(
    "inspection_sample",
    metadata,
    Column("inspection", String(40), primary_key=True),
    Column("key", Text, primary_key=True, comment="canonical key of the pack"),
    Column("is_drawn", Boolean, nullable=False, comment="by chance; else somebody chose it"),
    Column("place", Text, nullable=False, comment="where it lay when it was drawn or inspected"),
    Column("result", String(10), nullable=False, comment="passed, failed, or empty"),
    Column("note", Text, nullable=False),
    Column("by", String(100), nullable=False),
    Column("at_us", BigInteger),
    Column("event", Text, nullable=False, comment="the event of its inspection, or empty"),
    info=proof(Register()),
)
