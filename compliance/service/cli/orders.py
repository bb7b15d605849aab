"""`packtrail order`: orders of customers, and what to pick for them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from compliance.service.cli.options import (
    CANNOT_TELL,
    Database,
    Json,
    Now,
    grouped,
    moment,
    opened_store,
    print_json,
    settings_for,
    stop,
)

order_app = typer.Typer(help="Orders of customers, and what to pick for them.")


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(order_app, name="order")


@dataclass(frozen=True)
class OrderOptions:
    """What an order says besides its lines."""

    customer: Annotated[str, typer.Option(help="GLN of who gets the goods.")]
    site: Annotated[str, typer.Option(help="GLN of the site that ships; default: your own.")] = ""
    due: Annotated[str, typer.Option(help="Day, YYYY-MM-DD.")] = ""
    days_left_min: Annotated[
        int, typer.Option(help="Days that goods must last at least, by the customer's rule.")
    ] = 0


@order_app.command("import")
@grouped
def import_order(
    options: OrderOptions,
    number: Annotated[str, typer.Argument(help="Number of the order.")],
    file: Annotated[Path, typer.Argument(help="CSV with the columns gtin, packs and lot.")],
    database: Database = "",
    now: Now = None,
) -> None:
    """Open an order whose lines stand in a CSV file."""
    from compliance.service.practice import practice_of
    from compliance.warehouse.orders import OrderLine, OrderRefused, OrderWanted, open_order

    try:
        rows = list(csv.DictReader(file.read_text("utf-8-sig").splitlines()))
        lines = [
            OrderLine(row["gtin"] or "", int(row["packs"] or ""), row.get("lot") or "")
            for row in rows
        ]
    except (OSError, UnicodeDecodeError, KeyError, ValueError, csv.Error) as fault:
        stop(CANNOT_TELL, f"{file}: no lines with gtin, packs and lot ({fault})")
    wanted = OrderWanted(
        number=number,
        customer=options.customer,
        lines=lines,
        site=options.site,
        due=options.due,
        days_left_min=options.days_left_min,
    )
    gln = practice_of(settings_for(database)).responder_gln
    own = f"/414/{gln}" if gln else ""
    try:
        with opened_store(database) as store, store.write(moment(now)) as tx:
            made = open_order(tx, wanted, own_site=own, by="command")
    except OrderRefused as refused:
        stop(CANNOT_TELL, str(refused))
    typer.echo(f"order {made.number}: {len(made.lines)} lines")


@order_app.command()
def pick(
    number: Annotated[str, typer.Argument(help="Number of the order.")],
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Show what to take from where, first expiry first, breaking the fewest cases."""
    from compliance.warehouse.orders import OrderRefused, need_order
    from compliance.warehouse.picking import pick_list

    try:
        with opened_store(database) as store, store.read() as snapshot:
            lines = pick_list(snapshot, need_order(snapshot, number), moment(now))
    except OrderRefused as refused:
        stop(CANNOT_TELL, str(refused))
    steps = [(line, lot, step) for line in lines for lot, step in line.steps]
    if json:
        print_json(
            [
                {
                    "line": line.line,
                    "gtin": line.gtin,
                    "lot": lot.lot,
                    "expiry": lot.expiry,
                    "place": step.case.place,
                    "case": step.case.key,
                    "packs": step.packs,
                }
                for line, lot, step in steps
            ]
        )
        return
    for line, lot, step in steps:
        what = step.case.key or "loose"
        typer.echo(
            f"{step.packs:7} {line.gtin} lot {lot.lot} {lot.expiry}  {step.case.place}  {what}"
        )
    for line in lines:
        if line.short:
            typer.echo(f"{line.short:7} {line.gtin} short")


@order_app.command()
def close(
    number: Annotated[str, typer.Argument(help="Number of the order.")],
    cancel: Annotated[str, typer.Option(metavar="WHY", help="Cancel it, and why.")] = "",
    database: Database = "",
    now: Now = None,
) -> None:
    """Close an order that is served, or cancel it; what was picked for it only is free again."""
    from compliance.warehouse.orders import OrderRefused, OrderState, end_order

    state = OrderState.CANCELLED if cancel else OrderState.CLOSED
    try:
        with opened_store(database) as store, store.write(moment(now)) as tx:
            ended = end_order(tx, number, state, why=cancel)
    except OrderRefused as refused:
        stop(CANNOT_TELL, str(refused))
    typer.echo(f"order {ended.number} is {ended.state.value}")
