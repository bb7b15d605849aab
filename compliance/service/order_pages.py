"""`/orders`: orders of customers and their pick lists; pages, and JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from compliance.service.pages import is_for_a_person, render
from compliance.warehouse.orders import (
    DAYS_MAX,
    NUMBER_CHARS_MAX,
    WHY_CHARS_MAX,
    OrderLine,
    OrderRefused,
    OrderState,
    OrderWanted,
    end_order,
    list_orders,
    need_order,
    open_order,
)
from compliance.warehouse.picking import pick_list
from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem
from verification.context import verification_settings_of

if TYPE_CHECKING:
    from compliance.warehouse.orders import TradeOrder
    from compliance.warehouse.picking import PickLine

router = APIRouter(tags=["orders"])

Worker = Annotated[Caller, Depends(needs("act"))]
LINES_CHARS_MAX = 40_000
_decoder = msgspec.json.Decoder(OrderWanted)
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/OrderWanted"}}},
    }
}


class OrderForm(BaseModel):
    """The form by which an order is opened."""

    number: str = Field(max_length=NUMBER_CHARS_MAX)
    customer: str = Field(max_length=NUMBER_CHARS_MAX)
    lines: str = Field(max_length=LINES_CHARS_MAX)
    site: str = Field(default="", max_length=NUMBER_CHARS_MAX)
    due: str = Field(default="", max_length=10)
    days_left_min: int = Field(default=0, ge=0, le=DAYS_MAX)


class OrderEnded(BaseModel):
    """How an order ends."""

    number: str = Field(max_length=NUMBER_CHARS_MAX)
    state: OrderState
    why: str = Field(default="", max_length=WHY_CHARS_MAX)


@router.get("/orders")
def orders(request: Request, caller: Worker) -> Response:
    """All orders, the newest first: a page, or JSON for a program."""
    del caller
    if is_for_a_person(request):
        return _page(request)
    with store_of(request).read() as snapshot:
        return _json([_as_dict(one) for one in list_orders(snapshot)])


@router.post("/orders", openapi_extra=_BODY, status_code=201)
async def order_open(request: Request, caller: Worker) -> Response:
    """Open an order with its lines."""
    try:
        wanted = _decoder.decode(await request.body())
    except msgspec.ValidationError as fault:
        raise Problem(422, "Values not valid", f"the body has another form: {fault}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise Problem(400, "Request not understood", f"the body is no JSON: {fault}") from None
    try:
        return _json(_as_dict(_opened(request, wanted, caller)), 201)
    except OrderRefused as refused:
        raise Problem(422, "Order refused", str(refused)) from None


@router.get("/orders/list")
def order_list(request: Request, caller: Worker, number: str) -> Response:
    """One order with its pick list: a page, or JSON for a program."""
    del caller
    now = now_of(request)
    try:
        with store_of(request).read() as snapshot:
            order = need_order(snapshot, number)
            lines = pick_list(snapshot, order, now) if order.state is OrderState.OPEN else []
    except OrderRefused as refused:
        raise Problem(404, "Not found", str(refused)) from None
    if is_for_a_person(request):
        return render("order.html", request, order=order, lines=lines)
    return _json({**_as_dict(order), "pickList": [_line(one) for one in lines]})


@router.post("/orders/end")
def order_end(request: Request, caller: Worker, ended: OrderEnded) -> Response:
    """Close an order that is served, or cancel it; what was picked for it only is free again."""
    del caller
    try:
        with store_of(request).write(now_of(request)) as tx:
            return _json(_as_dict(end_order(tx, ended.number, ended.state, why=ended.why)))
    except OrderRefused as refused:
        raise Problem(409, "Order refused", str(refused)) from None


@router.post("/orders/new", include_in_schema=False)
def order_form(request: Request, caller: Worker, form: Annotated[OrderForm, Form()]) -> Response:
    """Open an order from the page; a line is `GTIN PACKS [LOT]`."""
    fields = form.model_dump(exclude={"lines"})
    try:
        lines = [_typed_line(one) for one in form.lines.splitlines() if one.strip()]
        opened = _opened(request, OrderWanted(lines=lines, **fields), caller)
    except OrderRefused as refused:
        return _page(request, str(refused), form)
    del opened
    return RedirectResponse("/orders", status_code=303)


def _opened(request: Request, wanted: OrderWanted, caller: Caller) -> TradeOrder:
    gln = verification_settings_of(request).responder_gln
    own = f"/414/{gln}" if gln else ""
    with store_of(request).write(now_of(request)) as tx:
        return open_order(tx, wanted, own_site=own, by=caller.name)


def _typed_line(text: str) -> OrderLine:
    words = text.replace(",", " ").replace(";", " ").split()
    if not (2 <= len(words) <= 3 and words[1].isascii() and words[1].isdigit()):
        raise OrderRefused(f"line {text[:80]!r}: write GTIN, packs and, where asked for, the lot")
    if len(words[1]) > len("1000000"):
        raise OrderRefused(f"line {text[:80]!r}: so many packs are in no order")
    return OrderLine(words[0], int(words[1]), words[2] if len(words) == 3 else "")


def _page(request: Request, refused: str = "", form: OrderForm | None = None) -> Response:
    with store_of(request).read() as snapshot:
        found = list_orders(snapshot)
    page = render("orders.html", request, orders=found, refused=refused, form=form)
    page.status_code = 422 if refused else 200
    return page


def _json(content: object, status: int = 200) -> Response:
    return JSONResponse(content, status)


def _as_dict(order: TradeOrder) -> dict[str, object]:
    return {
        "number": order.number,
        "customer": order.customer,
        "site": order.site,
        "due": order.due,
        "daysLeftMin": order.days_left_min,
        "state": order.state.value,
        "why": order.why,
        "lines": [
            {"gtin": line.gtin, "packs": line.packs, "lot": line.lot, "picked": picked}
            for line, picked in zip(order.lines, order.picked, strict=True)
        ],
    }


def _line(line: PickLine) -> dict[str, object]:
    return {
        "line": line.line,
        "gtin": line.gtin,
        "needed": line.needed,
        "short": line.short,
        "steps": [
            {
                "lot": lot.lot,
                "expiry": lot.expiry,
                "place": step.case.place,
                "case": step.case.key,
                "packs": step.packs,
                "wholeCase": step.is_whole_case,
            }
            for lot, step in line.steps
        ],
    }
