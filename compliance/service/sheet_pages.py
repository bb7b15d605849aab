"""`/sheets`: the page to take in a sheet, with every wrong row named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Form, Request

from compliance.routes.sheets import MapFile, SheetFile, imported, sheet_map_of
from compliance.service.pages import render
from compliance.spreadsheets.export import EXPORTS
from compliance.spreadsheets.intake import SheetTerms
from compliance.spreadsheets.sheet_map import shipped_maps
from compliance.spreadsheets.tables import TABLES
from epcis.http_context import Caller, needs, now_of
from epcis.problem import Problem

if TYPE_CHECKING:
    from starlette.responses import Response

    from compliance.spreadsheets.intake import SheetReport

router = APIRouter(include_in_schema=False)


@router.get("/sheets")
def sheets_page(request: Request) -> Response:
    """The form, and what each table's columns are."""
    return _page(request)


@router.post("/sheets")
def take_in_from_page(
    request: Request,
    caller: Annotated[Caller, Depends(needs("capture"))],
    *,
    table: Annotated[str, Form()],
    file: SheetFile,
    map_file: MapFile = None,
    map_name: Annotated[str, Form()] = "",
    dry_run: Annotated[bool, Form()] = False,
) -> Response:
    """Check a sheet or take it in, and show every row that is wrong."""
    now = now_of(request)
    try:
        how = sheet_map_of(map_file, map_name)
        terms = SheetTerms(how, now, now, caller.name, caller.party, is_dry_run=dry_run)
        report = imported(request, table, file, terms)
    except Problem as refused:
        return _page(request, refused=refused.detail, status=refused.status)
    return _page(request, report=report, status=200 if report.is_good else 422)


def _page(
    request: Request, *, report: SheetReport | None = None, refused: str = "", status: int = 200
) -> Response:
    page = render(
        "sheets.html",
        request,
        tables=list(TABLES.values()),
        maps=shipped_maps(),
        exports=tuple(EXPORTS),
        report=report,
        refused=refused,
    )
    page.status_code = status
    return page
