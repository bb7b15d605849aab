"""`packtrail alerts` and `anomalies`: what was not confirmed, and what the history gives away."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import typer

from compliance.service.cli.options import (
    BAD,
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

alerts = typer.Typer(no_args_is_help=True, help="Alerts about packs that were not confirmed.")
anomalies = typer.Typer(no_args_is_help=True, help="What is odd in the history of questions.")
Days = Annotated[int, typer.Option(help="How many days back.", min=1, max=366)]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(alerts, name="alerts")
    app.add_typer(anomalies, name="anomalies")


@alerts.command(name="list")
def alerts_list(
    status: Annotated[str, typer.Option(help="New, Active, Under investigation, …")] = "",
    days: Days = 31,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """List alerts, newest first."""
    from verification.alerts.alert import Status
    from verification.alerts.alert import alerts as of_store

    if status and status not in set(Status):
        stop(BAD, f"{status} is none of: {', '.join(Status)}")
    since, until = _span(moment(now), days)
    wanted = Status(status) if status else None
    with opened_store(database) as store, store.read() as snapshot:
        found = [
            one.as_dict() for one in of_store(snapshot, since=since, until=until, status=wanted)
        ]
    if json:
        print_json(found)
        return
    for one in found:
        what = f"{one['result']}  {one['code']} {one['serial']}  {one['say']}"
        typer.echo(f"{one['id']}  {one['at']}  {one['status']}  {what}")


@alerts.command()
def move(
    alert: Annotated[str, typer.Argument(help="Id of the alert.")],
    status: Annotated[str, typer.Argument(help="Active, Under investigation, Escalated, Closed.")],
    reason: Annotated[str, typer.Option(help="Why; needed to escalate and to close.")] = "",
    comment: Annotated[str, typer.Option(help="What else should be known.")] = "",
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Take an alert to its next status."""
    from verification.alerts import alert as work
    from verification.alerts.alert import NotPossibleError, Status

    try:
        with opened_store(database) as store, store.write(moment(now)) as tx:
            more = {"by": "command", "reason": reason, "comment": comment}
            moved = work.move(tx, alert, Status(status), **more).as_dict()
    except (NotPossibleError, ValueError) as refused:
        stop(BAD, str(refused))
    if json:
        print_json(moved)
    else:
        typer.echo(f"{moved['id']}  {moved['status']}")


@anomalies.command(name="list")
def anomalies_list(
    days: Days = 31,
    only_open: Annotated[bool, typer.Option("--open", help="Without those closed.")] = False,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """List anomalies, newest first; exit code 1 where any is open."""
    import msgspec

    from verification.alerts.watch import anomalies as of_store

    since, until = _span(moment(now), days)
    with opened_store(database) as store, store.read() as snapshot:
        found = list(of_store(snapshot, since=since, until=until, only_open=only_open))
    if json:
        print_json(msgspec.to_builtins(found))
    else:
        for one in found:
            typer.echo(f"{one.id}  {one.at:%Y-%m-%d %H:%M}  {one.kind}  {one.what}: {one.hint}")
    raise typer.Exit(BAD if any(one.closed is None for one in found) else FINE)


@anomalies.command()
def look(database: Database = "", now: Now = None, json: Json = False) -> None:
    """Look through the history now, up to its end, as the service does in the background."""
    from compliance.service.practice import practice_of
    from verification.alerts.watch import look as look_once

    limits = practice_of(settings_for(database)).anomaly_limits
    rows = found = 0
    with opened_store(database) as store:
        while (looked := look_once(store, moment(now), limits)).rows:
            rows, found = rows + looked.rows, found + looked.found
    if json:
        print_json({"questions": rows, "found": found})
    else:
        typer.echo(f"{rows} questions looked through, {found} anomalies found")


@anomalies.command()
def close(
    anomaly: Annotated[str, typer.Argument(help="Id of the anomaly.")],
    comment: Annotated[str, typer.Option(help="What came of it.")],
    database: Database = "",
    now: Now = None,
) -> None:
    """Close an anomaly with what came of it."""
    from verification.alerts.watch import close as close_one

    try:
        with opened_store(database) as store, store.write(moment(now)) as tx:
            close_one(tx, anomaly, by="command", comment=comment)
    except (LookupError, ValueError) as refused:
        stop(BAD, str(refused))


def _span(now: datetime, days: int) -> tuple[datetime, datetime]:
    return now - timedelta(days=days), now + timedelta(seconds=1)
