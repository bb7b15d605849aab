"""`/sheets`: CSV files and Excel sheets of other systems, taken in as EPCIS documents."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, File, Form, Query, Request, UploadFile
from fastapi.responses import FileResponse
from pydantic import AwareDatetime
from starlette.background import BackgroundTask

from compliance.spreadsheets.export import EXPORTS, write_sheet
from compliance.spreadsheets.intake import SheetReport, SheetTerms, take_in
from compliance.spreadsheets.sheet_map import MAP_BYTES_MAX, SheetMap, SheetRefused, shipped_maps
from compliance.spreadsheets.tables import TABLES
from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem

router = APIRouter(prefix="/sheets", tags=["sheets"])

MayImport = Annotated[Caller, Depends(needs("capture"))]
SheetFile = Annotated[UploadFile, File(description="CSV file or Excel sheet (.xlsx)")]
MapFile = Annotated[UploadFile | None, File(description="map file (.toml)")]


@router.get("/tables")
def tables() -> list[dict[str, object]]:
    """The tables that can be taken in, with their columns."""
    return [
        {
            "table": one.name,
            "says": one.says,
            "columns": [
                {"name": column.name, "says": column.says, "needed": column.is_needed}
                for column in one.columns
            ],
            "maps": [name for name in shipped_maps() if name.endswith(one.name)],
        }
        for one in TABLES.values()
    ]


@router.post("/{table}")
def take_in_sheet(
    request: Request,
    caller: MayImport,
    table: str,
    *,
    file: SheetFile,
    map_file: MapFile = None,
    map_name: Annotated[str, Form(alias="map", description="a map that comes with us")] = "",
    at: Annotated[AwareDatetime | None, Query(description="when the sheet is true; now")] = None,
    dry_run: Annotated[bool, Query(description="check every row, write nothing")] = False,
) -> dict[str, object]:
    """Check every row of a sheet, and capture it where none is wrong; else 422 and each fault."""
    how = sheet_map_of(map_file, map_name)
    now = now_of(request)
    terms = SheetTerms(how, at or now, now, caller.name, caller.party, is_dry_run=dry_run)
    report = imported(request, table, file, terms)
    if not report.is_good and not dry_run:
        raise Problem(
            422,
            "Sheet not taken in",
            "rows are wrong, and nothing was written; correct them and send the sheet again",
            findings=tuple(report.findings),
        )
    return report.as_dict()


@router.get("/{table}/file", response_class=FileResponse)
def table_as_sheet(
    request: Request,
    table: str,
    format: Annotated[Literal["csv", "xlsx"], Query()] = "csv",  # noqa: A002  # its name in the query
) -> FileResponse:
    """A table as CSV or Excel: packs, products or places."""
    if table not in EXPORTS:
        raise Problem(404, "No such table", f"there are {', '.join(EXPORTS)}")
    folder = Path(tempfile.mkdtemp(prefix="packtrail-sheet-"))
    out = folder / f"{table}.{format}"
    try:
        write_sheet(store_of(request), table, out)
    except BaseException as fault:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(fault, SheetRefused):
            raise Problem(422, "Too long for a sheet", str(fault)) from fault
        raise
    gone = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(out, filename=out.name, background=gone)


def sheet_map_of(map_file: UploadFile | None, map_name: str) -> SheetMap:
    """The map that came with a sheet, or one of ours by its name. Raises `Problem` 422."""
    if map_name and map_name not in shipped_maps():
        known = ", ".join(shipped_maps())
        raise Problem(422, "No such map", f"{map_name[:100]} is none; ready ones are {known}")
    try:
        if map_file is not None and map_file.filename:
            return SheetMap.parse(map_file.file.read(MAP_BYTES_MAX + 1), map_file.filename)
        return SheetMap.read(map_name) if map_name else SheetMap()
    except SheetRefused as refused:
        raise Problem(422, "Map not understood", str(refused)) from refused


def imported(request: Request, table: str, file: UploadFile, terms: SheetTerms) -> SheetReport:
    """Take a sheet in. Raises `Problem` 404 for an unknown table, 422 where it is no sheet."""
    if table not in TABLES:
        raise Problem(404, "No such table", f"there are {', '.join(TABLES)}")
    try:
        return take_in(store_of(request), TABLES[table], file.file, terms)
    except SheetRefused as refused:
        raise Problem(422, "Sheet not understood", str(refused)) from refused
