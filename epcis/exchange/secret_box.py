"""Secrets of channels (private keys, passwords), sealed before they are stored.

The database holds them encrypted with AES-256-GCM; the key lies in the folder of the signing keys
(`exchange.key`), readable by the operator alone. So a copy of the database opens none of them. Two
servers on one database need the same file.
"""

from __future__ import annotations

import os
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from schemas.refusal import Refused

if TYPE_CHECKING:
    from pathlib import Path

KEY_FILE: Final = "exchange.key"
_KEY_BYTES, _NONCE_BYTES = 32, 12
_SCRYPT_COST: Final = 2**15


class SecretSealed(Refused):
    """A secret cannot be opened: it was sealed with another key file or passphrase."""


@dataclass(frozen=True, slots=True)
class SecretBox:
    """Seals and opens secrets; each is bound to its place, so none can stand in for another."""

    key: bytes
    """32 bytes."""

    def __repr__(self) -> str:
        return "SecretBox(…)"

    @classmethod
    def open(cls, folder: Path, passphrase: str = "") -> SecretBox:
        """The box of a folder of keys; its key file is made on first use."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / KEY_FILE
        if not path.exists():
            _make(path)
        seed = path.read_bytes()
        if not passphrase:
            return cls(seed[:_KEY_BYTES])
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

        stretched = Scrypt(salt=seed, length=_KEY_BYTES, n=_SCRYPT_COST, r=8, p=1)
        return cls(stretched.derive(passphrase.encode()))

    def seal(self, secret: bytes, place: str) -> str:
        """A secret as text for the database.

        >>> box = SecretBox(bytes(32))
        >>> box.unseal(box.seal(b"word", "channel a"), "channel a")
        b'word'
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(_NONCE_BYTES)
        return b64encode(nonce + AESGCM(self.key).encrypt(nonce, secret, place.encode())).decode()

    def unseal(self, sealed: str, place: str) -> bytes:
        """The secret again. Raises `SecretSealed`."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        raw = b64decode(sealed)
        try:
            return AESGCM(self.key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], place.encode())
        except InvalidTag:
            raise SecretSealed(
                f"the secret of {place} was sealed with another {KEY_FILE} or passphrase;"
                " put that file back into the folder of keys, or enter the secret again"
            ) from None


def _make(path: Path) -> None:
    """Write a new key file; of two processes at once, both end up with the same one."""
    made = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secrets.token_bytes(_KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(made, path)  # never replaces the file of a process that was quicker
    except FileExistsError:
        pass
    finally:
        made.unlink()
