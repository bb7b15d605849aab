"""Connect a partner on one page: a preset, its certificate, a test message, and what is left."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.datastructures import UploadFile

from compliance.context import exchange_of
from compliance.routes.exchange import channel_or_problem
from compliance.service.pages import render
from epcis.exchange.certificate_file import CERTIFICATE_BYTES_MAX
from epcis.exchange.certificates import CertificateOwner, certificates_of
from epcis.exchange.channel import ChannelRefused
from epcis.exchange.connect_steps import connect_steps
from epcis.exchange.connecting import PartnerCertificate, connect_partner
from epcis.exchange.kinds import KINDS
from epcis.exchange.presets import PRESETS, channel_by_preset, preset_named
from epcis.exchange.trial import send_trial
from epcis.http_context import Caller, needs, now_of, store_of

router = APIRouter(tags=["exchange"])

MayConnect = Annotated[Caller, Depends(needs("admin"))]
_FIELDS_MAX = 40
_OF_THE_PAGE = ("preset", "name", "partner", "pem", "password")


@router.get("/channels/connect")
def choose(request: Request, preset: str = "") -> Response:
    """The presets to choose from; with one, its form."""
    if preset not in PRESETS:
        return render("connect.html", request, presets=PRESETS)
    return _form(request, preset, {})


@router.post("/channels/connect")
async def connect(request: Request, caller: MayConnect) -> Response:
    """Make the channel and trust the partner's certificate, pasted or dropped; or say why not."""
    async with request.form(max_files=1, max_fields=_FIELDS_MAX) as form:
        given = {name: value for name, value in form.items() if isinstance(value, str)}
        file = form.get("certificate")
        dropped = b""
        if isinstance(file, UploadFile):
            dropped = await file.read(CERTIFICATE_BYTES_MAX + 1)
    return await run_in_threadpool(_connect, request, caller, given, dropped)


def _connect(request: Request, caller: Caller, given: dict[str, str], dropped: bytes) -> Response:
    preset, name, partner, pem, password = (given.get(one, "").strip() for one in _OF_THE_PAGE)
    settings = {key: value for key, value in given.items() if key not in _OF_THE_PAGE and value}
    certificate = PartnerCertificate(dropped or pem.encode(), password)
    try:
        wanted = channel_by_preset(preset, name, partner, settings)
        connect_partner(exchange_of(request), wanted, certificate, by=caller.name)
    except ChannelRefused as refused:
        shown = {key: value for key, value in given.items() if key != "password"}
        return _form(request, preset, shown, str(refused))
    return RedirectResponse(f"/channels/{name}/connected", status_code=303)


@router.get("/channels/{name}/connected")
def connected(request: Request, name: str) -> Response:
    """How far the connection is: each step, what is wrong with it, and what to do; page or JSON."""
    channel = channel_or_problem(request, name)
    with store_of(request).read() as snapshot:
        steps = connect_steps(snapshot, channel, now_of(request))
        ours = certificates_of(snapshot, name, CertificateOwner.OURS)
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse([one.as_dict() for one in steps])
    return render(
        "connected.html",
        request,
        channel=channel,
        steps=steps,
        ours=ours[-1] if ours else None,
        address=str(request.base_url).rstrip("/"),
        is_waiting=any(one.is_waiting for one in steps),
    )


@router.post("/channels/connect/try")
def try_it(
    request: Request, _caller: MayConnect, name: Annotated[str, Form(max_length=60)]
) -> Response:
    """Send a test message; the page of the connection shows what comes of it."""
    channel = channel_or_problem(request, name)
    with store_of(request).write(now_of(request)) as tx:
        send_trial(tx, channel)
    return RedirectResponse(f"/channels/{name}/connected", status_code=303)


def _form(request: Request, preset: str, given: dict[str, str], refused: str = "") -> Response:
    if preset not in PRESETS:
        page = render("connect.html", request, presets=PRESETS, refused=refused)
        page.status_code = 422
        return page
    chosen = preset_named(preset)
    row = KINDS[chosen.kind]
    page = render(
        "connect_form.html",
        request,
        preset=preset,
        chosen=chosen,
        settings=[one for one in row.settings if one.name in chosen.asks],
        has_keys=row.has_keys,
        given=given,
        refused=refused,
    )
    page.status_code = 422 if refused else 200
    return page
