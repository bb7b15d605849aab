"""Secrets of channels (private keys, passwords), sealed before they are stored.

The database holds them encrypted with AES-256-GCM; the key lies beside the signing keys
(`exchange.key`), readable by the operator alone. So a copy of the database opens none of them.
"""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Final

from schemas.refusal import Refused

KEY_FILE: Final = "exchange.key"
KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
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
    def of(cls, seed: bytes, passphrase: str = "") -> SecretBox:
        """The box of a key file with these bytes, which the passphrase, where there is one, locks.

        >>> SecretBox.of(bytes(32)).key == bytes(32)
        True
        """
        if not passphrase:
            return cls(seed[:KEY_BYTES])
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

        stretched = Scrypt(salt=seed, length=KEY_BYTES, n=_SCRYPT_COST, r=8, p=1)
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
