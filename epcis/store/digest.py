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


def hash_id(digest: bytes) -> str:
    """The id of an event that came without one: its hash as an `ni:` URI (CBV 2.0 section 8.9)."""
    return f"ni:///sha-256;{digest.hex()}?ver=CBV2.0"


def is_meant(wrong: tuple[bytes, str], event: tuple[bytes, str]) -> bool:
    """Whether an error declaration is about an event, each given as hash and id.

    The id tells; where one of the two has none of its own, the same content does.

    >>> one, named = (b"1" * 32, hash_id(b"1" * 32)), (b"1" * 32, "urn:uuid:1")
    >>> is_meant(one, named), is_meant(named, one), is_meant(named, (b"1" * 32, "urn:uuid:2"))
    (True, True, False)
    """
    if wrong[1] == event[1]:
        return True
    has_no_id = wrong[1] == hash_id(wrong[0]) or event[1] == hash_id(event[0])
    return wrong[0] == event[0] and has_no_id


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
