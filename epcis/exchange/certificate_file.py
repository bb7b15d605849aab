"""A partner's certificate from whatever file it came in: PEM, DER, PKCS#7 or PKCS#12."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from epcis.exchange.channel import ChannelRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cryptography import x509

CERTIFICATE_BYTES_MAX: Final = 100_000
CHAIN_MAX: Final = 20
ROUNDS_MAX: Final = 2_000_000
"""Rounds of key derivation that a password-protected file may ask for."""
_KEY_IN_FILE: Final = (
    "this holds a private key, which never leaves its owner: ask the partner for the certificate"
    " alone, and to replace that key"
)
_NO_CERTIFICATE: Final = (
    "this is no X.509 certificate; ask the partner for a .cer, .crt, .pem, .p7b or .p12 file"
)


def certificate_in(content: bytes, password: str = "") -> x509.Certificate:
    """The certificate in a file; of a chain, the one that issued no other.

    Raises `ChannelRefused`.
    """
    if len(content) > CERTIFICATE_BYTES_MAX:
        raise ChannelRefused("this is too large for a certificate")
    if b"PRIVATE KEY" in content:
        raise ChannelRefused(_KEY_IN_FILE)
    found = _chain_in(content, password)
    if not found:
        raise ChannelRefused(_NO_CERTIFICATE)
    if len(found) > CHAIN_MAX:
        raise ChannelRefused(f"this holds {len(found)} certificates; ask for the partner's alone")
    issuers = {one.issuer for one in found if one.issuer != one.subject}
    ends = [one for one in found if one.subject not in issuers]
    if len(ends) != 1:
        raise ChannelRefused(
            f"this holds {len(ends)} certificates that belong together in no chain: enter one"
        )
    return ends[0]


def _chain_in(content: bytes, password: str) -> list[x509.Certificate]:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import pkcs7

    if b"-----BEGIN CERTIFICATE" in content:
        return _tried(x509.load_pem_x509_certificates, content)
    if b"-----BEGIN PKCS7" in content:
        return _tried(pkcs7.load_pem_pkcs7_certificates, content)
    return (
        _tried(lambda given: [x509.load_der_x509_certificate(given)], content)
        or _tried(pkcs7.load_der_pkcs7_certificates, content)
        or _pkcs12(content, password)
    )


def _tried(
    read: Callable[[bytes], list[x509.Certificate]], content: bytes
) -> list[x509.Certificate]:
    try:
        found = read(content)
        for one in found:
            one.public_key()
    except Exception:  # noqa: BLE001  # the parsers raise errors of many kinds over hostile bytes
        return []
    return found


def _pkcs12(content: bytes, password: str) -> list[x509.Certificate]:
    from asn1crypto import pkcs12
    from cryptography.hazmat.primitives.serialization import pkcs12 as reader

    try:
        outer = pkcs12.Pfx.load(content, strict=True)
        rounds = list(_rounds(outer))
    except ChannelRefused:
        raise
    except Exception:  # noqa: BLE001  # as above
        return []
    if any(not 0 < one <= ROUNDS_MAX for one in rounds):
        raise ChannelRefused("its password protection asks for more work than any program does")
    try:
        opened = reader.load_pkcs12(content, password.encode() if password else None)
    except ValueError:
        raise ChannelRefused(
            "this PKCS#12 file does not open: enter the password that came with it"
        ) from None
    except Exception:  # noqa: BLE001  # as above
        return []
    if opened.key is not None:
        raise ChannelRefused(_KEY_IN_FILE)
    return [one.certificate for one in (opened.cert, *opened.additional_certs) if one is not None]


def _rounds(outer: object) -> Iterable[int]:
    """The rounds of key derivation that a PKCS#12 file asks for, outside of what is encrypted."""
    mac = outer["mac_data"]  # type: ignore[index]  # asn1crypto has no types
    if mac.native is not None:
        yield int(mac["iterations"].native)
    for part in outer.authenticated_safe:  # type: ignore[attr-defined]  # as above
        if part["content_type"].native == "encrypted_data":
            algorithm = part["content"]["encrypted_content_info"]["content_encryption_algorithm"]
            yield int(algorithm.kdf_iterations)
        elif part["content_type"].native == "data" and _has_key(part["content"].native):
            raise ChannelRefused(_KEY_IN_FILE)


def _has_key(content: bytes) -> bool:
    from asn1crypto import pkcs12

    bags = pkcs12.SafeContents.load(content)
    return any(one["bag_id"].native in ("key_bag", "pkcs8_shrouded_key_bag") for one in bags)
