"""The web pages: one page to scan on, a pack's own page, recalls, signing in.

Pages show what the same floors answer to programs; nothing is decided here.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Depends, Form, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.background import BackgroundTask

from compliance.dossier import Pack
from compliance.dossier import export as write_dossier
from compliance.dossier.refusal import ExportRefused
from compliance.fields import GtinText, SerialText
from compliance.recall.record import list_recalls
from compliance.routes.exports import recipient_of
from compliance.service.cards import card_of_pack, cards_of_scan
from compliance.service.context import service_context_of
from compliance.service.purposes import PURPOSE_NEEDED
from compliance.service.scans import layout_of, scan_picture, scan_text
from epcis.http_context import Caller, caller_of, needs, now_of, store_of
from epcis.problem import Problem
from epcis.routes.problems import answer_anywhere
from schemas.finding import Severity
from schemas.gs1.digital_link import RESOLVER
from schemas.gs1.digital_link import parse as parse_link
from schemas.gs1.expiry import expiry_date
from verification.context import verification_settings_of
from verification.decision.act import Asked
from verification.registry.rights import company_behind, owns_product

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from compliance.recall.record import RecallRecord
    from compliance.service.policy import AccessRule

router = APIRouter(include_in_schema=False)

GtinField = Annotated[GtinText, Form()]
SerialField = Annotated[SerialText, Form()]

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _minute(moment: datetime | str) -> str:
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


_TEMPLATES.filters["minute"] = _minute
_TEMPLATES.filters["day"] = lambda moment: _minute(moment)[:10]


def render(template: str, request: Request, **values: Any) -> HTMLResponse:  # noqa: ANN401  # any
    """A page made of `template`, knowing who looks at it."""
    caller = caller_of(request)
    html = _TEMPLATES.get_template(template).render(
        caller=None if caller.is_anonymous else caller,
        may_recall="recall" in caller.scopes,
        may_export="export" in caller.scopes,
        **values,
    )
    return HTMLResponse(html)


def issuer_of(request: Request) -> str | None:
    """The name of the identity provider where people sign in; None where there is none."""
    settings = service_context_of(request).settings
    return urlsplit(settings.oidc_issuer).hostname if settings.oidc_client_id else None


def sign_in_page(request: Request, say: str, status: int) -> Response:
    """The page that asks to sign in, and says why."""
    page = render("sign_in.html", request, say=say, issuer=issuer_of(request))
    page.status_code = status
    return page


async def refuse(
    problem: Problem, rule: AccessRule | None, scope: Scope, receive: Receive, send: Send
) -> None:
    """Answer a request that the policy refuses: a person gets the page to sign in."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": problem.title})
        return
    request = Request(scope, receive)
    answer: Response = answer_anywhere(request, problem)
    if rule is not None and rule.is_page and "text/html" in request.headers.get("accept", ""):
        say = {401: "Sign in to see this page.", 403: "You may not see this page."}
        if problem.title == "Password needed again":
            answer = RedirectResponse("/step-up", status_code=303)
        elif problem.title == PURPOSE_NEEDED:
            back = urlencode({"back": request.url.path if request.method == "GET" else "/"})
            answer = RedirectResponse(f"/purpose?{back}", status_code=303)
        else:
            answer = sign_in_page(request, say.get(problem.status, problem.detail), problem.status)
    await answer(scope, receive, send)


async def wait_for_another(
    waits: dict[str, object], rule: AccessRule, scope: Scope, receive: Receive, send: Send
) -> None:
    """Say that a request waits for its second person, to a person by a page."""
    request = Request(scope, receive)
    answer: Response = JSONResponse(waits, 202)
    if rule.is_page and "text/html" in request.headers.get("accept", ""):
        answer = render("waits.html", request, **waits)
        answer.status_code = 202
    await answer(scope, receive, send)


@router.get("/")
def home(request: Request) -> Response:
    """The page to scan on."""
    return render("scan.html", request, recalls=own_recalls(request, only_open=True))


@router.post("/scan-card")
async def scan_card(
    request: Request,
    caller: Annotated[Caller, Depends(needs("verify"))],
    text: Annotated[str, Form()] = "",
    picture: UploadFile | None = None,
) -> Response:
    """What a scanned text or picture says about each pack in it, as a piece of the page."""
    if picture is not None and picture.size:
        scan = await scan_picture(request.app, await picture.read(), picture.filename)
    else:
        scan = scan_text(request.app, text, layout_of(request))
    found = await run_in_threadpool(
        cards_of_scan,
        store_of(request),
        scan,
        now=now_of(request),
        caller=caller,
        practice=verification_settings_of(request),
    )
    return render("answer.html", request, findings=found.findings, cards=found.cards)


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


def own_recalls(request: Request, *, only_open: bool = False) -> list[RecallRecord]:
    """The recalls of the caller's products; to the operator all."""
    caller = caller_of(request)
    overlay = verification_settings_of(request).company_prefixes
    with store_of(request).read() as snapshot:
        company = company_behind(snapshot, caller)
        listed = list_recalls(snapshot, only_open=only_open)
        own = [one for one in listed if owns_product(snapshot, company, one.gtin, overlay)]
    # Whom a recall reaches is in events that its owner may not see.
    return own if company.is_operator else [replace(one, holders=()) for one in own]


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
