"""Capture: a document or events into the memory, whole, once, and with its original bytes.

One act holds the bytes as received, header, master data, events, item state, entries of the log
and the note for whoever looks at new documents. Sent again, nothing is stored twice.
Standard: EPCIS 2.0 section 8.2 (core capture operations).
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

import orjson
from sqlalchemy.exc import IntegrityError

from epcis.check import CAPTURE_RULES, RuleCheck
from epcis.codec.document import DocumentLimits, DocumentRefused, open_document
from epcis.database.columns import microseconds
from epcis.database.raw_driver import RawDriver
from epcis.database.transactions import StoreContended
from epcis.detached import detached
from epcis.ledger.entry import LeafKind
from epcis.ledger.record import DocumentData
from epcis.store.corrections import Corrections
from epcis.store.digest import event_digest
from epcis.store.intake import Intake, Taken, seal
from epcis.store.masterdata import tell_master_data
from epcis.store.payload import pack_header, squeeze, unsqueeze
from epcis.store.spool import SealedSpool
from schemas.finding import Finding, Severity, Where, is_acceptable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from epcis.codec.document import DocumentReader
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store, Transaction
    from epcis.model import Event
    from epcis.store.rows import Sealed

_KNOWN = "SELECT events, findings FROM document WHERE sha256 = ?"
_BEGIN = (
    "INSERT INTO document (id, sha256, received, sender, party, size_bytes, syntax)"
    " VALUES (?, ?, ?, ?, ?, ?, '')"
)
_PART = "INSERT INTO document_part (document, part, content) VALUES (?, ?, ?)"
_ENDED = ("syntax", "events", "header", "findings")
_END = "UPDATE document SET syntax = ?, events = ?, header = ?, findings = ? WHERE id = ?"
_LEFT = "INSERT INTO outbox (document, created) VALUES (?, ?)"

MEMORY_BYTES_MAX = 2 * 2**20
"""Documents up to this size are read into memory; larger ones wait on the disk for their act."""
PART_BYTES = 4 * 2**20
"""Plain bytes of the original in one row."""
BATCH_EVENTS = 1000
BATCH_EPCS = 40_000
"""Events, and EPCs in them, that are written at a time."""
ATTEMPTS_MAX = 4
"""How often a capture is tried that collides with another one."""
EVENT_IDS_LISTED_MAX = 1000

_LIMITS = DocumentLimits()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a document."""

    document: str
    """SHA-256 of the bytes received, hexadecimal."""
    events: int
    """How many were seen in it, wherever they stood: the sum of the next three."""
    new: int
    """How many are stored now."""
    duplicates: int
    """How many had been stored before."""
    refused: int
    """How many could not be taken in; each has an error among the findings."""
    findings: tuple[Finding, ...]
    """Why events were refused, and as warnings what is odd about the stored ones."""
    event_ids: tuple[str, ...] = ()
    """Of its events, in document order; the first thousand."""


@dataclass(frozen=True, slots=True)
class ReadingNotes:
    """Kept beside a document, so that it gets the same answer when it is sent again."""

    refused: int
    """Events that were not stored."""
    refused_unread: int
    """Those of them that `document.events` does not count, as they could not be read."""
    findings: tuple[Finding, ...]

    def packed(self) -> bytes | None:
        """The column `document.findings`; None where there is nothing to say."""
        if not self.refused and not self.findings:
            return None
        fields = {
            "refused": self.refused,
            "unread": self.refused_unread,
            "findings": [finding.as_dict() for finding in self.findings],
        }
        return squeeze(orjson.dumps(fields))

    @classmethod
    def unpacked(cls, column: bytes | None) -> ReadingNotes:
        """What a column says.

        >>> ReadingNotes.unpacked(ReadingNotes(2, 1, ()).packed())
        ReadingNotes(refused=2, refused_unread=1, findings=())
        """
        if column is None:
            return cls(0, 0, ())
        fields = orjson.loads(unsqueeze(column))
        found = tuple(Finding.from_dict(one) for one in fields["findings"])
        return cls(fields["refused"], fields["unread"], found)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of events that Packtrail made itself."""

    new: int
    duplicates: int
    seqs: tuple[int, ...]
    """Numbers (`event.seq`) of the new ones."""


class _Received(NamedTuple):
    """The bytes of a document, somewhere they can be read again."""

    file: BinaryIO
    digest: bytes
    size_bytes: int


@dataclass(frozen=True, slots=True)
class CaptureTerms:
    """How a document is captured, and for whom."""

    now: datetime
    sender: str | None = None
    """Who sent it."""
    party: str | None = None
    """Canonical GLN key of the party it is captured for."""
    strict: bool = False
    """Refuse the whole document at its first event that cannot be stored."""
    whole: bool = False
    """Refuse it too, but read leniently and name every such event."""
    limits: DocumentLimits = _LIMITS
    beside: Callable[[Transaction, Receipt], None] | None = None
    """Writes what belongs to the caller, in the act that stores the document or finds it known."""


def capture(
    store: Store,
    source: bytes | BinaryIO,
    *,
    now: datetime,
    sender: str | None = None,
    party: str | None = None,
    strict: bool = False,
    whole: bool = False,
    limits: DocumentLimits = _LIMITS,
) -> Receipt:
    """Capture a document of any EPCIS version and syntax, plain or packed.

    `sender` is who sent it, `party` the canonical GLN key it is captured for. Events that cannot
    be stored are left out, and findings name them; with `strict` they refuse the whole document.
    `whole` does that too, but reads leniently and names every such event.
    Raises DocumentRefused (nothing is stored), StoreFull or StoreAway.
    """
    return capture_on(store, source, CaptureTerms(now, sender, party, strict, whole, limits))


def capture_on(store: Store, source: bytes | BinaryIO, terms: CaptureTerms) -> Receipt:
    """As `capture`, with the terms as one value."""
    with _received(source, terms.limits) as received:
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                return _Capture(store, received, terms).run()
            except (StoreContended, IntegrityError):
                if attempt == ATTEMPTS_MAX:
                    raise
    raise AssertionError("every attempt returns or raises")


def record(tx: Transaction, events: Iterable[Event]) -> Recorded:
    """Store events that Packtrail makes itself, as part of the caller's act.

    They stem from no document and were captured by nobody. Raises ValueError where an event has
    the id of another one.
    """
    intake = Intake(tx, document=None, party=None)
    intake.add([seal(event, event_digest(event), None) for event in events])
    taken = intake.finish()
    if taken.conflicts:
        raise ValueError(f"event id {taken.conflicts[0].event_id} belongs to another event")
    return Recorded(len(taken.seqs), taken.duplicates, tuple(taken.seqs))


@dataclass
class _Capture:
    """One attempt to capture one document."""

    store: Store
    received: _Received
    terms: CaptureTerms

    def __post_init__(self) -> None:
        self.read = 0
        self.unsealed = 0
        self.event_ids: list[str] = []
        self.findings: list[Finding] = []
        self.corrections = Corrections()

    def run(self) -> Receipt:
        """Read to the end, then store: as long as it reads, no act is under way."""
        with self.store.read() as snapshot:
            known = self._known(snapshot)
        if known:
            return self._answered_again(known)
        reader = self._reader()
        rules = RuleCheck(reader, rules=CAPTURE_RULES)
        sealed = self._sealed(reader, rules)
        try:
            if self.received.size_bytes <= MEMORY_BYTES_MAX:
                return self._act(reader, rules, list(sealed), long=False)
            with SealedSpool() as spool:
                spool.fill(sealed)
                return self._act(reader, rules, spool, long=True)
        except DocumentRefused as refused:
            refused.events_seen = self.read + self.unsealed + reader.events_refused
            raise

    def _act(
        self, reader: DocumentReader, rules: RuleCheck, sealed: Iterable[Sealed], *, long: bool
    ) -> Receipt:
        """Store what was read, in one act."""
        with self.store.write(self.terms.now, long=long) as tx:
            receipt = self._known(tx) or self._store(tx, reader, rules, sealed)
            if self.terms.beside:
                self.terms.beside(tx, receipt)
            return receipt

    def _answered_again(self, known: Receipt) -> Receipt:
        """A known document needs no act, unless the caller has something to write."""
        if self.terms.beside:
            with self.store.write(self.terms.now) as tx:
                self.terms.beside(tx, known)
        return known

    def _reader(self) -> DocumentReader:
        self.received.file.seek(0)
        return open_document(self.received.file, strict=self.terms.strict, limits=self.terms.limits)

    def _known(self, snapshot: Snapshot) -> Receipt | None:
        """The receipt of a document that was captured before, with what was found then."""
        row = RawDriver(snapshot).one(_KNOWN, (self.received.digest,))
        if row is None:
            return None
        events_stored, findings = row
        again = Finding(
            "document.known", Severity.INFO, "this document was captured before",
            "Nothing was stored again.",
        )  # fmt: skip
        kept = ReadingNotes.unpacked(findings)
        events = events_stored + kept.refused_unread
        return Receipt(
            document=self.received.digest.hex(),
            events=events,
            new=0,
            duplicates=events - kept.refused,
            refused=kept.refused,
            findings=(again, *kept.findings),
        )

    def _sealed(self, reader: DocumentReader, rules: RuleCheck) -> Iterator[Sealed]:
        for position, event in enumerate(detached(reader)):
            rules.see(event)
            try:
                one = seal(event, event_digest(event), position)
            except (ValueError, OverflowError) as fault:
                self.unsealed += 1
                self._refuse(position, "event.unreadable", str(fault), "Correct the event.")
                continue
            self.read += 1
            self.corrections.note(position, event)
            if len(self.event_ids) < EVENT_IDS_LISTED_MAX:
                self.event_ids.append(one.event_id)
            yield one

    def _store(
        self,
        tx: Transaction,
        reader: DocumentReader,
        rules: RuleCheck,
        sealed: Iterable[Sealed],
    ) -> Receipt:
        number = self._begin_document(tx)
        intake = Intake(tx, document=number, party=self.terms.party)
        for batch in _batches(sealed):
            intake.add(batch)
        taken = intake.finish()
        self._tell_conflicts(taken)
        findings = (
            *reader.findings,
            *self.findings,
            *_as_warnings(rules.beside((), reader.findings)),
            *self.corrections.missing(RawDriver(tx)),
        )
        # Of a document in which nothing can be read, nothing is kept either.
        if (self.terms.strict or self.terms.whole or not self.read) and not is_acceptable(findings):
            raise DocumentRefused(findings)
        unread = reader.events_refused + self.unsealed
        kept = ReadingNotes(unread + len(taken.conflicts), unread, findings)
        self._end_document(tx, number, reader, kept, taken)
        receipt = Receipt(
            document=self.received.digest.hex(),
            events=self.read + unread,
            new=len(taken.seqs),
            duplicates=taken.duplicates,
            refused=kept.refused,
            findings=findings,
            event_ids=tuple(self.event_ids),
        )
        counted = receipt.new + receipt.duplicates + receipt.refused
        assert counted == receipt.events, "every event seen is stored, known or refused"
        return receipt

    def _begin_document(self, tx: Transaction) -> int:
        driver, terms = RawDriver(tx), self.terms
        (number,) = driver.next_numbers("document", "id", 1)
        size_bytes = self.received.size_bytes
        driver.run(
            _BEGIN,
            (
                number,
                self.received.digest,
                microseconds(tx.now),
                terms.sender,
                terms.party,
                size_bytes,
            ),
        )
        for part, content in enumerate(self._parts()):
            driver.run(_PART, (number, part, content))
        return number

    def _parts(self) -> Iterator[bytes]:
        """The original bytes in compressed pieces; the reader's place in the file is kept."""
        file = self.received.file
        place = file.tell()
        file.seek(0)
        while piece := file.read(PART_BYTES):
            yield squeeze(piece)
        file.seek(place)

    def _end_document(
        self,
        tx: Transaction,
        number: int,
        reader: DocumentReader,
        kept: ReadingNotes,
        taken: Taken,
    ) -> None:
        header = reader.header
        document: dict[str, Any] = {
            "syntax": str(reader.stream.sniffed.syntax or ""),
            "events": self.read,
            "header": pack_header(header),
            "findings": kept.packed(),
        }
        driver = RawDriver(tx)
        driver.run(_END, (*(document[name] for name in _ENDED), number))
        document_data = DocumentData(
            **document,
            sha256=self.received.digest,
            size_bytes=self.received.size_bytes,
            received_us=microseconds(tx.now),
            sender=self.terms.sender,
            party=self.terms.party,
            places=taken.places.digest(),
        )
        driver.run(_LEFT, (number, microseconds(tx.now)))
        tx.log(
            LeafKind.DOCUMENT,
            document_data.public(),
            document_data.confidential(),
            subject=document_data.sha256,
        )
        tell_master_data(tx, header, number)

    def _tell_conflicts(self, taken: Taken) -> None:
        for one in taken.conflicts:
            self._refuse(
                one.position,
                "event.id-taken",
                f"another event already has the id {one.event_id}",
                "Give the event an id of its own, or declare the other one wrong.",
            )

    def _refuse(self, position: int | None, code: str, what: str, hint: str) -> None:
        finding = Finding(
            code,
            Severity.ERROR,
            f"event {position}: {what}",
            hint,
            Where(path=f"event[{position}]"),
        )
        if len(self.findings) < self.terms.limits.findings_max:
            self.findings.append(finding)
        if self.terms.strict:
            raise DocumentRefused([finding])


@contextmanager
def _received(source: bytes | BinaryIO, limits: DocumentLimits) -> Iterator[_Received]:
    """The source with its hash, in memory while small, in a temporary file while it is not."""
    if isinstance(source, bytes):
        yield _Received(BytesIO(source), sha256(source).digest(), len(source))
        return
    digest, size_bytes = sha256(), 0
    with tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES_MAX) as spool:
        while piece := source.read(1 << 20):
            digest.update(piece)
            size_bytes += len(piece)
            if size_bytes > limits.document_bytes_max:
                raise DocumentRefused([_too_large(limits)])
            spool.write(piece)
        yield _Received(cast("BinaryIO", spool), digest.digest(), size_bytes)


def _too_large(limits: DocumentLimits) -> Finding:
    return Finding(
        "document.too-large",
        Severity.ERROR,
        f"the document is larger than {limits.document_bytes_max} bytes",
        "Send it in several documents.",
    )


def _batches(sealed: Iterable[Sealed]) -> Iterator[list[Sealed]]:
    """Events in lists of at most `BATCH_EVENTS`, or fewer where they name many EPCs."""
    batch: list[Sealed] = []
    size = 0
    for one in sealed:
        batch.append(one)
        size += len(one.payload)
        if len(batch) == BATCH_EVENTS or size >= BATCH_EPCS * _PAYLOAD_BYTES_PER_EPC:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


_PAYLOAD_BYTES_PER_EPC = 8


def _as_warnings(findings: Iterable[Finding]) -> Iterator[Finding]:
    """What the rules found about events that are stored all the same; remarks are left out."""
    for finding in findings:
        if finding.severity is not Severity.INFO:
            yield replace(finding, severity=Severity.WARNING)
