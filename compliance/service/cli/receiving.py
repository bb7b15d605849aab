"""`packtrail receive`: compare a delivery with its data, and take it in."""

from __future__ import annotations

import sys
from datetime import datetime  # typer reads the annotations
from typing import Annotated
from uuid import uuid4

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
    settings_for,
    show,
    stop,
)


def add_to(app: typer.Typer) -> None:
    """Put this command on the command line."""
    app.command()(receive)


def receive(
    shipment: Annotated[
        str, typer.Argument(help="Order, despatch advice, invoice or SSCC of the delivery.")
    ],
    scans: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SCAN... | -]", help="What was scanned; - reads one per line."),
    ] = None,
    take_in: Annotated[
        bool, typer.Option("--take-in", help="Receive what matches, and hold the rest.")
    ] = False,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Compare what was announced with what was scanned; exit code 1 where they differ."""
    from compliance.receiving.compare import compared
    from compliance.receiving.expected import ReceivingRefused

    given = sys.stdin.read().splitlines() if scans == ["-"] else scans or []
    lines = [line for line in given if line.strip()]
    if take_in:
        _take_in(shipment, lines, database, now, json=json)
        return
    try:
        with opened_store(database) as store, store.read() as snapshot:
            goods, found = compared(snapshot, shipment, lines, moment(now))
    except ReceivingRefused as refused:
        stop(CANNOT_TELL, str(refused))
    printed = [f"{line.outcome:24} {line.key or line.scan}  {line.say}" for line in found.lines]
    printed += [f"{'missing':24} {key}  lot {goods.packs[key].lot}" for key in found.missing]
    show(found.as_dict(goods), "\n".join(printed), json=json)
    raise typer.Exit(FINE if found.is_complete else BAD)


def _take_in(
    shipment: str, lines: list[str], database: str, now: datetime | None, *, json: bool
) -> None:
    """Take a delivery in; ends with 1 where something of it did not match."""
    import msgspec

    from compliance.receiving.expected import ReceivingRefused
    from compliance.receiving.take_in import take_in
    from compliance.service.policy import SCOPES
    from compliance.service.practice import practice_of
    from epcis.http_context import Caller
    from epcis.problem import Problem
    from verification.acts.perform import ActContext

    caller = Caller("command", frozenset(SCOPES))
    context = ActContext(caller, practice_of(settings_for(database)))
    try:
        with opened_store(database) as store, store.write(moment(now)) as tx:
            taken = take_in(tx, shipment, lines, f"command {uuid4()}", context)
    except ReceivingRefused as refused:
        stop(CANNOT_TELL, str(refused))
    except Problem as problem:
        stop(BAD, f"{problem.title}: {problem.detail}")
    cases = [one.as_dict() for one in taken.cases]
    printed = [taken.answer.say, *(f"{one.id}  {one.state}  {one.what}" for one in taken.cases)]
    show({**msgspec.to_builtins(taken.answer), "cases": cases}, "\n".join(printed), json=json)
    is_whole = all(one.done for one in taken.answer.packs) and not taken.answer.missing
    raise typer.Exit(FINE if is_whole else BAD)
