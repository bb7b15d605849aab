"""The CBV event hash of an event as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.hash import event_hash

if TYPE_CHECKING:
    from epcis.model import Event

_HEAD = len("ni:///sha-256;")
_DIGEST_CHARS = 64


def event_digest(event: Event) -> bytes:
    """The 32 bytes of `epcis.hash.event_hash`. Raises ValueError where a time is not a time.

    >>> from epcis.model import ObjectEvent
    >>> len(event_digest(ObjectEvent(event_time="2026-01-02T03:04:05Z", action="ADD")))
    32
    """
    return bytes.fromhex(event_hash(event)[_HEAD : _HEAD + _DIGEST_CHARS])
