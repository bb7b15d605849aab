"""The keys Packtrail seals with: made on first use, rotated, revoked, kept in one folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from compliance.seal.issuing import Purpose
from compliance.seal.key_folder import KeyFiles, KeysInFolder, held_file, write_key_file
from compliance.seal.key_issuer import KeyIssuer, make_keys
from compliance.seal.signer import Authority, DigestSigner, SealRefused
from epcis.http_context import utc_now

if TYPE_CHECKING:
    import os

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from pyhanko.sign.timestamps import TimeStamper

    from compliance.seal.key_folder import KeyPlace, RevokedEntry
    from epcis.clock import Clock

ORGANISATION = "Packtrail"


class Keys:
    """The keys of one installation; open them with `Keys.open`.

    `clock` is the time of signing: certificates are valid by it.
    """

    def __init__(
        self,
        files: KeyFiles,
        folder: Path,
        *,
        clock: Clock,
        authority: Authority | None = None,
        seal: DigestSigner | None = None,
    ) -> None:
        self.clock = clock
        self.authority = authority
        self.folder = folder
        """Where this machine keeps what it signed last, and the keys unless they are shared."""
        self._files = files
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
        shared: KeyPlace | None = None,
    ) -> Keys:
        """The keys in a folder, made at first use; only their owner may read the files.

        `shared` is another place, where several servers have the same keys; `folder` then keeps
        only the newest checkpoint that this server signed. `authority` stamps time instead of our
        own key; `seal` signs instead of the key in the folder, from a token or a service. Raises
        SealRefused for a wrong passphrase or a folder that cannot be read.
        """
        place = shared or KeysInFolder(Path(folder))
        files = KeyFiles(place, passphrase)
        try:
            if not files.is_made:
                make_keys(place, passphrase, organisation, clock())
            files.root_key()
        except OSError as fault:
            raise SealRefused(
                f"the keys folder {place.where} cannot be used: {fault.strerror}"
            ) from fault
        return cls(files, Path(folder), clock=clock, authority=authority, seal=seal)

    def secret(self, name: str, content: bytes) -> bytes:
        """A secret of the installation beside its keys: `content` where there is none yet."""
        return self._files.place.once(name, content)

    @property
    def root(self) -> x509.Certificate:
        """The root certificate, the trust anchor."""
        return self._files.certificate("root")

    def root_pem(self) -> bytes:
        """The trust anchor (root certificate, PEM); hand it to verifiers over a trusted channel."""
        return self._files.certificate_pem("root")

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
        signer = self._elsewhere or self._files.signer(self._files.register["seal"])
        self._may_sign(signer.certificate)
        return signer

    @property
    def stamper(self) -> TimeStamper:
        """Who stamps the time: the configured authority, or our own key."""
        from compliance.seal.timestamp import AuthorityTimeStamper, OwnTimeStamper

        if self.authority:
            return AuthorityTimeStamper(self.authority, self.clock)
        return OwnTimeStamper(self._files.signer("time-1"), self.root, self.clock)

    def hold(self, origin: str, checkpoint: bytes) -> None:
        """Keep the newest checkpoint of a log outside of its database."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_key_file(held_file(self.folder, origin), checkpoint)

    @property
    def log(self) -> Ed25519PrivateKey:
        """The key that signs checkpoints."""
        return self._files.log_key()

    @property
    def crl(self) -> x509.CertificateRevocationList:
        """The newest list of revoked certificates."""
        return self._files.crl

    def certificates(self) -> list[x509.Certificate]:
        """Every certificate ever issued here, the root first: the trust bundle."""
        names = ["root", *self._files.register["issued"]]
        return [self._files.certificate(name) for name in names]

    def rotate(self) -> x509.Certificate:
        """Make a new sealing key; signatures by older ones stay valid."""
        with self._files.changing() as files:
            register = files.register
            name = f"seal-{int(register['seal'].partition('-')[2]) + 1}"
            certificate = KeyIssuer(files, self.clock()).key(name, Purpose.SEAL)
            register["issued"].append(name)
            register["seal"] = name
            files.write_register(register)
        return certificate

    def certify(self, public_key: EllipticCurvePublicKey, title: str) -> x509.Certificate:
        """A sealing certificate for a key held elsewhere, on a token or in a service."""
        return KeyIssuer(self._files, self.clock()).certificate(Purpose.SEAL, public_key, title)

    def revoke(self, certificate: x509.Certificate, reason: str = "key_compromise") -> None:
        """Put a certificate on the revocation list; its key signs nothing here any more.

        `reason` is a word of RFC 5280, as `key_compromise` or `superseded`. Raises SealRefused for
        another word.
        """
        if reason not in x509.ReasonFlags.__members__:
            known = ", ".join(x509.ReasonFlags.__members__)
            raise SealRefused(f"'{reason}' is no reason to revoke; there are {known}")
        now = self.clock()
        entry: RevokedEntry = {
            "serial": str(certificate.serial_number),
            "since": now.isoformat(),
            "reason": reason,
        }
        with self._files.changing() as files:
            register = files.register
            register["crl_number"] += 1
            register["revoked"].append(entry)
            KeyIssuer(files, now).revocations(register)
            files.write_register(register)

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
