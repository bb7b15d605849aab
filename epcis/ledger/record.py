"""The bytes of an event that the log commits to: its EPCIS 2.0 JSON, public members first.

    {"@context": …, "type": …, "epcList": …  ,  "bizTransactionList": …, "ilmd": …}
    |------------- public part ------------|  |-------- confidential part --------|

Cut at the comma and closed with a brace, each part is a JSON object of its own. So a verifier
splits a line of an export to check both parts, and a redacted line is simply its public part. The
bytes of a logged event never change; docs/decisions/0070 gives the consequences.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from epcis.codec.document import WriteOptions, event_divider
from epcis.ledger.entry import SALT_BYTES, Commitment, LeafKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from epcis.model import Event

CONFIDENTIAL = frozenset(
    {
        "bizTransactionList",
        "sourceList",
        "destinationList",
        "sensorElementList",
        "certificationInfo",
        "ilmd",
    }
)
"""Members with trade secrets; so is every extension, whose name has a prefix (`ex:price`)."""

_OPTIONS = WriteOptions()


@dataclass(frozen=True, slots=True)
class EventParts:
    """The two parts of a thing, as the log commits to them.

    >>> EventParts(b'{"type":"ObjectEvent"}', b'{"ilmd":{}}').line
    b'{"type":"ObjectEvent","ilmd":{}}'
    """

    public: bytes
    confidential: bytes

    @property
    def line(self) -> bytes:
        """Both parts as one JSON object."""
        if not self.confidential:
            return self.public
        comma = b"," if len(self.public) > len(b"{}") else b" "
        return self.public[:-1] + comma + self.confidential[1:]

    @property
    def cut(self) -> int:
        """The offset of the comma between the parts, where a verifier splits the line."""
        return len(self.public) - 1

    @property
    def is_line(self) -> bool:
        """Whether a line of JSON can hold both parts: objects, or only a public part."""
        if b"\n" in self.public or b"\n" in self.confidential or not self.public:
            return False
        return not self.confidential or (self.public[:1] + self.confidential[:1]) == b"{{"


def parts_of(event: Event) -> EventParts:
    """The bytes of an event, as committed to."""
    return EventParts(*_writers.divide(event))


def is_confidential(member: str) -> bool:
    """Whether a member of an event's JSON belongs to the confidential part.

    >>> is_confidential("ex:price"), is_confidential("epcList"), is_confidential("@context")
    (True, False, False)
    """
    return member in CONFIDENTIAL or (":" in member and member[0] != "@")


class _Writers(threading.local):
    """JSON writers of one thread; they hold state, so threads do not share them."""

    def __init__(self) -> None:
        self.divide = event_divider(is_confidential, _OPTIONS)


_writers = _Writers()


def commit_events(events: Iterable[tuple[Event, bytes, int]]) -> list[Commitment]:
    """Commit to events, each with its event hash (32 bytes) and its row `event.seq`.

    The entries do not store their bytes: these can be made again from the events' own rows.
    """
    divide, kind = _writers.divide, LeafKind.EVENT
    things = []
    for event, event_hash, seq in events:
        public, confidential = divide(event)
        salt = os.urandom(SALT_BYTES) if confidential else None
        public_hash = sha256(public).digest()
        confidential_hash = sha256((salt or b"") + confidential).digest()
        things.append(
            Commitment(kind, event_hash, public_hash, confidential_hash, salt, None, None, seq)
        )
    return things


@dataclass(frozen=True, slots=True)
class DocumentData:
    r"""The data of a document's row that its entry commits to, so a change of any column shows.

    >>> DocumentData(b"\1", 7, 0, "Ada", None, "json-ld", 1, None, None, b"\2").public()
    b'{"events":1,"sender":"Ada","sha256":"01","size_bytes":7}'
    """

    sha256: bytes
    size_bytes: int
    received_us: int
    sender: str | None
    party: str | None
    syntax: str
    events: int
    header: bytes | None
    """As stored; the entry has its SHA-256."""
    findings: bytes | None
    """As stored; the entry has its SHA-256."""
    places: bytes
    """`epcis.store.digest.Places` of the events that are its own."""

    def public(self) -> bytes:
        """The public part, which every export shows: what the sender knows of the file."""
        return _json(
            {
                "sha256": self.sha256.hex(),
                "size_bytes": self.size_bytes,
                "sender": self.sender,
                "events": self.events,
            }
        )

    def confidential(self) -> bytes:
        """The confidential part: for whom it was captured, how it was read, and its events."""
        return _json(
            {
                "party": self.party,
                "received_us": self.received_us,
                "syntax": self.syntax,
                "header": _digest_of(self.header),
                "findings": _digest_of(self.findings),
                "places": self.places.hex(),
            }
        )


def _digest_of(stored: bytes | None) -> str | None:
    return sha256(stored).hexdigest() if stored is not None else None


def _json(content: dict[str, object]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
