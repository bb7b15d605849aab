"""The rules over shipment files, asked of a document after its capture.

The guideline release is the one that the file itself names; a file that names none and affirms no
transaction statement is no shipment file of the US supply chain, and is not asked. Rules over
history are not asked again: what the document did to packs is judged by `problems`.
"""

from __future__ import annotations

from collections import Counter
from io import BytesIO
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import select

from compliance.rules.catalogue import RULE_OF_CODE, GuidelineRelease
from compliance.rules.file import check_file
from compliance.rules.known import sender_and_instance
from compliance.rules.shipped_file import named
from epcis.codec.document import DocumentRefused, open_document
from epcis.detached import detached
from epcis.store.digest import event_digest
from epcis.store.event_tables import document, document_part, event
from epcis.store.intake import seal
from epcis.store.payload import unpack_header, unsqueeze
from schemas.finding import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from epcis.database.transactions import Snapshot
    from epcis.model import Header

CHECKED_BYTES_MAX: Final = 16 * 2**20
"""A larger document is not checked again: the partner's check and capture have named its faults."""
RULES_NAMED_MAX: Final = 8
IDENTITIES_PER_QUESTION: Final = 400
_HEAVY: Final = frozenset({Severity.ERROR, Severity.CRITICAL})


class CheckedDocument(NamedTuple):
    """What the rules say of a document."""

    sender: str
    """GLN of the sender in its business header."""
    faults: str
    """Rules that it breaks, with counts; empty where it breaks none."""


def events_of_document(snapshot: Snapshot, number: int) -> list[int]:
    """The events (`event.seq`) that a document holds, those too that an earlier one held first."""
    own = select(event.c.seq).where(event.c.document == number)
    seqs = set(snapshot.connection.scalars(own))
    count = snapshot.connection.scalar(select(document.c.events).where(document.c.id == number))
    if len(seqs) < (count or 0):
        identities = list(_identities(_original(snapshot, number)))
        for start in range(0, len(identities), IDENTITIES_PER_QUESTION):
            some = identities[start : start + IDENTITIES_PER_QUESTION]
            known = select(event.c.seq).where(event.c.identity.in_(some))
            seqs.update(snapshot.connection.scalars(known))
    return sorted(seqs)


def _identities(original: bytes) -> Iterator[bytes]:
    try:
        for one in detached(open_document(BytesIO(original))):
            yield seal(one, event_digest(one)).identity
    except (DocumentRefused, ValueError, OverflowError):
        return  # what cannot be read was not stored either


def _original(snapshot: Snapshot, number: int) -> bytes:
    """The bytes received; empty where they are in the archive, or too many."""
    size_bytes = select(document.c.size_bytes).where(document.c.id == number)
    if (snapshot.connection.scalar(size_bytes) or 0) > CHECKED_BYTES_MAX:
        return b""
    parts = select(document_part.c.content).where(document_part.c.document == number)
    content = snapshot.connection.scalars(parts.order_by(document_part.c.part))
    return b"".join(unsqueeze(bytes(part)) for part in content)


def checked(snapshot: Snapshot, number: int, now: datetime) -> CheckedDocument | None:
    """The rules over a document; None where none is to be asked of it."""
    packed = snapshot.connection.scalar(select(document.c.header).where(document.c.id == number))
    if not packed:
        return None
    header = unpack_header(packed)
    release, original = release_of(header), _original(snapshot, number)
    if release is None or not original:
        return None
    found = Counter(
        RULE_OF_CODE[one.code].id if one.code in RULE_OF_CODE else one.code
        for one in check_file(BytesIO(original), release.value, now=now)
        if one.severity in _HEAVY
    )
    counted = [f"{rule} ({count})" for rule, count in found.most_common(RULES_NAMED_MAX)]
    return CheckedDocument(sender_and_instance(header)[0], ", ".join(counted))


def release_of(header: Header) -> GuidelineRelease | None:
    """The release of the guideline that a file follows by its own word."""
    version = next((n.text for n in named(header.header_extensions, "guidelineVersion")), "")
    if "1.3" in version:
        return GuidelineRelease.R1_3
    if version or any(named(header.header_extensions, "dscsaTransactionStatement")):
        return GuidelineRelease.R1_2
    return None
