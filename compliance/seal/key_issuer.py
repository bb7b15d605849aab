"""Issues the keys of an installation: the first set, further sealing keys, the revocation list."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from compliance.seal.issuing import Purpose, Revocation, issue, issue_crl, issue_root, new_key
from compliance.seal.key_folder import KeyFolder

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    from compliance.seal.key_folder import KeyRegister


def make_keys(folder: KeyFolder, passphrase: str | None, organisation: str, now: datetime) -> None:
    """Make all keys beside the folder and move them in at once.

    A crash before the move leaves only an unused folder; two first uses at the same time make
    two sets, of which one is moved in and the other deleted.
    """
    path = folder.path
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    made.mkdir(mode=0o700)
    try:
        _fill(KeyFolder(made, passphrase), organisation, now)
        made.replace(path)
    except OSError:
        if not folder.is_made:
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _fill(folder: KeyFolder, organisation: str, now: datetime) -> None:
    root_key = new_key()
    folder.write_private("root", root_key)
    folder.write_certificate("root", issue_root(root_key, organisation, now))
    folder.write_private("log", Ed25519PrivateKey.generate())
    issuer = KeyIssuer(folder, now)
    issuer.key("seal-1", Purpose.SEAL)
    issuer.key("time-1", Purpose.TIME)
    register: KeyRegister = {
        "seal": "seal-1",
        "issued": ["seal-1", "time-1"],
        "crl_number": 1,
        "revoked": [],
    }
    issuer.revocations(register)
    folder.write_register(register)


@dataclass(frozen=True, slots=True)
class KeyIssuer:
    """Signs certificates and the revocation list with the root key of a folder, at one time."""

    folder: KeyFolder
    now: datetime

    def certificate(
        self, purpose: Purpose, public_key: EllipticCurvePublicKey, title: str
    ) -> x509.Certificate:
        """A certificate under the root for a key, which may be held elsewhere."""
        root, root_key = self.folder.certificate("root"), self.folder.root_key()
        return issue(purpose, public_key, title, root=root, root_key=root_key, now=self.now)

    def key(self, name: str, purpose: Purpose) -> x509.Certificate:
        """Make a key with its certificate in the folder."""
        key = new_key()
        certificate = self.certificate(purpose, key.public_key(), f"Packtrail {name}")
        self.folder.write_private(name, key)
        self.folder.write_certificate(name, certificate)
        return certificate

    def revocations(self, register: KeyRegister) -> None:
        """Write the list of the certificates that a register says are revoked."""
        revoked = [
            Revocation(int(one["serial"]), datetime.fromisoformat(one["since"]), one["reason"])
            for one in register["revoked"]
        ]
        root, root_key = self.folder.certificate("root"), self.folder.root_key()
        number = register["crl_number"]
        self.folder.write_crl(
            issue_crl(revoked, number, root=root, root_key=root_key, now=self.now)
        )
