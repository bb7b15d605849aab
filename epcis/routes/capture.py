"""`/epcis/capture`: documents in, jobs out; `POST /epcis/events`: one event, stored at once.

A body goes to the disk as it arrives and is never whole in memory. What can be found at once
(wrong media type, no XML or JSON, no EPCIS document) is refused at once; the rest is the job's.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from datetime import datetime
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import orjson
from fastapi import Request
from fastapi.responses import Response
from lxml import etree

from epcis import capture_job
from epcis.capture import Receipt
from epcis.capture import capture as capture_document
from epcis.capture_job import AT_ONCE_BYTES_MAX, TooManyJobs
from epcis.capture_outcome import Behaviour, NewJob, counts
from epcis.codec.document import DocumentLimits, Syntax, open_document
from epcis.codec.refusal import DocumentRefused
from epcis.detached import detached
from epcis.hash import event_hash
from epcis.http_context import context_of, now_of, settings_of, store_of
from epcis.problem import Problem
from epcis.query import paging
from epcis.routes.addresses import address, identifier
from epcis.routes.callers import MayCapture
from epcis.routes.described import (
    BEHAVIOUR,
    JSON_DOCUMENT,
    JSON_EVENT,
    LIST_DESCRIBED,
    ONE_DESCRIBED,
    STATED,
    XML_DOCUMENT,
    body_described,
)
from epcis.routes.events import PAGING
from epcis.routes.job_answer import EPCIS_2, job_answer, job_element, job_object
from epcis.routes.negotiation import agree, agree_to_write, content_type, discovery, is_json
from epcis.routes.pages import next_page, per_page
from epcis.routes.problems import refusal
from epcis.routes.resources import refuse_parameters
from epcis.routes.routers import capable, new_router

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from epcis.http_context import Caller, EpcisSettings
    from epcis.model import Event
    from schemas.finding import Finding

EVENT_BYTES_MAX: Final = 16 * 1024 * 1024
"""Largest single event for `POST /events`."""
CHECKED_AT_ONCE_BYTES_MAX: Final = 1024 * 1024
"""Bodies up to this size are read once before 202, so that syntax errors are answered at once."""
_ROOTS: Final = ("EPCISDocument", "EPCISQueryDocument", "EPCISMasterDataDocument")
_TOO_LARGE: Final = ("document.too-many-events", "document.too-large")
_NOT_THE_FRAME: Final = re.compile(r"/eventlist(\[\d+\])?/|/epcisheader\b", re.IGNORECASE)
_FAULTS_LISTED_MAX: Final = 5
_GZIP: Final = ("gzip", "x-gzip")
_PACKED: Final = (b"\x1f\x8b", b"PK")
"""How a body begins that is packed, with gzip or ZIP: it may be large."""

router = new_router("capture")


def body_bytes_max(request: Request) -> int:
    """The largest document this installation takes, in bytes."""
    return settings_of(request).upload_bytes_max


def limits_of(settings: EpcisSettings) -> DocumentLimits:
    """The codec's bounds under these settings."""
    return DocumentLimits(events_max=settings.events_per_capture_max)


def capture_headers(request: Request) -> dict[str, str]:
    """The headers that announce how much a capture may hold."""
    return {
        "GS1-EPCIS-Capture-Limit": str(limits_of(settings_of(request)).events_max),
        "GS1-EPCIS-Capture-File-Size-Limit": str(body_bytes_max(request)),
    }


@router.post(
    "/capture",
    response_class=Response,
    status_code=202,
    openapi_extra=body_described(
        "An EPCIS document, perhaps packed with gzip.",
        *STATED,
        BEHAVIOUR,
        json=JSON_DOCUMENT,
        xml=XML_DOCUMENT,
    ),
)
async def post_capture(request: Request, caller: MayCapture) -> Response:
    """Take a document; the answer names the job that stores it, or stored it if it is small."""
    refuse_parameters(request)
    headers = agree_to_write(request)
    job = NewJob(
        capture_job.new_id(), _behaviour(request), content_type(request), caller.name, caller.party
    )
    packed = _content_coding(request)
    parts = _parts(request)
    is_small = _size_stated(request) <= AT_ONCE_BYTES_MAX and not packed
    first = await _first_part(parts) if is_small else b""
    if is_small and len(first) <= AT_ONCE_BYTES_MAX and not first.startswith(_PACKED):
        await asyncio.to_thread(_capture_at_once, request, job, first)
    else:
        begun = await asyncio.to_thread(_begin_body, request, job.id, first)
        del first  # a sender that pauses now keeps nothing in memory
        await _leave_to_workers(request, job, begun, parts)
    headers |= {
        "Location": address(request, "capture", job.id),
        "GS1-Capture-Error-Behaviour": job.behaviour.value,
    }
    return Response(status_code=202, headers=headers)


async def _parts(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes; refuses one that is too large."""
    bytes_max, size_bytes = body_bytes_max(request), 0
    async for part in request.stream():
        size_bytes += len(part)
        if size_bytes > bytes_max:
            raise too_large(request)
        yield part


def _size_stated(request: Request) -> int:
    """The size of the body as its head states it, in bytes; 0 where it states none."""
    stated = request.headers.get("content-length", "")
    return int(stated) if stated.isdigit() else 0


async def _first_part(parts: AsyncIterator[bytes]) -> bytes:
    """The whole body where it is small, else a little more than a small one has."""
    first = bytearray()
    async for part in parts:
        first += part
        if len(first) > AT_ONCE_BYTES_MAX:
            break
    return bytes(first)


def _capture_at_once(request: Request, job: NewJob, body: bytes) -> None:
    """Store a small document; 202 names a job that is done."""
    limits = limits_of(settings_of(request))
    _check_syntax(request, partial(BytesIO, body), job.media_type)
    capture_job.do_at_once(
        store_of(request), job, body, clock=context_of(request).clock, limits=limits
    )


def _begin_body(request: Request, job_id: str, first: bytes) -> Path:
    """The file of a large body, with what came of it so far."""
    body = _body_path(request, job_id)
    try:
        body.write_bytes(first)
    except BaseException:
        body.unlink(missing_ok=True)
        raise
    return body


async def _leave_to_workers(
    request: Request, job: NewJob, body: Path, parts: AsyncIterator[bytes]
) -> None:
    """Write the rest of a body to the disk as it comes, and open the job that will store it."""

    def opened() -> BinaryIO:
        return body.open("rb")

    try:
        with body.open("ab") as file:
            async for part in parts:
                await asyncio.to_thread(file.write, part)
        if _content_coding(request):
            await asyncio.to_thread(_must_be_gzip, body)
        size_bytes = body.stat().st_size  # noqa: ASYNC240  # as quick as the opening itself
        is_small = size_bytes <= CHECKED_AT_ONCE_BYTES_MAX
        await asyncio.to_thread(_check_syntax, request, opened, job.media_type, to_end=is_small)
        await asyncio.to_thread(capture_job.keep, body)
        await asyncio.to_thread(_open_job, request, job, body)
    except BaseException:
        with suppress(FileNotFoundError):
            body.unlink()  # noqa: ASYNC240  # cancelled tasks must not wait for a thread
        raise
    capture_job.ring(store_of(request))


def _behaviour(request: Request) -> Behaviour:
    stated = request.headers.get("gs1-capture-error-behaviour", Behaviour.ROLLBACK.value)
    try:
        return Behaviour(stated)
    except ValueError:
        raise refusal(
            "ValidationException",
            f"GS1-Capture-Error-Behaviour '{stated[:40]}' is neither rollback nor proceed",
        ) from None


def _body_path(request: Request, job_id: str) -> Path:
    folder = capture_job.incoming(store_of(request), settings_of(request).data_dir)
    return folder / f"{job_id}.body"


def _content_coding(request: Request) -> str:
    """How the caller packed the body; empty: not at all."""
    packed = request.headers.get("content-encoding", "").strip().lower()
    if packed not in ("", "identity", *_GZIP):
        raise refusal(
            "UnsupportedMediaTypeException", f"Content-Encoding '{packed[:40]}' is not gzip"
        )
    return packed if packed in _GZIP else ""


def _must_be_gzip(body: Path) -> None:
    with body.open("rb") as file:
        if file.read(2) != b"\x1f\x8b":
            raise refusal("ValidationException", "Content-Encoding says gzip, the body is not")


def too_large(request: Request) -> Problem:
    """413 for a body beyond the size limit."""
    return refusal(
        "CaptureLimitExceededException",
        f"the body is larger than {body_bytes_max(request)} bytes; send several documents",
        headers=capture_headers(request),
    )


def _check_syntax(
    request: Request, opened: Callable[[], BinaryIO], media_type: str, *, to_end: bool = True
) -> None:
    """Refuse what is no EPCIS document of the stated kind; a small one is read to its end."""
    with opened() as source:
        reader = open_document(source, limits=limits_of(settings_of(request)))
        sniffed = reader.stream.sniffed
        _must_agree(sniffed.syntax, media_type)
        if sniffed.root and sniffed.root not in _ROOTS:
            raise refusal("ValidationException", f"<{sniffed.root}> is no EPCIS document")
        if not to_end:
            return
        try:
            for _ in reader:
                pass
        except DocumentRefused as refused:
            raise _beyond_limits(request, refused) or refused from None
        if reader.header.kind == "event":
            raise refusal(
                "ValidationException",
                "the body is a bare event; send it to /epcis/events, or inside an EPCISDocument",
            )
    if sniffed.syntax is not Syntax.XML_1_2:
        _refuse_wrong_frame(reader.findings)


STRAY_TEXT = "document.text-not-kept"
"""Text between the events: 1.2 files are read with a finding, the frame of 2.0 forbids it."""


def _refuse_wrong_frame(findings: Iterable[Finding]) -> None:
    """Refuse a document of EPCIS 2.0 that is wrong around its events: no behaviour can mend that.

    Findings on events are the job's to tell.
    """
    faults = tuple(
        one
        for one in findings
        if (one.code.startswith(("json.", "xml.")) or one.code == STRAY_TEXT)
        and not _NOT_THE_FRAME.search(one.where.path or "")
    )
    if faults:
        what = "; ".join(one.what for one in faults[:_FAULTS_LISTED_MAX])
        raise refusal("ValidationException", what, faults)


def _beyond_limits(request: Request, refused: DocumentRefused) -> Problem | None:
    """413 where a document was refused for its size; None where it is something else."""
    if not any(one.code in _TOO_LARGE for one in refused.findings):
        return None
    return refusal(
        "CaptureLimitExceededException",
        str(refused),
        refused.findings,
        headers=capture_headers(request),
    )


def _must_agree(syntax: Syntax | None, media_type: str) -> None:
    if (syntax is Syntax.JSON_LD) != is_json(media_type):
        raise refusal(
            "ValidationException", f"Content-Type is {media_type}, but the body is something else"
        )


def _open_job(request: Request, job: NewJob, body: Path) -> None:
    try:
        capture_job.open_job(store_of(request), job, body, now=now_of(request))
    except TooManyJobs:
        raise Problem(
            503,
            "Try again",
            "more capture jobs wait than may; the document was not taken",
            type="epcisException:ImplementationException",
            headers={"Retry-After": "30"},
        ) from None


def _owner(caller: Caller) -> str | None:
    """Whose jobs a caller may see: its own, or all for an administrator."""
    return None if "admin" in caller.scopes else caller.name


@router.get("/capture", response_class=Response, openapi_extra=LIST_DESCRIBED)
def list_jobs(request: Request, caller: MayCapture) -> Response:
    """A page of the caller's capture jobs, newest first."""
    refuse_parameters(request, *PAGING)
    agreement = agree(request)
    rows_max, now = per_page(request), now_of(request)
    mark = paging.fingerprint(request.url.path, caller.name)
    with store_of(request).read(party=caller.party) as snapshot:
        stated = request.query_params.get("nextPageToken")
        cursor = paging.read_token(snapshot, stated, mark, now) if stated is not None else None
        after = _after(cursor) if cursor else None
        found = capture_job.jobs(
            snapshot, caller=_owner(caller), after=after, rows_max=rows_max + 1
        )
    headers = dict(agreement.headers)
    shown = found[:rows_max]
    if len(found) > rows_max:
        last = (f"{shown[-1].created.isoformat()} {shown[-1].id}",)
        headers |= next_page(request, paging.PageCursor(mark, paging.expiry(now), last))
    if agreement.is_xml:
        root = etree.Element(f"{{{EPCIS_2}}}Collection", nsmap={"epcis": EPCIS_2})
        root.extend(job_element(one) for one in shown)
        content = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    else:
        content = orjson.dumps([job_object(one) for one in shown])
    return Response(content, headers=headers, media_type=agreement.media_type)


def _after(cursor: paging.PageCursor) -> tuple[datetime, str]:
    """The time and id of the last job that was shown."""
    created, _, job_id = cursor.text().partition(" ")
    try:
        return datetime.fromisoformat(created), job_id
    except ValueError:
        raise paging.BadToken("is no token of this list") from None


@router.get("/capture/{capture_id:path}", response_class=Response, openapi_extra=ONE_DESCRIBED)
def show_job(request: Request, capture_id: str, caller: MayCapture) -> Response:
    """How far a capture job is, and what it could not store."""
    del capture_id  # decoded too often by then, see addresses
    refuse_parameters(request)
    agreement = agree(request)
    wanted = identifier(request, "capture")
    with store_of(request).read(party=caller.party) as snapshot:
        found = capture_job.job(snapshot, wanted, caller=_owner(caller))
    if found is None:
        raise refusal("NoSuchResourceException", f"no capture job '{wanted[:200]}'")
    return job_answer(found, agreement)


# --- one event at once ----------------------------------------------------------------------------


@router.post(
    "/events",
    response_class=Response,
    status_code=201,
    openapi_extra=body_described("One event, as JSON-LD or XML.", *STATED, json=JSON_EVENT),
)
async def post_event(request: Request, caller: MayCapture) -> Response:
    """Store one event before answering; the same event again is the same answer.

    The answer names what is odd about the event, which is stored as it was sent.
    """
    refuse_parameters(request)
    headers = agree_to_write(request)
    media_type = content_type(request)
    body = await _event_body(request)
    event_id, receipt = await asyncio.to_thread(_store_event, request, caller, body, media_type)
    headers["Location"] = address(request, "events", event_id)
    answer = {
        "eventID": event_id,
        "events": counts(receipt),
        "findings": [finding.as_dict() for finding in receipt.findings],
    }
    return Response(
        orjson.dumps(answer), status_code=201, headers=headers, media_type="application/json"
    )


async def _event_body(request: Request) -> bytes:
    bytes_max = min(EVENT_BYTES_MAX, body_bytes_max(request))
    body = bytearray()
    async for part in request.stream():
        body.extend(part)
        if len(body) > bytes_max:
            raise refusal(
                "CaptureLimitExceededException",
                f"one event may have {bytes_max} bytes; send larger ones to /epcis/capture",
                headers=capture_headers(request),
            )
    return bytes(body)


def _store_event(
    request: Request, caller: Caller, body: bytes, media_type: str
) -> tuple[str, Receipt]:
    """Capture the one event of a body; its id and what became of it."""
    reader = open_document(body, strict=True)
    _must_agree(reader.stream.sniffed.syntax, media_type)
    events: list[Event] = []
    for event in detached(reader):
        events.append(event)
        if len(events) > 1:
            break
    if len(events) != 1 or reader.header.kind not in ("event", "document"):
        raise refusal(
            "ValidationException", "the body must hold one event; send more to /epcis/capture"
        )
    try:
        receipt = capture_document(
            store_of(request),
            body,
            now=now_of(request),
            sender=caller.name,
            party=caller.party,
            strict=True,
        )
    except DocumentRefused as refused:
        if any(one.code == "event.id-taken" for one in refused.findings):
            raise refusal(
                "ResourceAlreadyExistsException", str(refused), refused.findings
            ) from None
        raise
    return events[0].event_id or event_hash(events[0]), receipt


@router.options("/capture", response_class=Response, status_code=204)
def capture_options(request: Request) -> Response:
    """What can be captured here, and how much at once."""
    headers = {
        "Allow": "OPTIONS, GET, POST",
        **discovery(),
        **capture_headers(request),
        "GS1-Capture-Error-Behaviour": "all",
    }
    return Response(status_code=204, headers=headers)


capable(router, "/capture", "GET, POST", is_described=False)
capable(router, "/capture/{capture_id:path}", "GET")
capable(router, "/events", "GET, POST")
