"""The page of what an identifier names; its address is the GS1 Digital Link."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import FileResponse, JSONResponse
from starlette.background import BackgroundTask

from compliance.dossier import Pack
from compliance.dossier import export as write_dossier
from compliance.dossier.refusal import ExportRefused
from compliance.fields import GtinText, SerialText
from compliance.routes.exports import recipient_of
from compliance.service.cards import card_of_pack
from compliance.service.context import service_context_of
from compliance.service.pages import render
from epcis.http_context import Caller, caller_of, needs, now_of, store_of
from epcis.problem import Problem
from schemas.finding import Severity
from schemas.gs1.digital_link import RESOLVER
from schemas.gs1.digital_link import parse as parse_link
from schemas.gs1.expiry import expiry_date
from verification.context import verification_settings_of
from verification.decision.act import Asked

if TYPE_CHECKING:
    from starlette.responses import Response

router = APIRouter(include_in_schema=False)

GtinField = Annotated[GtinText, Form()]
SerialField = Annotated[SerialText, Form()]


@router.get("/01/{link:path}")
def pack_page(request: Request, link: str) -> Response:
    """A pack's page; its address is its GS1 Digital Link, with what else the link on it says."""
    del link  # its serial is decoded too often by then
    path = cast("bytes", request.scope["raw_path"]).decode("ascii", "replace")
    card = card_of_pack(
        store_of(request),
        _linked(path.removesuffix(".json"), request.url.query),
        now=now_of(request),
        caller=caller_of(request),
        practice=verification_settings_of(request),
    )
    if path.endswith(".json"):
        return JSONResponse(card.as_dict())
    return render("pack.html", request, card=card)


def _linked(path: str, query: str) -> Asked:
    """What a Digital Link says of a pack; raises `Problem` 404 where it names none."""
    link = parse_link(f"{RESOLVER}{path}?{query}" if query else f"{RESOLVER}{path}")
    wrong = tuple(one for one in link.findings if one.severity is Severity.ERROR)
    said = link.as_dict()
    if wrong or not {"01", "21"} <= said.keys():
        what = "; ".join(one.what for one in wrong) or "it has no serial number"
        raise Problem(404, "Not a pack's address", what, findings=wrong)
    day = expiry_date(said["17"]) if "17" in said else None
    return Asked(said["01"], said["21"], said.get("10"), day)


@router.post("/proof")
def proof(
    request: Request,
    caller: Annotated[Caller, Depends(needs("export"))],
    gtin: GtinField,
    serial: SerialField,
) -> Response:
    """The signed dossier of one pack, as a download that leaves nothing behind here."""
    folder = tempfile.TemporaryDirectory(prefix="packtrail-")
    path = Path(folder.name) / "proof.asice"
    keys = service_context_of(request).keys
    try:
        write_dossier(
            store_of(request),
            Pack(gtin, serial),
            path,
            keys,
            now=now_of(request),
            by=caller.name,
            recipient=recipient_of(request, caller),
        )
    except ExportRefused as refused:
        folder.cleanup()
        raise Problem(404, "No dossier", str(refused)) from None
    except BaseException:
        folder.cleanup()
        raise

    def tidy() -> None:
        with suppress(OSError):
            folder.cleanup()

    return FileResponse(
        path,
        media_type="application/vnd.etsi.asic-e+zip",
        filename=f"packtrail-{gtin}-{serial[:20]}.asice",
        background=BackgroundTask(tidy),
    )
