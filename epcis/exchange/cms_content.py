"""CMS content (RFC 5652, RFC 5083, RFC 3274): encrypted and compressed, read and made as streams.

A large message never stands in memory: what is read comes in pieces, and what is made has its
length before its first byte, so it is DER, which every partner reads.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from epcis.exchange.ber import (
    CONTEXT_0,
    CONTEXT_1,
    INTEGER,
    NULL,
    OCTETS,
    OID,
    SEQUENCE,
    SET,
    BerReader,
    BerRefused,
    der,
    der_head,
    der_oid,
)
from schemas.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.padding import OAEP
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.ciphers import CipherContext
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

    from epcis.exchange.ber import BerElement
    from epcis.exchange.spool import Region

DATA_OID: Final = "1.2.840.113549.1.7.1"
SIGNED_OID: Final = "1.2.840.113549.1.7.2"
ENVELOPED_OID: Final = "1.2.840.113549.1.7.3"
COMPRESSED_OID: Final = "1.2.840.113549.1.9.16.1.9"
AUTH_ENVELOPED_OID: Final = "1.2.840.113549.1.9.16.1.23"
_RSA_OID, _OAEP_OID = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.7"
_ZLIB_OID: Final = "1.2.840.113549.1.9.16.3.8"
TRIPLE_DES_OID: Final = "1.2.840.113549.3.7"
_AES: Final = "2.16.840.1.101.3.4.1."
CIPHERS: Final = {
    "aes128-cbc": (f"{_AES}2", 16),
    "aes192-cbc": (f"{_AES}22", 24),
    "aes256-cbc": (f"{_AES}42", 32),
    "aes128-gcm": (f"{_AES}6", 16),
    "aes192-gcm": (f"{_AES}26", 24),
    "aes256-gcm": (f"{_AES}46", 32),
}
"""By name: object identifier (RFC 3565, RFC 5084) and length of the key in bytes."""
_GCM_TAG_BYTES, _GCM_TAG_BYTES_MIN, _GCM_NONCE_BYTES = 16, 12, 12
_AES_BLOCK_BYTES: Final = 16
_PIECE_BYTES: Final = 256 * 1024
_NOT_OPENED: Final = (
    "it cannot be decrypted with our key: the partner used another certificate of ours, or its"
    " bytes were altered on the way"
)


class CmsRefused(Refused):
    """A CMS structure cannot be opened; the text says why and what to do."""


class DecryptionRefused(CmsRefused):
    """It cannot be decrypted."""


class DecompressionRefused(CmsRefused):
    """It cannot be decompressed."""


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A certificate of ours with its key."""

    certificate: x509.Certificate
    key: RSAPrivateKey


@dataclass(frozen=True, slots=True)
class CmsStructure:
    """A structure whose kind is known and whose content is not yet read."""

    kind: str
    """Object identifier of the kind."""
    reader: BerReader
    inner: BerElement

    def parts(self) -> list[BerElement]:
        """The elements inside."""
        return list(self.reader.children(self.inner))


def find_structure(region: Region) -> CmsStructure:
    """Which kind of CMS structure some bytes are (RFC 5652 section 3). Raises `CmsRefused`."""
    reader = BerReader(region)
    try:
        kids = list(reader.children(_of_tag(reader.element(0), SEQUENCE)))
        kind = _oid(reader, kids[0])
        inner = _only(reader, _of_tag(kids[-1], CONTEXT_0))
    except BerRefused as refused:
        raise CmsRefused(str(refused)) from None
    except IndexError:
        raise CmsRefused("it is no CMS structure") from None
    return CmsStructure(kind, reader, _of_tag(inner, SEQUENCE))


def _of_tag(element: BerElement, tag: int) -> BerElement:
    if element.tag != tag:
        raise CmsRefused(f"byte {element.at} should be of type {tag:#x}, not {element.tag:#x}")
    return element


def _only(reader: BerReader, parent: BerElement) -> BerElement:
    kids = list(reader.children(parent))
    if len(kids) != 1:
        raise CmsRefused(f"byte {parent.at} should hold one element, not {len(kids)}")
    return kids[0]


def _oid(reader: BerReader, element: BerElement) -> str:
    from asn1crypto.core import ObjectIdentifier

    raw = reader.raw(_of_tag(element, OID))
    try:
        return str(ObjectIdentifier.load(raw).dotted)
    except (ValueError, IndexError):
        raise CmsRefused(f"byte {element.at} is no object identifier") from None


# --- read: encrypted ------------------------------------------------------------------------------


def decrypted(
    structure: CmsStructure, keys: Sequence[OwnKey], *, triple_des: bool = False
) -> Iterator[bytes]:
    """The content of EnvelopedData or AuthEnvelopedData, in pieces.

    It is the sender's only once the last piece has come: a wrong tag or padding is found at the
    end. Raises `DecryptionRefused`.
    """
    try:
        yield from _decrypted(structure, keys, triple_des=triple_des)
    except (BerRefused, ValueError, TypeError, KeyError, IndexError) as fault:
        known = isinstance(fault, BerRefused)
        raise DecryptionRefused(str(fault) if known else _NOT_OPENED) from None


def _decrypted(
    structure: CmsStructure, keys: Sequence[OwnKey], *, triple_des: bool
) -> Iterator[bytes]:
    reader = structure.reader
    parts = [one for one in structure.parts() if one.tag != CONTEXT_0]  # but for originatorInfo
    if len(parts) < 3:
        raise BerRefused("the encrypted structure lacks a part")
    recipients, content = _of_tag(parts[1], SET), _of_tag(parts[2], SEQUENCE)
    pieces = list(reader.children(content))
    if len(pieces) != 3 or pieces[2].tag not in (0x80, CONTEXT_0):
        raise BerRefused("the encrypted content is missing")
    cipher, size, parameters = _cipher(reader.raw(pieces[1]), triple_des=triple_des)
    key = _content_key(reader.raw(recipients), keys)
    if len(key) != size:
        raise DecryptionRefused(_NOT_OPENED)
    if "gcm" in cipher:
        if structure.kind != AUTH_ENVELOPED_OID or len(parts) < 4:
            raise BerRefused("AES-GCM stands without its authentication tag")
        made = _gcm_decryptor(reader, parts[3:], key, parameters)
        yield from _through(made, reader.octets(pieces[2]))
        return
    yield from _cbc_decrypted(cipher, key, parameters, reader.octets(pieces[2]))


def _cipher(raw: bytes, *, triple_des: bool) -> tuple[str, int, bytes]:
    """Name, length of key and DER parameters of a content encryption algorithm."""
    from asn1crypto.algos import EncryptionAlgorithm

    read = EncryptionAlgorithm.load(raw)
    dotted = read["algorithm"].dotted
    parameters: bytes = read["parameters"].dump()
    if dotted == TRIPLE_DES_OID:
        if triple_des:
            return "3des-cbc", 24, parameters
        raise DecryptionRefused(
            "it is encrypted with 3DES, which is weak: ask the partner for AES, or set"
            " triple_des=yes for this channel while it cannot"
        )
    for name, (oid, size) in CIPHERS.items():
        if oid == dotted:
            return name, size, parameters
    raise DecryptionRefused(
        f"it is encrypted with the algorithm {dotted}, which we do not read: ask the partner for"
        " AES-256 in CBC mode"
    )


def _content_key(raw: bytes, keys: Sequence[OwnKey]) -> bytes:
    """The content key, from the entry that is meant for one of our certificates."""
    from asn1crypto.cms import RecipientInfos

    named = []
    for one in RecipientInfos.load(raw):
        if one.name != "ktri":
            continue
        info = one.chosen
        for own in keys:
            if _is_named(info["rid"], own.certificate):
                return _unwrapped(info, own.key)
        named.append(_name_of(info["rid"]))
    whom = ", ".join(named[:3]) or "nobody"
    raise DecryptionRefused(
        f"it is encrypted for {whom}, and that is no certificate of ours in use: send the partner"
        " our certificate of this channel, or enter the key that it still uses"
    )


def _name_of(rid: object) -> str:
    return f"serial number {rid.chosen['serial_number'].native}"[:120] if (  # type: ignore[attr-defined]  # asn1crypto has no types
        rid.name == "issuer_and_serial_number"  # type: ignore[attr-defined]  # asn1crypto has no types
    ) else "another key"  # fmt: skip


def _is_named(identifier: object, certificate: x509.Certificate) -> bool:
    """Whether a recipient or signer identifier names a certificate."""
    from asn1crypto.x509 import Name
    from cryptography.x509 import ExtensionNotFound, SubjectKeyIdentifier

    chosen = identifier.chosen  # type: ignore[attr-defined]  # asn1crypto has no types
    if identifier.name == "issuer_and_serial_number":  # type: ignore[attr-defined]  # asn1crypto has no types
        if chosen["serial_number"].native != certificate.serial_number:
            return False
        return bool(chosen["issuer"] == Name.load(certificate.issuer.public_bytes()))
    try:
        found = certificate.extensions.get_extension_for_class(SubjectKeyIdentifier)
    except ExtensionNotFound:
        found_digest = SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest
    else:
        found_digest = found.value.digest
    return bool(chosen.native == found_digest)


def _unwrapped(info: object, key: RSAPrivateKey) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import padding

    algorithm = info["key_encryption_algorithm"]  # type: ignore[index]  # asn1crypto has no types
    wrapped: bytes = info["encrypted_key"].native  # type: ignore[index]  # asn1crypto has no types
    if algorithm["algorithm"].dotted == _RSA_OID:
        return key.decrypt(wrapped, padding.PKCS1v15())
    if algorithm["algorithm"].dotted == _OAEP_OID:
        parameters = algorithm["parameters"]
        main = parameters["hash_algorithm"]["algorithm"].native
        mask = parameters["mask_gen_algorithm"]["parameters"]["algorithm"].native
        return key.decrypt(wrapped, _oaep(main, mask))
    raise DecryptionRefused("its key is wrapped in a way that we do not read; RSA is what AS2 uses")


def _oaep(main: str, mask: str) -> OAEP:
    from cryptography.hazmat.primitives.asymmetric import padding

    return padding.OAEP(mgf=padding.MGF1(hash_of(mask)), algorithm=hash_of(main), label=None)


def hash_of(name: str) -> HashAlgorithm:
    """A digest algorithm by its name. Raises KeyError."""
    from cryptography.hazmat.primitives import hashes

    known: dict[str, HashAlgorithm] = {
        "sha1": hashes.SHA1(),  # noqa: S303  # read and made only where a channel allows it
        "sha256": hashes.SHA256(),
        "sha384": hashes.SHA384(),
        "sha512": hashes.SHA512(),
    }
    return known[name]


def _cbc_decrypted(
    cipher: str, key: bytes, parameters: bytes, pieces: Iterable[bytes]
) -> Iterator[bytes]:
    from asn1crypto.core import OctetString
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC
    from cryptography.hazmat.primitives.padding import PKCS7

    iv = OctetString.load(parameters).native
    if cipher == "3des-cbc":
        from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES

        made, bits = Cipher(TripleDES(key), CBC(iv)).decryptor(), 64
    else:
        made, bits = Cipher(AES(key), CBC(iv)).decryptor(), 128
    unpadder = PKCS7(bits).unpadder()
    for piece in pieces:
        yield unpadder.update(made.update(piece))
    yield unpadder.update(made.finalize()) + unpadder.finalize()


def _gcm_decryptor(
    reader: BerReader, parts: list[BerElement], key: bytes, parameters: bytes
) -> CipherContext:
    from asn1crypto.core import Sequence as AnySequence
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import GCM

    nonce = AnySequence.load(parameters)[0].native
    attributes = reader.raw(parts[0]) if parts[0].tag == CONTEXT_1 else b""
    tag = b"".join(reader.octets(parts[1] if attributes else parts[0]))
    if not _GCM_TAG_BYTES_MIN <= len(tag) <= _GCM_TAG_BYTES:
        raise BerRefused("the authentication tag has a wrong length")
    made = Cipher(AES(key), GCM(nonce, tag, _GCM_TAG_BYTES_MIN)).decryptor()
    if attributes:
        made.authenticate_additional_data(bytes((SET,)) + attributes[1:])
    return made


def _through(context: CipherContext, pieces: Iterable[bytes]) -> Iterator[bytes]:
    from cryptography.exceptions import InvalidTag

    for piece in pieces:
        yield context.update(piece)
    try:
        yield context.finalize()
    except InvalidTag:
        raise DecryptionRefused(_NOT_OPENED) from None


# --- read: compressed -----------------------------------------------------------------------------


def decompressed(structure: CmsStructure) -> Iterator[bytes]:
    """The content of CompressedData, in pieces (RFC 3274). Raises `DecompressionRefused`."""
    reader = structure.reader
    try:
        parts = structure.parts()
        inside = list(reader.children(_of_tag(parts[-1], SEQUENCE)))
        octets = reader.octets(_only(reader, _of_tag(inside[-1], CONTEXT_0)))
        unpacker = zlib.decompressobj()
        for piece in octets:
            rest = piece
            while rest and not unpacker.eof:
                yield unpacker.decompress(rest, _PIECE_BYTES)
                rest = unpacker.unconsumed_tail
        yield unpacker.flush()
        if not unpacker.eof:
            raise DecompressionRefused("the compressed content breaks off")
    except (zlib.error, BerRefused, CmsRefused, IndexError) as fault:
        raise DecompressionRefused(f"the compressed content is damaged: {fault}") from None


# --- make -----------------------------------------------------------------------------------------


def encrypted(
    pieces: Iterable[bytes], size_bytes: int, recipient: x509.Certificate, cipher: str
) -> Iterator[bytes]:
    """EnvelopedData, or AuthEnvelopedData for AES-GCM, over `size_bytes` in pieces.

    `cipher` is a name in `CIPHERS`; the key goes with RSA (PKCS #1 v1.5), which every partner
    reads.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC, GCM

    oid, key_bytes = CIPHERS[cipher]
    key = os.urandom(key_bytes)
    is_gcm = cipher.endswith("gcm")
    nonce = os.urandom(_GCM_NONCE_BYTES if is_gcm else _AES_BLOCK_BYTES)
    length = der(INTEGER, bytes((_GCM_TAG_BYTES,)))
    parameters = der(SEQUENCE, der(OCTETS, nonce), length) if is_gcm else der(OCTETS, nonce)
    padded = size_bytes if is_gcm else (size_bytes // _AES_BLOCK_BYTES + 1) * _AES_BLOCK_BYTES
    head = der_oid(DATA_OID) + der(SEQUENCE, der_oid(oid), parameters) + der_head(0x80, padded)
    front = der(INTEGER, b"\0") + der(SET, _recipient(recipient, key))
    front += der_head(SEQUENCE, len(head) + padded) + head
    tag_bytes = 2 + _GCM_TAG_BYTES if is_gcm else 0
    yield _wrapped_head(
        AUTH_ENVELOPED_OID if is_gcm else ENVELOPED_OID, len(front) + padded + tag_bytes
    )
    yield front
    if is_gcm:
        sealer = Cipher(AES(key), GCM(nonce)).encryptor()
        yield from map(sealer.update, pieces)
        sealer.finalize()
        yield der(OCTETS, sealer.tag)
        return
    locker = Cipher(AES(key), CBC(nonce)).encryptor()
    yield from map(locker.update, pieces)
    filler = padded - size_bytes
    yield locker.update(bytes((filler,)) * filler) + locker.finalize()


def _wrapped_head(oid: str, size_bytes: int) -> bytes:
    """What stands before the inside of a ContentInfo."""
    kind, inner = der_oid(oid), der_head(SEQUENCE, size_bytes)
    explicit = der_head(CONTEXT_0, len(inner) + size_bytes)
    whole = len(kind) + len(explicit) + len(inner) + size_bytes
    return der_head(SEQUENCE, whole) + kind + explicit + inner


def _recipient(certificate: x509.Certificate, key: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    wrapped = certificate.public_key().encrypt(key, PKCS1v15())  # type: ignore[union-attr]  # an RSA key, as every certificate of a channel
    algorithm = der(SEQUENCE, der_oid(_RSA_OID), der(NULL))
    return der(
        SEQUENCE,
        der(INTEGER, b"\0"),
        issuer_and_serial(certificate),
        algorithm,
        der(OCTETS, wrapped),
    )


def issuer_and_serial(certificate: x509.Certificate) -> bytes:
    """How CMS names a certificate (RFC 5652 section 10.2.4)."""
    serial = certificate.serial_number
    number = serial.to_bytes(serial.bit_length() // 8 + 1, "big")
    return der(SEQUENCE, certificate.issuer.public_bytes(), der(INTEGER, number))


def deflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Pieces compressed as RFC 3274 wants them."""
    packer = zlib.compressobj(6)
    yield from map(packer.compress, pieces)
    yield packer.flush()


def compressed_head(size_bytes: int) -> bytes:
    """What stands before `size_bytes` of compressed content to make it CompressedData."""
    inner = der_head(OCTETS, size_bytes)
    explicit = der_head(CONTEXT_0, len(inner) + size_bytes)
    kind = der_oid(DATA_OID)
    inside = len(kind) + len(explicit) + len(inner) + size_bytes
    front = der(INTEGER, b"\0") + der(SEQUENCE, der_oid(_ZLIB_OID)) + der_head(SEQUENCE, inside)
    return _wrapped_head(COMPRESSED_OID, len(front) + inside) + front + kind + explicit + inner
