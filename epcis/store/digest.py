"""The CBV event hash of an event as bytes, and the digest of which event stands where."""

from __future__ import annotations

from hashlib import sha256
from struct import Struct
from typing import TYPE_CHECKING

from epcis.hash import event_hash

if TYPE_CHECKING:
    from epcis.model import Event

_HEAD = len("ni:///sha-256;")
_DIGEST_CHARS = 64
_PLACE = Struct(">i32s")


def event_digest(event: Event) -> bytes:
    """The 32 bytes of `epcis.hash.event_hash`. Raises ValueError where a time is not a time.

    >>> from epcis.model import ObjectEvent
    >>> len(event_digest(ObjectEvent(event_time="2026-01-02T03:04:05Z", action="ADD")))
    32
    """
    return bytes.fromhex(event_hash(event)[_HEAD : _HEAD + _DIGEST_CHARS])


class Places:
    """A running SHA-256 over the events of a document: place and identity, ascending.

    >>> places = Places()
    >>> places.add(0, bytes(32))
    >>> places.digest() == Places().digest()
    False
    """

    __slots__ = ("_digest",)

    def __init__(self) -> None:
        self._digest = sha256()

    def add(self, position: int | None, identity: bytes) -> None:
        """The next event; -1 stands for no place."""
        self._digest.update(_PLACE.pack(-1 if position is None else position, identity))

    def digest(self) -> bytes:
        """32 bytes for what was added so far."""
        return self._digest.digest()
