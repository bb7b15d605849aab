"""`/stock`: what is where, by lot, expiry, standing and owner; a page, and JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from compliance.service.pages import explained, is_for_a_person, render
from compliance.warehouse.transit import GoodsOnTheWay, goods_on_the_way
from epcis.http_context import Caller, caller_of, needs, now_of, store_of
from epcis.problem import Problem
from epcis.store.effect import party_key
from verification.context import verification_settings_of
from verification.registry.rights import company_behind
from verification.stock import (
    PAGE_ITEMS_MAX,
    Standing,
    StockAnswer,
    StockFilter,
    StockItems,
    stock,
    stock_filter,
    stock_items,
)

if TYPE_CHECKING:
    from epcis.database.transactions import Snapshot

router = APIRouter(tags=["stock"])

MayQuery = Annotated[Caller, Depends(needs("query"))]
TEXT_CHARS_MAX = 200
_Text = Annotated[str, Query(max_length=TEXT_CHARS_MAX)]
PAGE_ITEMS = 100


class StockQuestion(NamedTuple):
    """What was asked, as it was typed."""

    place: str
    gtin: str
    lot: str
    expires_before: str
    standing: str
    owner: str

    def read(self, request: Request) -> StockFilter:
        """The filter, narrowed to what the caller may see; raises `Problem` 422."""
        wanted = stock_filter(**self._asdict())
        caller = caller_of(request)
        with store_of(request).read() as snapshot:
            if company_behind(snapshot, caller).is_operator or caller.party is None:
                return wanted
        return msgspec.structs.replace(wanted, party=party_key(caller.party))


def question(
    *,
    place: Annotated[
        str, Query(max_length=TEXT_CHARS_MAX, description="GLN of a site, or GLN.PLACE in it")
    ] = "",
    gtin: _Text = "",
    lot: _Text = "",
    expires_before: Annotated[
        str, Query(alias="expiresBefore", max_length=TEXT_CHARS_MAX, description="YYYY-MM-DD")
    ] = "",
    standing: Annotated[
        str, Query(max_length=TEXT_CHARS_MAX, description=f"One of {', '.join(Standing)}")
    ] = "",
    owner: Annotated[str, Query(max_length=TEXT_CHARS_MAX, description="GLN")] = "",
) -> StockQuestion:
    """The fields of the question."""
    return StockQuestion(place, gtin, lot, expires_before, standing, owner)


Asked = Annotated[StockQuestion, Depends(question)]


@router.get("/stock")
def stock_by_lot(request: Request, caller: MayQuery, asked: Asked) -> Response:
    """What is where, by lot, expiry, standing and owner: a page, or JSON for a program."""
    del caller
    if is_for_a_person(request):
        return _page(request, asked)
    wanted = asked.read(request)
    with store_of(request).read() as snapshot:
        return _json(
            stock(
                snapshot, wanted, now_of(request), market=verification_settings_of(request).market
            )
        )


@router.get("/stock/items")
def stock_one_by_one(
    request: Request,
    caller: MayQuery,
    asked: Asked,
    after: _Text = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_ITEMS_MAX)] = PAGE_ITEMS,
) -> Response:
    """The packs, cases and pallets of the stock one by one, a page at a time."""
    del caller
    wanted = asked.read(request)
    try:
        with store_of(request).read() as snapshot:
            page = stock_items(
                snapshot,
                wanted,
                now_of(request),
                after=after,
                most=limit,
                market=verification_settings_of(request).market,
            )
    except ValueError as fault:
        raise Problem(422, "Values not valid", str(fault)) from None
    if is_for_a_person(request):
        return render("stock_items.html", request, asked=asked, page=page)
    return _json(page)


def _counted(request: Request, snapshot: Snapshot, wanted: StockFilter) -> StockAnswer:
    market = verification_settings_of(request).market
    return stock(snapshot, wanted, now_of(request), market=market)


@router.get("/stock/transit")
def stock_on_the_way(request: Request, caller: MayQuery, asked: Asked) -> Response:
    """Shipments that nobody received yet, the oldest first: a page, or JSON for a program."""
    del caller
    if is_for_a_person(request):
        return _transit_page(request, asked)
    wanted = asked.read(request)
    with store_of(request).read() as snapshot:
        return _json(goods_on_the_way(snapshot, wanted, now_of(request)))


def _transit_page(request: Request, asked: StockQuestion) -> Response:
    goods, wrong = None, ""
    try:
        wanted = asked.read(request)
        with store_of(request).read() as snapshot:
            goods = goods_on_the_way(snapshot, wanted, now_of(request))
    except Problem as problem:
        wrong = problem.detail
    page = render("transit.html", request, asked=asked, goods=goods, wrong=wrong)
    page.status_code = 422 if wrong else 200
    return page


def _json(answer: StockAnswer | StockItems | GoodsOnTheWay) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")


def _page(request: Request, asked: StockQuestion) -> Response:
    """The page; what was typed wrong is named above the form."""
    answer, wrong, status = None, "", 200
    try:
        wanted = asked.read(request)
        with store_of(request).read() as snapshot:
            answer = stock(
                snapshot, wanted, now_of(request), market=verification_settings_of(request).market
            )
    except Problem as problem:
        wrong, status = explained(problem), 422
    page = render(
        "stock.html", request, asked=asked, answer=answer, wrong=wrong, standings=list(Standing)
    )
    page.status_code = status
    return page
