"""`packtrail insight`: what a site's stock and its movements say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from compliance.service.cli.options import (
    CANNOT_TELL,
    Database,
    Json,
    Now,
    moment,
    opened_store,
    print_json,
    stop,
)


def add_to(app: typer.Typer) -> None:
    """Put this command on the command line."""
    app.command("insight")(show_insight)


def show_insight(
    kind: Annotated[
        str,
        typer.Argument(help="expiry, age, slow, turnover, returns, shrinkage or demand."),
    ],
    place: Annotated[str, typer.Option(help="GLN of a site; all places where none is given.")] = "",
    days: Annotated[int, typer.Option(help="Days looked back.")] = 90,
    lead_days: Annotated[int, typer.Option(help="Days until an order arrives.")] = 7,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write CSV, or Excel for .xlsx.")
    ] = None,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Show how long stock lasts, what moves slowly, comes back or gets lost, and what to order."""
    from compliance.insight.ask import InsightQuestion, InsightRefused, insight, write_table
    from epcis.problem import Problem
    from verification.stock import stock_filter

    try:
        asked = InsightQuestion(kind, stock_filter(place=place), days, lead_days)
        with opened_store(database) as store, store.read() as snapshot:
            table = insight(snapshot, asked, moment(now))
    except Problem as problem:
        stop(CANNOT_TELL, problem.detail)
    except InsightRefused as refused:
        stop(CANNOT_TELL, str(refused))
    if out is not None:
        try:
            write_table(table, out)
        except OSError as fault:
            stop(CANNOT_TELL, f"{out} cannot be written: {fault.strerror or fault}")
    elif json:
        print_json([dict(zip(table.columns, row, strict=True)) for row in table.rows])
    else:
        widths = [
            max(len(str(cell)) for cell in column)
            for column in zip(table.columns, *table.rows, strict=True)
        ]
        for row in (table.columns, *table.rows):
            cells = zip(row, widths, strict=True)
            typer.echo("  ".join(str(cell).ljust(width) for cell, width in cells).rstrip())
