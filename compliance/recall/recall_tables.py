"""The tables of recalls: what is recalled, who gets notices, what they answer, what came back."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from epcis.database.metadata import metadata
from epcis.ledger.proved import Outside, Register, proof


def _of_recall() -> Column[str]:
    return Column("recall", String(40), ForeignKey("recall.id"), primary_key=True)


recall = Table(
    "recall",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("gtin", String(14), nullable=False),
    Column("lot", String(20), nullable=False),
    Column("serial", String(20), nullable=False, comment="first of a range"),
    Column("serial_to", String(20), nullable=False, comment="last of a range"),
    Column("since_us", BigInteger, comment="begin of a production window"),
    Column("until_us", BigInteger, comment="its end, no longer part of it"),
    Column("place", String(13), nullable=False, comment="GLN where the window's packs were made"),
    Column("market", String(2), nullable=False, comment="empty: everywhere"),
    Column("reason", Text, nullable=False),
    Column("class", String(3), nullable=False),
    Column("depth", String(20), nullable=False),
    Column("drill", Integer, nullable=False),
    Column("facts", Text, nullable=False, comment="JSON: what notices say besides"),
    Column("opened_us", BigInteger, nullable=False),
    Column("opened_by", String(100), nullable=False),
    Column("approved_us", BigInteger),
    Column("approved_by", String(100), comment="the second person"),
    Column("closed_us", BigInteger),
    Column("closed_by", String(100)),
    Column("packs", Integer, nullable=False, comment="at the opening, and those that came later"),
    Column("packs_at_opening", Integer, nullable=False),
    Column("reach_at_opening", Text, nullable=False, comment="JSON: packs by what can be done"),
    Column("list_sha256", String(64), nullable=False, comment="of the keys at the opening"),
    Column("last_item", BigInteger, nullable=False, comment="item.id: later ones came later"),
    Column("withdraw_why", Text, comment="why it is taken back, once somebody has asked for it"),
    Column("withdraw_asked_by", String(100)),
    Column("withdrawn_us", BigInteger),
    Column("withdrawn_by", String(100), comment="the second person"),
    Index("recall_gtin", "gtin", "lot"),
    info=proof(Register()),
)

recall_pack = Table(
    "recall_pack",
    metadata,
    _of_recall(),
    Column("key", String(200), primary_key=True),
    Column("how", String(20), nullable=False, comment="listed, made then, or made from others"),
    info=proof(Register(by=("recall",))),
)
"""Packs that a recall names one by one; those of a lot, product or range are looked up."""

recall_arrival = Table(
    "recall_arrival",
    metadata,
    _of_recall(),
    Column("key", String(200), primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    info=proof(Outside("when a pack became known first; its events and the count are proved")),
)

recall_notice = Table(
    "recall_notice",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("recall", String(40), ForeignKey("recall.id"), nullable=False),
    Column("party", String(100), nullable=False, comment="GLN-13; empty: holder not known"),
    Column("name", String(200)),
    Column("packs", Integer, nullable=False),
    Column("named_packs", Integer, nullable=False, comment="so many the last message named"),
    Column("due_us", BigInteger, comment="by when an answer is expected, once it is sent"),
    Column("sent_us", BigInteger, comment="of the first message that went out"),
    Column("last_sent_us", BigInteger),
    Column("messages", Integer, nullable=False),
    Column("channel", String(20), nullable=False),
    Column("fault", Text, nullable=False, comment="why the last message did not go out"),
    Column("escalated_us", BigInteger),
    Column("acknowledged_us", BigInteger, comment="of the first answer"),
    Index("recall_notice_recall", "recall"),
    info=proof(Register()),
)

recall_lot = Table(
    "recall_lot",
    metadata,
    _of_recall(),
    Column("gtin", String(14), primary_key=True),
    Column("lot", String(20), primary_key=True),
    info=proof(Register()),
)
"""Lots that were made from recalled ones, and are recalled with them."""

recall_link = Table(
    "recall_link",
    metadata,
    Column("token_sha256", String(64), primary_key=True),
    Column("notice", String(40), ForeignKey("recall_notice.id"), nullable=False),
    Column("made_us", BigInteger, nullable=False),
    info=proof(Register()),
)
"""The links by which a notice is answered without an account; each message has one of its own."""

recall_answer = Table(
    "recall_answer",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("notice", String(40), ForeignKey("recall_notice.id"), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("by", String(100), nullable=False, comment="the name that was given"),
    Column("entered_by", String(100), nullable=False, comment="empty: by the link"),
    Column("received", Integer, nullable=False, comment="packs, as the others"),
    Column("found", Integer, nullable=False),
    Column("quarantined", Integer, nullable=False),
    Column("returned", Integer, nullable=False),
    Column("destroyed", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Index("recall_answer_notice", "notice"),
    info=proof(Register()),
)
"""What holders answered; the newest one of a notice counts, and all of them stay."""

recall_contact = Table(
    "recall_contact",
    metadata,
    Column("gln", String(13), primary_key=True),
    Column("email", String(254), nullable=False),
    Column("phone", String(40), nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    Column("by", String(100), nullable=False),
    info=proof(Register()),
)
"""Where the notices of a holder go."""
