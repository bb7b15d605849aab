"""The page of what an identifier names; its address is the GS1 Digital Link.

The same address answers with JSON, EPCIS XML, CSV, PDF and the link set of a GS1-Conformant
Resolver, by its ending, by the header `Accept`, or by `linkType`.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.background import BackgroundTask

from compliance.dossier import Pack
from compliance.dossier import export as write_dossier
from compliance.dossier.refusal import ExportRefused
from compliance.fields import GtinText, SerialText
from compliance.routes.exports import recipient_of
from compliance.service import identifier_address as address
from compliance.service.cards import Card, card_of_pack
from compliance.service.context import service_context_of
from compliance.service.identifier_story import IdentifierStory, events_of_story, story_of
from compliance.service.pages import render
from epcis.codec.document import CbvFormat, EpcFormat, Syntax, WriteOptions
from epcis.http_context import Caller, caller_of, need_scope, needs, now_of, store_of
from epcis.problem import Problem
from epcis.query.names import Names
from epcis.routes.answers import document
from epcis.routes.negotiation import Agreement
from schemas.gs1.expiry import expiry_date
from verification.context import verification_settings_of
from verification.decision.act import Asked

router = APIRouter(include_in_schema=False)

GtinField = Annotated[GtinText, Form()]
SerialField = Annotated[SerialText, Form()]
_FORMS = (address.Form.JSON, address.Form.XML, address.Form.CSV, address.Form.PDF)


@router.get("/01/{link:path}")
@router.get("/00/{link:path}")
@router.get("/253/{link:path}")
@router.get("/414/{link:path}")
@router.get("/417/{link:path}")
@router.get("/8003/{link:path}")
@router.get("/8004/{link:path}")
def identifier_page(request: Request, link: str) -> Response:
    """What is known of a pack, lot, product, case, document or place, in the form asked for."""
    del link  # its serial is decoded too often by then
    path = cast("bytes", request.scope["raw_path"]).decode("ascii", "replace")
    accept = request.headers.get("accept", "")
    with store_of(request).read() as snapshot:
        asked = address.asked_thing(snapshot, path, request.url.query, accept)
    answer = _answer(request, asked)
    answer.headers["Vary"] = "Accept"
    kind = address.LINKSET_TYPE
    answer.headers["Link"] = f'<{asked.path}?linkType=linkset>; rel="linkset"; type="{kind}"'
    return answer


def _answer(request: Request, asked: address.AskedThing) -> Response:
    caller = caller_of(request)
    is_pack = {"01", "21"} <= asked.elements.keys()
    card = _card(request, asked, caller) if is_pack else None
    if asked.form is address.Form.LINKSET:
        return _link_set(request, asked)
    may_read = "query" in caller.scopes
    if not is_pack or asked.form not in (address.Form.PAGE, address.Form.JSON):
        need_scope(caller, "query")
    shown = _shown(request, asked, caller) if may_read else None
    if card is None and shown is not None and not shown.is_known:
        raise _nothing_recorded(asked, shown)
    if asked.form is address.Form.PAGE:
        return render("identifier.html", request, card=card, shown=shown, path=asked.path)
    if asked.form is address.Form.JSON:
        judged = card.as_dict() if card else {}
        return JSONResponse(judged | (shown.as_dict() if shown else {}))
    return _written(request, asked, cast("IdentifierStory", shown), card)


def _card(request: Request, asked: address.AskedThing, caller: Caller) -> Card:
    elements = asked.elements
    day = expiry_date(elements["17"]) if "17" in elements else None
    return card_of_pack(
        store_of(request),
        Asked(elements["01"], elements["21"], elements.get("10"), day),
        now=now_of(request),
        caller=caller,
        practice=verification_settings_of(request),
    )


def _shown(request: Request, asked: address.AskedThing, caller: Caller) -> IdentifierStory:
    with store_of(request).read(party=caller.party) as snapshot:
        return story_of(snapshot, asked, caller.party)


def _nothing_recorded(asked: address.AskedThing, shown: IdentifierStory) -> Problem:
    """What helps whoever came to an address of which nothing is recorded."""
    gtin = asked.elements.get("01")
    further = f", or look at its product: /01/{gtin}" if gtin and asked.key != f"/01/{gtin}" else ""
    what = (
        f"nothing is recorded of the {shown.kind.lower()} {asked.key}. The number itself is well"
        f" formed. Compare it with the label, ask the sender for its file{further}"
    )
    return Problem(404, "Nothing is recorded of this", what)


def _link_set(request: Request, asked: address.AskedThing) -> Response:
    """RFC 9264, with the link types of GS1-Conformant Resolver 1.2.0."""
    anchor = f"{str(request.base_url).rstrip('/')}{asked.path}"

    def target(form: address.Form, title: str) -> dict[str, object]:
        ending = f".{form.value}" if form.value else ""
        kind = address.MEDIA_TYPES[form]
        return {"href": anchor + ending, "title": title, "type": kind, "hreflang": ["en"]}

    page = target(address.Form.PAGE, "Verdict, custody and history")
    forms = [target(form, f"The same as {form.value.upper()}") for form in _FORMS]
    links = {
        "anchor": anchor,
        f"{address.VOCABULARY}defaultLink": [page],
        f"{address.VOCABULARY}traceability": [page, *forms],
        f"{address.VOCABULARY}epcis": [target(address.Form.XML, "Its events as EPCIS 2.0")],
    }
    return JSONResponse({"linkset": [links]}, media_type=address.LINKSET_TYPE)


def _written(
    request: Request, asked: address.AskedThing, shown: IdentifierStory, card: Card | None
) -> Response:
    caller = caller_of(request)
    if asked.form is address.Form.CSV:
        content: str | bytes = shown.as_csv()
    elif asked.form is address.Form.XML:
        content = _as_xml(request, shown, caller)
    else:
        from compliance.reports.printing import print_report

        lines = (f"{card.word}: {card.say}",) if card else ()
        content = print_report(shown.as_report(lines, now_of(request), caller.name))
    name = asked.key.strip("/").replace("/", "-").replace("%", "_")[:80]
    named = {"Content-Disposition": f'inline; filename="{name}.{asked.form.value}"'}
    return Response(content, media_type=address.MEDIA_TYPES[asked.form], headers=named)


def _as_xml(request: Request, shown: IdentifierStory, caller: Caller) -> bytes:
    with store_of(request).read(party=caller.party) as snapshot:
        events = events_of_story(snapshot, shown, caller.party)
    options = WriteOptions(epc_format=EpcFormat.DIGITAL_LINK, cbv_format=CbvFormat.NO_PREFERENCE)
    kind = address.MEDIA_TYPES[address.Form.XML]
    agreement = Agreement(Syntax.XML_2_0, kind, options, {}, Names.of_header(None))
    return document(agreement, events, now_of(request))


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
