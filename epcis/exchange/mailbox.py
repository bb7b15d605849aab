"""The mailbox: every message to and from partners, each once, with its way and its bytes.

A received message is on the disk, row and bytes, before the sender gets its acknowledgement. A
message to be sent is put in line by the transaction whose outcome it tells. A second message with
the same channel, direction and id is a repeat: it changes nothing and gets the answer that the
first one got.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import orjson
from sqlalchemy import delete, func, insert, select, update

from epcis.capture_job import new_id
from epcis.database.transactions import StoreContended
from epcis.exchange.exchange_tables import exchange_body, exchange_message, exchange_refusal
from epcis.store.event_tables import document, document_part
from epcis.store.payload import squeeze, unsqueeze
from schemas.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import RowMapping

    from epcis.database.transactions import Snapshot
    from epcis.exchange.spool import Region
    from epcis.ledger.store import Store, Transaction

MESSAGE_ID_CHARACTERS_MAX: Final = 250
FILE_NAME_CHARACTERS_MAX: Final = 200
LISTED_MAX: Final = 200
PART_BYTES: Final = 1024 * 1024
LARGE_BYTES: Final = 8 * 1024 * 1024
"""A message beyond this size is written without making others wait for their answer."""
REFUSALS_KEPT: Final = 200


class Direction(StrEnum):
    """Which way a message goes."""

    IN = "in"
    OUT = "out"


class MessageState(StrEnum):
    """How far a message is; the first three are of received ones, the rest of those to send."""

    RECEIVED = "received"
    UNDERSTOOD = "understood"
    KEPT = "kept"
    SET_ASIDE = "set aside"
    """Nothing of it could be stored: its bytes wait here for a person."""
    WAITING = "waiting"
    DELIVERED = "delivered"
    """The partner's server took it; its receipt is still to come, where one is due."""
    RECEIPTED = "receipted"
    DEAD = "dead"
    """Given up: refused by the partner, or tried too often. A person may send it again."""


class MessageRefused(Refused):
    """A message cannot be taken or sent; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class ExchangeMessage:
    """A message as the mailbox lists it."""

    id: int
    channel: str
    direction: Direction
    message_id: str
    file_name: str
    media_type: str
    size_bytes: int
    sha256: str
    state: MessageState
    way: dict[str, datetime]
    """The steps it has taken, with their moments."""
    reason: str
    job: str
    reply_to: str
    """Address that a receipt which is sent later goes to; empty for everything else."""
    mic: str
    attempts: int
    next_try: datetime | None
    outcome: dict[str, object]
    """What capture found: `events`, `errors`, `findings`; empty until then."""

    def as_dict(self) -> dict[str, object]:
        """What the API and the command line tell."""
        return {
            "id": self.id,
            "channel": self.channel,
            "direction": self.direction.value,
            "messageId": self.message_id,
            "fileName": self.file_name,
            "mediaType": self.media_type,
            "sizeBytes": self.size_bytes,
            "sha256": self.sha256,
            "state": self.state.value,
            "way": {step: at.isoformat() for step, at in self.way.items()},
            "reason": self.reason,
            "attempts": self.attempts,
            "nextTry": self.next_try.isoformat() if self.next_try else None,
            **self.outcome,
        }


@dataclass(frozen=True, slots=True)
class MessageReceipt:
    """What the receiver of a message says it got: an MDN, or nothing."""

    media_type: str
    content: bytes


NO_RECEIPT: Final = MessageReceipt("", b"")


@dataclass(frozen=True, slots=True)
class ArrivedMessage:
    """A message that has come, whole and checked, and not yet stored."""

    channel: str
    message_id: str
    body: Region
    file_name: str = ""
    media_type: str = "application/octet-stream"
    receipt: MessageReceipt = NO_RECEIPT
    """What the sender gets once it is stored."""
    is_acknowledged: bool = True
    """Whether the answer to its delivery tells the sender that it is here."""
    later: MessageToSend | None = None
    """The receipt, where it goes to the sender by itself: put in line in the same act."""


@dataclass(frozen=True, slots=True)
class Received:
    """What became of an arrival."""

    message: ExchangeMessage
    receipt: MessageReceipt
    is_repeat: bool


def receive(store: Store, arrival: ArrivedMessage, now: datetime) -> Received:
    """Store an arrival, or recognise it; once this returns it may be acknowledged.

    Raises `MessageRefused` where the id was used for other bytes, StoreFull and StoreAway.
    """
    digest = arrival.body.digest("sha256").hex()
    try:
        known = _known(store, arrival, digest)
        if known is None:
            with store.write(now, long=arrival.body.size_bytes > LARGE_BYTES) as tx:
                _insert_arrival(tx, arrival, digest)
                # A crash before this commit leaves nothing: the sender got no answer, and repeats.
    except StoreContended:
        known = None  # the same message came twice at once, and the other one was first
    else:
        if known is not None:
            return known
    found = _known(store, arrival, digest)
    assert found is not None, "what was written is there"
    return Received(found.message, found.receipt, is_repeat=False)


def _known(store: Store, arrival: ArrivedMessage, digest: str) -> Received | None:
    with store.read() as snapshot:
        found = message_by_id(snapshot, arrival.channel, Direction.IN, arrival.message_id)
        if found is None:
            return None
        if found.sha256 != digest:
            raise MessageRefused(
                f"message id '{arrival.message_id}' was used before for other bytes;"
                " give each message an id of its own"
            )
        return Received(found, receipt_of(snapshot, found.id), is_repeat=True)


def _insert_arrival(tx: Transaction, arrival: ArrivedMessage, digest: str) -> None:
    number = _insert(
        tx,
        channel=arrival.channel,
        direction=Direction.IN.value,
        message_id=fitting_id(arrival.message_id),
        file_name=arrival.file_name[:FILE_NAME_CHARACTERS_MAX],
        media_type=arrival.media_type[:100],
        size_bytes=arrival.body.size_bytes,
        sha256=digest,
        state=MessageState.RECEIVED.value,
        job=new_id(),
        mic="",
        acknowledged=tx.now if arrival.is_acknowledged else None,
        receipt_type=arrival.receipt.media_type,
        receipt=arrival.receipt.content or None,
    )
    _write_body(tx, number, arrival.body)
    if arrival.later is not None:
        send(tx, arrival.later)


def _insert(tx: Transaction, **columns: object) -> int:
    row = {"created": tx.now, "reason": "", "attempts": 0, "reply_to": "", **columns}
    done = tx.connection.execute(insert(exchange_message).values(row))
    return int((done.inserted_primary_key or (0,))[0])


def _write_body(tx: Transaction, number: int, body: Region) -> None:
    for part, start in enumerate(range(0, body.size_bytes, PART_BYTES)):
        content = squeeze(body.at(start, PART_BYTES))
        row = {"message": number, "part": part, "content": content}
        tx.connection.execute(insert(exchange_body).values(row))


@dataclass(frozen=True, slots=True)
class MessageToSend:
    """A message to be sent."""

    channel: str
    message_id: str
    body: Region
    file_name: str
    media_type: str
    reply_to: str = ""
    """Address of a receipt that was asked for there; empty: the partner's."""


def send(tx: Transaction, departure: MessageToSend) -> int:
    """Put a message in line; its number. The same id again is the same message, sent once.

    Raises `MessageRefused` where the id was used for other bytes.
    """
    digest = departure.body.digest("sha256").hex()
    found = message_by_id(tx, departure.channel, Direction.OUT, departure.message_id)
    if found is not None:
        if found.sha256 != digest:
            raise MessageRefused(f"message id '{departure.message_id}' was used for other bytes")
        return found.id
    number = _insert(
        tx,
        channel=departure.channel,
        direction=Direction.OUT.value,
        message_id=fitting_id(departure.message_id),
        file_name=departure.file_name[:FILE_NAME_CHARACTERS_MAX],
        media_type=departure.media_type[:100],
        size_bytes=departure.body.size_bytes,
        sha256=digest,
        state=MessageState.WAITING.value,
        job="",
        reply_to=departure.reply_to,
        mic="",
        receipt_type="",
        next_try=tx.now,
    )
    _write_body(tx, number, departure.body)
    return number


def send_again(tx: Transaction, number: int) -> ExchangeMessage:
    """Put a message that was given up, or is on its way, in line once more.

    A received one that was set aside is captured again. Raises `MessageRefused`.
    """
    found = find_message(tx, number)
    if found is None:
        raise MessageRefused(f"there is no message {number}")
    if found.direction is Direction.IN:
        if found.state is not MessageState.SET_ASIDE:
            raise MessageRefused(f"message {number} is {found.state}; there is nothing to do again")
        change(tx, number, state=MessageState.RECEIVED, job=new_id(), reason="", outcome=None)
    else:
        change(tx, number, state=MessageState.WAITING, reason="", attempts=0, next_try=tx.now)
    again = find_message(tx, number)
    assert again is not None
    return again


def change(tx: Transaction, number: int, **columns: object) -> None:
    """Set columns of a message."""
    changes = {name: value.value if isinstance(value, MessageState) else value
            for name, value in columns.items()}  # fmt: skip
    tx.connection.execute(
        update(exchange_message).where(exchange_message.c.id == number).values(changes)
    )


def drop_body(tx: Transaction, number: int) -> None:
    """Let go of bytes that are kept elsewhere: those of a stored document."""
    tx.connection.execute(delete(exchange_body).where(exchange_body.c.message == number))


def is_document(snapshot: Snapshot, sha256: str) -> bool:
    """Whether the very bytes of a message are stored as a document."""
    wanted = select(document.c.id).where(document.c.sha256 == bytes.fromhex(sha256))
    return snapshot.connection.scalar(wanted) is not None


def body_of(snapshot: Snapshot, message: ExchangeMessage) -> Iterator[bytes]:
    """The bytes of a message in pieces, compared with its digest at the end.

    Raises `MessageRefused` where they are in the archive, or not those that were stored.
    """
    digest = hashlib.sha256()
    for content in _stored_parts(snapshot, message):
        piece = unsqueeze(bytes(content))
        digest.update(piece)
        yield piece
    if digest.hexdigest() != message.sha256:
        raise MessageRefused(
            f"the bytes of message {message.id} are no longer here, or not those that came;"
            " look for its document in the archive, and run packtrail fsck"
        )


def _stored_parts(snapshot: Snapshot, message: ExchangeMessage) -> Iterator[bytes]:
    own = select(exchange_body.c.content).where(exchange_body.c.message == message.id)
    found = False
    for content in snapshot.connection.scalars(own.order_by(exchange_body.c.part)):
        found = True
        yield content
    if not found and message.size_bytes:
        captured = (
            select(document_part.c.content)
            .join(document, document.c.id == document_part.c.document)
            .where(document.c.sha256 == bytes.fromhex(message.sha256))
        )
        yield from snapshot.connection.scalars(captured.order_by(document_part.c.part))


def receipt_of(snapshot: Snapshot, number: int) -> MessageReceipt:
    """The receipt of a message, byte for byte; `NO_RECEIPT` where there is none."""
    wanted = select(exchange_message.c.receipt_type, exchange_message.c.receipt)
    row = snapshot.connection.execute(wanted.where(exchange_message.c.id == number)).first()
    return NO_RECEIPT if row is None or row[1] is None else MessageReceipt(row[0], bytes(row[1]))


def fitting_id(message_id: str) -> str:
    """A message id as it is stored: a longer one by its beginning and its digest.

    >>> len(fitting_id("x" * 5000)) <= MESSAGE_ID_CHARACTERS_MAX
    True
    """
    if len(message_id) <= MESSAGE_ID_CHARACTERS_MAX:
        return message_id
    digest = hashlib.sha256(message_id.encode()).hexdigest()
    return f"{message_id[: MESSAGE_ID_CHARACTERS_MAX - 65]}#{digest}"


def message_by_id(
    snapshot: Snapshot, channel: str, direction: Direction, message_id: str
) -> ExchangeMessage | None:
    """A message by what makes it one: channel, direction and its own id."""
    return _first(
        snapshot,
        exchange_message.c.channel == channel,
        exchange_message.c.direction == direction.value,
        exchange_message.c.message_id == fitting_id(message_id),
    )


def find_message(snapshot: Snapshot, number: int) -> ExchangeMessage | None:
    """A message by its number here."""
    return _first(snapshot, exchange_message.c.id == number)


def _first(snapshot: Snapshot, *conditions: object) -> ExchangeMessage | None:
    row = snapshot.connection.execute(_LOOK.where(*conditions)).mappings().first()  # type: ignore[arg-type]  # conditions of SQLAlchemy
    return None if row is None else _of_row(row)


def list_messages(
    snapshot: Snapshot,
    *,
    channel: str = "",
    state: str = "",
    before: int | None = None,
    direction: Direction | None = None,
    id_begins: str = "",
    rows_max: int = LISTED_MAX,
) -> list[ExchangeMessage]:
    """Messages, newest first, `LISTED_MAX` at most: of one channel or state, below one number.

    Of one direction, or with an id that begins with some text.
    """
    wanted = _LOOK.order_by(exchange_message.c.id.desc()).limit(rows_max)
    if direction is not None:
        wanted = wanted.where(exchange_message.c.direction == direction.value)
    if id_begins:
        wanted = wanted.where(exchange_message.c.message_id.startswith(id_begins, autoescape=True))
    if channel:
        wanted = wanted.where(exchange_message.c.channel == channel)
    if state:
        wanted = wanted.where(exchange_message.c.state == state)
    if before is not None:
        wanted = wanted.where(exchange_message.c.id < before)
    return [_of_row(row) for row in snapshot.connection.execute(wanted).mappings()]


def counts_by_state(snapshot: Snapshot) -> dict[tuple[str, str], int]:
    """How many messages of each channel are in each state."""
    table = exchange_message.c
    wanted = select(table.channel, table.state, func.count()).group_by(table.channel, table.state)
    return {(row[0], row[1]): row[2] for row in snapshot.connection.execute(wanted)}


_STEPS: Final = ("understood", "kept", "acknowledged", "delivered", "receipted")
_LOOK: Final = select(
    *(column for column in exchange_message.c if column.name not in ("receipt", "receipt_type"))
)


def _of_row(row: RowMapping) -> ExchangeMessage:
    direction = Direction(row["direction"])
    first = "received" if direction is Direction.IN else "put in line"
    way = {first: row["created"]} | {step: row[step] for step in _STEPS if row[step] is not None}
    return ExchangeMessage(
        id=row["id"],
        channel=row["channel"],
        direction=direction,
        message_id=row["message_id"],
        file_name=row["file_name"],
        media_type=row["media_type"],
        size_bytes=row["size_bytes"],
        sha256=row["sha256"],
        state=MessageState(row["state"]),
        way=way,
        reason=row["reason"],
        job=row["job"],
        reply_to=row["reply_to"],
        mic=row["mic"],
        attempts=row["attempts"],
        next_try=row["next_try"],
        outcome=orjson.loads(unsqueeze(bytes(row["outcome"]))) if row["outcome"] else {},
    )


# --- what never became a message ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that was turned away at the door."""

    channel: str
    sender: str
    message_id: str
    code: str
    what: str
    at: datetime | None = None

    def as_dict(self) -> dict[str, object]:
        """What the API tells."""
        return {
            "channel": self.channel,
            "sender": self.sender,
            "messageId": self.message_id,
            "code": self.code,
            "what": self.what,
            "at": self.at.isoformat() if self.at else None,
        }


def note_refusal(tx: Transaction, refusal: Refusal) -> None:
    """Keep what was turned away, for the person who connects the partner; the newest only."""
    row = {
        "channel": refusal.channel,
        "at": tx.now,
        "sender": refusal.sender[:200],
        "message_id": fitting_id(refusal.message_id),
        "code": refusal.code,
        "what": refusal.what,
    }
    done = tx.connection.execute(insert(exchange_refusal).values(row))
    number = int((done.inserted_primary_key or (0,))[0])
    tx.connection.execute(
        delete(exchange_refusal).where(exchange_refusal.c.id <= number - REFUSALS_KEPT)
    )


def list_refusals(snapshot: Snapshot, *, channel: str | None = None) -> list[Refusal]:
    """What was turned away, newest first."""
    wanted = select(exchange_refusal).order_by(exchange_refusal.c.id.desc()).limit(REFUSALS_KEPT)
    if channel is not None:
        wanted = wanted.where(exchange_refusal.c.channel == channel)
    return [
        Refusal(row.channel, row.sender, row.message_id, row.code, row.what, row.at)
        for row in snapshot.connection.execute(wanted)
    ]
