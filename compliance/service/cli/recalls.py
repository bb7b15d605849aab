"""`packtrail recall`: open, look at and close the recall of a lot."""

from __future__ import annotations

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
    stop,
)
from compliance.service.cli.packs import gtin14

if TYPE_CHECKING:
    from compliance.recall.recall import LotRecall

recalls = typer.Typer(no_args_is_help=True, help="Open, look at and close recalls.")


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(recalls, name="recall")


@recalls.command(name="open")
def open_(
    gtin: Annotated[str, typer.Argument(help="GTIN of the product.")],
    lot: Annotated[str, typer.Argument(help="Lot to recall.")],
    reason: Annotated[str, typer.Option(help="Why; shown to everyone who is notified.")],
    confirm: Annotated[
        str, typer.Option(help="The lot once more, where no pack of it is known.")
    ] = "",
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Recall a lot: from this moment every verification of its packs answers STOP."""
    from compliance.recall.recall import need_confirmation, open_recall

    code = gtin14(gtin)
    with opened_store(database) as store:
        with store.read() as snapshot:
            need_confirmation(snapshot, code, lot, confirm)
        opened = open_recall(store, code, lot, reason=reason, by="command", now=moment(now))
    _show(opened, json=json)


@recalls.command()
def status(
    recall: Annotated[str | None, typer.Argument(help="Recall; all where left out.")] = None,
    database: Database = "",
    json: Json = False,
) -> None:
    """Show recalls: packs, where they are now and whom to tell."""
    from compliance.recall.recall import find_recall, list_recalls

    with opened_store(database) as store, store.read() as snapshot:
        if recall is None:
            found = list_recalls(snapshot)
            if json:
                print_json([one.as_dict() for one in found])
            for one in [] if json else found:
                _print(one)
            raise typer.Exit(FINE)
        one_recall = find_recall(snapshot, recall)
    if one_recall is None:
        stop(BAD, f"no recall {recall}; `packtrail recall status` lists them")
    _show(one_recall, json=json)


@recalls.command()
def close(
    recall: Annotated[str, typer.Argument(help="Recall to close.")],
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Close a recall; its record stays, and its packs stay out of trade."""
    from compliance.recall.recall import close_recall

    with opened_store(database) as store:
        closed = close_recall(store, recall, by="command", now=moment(now))
    _show(closed, json=json)


@recalls.command()
def withdraw(
    recall: Annotated[str, typer.Argument(help="Recall that was a mistake.")],
    why: Annotated[str, typer.Option(help="Why it was one.")],
    by: Annotated[str, typer.Option("--by", help="Your name; kept in the record.")],
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Ask to take back a mistaken recall; or do it, where somebody else has asked."""
    from compliance.recall.recall import withdraw_recall

    with acting(database, now) as tx:
        taken_back = withdraw_recall(tx, recall, why=why, by=by)
    _show(taken_back, json=json)


def _show(recall: LotRecall, *, json: bool) -> None:
    if json:
        print_json(recall.as_dict())
    else:
        _print(recall)


def _print(recall: LotRecall) -> None:
    from compliance.recall.recall import counted

    state = "closed" if recall.closed else "open"
    if recall.withdrawn is not None:
        state = f"withdrawn by {recall.withdraw_asked_by} and {recall.withdrawn_by}"
    elif recall.withdraw_asked_by is not None:
        state += f", {recall.withdraw_asked_by} asks to withdraw it"
    typer.echo(f"{recall.id}  {state}  lot {recall.lot} of {recall.gtin}")
    typer.echo(f"  {recall.reason}")
    typer.echo(f"  {recall.packs} packs at {len(recall.holders)} holders")
    if supplied := counted(recall.pack_list).supplied:
        typer.echo(f"  {supplied} of them were supplied already")
    for holder in recall.holders:
        name = holder.name or "not named"
        typer.echo(f"  tell {name} ({holder.gln or 'GLN unknown'}): {holder.packs} packs")
