"""`packtrail serials`: pools of serial numbers, grants to lines, and what became of them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compliance.service.cli.options import (
    CANNOT_TELL,
    Database,
    Json,
    Now,
    acting,
    grouped,
    moment,
    opened_store,
    print_json,
    read_file,
    show,
    stop,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from epcis.ledger.store import Transaction
    from verification.serials.pool import PoolWanted, SerialPool

serials = typer.Typer(no_args_is_help=True, help="Serial numbers for lines and labels.")
Person = Annotated[str, typer.Option("--by", help="Your name; kept in the record.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(serials, name="serials")


@dataclass(frozen=True)
class PoolOptions:
    """What a pool is like."""

    code: Annotated[
        str, typer.Argument(metavar="[GTIN]", help="GTIN, or with --sscc the first digits.")
    ] = ""
    kind: Annotated[str, typer.Option(help="random, sequential or imported.")] = "random"
    sscc: Annotated[bool, typer.Option("--sscc", help="SSCCs: extension digit, prefix.")] = False
    template: Annotated[str, typer.Option(help="Shape; # is a changing place.")] = "#" * 12
    alphabet: Annotated[
        str, typer.Option(help="digits, unambiguous, alphanumeric, or the characters.")
    ] = "digits"
    first: Annotated[int, typer.Option(help="First number of a sequential pool.")] = 0
    capacity: Annotated[
        int | None, typer.Option(help="Numbers it may issue; default: as many as allowed.")
    ] = None
    refill_at: Annotated[int | None, typer.Option(help="Ask for more at so many left.")] = None
    guessable_because: Annotated[
        str, typer.Option(help="Why numbers of this product may be guessable.")
    ] = ""
    file: Annotated[
        Path | None, typer.Option("--from", help="List of imported numbers, one a line.")
    ] = None
    add_to: Annotated[str, typer.Option(help="Imported pool that gets more numbers.")] = ""
    close: Annotated[str, typer.Option(help="Pool that is to grant nothing more.")] = ""


@serials.command()
@grouped
def pool(
    wanted: PoolOptions,
    by: Person = "command",
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Open a pool, add to it, close it; without a GTIN list all pools."""
    from verification.serials.pool import close_pool, list_pools, open_pool

    if not (wanted.code or wanted.add_to or wanted.close):
        with opened_store(database) as store, store.read() as snapshot:
            found = list_pools(snapshot)
        _show_pools(found, json=json)
        return
    with acting(database, now) as tx:
        if wanted.close:
            made = close_pool(tx, wanted.close)
        elif wanted.add_to:
            made = _imported(tx, wanted.add_to, wanted.file)
        else:
            made = open_pool(tx, _pool_wanted(wanted), by=by)
            if wanted.file is not None:
                made = _imported(tx, made.id, wanted.file)
    _show_pools([made], json=json)


@serials.command()
def grant(
    source: Annotated[str, typer.Argument(help="Pool, GTIN, or first digits of SSCCs.")],
    count: Annotated[int, typer.Argument(help="How many numbers.")],
    request: Annotated[str, typer.Option(help="Your id: the same gets the same numbers.")],
    line: Annotated[str, typer.Option(help="The line that they are for.")] = "",
    form: Annotated[str, typer.Option("--format", help="csv, xml or json.")] = "csv",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File; default: standard output.")
    ] = None,
    database: Database = "",
    now: Now = None,
) -> None:
    """Grant serial numbers to a line, and write them."""
    from verification.serials.formats import GrantFormat, write_grant
    from verification.serials.grant import GrantWanted, grant_serials
    from verification.serials.pool import need_pool

    if form not in set(GrantFormat):
        stop(CANNOT_TELL, f"--format {form}: csv, xml or json")
    with opened_store(database) as store:
        with store.write(moment(now)) as tx:
            wanted = GrantWanted(source=source, count=count, request_id=request, line=line)
            made = grant_serials(tx, wanted, by=line or "command")
            warning = need_pool(tx, made.pool).warning
        _write(write_grant(store, made, GrantFormat(form)), output)
    typer.echo(f"{made.id}  {made.count} numbers of pool {made.pool}", err=True)
    if warning:
        typer.echo(warning, err=True)


@dataclass(frozen=True)
class ReportOptions:
    """What became of the numbers of a grant."""

    grant_id: Annotated[str, typer.Argument(metavar="GRANT", help="Grant; see `grant`.")]
    printed: Annotated[int | None, typer.Option(help="So many are printed, from the first on.")] = (
        None
    )
    void: Annotated[list[str] | None, typer.Option(help="Number that is on no pack.")] = None
    return_rest: Annotated[
        bool, typer.Option("--return-rest", help="What is not printed comes back.")
    ] = False
    reason: Annotated[str, typer.Option(help="Why numbers are void.")] = ""


@serials.command()
@grouped
def report(
    became: ReportOptions,
    by: Person = "command",
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Report what became of granted numbers; without options show the grant."""
    from verification.serials.report import LineReport, report_serials

    with acting(database, now) as tx:
        line_report = LineReport(
            printed=became.printed,
            void=tuple(became.void or ()),
            return_rest=became.return_rest,
            reason=became.reason,
        )
        found = report_serials(tx, became.grant_id, line_report, by=by)
    lines = f"{found.id}  {found.count} numbers: {found.printed} printed, {found.returned} returned"
    show(found.as_dict(), lines, json=json)


def _pool_wanted(wanted: PoolOptions) -> PoolWanted:
    from verification.serials.pool import PoolKind, PoolWanted
    from verification.serials.template import ALPHABETS

    if wanted.kind not in set(PoolKind):
        stop(CANNOT_TELL, f"--kind {wanted.kind}: {', '.join(PoolKind)}")
    return PoolWanted(
        code=wanted.code,
        kind=PoolKind(wanted.kind),
        is_sscc=wanted.sscc,
        template=wanted.template,
        alphabet=ALPHABETS.get(wanted.alphabet, wanted.alphabet),
        first=wanted.first,
        capacity=wanted.capacity,
        refill_at=wanted.refill_at,
        guessable_because=wanted.guessable_because,
    )


def _imported(tx: Transaction, pool_id: str, file: Path | None) -> SerialPool:
    from verification.serials.imported import import_serials, read_numbers
    from verification.serials.pool import need_pool

    if file is None:
        stop(CANNOT_TELL, "name the list: --from FILE")
    lines = read_file(file).decode("utf-8-sig", "replace").split("\n")
    return import_serials(tx, pool_id, read_numbers(lines, need_pool(tx, pool_id)))


def _show_pools(pools: list[SerialPool], *, json: bool) -> None:
    if json:
        print_json([one.as_dict() for one in pools])
        return
    for one in pools:
        shape = f"  {one.template.text}" if one.template else ""
        typer.echo(f"{one.id}  {one.code}  {one.kind}{shape}  {one.next} granted, ", nl=False)
        typer.echo(f"{one.remaining} left" + (", closed" if one.closed_us is not None else ""))
        if one.warning:
            typer.echo(f"  {one.warning}")


def _write(parts: Iterable[bytes], output: Path | None) -> None:
    if output is None:
        for part in parts:
            sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()
        return
    try:
        with output.open("wb") as out:
            out.writelines(parts)
    except OSError as fault:
        stop(CANNOT_TELL, f"{output}: {fault.strerror or fault}")
