"""Make what goes out over AS2: messages in their layers, and receipts (MDN, RFC 8098, RFC 4130).

Content stays on the disk: what is made is a row of bytes and places in files, whose whole length
is known before the first byte is sent.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from epcis.exchange.cms_content import compressed_head, deflated, encrypted
from epcis.exchange.cms_signature import sign_digest
from epcis.exchange.mime_entity import base64_lines
from epcis.exchange.spool import Region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from typing import IO

    from cryptography import x509

    from epcis.exchange.cms_content import OwnKey
    from epcis.exchange.spool import SpoolRoom

_SPELLED: Final = {"sha1": "sha1", "sha256": "sha-256", "sha384": "sha-384", "sha512": "sha-512"}
"""As `micalg` names them (RFC 5751 section 3.4.3.2)."""


@dataclass(frozen=True, slots=True)
class As2Part:
    """A MIME part to be written: its headers, and its body in pieces."""

    headers: dict[str, str]
    body: tuple[bytes | Region, ...]

    @property
    def size_bytes(self) -> int:
        """Length of the body."""
        return sum(one.size_bytes if isinstance(one, Region) else len(one) for one in self.body)

    def chunks(self) -> Iterator[bytes]:
        """The body."""
        for one in self.body:
            if isinstance(one, Region):
                yield from one.chunks()
            else:
                yield one

    def head(self) -> bytes:
        """The headers with the empty line after them."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        return f"{lines}\r\n".encode()

    def with_head(self) -> As2Part:
        """The same as one body: what is signed, compressed or encrypted."""
        return As2Part({}, (self.head(), *self.body))

    def digest(self, algorithm: str) -> bytes:
        """Digest of the body."""
        made = hashlib.new(algorithm)
        for chunk in self.chunks():
            made.update(chunk)
        return made.digest()


@dataclass(frozen=True, slots=True)
class As2Dress:
    """The layers that a message gets."""

    signature: str
    """Digest algorithm; empty: not signed."""
    cipher: str
    """Name in `CIPHERS`; empty: not encrypted."""
    compression: str
    """`before` or `after` signing; empty: not compressed."""
    mic: str
    """Digest algorithm of the receipt."""
    own: OwnKey | None = None
    recipient: x509.Certificate | None = None


def payload_part(body: Region, media_type: str, file_name: str) -> As2Part:
    """The innermost part: a file with its name."""
    headers = {
        "Content-Type": _one_line(media_type) or "application/octet-stream",
        "Content-Transfer-Encoding": "binary",
    }
    if file_name:
        headers["Content-Disposition"] = f'attachment; filename="{quotable(file_name)}"'
    return As2Part(headers, (body,))


def quotable(name: str) -> str:
    """A name that stands between quotes in a header: ASCII alone, no quote.

    >>> quotable('a "b"/ü.xml')
    'a _b_/_.xml'
    """
    return re.sub(r"[^ !#-\[\]-~]", "_", name)


def _one_line(text: str) -> str:
    return "".join(one for one in text if one.isascii() and one.isprintable())


def dressed(
    part: As2Part,
    dress: As2Dress,
    at: datetime,
    room: SpoolRoom,
    keep: Callable[[IO[bytes]], object],
) -> tuple[As2Part, str]:
    """A part in its layers, and the digest that its receipt must repeat.

    The digest is `base64, algorithm`; `keep` gets every file that is made.
    """
    bare = part
    if dress.compression == "before":
        part = _compressed(part, room, keep)
    covered = part.with_head() if dress.signature else bare.with_head()
    if dress.signature:
        assert dress.own is not None, "the caller looked for a key"
        part = _signed(part, dress.signature, dress.own, at)
    if dress.compression == "after":
        part = _compressed(part, room, keep)
    if not (dress.signature or dress.cipher or dress.compression):
        covered = bare
    mic = f"{b64encode(covered.digest(dress.mic)).decode()}, {dress.mic}"
    if dress.cipher:
        assert dress.recipient is not None, "the caller looked for a certificate"
        inner = part.with_head()
        pieces = encrypted(inner.chunks(), inner.size_bytes, dress.recipient, dress.cipher)
        made = room.write(pieces)
        keep(made.file)
        kind = "authenveloped-data" if dress.cipher.endswith("gcm") else "enveloped-data"
        part = As2Part(_cms_headers(kind, "smime.p7m"), (made,))
    return part, mic


def _cms_headers(kind: str, name: str) -> dict[str, str]:
    return {
        "Content-Type": f'application/pkcs7-mime; smime-type={kind}; name="{name}"',
        "Content-Transfer-Encoding": "binary",
        "Content-Disposition": f'attachment; filename="{name}"',
    }


def _compressed(part: As2Part, room: SpoolRoom, keep: Callable[[IO[bytes]], object]) -> As2Part:
    made = room.write(deflated(part.with_head().chunks()))
    keep(made.file)
    head = compressed_head(made.size_bytes)
    return As2Part(_cms_headers("compressed-data", "smime.p7z"), (head, made))


def _signed(part: As2Part, algorithm: str, own: OwnKey, at: datetime) -> As2Part:
    covered = part.with_head()
    signature = sign_digest(covered.digest(algorithm), algorithm, own, at)
    boundary = f"packtrail-{secrets.token_hex(12)}"
    beside = (
        f"\r\n--{boundary}\r\n"
        'Content-Type: application/pkcs7-signature; name="smime.p7s"\r\n'
        "Content-Transfer-Encoding: base64\r\n"
        'Content-Disposition: attachment; filename="smime.p7s"\r\n\r\n'
    ).encode()
    end = f"\r\n--{boundary}--\r\n".encode()
    body = (f"--{boundary}\r\n".encode(), *covered.body, beside, base64_lines(signature), end)
    kind = (
        'multipart/signed; protocol="application/pkcs7-signature"; '
        f'micalg={_SPELLED[algorithm]}; boundary="{boundary}"'
    )
    return As2Part({"Content-Type": kind}, body)


# --- receipts -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MdnWanted:
    """What a receipt says."""

    message_id: str
    """Of the message, with its angle brackets."""
    receiver: str
    """AS2 name of the message's receiver, which makes the receipt."""
    modifier: str = ""
    """What is wrong, as RFC 4130 section 7.5 words it; empty: processed."""
    text: str = ""
    """For a person."""
    mic: str = ""
    """`base64, algorithm`; empty where the message could not be read."""

    @property
    def disposition(self) -> str:
        """The field `Disposition`."""
        kind, _, what = self.modifier.partition(": ")
        state = "failed" if kind == "failure" else "processed"
        disposition = f"{state}/{kind}: {what}" if kind else state
        return f"automatic-action/MDN-sent-automatically; {disposition}"


def mdn_part(wanted: MdnWanted, own: OwnKey | None, algorithm: str, at: datetime) -> As2Part:
    """A receipt; signed with SHA-2 or what the partner asks for, where there is a key."""
    boundary = f"receipt-{secrets.token_hex(12)}"
    lines = [
        "Reporting-UA: Packtrail",
        f"Original-Recipient: rfc822; {_one_line(wanted.receiver)}",
        f"Final-Recipient: rfc822; {_one_line(wanted.receiver)}",
        f"Original-Message-ID: {_one_line(wanted.message_id)}",
        f"Disposition: {wanted.disposition}",
    ]
    if wanted.mic:
        lines.append(f"Received-Content-MIC: {wanted.mic}")
    text = wanted.text or "The message was received, and its bytes are kept."
    body = (
        f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: quoted-printable\r\n\r\n{_quoted(text)}\r\n"
        f"--{boundary}\r\nContent-Type: message/disposition-notification\r\n"
        f"Content-Transfer-Encoding: 7bit\r\n\r\n{_lines(lines)}\r\n"
        f"--{boundary}--\r\n"
    ).encode()
    kind = f'multipart/report; report-type=disposition-notification; boundary="{boundary}"'
    part = As2Part({"Content-Type": kind}, (body,))
    return part if own is None else _signed(part, algorithm, own, at)


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\r\n" for line in lines)


def _quoted(text: str) -> str:
    import quopri

    plain = "".join(one if one.isprintable() else " " for one in text)
    return quopri.encodestring(plain.encode()).decode().replace("\n", "\r\n")
