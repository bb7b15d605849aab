"""The tables of the memory; every floor above declares its own on the same `metadata`.

Large tables carry `tenant`, so that a cluster can distribute them; one database file or schema
usually holds one tenant, 0. Words of the standard are stored bare (`shipping`), places and parties
as canonical keys (`/414/{gln}`), points in time as `columns.Instant`.
"""

from __future__ import annotations

from enum import IntEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    Sequence,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from epcis.database import guards, item_keys
from epcis.database.columns import Instant, ItemKey
from epcis.database.metadata import (
    BY_KEY,
    COUNTED_ONCE,
    BigId,
    index_where,
    many_writers_only,
    metadata,
)
from epcis.ledger.proved import DerivedFrom, Outside, proof


class Role(IntEnum):
    """In which list of an event an EPC stands."""

    EPC = 1
    """epcList of an object or transaction event."""
    CHILD = 2
    """childEPCs."""
    PARENT = 3
    """parentID."""
    INPUT = 4
    """inputEPCList."""
    OUTPUT = 5
    """outputEPCList."""


class Relation(IntEnum):
    """Why a party may see an event."""

    CAPTURER = 1
    SOURCE = 2
    DESTINATION = 3
    OWNER = 4
    """Its GLN is the read point or business location of the event."""
    TRADING = 5
    """Its GLN is in the number of a business transaction."""
    RELEASED = 6
    """The answer to a trace request opened the event to it."""


def _tenant() -> Column[int]:
    return Column("tenant", SmallInteger, nullable=False, server_default="0")


document = Table(
    "document",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    _tenant(),
    Column("sha256", LargeBinary(32), nullable=False, unique=True),
    Column("received", Instant, nullable=False),
    Column("sender", Text, comment="as the mailbox, API key or SBDH names it"),
    Column("party", Text, comment="canonical GLN key of the capturing party"),
    Column("syntax", Text, nullable=False, comment="xml-1.2, xml-2.0, json-ld or internal"),
    Column("size_bytes", BigInteger, nullable=False),
    Column("events", Integer, nullable=False, server_default="0"),
    Column("header", LargeBinary, comment="epcis.model.Header, MessagePack, zstd"),
    Column("findings", LargeBinary, comment="epcis.capture.ReadingNotes: JSON, zstd"),
    Column("archive", BigInteger, comment="archive_file.id where its bytes are; None: here"),
    info=proof(DerivedFrom("its entry of the log", {"archive": "its file says so too"})),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    _tenant(),
    Column("document", BigId, nullable=False),
    Column("created", Instant, nullable=False),
    comment="captured documents that somebody still has to judge; a row ends when that is done",
    info=proof(Outside("work to be done, which leaves its results and an entry of the log")),
)

document_part = Table(
    "document_part",
    metadata,
    Column("document", BigId, primary_key=True, autoincrement=False),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False, comment="a piece of the bytes received, zstd"),
    info=proof(DerivedFrom("the digest of its document")),
)

event = Table(
    "event",
    metadata,
    Column("seq", BigId, primary_key=True, autoincrement=True),
    _tenant(),
    Column("txid", BigInteger, nullable=False, server_default="0", comment="see arrival.py"),
    Column("document", BigId, comment="None for events Packtrail made itself"),
    Column("position", Integer, comment="0-based place among the document's events"),
    Column("identity", LargeBinary(32), nullable=False, unique=True),
    Column("hash", LargeBinary(32), nullable=False, comment="CBV event hash, SHA-256"),
    Column("event_id", Text, nullable=False, comment="as sent, or the ni: URI of the hash"),
    Column("type", Text, nullable=False),
    Column("action", Text),
    Column("biz_step", Text, comment="bare word"),
    Column("disposition", Text, comment="bare word"),
    Column("event_time", Instant, nullable=False),
    Column("event_time_zone_offset", Text),
    Column("record_time", Instant, nullable=False),
    Column("read_point", Text, comment="canonical key, or the URI as it is"),
    Column("biz_location", Text, comment="canonical key, or the URI as it is"),
    Column("parent", BigInteger, comment="item id of parentID"),
    Column("transformation_id", Text),
    Column(
        "moment", BigInteger, nullable=False, comment="order in which events count, see moments.py"
    ),
    Column("declared_error", Instant, comment="declarationTime where it is an error declaration"),
    Column("error_reason", Text, comment="bare word"),
    Column("voided", Boolean, nullable=False, server_default="0", comment="declared wrong"),
    Column("epcs", Integer, nullable=False, comment="how many EPCs it names, parent apart"),
    Column("payload", LargeBinary, nullable=False, comment="epcis.model.Event, MessagePack, zstd"),
    Column("archive", BigInteger, comment="archive_file.id where its payload is; None: here"),
    Index("event_by_hash", "hash"),
    Index("event_by_event_id", "event_id"),
    Index("event_by_event_time", "event_time"),
    Index("event_by_document", "document"),
    index_where("event_declared", "declared_error", where="declared_error IS NOT NULL"),
    **COUNTED_ONCE,
    info=proof(
        DerivedFrom(
            "its payload, its document's entry and the declarations",
            {"archive": "its file says so too"},
        )
    ),
)

event_epc = Table(
    "event_epc",
    metadata,
    Column("block", BigInteger, primary_key=True, autoincrement=False, comment="item id // 64"),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("role", SmallInteger, primary_key=True, autoincrement=False),
    Column("mask", BigInteger, nullable=False, comment="bit item id % 64 set: the item is named"),
    _tenant(),
    Index("event_epc_by_seq", "seq"),
    **BY_KEY,
    comment="which items an event names; ask through epcis.store.named",
    info=proof(DerivedFrom("the payload of its event")),
)

event_quantity = Table(
    "event_quantity",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("role", SmallInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    _tenant(),
    Column("key", ItemKey, nullable=False, comment="class key: /01/{gtin} or /01/{gtin}/10/{lot}"),
    Column("quantity", Float),
    Column("uom", Text),
    Index("event_quantity_by_key", "key", "seq"),
    **BY_KEY,
    info=proof(DerivedFrom("the payload of its event")),
)

event_party = Table(
    "event_party",
    metadata,
    Column("party", Text, primary_key=True, comment="canonical GLN key, /414/{gln13}"),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("relation", SmallInteger, primary_key=True, autoincrement=False),
    _tenant(),
    Index("event_party_by_seq", "seq"),
    **BY_KEY,
    info=proof(DerivedFrom("the payload and the document of its event")),
)

lot = Table(
    "lot",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    _tenant(),
    Column("gtin", Text, nullable=False),
    Column("code", Text, nullable=False, comment="empty where only an expiry is known"),
    Column("expiry", Text, nullable=False, comment="ISO 8601 day, or empty"),
    Column(
        "other_lot",
        Integer,
        nullable=False,
        server_default="0",
        comment="lot.id of another lot recorded for the same items, a conflict; 0: none",
    ),
    UniqueConstraint("gtin", "code", "expiry", "other_lot", name="lot_once"),
    comment="lots as senders wrote them; a lot with two expiry dates has two rows",
    info=proof(DerivedFrom("the payloads of events")),
)

item_block = Sequence("item_block", metadata=metadata)
"""PostgreSQL: numbers of blocks of 64 item ids, so that writers at a time share no block."""

item_state = Table(
    "item_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("status", Text, nullable=False, comment="epcis.store.item_status.ItemStatus"),
    Column("disposition", Text, nullable=False, comment="bare word, or empty"),
    Column("location", Text, nullable=False, comment="canonical key, or empty"),
    Column("holder", Text, nullable=False, comment="canonical GLN key, or empty"),
    Column("conditions", Text, nullable=False, comment="in force: bare words, space between"),
    Column("borrowed", Text, nullable=False, comment="conditions of the container, while inside"),
    Column("persistent", Text, nullable=False, comment="conditions that only unsetting lifts"),
    Column("shipper", Text, nullable=False, comment="canonical GLN key, until it is received"),
    Column("owner", Text, nullable=False, comment="canonical GLN key, or empty where not known"),
    UniqueConstraint(
        "status", "disposition", "location", "holder", "conditions", "borrowed", "persistent",
        "shipper", "owner", name="item_state_once",
    ),
    comment="each distinct state once; items share them",
    info=proof(DerivedFrom("the events of the items that are in this state")),
)  # fmt: skip

item = Table(
    "item",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=False, comment="see item_states.py"),
    Column("parent", BigInteger, comment="item id of what it is in"),
    Column("moment", BigInteger, nullable=False, comment="of the last event that names it"),
    Column("age", BigInteger, nullable=False, comment="µs from the first event to `moment`"),
    Column("lead", BigInteger, nullable=False, comment="others leaned on it so long after"),
    Column("lot", Integer),
    Column("state_id", Integer, nullable=False),
    _tenant(),
    Column("key", ItemKey, nullable=False),
    many_writers_only(UniqueConstraint("key", name="item_key_key")),
    Index("item_by_lot", "lot"),
    info=proof(DerivedFrom("the events that name it")),
)

stock_group = Table(
    "stock_group",
    metadata,
    Column("block", BigInteger, primary_key=True, autoincrement=False, comment="item id // 64"),
    Column("state_id", Integer, primary_key=True, autoincrement=False),
    Column("lot", Integer, primary_key=True, autoincrement=False, comment="0: none"),
    Column("parent", BigInteger, primary_key=True, autoincrement=False, comment="0: in nothing"),
    Column("moment", BigInteger, primary_key=True, autoincrement=False),
    Column("mask", BigInteger, nullable=False, comment="bit item id % 64 set: the item is one"),
    _tenant(),
    Index("stock_group_by_state", "state_id", "parent"),
    index_where("stock_group_by_parent", "parent", where="parent <> 0"),
    Index("stock_group_by_lot", "lot", "block"),
    **BY_KEY,
    comment="what table item says, 64 items to a row, for the view of stock; see stock_groups",
    info=proof(DerivedFrom("table item")),
)

item_key_settled = Table(
    "item_key_settled",
    metadata,
    Column("key", ItemKey, primary_key=True),
    Column("id", BigInteger, nullable=False, comment="of the item"),
    **BY_KEY,
    comment="the items by their keys, in levels; see epcis.database.item_keys",
    info=proof(DerivedFrom("table item")),
)

item_key_even = Table(
    "item_key_even",
    metadata,
    Column("key", ItemKey, primary_key=True),
    Column("id", BigInteger, nullable=False, comment="of the item"),
    **BY_KEY,
    comment="keys of an even generation until they settle",
    info=proof(DerivedFrom("table item")),
)

item_key_odd = Table(
    "item_key_odd",
    metadata,
    Column("key", ItemKey, primary_key=True),
    Column("id", BigInteger, nullable=False, comment="of the item"),
    **BY_KEY,
    comment="keys of an odd generation until they settle",
    info=proof(DerivedFrom("table item")),
)

containment = Table(
    "containment",
    metadata,
    Column("block", BigInteger, primary_key=True, autoincrement=False, comment="item id // 64"),
    Column("since", BigInteger, primary_key=True, autoincrement=False, comment="a moment"),
    Column("parent", BigInteger, primary_key=True, autoincrement=False, comment="item id"),
    Column("until", BigInteger, primary_key=True, autoincrement=False, comment="a moment"),
    Column("mask", BigInteger, nullable=False, comment="bit item id % 64 set: it is inside"),
    _tenant(),
    Index("containment_by_parent", "parent"),
    **BY_KEY,
    comment="what was in what, and until stays.ALWAYS what is; see epcis.store.stays",
    info=proof(DerivedFrom("the events that name what is inside")),
)

master_data = Table(
    "master_data",
    metadata,
    Column("type", Text, primary_key=True, comment="vocabulary type URI"),
    Column("id", Text, primary_key=True, comment="as sent"),
    _tenant(),
    Column("key", Text, nullable=False, comment="canonical key of id"),
    Column("stated_at", Instant, nullable=False, comment="creation time of the latest document"),
    Column("document", BigId),
    Column("payload", LargeBinary, nullable=False, comment="VocabularyElement, MessagePack"),
    Index("master_data_by_key", "key"),
    info=proof(DerivedFrom("the header of its document")),
)

master_data_attribute = Table(
    "master_data_attribute",
    metadata,
    Column("type", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("value", Text, nullable=False),
    Index("master_data_attribute_by_name", "name", "value"),
    info=proof(DerivedFrom("the payload of its entry")),
)

master_data_child = Table(
    "master_data_child",
    metadata,
    Column("type", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("child", Text, primary_key=True, comment="as sent"),
    Column("key", Text, nullable=False, comment="canonical key of id"),
    Column("child_key", Text, nullable=False, comment="canonical key of child"),
    Index("master_data_child_by_key", "key"),
    info=proof(DerivedFrom("the payload of its entry")),
)

master_data_lot = Table(
    "master_data_lot",
    metadata,
    Column("gtin", Text, primary_key=True),
    Column("lot", Text, primary_key=True),
    Column("type", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("expiry", Text, nullable=False, comment="ISO 8601 day, or the sender's odd text"),
    Index("master_data_lot_by_entry", "type", "id"),
    comment="the expiry that master data tells of a lot, beside what events tell",
    info=proof(DerivedFrom("the payload of its entry")),
)

capture_job = Table(
    "capture_job",
    metadata,
    Column("id", Text, primary_key=True),
    _tenant(),
    Column("created", Instant, nullable=False),
    Column("finished", Instant),
    Column("running", Boolean, nullable=False),
    Column("success", Boolean, nullable=False),
    Column("behaviour", Text, nullable=False, comment="rollback or proceed"),
    Column("media_type", Text),
    Column("body_path", Text, comment="file the body waits in; else it is done or in shared_part"),
    Column("body_bytes", BigInteger, comment="its size as received; None when stored at once"),
    Column("caller", Text),
    Column("party", Text),
    Column("sha256", LargeBinary(32)),
    Column("errors", LargeBinary, comment="events, errors and findings: JSON, zstd"),
    Index("capture_job_by_created", "created"),
    index_where("capture_job_waiting", "caller", "created", "id", where="running"),
    info=proof(Outside("how far work is; what was captured is in document and event")),
)

guards.hide_from_others(metadata)
item_keys.view_keys(metadata)
