"""Checkpoints: the size and root of the log at one moment, as a signed note.

Format: C2SP tlog-checkpoint, signed-note. Anybody who keeps one can later prove any
change of the entries it covers.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

if TYPE_CHECKING:
    from collections.abc import Iterable

ED25519 = 0x01
"""The signature type byte of C2SP signed-note."""
NOTE_CHARACTERS_MAX = 16 * 1024
SIGNATURES_MAX = 16
_DASH = "\u2014 "


class NoteRefused(ValueError):  # noqa: N818  # a verdict about the note
    """Not a checkpoint, or not signed by a known key; the message says which."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a log: its name, how many entries, and the root over them.

    >>> seen = Checkpoint("packtrail/log/1", 3, bytes(32))
    >>> Checkpoint.parse(str(seen)) == seen
    True
    """

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @property
    def in_a_line(self) -> str:
        """The checkpoint on one line: the value of the header `Packtrail-Checkpoint`.

        >>> Checkpoint("packtrail/log/1", 3, bytes(3)).in_a_line
        'packtrail/log/1 3 AAAA'
        """
        return str(self).replace("\n", " ").rstrip()

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """The checkpoint in a note's text; further lines are allowed and ignored.

        Raises NoteRefused.
        """
        lines = text.split("\n")
        if len(lines) < 4 or not lines[0]:
            raise NoteRefused("a checkpoint has three lines: the log's name, its size, its root")
        if not (lines[1].isascii() and lines[1].isdigit()) or lines[1] != str(int(lines[1][:20])):
            raise NoteRefused("the second line of a checkpoint is the number of entries")
        try:
            root = base64.b64decode(lines[2], validate=True)
        except (binascii.Error, ValueError):
            root = b""
        if len(root) != 32:
            raise NoteRefused("the third line of a checkpoint is the root, 32 bytes in base64")
        return cls(lines[0], int(lines[1]), root)


@dataclass(frozen=True, slots=True)
class LogKey:
    """A public key that signs checkpoints, and the name it signs under.

    `str` gives the key as C2SP writes it: name, key id, and type byte with key in base64.
    """

    name: str
    kind: int
    """The signature type byte; only `ED25519` can be verified here."""
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """Four bytes that name the key on a signature line."""
        hashed = self.name.encode() + b"\n" + bytes([self.kind]) + self.public_key
        return sha256(hashed).digest()[:4]

    def __str__(self) -> str:
        key = base64.b64encode(bytes([self.kind]) + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"

    @classmethod
    def parse(cls, text: str) -> LogKey:
        """The key from the text that `str` gives. Raises NoteRefused."""
        try:
            name, key_id, encoded = text.strip().split("+", 2)
            raw = base64.b64decode(encoded, validate=True)
            key = cls(name, raw[0], raw[1:])
        except (ValueError, IndexError, binascii.Error) as fault:
            raise NoteRefused("a log key is written name+id+base64") from fault
        if key.key_id.hex() != key_id:
            raise NoteRefused("the id of the log key does not belong to the key")
        return key

    def line(self, signature: bytes) -> str:
        """The note's line with a signature by this key, without its line end."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + signature).decode()}"

    def verifies(self, text: str, signature: bytes) -> bool:
        """Whether this key made the signature over a note's text."""
        if self.kind != ED25519:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Note:
    """A text and its signatures, not yet verified."""

    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]
    """(name, key id, signature)."""

    def __str__(self) -> str:
        lines = (
            f"{_DASH}{name} {base64.b64encode(key_id + signature).decode()}\n"
            for name, key_id, signature in self.signatures
        )
        return self.text + "\n" + "".join(lines)

    @classmethod
    def parse(cls, note: str) -> Note:
        """Split a signed note into text and signatures. Raises NoteRefused."""
        if len(note) > NOTE_CHARACTERS_MAX:
            raise NoteRefused(f"a note has at most {NOTE_CHARACTERS_MAX} characters")
        text, separator, tail = note.rpartition("\n\n")
        if not separator or not tail.endswith("\n"):
            raise NoteRefused("a signed note is a text, an empty line, and signature lines")
        lines = tail[:-1].split("\n")
        if len(lines) > SIGNATURES_MAX:
            raise NoteRefused(f"a note has at most {SIGNATURES_MAX} signatures")
        return cls(text + "\n", tuple(_signature(line) for line in lines))

    def checkpoint(self, keys: Iterable[LogKey]) -> Checkpoint:
        """The checkpoint of the note, if one of the keys signed it.

        Raises NoteRefused where none did, or where a signature under a known key is wrong.
        """
        known = {(key.name, key.key_id): key for key in keys}
        trusted = False
        for name, key_id, signature in self.signatures:
            key = known.get((name, key_id))
            if key is None:
                continue
            if not key.verifies(self.text, signature):
                raise NoteRefused(f"the signature of {name} under the checkpoint is wrong")
            trusted = True
        if not trusted:
            raise NoteRefused("no key of this log signed the checkpoint")
        return Checkpoint.parse(self.text)


def _signature(line: str) -> tuple[str, bytes, bytes]:
    dash, name, encoded = (*line.split(" "), "", "")[:3]
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if dash + " " != _DASH or not name or len(raw) <= 4 or line.count(" ") != 2:
        raise NoteRefused("a signature line is a long dash, a name, and base64")
    return name, raw[:4], raw[4:]
