"""The folder of an installation's keys: what is in each file, and how it is written.

root.pem, root.key          the root certificate for verifiers (the trust anchor), and its key
seal-1.pem, seal-1.key      sign dossiers and reports; the highest number is the current one
time-1.pem, time-1.key      sign time stamps where no authority is configured
log.key                     Ed25519, signs the checkpoints of the log
crl.der, keys.json          what was revoked, and where each key is held
"""

from __future__ import annotations

import json
import os
import secrets
from hashlib import sha256
from typing import TYPE_CHECKING, TypedDict, cast

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from compliance.seal.signer import KeyInFile, SealRefused

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_REGISTER = "keys.json"


class RevokedEntry(TypedDict):
    """A certificate on the revocation list."""

    serial: str
    since: str
    """ISO 8601."""
    reason: str
    """A word of RFC 5280."""


class KeyRegister(TypedDict):
    """What `keys.json` says."""

    seal: str
    """Name of the key that seals now."""
    issued: list[str]
    """Names of all keys that have a certificate, oldest first."""
    crl_number: int
    revoked: list[RevokedEntry]


class KeyFolder:
    """Reads and writes the files of one folder; private keys are locked with the passphrase."""

    def __init__(self, path: Path, passphrase: str | None) -> None:
        self.path = path
        self._passphrase = passphrase

    @property
    def is_made(self) -> bool:
        """Whether the keys are there; the register is part of them."""
        return (self.path / _REGISTER).exists()

    @property
    def register(self) -> KeyRegister:
        """Which keys there are, and what was revoked."""
        register = json.loads((self.path / _REGISTER).read_bytes())
        return cast("KeyRegister", register)

    def write_register(self, register: KeyRegister) -> None:
        """Replace the register."""
        _write(self.path / _REGISTER, json.dumps(register, indent=1).encode())

    def certificate_pem(self, name: str) -> bytes:
        """A certificate as it is written."""
        return (self.path / f"{name}.pem").read_bytes()

    def certificate(self, name: str) -> x509.Certificate:
        """The certificate of a key."""
        return x509.load_pem_x509_certificate(self.certificate_pem(name))

    def write_certificate(self, name: str, certificate: x509.Certificate) -> None:
        """Keep the certificate of a key."""
        _write(self.path / f"{name}.pem", certificate.public_bytes(Encoding.PEM))

    def private(self, name: str) -> object:
        """A private key. Raises SealRefused where the passphrase does not open it."""
        pem = (self.path / f"{name}.key").read_bytes()
        secret = self._passphrase.encode() if self._passphrase else None
        try:
            if b"ENCRYPTED" not in pem:
                secret = None
            return load_pem_private_key(pem, secret)
        except (TypeError, ValueError) as fault:
            state = "is wrong" if secret else "is needed"
            raise SealRefused(f"the passphrase of the keys in {self.path} {state}") from fault

    def write_private(self, name: str, key: EllipticCurvePrivateKey | Ed25519PrivateKey) -> None:
        """Keep a private key, locked where there is a passphrase."""
        locked = (
            BestAvailableEncryption(self._passphrase.encode())
            if self._passphrase
            else NoEncryption()
        )
        _write(
            self.path / f"{name}.key", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
        )

    def root_key(self) -> EllipticCurvePrivateKey:
        """The private key of the root."""
        return cast("EllipticCurvePrivateKey", self.private("root"))

    def log_key(self) -> Ed25519PrivateKey:
        """The private key of the log."""
        return cast("Ed25519PrivateKey", self.private("log"))

    def signer(self, name: str) -> KeyInFile:
        """A key with its certificate, ready to sign."""
        key = cast("EllipticCurvePrivateKey", self.private(name))
        return KeyInFile(key, self.certificate(name))

    @property
    def crl(self) -> x509.CertificateRevocationList:
        """The newest list of revoked certificates."""
        return x509.load_der_x509_crl((self.path / "crl.der").read_bytes())

    def write_crl(self, crl: x509.CertificateRevocationList) -> None:
        """Replace the list of revoked certificates."""
        _write(self.path / "crl.der", crl.public_bytes(Encoding.DER))

    def hold(self, origin: str, checkpoint: bytes) -> None:
        """Keep the newest checkpoint of a log beside the keys that signed it."""
        _write(held_file(self.path, origin), checkpoint)


def held_file(folder: Path, origin: str) -> Path:
    """Where the newest checkpoint of a log is kept beside the keys."""
    return folder / f"signed-{sha256(origin.encode()).hexdigest()[:16]}.json"


def _write(path: Path, content: bytes) -> None:
    """Replace a file atomically; a crash leaves the old one or the new one."""
    made = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    made.replace(path)
