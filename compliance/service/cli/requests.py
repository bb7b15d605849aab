"""`packtrail request`: enter, answer and list trace requests of authorities and partners."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from compliance.service.cli.options import (
    BAD,
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

requests = typer.Typer(no_args_is_help=True, help="Trace requests of authorities and partners.")

By = Annotated[str, typer.Option("--by", help="Your name; kept in the record.")]
RequestId = Annotated[str, typer.Argument(help="Request; `request list` has all.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(requests, name="request")


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """What is asked, by whom and why."""

    organisation: Annotated[str, typer.Option(help="Who asks.")]
    contact: Annotated[str, typer.Option(help="E-mail address or telephone number.")]
    reason: Annotated[
        str,
        typer.Option(
            help="suspect, illegitimate, recalled, compliance audit, health authority inspection."
        ),
    ]
    authenticated: Annotated[str, typer.Option(help="How it was found out who asks.")]
    role: Annotated[
        str, typer.Option(help="Ours: manufacturer, repackager, wholesaler, dispenser or 3pl.")
    ]
    response_type: Annotated[
        str,
        typer.Option(
            "--response", help="transaction information, all known owners, last known owners."
        ),
    ] = "transaction information"
    reference: Annotated[str, typer.Option(help="The asker's number of the request.")] = ""
    investigation: Annotated[str, typer.Option(help="Its number of the investigation.")] = ""
    department: Annotated[str, typer.Option(help="Which part of it asks.")] = ""
    gln: Annotated[str, typer.Option(help="GLN of the asker.")] = ""
    circumstances: Annotated[str, typer.Option(help="What happened.")] = ""
    incident: Annotated[str, typer.Option(help="FDA's incident number.")] = ""


@dataclass(frozen=True, slots=True)
class RequestItems:
    """The packs and lots, and how the request counts."""

    pack: Annotated[
        list[str] | None, typer.Option(metavar="GTIN/SERIAL", help="A pack; may be repeated.")
    ] = None
    lot: Annotated[
        list[str] | None, typer.Option(metavar="GTIN/LOT", help="All packs of a lot.")
    ] = None
    authority: Annotated[
        bool, typer.Option("--authority", help="An authority asks, or somebody on its behalf.")
    ] = False
    drill: Annotated[bool, typer.Option("--drill", help="A fire drill.")] = False


@requests.command(name="open")
@grouped
def open_(
    asked: RequestOptions,
    what: RequestItems,
    by: By = "command",
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Enter a request that has come; its clock runs from now."""
    from compliance.requests.trace_requests import (
        RequestedItem,
        RequestRefused,
        enter_request,
        request_from,
    )

    packs = [one.partition("/")[::2] for one in what.pack or []]
    lots = [one.partition("/")[::2] for one in what.lot or []]
    owner = settings_for(database).owner_gln
    try:
        items = [
            *(RequestedItem.parse(gtin, serial=serial) for gtin, serial in packs),
            *(RequestedItem.parse(gtin, lot=lot) for gtin, lot in lots),
        ]
        wanted = request_from(
            {**asdict(asked), "owner": owner}, items, authority=what.authority, drill=what.drill
        )
    except RequestRefused as refused:
        stop(BAD, str(refused))
    with acting(database, now) as tx:
        entered = enter_request(tx, wanted, by=by)
    if json:
        print_json(entered.as_dict(moment(now)))
    else:
        typer.echo(f"{entered.id}: answer by {entered.due:%Y-%m-%d %H:%M} UTC")


@requests.command(name="list")
def list_(database: Database = "", now: Now = None, json: Json = False) -> None:
    """Show all requests, the next to be answered first."""
    from compliance.requests.trace_requests import list_requests

    with opened_store(database) as store, store.read() as snapshot:
        found = list_requests(snapshot)
    if json:
        print_json([one.as_dict(moment(now)) for one in found])
        return
    for one in found:
        drill = "  DRILL" if one.is_drill else ""
        typer.echo(f"{one.id}  {one.state(moment(now))}{drill}  {one.organisation}: {one.items[0]}")
        typer.echo(f"  due {one.due:%Y-%m-%d %H:%M} UTC, {one.reason}, {one.response_type}")


@requests.command()
def answer(
    request: RequestId,
    sent: Annotated[str, typer.Option(help="The answer went out: how.")] = "",
    refuse: Annotated[str, typer.Option(help="It is refused: why.")] = "",
    by: By = "command",
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Show the answer from what is known now; or note that it went out, or is refused.

    `packtrail export --request ID -o FILE` writes it as a signed dossier.
    """
    from compliance.reports.trace_answer import trace_answer
    from compliance.requests.trace_requests import end_request, need_request

    if sent and refuse:
        stop(BAD, "give --sent or --refuse")
    if sent or refuse:
        with acting(database, now) as tx:
            end_request(tx, request, is_refused=bool(refuse), note=sent or refuse, by=by)
    with opened_store(database) as store, store.read() as snapshot:
        asked = need_request(snapshot, request)
        found = trace_answer(snapshot, asked)
    if json:
        print_json({"request": asked.as_dict(moment(now)), **found.as_dict()})
        return
    typer.echo(f"{asked.id}  {asked.state(moment(now))}  {asked.organisation}")
    for pack in found.packs:
        typer.echo(f"{pack.key}  lot {pack.lot}")
        for one in pack.changes:
            typer.echo(f"  {one.at:%Y-%m-%d}  {one.seller} -> {one.buyer}  {one.documents}")
        for gap in pack.gaps:
            typer.echo(f"  gap: {gap}")
    for gap in found.gaps:
        typer.echo(f"gap: {gap}")
