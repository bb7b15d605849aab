"""`log/index.bin`: for every entry in a dossier, its place in the log and how it is shown.

    header   8 bytes "PKTRLOG1", number of records                  (big-endian 64 bit)
    record   index 8, shown 1, kind 1, time 8, cut 4, subject 32, public hash 32,
             confidential hash 32, salt 16                           (134 bytes)

Fields that a reader can compute from the entry's line are left zero.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

MAGIC = b"PKTRLOG1"
HEADER = Struct(">8sQ")
RECORD = Struct(">QBBQI32s32s32s16s")
NOTHING = bytes(32)
NO_SALT = bytes(16)


class Shown(IntEnum):
    """How much of an entry a dossier shows."""

    NOTHING = 0
    """Only the leaf hash, in the field of the subject: an entry exists here."""
    EVENT = 1
    """All of an event: the next line of events.ndjson."""
    EVENT_PUBLIC = 2
    """The public part of an event: the next line of events.ndjson."""
    ENTRY = 3
    """What the entry commits to, without any content."""
    RECORD = 4
    """All of another entry: the next line of records.ndjson."""
    RECORD_PUBLIC = 5
    """The public part of another entry: the next line of records.ndjson."""
