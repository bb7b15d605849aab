"""Certificates and revocation lists that Packtrail issues for its own seals (RFC 5280)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BACKDATED = timedelta(days=1)
"""Certificates begin a day early, because other machines' clocks may be behind ours."""
ROOT_LASTS = timedelta(days=365 * 25)
SEAL_LASTS = timedelta(days=365 * 3)
TIME_LASTS = timedelta(days=365 * 10)


class Purpose(StrEnum):
    """What a certificate's key is for."""

    SEAL = "seal"
    """Sign dossiers and reports."""
    TIME = "time"
    """Sign time stamps."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """The certificate that must no longer be trusted, and since when."""

    serial: int
    since: datetime
    reason: str
    """A word of RFC 5280: key_compromise, superseded, cessation_of_operation, …"""


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh key on the curve P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def issue_root(
    key: ec.EllipticCurvePrivateKey, organisation: str, now: datetime
) -> x509.Certificate:
    """The self-signed root certificate (the trust anchor); its name differs from other roots'."""
    serial = x509.random_serial_number()
    name = _name(organisation, f"Packtrail root {serial % (1 << 32):08X}")
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + ROOT_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def issue(
    purpose: Purpose,
    public_key: ec.EllipticCurvePublicKey,
    title: str,
    *,
    root: x509.Certificate,
    root_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    """A certificate under the root for one purpose."""
    lasts = SEAL_LASTS if purpose is Purpose.SEAL else TIME_LASTS
    organisation = root.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(str(organisation), title))
        .issuer_name(root.subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(min(now + lasts, root.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(certificates=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()),
            critical=False,
        )
    )
    if purpose is Purpose.TIME:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(root_key, hashes.SHA256())


def issue_crl(
    revoked: list[Revocation],
    number: int,
    *,
    root: x509.Certificate,
    root_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.CertificateRevocationList:
    """The list of revoked certificates.

    Every seal embeds it, and it must still be usable when the seal is checked years later, so it
    is valid as long as the root. For later revocations a verifier fetches the newest list.
    """
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(root.subject)
        .last_update(now - BACKDATED)
        .next_update(root.not_valid_after_utc)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()),
            critical=False,
        )
    )
    for revocation in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(revocation.serial)
            .revocation_date(revocation.since)
            .add_extension(x509.CRLReason(x509.ReasonFlags[revocation.reason]), critical=False)
            .build()
        )
    return builder.sign(root_key, hashes.SHA256())


def _name(organisation: str, title: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, title),
        ]
    )


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=not certificates,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )
