"""`packtrail recall checks`, `check`, `returned`, `returns`: whether holders followed a recall."""

from __future__ import annotations

import sys
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
)

if TYPE_CHECKING:
    from compliance.recall.checks import CheckPlan

following = typer.Typer()
"""Further commands of `packtrail recall`."""

By = Annotated[str, typer.Option("--by", help="Your name; kept in the record.")]
Notice = Annotated[str, typer.Argument(help="Notice; `recall notices` lists them.")]


@following.command()
def checks(
    recall: Annotated[str, typer.Argument(help="Recall whose holders are checked.")],
    level: Annotated[str, typer.Option(help="A to E: draw holders; else they are shown.")] = "",
    percent: Annotated[int, typer.Option(help="Of the holders, with level B.")] = 0,
    by: By = "command",
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Draw the holders whose following of a recall is checked, or show them."""
    from compliance.recall.checks import checks_of, plan_checks

    if level:
        with acting(database, now) as tx:
            plan = plan_checks(tx, recall, level.upper(), percent=percent or None, by=by)
    else:
        with opened_store(database) as store, store.read() as snapshot:
            plan = checks_of(snapshot, recall)
    if json:
        print_json(plan.as_dict())
    else:
        _print_plan(plan)


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What was found at a holder."""

    outcome: Annotated[str, typer.Option(help="effective, not effective or not reached.")]
    how: Annotated[str, typer.Option(help="visit, telephone, letter or e-mail.")]
    note: Annotated[str, typer.Option(help="What was found.")] = ""


@following.command()
@grouped
def check(
    notice: Notice,
    found: CheckOptions,
    by: By,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Enter what the check of a drawn holder found."""
    from compliance.recall.checks import CheckResult, keep_check

    result = CheckResult(outcome=found.outcome, how=found.how, note=found.note)
    with acting(database, now) as tx:
        kept = keep_check(tx, notice, result, by=by)
    if json:
        print_json(kept.as_dict())
    else:
        typer.echo(f"{kept.name or 'not named'} ({kept.gln}): {kept.outcome}, by {kept.how}")


@following.command()
def returned(
    notice: Notice,
    scans: Annotated[list[str], typer.Argument(help="Scanned packs or cases; - reads lines.")],
    by: By,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Count packs that a holder sent back; what cannot be right opens a case."""
    from compliance.receiving.recall_returns import take_back

    wanted = [line.strip() for line in sys.stdin] if scans == ["-"] else scans
    with acting(database, now) as tx:
        taken = take_back(tx, notice, [one for one in wanted if one], by=by)
    if json:
        print_json(taken.as_dict())
        return
    for one in taken.packs:
        typer.echo(f"{one.key}  {one.outcome}: {one.say}")
    for scan in taken.unreadable:
        typer.echo(f"{scan}  not readable: scan it again, or type its code")


@following.command()
def returns(
    recall: Annotated[str, typer.Argument(help="Recall whose returned packs are compared.")],
    database: Database = "",
    json: Json = False,
) -> None:
    """Show what each holder says it returned, and what was scanned of it."""
    from compliance.recall.returned import returns_of

    with opened_store(database) as store, store.read() as snapshot:
        found = returns_of(snapshot, recall)
    if json:
        print_json([one.as_dict() for one in found])
        return
    for one in found:
        answered = f"says {one.notice.answer.returned}" if one.notice.answer else "no answer"
        typer.echo(f"{one.notice.name or 'not named'} ({one.notice.gln or 'GLN unknown'})")
        typer.echo(f"  {answered}, {one.accounted} scanned of {one.notice.packs} packs")


def _print_plan(plan: CheckPlan) -> None:
    if not plan.level:
        typer.echo("none are planned: `packtrail recall checks RECALL --level C` draws holders")
        return
    typer.echo(f"level {plan.level}, {plan.percent} %: {plan.done} of {len(plan.checks)} checked")
    for one in plan.checks:
        what = f"{one.outcome}, by {one.how}" if one.checked else "to be checked"
        typer.echo(f"  {one.notice}  {one.name or 'not named'} ({one.gln}): {what}")
