"""`packtrail exchange`: connect partners, follow messages, send them again."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compliance.service.cli.options import (
    BAD,
    CANNOT_TELL,
    Database,
    Json,
    Now,
    grouped,
    moment,
    opened_store,
    print_json,
    read_file,
    settings_for,
    show,
    stop,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from epcis.exchange.exchange import Exchange
    from epcis.exchange.mailbox import ExchangeMessage

exchanges = typer.Typer(no_args_is_help=True, help="Files to and from trading partners.")
channels = typer.Typer(no_args_is_help=True, help="The ways to partners.")
exchanges.add_typer(channels, name="channel")
certificates = typer.Typer(no_args_is_help=True, help="Keys of ours and partners' certificates.")
exchanges.add_typer(certificates, name="certificate")

ChannelName = Annotated[str, typer.Argument(help="Name of the channel.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(exchanges, name="exchange")


@contextmanager
def _opened(database: str, now: datetime | None) -> Iterator[Exchange]:
    from compliance.service.context import exchange_for
    from compliance.service.server_keys import keys_of

    settings = settings_for(database)
    with opened_store(database) as store:
        yield exchange_for(settings, store, keys_of(settings, store), lambda: moment(now))


def _pairs(given: list[str] | None) -> dict[str, str]:
    """NAME=VALUE options as a dictionary; a value that begins with @ is read from that file."""
    pairs = {}
    for one in given or ():
        name, found, value = one.partition("=")
        if not found:
            stop(CANNOT_TELL, f"'{one}' is not NAME=VALUE")
        is_file = value.startswith("@")
        pairs[name] = read_file(Path(value[1:])).decode().strip() if is_file else value
    return pairs


class _ChannelOptions:
    """Options that speak of a channel's settings."""

    Setting = Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting of its kind; repeatable."),
    ]
    Secret = Annotated[
        list[str] | None,
        typer.Option(
            "--secret", metavar="NAME=@FILE", help="A secret of its kind, read from a file."
        ),
    ]


@channels.command()
@grouped
def add(
    name: ChannelName,
    kind: Annotated[str, typer.Argument(help="folder, https or as2.")],
    partner: Annotated[str, typer.Option(help="GLN of the partner.")] = "",
    setting: _ChannelOptions.Setting = None,
    secret: _ChannelOptions.Secret = None,
    by: Annotated[str, typer.Option("--by", help="Your name; kept in the record.")] = "operator",
    database: Database = "",
    json: Json = False,
) -> None:
    """Connect a partner."""
    from epcis.exchange.channel import ChannelKind, NewChannel
    from epcis.exchange.connecting import connect_partner

    if kind not in set(ChannelKind):
        stop(CANNOT_TELL, f"'{kind}' is none of {', '.join(ChannelKind)}")
    wanted = NewChannel(name, ChannelKind(kind), partner, _pairs(setting), _pairs(secret))
    with _opened(database, None) as exchange:
        made = connect_partner(exchange, wanted, by=by)
    show(made.as_dict(), f"{made.name} is connected.", json=json)


@channels.command(name="list")
def list_(database: Database = "", json: Json = False) -> None:
    """Show the channels in use."""
    from epcis.exchange.channel import list_channels

    with opened_store(database) as store, store.read() as snapshot:
        found = list_channels(snapshot)
    lines = "\n".join(f"{one.name}  {one.kind}  {one.partner}" for one in found)
    show([one.as_dict() for one in found], lines or "No partner is connected.", json=json)


@channels.command()
def end(name: ChannelName, database: Database = "") -> None:
    """Use a channel no more; what went over it stays on record."""
    from epcis.exchange.channel import end_channel

    with _opened(database, None) as exchange, exchange.store.write(exchange.clock()) as tx:
        end_channel(tx, name)
    typer.echo(f"{name} is no longer used.")


@channels.command(name="test")
def try_(name: ChannelName, database: Database = "", json: Json = False) -> None:
    """Send a document without events and say how far it came."""
    from epcis.exchange.channel import find_channel
    from epcis.exchange.trial import send_trial

    with _opened(database, None) as exchange:
        with exchange.store.write(exchange.clock()) as tx:
            channel = find_channel(tx, name)
            if channel is None:
                stop(BAD, f"there is no channel '{name}'")
            number = send_trial(tx, channel)
        _deliver_and_show(exchange, name, number, json=json)


@certificates.command(name="list")
def list_certificates(name: ChannelName, database: Database = "", json: Json = False) -> None:
    """Show a channel's certificates; ours with its text, for the partner."""
    from epcis.exchange.certificates import every_certificate

    with _opened(database, None) as exchange, exchange.store.read() as snapshot:
        found, now = every_certificate(snapshot, name), exchange.clock()
    lines = []
    for one in found:
        note = one.warning(now) or f"valid to {one.valid_to:%Y-%m-%d}"
        lines.append(f"{one.owner}  {one.sha256[:16]}  {note}")
        lines.extend([one.pem] if one.owner == "ours" else [])
    rows = [one.as_dict(now) for one in found]
    show(rows, "\n".join(lines) or "No certificate is entered.", json=json)


@certificates.command(name="add")
def add_one(
    name: ChannelName,
    file: Annotated[
        Path | None,
        typer.Argument(
            help="The partner's certificate, PEM or DER; without it, make a key of ours."
        ),
    ] = None,
    by: Annotated[str, typer.Option("--by", help="Your name; kept in the record.")] = "operator",
    database: Database = "",
    json: Json = False,
) -> None:
    """Trust a partner's certificate, or make a further key of ours."""
    from epcis.exchange.channel import find_channel
    from epcis.exchange.connecting import add_certificate

    content = read_file(file) if file else b""
    with _opened(database, None) as exchange:
        with exchange.store.read() as snapshot:
            channel = find_channel(snapshot, name)
        if channel is None:
            stop(BAD, f"there is no channel '{name}'")
        made = add_certificate(exchange, channel, content, by=by)
        added = made.as_dict(exchange.clock())
    show(added, f"{made.owner} {made.sha256[:16]} is in use.", json=json)


@certificates.command(name="end")
def end_one(
    name: ChannelName,
    sha256: Annotated[str, typer.Argument(help="Its SHA-256, or 8 or more digits of it.")],
    database: Database = "",
) -> None:
    """Use a certificate no more."""
    from epcis.exchange.certificates import end_certificate

    with _opened(database, None) as exchange, exchange.store.write(exchange.clock()) as tx:
        end_certificate(tx, name, sha256)
    typer.echo(f"{sha256} is no longer used.")


@exchanges.command()
def send(
    name: ChannelName,
    file: Annotated[Path, typer.Argument(help="What to send.")],
    media_type: Annotated[str, typer.Option(help="Its media type.")] = "application/xml",
    database: Database = "",
    json: Json = False,
) -> None:
    """Send a file to a partner; the same bytes are sent once."""
    import io

    from epcis.exchange.mailbox import MessageToSend
    from epcis.exchange.mailbox import send as put_in_line
    from epcis.exchange.spool import Region

    body = Region.whole(io.BytesIO(read_file(file)))
    wanted = MessageToSend(name, body.digest("sha256").hex(), body, file.name, media_type)
    with _opened(database, None) as exchange:
        with exchange.store.write(exchange.clock()) as tx:
            number = put_in_line(tx, wanted)
        _deliver_and_show(exchange, name, number, json=json)


def _deliver_and_show(exchange: Exchange, name: str, number: int, *, json: bool) -> None:
    from epcis.exchange.mailbox import MessageState, find_message
    from epcis.exchange.worker import serve_channel

    serve_channel(exchange, name)
    with exchange.store.read() as snapshot:
        found = find_message(snapshot, number)
    assert found is not None, "it was put in line just now"
    _show([found], json=json)
    if found.state in (MessageState.DEAD, MessageState.WAITING):
        raise typer.Exit(BAD)


@exchanges.command()
def messages(
    channel: Annotated[str, typer.Option(help="Of this channel only.")] = "",
    state: Annotated[str, typer.Option(help="In this state only.")] = "",
    database: Database = "",
    json: Json = False,
) -> None:
    """Show the newest messages and how far each is."""
    from epcis.exchange.mailbox import list_messages

    with opened_store(database) as store, store.read() as snapshot:
        found = list_messages(snapshot, channel=channel, state=state)
    _show(found, json=json)


@exchanges.command()
def resend(
    number: Annotated[int, typer.Argument(help="Number of the message.")],
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Send a message once more, or capture one again that was set aside."""
    from epcis.exchange.mailbox import send_again

    with _opened(database, now) as exchange, exchange.store.write(exchange.clock()) as tx:
        again = send_again(tx, number)
    _show([again], json=json)


def _show(found: list[ExchangeMessage], *, json: bool) -> None:
    if json:
        print_json([one.as_dict() for one in found])
        return
    for one in found:
        way = "to" if one.direction == "out" else "from"
        typer.echo(f"{one.id}  {way} {one.channel}  {one.state}  {one.file_name}")
        if one.reason:
            typer.echo(f"  {one.reason}")
