"""`packtrail recall`: preview, open, approve, look at, take back and close recalls."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compliance.service.cli.options import (
    BAD,
    FINE,
    Database,
    Json,
    Now,
    acting,
    grouped,
    moment,
    opened_store,
    print_json,
    read_file,
    settings_for,
    stop,
)

if TYPE_CHECKING:
    from compliance.recall.recall import RecallPreview
    from compliance.recall.record import RecallRecord
    from compliance.recall.scope import RecallScope
    from epcis.ledger.store import Store

recalls = typer.Typer(no_args_is_help=True, help="Preview, open, approve and close recalls.")

By = Annotated[str, typer.Option("--by", help="Your name; kept in the record.")]
_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(recalls, name="recall")


@dataclass(frozen=True, slots=True)
class ScopeOptions:
    """What is recalled."""

    gtin: Annotated[str, typer.Argument(help="GTIN of the product.")]
    lot: Annotated[str, typer.Argument(help="Lot to recall; else one of the options.")] = ""
    serials: Annotated[
        Path | None, typer.Option("--serials", help="File with one serial number a line.")
    ] = None
    serial_range: Annotated[
        tuple[str, str], typer.Option("--range", help="First and last serial, of one length.")
    ] = ("", "")
    window: Annotated[
        tuple[datetime, datetime] | None,
        typer.Option("--window", formats=_TIMES, help="Packs commissioned from a time to another."),
    ] = None
    place: Annotated[str, typer.Option(help="GLN where the packs of a window were made.")] = ""
    product: Annotated[bool, typer.Option("--product", help="Every pack of the product.")] = False
    market: Annotated[str, typer.Option(help="ISO 3166 country; else everywhere.")] = ""

    def scope(self) -> RecallScope:
        """The scope; ends the command where it is none."""
        from compliance.recall.scope import RecallRefused, RecallScope

        text = read_file(self.serials).decode("utf-8", "replace") if self.serials else ""
        window = tuple(map(_utc, self.window)) if self.window else None
        try:
            return RecallScope.parse(
                gtin=self.gtin,
                lot=self.lot,
                serials=[line.strip() for line in text.splitlines() if line.strip()],
                serial_range=self.serial_range if any(self.serial_range) else None,
                window=(window[0], window[1]) if window else None,
                place=self.place,
                product=self.product,
                market=self.market,
            )
        except RecallRefused as refused:
            stop(BAD, str(refused))


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RecallOptions:
    """How it is recalled."""

    reason: Annotated[str, typer.Option(help="Why; shown to everyone who is notified.")]
    recall_class: Annotated[str, typer.Option("--class", help="I, II or III.")] = ""
    depth: Annotated[str, typer.Option(help="wholesale, retail or consumer.")] = ""
    drill: Annotated[bool, typer.Option("--drill", help="A mock recall: stops nothing.")] = False
    fact: Annotated[
        list[str] | None, typer.Option("--fact", help="NAME=TEXT that notices say besides.")
    ] = None
    confirm: Annotated[
        str, typer.Option(help="The lot, else the GTIN, once more, where no pack is known.")
    ] = ""


@recalls.command(name="preview")
@grouped
def preview_(scope: ScopeOptions, database: Database = "", json: Json = False) -> None:
    """Show what a recall would reach; changes nothing."""
    from compliance.recall.recall import preview_of

    wanted = scope.scope()
    with opened_store(database) as store, store.read() as snapshot:
        found = preview_of(snapshot, wanted)
    if json:
        print_json({"scope": wanted.as_dict(), **found.as_dict()})
    else:
        _print_preview(wanted, found)


@recalls.command(name="open")
@grouped
def open_(
    scope: ScopeOptions,
    how: RecallOptions,
    by: By = "command",
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Stop packs: from this moment every verification of them answers STOP.

    A second person approves the recall with `recall approve`; then its holders get notices.
    """
    from compliance.recall.recall import RecallWanted, need_confirmation, start_recall

    wanted = RecallWanted(
        scope=scope.scope(),
        reason=how.reason,
        recall_class=how.recall_class,
        depth=how.depth,
        is_drill=how.drill,
        facts=_facts(how.fact or []),
    )
    with opened_store(database) as store:
        wanted.check()
        with store.read() as snapshot:
            need_confirmation(snapshot, wanted.scope, how.confirm)
        with store.write(moment(now)) as tx:
            opened = start_recall(tx, wanted, by=by)
        _show(store, opened, json=json)


def _facts(lines: list[str]) -> dict[str, str]:
    parted = [one.partition("=") for one in lines]
    if odd := [name for name, mark, _ in parted if not mark]:
        stop(BAD, f"'{odd[0]}' is not NAME=TEXT")
    return {name: text for name, _, text in parted}


@recalls.command()
def approve(
    recall: Annotated[str, typer.Argument(help="Recall to approve.")],
    by: By,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Approve a recall that somebody else opened; its holders get notices from now on."""
    from compliance.recall.recall import approve_recall

    with acting(database, now) as tx:
        approved = approve_recall(tx, recall, by=by)
    _say(approved, json=json)


@recalls.command()
def status(
    recall: Annotated[str | None, typer.Argument(help="Recall; all where left out.")] = None,
    database: Database = "",
    json: Json = False,
) -> None:
    """Show recalls: packs, where they are now and whom to tell."""
    from compliance.recall.record import find_recall, list_recalls

    with opened_store(database) as store:
        with store.read() as snapshot:
            found = list_recalls(snapshot) if recall is None else find_recall(snapshot, recall)
        if isinstance(found, list):
            if json:
                print_json([one.as_dict() for one in found])
            for one in [] if json else found:
                _print(one)
            raise typer.Exit(FINE)
        if found is None:
            stop(BAD, f"no recall {recall}; `packtrail recall status` lists them")
        _show(store, found, json=json)


@recalls.command()
def close(
    recall: Annotated[str, typer.Argument(help="Recall to close.")],
    by: By = "command",
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Close a recall; its record stays, and its packs stay out of trade."""
    from compliance.recall.recall import close_recall

    with opened_store(database) as store:
        _say(close_recall(store, recall, by=by, now=moment(now)), json=json)


@recalls.command()
def withdraw(
    recall: Annotated[str, typer.Argument(help="Recall that was a mistake.")],
    why: Annotated[str, typer.Option(help="Why it was one.")],
    by: By,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Ask to take back a mistaken recall; or do it, where somebody else has asked."""
    from compliance.recall.recall import withdraw_recall

    with acting(database, now) as tx:
        taken_back = withdraw_recall(tx, recall, why=why, by=by)
    _say(taken_back, json=json)


@recalls.command()
def notices(
    recall: Annotated[str, typer.Argument(help="Recall whose notices are shown.")],
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Show what holders were sent, and what they answered."""
    from compliance.recall.answers import notices_of

    with opened_store(database) as store, store.read() as snapshot:
        found = notices_of(snapshot, recall)
    if json:
        print_json([one.as_dict(moment(now)) for one in found])
        return
    for one in found:
        state = "overdue" if one.is_overdue(moment(now)) else "no answer"
        if one.answer:
            state = f"found {one.answer.found}, by {one.answer.by}"
        sent = f"{one.messages} messages" if one.sent else one.fault or "not sent"
        typer.echo(f"{one.id}  {one.name or 'not named'} ({one.gln or 'GLN unknown'})")
        typer.echo(f"  {one.packs} packs, {sent}, {state}")


@recalls.command()
def link(
    notice: Annotated[str, typer.Argument(help="Notice; `recall notices` lists them.")],
    by: By,
    address: Annotated[str, typer.Option(help="Under which holders reach the server.")] = "",
    database: Database = "",
    now: Now = None,
) -> None:
    """Make a link by which a holder answers without an account; it is shown once."""
    from compliance.recall.messages import hand_over, link_of

    with acting(database, now) as tx:
        token = hand_over(tx, notice, by=by)
    typer.echo(link_of(address or settings_for(database).public_address, token))


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """What a holder answers, in packs."""

    received: Annotated[int, typer.Option(min=0, help="Packs it received.")]
    found: Annotated[int, typer.Option(min=0, help="Packs it found.")]
    quarantined: Annotated[int, typer.Option(min=0, help="Of those: put apart.")] = 0
    returned: Annotated[int, typer.Option(min=0, help="Of those: sent back.")] = 0
    destroyed: Annotated[int, typer.Option(min=0, help="Of those: destroyed.")] = 0
    note: Annotated[str, typer.Option(help="What else it says.")] = ""
    person: Annotated[str, typer.Option(help="Who at the holder answers.")] = "not named"


@recalls.command()
@grouped
def answer(
    notice: Annotated[str, typer.Argument(help="Notice; `recall notices` lists them.")],
    what: AnswerOptions,
    by: By,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Enter what a holder answers, as by telephone."""
    from compliance.recall.answers import RecallAnswer, keep_answer

    given = RecallAnswer(
        by=what.person,
        received=what.received,
        found=what.found,
        quarantined=what.quarantined,
        returned=what.returned,
        destroyed=what.destroyed,
        note=what.note,
    )
    with acting(database, now) as tx:
        kept = keep_answer(tx, notice, given, entered_by=by)
    if json:
        print_json(kept.as_dict(moment(now)))
    else:
        typer.echo(f"{kept.id}: found {given.found} of {kept.packs} packs")


@recalls.command()
def contact(
    gln: Annotated[str, typer.Argument(help="GLN of the holder.")],
    email: Annotated[str, typer.Argument(help="E-mail address that its notices go to.")],
    by: By,
    phone: Annotated[str, typer.Option(help="Telephone number.")] = "",
    database: Database = "",
    now: Now = None,
) -> None:
    """Enter where the notices of a holder go."""
    from compliance.recall.answers import RecallContact, keep_contact

    with acting(database, now) as tx:
        kept = RecallContact.parse(gln, email, phone)
        keep_contact(tx, kept, by=by)
    typer.echo(f"{kept.gln}: {kept.email}")


def _say(recall: RecallRecord, *, json: bool) -> None:
    if json:
        print_json(recall.as_dict())
    else:
        _print(recall)


def _show(store: Store, recall: RecallRecord, *, json: bool) -> None:
    """A recall with every pack; as JSON a pack at a time, so that any number needs no memory."""
    import orjson

    from compliance.recall.record import packs_of, reach_now

    if not json:
        _print(recall)
        return
    with store.read() as snapshot:
        shown = recall.as_dict() | {"reach": reach_now(snapshot, recall).counts.as_dict()}
        out = sys.stdout.buffer
        out.write(orjson.dumps(shown)[:-1] + b',"packs":[')
        for number, pack in enumerate(packs_of(snapshot, recall)):
            out.write((b",\n" if number else b"\n") + orjson.dumps(pack.as_dict()))
        out.write(b"]}\n")
        out.flush()


def _print(recall: RecallRecord) -> None:
    state = recall.state
    if recall.withdrawn is not None:
        state = f"withdrawn by {recall.withdraw_asked_by} and {recall.withdrawn_by}"
    elif recall.withdraw_asked_by is not None:
        state += f", {recall.withdraw_asked_by} asks to withdraw it"
    drill = "  DRILL" if recall.is_drill else ""
    typer.echo(f"{recall.id}  {state}{drill}  {recall.scope}")
    typer.echo(f"  {recall.reason}")
    typer.echo(f"  {recall.packs} packs at {len(recall.holders)} holders")
    if supplied := recall.reach_at_opening.supplied:
        typer.echo(f"  {supplied} of them were supplied already when it was opened")
    for holder in recall.holders:
        name = holder.name or "not named"
        typer.echo(f"  tell {name} ({holder.gln or 'GLN unknown'}): {holder.packs} packs")


def _print_preview(scope: RecallScope, found: RecallPreview) -> None:
    counts = found.now.counts
    typer.echo(f"a recall of {scope} would reach {counts.packs} packs")
    typer.echo(
        f"  {counts.at_hand} at hand, {counts.on_the_way} on the way, {counts.supplied} supplied,"
        f" {counts.destroyed} destroyed, {counts.ended} ended, {counts.unknown} unknown"
    )
    for holder in found.now.holders:
        name = holder.name or "not named"
        typer.echo(f"  {name} ({holder.gln or 'GLN unknown'}): {holder.packs} packs")
    for what, relatives in (("made from them", found.made_from), ("made of", found.sources)):
        for gtin, lot, number in relatives.lots_of_packs:
            typer.echo(f"  {what}: {number} packs of lot {lot or '?'} of {gtin}")
        for gtin, lot in relatives.lots:
            typer.echo(f"  {what}: lot {lot} of {gtin}")
