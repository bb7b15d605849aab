"""`packtrail order`: orders of customers, and what to pick for them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
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
    acting,
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
            order = need_order(snapshot, number)
            market = settings_for(database).market
            lines = pick_list(snapshot, order, moment(now), market=market)
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


@order_app.command("put-back")
def put_back_(
    number: Annotated[str, typer.Argument(help="Number of the order.")],
    scans: Annotated[list[str], typer.Argument(metavar="SCAN...", help="What goes back.")],
    place: Annotated[str, typer.Option(help="GLN.PLACE of the shelf.")],
    database: Database = "",
    now: Now = None,
) -> None:
    """Put picked goods back onto a shelf; from then on they are free for other orders."""
    from uuid import uuid4

    from compliance.service.policy import SCOPES
    from compliance.service.practice import practice_of
    from compliance.warehouse.picking import put_back
    from epcis.http_context import Caller
    from verification.acts.kinds import ActKind
    from verification.acts.perform import ActContext
    from verification.acts.request import ActRequest
    from verification.acts.scans import place_key

    try:
        shelf = place_key(place)
    except ValueError as fault:
        stop(CANNOT_TELL, f"--place: {fault}")
    act = ActRequest(
        kind=ActKind.MOVE, client_id=f"command {uuid4()}", scans=tuple(scans), place=shelf
    )
    context = ActContext(Caller("command", frozenset(SCOPES)), practice_of(settings_for(database)))
    with acting(database, now) as tx:
        answer = put_back(tx, act, number, context)
    typer.echo("\n".join([answer.say, *(one.say for one in answer.packs if not one.done)]))
    raise typer.Exit(FINE if answer.done else BAD)


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
