"""Issues the keys of an installation: the first set, further sealing keys, the revocation list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from compliance.seal.issuing import Purpose, Revocation, issue, issue_crl, issue_root, new_key
from compliance.seal.key_folder import KeyFiles

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    from compliance.seal.key_folder import KeyPlace, KeyRegister


def make_keys(place: KeyPlace, passphrase: str | None, organisation: str, now: datetime) -> None:
    """Make all keys in a place that has none, whole or not at all."""
    place.make(lambda made: _fill(KeyFiles(made, passphrase), organisation, now))


def _fill(files: KeyFiles, organisation: str, now: datetime) -> None:
    root_key = new_key()
    files.write_private("root", root_key)
    files.write_certificate("root", issue_root(root_key, organisation, now))
    files.write_private("log", Ed25519PrivateKey.generate())
    issuer = KeyIssuer(files, now)
    issuer.key("seal-1", Purpose.SEAL)
    issuer.key("time-1", Purpose.TIME)
    register: KeyRegister = {
        "seal": "seal-1",
        "issued": ["seal-1", "time-1"],
        "crl_number": 1,
        "revoked": [],
    }
    issuer.revocations(register)
    files.write_register(register)


@dataclass(frozen=True, slots=True)
class KeyIssuer:
    """Signs certificates and the revocation list with the root key of one place, at one time."""

    files: KeyFiles
    now: datetime

    def certificate(
        self, purpose: Purpose, public_key: EllipticCurvePublicKey, title: str
    ) -> x509.Certificate:
        """A certificate under the root for a key, which may be held elsewhere."""
        root, root_key = self.files.certificate("root"), self.files.root_key()
        return issue(purpose, public_key, title, root=root, root_key=root_key, now=self.now)

    def key(self, name: str, purpose: Purpose) -> x509.Certificate:
        """Make a key with its certificate."""
        key = new_key()
        certificate = self.certificate(purpose, key.public_key(), f"Packtrail {name}")
        self.files.write_private(name, key)
        self.files.write_certificate(name, certificate)
        return certificate

    def revocations(self, register: KeyRegister) -> None:
        """Write the list of the certificates that a register says are revoked."""
        revoked = [
            Revocation(int(one["serial"]), datetime.fromisoformat(one["since"]), one["reason"])
            for one in register["revoked"]
        ]
        root, root_key = self.files.certificate("root"), self.files.root_key()
        number = register["crl_number"]
        self.files.write_crl(issue_crl(revoked, number, root=root, root_key=root_key, now=self.now))
