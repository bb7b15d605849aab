"""What comes of the document of a capture job: stored, known or refused, and why.

Standard: EPCIS 2.0 section 8.1.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

import orjson
import structlog

from epcis.capture import CaptureTerms, Receipt, capture_on
from epcis.codec.document import DocumentLimits, DocumentRefused, Syntax, open_document
from epcis.database.transactions import StoreAway, StoreFull
from epcis.store.payload import squeeze
from schemas.finding import Finding, Severity, is_acceptable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from epcis.clock import Clock
    from epcis.ledger.store import Store, Transaction

ERRORS_MAX: Final = 1000
"""Most errors a job lists."""
FINDINGS_MAX: Final = 1000
"""Most findings about stored events that it lists beside them."""

_log = structlog.get_logger(worker="capture")


class Behaviour(StrEnum):
    """What a job does about events that cannot be stored (GS1-Capture-Error-Behaviour)."""

    ROLLBACK = "rollback"
    """All or nothing."""
    PROCEED = "proceed"
    """Store what can be stored, name the rest."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """What a caller asks of a job."""

    id: str
    behaviour: Behaviour
    media_type: str
    caller: str
    party: str | None

    def row(self, created: datetime) -> dict[str, object]:
        """The columns of `capture_job` that never change."""
        return {
            "id": self.id,
            "created": created,
            "behaviour": self.behaviour.value,
            "media_type": self.media_type,
            "caller": self.caller,
            "party": self.party,
        }


@dataclass(frozen=True, slots=True)
class CaptureOutcome:
    """What came of a job."""

    errors: list[dict[str, object]]
    events: dict[str, int]
    findings: list[dict[str, object]]
    is_stored: bool = False
    """Whether the document was captured, now or before."""

    @classmethod
    def of_receipt(cls, receipt: Receipt) -> CaptureOutcome:
        """The document was captured, now or before."""
        findings = [one.as_dict() for one in receipt.findings if is_acceptable([one])]
        return cls(_problems(_errors(receipt.findings)), counts(receipt), findings, is_stored=True)

    @classmethod
    def of_refusal(cls, findings: Sequence[Finding], events_seen: int) -> CaptureOutcome:
        """Nothing of the document was stored."""
        acceptable = [one.as_dict() for one in findings if is_acceptable([one])]
        events = {"seen": events_seen, "stored": 0, "refused": events_seen, "duplicates": 0}
        return cls(_problems(_errors(findings)), events, acceptable)

    def columns(self, finished: datetime) -> dict[str, object]:
        """The columns of `capture_job` that tell it."""
        columns = {
            "events": self.events,
            "errors": self.errors,
            "findings": self.findings[:FINDINGS_MAX],
        }
        return {
            "running": False,
            "finished": finished,
            "success": not self.errors,
            "errors": squeeze(orjson.dumps(columns)),
        }


def counts(receipt: Receipt) -> dict[str, int]:
    """What became of the events of a document, by the names that callers see."""
    return {
        "seen": receipt.events,
        "stored": receipt.new,
        "refused": receipt.refused,
        "duplicates": receipt.duplicates,
    }


class JobBounds(NamedTuple):
    """What a job is done with."""

    clock: Clock
    limits: DocumentLimits
    beside: Callable[[Transaction, Receipt], None] | None = None


def captured_for(
    store: Store, job: NewJob, opened: Callable[[], BinaryIO], bounds: JobBounds
) -> CaptureOutcome:
    """Capture a body, which can be opened again, and tell what came of it."""
    whole = job.behaviour is Behaviour.ROLLBACK
    limits = bounds.limits
    strict = False
    try:
        strict = whole and not _is_1_x(opened, limits)
        terms = CaptureTerms(
            bounds.clock(), job.caller, job.party, strict, whole, limits, bounds.beside
        )
        with opened() as source:
            receipt = capture_on(store, source, terms)
    except DocumentRefused as refused:
        more, events_seen = all_findings(opened, limits) if strict else ((), refused.events_seen)
        found = dict.fromkeys((*refused.findings, *more))
        return CaptureOutcome.of_refusal(tuple(found), events_seen)
    except FileNotFoundError:
        return CaptureOutcome.of_refusal([_GONE], 0)
    except (StoreFull, StoreAway):
        raise
    except Exception:  # noqa: BLE001  # a fault of ours must not stop the jobs behind this one
        _log.exception("capture job failed", job=job.id)
        outcome = CaptureOutcome.of_refusal([_OUR_FAULT], 0)
        outcome.errors[0] |= {"type": _IMPLEMENTATION, "status": 500}
        return outcome
    return CaptureOutcome.of_receipt(receipt)


_IMPLEMENTATION: Final = "epcisException:ImplementationException"
_GONE: Final = Finding(
    "document.gone",
    Severity.ERROR,
    "the body of this job is no longer on the disk",
    "Send the document again.",
)
_OUR_FAULT: Final = Finding(
    "capture.fault",
    Severity.ERROR,
    "the document could not be captured because of a fault of this repository",
    "Nothing of it was stored; tell the operator, who finds the reason in the log.",
)


def _is_1_x(opened: Callable[[], BinaryIO], limits: DocumentLimits) -> bool:
    """Whether a body is EPCIS 1.x, which partners send in forms its schema does not know.

    Those are taken as they are (with findings); EPCIS 2.0 must be what its schema says.
    """
    with opened() as source:
        return open_document(source, limits=limits).stream.sniffed.syntax is Syntax.XML_1_2


def all_findings(
    opened: Callable[[], BinaryIO], limits: DocumentLimits
) -> tuple[tuple[Finding, ...], int]:
    """All that a refused document has against it, and how many events it holds.

    For a caller who mends it at once. What a schema finds counts as an error here.
    """
    with opened() as source:
        events = 0
        try:
            reader = open_document(source, limits=limits, strict=True, refuses=False)
            for _ in reader:
                events += 1
        except DocumentRefused as refused:
            return refused.findings, events
        return tuple(reader.findings), events + reader.events_refused


def _errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(one for one in findings if not is_acceptable([one]))


def _problems(findings: Sequence[Finding]) -> list[dict[str, object]]:
    """Findings as problems of the standard, each with where it is."""
    problems: list[dict[str, object]] = [
        {
            "type": "epcisException:ValidationException",
            "title": "EPCIS event not stored",
            "status": 409 if finding.code == "event.id-taken" else 400,
            "detail": f"{finding.what}. {finding.hint}".strip(),
            "code": finding.code,
            "where": finding.where.as_dict(),
        }
        for finding in findings[:ERRORS_MAX]
    ]
    return problems
