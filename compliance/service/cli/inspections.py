"""`packtrail inspection`: lock a lot, inspect samples, release it by a second person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from compliance.service.cli.options import (
    Database,
    Json,
    Now,
    acting,
    grouped,
    opened_store,
    print_json,
    settings_for,
    show,
)

if TYPE_CHECKING:
    from compliance.quality.lot_inspection import LotInspection, LotSample
    from epcis.database.transactions import Snapshot

inspection_app = typer.Typer(no_args_is_help=True, help="Quality control of lots.")

Number = Annotated[str, typer.Argument(help="Number of the inspection.")]
Person = Annotated[str, typer.Option("--by", help="Your name; kept in the record.")]
Why = Annotated[str, typer.Option(help="Why; kept in the record.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(inspection_app, name="inspection")


@dataclass(frozen=True)
class Sampling:
    """Where the lot lies, and how many of its packs are inspected."""

    place: Annotated[str, typer.Option(help="GLN of the site; default: your own.")] = ""
    samples: Annotated[
        int, typer.Option(help="Packs to inspect; 0: the square root of the lot and one more.")
    ] = 0
    failed_max: Annotated[
        int, typer.Option(help="Failed samples with which the lot may still be released.")
    ] = 0


@inspection_app.command("open")
@grouped
def open_(
    gtin: Annotated[str, typer.Argument(help="GTIN of the product.")],
    lot: Annotated[str, typer.Argument(help="Lot, as printed.")],
    sampling: Sampling,
    why: Why,
    by: Person,
    database: Database = "",
    now: Now = None,
) -> None:
    """Lock a lot, and draw the packs that are inspected.

    Example: packtrail inspection open 09521321000018 L1 --why "new supplier" --by ann
    """
    from compliance.quality.lot_inspection import InspectionWanted, open_inspection
    from compliance.service.practice import practice_of

    gln = practice_of(settings_for(database)).responder_gln
    wanted = InspectionWanted(gtin, lot, why, sampling.place, sampling.samples, sampling.failed_max)
    with acting(database, now) as tx:
        made = open_inspection(tx, wanted, own_site=f"/414/{gln}" if gln else "", by=by)
    typer.echo(made.id)


@inspection_app.command()
def result(
    number: Number,
    scan: Annotated[str, typer.Argument(help="The pack, as scanned.")],
    outcome: Annotated[str, typer.Argument(help="passed or failed.")],
    by: Person,
    note: Annotated[str, typer.Option(help="What was seen.")] = "",
    database: Database = "",
    now: Now = None,
) -> None:
    """Note what came out of one pack; it is the event of its inspection."""
    from compliance.quality.lot_inspection import (
        InspectionRefused,
        SampleResult,
        note_result,
    )
    from compliance.service.policy import SCOPES
    from compliance.service.practice import practice_of
    from epcis.http_context import Caller
    from verification.acts.perform import ActContext

    context = ActContext(Caller(by, frozenset(SCOPES)), practice_of(settings_for(database)))
    with acting(database, now) as tx:
        if outcome not in list(SampleResult):
            raise InspectionRefused(f"{outcome[:40]}: a sample is passed or failed")
        note_result(tx, number, scan, SampleResult(outcome), note=note, context=context)
        show(_all_of(tx, number), _in_words(tx, number), json=False)


@inspection_app.command()
def release(number: Number, why: Why, by: Person, database: Database = "", now: Now = None) -> None:
    """Release a lot, by somebody who neither opened nor inspected it."""
    from compliance.quality.lot_inspection import InspectionState, decide_inspection

    with acting(database, now) as tx:
        decide_inspection(tx, number, InspectionState.RELEASED, why=why, by=by)


@inspection_app.command()
def reject(number: Number, why: Why, by: Person, database: Database = "", now: Now = None) -> None:
    """Reject a lot, by somebody who neither opened nor inspected it: it stays locked."""
    from compliance.quality.lot_inspection import InspectionState, decide_inspection

    with acting(database, now) as tx:
        decide_inspection(tx, number, InspectionState.REJECTED, why=why, by=by)


@inspection_app.command("show")
def show_inspection(number: Number, database: Database = "", json: Json = False) -> None:
    """Show an inspection with its samples."""
    with opened_store(database) as store, store.read() as snapshot:
        show(_all_of(snapshot, number), _in_words(snapshot, number), json=json)


@inspection_app.command(name="list")
def list_(database: Database = "", json: Json = False) -> None:
    """List inspections, the newest first."""
    from compliance.quality.lot_inspection import list_inspections

    with opened_store(database) as store, store.read() as snapshot:
        found = list_inspections(snapshot)
    if json:
        print_json([one.as_dict() for one in found])
        return
    for one in found:
        typer.echo(_line(one))


def _all_of(snapshot: Snapshot, number: str) -> dict[str, object]:
    import msgspec

    from compliance.quality.lot_inspection import need_inspection, samples_of

    samples = msgspec.to_builtins(samples_of(snapshot, number))
    return {**need_inspection(snapshot, number).as_dict(), "samples": samples}


def _in_words(snapshot: Snapshot, number: str) -> str:
    from compliance.quality.lot_inspection import need_inspection, samples_of

    lines = [_line(need_inspection(snapshot, number))]
    lines += [_of_sample(one) for one in samples_of(snapshot, number)]
    return "\n".join(lines)


def _line(one: LotInspection) -> str:
    inspected = one.passed + one.failed
    return (
        f"{one.id}  {one.state.value}  lot {one.lot} of {one.gtin}: "
        f"{inspected} of {one.sample_size} samples, {one.failed} failed"
    )


def _of_sample(one: LotSample) -> str:
    return f"  {one.result or 'to inspect':10}  {one.key}  {one.place}".rstrip()
