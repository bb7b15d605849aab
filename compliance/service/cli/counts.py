"""`packtrail count`: count the stock, and settle what differs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from compliance.service.cli.options import (
    BAD,
    FINE,
    Database,
    Json,
    Now,
    acting,
    moment,
    opened_store,
    print_json,
    settings_for,
    show,
)

if TYPE_CHECKING:
    from compliance.warehouse.count_report import ShownCount

count_app = typer.Typer(help="Count the stock, and settle what differs.")

Number = Annotated[str, typer.Argument(help="Number of the count.")]
Place = Annotated[str, typer.Option(help="GLN, or GLN.PLACE in the site.")]
Why = Annotated[str, typer.Option(help="Why; kept in the record.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(count_app, name="count")


@count_app.command("open")
def open_(
    place: Place = "",
    gtin: Annotated[str, typer.Option(help="Only this product.")] = "",
    blind: Annotated[
        bool, typer.Option("--blind", help="Whoever scans is not shown what is expected.")
    ] = False,
    opened: Annotated[
        bool, typer.Option("--opened", help="Open the cases, and scan pack by pack.")
    ] = False,
    database: Database = "",
    now: Now = None,
) -> None:
    """Open a count of a site, an aisle, a shelf or a product."""
    from compliance.service.practice import practice_of
    from compliance.warehouse.counts import CountWanted, open_count

    gln = practice_of(settings_for(database)).responder_gln
    wanted = CountWanted(place, gtin, blind, opened)
    with acting(database, now) as tx:
        made = open_count(tx, wanted, own_site=f"/414/{gln}" if gln else "", by="command")
    typer.echo(made.id)


@count_app.command()
def scan(
    number: Number,
    scans: Annotated[list[str], typer.Argument(metavar="SCAN... | -", help="What was scanned.")],
    place: Place = "",
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Note what was scanned; the same thing counts once."""
    import msgspec

    from compliance.warehouse.counts import scan_into

    lines = sys.stdin.read().splitlines() if scans == ["-"] else scans
    given = [line for line in lines if line.strip()]
    with acting(database, now) as tx:
        noted = scan_into(tx, number, given, place=place, by="command")
    if json:
        print_json(msgspec.to_builtins(noted))
    else:
        for one in noted:
            typer.echo(f"{one.key or one.scan}  {one.say}")
    raise typer.Exit(FINE if all(one.key for one in noted) else BAD)


@count_app.command("show")
def show_count(
    number: Number, database: Database = "", now: Now = None, json: Json = False
) -> None:
    """Show a count, and what differs from the stock now."""
    from compliance.warehouse.count_report import shown_count

    with opened_store(database) as store, store.read() as snapshot:
        shown = shown_count(snapshot, number, moment(now))
    show(shown.as_dict(), _in_words(shown), json=json)


@count_app.command()
def finish(number: Number, database: Database = "", now: Now = None) -> None:
    """Say that everything was scanned; then a blind count shows what differs."""
    from compliance.warehouse.counts import finish_scanning

    with acting(database, now) as tx:
        finish_scanning(tx, number)


@count_app.command("again")
def again(
    number: Number, why: Why, place: Place = "", database: Database = "", now: Now = None
) -> None:
    """Count all of it or one place again: what was scanned there no longer counts."""
    from compliance.warehouse.counts import recount

    with acting(database, now) as tx:
        recount(tx, number, place=place, why=why, by="command")


@count_app.command()
def cancel(number: Number, why: Why, database: Database = "", now: Now = None) -> None:
    """End a count without changing anything."""
    from compliance.warehouse.counts import cancel_count

    with acting(database, now) as tx:
        cancel_count(tx, number, why=why, by="command")


@count_app.command()
def close(
    number: Number,
    why: Why,
    stolen: Annotated[
        list[str] | None, typer.Option(help="A missing thing that was stolen; several times.")
    ] = None,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Close a count: what differs becomes events of adjustment, all in one step."""
    from compliance.service.policy import SCOPES
    from compliance.service.practice import practice_of
    from compliance.warehouse.close_count import CountClosing, close_count
    from compliance.warehouse.count_report import shown_count
    from epcis.http_context import Caller
    from verification.acts.perform import ActContext

    context = ActContext(Caller("command", frozenset(SCOPES)), practice_of(settings_for(database)))
    with acting(database, now) as tx:
        close_count(tx, number, CountClosing(why, stolen or []), context)
        shown = shown_count(tx, number, tx.now)
    show(shown.as_dict(), _in_words(shown), json=json)


@count_app.command()
def missing(
    place: Place = "", database: Database = "", now: Now = None, json: Json = False
) -> None:
    """List what is lost or stolen by the records: when, where and by whom it was last seen."""
    from compliance.warehouse.missing import missing_goods

    with opened_store(database) as store, store.read() as snapshot:
        goods = [one.as_dict() for one in missing_goods(snapshot, place, moment(now))]
    lines = "\n".join(f"{one['id']}  {one['state']}  {one['lastSeen']}" for one in goods)
    show({"missing": goods}, lines, json=json)


def _in_words(shown: ShownCount) -> str:
    session = shown.session
    lines = [f"{session.id} {session.place}: {session.state.value}, {session.scans} scans"]
    if shown.found is not None:
        lines.append(f"{shown.found.as_recorded} of {shown.found.expected} are as recorded")
        lines += [f"{one.finding.value:20} {one.key}" for one in shown.found.differs]
    elif session.is_over:
        lines.append(f"{session.as_recorded} of {session.expected} were as recorded")
        lines += [f"{one.finding:20} {one.key}" for one in shown.results]
    return "\n".join(lines)
