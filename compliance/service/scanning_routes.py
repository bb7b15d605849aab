"""`/packs/scan` and `/packs/{…}/trace`: pictures and scanner texts in, packs and stories out."""

from __future__ import annotations

from urllib.parse import unquote

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile

from compliance.service.scans import Scan, scan_picture, scan_text
from epcis.http_context import Caller, needs, store_of
from epcis.problem import Problem
from epcis.trace import trace
from schemas.finding import Severity

router = APIRouter(prefix="/packs", tags=["packs"])


class ScannedText(BaseModel):
    """What a keyboard scanner typed."""

    text: str


@router.post("/scan")
async def scan(request: Request) -> dict[str, object]:  # FastAPI reads the default
    """Read a picture (as the body or a form's file) or a scanner text (JSON, text or a form)."""
    found = await _scanned(request)
    _refuse_unreadable(found)
    return found.as_dict()


async def _scanned(request: Request) -> Scan:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "application/json":
        return scan_text(request.app, _text_of(await request.body()))
    if kind in ("multipart/form-data", "application/x-www-form-urlencoded"):
        return await _from_form(request)
    if kind == "text/plain":
        return scan_text(request.app, (await request.body()).decode("utf-8", "replace"))
    if kind.startswith("image/") or kind in ("application/pdf", "application/octet-stream"):
        return await scan_picture(request, await request.body(), None)
    raise Problem(
        415,
        "Media type not taken",
        f"'{kind}' is neither a picture (image/*, application/pdf), a form with a file, "
        'nor a scanner text (text/plain or {"text": …} as application/json)',
    )


async def _from_form(request: Request) -> Scan:
    async with request.form(max_files=1, max_fields=4) as form:
        for value in form.values():
            if isinstance(value, UploadFile):
                return await scan_picture(request, await value.read(), value.filename)
        text = form.get("text")
    if not isinstance(text, str):
        raise Problem(400, "Nothing to scan", "the form has neither a file nor a field 'text'")
    return scan_text(request.app, text)


def _text_of(body: bytes) -> str:
    try:
        return ScannedText.model_validate_json(body).text
    except ValidationError:
        raise Problem(
            400, "Request not understood", 'send {"text": "…"} with what the scanner typed'
        ) from None


def _refuse_unreadable(found: Scan) -> None:
    """What could not be opened at all is a problem; a picture without a code is an answer."""
    refusing = [f for f in found.findings if f.severity in (Severity.ERROR, Severity.CRITICAL)]
    if refusing and not found.symbols:
        first = refusing[0]
        raise Problem(
            422, "Cannot be scanned", f"{first.what}: {first.hint}", findings=tuple(refusing)
        )


@router.get("/{pack:path}/trace")
async def trace_(request: Request, caller: Caller = Depends(needs("query"))) -> dict[str, object]:  # noqa: B008, FAST002  # FastAPI reads the default
    """The story of a pack, case or lot: events, containment, custody and holders.

    The id in the path is an EPC URN, a Digital Link, or a canonical key without its first slash
    (`01/{gtin}/21/{serial}`); it is taken from the raw path and decoded once.
    """
    id_ = _id_in_path(request)
    found = await run_in_threadpool(_story, request, id_, caller)
    if found is None:
        raise Problem(404, "Not found", f"no event you may see names {id_}")
    return found


def _story(request: Request, id_: str, caller: Caller) -> dict[str, object] | None:
    with store_of(request).read() as snapshot:
        story = trace(snapshot, id_, party=caller.party)
        return story.as_dict() if story.is_known else None


def _id_in_path(request: Request) -> str:
    raw = bytes(request.scope["raw_path"]).decode("latin-1").split("?")[0]
    inner = raw.removeprefix("/packs/").removesuffix("/trace")
    if inner[:1].isdigit():
        # A key's serial stays percent-encoded, as canonical keys are.
        return "/" + inner
    return unquote(inner)
