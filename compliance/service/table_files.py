"""`/tables/excel`: a table as a page shows it, sorted and filtered, as an Excel file."""

from __future__ import annotations

import io
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel, Field, StrictFloat, StrictInt

from epcis.http_context import Caller, needs
from epcis.problem import Problem

ROWS_MAX = 5_000
COLUMNS_MAX = 60
CELL_CHARS_MAX = 2_000
WIDTH_MAX = 60
"""In characters; longer cells are cut at sight, not in the file."""
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

router = APIRouter(tags=["sheets"])
Text = Annotated[str, Field(max_length=CELL_CHARS_MAX)]


class ShownTable(BaseModel):
    """A table as it is shown."""

    title: str = Field(max_length=100)
    columns: list[Text] = Field(min_length=1, max_length=COLUMNS_MAX)
    rows: list[list[StrictInt | StrictFloat | Text]] = Field(max_length=ROWS_MAX)


@router.post("/tables/excel")
def table_excel(body: ShownTable, caller: Annotated[Caller, Depends(needs("verify"))]) -> Response:
    """Give a shown table back as Excel: numbers as numbers, a frozen head, a filter in it."""
    del caller
    if any(len(row) != len(body.columns) for row in body.rows):
        raise Problem(422, "Values not valid", "each row has one cell for each column")
    return Response(excel_of(body), media_type=EXCEL)


def excel_of(table: ShownTable) -> bytes:
    """The workbook of one sheet.

    >>> excel_of(ShownTable(title="Stock", columns=["Lot", "Packs"], rows=[["L1", 7]]))[:2]
    b'PK'
    """
    from xlsxwriter import Workbook  # only who takes a table along pays for it

    made = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with Workbook(made, options) as book:
        bold = book.add_format({"bold": True})
        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, len(table.rows), len(table.columns) - 1)
        for column, name in enumerate(table.columns):
            cells = [row[column] for row in table.rows]
            widest = max((len(str(one)) for one in [name, *cells]), default=0)
            sheet.set_column(column, column, min(widest + 2, WIDTH_MAX))
            sheet.write_string(0, column, name, bold)
            for at, cell in enumerate(cells, 1):
                if isinstance(cell, str):
                    sheet.write_string(at, column, cell)
                else:
                    sheet.write_number(at, column, cell)
    return made.getvalue()
