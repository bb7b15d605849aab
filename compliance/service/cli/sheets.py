"""`packtrail import`: CSV files and Excel sheets of other systems."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from compliance.service.cli.options import (
    BAD,
    CANNOT_TELL,
    FINE,
    Database,
    Json,
    Now,
    moment,
    opened_store,
    print_json,
    stop,
)
from compliance.spreadsheets.sheet_map import SheetMap

SHOWN_MAX = 20
"""Findings that are printed for people; the JSON has more."""


def add_to(app: typer.Typer) -> None:
    """Put this command on the command line."""
    app.command(name="import")(import_)


def import_(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="products, places or stock.")],
    file: Annotated[Path, typer.Argument(help="CSV file or Excel sheet (.xlsx).")],
    map_: Annotated[
        str,
        typer.Option(
            "--map", metavar="MAP", help="Map file (.toml), or odoo-stock or openboxes-stock."
        ),
    ] = "",
    at: Annotated[
        datetime | None,
        typer.Option(help="The moment that the sheet is true at; else now.", metavar="MOMENT"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check every row, and write nothing.")
    ] = False,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Take in products, places or opening stock; nothing is written while one row is wrong."""
    from compliance.spreadsheets.intake import SheetTerms, take_in
    from compliance.spreadsheets.tables import TABLES

    if table not in TABLES:
        stop(CANNOT_TELL, f"{table}: no such table; there are {', '.join(TABLES)}")
    if not file.is_file():
        stop(CANNOT_TELL, f"{file}: no such file")
    with opened_store(database) as store, file.open("rb") as source:
        how = SheetMap.read(map_) if map_ else SheetMap()
        clock = moment(now)
        terms = SheetTerms(how, moment(at or clock), clock, "command", is_dry_run=dry_run)
        report = take_in(store, TABLES[table], source, terms)
    if json:
        print_json(report.as_dict())
    else:
        for finding in report.findings[:SHOWN_MAX]:
            row = f"row {finding.where.line}: " if finding.where.line else ""
            typer.echo(f"{finding.severity}  {row}{finding.what}; {finding.hint}")
        more = len(report.findings) - SHOWN_MAX + report.findings_left_out
        if more > 0:
            typer.echo(f"and {more} more; --json lists {len(report.findings)}")
        typer.echo(f"{file}: {report.rows} rows, {report.outcome}")
    raise typer.Exit(FINE if report.is_good else BAD)
