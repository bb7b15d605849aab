"""What one entry of the log commits to.

An entry holds hashes only. It commits to the public and the confidential part of a thing
separately, to the confidential one with a salt of its own. So an export can leave the confidential
part out and still prove the rest, and once the salt is erased, nobody can test guesses about the
confidential part, while the proof stays valid.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from struct import Struct
from typing import NamedTuple

from epcis.ledger.merkle import leaf_hash

VERSION = 1
SALT_BYTES = 16
NO_SUBJECT = bytes(32)
_LAYOUT = Struct(">BB32s32s32sQ")
ENTRY_BYTES = _LAYOUT.size


class LeafKind(IntEnum):
    """What an entry is about; the numbers are part of the hashed bytes and never change."""

    EVENT = 1
    MASTER_DATA = 2
    DOCUMENT = 3
    VERDICT = 4
    PACK_OPERATION = 5
    RECALL = 6
    CASE = 7
    EXPORT = 8
    ACCESS = 9
    KEY = 10
    SETTING = 11
    REGISTER = 12
    """A new version of a register's row, see `epcis.ledger.register`."""
    CHECKPOINT = 13
    """The previous checkpoint, so that the next one covers it."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of the log.

    >>> entry = LogEntry(LeafKind.ACCESS, NO_SUBJECT, sha256(b"{}").digest(), sha256().digest(), 7)
    >>> LogEntry.parse(entry.preimage()) == entry, len(entry.preimage()), entry.leaf().hex()[:8]
    (True, 106, '3a60971d')
    """

    kind: LeafKind
    subject: bytes
    """32 bytes: the event hash of an event, the SHA-256 of a document, else zeros."""
    public_hash: bytes
    """SHA-256 of the public part."""
    confidential_hash: bytes
    """SHA-256 of the salt and the confidential part; of nothing where there is none."""
    record_time_us: int
    """Microseconds since 1970 UTC; never less than the entry before."""

    def preimage(self) -> bytes:
        """The 106 bytes that are hashed into the tree."""
        return _LAYOUT.pack(
            VERSION,
            self.kind,
            self.subject,
            self.public_hash,
            self.confidential_hash,
            self.record_time_us,
        )

    def leaf(self) -> bytes:
        """The leaf hash of this entry."""
        return leaf_hash(self.preimage())

    @classmethod
    def parse(cls, preimage: bytes) -> LogEntry:
        """The entry from its preimage. Raises ValueError for bytes that no entry has."""
        if len(preimage) != ENTRY_BYTES:
            raise ValueError(f"an entry has {ENTRY_BYTES} bytes, not {len(preimage)}")
        version, kind, subject, public, confidential, time_us = _LAYOUT.unpack(preimage)
        if version != VERSION:
            raise ValueError(f"entry version {version} is not known")
        return cls(LeafKind(kind), subject, public, confidential, time_us)


class Commitment(NamedTuple):
    """A thing to append to the log: hashed already, without index and time."""

    kind: LeafKind
    subject: bytes
    public_hash: bytes
    confidential_hash: bytes
    salt: bytes | None
    public: bytes | None
    """The bytes stored with the entry; None for an event, whose own row has them."""
    confidential: bytes | None
    event: int | None = None
    """`event.seq` of the event it is about."""

    def leaf(self, record_time_us: int) -> bytes:
        """The leaf hash of this thing's entry, recorded at that time."""
        return leaf_hash(
            _LAYOUT.pack(
                VERSION,
                self.kind,
                self.subject,
                self.public_hash,
                self.confidential_hash,
                record_time_us,
            )
        )


def commit(
    kind: LeafKind, public: bytes, confidential: bytes = b"", *, subject: bytes = NO_SUBJECT
) -> Commitment:
    """Commit to the two parts of something; both are stored with the entry.

    `subject` is 32 bytes that identify what it is about.

    >>> commit(LeafKind.SETTING, b'{"name":"tolerance"}').salt is None
    True
    """
    salt = os.urandom(SALT_BYTES) if confidential else None
    return Commitment(
        kind,
        subject,
        sha256(public).digest(),
        sha256((salt or b"") + confidential).digest(),
        salt,
        public,
        confidential or None,
    )
