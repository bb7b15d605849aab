"""`packtrail serve`, `doctor` and `access`: the server and who may enter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from compliance.service.cli.options import (
    BAD,
    CANNOT_TELL,
    FINE,
    Database,
    Json,
    opened_store,
    print_json,
    settings_for,
    stop,
)

if TYPE_CHECKING:
    from compliance.service.access import Grant

SCOPES_HELP = (
    "Of capture,query,verify,supply,act,destroy,hold,recall,export,admin: docs/reference/access.md."
)
ROLE_HELP = (
    "In place of scopes: manufacturer, wholesaler, pharmacist, regulator, auditor, admin,"
    " capture-bot."
)
access_commands = typer.Typer(no_args_is_help=True, help="API keys and sign-in links.")


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command()(serve)
    app.command()(doctor)
    app.add_typer(access_commands, name="access")


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on [127.0.0.1].")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port [8080]; 0 takes a free one.")] = None,
    database: Database = "",
    demo: Annotated[bool, typer.Option("--demo", help="With a made-up supply chain.")] = False,
    first_run: Annotated[
        bool,
        typer.Option("--first-run", help="Let another machine set it up, with a printed code."),
    ] = False,
) -> None:
    """Serve the web page and the APIs."""
    from compliance.service.serve import StartRefused, run
    from compliance.service.settings import settings_from

    chosen = {"host": host, "port": port, "database": database or None}
    given = {name: value for name, value in chosen.items() if value is not None}
    settings = settings_from(given)
    try:
        run(settings, demo=demo, first_run=first_run)
    except StartRefused as refused:
        stop(CANNOT_TELL, str(refused))


def doctor(database: Database = "", json: Json = False) -> None:
    """Say what this machine has and lacks, and what that means."""
    from compliance.service.doctor import examine

    checks = examine(settings_for(database))
    if json:
        print_json([check.as_dict() for check in checks])
    else:
        for check in checks:
            typer.echo(f"{check.mark}  {check.name}: {check.says}")
            if check.means:
                typer.echo(f"     {check.means}")
    raise typer.Exit(FINE if all(check.can_work for check in checks) else BAD)


@access_commands.command(name="new-key")
def new_key(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    scopes: Annotated[str, typer.Option(help=SCOPES_HELP)] = "",
    role: Annotated[str, typer.Option(help=ROLE_HELP)] = "",
    party: Annotated[
        str | None, typer.Option(help="GLN-13 the key acts for; it sees that party's events only.")
    ] = None,
    days: Annotated[int | None, typer.Option(help="Days until it expires.", min=1)] = None,
    database: Database = "",
    json: Json = False,
) -> None:
    """Make an API key and print it, once."""
    from datetime import timedelta

    from compliance.service import access

    now = datetime.now(UTC)
    grant = _grant(name, scopes, party, role)
    expires = now + timedelta(days=days) if days else None
    with opened_store(database) as store, store.write(now) as tx:
        key = access.new_key(tx, grant, now=now, expires=expires)
    if json:
        print_json({"key": key, "name": name, "scopes": sorted(grant.scopes)})
    else:
        typer.echo(key)


@access_commands.command(name="revoke-key")
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="The part between pt_ and the second _.")],
    database: Database = "",
) -> None:
    """End an API key at once."""
    from compliance.service import access

    now = datetime.now(UTC)
    with opened_store(database) as store, store.write(now) as tx:
        done = access.revoke_key(tx, key_id, now=now)
    if not done:
        stop(BAD, f"no living key {key_id}")


@access_commands.command(name="new-user")
def new_user(
    name: Annotated[str, typer.Argument(help="Who signs in with a password.")],
    scopes: Annotated[str, typer.Option(help="As for new-key.")] = "",
    role: Annotated[str, typer.Option(help="As for new-key.")] = "",
    party: Annotated[str | None, typer.Option(help="As for new-key.")] = None,
    password: Annotated[
        str, typer.Option(help="-: read it from standard input; empty: make one and print it.")
    ] = "",
    database: Database = "",
) -> None:
    """Make an account for the browser, or give it another password, scopes and role."""
    import secrets
    import sys

    from compliance.service.accounts import put_account

    word = sys.stdin.readline().strip() if password == "-" else password  # noqa: S105  # a dash
    word = word or secrets.token_urlsafe(18)
    now = datetime.now(UTC)
    with opened_store(database) as store, store.write(now) as tx:
        put_account(tx, _grant(name, scopes, party, role), word, by="command")
    if not password:
        typer.echo(word)


@access_commands.command(name="end-user")
def end_user(
    name: Annotated[str, typer.Argument(help="Whose account ends, with its sessions.")],
    database: Database = "",
) -> None:
    """End an account and its sessions at once."""
    from compliance.service.accounts import end_account

    with opened_store(database) as store, store.write(datetime.now(UTC)) as tx:
        done = end_account(tx, name)
    if not done:
        stop(BAD, f"there is no account {name}")


@access_commands.command(name="sessions")
def sessions(database: Database = "", json: Json = False) -> None:
    """List the browser sessions that are open."""
    from compliance.service import sessions as browser

    limits = browser.SessionLimits.of(settings_for(database))
    with opened_store(database) as store, store.read() as snapshot:
        found = browser.sessions(snapshot, datetime.now(UTC), limits)
    rows = [
        {"id": one.id, "name": one.grant.name, "client": one.client, "since": str(one.started)}
        for one in found
    ]
    if json:
        print_json(rows)
    else:
        for row in rows:
            typer.echo("  ".join(row.values()))


@access_commands.command(name="end-session")
def end_session(
    session: Annotated[str, typer.Argument(help="Its id, as `access sessions` lists it.")],
    database: Database = "",
) -> None:
    """End a browser session at once."""
    from compliance.service.sessions import end_sessions

    with opened_store(database) as store, store.write(datetime.now(UTC)) as tx:
        done = end_sessions(tx, session=session)
    if not done:
        stop(BAD, f"there is no open session {session}")


@access_commands.command(name="sign-in")
def sign_in(
    name: Annotated[str, typer.Argument(help="Who signs in.")],
    scopes: Annotated[str, typer.Option(help="As for new-key.")] = "",
    role: Annotated[str, typer.Option(help="As for new-key.")] = "",
    database: Database = "",
) -> None:
    """Print the path of a one-time sign-in link."""
    from compliance.service import access

    now = datetime.now(UTC)
    settings = settings_for(database)
    with opened_store(database) as store, store.write(now) as tx:
        token = access.new_sign_in_link(
            tx, _grant(name, scopes, None, role), now=now, minutes=settings.sign_in_link_minutes_max
        )
    typer.echo(f"/sign-in/{token}")


def _grant(name: str, scopes: str, party: str | None, role: str) -> Grant:
    from compliance.service import access
    from schemas.gs1.keys import Gln

    try:
        key = f"/414/{Gln.parse(party)}" if party else None
        if role and not scopes:
            return access.Grant.of_role(name, role, key)
        return access.Grant(name, access.scopes_of(scopes), key)
    except ValueError as fault:
        stop(CANNOT_TELL, str(fault))
