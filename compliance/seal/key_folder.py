"""The files of an installation's keys: what is in each, and how it is read and written.

They lie in one folder, or sealed in the database where several servers share them
(`compliance.seal.sealed_keys`).

root.pem, root.key          the root certificate for verifiers (the trust anchor), and its key
seal-1.pem, seal-1.key      sign dossiers and reports; the highest number is the current one
time-1.pem, time-1.key      sign time stamps where no authority is configured
log.key                     Ed25519, signs the checkpoints of the log
crl.der, keys.json          what was revoked, and where each key is held
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol, TypedDict, cast

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
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

REGISTER = "keys.json"


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


class KeyPlace(Protocol):
    """Where the files of keys lie."""

    @property
    def where(self) -> str:
        """The place in words, for messages."""

    def has(self, name: str) -> bool:
        """Whether there is such a file."""

    def read(self, name: str) -> bytes:
        """A file. Raises FileNotFoundError; SealRefused where it cannot be unsealed."""

    def write(self, name: str, content: bytes) -> None:
        """Replace a file; a crash leaves the old one or the new one."""

    def once(self, name: str, content: bytes) -> bytes:
        """The file of this name, which is `content` unless somebody wrote it before."""

    def make(self, fill: Callable[[KeyPlace], None]) -> None:
        """Make the first files, all or none of them; of two who do so at once the first is kept."""

    def changing(self) -> AbstractContextManager[KeyPlace]:
        """The place for several reads and writes, between which nobody else writes."""


@dataclass(frozen=True, slots=True)
class KeysInFolder:
    """A folder of this machine, whose files only their owner may read."""

    path: Path

    @property
    def where(self) -> str:
        """The folder's path."""
        return str(self.path)

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return (self.path / name).exists()

    def read(self, name: str) -> bytes:
        """A file."""
        return (self.path / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        """Replace a file atomically."""
        write_key_file(self.path / name, content)

    def once(self, name: str, content: bytes) -> bytes:
        """The file of this name; of two processes at once, both end up with the same one."""
        path = self.path / name
        if not path.exists():
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            made = path.with_name(f".{name}.{secrets.token_hex(4)}")
            write_key_file(made, content)
            try:
                os.link(made, path)  # never replaces the file of a process that was quicker
            except FileExistsError:
                pass
            finally:
                made.unlink()
        return path.read_bytes()

    def make(self, fill: Callable[[KeyPlace], None]) -> None:
        """Make all files beside the folder and move them in at once.

        A crash before the move leaves only an unused folder; two first uses at the same time make
        two sets, of which one is moved in and the other deleted.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        made = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        made.mkdir(mode=0o700)
        try:
            fill(KeysInFolder(made))
            made.replace(self.path)
        except OSError:
            if not self.has(REGISTER):
                raise
        finally:
            shutil.rmtree(made, ignore_errors=True)

    @contextmanager
    def changing(self) -> Iterator[KeyPlace]:
        """The folder, locked against other processes of this machine."""
        lock = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self
        finally:
            os.close(lock)


class KeyFiles:
    """Reads and writes the files of one place; private keys are locked with the passphrase."""

    def __init__(self, place: KeyPlace, passphrase: str | None) -> None:
        self.place = place
        self._passphrase = passphrase

    @property
    def is_made(self) -> bool:
        """Whether the keys are there; the register is part of them."""
        return self.place.has(REGISTER)

    @contextmanager
    def changing(self) -> Iterator[KeyFiles]:
        """The files for a change, which no other process makes at the same time."""
        with self.place.changing() as place:
            yield KeyFiles(place, self._passphrase)

    @property
    def register(self) -> KeyRegister:
        """Which keys there are, and what was revoked."""
        register = json.loads(self.place.read(REGISTER))
        return cast("KeyRegister", register)

    def write_register(self, register: KeyRegister) -> None:
        """Replace the register."""
        self.place.write(REGISTER, json.dumps(register, indent=1).encode())

    def certificate_pem(self, name: str) -> bytes:
        """A certificate as it is written."""
        return self.place.read(f"{name}.pem")

    def certificate(self, name: str) -> x509.Certificate:
        """The certificate of a key."""
        return x509.load_pem_x509_certificate(self.certificate_pem(name))

    def write_certificate(self, name: str, certificate: x509.Certificate) -> None:
        """Keep the certificate of a key."""
        self.place.write(f"{name}.pem", certificate.public_bytes(Encoding.PEM))

    def private(self, name: str) -> object:
        """A private key. Raises SealRefused where the passphrase does not open it."""
        pem = self.place.read(f"{name}.key")
        secret = self._passphrase.encode() if self._passphrase else None
        try:
            if b"ENCRYPTED" not in pem:
                secret = None
            return load_pem_private_key(pem, secret)
        except (TypeError, ValueError) as fault:
            state = "is wrong" if secret else "is needed"
            raise SealRefused(
                f"the passphrase of the keys in {self.place.where} {state}"
            ) from fault

    def write_private(self, name: str, key: EllipticCurvePrivateKey | Ed25519PrivateKey) -> None:
        """Keep a private key, locked where there is a passphrase."""
        locked = (
            BestAvailableEncryption(self._passphrase.encode())
            if self._passphrase
            else NoEncryption()
        )
        self.place.write(
            f"{name}.key", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
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
        return x509.load_der_x509_crl(self.place.read("crl.der"))

    def write_crl(self, crl: x509.CertificateRevocationList) -> None:
        """Replace the list of revoked certificates."""
        self.place.write("crl.der", crl.public_bytes(Encoding.DER))


def held_file(folder: Path, origin: str) -> Path:
    """Where the newest checkpoint of a log is kept beside the keys."""
    return folder / f"signed-{sha256(origin.encode()).hexdigest()[:16]}.json"


def write_key_file(path: Path, content: bytes) -> None:
    """Replace a file that its owner alone may read; a crash leaves the old one or the new one."""
    made = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    made.replace(path)
