"""`packtrail verify` and `packtrail trace`: is it genuine, and where has it been."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

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
    settings_for,
    stop,
)

EXIT_OF_WORD = {"OK": FINE, "STOP": BAD, "CHECK": BAD, "UNKNOWN": CANNOT_TELL}


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command()(verify)
    app.command()(trace)


def verify(
    gtin: Annotated[str, typer.Argument(help="GTIN, 8 to 14 digits.")],
    serial: Annotated[str, typer.Argument(help="Serial number.")],
    lot: Annotated[str | None, typer.Option(help="Lot on the pack.")] = None,
    expiry: Annotated[str | None, typer.Option(help="Expiry on the pack, YYMMDD.")] = None,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Say whether a pack is genuine and sellable, and what to do next."""
    from compliance.service.practice import practice_of
    from epcis.http_context import Caller
    from verification.answering.answers import verify_for
    from verification.decision.act import Asked
    from verification.messages.wanted import Verification

    printed = (_printed("serial", serial), None if lot is None else _printed("lot", lot))
    asked = Asked(gtin14(gtin), *printed, expiry_of(expiry))
    practice = practice_of(settings_for(database))
    caller = Caller("command", frozenset({"verify"}), None, "")
    with opened_store(database) as store, store.write(moment(now)) as tx:
        verdict = verify_for(tx, Verification(asked, caller, as_of=moment(now)), practice)
    answer = verdict.as_dict()
    if json:
        print_json(answer)
    else:
        typer.echo(f"{answer['verdict']}  {answer['say']}")
        if verdict.alert:
            typer.echo(f"Alert {verdict.alert}. {verdict.cause}".rstrip())
    raise typer.Exit(EXIT_OF_WORD[str(answer["verdict"])])


def trace(
    id_: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="EPC URN, Digital Link, or a key such as /01/{gtin}/10/{lot}."
        ),
    ],
    database: Database = "",
    json: Json = False,
) -> None:
    """Show a pack's, case's or lot's events, containment and holders."""
    from epcis.trace import trace as trace_story

    with opened_store(database) as store, store.read() as snapshot:
        story = trace_story(snapshot, id_)
        told, known = story.as_dict(), story.is_known
    if json:
        print_json(told)
    else:
        _print_story(told, known=known)
    raise typer.Exit(FINE if known else BAD)


def gtin14(text: str) -> str:
    """A GTIN as GTIN-14; a wrong one ends the command with what is wrong.

    >>> gtin14("9506000134352")
    '09506000134352'
    """
    from schemas.gs1.keys import Gtin

    try:
        return str(Gtin.parse(text))
    except ValueError as fault:
        stop(CANNOT_TELL, f"GTIN {text}: {fault}")


def _printed(name: str, text: str) -> str:
    """A serial or lot that can be printed; any other is a slip, no falsified pack."""
    from verification.messages.identity import FieldError, printed_text

    try:
        return printed_text(name, text)
    except FieldError as fault:
        stop(CANNOT_TELL, str(fault))


def expiry_of(text: str | None) -> date | None:
    """The expiry printed on a pack; a wrong one ends the command with what is wrong."""
    from schemas.gs1.expiry import expiry_date

    day = expiry_date(text) if text is not None else None
    if text is not None and day is None:
        stop(CANNOT_TELL, f"expiry {text}: write YYMMDD, with day 00 for the month's last day")
    return day


def _print_story(told: dict[str, Any], *, known: bool) -> None:
    if not known:
        typer.echo(f"{told['id']}: no event names it")
        return
    typer.echo(str(told["id"]))
    for event in told["events"]:
        what = " ".join(str(event[k]) for k in ("bizStep", "disposition") if event.get(k))
        typer.echo(f"  {event['eventTime']}  {event['type']} {event.get('action', '')} {what}")
    for stay in told["containment"]:
        typer.echo(f"  in {stay['parent']} from {stay['from']} to {stay['to'] or 'now'}")
    for holder in told["holders"]:
        name = holder["name"] or "not named"
        typer.echo(f"  held by {name} ({holder['gln']}): {holder['packs']} packs")
