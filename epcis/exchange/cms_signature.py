"""CMS signatures beside their content (RFC 5652 section 5), as S/MIME and AS2 use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from epcis.exchange.ber import (
    CONTEXT_0,
    INTEGER,
    NULL,
    OCTETS,
    SEQUENCE,
    SET,
    der,
    der_oid,
)
from epcis.exchange.cms_content import DATA_OID, SIGNED_OID, CmsRefused, hash_of, issuer_and_serial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from cryptography import x509

    from epcis.exchange.cms_content import OwnKey

DIGESTS: Final = {
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
"""Digest algorithms by name, with their object identifiers; SHA-1 only where a channel allows."""
SIGNATURE_BYTES_MAX: Final = 512 * 1024
_RSA_OID, _PSS_OID = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10"
_CONTENT_TYPE, _DIGEST, _TIME = (f"1.2.840.113549.1.9.{number}" for number in (3, 4, 5))
_UTC_TIME: Final = 0x17


class SignatureRefused(CmsRefused):
    """The signature is none of the partner's."""


class ContentAltered(CmsRefused):
    """The signature is the partner's, over other bytes."""


def digest_name(text: str) -> str:
    """The name of a digest algorithm as it is used here, from any of its spellings.

    >>> digest_name("SHA-256"), digest_name("rsa-sha1"), digest_name("md5")
    ('sha256', 'sha1', '')
    """
    name = text.strip().strip('"').lower().removeprefix("rsa-").replace("-", "").replace("_", "")
    return name if name in DIGESTS else ""


def sign_digest(digest: bytes, algorithm: str, own: OwnKey, at: datetime) -> bytes:
    """SignedData over content with this digest; `algorithm` is a name in `DIGESTS`."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.serialization import Encoding

    when = der(_UTC_TIME, at.strftime("%y%m%d%H%M%SZ").encode())
    attributes = sorted(
        der(SEQUENCE, der_oid(oid), der(SET, value))
        for oid, value in (
            (_CONTENT_TYPE, der_oid(DATA_OID)),
            (_DIGEST, der(OCTETS, digest)),
            (_TIME, when),
        )
    )
    signature = own.key.sign(der(SET, *attributes), PKCS1v15(), hash_of(algorithm))
    digesting = der(SEQUENCE, der_oid(DIGESTS[algorithm]), der(NULL))
    signer = der(
        SEQUENCE,
        der(INTEGER, b"\1"),
        issuer_and_serial(own.certificate),
        digesting,
        der(CONTEXT_0, *attributes),
        der(SEQUENCE, der_oid(_RSA_OID), der(NULL)),
        der(OCTETS, signature),
    )
    signed = der(
        SEQUENCE,
        der(INTEGER, b"\1"),
        der(SET, digesting),
        der(SEQUENCE, der_oid(DATA_OID)),
        der(CONTEXT_0, own.certificate.public_bytes(Encoding.DER)),
        der(SET, signer),
    )
    return der(SEQUENCE, der_oid(SIGNED_OID), der(CONTEXT_0, signed))


@dataclass(frozen=True, slots=True)
class ReadSignature:
    """A signature that was read and not yet checked."""

    algorithm: str
    """Name in `DIGESTS`."""
    attributes: bytes
    """The signed attributes, as they were signed; empty where the content itself was."""
    digest: bytes
    """Of the content, as the attributes name it."""
    value: bytes
    is_pss: bool
    """RSA-PSS, else PKCS #1 v1.5; some senders leave out how long its salt is, so any will do."""
    signer: str
    """The certificate that came along, for a person."""


def check_signature(
    read: ReadSignature,
    digests_of: Callable[[str], Iterable[bytes]],
    trusted: Sequence[x509.Certificate],
) -> int:
    """Which of the digests the signature is over, by its place in what `digests_of` gives.

    Raises `SignatureRefused` where no trusted certificate made it, `ContentAltered` where one did,
    over something else.
    """
    digests = enumerate(digests_of(read.algorithm))
    if read.attributes:
        if not any(_is_by(read, read.attributes, one) for one in trusted):
            raise SignatureRefused(_unknown(read, trusted))
        for at, digest in digests:
            if digest == read.digest:
                return at
        raise ContentAltered(
            "the signature is the partner's, but the bytes are not those that were signed: they"
            " were altered on the way, or written anew after signing"
        )
    for at, digest in digests:
        if any(_is_by(read, digest, one, is_digest=True) for one in trusted):
            return at
    raise SignatureRefused(_unknown(read, trusted))


def _unknown(read: ReadSignature, trusted: Sequence[x509.Certificate]) -> str:
    if not trusted:
        return (
            "no certificate of the partner is entered for this channel: enter the one it signs by"
        )
    return (
        f"it is not signed by a certificate that is entered for the partner, but by {read.signer};"
        " if the partner has a new certificate, ask for it over a channel you trust and enter it"
    )


def _is_by(
    read: ReadSignature, signed: bytes, certificate: x509.Certificate, *, is_digest: bool = False
) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

    key, chosen = certificate.public_key(), hash_of(read.algorithm)
    if not isinstance(key, RSAPublicKey):
        return False
    filling = (
        padding.PSS(padding.MGF1(chosen), padding.PSS.AUTO) if read.is_pss else padding.PKCS1v15()
    )
    try:
        key.verify(read.value, signed, filling, Prehashed(chosen) if is_digest else chosen)
    except (InvalidSignature, ValueError):
        return False
    return True


def read_signature(content: bytes, *, sha1_allowed: bool = False) -> ReadSignature:
    """Read SignedData of one signer. Raises `SignatureRefused`."""
    try:
        return _read(content, sha1_allowed=sha1_allowed)
    except SignatureRefused:
        raise
    except Exception:  # noqa: BLE001  # the parser raises errors of many kinds over hostile bytes
        raise SignatureRefused("the signature cannot be read: it is no CMS structure") from None


def _read(content: bytes, *, sha1_allowed: bool) -> ReadSignature:
    from asn1crypto.cms import ContentInfo

    if len(content) > SIGNATURE_BYTES_MAX:
        raise SignatureRefused("the signature is too large")
    whole = ContentInfo.load(content)
    if whole["content_type"].dotted != SIGNED_OID:
        raise SignatureRefused("what should be the signature is no SignedData")
    signed = whole["content"]
    if len(signed["signer_infos"]) != 1:
        raise SignatureRefused(f"it has {len(signed['signer_infos'])} signers, not one")
    signer = signed["signer_infos"][0]
    algorithm = digest_name(str(signer["digest_algorithm"]["algorithm"].native))
    if not algorithm or (algorithm == "sha1" and not sha1_allowed):
        raise SignatureRefused(
            f"it is signed with {signer['digest_algorithm']['algorithm'].native}, which is weak:"
            " ask the partner for SHA-256" + ("" if algorithm != "sha1" else
            ", or set sha1=yes for this channel while it cannot")
        )  # fmt: skip
    attributes, digest = b"", b""
    if signer["signed_attrs"]:
        attributes = signer["signed_attrs"].untag().dump(force=True)
        named = {one["type"].dotted: one["values"] for one in signer["signed_attrs"]}
        digest = named[_DIGEST][0].native
    is_pss = signer["signature_algorithm"]["algorithm"].dotted == _PSS_OID
    return ReadSignature(
        algorithm, attributes, digest, signer["signature"].native, is_pss, _came_along(signed)
    )


def _came_along(signed: object) -> str:
    """The first certificate beside a signature, in words for a person."""
    certificates = signed["certificates"]  # type: ignore[index]  # asn1crypto has no types
    for one in certificates or ():
        if one.name == "certificate":
            subject = one.chosen.subject.human_friendly[:120]
            return f"'{subject}' (SHA-256 {one.chosen.sha256.hex()[:16]}…)"
    return "one that did not come along"
