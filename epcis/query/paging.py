"""Page tokens: where a list goes on, bound to the list it belongs to.

A token names the last row that was shown, not a count of rows, so that what is captured meanwhile
neither moves a row to another page nor hides one. It holds no secret and opens nothing: what a
caller may see is decided anew for every page.
"""

from __future__ import annotations

import binascii
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import msgspec
from sqlalchemy import delete, select

from epcis.query.query_tables import ended_page_token

if TYPE_CHECKING:
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction

PER_PAGE: Final = 30
"""Rows of a page where the caller does not say."""
PER_PAGE_MAX: Final = 1000
"""Most rows of a page, whatever the caller says."""
TOKEN_LIFE: Final = timedelta(hours=1)
TOKEN_LENGTH_MAX: Final = 2048
_FINGERPRINT_BYTES: Final = 12
_INT64: Final = 2**63


class BadToken(ValueError):  # noqa: N818  # says what it is
    """A token that is no token, or is over."""


class ForeignToken(BadToken):
    """A token of another list."""


class PageCursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The last row shown and what must stay the same from page to page."""

    fingerprint: bytes
    """Of the list: path, parameters and the caller's view."""
    expires: int
    """Seconds since 1970."""
    after: tuple[int | float | str, ...]
    """Sort values of the last row, its number or value last."""
    top: int = 0
    """The newest event when the first page was made; later ones are not part of the list."""
    remaining: int | None = None
    """How many rows of an eventCountLimit are still to come."""

    def number(self) -> int:
        """Where a list goes on that is sorted by a number; raises `BadToken`."""
        last = self.after[-1]
        if not isinstance(last, int):
            raise BadToken("is no token of this list")
        return last

    def text(self) -> str:
        """Where a list goes on that is sorted by a text; raises `BadToken`."""
        last = self.after[-1]
        if not isinstance(last, str):
            raise BadToken("is no token of this list")
        return last

    @property
    def ends(self) -> datetime:
        """When the token is over."""
        return datetime.fromtimestamp(self.expires, UTC)


def fingerprint(*parts: str | None) -> bytes:
    """What identifies a list: the same for every page of it and for no other.

    >>> fingerprint("/events", "a=1") == fingerprint("/events", "a=2")
    False
    """
    digest = blake2b(digest_size=_FINGERPRINT_BYTES)
    for part in parts:
        text = b"\x00" if part is None else b"\x01" + part.encode("utf-8", "surrogatepass")
        digest.update(len(text).to_bytes(4, "big") + text)
    return digest.digest()


def token(cursor: PageCursor) -> str:
    """The cursor as URL-safe text."""
    return urlsafe_b64encode(msgspec.msgpack.encode(cursor)).decode().rstrip("=")


def expiry(now: datetime) -> int:
    """When a token made now ends, in seconds since 1970."""
    return int((now + TOKEN_LIFE).timestamp())


def read_token(snapshot: Snapshot, text: str, expected: bytes, now: datetime) -> PageCursor:
    """The cursor of a token; raises `BadToken` saying why it cannot be followed."""
    cursor = _decoded(text)
    if cursor.fingerprint != expected:
        raise ForeignToken("belongs to another list: keep path and parameters as they were")
    if cursor.ends <= now:
        raise BadToken(f"ended at {cursor.ends.isoformat()}; start again from the first page")
    ended = select(ended_page_token.c.digest).where(ended_page_token.c.digest == _digest(text))
    if snapshot.connection.execute(ended).first():
        raise BadToken("was given back; start again from the first page")
    return cursor


def end_token(tx: Transaction, text: str, now: datetime) -> None:
    """Give a token back before its time; raises `BadToken` where it is none."""
    cursor = _decoded(text)
    table = ended_page_token
    tx.connection.execute(delete(table).where(table.c.expires <= now))
    known = select(table.c.digest).where(table.c.digest == _digest(text))
    if cursor.ends > now and not tx.connection.execute(known).first():
        tx.connection.execute(table.insert().values(digest=_digest(text), expires=cursor.ends))


def _decoded(text: str) -> PageCursor:
    if len(text) > TOKEN_LENGTH_MAX:
        raise BadToken("is no token of this repository")
    try:
        raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        cursor = msgspec.msgpack.decode(raw, type=PageCursor)
        _ = cursor.ends
    except (ValueError, binascii.Error, msgspec.MsgspecError, OverflowError, OSError):
        raise BadToken("is no token of this repository") from None
    if token(cursor) != text or not cursor.after or not all(map(_storable, cursor.after)):
        raise BadToken("is no token of this repository")
    return cursor


def _storable(value: float | str) -> bool:
    """Whether a sort value is one that a database can hold; a forged one may be anything."""
    if isinstance(value, str):
        return "\x00" not in value
    return -_INT64 <= value < _INT64 if isinstance(value, int) else math.isfinite(value)


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=32).digest()
