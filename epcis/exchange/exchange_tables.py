"""Tables of exchange with partners: channels, certificates, messages and their bytes."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from epcis.database.columns import Instant
from epcis.database.metadata import COUNTED_ONCE, BigId, index_where, metadata
from epcis.ledger.proved import Outside, Register, proof

exchange_channel = Table(
    "exchange_channel",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("partner", String(13), nullable=False, comment="GLN-13; empty: nobody in particular"),
    Column("settings", Text, nullable=False),
    Column("secrets", Text, nullable=False, comment="sealed; empty: none"),
    Column("created", Instant, nullable=False),
    Column("by", String(100), nullable=False),
    Column("ended", Instant),
    info=proof(Register(secret=frozenset({"secrets"}))),
)
"""A way to a partner and back; `settings` is a JSON object of what its kind asks for."""

exchange_certificate = Table(
    "exchange_certificate",
    metadata,
    Column("channel", String(60), ForeignKey("exchange_channel.name"), primary_key=True),
    Column("owner", String(10), primary_key=True, comment="ours or partner"),
    Column("sha256", String(64), primary_key=True, comment="of the certificate"),
    Column("pem", Text, nullable=False),
    Column("sealed_key", Text, nullable=False, comment="of ours, sealed; empty for a partner's"),
    Column("valid_from", Instant, nullable=False),
    Column("valid_to", Instant, nullable=False),
    Column("added", Instant, nullable=False),
    Column("by", String(100), nullable=False),
    Column("ended", Instant),
    info=proof(Register(secret=frozenset({"sealed_key"}))),
)
"""Certificates that a channel trusts or shows; several are good at once, for a change of keys."""

_PROGRESS = {
    "attempts": "how often delivery was tried",
    "next_try": "when it is tried again",
}

exchange_message = Table(
    "exchange_message",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("channel", String(60), ForeignKey("exchange_channel.name"), nullable=False),
    Column("direction", String(3), nullable=False, comment="in or out"),
    Column("message_id", String(250), nullable=False),
    Column("file_name", String(200), nullable=False),
    Column("media_type", String(100), nullable=False),
    Column("size_bytes", BigId, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("state", String(20), nullable=False),
    Column("created", Instant, nullable=False, comment="received, or put in line to be sent"),
    Column("understood", Instant, comment="read as a document, and given to capture"),
    Column("kept", Instant, comment="its events are stored"),
    Column("acknowledged", Instant, comment="the sender has its receipt"),
    Column("delivered", Instant, comment="the partner's server has taken it"),
    Column("receipted", Instant, comment="the partner has confirmed what it got"),
    Column("reason", Text, nullable=False, comment="what is wrong with it; empty: nothing"),
    Column("job", String(40), nullable=False, comment="its capture job; empty for a sent one"),
    Column("outcome", LargeBinary, comment="what capture found, JSON, packed"),
    Column("reply_to", Text, nullable=False, comment="where a receipt goes; empty: to the partner"),
    Column("mic", String(200), nullable=False, comment="digest a signed receipt must repeat"),
    Column("receipt_type", Text, nullable=False, comment="Content-Type of the receipt"),
    Column("receipt", LargeBinary, comment="the receipt as it was sent or came"),
    Column("attempts", Integer, nullable=False),
    Column("next_try", Instant),
    UniqueConstraint("channel", "direction", "message_id", name="exchange_message_once"),
    index_where(
        "exchange_message_due",
        "channel",
        "id",
        where="state IN ('received', 'understood', 'waiting', 'delivered')",
    ),
    info=proof(Register(beside=_PROGRESS)),
    **COUNTED_ONCE,
)
"""Each message once, by channel, direction and its own id; the moments are its way so far."""

exchange_body = Table(
    "exchange_body",
    metadata,
    Column("message", BigId, ForeignKey("exchange_message.id"), primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
    info=proof(Outside("bytes of a message, whose SHA-256 is in its entry and checked when read")),
)
"""The bytes of a message in parts; a received one's go once its document is stored."""

exchange_refusal = Table(
    "exchange_refusal",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("channel", String(60), nullable=False, comment="empty where none was named"),
    Column("at", Instant, nullable=False),
    Column("sender", String(200), nullable=False, comment="as the message names it"),
    Column("message_id", String(250), nullable=False),
    Column("code", String(60), nullable=False),
    Column("what", Text, nullable=False),
    Index("exchange_refusal_channel", "channel", "id"),
    info=proof(Outside("messages that nobody proved to be a partner's; the newest only")),
)
"""What was turned away before it was a message: unknown sender, wrong key, altered bytes."""

exchange_rule = Table(
    "exchange_rule",
    metadata,
    Column("channel", String(60), ForeignKey("exchange_channel.name"), primary_key=True),
    Column("sends", String(20), primary_key=True, comment="shipment or exception"),
    Column("style", Text, nullable=False, comment="how it is written, a JSON object"),
    Column("changed", Instant, nullable=False),
    Column("by", String(100), nullable=False),
    Column("ended", Instant),
    info=proof(Register()),
)
"""What goes to a partner by itself over a channel, and how it is written for that partner."""

exchange_due = Table(
    "exchange_due",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("channel", String(60), ForeignKey("exchange_channel.name"), nullable=False),
    Column("sends", String(20), nullable=False),
    Column("subject", String(100), nullable=False, comment="id of the event or case"),
    Column("created", Instant, nullable=False),
    Column("reason", Text, nullable=False, comment="why it is held back; empty: it is not"),
    UniqueConstraint("channel", "sends", "subject", name="exchange_due_once"),
    info=proof(Outside("work to be done, which leaves a message and an entry of the log")),
)
"""What rules have still to make into messages; a row ends when its message is in line."""
