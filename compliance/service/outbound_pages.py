"""What goes to a partner by itself over a channel: the page of its rules, and their API."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Form, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, RedirectResponse, Response

from compliance.routes.exchange import channel_or_problem
from compliance.service.pages import render
from epcis.exchange.channel import ChannelRefused
from epcis.exchange.outbound import (
    STYLE,
    OutboundKind,
    due_messages,
    end_rule,
    make_again,
    rules_of,
    set_rule,
)
from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem

router = APIRouter(tags=["exchange"])

MayConnect = Annotated[Caller, Depends(needs("admin"))]
_SETTINGS_MAX = 20


@router.get("/channels/{name}/rules")
def rules(request: Request, name: str) -> Response:
    """What goes over a channel by itself, and what is held back: a page, or JSON for a program."""
    if "text/html" in request.headers.get("accept", ""):
        return _page(request, name)
    channel_or_problem(request, name)
    with store_of(request).read() as snapshot:
        found, due = rules_of(snapshot, channel=name), due_messages(snapshot, channel=name)
    answer = {"rules": [one.as_dict() for one in found], "due": [one.as_dict() for one in due]}
    return JSONResponse(answer)


@router.put("/channels/{name}/rules/{sends}")
def put_rule(
    request: Request,
    caller: MayConnect,
    name: str,
    sends: OutboundKind,
    style: Annotated[dict[str, str], Body(max_length=_SETTINGS_MAX)],
) -> dict[str, object]:
    """Send something by itself from now on, written as the body says; {} for the usual way."""
    try:
        with store_of(request).write(now_of(request)) as tx:
            return set_rule(tx, name, sends, style, by=caller.name).as_dict()
    except ChannelRefused as refused:
        raise Problem(422, "Rule not set", str(refused)) from None


@router.delete("/channels/{name}/rules/{sends}", status_code=204, response_class=Response)
def drop_rule(request: Request, _caller: MayConnect, name: str, sends: OutboundKind) -> Response:
    """Send it by itself no more."""
    try:
        with store_of(request).write(now_of(request)) as tx:
            end_rule(tx, name, sends)
    except ChannelRefused as refused:
        raise Problem(404, "No such rule", str(refused)) from None
    return Response(status_code=204)


@router.post("/channels/{name}/due/{number}", status_code=204, response_class=Response)
def again(request: Request, _caller: MayConnect, name: str, number: int) -> Response:
    """Make once more what was held back."""
    channel_or_problem(request, name)
    try:
        with store_of(request).write(now_of(request)) as tx:
            make_again(tx, number)
    except ChannelRefused as refused:
        raise Problem(404, "Nothing held back", str(refused)) from None
    return Response(status_code=204)


@router.post("/channels/board/rule")
async def set_from_page(request: Request, caller: MayConnect) -> Response:
    """Set a rule from the page, or end it."""
    async with request.form(max_files=0, max_fields=_SETTINGS_MAX) as form:
        given = {name: value for name, value in form.items() if isinstance(value, str)}
    return await run_in_threadpool(_set, request, caller, given)


def _set(request: Request, caller: Caller, given: dict[str, str]) -> Response:
    name, kind, act = (given.pop(one, "") for one in ("name", "sends", "act"))
    if kind not in set(OutboundKind):
        return _page(request, name, f"'{kind[:40]}' is none of {', '.join(OutboundKind)}")
    try:
        with store_of(request).write(now_of(request)) as tx:
            if act == "end":
                end_rule(tx, name, OutboundKind(kind))
            else:
                set_rule(tx, name, OutboundKind(kind), given, by=caller.name)
    except ChannelRefused as refused:
        return _page(request, name, str(refused))
    return RedirectResponse(f"/channels/{name}/rules", status_code=303)


@router.post("/channels/board/due")
def again_from_page(
    request: Request,
    _caller: MayConnect,
    name: Annotated[str, Form(max_length=60)],
    number: Annotated[int, Form()],
) -> Response:
    """Make once more what was held back, from the page."""
    try:
        with store_of(request).write(now_of(request)) as tx:
            make_again(tx, number)
    except ChannelRefused as refused:
        return _page(request, name, str(refused))
    return RedirectResponse(f"/channels/{name}/rules", status_code=303)


def _page(request: Request, name: str, refused: str = "") -> Response:
    channel = channel_or_problem(request, name)
    with store_of(request).read() as snapshot:
        found = {one.sends: one for one in rules_of(snapshot, channel=name)}
        due = due_messages(snapshot, channel=name)
    page = render(
        "channel_rules.html",
        request,
        channel=channel,
        rules=[(kind, found.get(kind)) for kind in OutboundKind],
        style=STYLE,
        due=due,
        refused=refused,
    )
    page.status_code = 422 if refused else 200
    return page
