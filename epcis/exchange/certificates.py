"""Certificates of a channel: our own keys, and the partner's certificates that it trusts.

A partner is known by exactly the certificates that were entered for it; who issued them does not
matter, so a self-signed one will do, and one past its end still shows who it is. For a change of
keys two are good at once: what comes is judged by any of them; we sign with our oldest and encrypt
for the partner's newest, so each side may enter the new one before anybody uses it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sqlalchemy import insert, select, update

from epcis.exchange.certificate_file import certificate_in
from epcis.exchange.channel import ChannelRefused
from epcis.exchange.exchange_tables import exchange_certificate

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from epcis.database.transactions import Snapshot
    from epcis.exchange.secret_box import SecretBox
    from epcis.ledger.store import Transaction

CERTIFICATES_MAX: Final = 20
"""Of one channel, ended ones too."""
OWN_VALID_FOR: Final = timedelta(days=3 * 365)
WARN_BEFORE: Final = timedelta(days=30)
"""An end of validity that is nearer than this is shown."""
_RSA_BITS, _RSA_BITS_MIN = 3072, 2048


class CertificateOwner(StrEnum):
    """Whose certificate it is."""

    OURS = "ours"
    PARTNER = "partner"


@dataclass(frozen=True, slots=True)
class ChannelCertificate:
    """A certificate in use by a channel."""

    channel: str
    owner: CertificateOwner
    sha256: str
    pem: str
    valid_from: datetime
    valid_to: datetime
    added: datetime
    sealed_key: str = field(default="", repr=False)

    def warning(self, now: datetime) -> str:
        """What is wrong with its validity; empty where nothing is."""
        if now >= self.valid_to:
            return f"expired on {self.valid_to:%Y-%m-%d}; enter its successor"
        if now >= self.valid_to - WARN_BEFORE:
            return f"expires on {self.valid_to:%Y-%m-%d}; enter its successor before"
        return "" if now >= self.valid_from else f"is valid from {self.valid_from:%Y-%m-%d} on"

    def as_dict(self, now: datetime) -> dict[str, object]:
        """What the API and the command line show; never the key."""
        return {
            "channel": self.channel,
            "owner": self.owner.value,
            "sha256": self.sha256,
            "pem": self.pem,
            "validFrom": self.valid_from.isoformat(),
            "validTo": self.valid_to.isoformat(),
            "warning": self.warning(now),
        }

    def certificate(self) -> x509.Certificate:
        """The certificate itself."""
        from cryptography import x509

        return x509.load_pem_x509_certificate(self.pem.encode())

    def private_key(self, box: SecretBox) -> RSAPrivateKey:
        """The key of a certificate of ours. Raises `SecretSealed`."""
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey as Rsa
        from cryptography.hazmat.primitives.serialization import load_der_private_key

        der = box.unseal(self.sealed_key, _place(self.channel, self.sha256))
        # It was made here and comes out of authenticated encryption: its numbers need no new proof.
        key = load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
        assert isinstance(key, Rsa), "no other kind of key is made"
        return key


def _place(channel: str, sha256: str) -> str:
    return f"key {sha256} of channel {channel}"


def trust_certificate(
    tx: Transaction, channel: str, content: bytes, *, by: str, password: str = ""
) -> ChannelCertificate:
    """Enter a partner's certificate: PEM, DER, PKCS#7 or PKCS#12. Raises `ChannelRefused`."""
    found = certificate_of_partner(content, password)
    return _enter(tx, channel, CertificateOwner.PARTNER, found, "", by)


@dataclass(frozen=True, slots=True)
class NewOwnKey:
    """A key of ours that was made and not yet entered."""

    certificate: x509.Certificate
    key: RSAPrivateKey


def make_own_key(name: str, now: datetime) -> NewOwnKey:
    """Make a key with a self-signed certificate for `name`: slow, so outside of transactions."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + OWN_VALID_FOR)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return NewOwnKey(made, key)


def enter_own_certificate(
    tx: Transaction, channel: str, made: NewOwnKey, box: SecretBox, *, by: str
) -> ChannelCertificate:
    """Enter a key of our own, sealed, with its certificate. Raises `ChannelRefused`."""
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    der = made.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    sealed = box.seal(der, _place(channel, _digest(made.certificate)))
    return _enter(tx, channel, CertificateOwner.OURS, made.certificate, sealed, by)


def certificate_of_partner(content: bytes, password: str = "") -> x509.Certificate:
    """A partner's certificate from its file, if it is one we can use. Raises `ChannelRefused`."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    found = certificate_in(content, password)
    key = found.public_key()
    if not isinstance(key, RSAPublicKey):
        raise ChannelRefused("the certificate's key is not RSA, which AS2 and S/MIME need")
    if key.key_size < _RSA_BITS_MIN:
        raise ChannelRefused(
            f"the certificate's key has {key.key_size} bits; ask for one of {_RSA_BITS_MIN} or more"
        )
    return found


def _digest(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives import hashes

    return certificate.fingerprint(hashes.SHA256()).hex()


def _enter(  # noqa: PLR0917  # internal
    tx: Transaction,
    channel: str,
    owner: CertificateOwner,
    made: x509.Certificate,
    sealed: str,
    by: str,
) -> ChannelCertificate:
    from cryptography.hazmat.primitives.serialization import Encoding

    table, sha256 = exchange_certificate.c, _digest(made)
    known = tx.connection.execute(
        select(table.sha256, table.ended).where(table.channel == channel, table.owner == owner)
    ).all()
    if any(row.sha256 == sha256 for row in known):
        raise ChannelRefused("this certificate is, or was, one of the channel's already")
    if len(known) >= CERTIFICATES_MAX:
        raise ChannelRefused(f"a channel has at most {CERTIFICATES_MAX} certificates")
    row = {
        "channel": channel,
        "owner": owner.value,
        "sha256": sha256,
        "pem": made.public_bytes(Encoding.PEM).decode(),
        "sealed_key": sealed,
        "valid_from": made.not_valid_before_utc.astimezone(UTC),
        "valid_to": made.not_valid_after_utc.astimezone(UTC),
        "added": tx.now,
        "by": by,
        "ended": None,
    }
    tx.connection.execute(insert(exchange_certificate).values(row))
    return next(one for one in certificates_of(tx, channel, owner) if one.sha256 == sha256)


def end_certificate(tx: Transaction, channel: str, sha256: str) -> None:
    """Use a certificate no more; `sha256` may be its beginning. Raises `ChannelRefused`."""
    table = exchange_certificate.c
    found = [
        one
        for one in every_certificate(tx, channel)
        if len(sha256) >= 8 and one.sha256.startswith(sha256.lower())
    ]
    if len(found) != 1:
        raise ChannelRefused(
            f"{len(found)} certificates in use begin with '{sha256[:64]}'; name one by 8 or more"
            " digits of its SHA-256"
        )
    chosen = (table.channel == channel, table.owner == found[0].owner.value)
    tx.connection.execute(
        update(exchange_certificate)
        .where(*chosen, table.sha256 == found[0].sha256)
        .values(ended=tx.now)
    )


def certificates_of(
    snapshot: Snapshot, channel: str, owner: CertificateOwner
) -> list[ChannelCertificate]:
    """A channel's certificates in use, oldest first."""
    table = exchange_certificate.c
    wanted = (
        select(exchange_certificate)
        .where(table.channel == channel, table.owner == owner.value, table.ended.is_(None))
        .order_by(table.added, table.sha256)
    )
    return [
        ChannelCertificate(
            row["channel"],
            CertificateOwner(row["owner"]),
            row["sha256"],
            row["pem"],
            row["valid_from"],
            row["valid_to"],
            row["added"],
            row["sealed_key"],
        )
        for row in snapshot.connection.execute(wanted).mappings()
    ]


def every_certificate(snapshot: Snapshot, channel: str) -> list[ChannelCertificate]:
    """All certificates of a channel in use, ours first."""
    return [one for owner in CertificateOwner for one in certificates_of(snapshot, channel, owner)]
