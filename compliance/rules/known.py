"""What the store knows that a file must agree with: documents, objects, parties and products.

Gathered once for a file, so that the rules over history are plain comparisons.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final, TypeVar

from sqlalchemy import select

from compliance.partners.licences import licences
from compliance.partners.names import product_attributes
from compliance.rules.header import gln_of
from compliance.rules.shipped_file import is_sgtin, named
from epcis.capture import ReadingNotes
from epcis.database.site_zone import zone_of
from epcis.store.digest import event_digest
from epcis.store.event_tables import document, event, master_data
from epcis.store.intake import seal
from epcis.store.items import contents, items
from epcis.store.payload import unpack_header
from schemas.finding import is_acceptable
from verification.decision.act import Asked
from verification.decision.decide import weigh
from verification.decision.facts import Facts, KnownPack, facts_from, look
from verification.decision.words import PackState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from compliance.partners.licences import Licence
    from compliance.rules.shipped_file import ShippedFile
    from epcis.database.transactions import Snapshot
    from epcis.model import Event, Header, Node
    from epcis.store.items import StoredItem
    from verification.decision.words import Reason

_Key = TypeVar("_Key", str, bytes)

DOCUMENTS_MAX: Final = 500
"""Latest documents whose headers are compared with the file's."""
BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class EarlierDocument:
    """One of the latest documents."""

    digest: bytes
    sender: str
    """GLN of the sender in its business header."""
    instance: str
    """InstanceIdentifier of its business header."""
    is_faulty: bool
    received: datetime


@dataclass(slots=True)
class KnownBefore:
    """The store as the file finds it.

    `ours` holds the GLNs of this installation, as 13 digits; where it is empty, any receiver is
    right. `digest` is the SHA-256 of the file.
    """

    snapshot: Snapshot
    digest: bytes
    ours: frozenset[str] = frozenset()
    identities: list[bytes] = field(default_factory=list)
    things: dict[str, StoredItem] = field(default_factory=dict)

    def see(self, event_: Event) -> None:
        """Note one event of the file."""
        try:
            self.identities.append(seal(event_, event_digest(event_)).identity)
        except (ValueError, OverflowError):
            return  # other rules name what is wrong with its times

    def gather(self, file: ShippedFile) -> None:
        """Look up the objects, products and places of the file, and tell the file of them."""
        keys = sorted({key for step in file.steps for key in (*step.ids, step.parent) if key})
        for some in _batches(keys):
            self.things.update(items(self.snapshot, some))
        file.known_items.update(key for key, thing in self.things.items() if is_made(thing))
        wanted = [f"/01/{gtin}" for gtin in file.gtins]
        wanted += [f"/414/{gln_of(place)}" for place in file.places]
        for some in _batches(wanted):
            found = select(master_data.c.key).where(master_data.c.key.in_(some))
            file.known_masters.update(self.snapshot.connection.scalars(found))

    def inside(self, key: str) -> list[str]:
        """What is directly in a container, by what was known before."""
        return [one.key for one in contents(self.snapshot, key)]

    def is_known_whole(self) -> bool:
        """Whether every event of the file was captured before."""
        count = 0
        for some in _batches(self.identities):
            known = select(event.c.identity).where(event.c.identity.in_(some))
            count += len(set(self.snapshot.connection.scalars(known)))
        return bool(self.identities) and count == len(set(self.identities))

    def was_received(self) -> bool:
        """Whether the same bytes were received before."""
        same = select(document.c.id).where(document.c.sha256 == self.digest)
        return self.snapshot.connection.scalar(same) is not None

    def latest_documents(self) -> Iterator[EarlierDocument]:
        """The latest documents, newest first, at most `DOCUMENTS_MAX`."""
        columns = (document.c.sha256, document.c.header, document.c.findings, document.c.received)
        latest = select(*columns).order_by(document.c.id.desc()).limit(DOCUMENTS_MAX)
        for row in self.snapshot.connection.execute(latest):
            sender_instance = (
                sender_and_instance(unpack_header(row.header)) if row.header else ("", "")
            )
            is_faulty = not is_acceptable(ReadingNotes.unpacked(row.findings).findings)
            yield EarlierDocument(row.sha256, *sender_instance, is_faulty, row.received)

    def licences_of(self, gln: str) -> list[Licence]:
        """The licences on record of a partner."""
        return licences(self.snapshot, [gln])

    def product(self, gtin: str) -> dict[str, str]:
        """What our own records say of a product."""
        return product_attributes(self.snapshot, gtin)

    def against(
        self, packs: Sequence[tuple[str, str, str]], at: datetime
    ) -> Iterator[tuple[str, tuple[Reason, ...], Facts]]:
        """What the one judgement says against packs at a time, by what was known before the file.

        Packs come as (canonical key, lot, expiry), the last two as the file tells them.
        """
        for start in range(0, len(packs), BATCH):
            some = packs[start : start + BATCH]
            stops, rows = look(self.snapshot, [_number(key) for key, _, _ in some])
            for (key, lot, expiry), row in zip(some, rows, strict=True):
                gtin, serial = _number(key)
                asked = Asked(gtin, serial, lot or None, _day(expiry))
                if row.is_known:
                    facts = facts_from(self.snapshot, Asked(gtin, serial), None, stops, row)
                else:
                    facts = Facts(
                        asked=asked,
                        pack=KnownPack(PackState.ACTIVE, lot or None, _day(expiry)),
                        product_state=stops.product(gtin, ""),
                        lot_state=stops.lot(gtin, lot, ""),
                        doubt=stops.doubt(gtin, lot, serial),
                        extended=stops.extended(gtin, lot),
                        exempt=stops.is_exempt(gtin, lot or None, ""),
                        zone=zone_of(self.snapshot),
                    )
                yield key, weigh(facts, at), facts


def is_made(thing: StoredItem) -> bool:
    """Whether an earlier file recorded where an object comes from: packages by lot or expiry."""
    return not is_sgtin(thing.key) or bool(thing.lot or thing.expiry_text)


def sender_and_instance(header: Header) -> tuple[str, str]:
    """GLN of the sender and the InstanceIdentifier of a business header; empty where missing."""
    return gln_of(_text(header.sbdh, "Sender", "Identifier")), _text(
        header.sbdh, "DocumentIdentification", "InstanceIdentifier"
    )


def receiver(header: Header) -> str:
    """GLN of the receiver in a business header; empty where it is missing."""
    return gln_of(_text(header.sbdh, "Receiver", "Identifier"))


def _text(node: Node | None, *path: str) -> str:
    for name in path:
        node = next(named(node.children, name), None) if node is not None else None
    return node.text.strip() if node is not None else ""


def _number(key: str) -> tuple[str, str]:
    assert is_sgtin(key), "only packages are judged"
    return key[4:18], key[22:]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _batches(keys: Sequence[_Key]) -> Iterator[Sequence[_Key]]:
    for start in range(0, len(keys), BATCH):
        yield keys[start : start + BATCH]
