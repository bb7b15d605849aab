"""The keys Packtrail seals with: made on first use, rotated, revoked, kept in one folder.

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
import shutil
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from compliance.seal.issuing import (
    Purpose,
    Revocation,
    issue,
    issue_crl,
    issue_root,
    new_key,
)
from compliance.seal.signer import Authority, DigestSigner, KeyInFile, SealRefused
from epcis.http_context import utc_now

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from pyhanko.sign.timestamps import TimeStamper

    from epcis.clock import Clock

ORGANISATION = "Packtrail"
_REGISTER = "keys.json"


class Keys:
    """The keys of one installation; open them with `Keys.open`.

    `clock` is the time of signing: certificates are valid by it.
    """

    def __init__(
        self,
        folder: Path,
        passphrase: str | None,
        *,
        clock: Clock,
        authority: Authority | None = None,
        seal: DigestSigner | None = None,
    ) -> None:
        self.folder = folder
        self.clock = clock
        self.authority = authority
        self._passphrase = passphrase
        self._elsewhere = seal

    @classmethod
    def open(
        cls,
        folder: str | os.PathLike[str],
        passphrase: str | None = None,
        *,
        clock: Clock = utc_now,
        organisation: str = ORGANISATION,
        authority: Authority | None = None,
        seal: DigestSigner | None = None,
    ) -> Keys:
        """The keys in a folder, made at first use; only their owner may read the files.

        `authority` stamps time instead of our own key; `seal` signs instead of the key in the
        folder, from a token or a service. Raises SealRefused for a wrong passphrase or a folder
        that cannot be read.
        """
        keys = cls(Path(folder), passphrase, clock=clock, authority=authority, seal=seal)
        try:
            if not (keys.folder / _REGISTER).exists():
                keys._make(organisation)
            keys._private("root")
        except OSError as fault:
            raise SealRefused(
                f"the keys folder {keys.folder} cannot be used: {fault.strerror}"
            ) from fault
        return keys

    @property
    def root(self) -> x509.Certificate:
        """The root certificate, the trust anchor."""
        return self._certificate("root")

    def root_pem(self) -> bytes:
        """The trust anchor (root certificate, PEM); hand it to verifiers over a trusted channel."""
        return (self.folder / "root.pem").read_bytes()

    def trusted_pem(self) -> bytes:
        """The root certificate and those of the time stamping authority, PEM."""
        theirs = self.authority.roots if self.authority else ()
        return self.root_pem() + b"".join(one.public_bytes(Encoding.PEM) for one in theirs)

    def root_fingerprint(self) -> str:
        """SHA-256 of the root certificate, in pairs, to be compared by eye or telephone."""
        return self.root.fingerprint(SHA256()).hex(":").upper()

    @property
    def seal(self) -> DigestSigner:
        """The key that signs dossiers now.

        Raises SealRefused where its certificate is revoked, expired, not yet valid or not ours.
        """
        signer = self._elsewhere or self._key_in_file(self._register()["seal"])
        self._may_sign(signer.certificate)
        return signer

    @property
    def stamper(self) -> TimeStamper:
        """Who stamps the time: the configured authority, or our own key."""
        from compliance.seal.timestamp import AuthorityTimeStamper, OwnTimeStamper

        if self.authority:
            return AuthorityTimeStamper(self.authority, self.clock)
        return OwnTimeStamper(self._key_in_file("time-1"), self.root, self.clock)

    def hold(self, origin: str, checkpoint: bytes) -> None:
        """Keep the newest checkpoint of a log beside the keys that signed it."""
        _write(held_file(self.folder, origin), checkpoint)

    @property
    def log(self) -> Ed25519PrivateKey:
        """The key that signs checkpoints."""
        return cast("Ed25519PrivateKey", self._private("log"))

    @property
    def crl(self) -> x509.CertificateRevocationList:
        """The newest list of revoked certificates."""
        return x509.load_der_x509_crl((self.folder / "crl.der").read_bytes())

    def certificates(self) -> list[x509.Certificate]:
        """Every certificate ever issued here, the root first: the trust bundle."""
        names = ["root", *self._register()["issued"]]
        return [self._certificate(name) for name in names]

    def rotate(self) -> x509.Certificate:
        """Make a new sealing key; signatures by older ones stay valid."""
        register = self._register()
        name = f"seal-{int(register['seal'].partition('-')[2]) + 1}"
        certificate = self._issue(self.folder, name, Purpose.SEAL)
        register["issued"].append(name)
        register["seal"] = name
        self._write_register(self.folder, register)
        return certificate

    def certify(self, public_key: Any, title: str) -> x509.Certificate:  # noqa: ANN401  # any key object; refused below unless P-256
        """A sealing certificate for a key held elsewhere, on a token or in a service."""
        return issue(
            Purpose.SEAL,
            public_key,
            title,
            root=self.root,
            root_key=self._root_key(),
            now=self.clock(),
        )

    def revoke(self, certificate: x509.Certificate, reason: str = "key_compromise") -> None:
        """Put a certificate on the revocation list; its key signs nothing here any more.

        `reason` is a word of RFC 5280, as `key_compromise` or `superseded`. Raises SealRefused for
        another word.
        """
        if reason not in x509.ReasonFlags.__members__:
            known = ", ".join(x509.ReasonFlags.__members__)
            raise SealRefused(f"'{reason}' is no reason to revoke; there are {known}")
        register = self._register()
        register["crl_number"] += 1
        register["revoked"].append(
            {
                "serial": str(certificate.serial_number),
                "since": self.clock().isoformat(),
                "reason": reason,
            }
        )
        self._write_crl(self.folder, register)
        self._write_register(self.folder, register)

    def _may_sign(self, certificate: x509.Certificate) -> None:
        now = self.clock()
        if certificate.issuer != self.root.subject:
            raise SealRefused("the sealing certificate is not issued by this installation's root")
        certificate.verify_directly_issued_by(self.root)
        if self.crl.get_revoked_certificate_by_serial_number(certificate.serial_number):
            raise SealRefused("the sealing certificate is revoked; make a new key by rotation")
        if now < certificate.not_valid_before_utc:
            raise SealRefused("the sealing certificate is not valid yet; check the clock")
        if now > certificate.not_valid_after_utc:
            raise SealRefused("the sealing certificate has expired; make a new key by rotation")

    def _make(self, organisation: str) -> None:
        """Make all keys beside the folder and move them in at once.

        A crash before the move leaves only an unused folder; two first uses at the same time make
        two sets, of which one is moved in and the other deleted.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        made = self.folder.with_name(f".{self.folder.name}.{secrets.token_hex(4)}")
        made.mkdir(mode=0o700)
        try:
            self._fill(made, organisation)
            made.replace(self.folder)
        except OSError:
            if not (self.folder / _REGISTER).exists():
                raise
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def _fill(self, folder: Path, organisation: str) -> None:
        root_key = new_key()
        root = issue_root(root_key, organisation, self.clock())
        self._write_private(folder / "root.key", root_key)
        _write(folder / "root.pem", root.public_bytes(Encoding.PEM))
        self._write_private(folder / "log.key", Ed25519PrivateKey.generate())
        register: dict[str, Any] = {
            "seal": "seal-1",
            "issued": ["seal-1", "time-1"],
            "crl_number": 1,
            "revoked": [],
        }
        self._issue(folder, "seal-1", Purpose.SEAL)
        self._issue(folder, "time-1", Purpose.TIME)
        self._write_crl(folder, register)
        self._write_register(folder, register)

    def _issue(self, folder: Path, name: str, purpose: Purpose) -> x509.Certificate:
        key = new_key()
        certificate = issue(
            purpose,
            key.public_key(),
            f"Packtrail {name}",
            root=self._certificate("root", folder),
            root_key=self._root_key(folder),
            now=self.clock(),
        )
        self._write_private(folder / f"{name}.key", key)
        _write(folder / f"{name}.pem", certificate.public_bytes(Encoding.PEM))
        return certificate

    def _write_crl(self, folder: Path, register: dict[str, Any]) -> None:
        revoked = [
            Revocation(int(one["serial"]), datetime.fromisoformat(one["since"]), one["reason"])
            for one in register["revoked"]
        ]
        crl = issue_crl(
            revoked,
            register["crl_number"],
            root=self._certificate("root", folder),
            root_key=self._root_key(folder),
            now=self.clock(),
        )
        _write(folder / "crl.der", crl.public_bytes(Encoding.DER))

    def _register(self) -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads((self.folder / _REGISTER).read_bytes()))

    @staticmethod
    def _write_register(folder: Path, register: dict[str, Any]) -> None:
        _write(folder / _REGISTER, json.dumps(register, indent=1).encode())

    def _certificate(self, name: str, folder: Path | None = None) -> x509.Certificate:
        pem = ((folder or self.folder) / f"{name}.pem").read_bytes()
        return x509.load_pem_x509_certificate(pem)

    def _key_in_file(self, name: str) -> KeyInFile:
        key = cast("EllipticCurvePrivateKey", self._private(name))
        return KeyInFile(key, self._certificate(name))

    def _root_key(self, folder: Path | None = None) -> EllipticCurvePrivateKey:
        return cast("EllipticCurvePrivateKey", self._private("root", folder))

    def _private(self, name: str, folder: Path | None = None) -> object:
        pem = ((folder or self.folder) / f"{name}.key").read_bytes()
        secret = self._passphrase.encode() if self._passphrase else None
        try:
            if b"ENCRYPTED" not in pem:
                secret = None
            return load_pem_private_key(pem, secret)
        except (TypeError, ValueError) as fault:
            said = "is wrong" if secret else "is needed"
            raise SealRefused(f"the passphrase of the keys in {self.folder} {said}") from fault

    def _write_private(self, path: Path, key: EllipticCurvePrivateKey | Ed25519PrivateKey) -> None:
        locked = (
            BestAvailableEncryption(self._passphrase.encode())
            if self._passphrase
            else NoEncryption()
        )
        _write(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))


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
