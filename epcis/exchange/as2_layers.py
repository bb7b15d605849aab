"""The layers of an AS2 message (RFC 4130, RFC 5402): signed, encrypted, compressed.

Any order that the standards allow is read. The digest that a receipt repeats (MIC, RFC 4130
section 7.3.1) is taken over the bytes as they came: over what was signed; over the decrypted part
with its headers where nothing was signed; over the content alone where nothing was protected.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import IO, TYPE_CHECKING, Final

from epcis.exchange.cms_content import (
    AUTH_ENVELOPED_OID,
    COMPRESSED_OID,
    ENVELOPED_OID,
    CmsRefused,
    DecompressionRefused,
    DecryptionRefused,
    decompressed,
    decrypted,
    find_structure,
)
from epcis.exchange.cms_signature import (
    SIGNATURE_BYTES_MAX,
    ContentAltered,
    check_signature,
    read_signature,
)
from epcis.exchange.mime_entity import MimeRefused, decoded, parts_of, read_entity
from epcis.exchange.spool import SpoolTooLarge
from schemas.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from cryptography import x509

    from epcis.exchange.cms_content import OwnKey
    from epcis.exchange.mime_entity import MimeEntity
    from epcis.exchange.spool import Region, SpoolRoom

LAYERS_MAX: Final = 5
_CMS_TYPES: Final = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_SIGNATURE_TYPES: Final = ("application/pkcs7-signature", "application/x-pkcs7-signature")


class As2Refused(Refused):
    """A message is refused with a disposition of RFC 4130 section 7.5."""

    def __init__(self, modifier: str, text: str) -> None:
        super().__init__(text)
        self.modifier = modifier
        """As a receipt names it: `error: decryption-failed`, `failure: unsupported format`."""


@dataclass(frozen=True, slots=True)
class As2Trust:
    """What messages of a partner are opened with."""

    own: Sequence[OwnKey]
    partner: Sequence[x509.Certificate]
    sha1_allowed: bool = False
    triple_des_allowed: bool = False


class _Form(Enum):
    """The forms in which senders digest the same part."""

    AS_SENT = auto()
    LINES = auto()
    """Every line ended by CRLF, whatever came: what some senders sign and then write otherwise."""
    WITH_END = auto()
    """With the line break that belongs to the boundary."""


@dataclass(frozen=True, slots=True)
class As2Digest:
    """What a digest is over."""

    region: Region
    form: _Form = _Form.AS_SENT

    def digest(self, algorithm: str) -> bytes:
        """The digest; `algorithm` is a name that `hashlib` knows."""
        made = hashlib.new(algorithm)
        pieces = self.region.chunks()
        for piece in _with_crlf(pieces) if self.form is _Form.LINES else pieces:
            made.update(piece)
        if self.form is _Form.WITH_END:
            made.update(b"\r\n")
        return made.digest()

    def mic(self, algorithm: str) -> str:
        """The digest as `Received-Content-MIC` has it, without its algorithm."""
        return b64encode(self.digest(algorithm)).decode()


def _with_crlf(pieces: Iterable[bytes]) -> Iterator[bytes]:
    r"""Pieces with CRLF at the end of each line.

    >>> b"".join(_with_crlf([b"a\nb\r", b"\nc"]))
    b'a\r\nb\r\nc'
    """
    is_after_cr = False
    for piece in pieces:
        made = re.sub(rb"(?<!\r)\n", b"\r\n", piece)
        if is_after_cr and piece.startswith(b"\n"):
            made = made[1:]
        is_after_cr = piece.endswith(b"\r")
        yield made


@dataclass(slots=True)
class OpenedAs2:
    """A message without its layers."""

    entity: MimeEntity
    """The innermost part."""
    payload: Region
    """Its bytes without transfer encoding."""
    mic_of: As2Digest
    is_encrypted: bool
    signature: str
    """Digest algorithm of the signature; empty where there is none."""
    layers: list[str] = field(default_factory=list)

    @property
    def is_receipt(self) -> bool:
        """Whether it is a receipt (MDN), not a message."""
        return self.entity.media_type == "multipart/report"


class As2Opener:
    """Takes off the layers of one message; `keep` gets every file that is made on the way."""

    def __init__(
        self, trust: As2Trust, room: SpoolRoom, keep: Callable[[IO[bytes]], object]
    ) -> None:
        self._trust, self._room, self._keep = trust, room, keep
        self._signed: As2Digest | None = None
        self._signature = ""
        self._layers: list[str] = []

    def open(self, entity: MimeEntity) -> OpenedAs2:
        """Take off every layer. Raises `As2Refused`."""
        try:
            return self._open(entity)
        except DecryptionRefused as refused:
            raise As2Refused("error: decryption-failed", str(refused)) from None
        except DecompressionRefused as refused:
            raise As2Refused("error: decompression-failed", str(refused)) from None
        except ContentAltered as refused:
            raise As2Refused("error: integrity-check-failed", str(refused)) from None
        except SpoolTooLarge as refused:
            raise As2Refused("error: unexpected-processing-error", str(refused)) from None
        except (MimeRefused, CmsRefused) as refused:
            raise As2Refused("failure: unsupported format", str(refused)) from None

    def _open(self, entity: MimeEntity) -> OpenedAs2:
        current = entity
        for _ in range(LAYERS_MAX):
            if current.media_type in _CMS_TYPES:
                current = self._unpacked(current)
            elif current.media_type == "multipart/signed":
                current = self._verified(current)
            else:
                return self._opened(current)
        raise As2Refused("failure: unsupported format", f"it has more than {LAYERS_MAX} layers")

    def _opened(self, entity: MimeEntity) -> OpenedAs2:
        payload = decoded(entity, self._room, self._keep)
        bare = entity if self._layers else None
        mic_of = self._signed or As2Digest(bare.whole if bare else payload)
        is_encrypted = "encrypted" in self._layers
        return OpenedAs2(entity, payload, mic_of, is_encrypted, self._signature, self._layers)

    def _unpacked(self, entity: MimeEntity) -> MimeEntity:
        structure = find_structure(decoded(entity, self._room, self._keep))
        if structure.kind in (ENVELOPED_OID, AUTH_ENVELOPED_OID):
            pieces = decrypted(
                structure, self._trust.own, triple_des=self._trust.triple_des_allowed
            )
            self._layers.append("encrypted")
        elif structure.kind == COMPRESSED_OID:
            pieces = decompressed(structure)
            self._layers.append("compressed")
        else:
            raise CmsRefused(
                "its content stands inside the signature; ask the partner for multipart/signed"
            )
        made = self._room.write(pieces)
        self._keep(made.file)
        return read_entity(made)

    def _verified(self, entity: MimeEntity) -> MimeEntity:
        try:
            return self._checked(entity)
        except ContentAltered:
            raise
        except (MimeRefused, CmsRefused) as refused:
            raise As2Refused("error: authentication-failed", str(refused)) from None

    def _checked(self, entity: MimeEntity) -> MimeEntity:
        if self._signature:
            raise CmsRefused("it is signed twice")
        parts = parts_of(entity)
        if len(parts) != 2:
            raise CmsRefused(f"it has {len(parts)} parts, not a content and its signature")
        beside = read_entity(parts[1])
        if beside.media_type not in _SIGNATURE_TYPES:
            raise CmsRefused("its second part is no signature")
        content = decoded(beside, self._room, self._keep).read(SIGNATURE_BYTES_MAX)
        read = read_signature(content, sha1_allowed=self._trust.sha1_allowed)
        forms = [As2Digest(parts[0], form) for form in _Form]
        at = check_signature(
            read, lambda name: (one.digest(name) for one in forms), self._trust.partner
        )
        self._signed, self._signature = forms[at], read.algorithm
        self._layers.append("signed")
        return read_entity(parts[0])
