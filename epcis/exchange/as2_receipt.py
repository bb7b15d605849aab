"""Receipts from partners (MDN): what they say about a message of ours, in plain words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from epcis.exchange.cms_signature import digest_name
from epcis.exchange.mime_entity import MimeRefused, decoded, parts_of, read_entity, read_headers

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from epcis.exchange.as2_layers import OpenedAs2
    from epcis.exchange.spool import SpoolRoom

REPORT_BYTES_MAX: Final = 64 * 1024
_TYPE: Final = "message/disposition-notification"
IN_WORDS: Final = {
    "authentication-failed": (
        "the partner could not check our signature: give it our certificate of this channel"
    ),
    "decryption-failed": (
        "the partner could not decrypt it: enter the certificate that the partner uses now"
    ),
    "decompression-failed": "the partner could not decompress it: set compression=none",
    "integrity-check-failed": "the bytes were altered on the way to the partner",
    "insufficient-message-security": (
        "the partner asks for more: switch on signature and encryption for this channel"
    ),
    "unknown-trading-partner": (
        "the partner does not know our AS2 name, or its own: compare own_name and partner_name with"
        " what it has entered, letter by letter"
    ),
    "unknown-trading-relationship": (
        "the partner has no relationship between these two AS2 names: ask it to enter it"
    ),
    "unsupported format": "the partner does not read this form: compare the settings with it",
    "unsupported mic-algorithms": (
        "the partner does not know the digest of the receipt: set mic=sha1 or sha256"
    ),
    "unexpected-processing-error": "the partner's system failed; it may go later",
}
"""What went wrong at the partner, by its modifier, with what to do."""


@dataclass(frozen=True, slots=True)
class PartnerMdn:
    """A receipt as it was read."""

    message_id: str
    disposition: str
    """Without the part before the semicolon, in lower case."""
    mic: str
    mic_algorithm: str
    text: str

    @property
    def modifier(self) -> str:
        """What is wrong; empty where nothing is."""
        return self.disposition.partition(":")[2].strip()

    @property
    def is_success(self) -> bool:
        """Whether the partner has the message: a warning says that it has it and finds it odd."""
        return bool(re.match(r"processed\s*(/\s*warning\b.*)?$", self.disposition))

    @property
    def may_go_later(self) -> bool:
        """Whether the same message may be accepted another time."""
        return self.modifier == "unexpected-processing-error"

    def in_words(self) -> str:
        """What the partner says, and what to do."""
        known = IN_WORDS.get(self.modifier)
        text = f" It says: {self.text}" if self.text else ""
        return (known or f"the partner refused it: {self.disposition[:200]}") + text


def read_mdn(opened: OpenedAs2, room: SpoolRoom, keep: Callable[[IO[bytes]], object]) -> PartnerMdn:
    """Read a receipt whose layers are off. Raises `MimeRefused`."""
    text, report = "", None
    for place in parts_of(opened.entity):
        part = read_entity(place)
        content = decoded(part, room, keep)
        if part.media_type == _TYPE:
            report = content.read(REPORT_BYTES_MAX)
        elif part.media_type == "text/plain" and not text:
            text = content.at(0, 500).decode("utf-8", "replace").strip()
    if report is None:
        raise MimeRefused("the receipt has no report")
    fields = read_headers(report.decode("utf-8", "replace").replace("\r\n\r\n", "\r\n"))
    mic, _, algorithm = fields.get("received-content-mic", "").rpartition(",")
    disposition = fields.get("disposition", "").partition(";")[2].strip().lower()
    if not disposition:
        raise MimeRefused("the receipt says nothing")
    shown = "".join(one if one.isprintable() else " " for one in text)
    return PartnerMdn(
        fields.get("original-message-id", ""),
        disposition,
        mic.strip(),
        digest_name(algorithm),
        " ".join(shown.split())[:300],
    )
