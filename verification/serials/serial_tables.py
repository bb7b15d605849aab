"""The tables of serial numbers: pools, grants to lines, imported numbers, and exceptions.

A number of a random or sequential pool has no row: it follows from the pool and its place in it
(decision 0170). Rows are what cannot be computed: numbers made elsewhere, and those that were
voided, or found in use.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

from epcis.database.metadata import metadata
from epcis.ledger.proved import Register, proof

serial_pool = Table(
    "serial_pool",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("code", String(18), nullable=False, comment="GTIN-14, or the first digits of an SSCC"),
    Column("is_sscc", Integer, nullable=False),
    Column("template", String(20), nullable=False),
    Column("alphabet", String(64), nullable=False),
    Column("first", BigInteger, nullable=False, comment="number of place 0, where sequential"),
    Column("capacity", BigInteger, nullable=False),
    Column("next", BigInteger, nullable=False, comment="first place that was never granted"),
    Column("refill_at", BigInteger, nullable=False),
    Column("guessable_because", Text, nullable=False),
    Column("secret", LargeBinary, nullable=False, comment="AES-256 key of a random pool"),
    Column("opened_us", BigInteger, nullable=False),
    Column("by", String(100), nullable=False),
    Column("closed_us", BigInteger),
    Index("serial_pool_code", "code"),
    info=proof(Register(secret=frozenset({"secret"}))),
)

serial_grant = Table(
    "serial_grant",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("pool", String(24), nullable=False),
    Column("request_id", String(100), nullable=False, unique=True),
    Column("line", String(100), nullable=False),
    Column("first", BigInteger, nullable=False, comment="place in the pool"),
    Column("after", BigInteger, nullable=False, comment="place after the last one"),
    Column("count", Integer, nullable=False),
    Column("printed", Integer, nullable=False, comment="so many from the first on"),
    Column("returned", Integer, nullable=False, comment="so many at the end, unprinted"),
    Column("at_us", BigInteger, nullable=False),
    Column("by", String(100), nullable=False),
    Index("serial_grant_pool", "pool", "first"),
    info=proof(Register()),
)
"""A grant is all places from `first` to before `after`, but for those that were found in use."""

serial = Table(
    "serial",
    metadata,
    Column("pool", String(24), primary_key=True),
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("state", String(10), nullable=False),
    Column("batch", String(24), nullable=False, comment="the request that made it so"),
    Column("at_us", BigInteger, nullable=False),
    Column("by", String(100), nullable=False),
    Column("reason", Text, nullable=False),
    Index("serial_batch", "batch"),
    info=proof(Register(by=("batch",))),
)
"""Exceptions alone: `void`, or `in-use` before its pool came to it."""

serial_imported = Table(
    "serial_imported",
    metadata,
    Column("pool", String(24), primary_key=True),
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("code", String(18), nullable=False),
    Column("serial", String(20), nullable=False),
    Column("tail", Text, nullable=False, comment="further elements, such as (91) and (92)"),
    Column("batch", String(24), nullable=False, comment="the list it came with"),
    Index("serial_imported_once", "code", "serial", unique=True),
    Index("serial_imported_batch", "batch"),
    info=proof(Register(by=("batch",))),
)
