"""`packtrail act`: one act in the warehouse, judged before it happens."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from compliance.service.cli.options import (
    BAD,
    CANNOT_TELL,
    FINE,
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
from verification.decision.act import CustomerCategory

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.database.transactions import Snapshot
    from verification.stock import StockFilter


def add_to(app: typer.Typer) -> None:
    """Put this command on the command line."""
    app.command()(act)
    app.command()(stock)


@dataclass(frozen=True)
class ActOptions:
    """What an act says besides its scans."""

    parent: Annotated[str, typer.Option(help="Case or pallet: what is filled or emptied.")] = ""
    place: Annotated[
        str, typer.Option(help="GLN of the site or of a place in it; default: your own.")
    ] = ""
    to: Annotated[str, typer.Option(help="GLN of who gets the goods, or sent them.")] = ""
    owner: Annotated[str, typer.Option(help="GLN of who owns the goods from now on.")] = ""
    order: Annotated[list[str] | None, typer.Option(help="Order; may be given several times.")] = (
        None
    )
    reason: Annotated[str, typer.Option(help="Why; kept in the record.")] = ""
    result: Annotated[str, typer.Option(help="What came out of an inspection or count.")] = ""
    lot: Annotated[str, typer.Option(help="Lot of packs that are commissioned.")] = ""
    expiry: Annotated[str, typer.Option(help="Their expiry, YYMMDD or ISO 8601.")] = ""
    grant: Annotated[str, typer.Option(help="Commission all printed numbers of this grant.")] = ""
    sscc_from: Annotated[
        str, typer.Option(help="Pack: pool or first digits of SSCCs that number a new case.")
    ] = ""
    expect: Annotated[int | None, typer.Option(help="How many scans there should be.")] = None
    output: Annotated[
        list[str] | None, typer.Option(help="Pack that a transformation makes; several times.")
    ] = None
    override: Annotated[
        bool, typer.Option("--override", help="Do it although it is refused; needs --reason.")
    ] = False
    confirmed: Annotated[
        bool,
        typer.Option("--confirmed", help="The packs were checked as CHECK asks; needs --reason."),
    ] = False
    customer: Annotated[
        CustomerCategory | None,
        typer.Option(help="Whom a wholesaler supplies in place of a pharmacy (Art. 23)."),
    ] = None
    opened: Annotated[
        bool, typer.Option("--opened", help="The cases around the scans were opened.")
    ] = False
    client_id: Annotated[
        str, typer.Option(help="Your own id of this act; the same id is done once.")
    ] = ""


@grouped
def act(
    options: ActOptions,
    kind: Annotated[str, typer.Argument(help="commission, pack, ship …; see /work.")],
    scans: Annotated[
        list[str] | None, typer.Argument(metavar="[SCAN... | -]", help="What was scanned.")
    ] = None,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Do one act on packs, cases or pallets: all of it, or nothing where something is refused."""
    import msgspec

    from compliance.acts import do_act
    from compliance.service.policy import SCOPES
    from compliance.service.practice import practice_of
    from epcis.http_context import Caller
    from epcis.problem import Problem
    from verification.acts.body import ActBody, act_request
    from verification.acts.kinds import ActKind
    from verification.acts.perform import ActContext

    if kind not in set(ActKind):
        stop(CANNOT_TELL, f"there is no act {kind}: {', '.join(ActKind)}")
    body = ActBody(
        client_id=options.client_id or f"command {uuid4()}",
        scans=_scans(scans or []),
        parent=options.parent,
        place=options.place,
        to=options.to,
        owner=options.owner,
        order=options.order or [],
        reason=options.reason,
        result=options.result,
        lot=options.lot,
        expiry=options.expiry,
        grant=options.grant,
        sscc_from=options.sscc_from,
        expect=options.expect,
        outputs=options.output or [],
        override=options.override,
        confirmed=options.confirmed,
        customer=options.customer,
        is_opened=options.opened,
    )
    caller = Caller("command", frozenset(SCOPES))
    at = moment(now)
    try:
        asked = act_request(ActKind(kind), body, at)
        context = ActContext(caller, practice_of(settings_for(database)))
        with opened_store(database) as store:
            answer = do_act(store, asked, context, at)
    except Problem as problem:
        stop(CANNOT_TELL, f"{problem.title}: {problem.detail}")
    if json:
        print_json(msgspec.to_builtins(answer))
    else:
        typer.echo(answer.say)
        if answer.parent:
            typer.echo(f"case     {answer.parent}")
        for one in answer.packs:
            typer.echo(f"{'done' if one.done else 'refused':8} {one.verdict:8} {one.id}  {one.say}")
    raise typer.Exit(FINE if answer.done else BAD)


def _scans(given: list[str]) -> list[str]:
    """The scans of the command line; `-` reads one per line from standard input."""
    if given != ["-"]:
        return given
    return [line for line in sys.stdin.read().splitlines() if line.strip()]


@dataclass(frozen=True)
class StockOptions:
    """Which stock is asked for."""

    place: Annotated[str, typer.Option(help="GLN of a site, or GLN.PLACE in it.")] = ""
    gtin: Annotated[str, typer.Option(help="GTIN of the product.")] = ""
    lot: Annotated[str, typer.Option(help="Lot.")] = ""
    expires_before: Annotated[str, typer.Option(help="Day, YYYY-MM-DD.")] = ""
    standing: Annotated[
        str, typer.Option(help="in stock, in transit, on hold, expired or missing.")
    ] = ""
    owner: Annotated[str, typer.Option(help="GLN of who owns it.")] = ""


@grouped
def stock(
    options: StockOptions,
    items: Annotated[
        bool, typer.Option("--items", help="Packs, cases and pallets by one.")
    ] = False,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Show what is where: by place, lot, expiry, standing and owner."""
    import msgspec

    from epcis.problem import Problem
    from verification.stock import stock as stock_now
    from verification.stock import stock_filter

    at = moment(now)
    try:
        wanted = stock_filter(**asdict(options))
    except Problem as problem:
        stop(CANNOT_TELL, problem.detail)
    market = settings_for(database).market
    with opened_store(database) as store, store.read() as snapshot:
        if items:
            _list_items(snapshot, wanted, at, market, json=json)
            return
        answer = stock_now(snapshot, wanted, at, market=market)
    if json:
        print_json(msgspec.to_builtins(answer))
        return
    for row in answer.rows:
        place = row.place or "on the way"
        reasons = f" ({', '.join(row.reasons)})" if row.reasons else ""
        typer.echo(
            f"{row.items:8} {row.gtin or '-':14} {row.lot or '-':20} {row.expiry or '-':10}"
            f" {place}  {row.standing}{reasons}  owner {row.owner or 'not known'}"
        )
    typer.echo(", ".join(f"{count} {standing}" for standing, count in answer.totals.items()))


def _list_items(
    snapshot: Snapshot, wanted: StockFilter, at: datetime, market: str, *, json: bool
) -> None:
    """Every item, a page at a time; with `json` one object a line."""
    import msgspec

    from verification.stock import PAGE_ITEMS_MAX, stock_items

    after: str | None = ""
    while after is not None:
        page = stock_items(snapshot, wanted, at, after=after, most=PAGE_ITEMS_MAX, market=market)
        for one in page.items:
            if json:
                typer.echo(msgspec.json.encode(one).decode())
            else:
                place = one.place or "on the way"
                typer.echo(
                    f"{one.id}  {one.lot or '-'}  {one.expiry or '-'}  {place}  {one.standing}"
                )
        after = page.next
