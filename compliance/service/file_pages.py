"""`/files`: drop a file, see it explained, fetch its corrected copy, capture it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Depends, Form, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, RedirectResponse, Response
from starlette.background import BackgroundTask

from compliance.routes.files import Checking, media_type
from compliance.rules.profiles import AUTO, PROFILES
from compliance.service.context import service_context_of
from compliance.service.file_desk import DroppedFile, FileDesk
from compliance.service.pages import render
from epcis import capture_job
from epcis.capture_job import TooManyJobs
from epcis.capture_outcome import Behaviour, NewJob
from epcis.codec.document import DocumentLimits, DocumentRefused, Syntax
from epcis.codec.refusal import FindingCollector
from epcis.codec.unpack import PlainStream
from epcis.http_context import Caller, caller_of, needs, now_of, settings_of, store_of
from epcis.problem import Problem

if TYPE_CHECKING:
    from pathlib import Path

router = APIRouter(include_in_schema=False)

MayCheck = Annotated[Caller, Depends(needs("capture"))]
_NEWS_EVERY_BYTES = 2**20


@router.get("/files")
def files(request: Request) -> Response:
    """The form to drop a file."""
    return _form(request)


def _form(request: Request, refused: str = "", status: int = 200) -> Response:
    profiles = {AUTO: "as the file itself names its guideline"}
    profiles |= {name: one.about for name, one in PROFILES.items()}
    party = caller_of(request).party
    page = render(
        "files.html", request, profiles=profiles, refused=refused, may_compare=party is None
    )
    page.status_code = status
    return page


@router.post("/files")
async def drop(
    request: Request,
    caller: MayCheck,
    file: UploadFile,
    profile: Annotated[str, Form()] = AUTO,
    history: Annotated[str, Form()] = "",
) -> Response:
    """Take a file and check it; its page shows how far that is."""
    if profile not in (AUTO, *PROFILES):
        return _form(request, f"there is no profile '{profile[:40]}'", 422)
    if not file.size:
        return _form(request, "Choose a file first.", 422)
    desk = _desk(request)
    dropped = await run_in_threadpool(
        desk.drop,
        file.file,
        file.filename or "",
        by=caller.name,
        profile=profile,
        now=now_of(request),
    )
    work = BackgroundTask(_check, request, caller, dropped, history=bool(history))
    return RedirectResponse(f"/files/{dropped.id}", status_code=303, background=work)


def _check(request: Request, caller: Caller, dropped: DroppedFile, *, history: bool) -> None:
    """Check a file on the desk, and note how far it is."""
    desk = _desk(request)
    try:
        with desk.path(dropped).open("rb") as file:
            is_against = history and caller.party is None
            work = _NotedChecking(request, file, dropped.profile, history=is_against)
            work.follow(desk, dropped)
            report, copy = work.report(dropped.name)
        if copy is not None:
            desk.path(dropped, corrected=True).write_bytes(copy)
        desk.note(msgspec.structs.replace(dropped, report=report.as_dict()))
    except Problem as problem:
        desk.note(msgspec.structs.replace(dropped, error=problem.detail))
    except OSError as fault:
        desk.note(msgspec.structs.replace(dropped, error=str(fault.strerror or fault)))


class _NotedChecking(Checking):
    """A check whose news are kept beside the file."""

    _desk: FileDesk
    _dropped: DroppedFile
    _noted_bytes = 0

    def follow(self, desk: FileDesk, dropped: DroppedFile) -> None:
        """Keep the news here."""
        self._desk, self._dropped = desk, dropped

    def news(self, read_bytes: int) -> None:
        """How far the check is."""
        super().news(read_bytes)
        if read_bytes - self._noted_bytes >= _NEWS_EVERY_BYTES:
            self._noted_bytes = read_bytes
            self._desk.note(msgspec.structs.replace(self._dropped, read_bytes=read_bytes))


@router.get("/files/{file_id}")
def show(request: Request, caller: MayCheck, file_id: str) -> Response:
    """What a file says, what is wrong in it, and what can be done."""
    dropped = _found(request, caller, file_id)
    job = None
    if dropped.capture_job:
        with store_of(request).read() as snapshot:
            job = capture_job.job(snapshot, dropped.capture_job, caller=caller.name)
    return render(
        "file.html",
        request,
        file=dropped,
        report=dropped.report,
        job=job,
        busy=(dropped.report is None and not dropped.error) or (job and job.running),
        may_correct=_desk(request).path(dropped, corrected=True).is_file(),
    )


@router.get("/files/{file_id}/corrected")
def corrected(request: Request, caller: MayCheck, file_id: str) -> Response:
    """The corrected copy, as a download."""
    dropped = _found(request, caller, file_id)
    path = _desk(request).path(dropped, corrected=True)
    if not path.is_file():
        raise Problem(404, "No corrected copy", "nothing in this file has a safe correction")
    with path.open("rb") as file:
        kind = media_type(file.read(100))
    return FileResponse(path, media_type=kind, filename=f"corrected-{dropped.name}")


@router.post("/files/{file_id}/capture")
def capture(
    request: Request, caller: MayCheck, file_id: str, which: Annotated[str, Form()] = "file"
) -> Response:
    """Capture the file, or its corrected copy, as `POST /epcis/capture` does."""
    dropped, desk, store = _found(request, caller, file_id), _desk(request), store_of(request)
    source = desk.path(dropped, corrected=which == "corrected")
    if not source.is_file():
        raise Problem(404, "No corrected copy", "nothing in this file has a safe correction")
    job_id = capture_job.new_id()
    body = capture_job.incoming(store, settings_of(request).data_dir) / f"{job_id}.body"
    shutil.copyfile(source, body)
    try:
        kind = _kind_of(body)
        capture_job.keep(body)
        wanted = NewJob(job_id, Behaviour.ROLLBACK, kind, caller.name, caller.party)
        capture_job.open_job(store, wanted, body, now=now_of(request))
    except (TooManyJobs, DocumentRefused) as refused:
        body.unlink(missing_ok=True)
        raise Problem(503, "Not captured", str(refused) or "too many documents wait") from None
    capture_job.ring(store)
    desk.note(msgspec.structs.replace(dropped, capture_job=job_id))
    return RedirectResponse(f"/files/{file_id}", status_code=303)


def _kind_of(body: Path) -> str:
    """The media type of a document; raises DocumentRefused for what is none."""
    with body.open("rb") as file:
        stream = PlainStream(DocumentLimits(), FindingCollector(listed_max=1)).open(file)
        is_json = stream.sniffed.syntax is Syntax.JSON_LD
    return "application/json" if is_json else "application/xml"


def _desk(request: Request) -> FileDesk:
    return FileDesk(service_context_of(request).settings.data_dir / "files")


def _found(request: Request, caller: Caller, file_id: str) -> DroppedFile:
    dropped = _desk(request).find(file_id, caller.name)
    if dropped is None:
        what = "a dropped file is kept for an hour and shown to who dropped it: drop it again"
        raise Problem(404, "No such file", what)
    return dropped
