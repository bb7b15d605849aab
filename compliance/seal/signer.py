"""Where a signing key is held: a file, a token, or a remote service. All sign a SHA-256 digest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


class SealRefused(Exception):  # noqa: N818  # a refusal, shown to a person
    """No seal can be made; the message says why and what to do."""


class DigestSigner(Protocol):
    """A key on the curve P-256 with its certificate, wherever the key is."""

    @property
    def certificate(self) -> Certificate:
        """The certificate of the key."""

    def sign_digest(self, digest: bytes) -> bytes:
        """The ECDSA signature (DER, RFC 3279) of a 32-byte SHA-256 digest.

        Raises SealRefused where the key cannot be used.
        """


class KeyInFile:
    """A private key read from a PKCS#8 file."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: Certificate) -> None:
        self._key = key
        self.certificate = certificate

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign; deterministic by RFC 6979, so no weak random number can leak the key."""
        algorithm = ec.ECDSA(Prehashed(hashes.SHA256()), deterministic_signing=True)
        return self._key.sign(digest, algorithm)


@dataclass(frozen=True, slots=True)
class Authority:
    """A time stamping authority: its address, and the roots that must issue its certificate."""

    url: str
    roots: tuple[Certificate, ...]
