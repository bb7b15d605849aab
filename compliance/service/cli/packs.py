"""`packtrail verify` and `packtrail trace`: is it genuine, and where has it been."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from epcis.trace import Story

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
        if json:
            print_json(story.as_dict())
        else:
            _print_story(story)
    raise typer.Exit(FINE if story.is_known else BAD)


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


def _print_story(story: Story) -> None:
    if not story.is_known:
        typer.echo(f"{story.id}: no event names it")
        return
    typer.echo(story.id)
    for event in story.events:
        what = " ".join(word for word in (event.biz_step, event.disposition) if word)
        at = event.event_time.isoformat()
        typer.echo(f"  {at}  {event.type} {event.action or ''} {what}")
    for stay in story.containment:
        until = stay.until.isoformat() if stay.until else "now"
        typer.echo(f"  in {stay.parent} from {stay.since.isoformat()} to {until}")
    for holder in story.holders:
        name = holder.name or "not named"
        typer.echo(f"  held by {name} ({holder.gln}): {holder.packs} packs")
