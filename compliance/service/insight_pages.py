"""`/insight`: ages, expiries, slow movers, demand and losses of a site, on pages and in files."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse, Response
from markupsafe import Markup
from starlette.background import BackgroundTask

from compliance.insight.ask import (
    DAYS,
    LEAD_DAYS_MAX,
    InsightQuestion,
    InsightRefused,
    insight,
    write_table,
)
from compliance.insight.chart import bar_chart
from compliance.insight.movements import DAYS_MAX
from compliance.insight.tables import KINDS, LEAD_DAYS, InsightTable
from compliance.service.pages import is_for_a_person, render
from compliance.service.stock_pages import TEXT_CHARS_MAX, MayQuery, StockQuestion
from epcis.http_context import now_of, store_of
from epcis.problem import Problem

router = APIRouter(tags=["stock"])

_FIRST = next(iter(KINDS))
TableForm = Literal["json", "csv", "xlsx", "svg"]


class InsightAsked(NamedTuple):
    """What was asked, as it was typed."""

    place: str
    days: int
    lead_days: int

    def answer(self, request: Request, kind: str) -> InsightTable:
        """The table; raises `Problem` 404 for an unknown one and 422 for a wrong place."""
        if kind not in KINDS:
            raise Problem(404, "No such table", f"there are {', '.join(KINDS)}")
        wanted = StockQuestion(self.place, "", "", "", "", "").read(request)
        asked = InsightQuestion(kind, wanted, self.days, self.lead_days)
        try:
            with store_of(request).read() as snapshot:
                return insight(snapshot, asked, now_of(request))
        except InsightRefused as refused:
            raise Problem(422, "Values not valid", str(refused)) from None


def question(
    *,
    place: Annotated[str, Query(max_length=TEXT_CHARS_MAX, description="GLN of a site")] = "",
    days: Annotated[int, Query(ge=1, le=DAYS_MAX, description="Days looked back")] = DAYS,
    lead_days: Annotated[
        int,
        Query(alias="leadDays", ge=0, le=LEAD_DAYS_MAX, description="Days until an order arrives"),
    ] = LEAD_DAYS,
) -> InsightAsked:
    """The fields of the question."""
    return InsightAsked(place, days, lead_days)


Asked = Annotated[InsightAsked, Depends(question)]


@router.get("/insight")
def insight_page(request: Request, caller: MayQuery, asked: Asked) -> Response:
    """The tables that there are: a page with the first of them, or JSON for a program."""
    del caller
    if is_for_a_person(request):
        return _page(request, asked, _FIRST)
    known = [{"kind": word, "title": kind.title, "explained": kind.explained}
             for word, kind in KINDS.items()]  # fmt: skip
    return Response(msgspec.json.encode(known), media_type="application/json")


@router.get("/insight/{kind}")
def insight_table(
    request: Request,
    caller: MayQuery,
    kind: str,
    asked: Asked,
    format: Annotated[TableForm | None, Query()] = None,  # noqa: A002  # its name in the query
) -> Response:
    """One table of a site: a page, JSON, CSV, Excel, or its chart as SVG."""
    del caller
    if format is None and is_for_a_person(request):
        return _page(request, asked, kind)
    table = asked.answer(request, kind)
    if format in ("csv", "xlsx"):
        return _file(table, f"{kind}.{format}")
    if format == "svg":
        return Response(bar_chart(table.bars, KINDS[kind].title), media_type="image/svg+xml")
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    body = {"kind": kind, "explained": KINDS[kind].explained, "rows": rows}
    return Response(msgspec.json.encode(body), media_type="application/json")


def _file(table: InsightTable, name: str) -> FileResponse:
    folder = Path(tempfile.mkdtemp(prefix="packtrail-insight-"))
    gone = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    try:
        write_table(table, folder / name)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return FileResponse(folder / name, filename=name, background=gone)


def _page(request: Request, asked: InsightAsked, kind: str) -> Response:
    """The page; what was typed wrong is named above the form."""
    table, wrong, status = None, "", 200
    try:
        table = asked.answer(request, kind)
    except Problem as problem:
        if problem.status == 404:
            raise
        wrong, status = problem.detail, 422
    about = KINDS[kind]
    drawn = bar_chart(table.bars, f"{about.title}, {table.unit}") if table else ""
    chart = Markup(drawn)  # noqa: S704  # `bar_chart` escapes every label
    page = render(
        "insight.html", request, asked=asked, kind=kind, about=about, kinds=KINDS, table=table,
        chart=chart, wrong=wrong, days_max=DAYS_MAX, lead_days_max=LEAD_DAYS_MAX,
    )  # fmt: skip
    page.status_code = status
    return page
