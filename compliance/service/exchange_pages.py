"""The pages of exchange: connect partners, and follow every file on its way."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, RedirectResponse, Response

from compliance.context import exchange_of
from compliance.routes.exchange import channel_or_problem, message_or_problem
from compliance.service.pages import render
from epcis.exchange.certificate_file import CERTIFICATE_BYTES_MAX
from epcis.exchange.certificates import end_certificate, every_certificate
from epcis.exchange.channel import (
    ChannelKind,
    ChannelRefused,
    NewChannel,
    end_channel,
    list_channels,
)
from epcis.exchange.connecting import add_certificate, connect_partner
from epcis.exchange.kinds import KINDS
from epcis.exchange.mailbox import (
    MessageRefused,
    MessageState,
    counts_by_state,
    find_message,
    list_messages,
    list_refusals,
    send_again,
)
from epcis.exchange.outbound import due_messages
from epcis.exchange.trial import send_trial
from epcis.http_context import Caller, needs, now_of, store_of

router = APIRouter(tags=["exchange"])

MayConnect = Annotated[Caller, Depends(needs("admin"))]
_SECRET = "secret-"  # noqa: S105  # how a field of the form begins


@router.get("/channels")
def channels(request: Request) -> Response:
    """The ways to partners: a page for a browser, JSON for a program."""
    if "text/html" in request.headers.get("accept", ""):
        return _board(request)
    with store_of(request).read() as snapshot:
        return JSONResponse([one.as_dict() for one in list_channels(snapshot)])


@router.get("/channels/new/{kind}")
def new_channel(request: Request, kind: ChannelKind) -> Response:
    """The form to connect a partner by a channel of this kind."""
    return _form(request, kind)


@router.post("/channels/new/{kind}")
async def connect(request: Request, caller: MayConnect, kind: ChannelKind) -> Response:
    """Connect a partner from the page."""
    async with request.form(max_files=0, max_fields=60) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str) and value}
    name, partner = fields.pop("name", ""), fields.pop("partner", "")
    secrets = {
        key.removeprefix(_SECRET): fields.pop(key)
        for key in list(fields)
        if key.startswith(_SECRET)
    }
    try:
        wanted = NewChannel(name, kind, partner, fields, secrets)
        await run_in_threadpool(connect_partner, exchange_of(request), wanted, by=caller.name)
    except ChannelRefused as refused:
        return _form(request, kind, str(refused), fields | {"name": name, "partner": partner})
    return RedirectResponse(f"/channels#{name}", status_code=303)


@router.post("/channels/board/test")
def try_it(request: Request, _caller: MayConnect, name: Annotated[str, Form()]) -> Response:
    """Send a trial message from the page, and look at its way."""
    channel = channel_or_problem(request, name)
    with store_of(request).write(now_of(request)) as tx:
        number = send_trial(tx, channel)
    return RedirectResponse(f"/messages?number={number}", status_code=303)


@router.post("/channels/board/end")
def end(request: Request, _caller: MayConnect, name: Annotated[str, Form()]) -> Response:
    """Use a channel no more, from the page."""
    try:
        with store_of(request).write(now_of(request)) as tx:
            end_channel(tx, name)
    except ChannelRefused as refused:
        return _board(request, str(refused), 409)
    return RedirectResponse("/channels", status_code=303)


@router.get("/channels/{name}/certificates")
def certificates(request: Request, name: str) -> Response:
    """A channel's certificates, ours and the partner's, with what is wrong with each."""
    if "text/html" in request.headers.get("accept", ""):
        return _certificates(request, name)
    with store_of(request).read() as snapshot:
        found = every_certificate(snapshot, name)
    return JSONResponse([one.as_dict(now_of(request)) for one in found])


@router.post("/channels/board/certificate")
def add_one(
    request: Request,
    caller: MayConnect,
    name: Annotated[str, Form()],
    file: UploadFile | None = None,
    *,
    pem: Annotated[str, Form(max_length=100_000)] = "",
    password: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Trust a certificate that was pasted or dropped; without one, make a further key of ours."""
    channel = channel_or_problem(request, name)
    dropped = file.file.read(CERTIFICATE_BYTES_MAX + 1) if file is not None else b""
    content = dropped or pem.strip().encode()
    try:
        add_certificate(exchange_of(request), channel, content, by=caller.name, password=password)
    except ChannelRefused as refused:
        return _certificates(request, name, str(refused))
    return RedirectResponse(f"/channels/{name}/certificates", status_code=303)


@router.post("/channels/board/distrust")
def distrust(
    request: Request,
    _caller: MayConnect,
    name: Annotated[str, Form()],
    sha256: Annotated[str, Form()],
) -> Response:
    """Use a certificate no more, from the page."""
    try:
        with store_of(request).write(now_of(request)) as tx:
            end_certificate(tx, name, sha256)
    except ChannelRefused as refused:
        return _certificates(request, name, str(refused))
    return RedirectResponse(f"/channels/{name}/certificates", status_code=303)


def _certificates(request: Request, name: str, refused: str = "") -> Response:
    channel = channel_or_problem(request, name)
    with store_of(request).read() as snapshot:
        found = every_certificate(snapshot, name)
    now = now_of(request)
    rows = [(one, one.warning(now)) for one in found]
    page = render(
        "channel_certificates.html", request, channel=channel, certificates=rows, refused=refused
    )
    page.status_code = 422 if refused else 200
    return page


@router.get("/messages")
def messages(
    request: Request,
    channel: str = "",
    state: str = "",
    before: int | None = None,
    number: int | None = None,
) -> Response:
    """Every file that came or went, newest first: a page for a browser, JSON for a program."""
    with store_of(request).read() as snapshot:
        if number is not None:
            found = [message_or_problem(find_message(snapshot, number), number)]
        else:
            found = list_messages(snapshot, channel=channel, state=state, before=before)
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse([one.as_dict() for one in found])
    states = [one.value for one in MessageState]
    return render(
        "messages.html",
        request,
        messages=found,
        states=states,
        channel=channel,
        state=state,
        number=number,
    )


@router.post("/messages/board/resend")
def resend(request: Request, _caller: MayConnect, number: Annotated[int, Form()]) -> Response:
    """Send or capture a message once more, from the page."""
    try:
        with store_of(request).write(now_of(request)) as tx:
            send_again(tx, number)
    except MessageRefused as refused:
        return _board(request, str(refused), 409)
    return RedirectResponse(f"/messages?number={number}", status_code=303)


def _board(request: Request, refused: str = "", status: int = 200) -> Response:
    with store_of(request).read() as snapshot:
        found, counts = list_channels(snapshot), counts_by_state(snapshot)
        refusals, now = list_refusals(snapshot), now_of(request)
        held = Counter(one.channel for one in due_messages(snapshot, is_held=True))
        warnings = {
            one.name: [warning for each in every_certificate(snapshot, one.name)
                       if (warning := each.warning(now))]
            for one in found
        }  # fmt: skip
    board = {
        one.name: [(state.value, counts[one.name, state.value]) for state in MessageState
                   if (one.name, state.value) in counts]
        for one in found
    }  # fmt: skip
    page = render(
        "channels.html",
        request,
        channels=found,
        counts=board,
        kinds=KINDS,
        refusals=refusals,
        warnings=warnings,
        held=held,
        refused=refused,
    )
    page.status_code = status
    return page


def _form(
    request: Request, kind: ChannelKind, refused: str = "", fields: dict[str, str] | None = None
) -> Response:
    page = render(
        "channel_new.html",
        request,
        kind=kind,
        row=KINDS[kind],
        refused=refused,
        fields=fields or {},
    )
    page.status_code = 422 if refused else 200
    return page
