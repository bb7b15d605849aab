"""`/channels` and `/messages`: ways to partners, and every file that came or went over them."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, Field

from compliance.context import exchange_of
from epcis.exchange.certificates import (
    end_certificate,
)
from epcis.exchange.channel import (
    Channel,
    ChannelKind,
    ChannelRefused,
    NewChannel,
    end_channel,
    find_channel,
)
from epcis.exchange.connecting import add_certificate, connect_partner
from epcis.exchange.mailbox import (
    ArrivedMessage,
    ExchangeMessage,
    MessageRefused,
    MessageToSend,
    Refusal,
    body_of,
    find_message,
    note_refusal,
    receipt_of,
    receive,
    send,
    send_again,
)
from epcis.exchange.presets import channel_by_preset
from epcis.exchange.spool import Region
from epcis.exchange.trial import send_trial
from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.ledger.store import Store

router = APIRouter(tags=["exchange"])

MayConnect = Annotated[Caller, Depends(needs("admin"))]
MaySend = Annotated[Caller, Depends(needs("capture"))]
_QUOTED_NAME = re.compile(r'filename="?([^";]{1,200})')


class ChannelWanted(BaseModel):
    """What connecting a partner needs."""

    name: str = Field(max_length=60, description="a-z, 0-9 and -")
    kind: ChannelKind | None = None
    preset: str = Field(default="", max_length=40, description="in place of kind, see presets")
    partner: str = Field(default="", pattern=r"^(\d{13})?$", description="GLN-13 of the partner")
    settings: dict[str, str] = Field(default_factory=dict, max_length=40)
    secrets: dict[str, str] = Field(
        default_factory=dict, max_length=10, description="sealed at once, never shown again"
    )


@router.post("/channels", status_code=201)
def connect(request: Request, caller: MayConnect, body: ChannelWanted) -> dict[str, object]:
    """Connect a partner by a channel of some kind."""
    try:
        made = connect_partner(exchange_of(request), _wanted(body), by=caller.name)
    except ChannelRefused as refused:
        raise Problem(422, "Channel not made", str(refused)) from None
    return made.as_dict()


def _wanted(body: ChannelWanted) -> NewChannel:
    if body.preset:
        return channel_by_preset(body.preset, body.name, body.partner, body.settings, body.secrets)
    if body.kind is None:
        raise ChannelRefused("say which kind of channel it is, or which preset")
    return NewChannel(body.name, body.kind, body.partner, body.settings, body.secrets)


@router.post("/channels/{name}/end", status_code=204, response_class=Response)
def end(request: Request, _caller: MayConnect, name: str) -> Response:
    """Use a channel no more; what went over it stays on record."""
    try:
        with store_of(request).write(now_of(request)) as tx:
            end_channel(tx, name)
    except ChannelRefused as refused:
        raise Problem(404, "No such channel", str(refused)) from None
    return Response(status_code=204)


@router.post("/channels/{name}/certificates", status_code=201)
async def trust(request: Request, caller: MayConnect, name: str) -> dict[str, object]:
    """Trust the partner's certificate in the body, in any form; empty: make a key of ours."""
    content = await request.body()
    channel = await run_in_threadpool(channel_or_problem, request, name)
    exchange = exchange_of(request)
    try:
        made = await run_in_threadpool(add_certificate, exchange, channel, content, by=caller.name)
    except ChannelRefused as refused:
        raise Problem(422, "Certificate not taken", str(refused)) from None
    return made.as_dict(exchange.clock())


@router.delete("/channels/{name}/certificates/{sha256}", status_code=204, response_class=Response)
def distrust(request: Request, _caller: MayConnect, name: str, sha256: str) -> Response:
    """Use a certificate no more."""
    try:
        with store_of(request).write(now_of(request)) as tx:
            end_certificate(tx, name, sha256)
    except ChannelRefused as refused:
        raise Problem(404, "No such certificate", str(refused)) from None
    return Response(status_code=204)


@router.post("/channels/{name}/test", status_code=202)
def try_channel(request: Request, _caller: MayConnect, name: str) -> dict[str, object]:
    """Send a document without events over a channel; its way shows whether the channel works."""
    channel = channel_or_problem(request, name)
    with store_of(request).write(now_of(request)) as tx:
        number = send_trial(tx, channel)
        return message_or_problem(find_message(tx, number), number).as_dict()


@router.post("/channels/{name}/messages", status_code=202, response_class=Response)
async def push(request: Request, caller: MaySend, name: str) -> Response:
    """Take a message from a partner's program; the answer names where its receipt will be.

    The header `Message-ID` makes it one message however often it is sent; without it, its bytes do.
    """
    channel = await run_in_threadpool(_of_the_caller, request, caller, name)
    body = await spooled(request)
    with closing(body.file):
        message_id = request.headers.get("message-id") or body.digest("sha256").hex()
        named = _QUOTED_NAME.search(request.headers.get("content-disposition", ""))
        arrived = ArrivedMessage(
            channel.name,
            message_id,
            body,
            file_name=named[1] if named else "",
            media_type=request.headers.get("content-type", "application/octet-stream"),
        )
        try:
            received = await run_in_threadpool(receive, store_of(request), arrived, now_of(request))
        except MessageRefused as refused:
            refusal = Refusal(name, caller.name, message_id, "message-id-used", str(refused))
            await run_in_threadpool(_note, request, refusal)
            raise Problem(409, "Message not taken", str(refused)) from None
    where = f"/channels/{name}/messages/{received.message.id}"
    return JSONResponse(received.message.as_dict(), 202, headers={"Location": where})


def _note(request: Request, refusal: Refusal) -> None:
    with store_of(request).write(now_of(request)) as tx:
        note_refusal(tx, refusal)


@router.get("/channels/{name}/messages/{number}")
def receipt(request: Request, caller: MaySend, name: str, number: int) -> dict[str, object]:
    """What became of a message that the caller pushed: its state, and the findings on it."""
    channel = _of_the_caller(request, caller, name)
    with store_of(request).read() as snapshot:
        found = find_message(snapshot, number)
    mine = found if found and found.channel == channel.name else None
    return message_or_problem(mine, number).as_dict()


@router.post("/messages", status_code=202)
async def send_file(
    request: Request,
    _caller: MaySend,
    channel: Annotated[str, Query(max_length=60)],
    file: Annotated[str, Query(max_length=200, description="name of the file")],
) -> dict[str, object]:
    """Send the body to a partner; the header `Message-ID` makes it one message."""
    to = await run_in_threadpool(channel_or_problem, request, channel)
    body = await spooled(request)
    with closing(body.file):
        message_id = request.headers.get("message-id") or body.digest("sha256").hex()
        media_type = request.headers.get("content-type", "application/octet-stream")
        wanted = MessageToSend(to.name, message_id, body, file, media_type)
        return await run_in_threadpool(_put_in_line, request, wanted)


def _put_in_line(request: Request, wanted: MessageToSend) -> dict[str, object]:
    try:
        with store_of(request).write(now_of(request)) as tx:
            number = send(tx, wanted)
            return message_or_problem(find_message(tx, number), number).as_dict()
    except MessageRefused as refused:
        raise Problem(409, "Message not taken", str(refused)) from None


@router.get("/messages/{number}")
def show(request: Request, number: int) -> dict[str, object]:
    """One message, its way so far, and what capture found in it."""
    with store_of(request).read() as snapshot:
        return message_or_problem(find_message(snapshot, number), number).as_dict()


@router.get("/messages/{number}/body", response_class=StreamingResponse)
def body(request: Request, number: int) -> Response:
    """The bytes of a message."""
    with store_of(request).read() as snapshot:
        found = message_or_problem(find_message(snapshot, number), number)
    headers = {
        "Content-Disposition": f'attachment; filename="message-{number}"',
        "Content-Length": str(found.size_bytes),
    }
    pieces = _pieces(store_of(request), found)
    return StreamingResponse(pieces, media_type="application/octet-stream", headers=headers)


def _pieces(store: Store, message: ExchangeMessage) -> Iterator[bytes]:
    with store.read() as snapshot:
        yield from body_of(snapshot, message)


@router.get("/messages/{number}/receipt", response_class=Response)
def receipt_bytes(request: Request, number: int) -> Response:
    """The receipt of a message, byte for byte as it was sent or came."""
    with store_of(request).read() as snapshot:
        message_or_problem(find_message(snapshot, number), number)
        found = receipt_of(snapshot, number)
    if not found.content:
        raise Problem(404, "No receipt", f"message {number} has no receipt yet")
    headers = {
        "Content-Disposition": f'attachment; filename="receipt-{number}"',
        "Packtrail-Receipt-Type": found.media_type.encode("ascii", "replace").decode(),
    }
    return Response(found.content, media_type="application/octet-stream", headers=headers)


@router.post("/messages/{number}/resend", status_code=202)
def resend(request: Request, _caller: MayConnect, number: int) -> dict[str, object]:
    """Send a message once more, or capture one again that was set aside."""
    try:
        with store_of(request).write(now_of(request)) as tx:
            return send_again(tx, number).as_dict()
    except MessageRefused as refused:
        raise Problem(409, "Not sent again", str(refused)) from None


async def spooled(request: Request) -> Region:
    """The request's body on the disk. Raises `Problem` 413."""
    exchange = exchange_of(request)
    file, size_bytes = exchange.spool.open(), 0
    try:
        async for chunk in request.stream():
            size_bytes += len(chunk)
            _must_fit(size_bytes, exchange.size_bytes_max)
            await run_in_threadpool(file.write, chunk)
    except BaseException:
        file.close()
        raise
    return Region.whole(file)


def _must_fit(size_bytes: int, size_bytes_max: int) -> None:
    if size_bytes > size_bytes_max:
        raise Problem(413, "Message too large", f"a message has at most {size_bytes_max} bytes")


def channel_or_problem(request: Request, name: str) -> Channel:
    """The channel in use with this name. Raises `Problem` 404."""
    with store_of(request).read() as snapshot:
        found = find_channel(snapshot, name)
    if found is None:
        raise Problem(404, "No such channel", f"there is no channel '{name[:60]}' in use")
    return found


def _of_the_caller(request: Request, caller: Caller, name: str) -> Channel:
    """A channel for pushing, if it is the caller's: its partner's own key, or an operator's."""
    channel = channel_or_problem(request, name)
    is_own = caller.party is None or caller.party == channel.party
    if channel.kind is not ChannelKind.HTTPS or not is_own:
        raise Problem(404, "No such channel", f"there is no channel '{name[:60]}' in use")
    return channel


def message_or_problem(found: ExchangeMessage | None, number: int) -> ExchangeMessage:
    """The message. Raises `Problem` 404 where there is none."""
    if found is None:
        raise Problem(404, "No such message", f"there is no message {number}")
    return found
