"""`packtrail quarantine`: hold goods, look at what is held, and release it by a second person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from compliance.service.cli.options import (
    Database,
    Json,
    Now,
    acting,
    grouped,
    moment,
    opened_store,
    print_json,
)

if TYPE_CHECKING:
    from compliance.quarantine.quarantine import QuarantineRecord

quarantines = typer.Typer(no_args_is_help=True, help="Goods that may not move or be sold.")
Person = Annotated[str, typer.Option("--by", help="Your name; kept in the record.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(quarantines, name="quarantine")


@dataclass(frozen=True)
class HeldThings:
    """What is to be held."""

    kind: Annotated[
        str, typer.Argument(help="product, lot, range, pack, case, pallet or shipment.")
    ]
    gtin: Annotated[str, typer.Option(help="GTIN of the product.")] = ""
    lot: Annotated[str, typer.Option(help="Lot.")] = ""
    serial: Annotated[str, typer.Option(help="Serial number, or first of a range.")] = ""
    serial_to: Annotated[str, typer.Option(help="Last serial number of a range.")] = ""
    container: Annotated[str, typer.Option(help="SSCC, or URI of a case or pallet.")] = ""
    document: Annotated[str, typer.Option(help="Order, despatch advice or invoice.")] = ""


@quarantines.command()
@grouped
def place(
    things: HeldThings,
    reason: Annotated[str, typer.Option(help="Why; shown to everyone who asks.")],
    by: Person,
    owner: Annotated[str, typer.Option(help="Who decides about it; default: you.")] = "",
    due: Annotated[
        datetime | None, typer.Option(help="By when (UTC); default: in three days.")
    ] = None,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Hold goods: from this moment every door refuses to move or sell them."""
    from compliance.quarantine.quarantine import place_quarantine
    from compliance.quarantine.subject import QuarantineSubject

    with acting(database, now) as tx:
        subject = QuarantineSubject.parse(
            things.kind,
            gtin=things.gtin,
            lot=things.lot,
            serial=things.serial,
            serial_to=things.serial_to,
            container=things.container,
            document=things.document,
        )
        until = moment(due) if due is not None else None
        held = place_quarantine(tx, subject, reason=reason, by=by, owner=owner, due=until)
    _show([held], moment(now), json=json)


@quarantines.command()
def release(
    number: Annotated[str, typer.Argument(help="Quarantine to release.")],
    why: Annotated[str, typer.Option(help="Why the goods are free again.")],
    by: Person,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Free goods; by somebody other than who held them."""
    from compliance.quarantine.quarantine import release_quarantine

    with acting(database, now) as tx:
        freed = release_quarantine(tx, number, why=why, by=by)
    _show([freed], moment(now), json=json)


@quarantines.command(name="list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Released ones too.")] = False,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Show what is held, by whom, why, and until when somebody decides."""
    from compliance.quarantine.quarantine import list_quarantines

    with opened_store(database) as store, store.read() as snapshot:
        found = list_quarantines(snapshot, only_open=not everything)
    _show(found, moment(now), json=json)


def _show(found: list[QuarantineRecord], now: datetime, *, json: bool) -> None:
    if json:
        print_json([one.as_dict(now) for one in found])
        return
    for one in found:
        state = "in force" if one.released is None else f"released by {one.released_by}"
        late = ", overdue" if one.is_overdue(now) else ""
        typer.echo(f"{one.id}  {state}{late}  {one.subject}")
        typer.echo(f"  {one.reason}")
        typer.echo(f"  placed by {one.placed_by}, {one.owner} decides by {one.due:%Y-%m-%d %H:%M}")
