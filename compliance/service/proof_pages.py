"""`/verify-dossier`: what a dossier proves, without an account; `/log`: how the log does."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, File, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from compliance.service.context import service_context_of
from compliance.service.pages import is_for_a_person, render
from epcis.http_context import now_of, store_of
from epcis.ledger import sequencer
from epcis.ledger.tree import Tree
from epcis.ledger.witness import forks
from epcis.problem import Problem
from epcis.routes.log import newest_note

if TYPE_CHECKING:
    from collections.abc import Mapping

    from compliance.dossier.verify import VerifiedDossier

router = APIRouter(tags=["proof"])

DOSSIER_BYTES_MAX = 256 * 1024 * 1024
"""Larger dossiers are checked with the program inside them; nobody fills this disk."""
ROOTS_BYTES_MAX = 1024 * 1024
_COPY_BYTES = 1024 * 1024
_AT_ONCE_MAX = 2
_BUSY = asyncio.Semaphore(_AT_ONCE_MAX)
"""Anybody may ask, so checks take turns and leave the processors to the counters."""
_OUTCOMES: Mapping[int, tuple[str, str, str]] = {
    0: ("intact", "ok", "Intact: nothing was changed since it was sealed."),
    1: ("tampered", "stop", "Do not rely on it: it is damaged, changed, or no dossier."),
    2: ("cannot tell", "unknown", "It cannot be known with this root certificate."),
}
"""By exit code of the check: word, tone and sentence."""

DossierFile = Annotated[UploadFile, File(description="the dossier (.asice)")]
RootsFile = Annotated[
    UploadFile | None, File(description="root certificates you trust (PEM); without it ours")
]


@router.get("/verify-dossier", include_in_schema=False)
def verify_dossier_form(request: Request) -> Response:
    """The page to drop a dossier on."""
    return render("verify_dossier.html", request, outcome=None)


@router.post("/verify-dossier", response_model=None)
async def verify_dossier(
    request: Request, dossier: DossierFile, roots: RootsFile = None
) -> Response:
    """Check a dossier from anywhere: seal, stamps and every entry; nothing of it is kept.

    Answers `{"outcome", "say", "signed", "findings"}`; 413 for more than 256 MiB, 503 while others
    are being checked.
    """
    if _BUSY.locked():
        what = "other dossiers are being checked just now"
        raise Problem(503, "Busy", what, headers={"Retry-After": "5"})
    trusted = await roots.read(ROOTS_BYTES_MAX) if roots is not None and roots.size else b""
    async with _BUSY:
        found = await run_in_threadpool(_checked, request, dossier, trusted)
    word, tone, say = _OUTCOMES[found.exit_code]
    context = {
        "outcome": word,
        "say": say,
        "signed": found.signed_at.isoformat() if found.signed_at else None,
        "findings": [finding.as_dict() for finding in found.findings],
    }
    if not is_for_a_person(request):
        return JSONResponse(context)
    name = (dossier.filename or "")[:200]
    shown = {"outcome": context, "tone": tone, "name": name, "is_ours": not trusted}
    return render("verify_dossier.html", request, **shown)


def _checked(request: Request, dossier: UploadFile, trusted: bytes) -> VerifiedDossier:
    from compliance.dossier.verify import verify_export

    with tempfile.TemporaryDirectory(prefix="packtrail-") as folder:
        path = Path(folder) / "dossier.asice"
        with path.open("wb") as file:
            while part := dossier.file.read(_COPY_BYTES):
                if file.tell() + len(part) > DOSSIER_BYTES_MAX:
                    raise Problem(413, "Too large", f"more than {DOSSIER_BYTES_MAX:,} bytes")
                file.write(part)
        return verify_export(path, trusted or service_context_of(request).keys.trusted_pem())


@router.get("/log", include_in_schema=False)
def log_page(request: Request) -> Response:
    """How many entries the log has, its newest checkpoint, and whether a witness saw a fork."""
    with store_of(request).read() as snapshot:
        waiting = sequencer.delay(snapshot, now=now_of(request))
        shown = {
            "entries": Tree(snapshot.connection).size,
            "delay_s": round(waiting.total_seconds()),
            "promised_s": round(sequencer.DELAY_PROMISED.total_seconds()),
            "is_late": waiting >= sequencer.DELAY_ALARM,
            "forks": forks(snapshot),
        }
    try:
        note = newest_note(request)
    except Problem:
        note = ""
    return render("log.html", request, note=note, **shown)
