"""Channels: the ways to a partner and back, each of a kind with settings of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import orjson
from sqlalchemy import insert, select, update

from epcis.exchange.exchange_tables import exchange_channel
from schemas.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from sqlalchemy import RowMapping

    from epcis.database.transactions import Snapshot
    from epcis.exchange.secret_box import SecretBox
    from epcis.ledger.store import Transaction

CHANNELS_MAX: Final = 1_000
SETTING_CHARACTERS_MAX: Final = 2_000
SECRET_CHARACTERS_MAX: Final = 20_000
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


class ChannelRefused(Refused):
    """A channel cannot be made or used like this; the text says why and what to do."""


class ChannelKind(StrEnum):
    """The kinds of channels; `epcis.exchange.kinds` says what each does."""

    FOLDER = "folder"
    HTTPS = "https"
    AS2 = "as2"
    SFTP = "sftp"


@dataclass(frozen=True, slots=True)
class ChannelSetting:
    """One thing that a kind of channel asks for."""

    name: str
    what: str
    """For the person who fills it in."""
    default: str | None = ""
    """None: it must be given."""
    choices: tuple[str, ...] = ()
    is_secret: bool = False
    fault_of: Callable[[str], str] | None = None
    """Says what is wrong with a value; empty: nothing."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as it is stored; its secrets stay sealed until they are asked for."""

    name: str
    kind: ChannelKind
    partner: str
    """GLN-13 of the partner; empty where it is nobody in particular."""
    settings: Mapping[str, str]
    created: datetime
    by: str
    ended: datetime | None = None
    sealed: str = field(default="", repr=False)

    @property
    def party(self) -> str | None:
        """The partner as the party behind captured events; None where there is none."""
        return f"/414/{self.partner}" if self.partner else None

    def setting(self, name: str) -> str:
        """A setting; empty where it was never given."""
        return self.settings.get(name, "")

    def secret(self, box: SecretBox, name: str) -> str:
        """A secret; empty where it was never given. Raises `SecretSealed`."""
        if not self.sealed:
            return ""
        secrets: dict[str, str] = orjson.loads(box.unseal(self.sealed, _place(self.name)))
        return secrets.get(name, "")

    def as_dict(self) -> dict[str, object]:
        """What the API and the command line tell: everything but the secrets."""
        return {
            "name": self.name,
            "kind": self.kind.value,
            "partner": self.partner,
            "settings": dict(self.settings),
            "created": self.created.isoformat(),
            "by": self.by,
            "ended": self.ended.isoformat() if self.ended else None,
        }


@dataclass(frozen=True, slots=True)
class NewChannel:
    """What making a channel needs, checked by the settings that its kind asks for."""

    name: str
    kind: ChannelKind
    partner: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    def checked(self, asked: tuple[ChannelSetting, ...]) -> NewChannel:
        """The same with defaults filled in. Raises `ChannelRefused`."""
        if not _NAME.fullmatch(self.name):
            raise ChannelRefused(
                f"'{self.name[:60]}' is no name for a channel: use a-z, 0-9 and -, 60 at most"
            )
        if self.partner and not re.fullmatch(r"\d{13}", self.partner):
            raise ChannelRefused(f"'{self.partner[:20]}' is no GLN-13")
        of_kind = f"a channel of kind {self.kind}"
        need_known(asked, (*self.settings, *self.secrets), of_kind)
        settings = {one.name: _given(one, self.settings) for one in asked if not one.is_secret}
        secrets = {one.name: _given(one, self.secrets) for one in asked if one.is_secret}
        return NewChannel(self.name, self.kind, self.partner, settings, secrets)


def need_known(asked: tuple[ChannelSetting, ...], names: Iterable[str], of: str) -> None:
    """Raises `ChannelRefused` where `of` has no setting of one of the names."""
    known = [one.name for one in asked]
    for name in names:
        if name not in known:
            raise ChannelRefused(f"{of} has no '{name[:40]}'; it has {', '.join(known)}")


def checked_settings(
    asked: tuple[ChannelSetting, ...], given: Mapping[str, str], of: str
) -> dict[str, str]:
    """Settings with defaults filled in. Raises `ChannelRefused`."""
    need_known(asked, given, of)
    return {one.name: _given(one, given) for one in asked}


def _given(one: ChannelSetting, values: Mapping[str, str]) -> str:
    value = values.get(one.name) or one.default
    if value is None:
        raise ChannelRefused(f"'{one.name}' is missing: {one.what}")
    if one.choices and value not in one.choices:
        raise ChannelRefused(f"'{one.name}' is one of {', '.join(one.choices)}")
    if len(value) > (SECRET_CHARACTERS_MAX if one.is_secret else SETTING_CHARACTERS_MAX):
        raise ChannelRefused(f"'{one.name}' is too long")
    if value and one.fault_of and (fault := one.fault_of(value)):
        raise ChannelRefused(f"'{one.name}' {fault}")
    if not one.is_secret and not value.isprintable():
        raise ChannelRefused(f"'{one.name}' holds a character that cannot be printed")
    return value


def _place(name: str) -> str:
    return f"channel {name}"


def add_channel(tx: Transaction, wanted: NewChannel, box: SecretBox, *, by: str) -> Channel:
    """Make a channel; `wanted` was checked. Raises `ChannelRefused` where the name is taken."""
    if find_channel(tx, wanted.name, ended=True) is not None:
        raise ChannelRefused(f"there is or was a channel '{wanted.name}'; choose another name")
    if len(list_channels(tx, ended=True)) >= CHANNELS_MAX:
        raise ChannelRefused(f"there are {CHANNELS_MAX} channels already")
    secrets = {name: value for name, value in wanted.secrets.items() if value}
    sealed = box.seal(orjson.dumps(secrets), _place(wanted.name)) if secrets else ""
    made = Channel(
        wanted.name, wanted.kind, wanted.partner, dict(wanted.settings), tx.now, by, None, sealed
    )
    row = {
        "name": made.name,
        "kind": made.kind.value,
        "partner": made.partner,
        "settings": orjson.dumps(made.settings).decode(),
        "secrets": sealed,
        "created": tx.now,
        "by": by,
        "ended": None,
    }
    tx.connection.execute(insert(exchange_channel).values(row))
    return made


def end_channel(tx: Transaction, name: str) -> None:
    """Take nothing over a channel and send nothing any more; what went over it stays on record."""
    found = update(exchange_channel).where(
        exchange_channel.c.name == name, exchange_channel.c.ended.is_(None)
    )
    if not tx.connection.execute(found.values(ended=tx.now)).rowcount:
        raise ChannelRefused(f"there is no channel '{name[:60]}' in use")


def find_channel(snapshot: Snapshot, name: str, *, ended: bool = False) -> Channel | None:
    """A channel by its name; those that have ended only where asked."""
    wanted = select(exchange_channel).where(exchange_channel.c.name == name)
    row = snapshot.connection.execute(wanted).mappings().first()
    if row is None or (row["ended"] is not None and not ended):
        return None
    return _of_row(row)


def list_channels(snapshot: Snapshot, *, ended: bool = False) -> list[Channel]:
    """All channels by name; those that have ended only where asked."""
    wanted = select(exchange_channel).order_by(exchange_channel.c.name).limit(CHANNELS_MAX)
    if not ended:
        wanted = wanted.where(exchange_channel.c.ended.is_(None))
    return [_of_row(row) for row in snapshot.connection.execute(wanted).mappings()]


def _of_row(row: RowMapping) -> Channel:
    return Channel(
        row["name"],
        ChannelKind(row["kind"]),
        row["partner"],
        orjson.loads(row["settings"]),
        row["created"],
        row["by"],
        row["ended"],
        row["secrets"],
    )
