"""`/exports`: request a dossier, follow its progress, download it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import AfterValidator, BaseModel, Field

from compliance.context import compliance_settings_of
from compliance.dossier.export import OPERATOR, Recipient
from compliance.dossier.jobs import (
    ExportJob,
    ask,
    file_of,
    find_job,
    forget,
    list_jobs,
    shared_dossier,
)
from compliance.dossier.kinds import KINDS, DossierSelection, selection_from
from compliance.dossier.redaction import RedactionProfile, find_profile, profiles_in
from compliance.dossier.refusal import ExportRefused
from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem
from epcis.store.shared_file import shared_parts, shared_size_bytes
from schemas.gs1.keys import Gtin

_log = structlog.get_logger(__name__)
router = APIRouter(prefix="/exports", tags=["exports"])

MayExport = Annotated[Caller, Depends(needs("export"))]
Word = Annotated[str, Field(max_length=512)]


def _known_kind(name: str) -> str:
    if name not in KINDS:
        raise ValueError(f"a dossier is of one of these kinds: {', '.join(KINDS)}")
    return name


PARTNERS = "partner"
"""The redaction profile of every request by a partner."""
DOSSIER_TYPE = "application/vnd.etsi.asic-e+zip"


class DossierWanted(BaseModel):
    """What a dossier is about: its kind, and what that kind needs."""

    kind: Annotated[str, AfterValidator(_known_kind), Field(json_schema_extra={"enum": [*KINDS]})]
    gtin: Word = ""
    serial: Word = ""
    lot: Word = ""
    sscc: Word = ""
    transaction: Word = ""
    id: Word = ""
    from_: Word = Field(default="", alias="from")
    to: Word = ""
    by: Literal["event time", "record time"] = "event time"
    who: Word = ""
    purpose: Literal["39(a)", "39(b)", "39(c)"] = "39(a)"
    profile: Word = Field(default="", description="redaction profile; empty: of whom it is for")


@router.post("", status_code=202)
def ask_(
    request: Request, response: Response, caller: MayExport, body: DossierWanted
) -> dict[str, object]:
    """Request a dossier; it is made in the background, follow its state at the `Location`."""
    job = order(request, caller, _selection(body), body.profile)
    response.headers["Location"] = f"/exports/{job.id}"
    return job.as_dict()


def order(
    request: Request, caller: Caller, selection: DossierSelection, profile: str = ""
) -> ExportJob:
    """Request a dossier as this caller; a partner gets none about the operator itself.

    A partner's dossier is always made under the profile for partners.

    Raises Problem 403, 422 or 429.
    """
    if caller.party and selection.is_for_operator:
        raise Problem(403, "Not allowed", f"a {selection.kind} is for the operator itself")
    name = PARTNERS if caller.party else profile or selection.profile
    try:
        find_profile(name, own_profiles(request))
    except (ExportRefused, OSError) as refused:
        raise Problem(422, "No such profile", str(refused)) from None
    try:
        with store_of(request).write(now_of(request)) as tx:
            return ask(tx, selection, by=caller.name, profile=name, party=caller.party)
    except ExportRefused as refused:
        raise Problem(
            429, "Too many dossiers wait", str(refused), headers={"Retry-After": "60"}
        ) from None


@router.get("")
def list_(request: Request, caller: MayExport) -> list[dict[str, object]]:
    """The dossiers that were asked for, newest first; a partner sees its own."""
    with store_of(request).read() as snapshot:
        return [job.as_dict() for job in list_jobs(snapshot) if _may_see(job, caller)]


@router.get("/profiles")
def profiles(request: Request, caller: MayExport) -> list[dict[str, object]]:
    """All redaction profiles, and what each keeps, hashes and leaves out."""
    found = all_profiles(request)
    return [one.as_dict() for one in found if not caller.party or one.name == PARTNERS]


@router.get("/{job_id}")
def status(request: Request, caller: MayExport, job_id: str) -> dict[str, object]:
    """How far a dossier is."""
    return _job(request, caller, job_id).as_dict()


@router.get("/{job_id}/file")
def fetch(request: Request, caller: MayExport, job_id: str) -> Response:
    """The dossier itself, once it is ready."""
    job = _job(request, caller, job_id)
    path, store, shared = file_of(folder_of(request), job.id), store_of(request), None
    if job.state == "ready":
        if path.is_file():
            return FileResponse(path, media_type=DOSSIER_TYPE, filename=path.name)
        with store.read() as snapshot:
            shared = shared_size_bytes(snapshot, shared_dossier(job.id))
    if shared is None:
        raise Problem(409, "Not ready", f"the dossier is {job.state}: {job.error or 'wait for it'}")
    headers = {
        "Content-Length": str(shared),
        "Content-Disposition": f'attachment; filename="{path.name}"',
    }
    parts = shared_parts(store, shared_dossier(job.id))
    return StreamingResponse(parts, headers=headers, media_type=DOSSIER_TYPE)


@router.delete("/{job_id}", status_code=204)
def forget_(request: Request, caller: MayExport, job_id: str) -> Response:
    """Remove a dossier that nobody needs any more; the log still records that it was made."""
    job = _job(request, caller, job_id)
    if job.state == "running":
        raise Problem(409, "Being made", "a dossier can be removed when it is ready or refused")
    with store_of(request).write(now_of(request)) as tx:
        forget(tx, job.id, folder_of(request))
    return Response(status_code=204)


def recipient_of(request: Request, caller: Caller) -> Recipient:
    """For whom a dossier is that this caller asks for: a partner sees what names its party."""
    if caller.party is None:
        return OPERATOR
    return Recipient(find_profile(PARTNERS, own_profiles(request)), caller.party)


def own_profiles(request: Request) -> Path | None:
    """Folder of the operator's own redaction profiles."""
    return compliance_settings_of(request).redaction_profiles


def all_profiles(request: Request) -> list[RedactionProfile]:
    """Every redaction profile that can be used here, by name."""
    own = own_profiles(request)
    found = []
    for name in sorted(profiles_in(own)):
        try:
            found.append(find_profile(name, own))
        except (ExportRefused, OSError) as fault:
            _log.warning("a redaction profile cannot be used", name=name, why=str(fault))
    return found


def folder_of(request: Request) -> Path:
    """The folder of finished dossiers."""
    return compliance_settings_of(request).exports_folder


def _job(request: Request, caller: Caller, job_id: str) -> ExportJob:
    with store_of(request).read() as snapshot:
        job = find_job(snapshot, job_id)
    if job is None or not _may_see(job, caller):
        raise Problem(404, "No such dossier", f"no dossier {job_id} was asked for")
    return job


def _may_see(job: ExportJob, caller: Caller) -> bool:
    return caller.party is None or job.party == caller.party


def _selection(body: DossierWanted) -> DossierSelection:
    fields = {key: str(value) for key, value in body.model_dump(by_alias=True).items() if value}
    try:
        if body.gtin:
            fields["gtin"] = str(Gtin.parse(body.gtin))
        return selection_from(fields)
    except ValueError as fault:
        raise Problem(422, "No such dossier", str(fault)) from None
