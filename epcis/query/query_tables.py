"""Tables of the query side: the search index, named queries, subscriptions, ended page tokens.

Decision 0060 says why words are kept as 64-bit digests and why sensor reports are kept whole.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
)

from epcis.database.columns import Instant
from epcis.database.metadata import BY_KEY, many_writers_only, metadata
from epcis.ledger.proved import DerivedFrom, Outside, Register, proof
from epcis.store.event_tables import event


def _tenant() -> Column[int]:
    return Column("tenant", SmallInteger, nullable=False, server_default="0")


event_word = Table(
    "event_word",
    metadata,
    Column("word", BigInteger, primary_key=True, autoincrement=False, comment="see index.word"),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    _tenant(),
    Index("event_word_by_seq", "seq"),
    **BY_KEY,
    comment="what an event can be found by through equality: transactions, parties, fields",
    info=proof(DerivedFrom("the payload of its event")),
)

event_field = Table(
    "event_field",
    metadata,
    Column("field", BigInteger, primary_key=True, autoincrement=False, comment="see index.field"),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    _tenant(),
    Column("number", Float),
    Column("instant", Instant),
    Column("text", Text),
    Index("event_field_by_seq", "seq"),
    **BY_KEY,
    comment="extension fields: that they are there, their order and their ranges",
    info=proof(DerivedFrom("the payload of its event")),
)

event_sensor = Table(
    "event_sensor",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False, comment="of the report"),
    _tenant(),
    Column("type", Text, comment="bare word, or the URI as it is"),
    Column("device", Text),
    Column("element_device", Text, comment="the same attribute in sensorMetadata"),
    Column("method", Text),
    Column("element_method", Text),
    Column("rules", Text),
    Column("element_rules", Text),
    Column("microorganism", Text),
    Column("substance", Text),
    Column("string_value", Text),
    Column("boolean_value", Boolean),
    Column("hex_value", Text, comment="upper case"),
    Column("uri_value", Text),
    Column("time", Instant),
    Column("element_time", Instant),
    Column("start_time", Instant),
    Column("end_time", Instant),
    Column("uom", Text),
    Column("value", Float, comment="numbers as written, in `uom`"),
    Column("min_value", Float),
    Column("max_value", Float),
    Column("mean_value", Float),
    Column("s_dev", Float),
    Column("perc_rank", Float),
    Column("perc_value", Float),
    Index("event_sensor_by_type", "type", "seq"),
    **BY_KEY,
    comment="one row per sensor report, so that conditions meet in one report",
    info=proof(DerivedFrom("the payload of its event")),
)

named_query = Table(
    "named_query",
    metadata,
    Column("name", Text, primary_key=True),
    _tenant(),
    Column("made", Instant, nullable=False),
    Column("owner", Text, nullable=False, comment="the caller who made it"),
    Column("party", Text, comment="the owner's party: whose view the query is; None sees all"),
    Column("query", LargeBinary, nullable=False, comment="the query body as sent, JSON"),
    info=proof(Register()),
)

_PROGRESS = dict.fromkeys(
    (
        "acknowledged_seq", "acknowledged_txid", "acknowledged_record_time", "due", "attempts",
        "last_notified", "error", "suspended",
    ),
    "how far deliveries are",
)  # fmt: skip

subscription = Table(
    "subscription",
    metadata,
    Column("id", Text, primary_key=True),
    _tenant(),
    Column("query", Text, nullable=False, comment="named_query.name, or SimpleEventQuery"),
    Column("parameters", LargeBinary, comment="of a 1.2 subscription: its own parameters, JSON"),
    Column("version", Text, nullable=False, comment="2.0 (webhook) or 1.2 (SOAP subscribe)"),
    Column("owner", Text, nullable=False),
    Column("party", Text),
    Column("dest", Text, nullable=False),
    Column("token", Text, comment="the subscriber's secret for signatures; never shown again"),
    Column("schedule", Text, comment="JSON object of the schedule's fields; None is a stream"),
    Column("report_if_empty", Boolean, nullable=False, server_default="0"),
    Column("syntax", Text, nullable=False),
    Column("epc_format", Text, nullable=False),
    Column("cbv_format", Text, nullable=False),
    Column("made", Instant, nullable=False),
    Column("initial_record_time", Instant, nullable=False),
    Column("acknowledged_seq", BigInteger, nullable=False, comment="all up to here was taken"),
    Column("acknowledged_txid", BigInteger, nullable=False, server_default="0"),
    Column("acknowledged_record_time", Instant, nullable=False),
    Column("due", Instant, nullable=False, comment="when to look next"),
    Column("attempts", Integer, nullable=False, server_default="0", comment="failed in a row"),
    Column("last_notified", Instant, comment="last delivery answered with success"),
    Column("error", Text, comment="why the last delivery failed"),
    Column("suspended", Boolean, nullable=False, server_default="0"),
    Index("subscription_by_due", "suspended", "due"),
    Index("subscription_by_query", "query"),
    info=proof(Register(beside=_PROGRESS, secret=frozenset({"token"}))),
)

ended_page_token = Table(
    "ended_page_token",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("expires", Instant, nullable=False),
    info=proof(Outside("pages that were ended early; they end by themselves")),
)

# Lists of values seen, and equality on the columns every query names, without reading all events.
Index("event_by_type", event.c.type, event.c.seq)
Index("event_by_biz_step", event.c.biz_step, event.c.seq)
Index("event_by_disposition", event.c.disposition, event.c.seq)
Index("event_by_read_point", event.c.read_point, event.c.seq)
Index("event_by_biz_location", event.c.biz_location, event.c.seq)
Index("event_by_record_time", event.c.record_time, event.c.seq)
# On SQLite arrival is the order of numbers; PostgreSQL's transactions need their own.
many_writers_only(Index("event_by_arrival", event.c.txid, event.c.seq))
