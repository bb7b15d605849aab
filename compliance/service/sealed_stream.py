"""Bytes locked with a passphrase as they flow: written once, read once, in constant memory.

After 27 bytes that name the format come 16 bytes of salt, 7 of a nonce and 32 that tell whether a
passphrase is the right one; then pieces of 1 MiB, each with AES-256-GCM, the last one marked. So a
piece that is changed, missing, doubled, moved or cut off does not open. The key is scrypt's
(N 2^17, r 8, p 1: 128 MiB, half a second).
"""

from __future__ import annotations

import hmac
import io
import secrets
from hashlib import scrypt, sha256
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas.refusal import Refused

if TYPE_CHECKING:
    from typing import BinaryIO

    from _typeshed import WriteableBuffer

MAGIC = b"packtrail backup, sealed 1\n"
"""What a locked stream begins with."""
PIECE_BYTES = 1 << 20
_SALT_BYTES, _NONCE_BYTES, _TELL_BYTES, _TAG_BYTES = 16, 7, 32, 16
_SCRYPT = {"n": 1 << 17, "r": 8, "p": 1, "maxmem": 256 << 20, "dklen": 64}


class SealedStreamRefused(Refused):
    """A locked stream cannot be opened; the text says why."""


class _Pieces:
    """The cipher of a stream's pieces, each with a nonce of its own."""

    def __init__(self, passphrase: str, salt: bytes, nonce: bytes) -> None:
        both = scrypt(passphrase.encode(), salt=salt, **_SCRYPT)
        self._cipher, self._nonce = AESGCM(both[:32]), nonce
        self._count = 0
        self.tell = sha256(both[32:]).digest()
        """Shows whether the passphrase is right, and nothing of it."""

    def _next(self, *, last: bool) -> bytes:
        number = self._count.to_bytes(4, "big")
        self._count += 1
        return self._nonce + number + bytes([last])

    def lock(self, piece: bytes, *, last: bool) -> bytes:
        return self._cipher.encrypt(self._next(last=last), piece, MAGIC)

    def unlock(self, piece: bytes, *, last: bool) -> bytes:
        try:
            return self._cipher.decrypt(self._next(last=last), piece, MAGIC)
        except InvalidTag:
            raise SealedStreamRefused(
                f"piece {self._count} of the locked file was changed, or the file is cut off"
            ) from None


class SealedWriter(io.RawIOBase):
    """Locks what is written and passes it on to `target`; `close` marks the end."""

    def __init__(self, target: BinaryIO, passphrase: str) -> None:
        salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
        self._target, self._held = target, bytearray()
        self._pieces = _Pieces(passphrase, salt, nonce)
        target.write(MAGIC + salt + nonce + self._pieces.tell)

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]  # bytes only
        """Take all of `data`."""
        self._held += data
        while len(self._held) > PIECE_BYTES:
            piece = bytes(self._held[:PIECE_BYTES])
            del self._held[:PIECE_BYTES]
            self._target.write(self._pieces.lock(piece, last=False))
        return len(data)

    def close(self) -> None:
        """Write the last piece; the target stays open."""
        if not self.closed:
            self._target.write(self._pieces.lock(bytes(self._held), last=True))
        super().close()


class SealedReader(io.RawIOBase):
    """Gives the bytes of a locked stream whose `MAGIC` was read already.

    Raises SealedStreamRefused for a wrong passphrase, and as soon as it meets a changed piece or
    an early end; what it gave before that was as written.
    """

    def __init__(self, source: BinaryIO, passphrase: str) -> None:
        head = source.read(_SALT_BYTES + _NONCE_BYTES + _TELL_BYTES)
        if len(head) < _SALT_BYTES + _NONCE_BYTES + _TELL_BYTES:
            raise SealedStreamRefused("the locked file is cut off at its beginning")
        salt, rest = head[:_SALT_BYTES], head[_SALT_BYTES:]
        self._pieces = _Pieces(passphrase, salt, rest[:_NONCE_BYTES])
        if not hmac.compare_digest(self._pieces.tell, rest[_NONCE_BYTES:]):
            raise SealedStreamRefused("the passphrase is not the one the file was locked with")
        self._source, self._open, self._ended = source, b"", False
        self._ahead = source.read(PIECE_BYTES + _TAG_BYTES)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill `buffer` as far as the piece at hand goes; 0 at the end."""
        while not self._open and not self._ended:
            self._open = self._next_piece()
        room = memoryview(buffer).cast("B")
        given = self._open[: len(room)]
        room[: len(given)] = given
        self._open = self._open[len(given) :]
        return len(given)

    def _next_piece(self) -> bytes:
        piece, self._ahead = self._ahead, self._source.read(PIECE_BYTES + _TAG_BYTES)
        self._ended = not self._ahead
        return self._pieces.unlock(piece, last=self._ended)
