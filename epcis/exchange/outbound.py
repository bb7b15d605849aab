"""What goes to partners by itself: rules of channels, and the outbox that they fill.

A rule says what is sent over a channel (a shipment, an exception) and how it is written for that
partner. The transaction that ships, or opens the case, leaves a row for
each channel with such a rule; whoever makes the message takes the row out in the transaction that
puts the message in line. So a message is made once, and none is lost by a crash between.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import orjson
from sqlalchemy import delete, func, insert, select, update

from epcis.exchange.channel import (
    ChannelRefused,
    ChannelSetting,
    checked_settings,
    find_channel,
)
from epcis.exchange.exchange_tables import exchange_channel, exchange_due, exchange_rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction

REASON_CHARACTERS_MAX: Final = 2_000
YES, NO = "yes", "no"
EPCIS_1_2, EPCIS_2_XML, EPCIS_2_JSON = "EPCIS 1.2", "EPCIS 2.0 XML", "EPCIS 2.0 JSON-LD"
GS1_US, PLAIN = "gs1us", "none"
NOT_CHECKED: Final = "none"
_FIELD: Final = re.compile(r"\{(what|number|day|partner)\}")


class OutboundKind(StrEnum):
    """What a rule sends: a row of `compliance.outbound.content` says what that is."""

    SHIPMENT = "shipment"
    EXCEPTION = "exception"


STYLE: Final = (
    ChannelSetting(
        "syntax", "how a file is written", EPCIS_1_2, (EPCIS_1_2, EPCIS_2_XML, EPCIS_2_JSON)
    ),
    ChannelSetting(
        "extensions",
        "gs1us: with the statement and the words of the GS1 US guideline; none: bare EPCIS",
        GS1_US,
        (GS1_US, PLAIN),
    ),
    ChannelSetting("sender", "who sends, in the business header; empty: as the event says"),
    ChannelSetting("receiver", "who receives, in the business header; empty: as the event says"),
    ChannelSetting(
        "file_name",
        "name of a file; {what}, {number}, {day} and {partner} are filled in",
        "{what}-{day}-{number}",
    ),
    ChannelSetting("one_shipment", "whether each shipment is a file of its own", YES, (YES, NO)),
    ChannelSetting(
        "check",
        "profile a file must keep before it leaves, as `packtrail check`; none: it is not checked",
        "dscsa-r1.3",
    ),
)
"""How what we send is written for one partner."""


@dataclass(frozen=True, slots=True)
class OutboundRule:
    """One rule of a channel."""

    channel: str
    partner: str
    """GLN-13."""
    sends: OutboundKind
    style: Mapping[str, str]
    changed: datetime
    by: str

    def as_dict(self) -> dict[str, object]:
        """What the API and the command line show."""
        return {
            "channel": self.channel,
            "partner": self.partner,
            "sends": self.sends.value,
            "style": dict(self.style),
            "changed": self.changed.isoformat(),
            "by": self.by,
        }


@dataclass(frozen=True, slots=True)
class DueMessage:
    """Something that a rule has to send."""

    id: int
    channel: str
    sends: OutboundKind
    subject: str
    created: datetime
    reason: str
    """Why it is held back; empty: it is not."""

    def as_dict(self) -> dict[str, object]:
        """What the API and the command line show."""
        return {
            "id": self.id,
            "channel": self.channel,
            "sends": self.sends.value,
            "subject": self.subject,
            "created": self.created.isoformat(),
            "reason": self.reason,
        }


def set_rule(
    tx: Transaction, channel: str, sends: OutboundKind, given: Mapping[str, str], *, by: str
) -> OutboundRule:
    """Send something by itself from now on, or write it otherwise. Raises `ChannelRefused`.

    What was held back is made anew.
    """
    found = find_channel(tx, channel)
    if found is None:
        raise ChannelRefused(f"there is no channel '{channel[:60]}' in use")
    if not found.partner:
        raise ChannelRefused(
            f"channel {channel} has no GLN of a partner, so nobody is known to send to by itself"
        )
    style = checked_settings(STYLE, given, "a rule")
    _need_name(style["file_name"])
    row = {
        "style": orjson.dumps(style).decode(),
        "changed": tx.now,
        "by": by,
        "ended": None,
    }
    here = (exchange_rule.c.channel == channel, exchange_rule.c.sends == sends.value)
    if not tx.connection.execute(update(exchange_rule).where(*here).values(row)).rowcount:
        row |= {"channel": channel, "sends": sends.value}
        tx.connection.execute(insert(exchange_rule).values(row))
    _hold_no_more(tx, exchange_due.c.channel == channel, exchange_due.c.sends == sends.value)
    return OutboundRule(channel, found.partner, sends, style, tx.now, by)


def named_file(template: str, **values: str) -> str:
    """A file name from its template.

    >>> named_file("{what}-{number}", what="shipment", number="7", day="2026-11-20", partner="")
    'shipment-7'
    """
    return _FIELD.sub(lambda found: values[found[1]], template)


def _need_name(template: str) -> None:
    rest = _FIELD.sub("", template)
    if rest == template or not rest.isprintable() or set(rest) & set("{}/\\"):
        raise ChannelRefused(
            "file_name holds at least one of {what}, {number}, {day} and {partner}, and no folder"
        )


def end_rule(tx: Transaction, channel: str, sends: OutboundKind) -> None:
    """Send it by itself no more; what is due goes with the rule. Raises `ChannelRefused`."""
    here = (exchange_rule.c.channel == channel, exchange_rule.c.sends == sends.value)
    ended = update(exchange_rule).where(*here, exchange_rule.c.ended.is_(None))
    if not tx.connection.execute(ended.values(ended=tx.now)).rowcount:
        raise ChannelRefused(f"nothing of kind '{sends}' goes over '{channel[:60]}' by itself")
    due = (exchange_due.c.channel == channel, exchange_due.c.sends == sends.value)
    tx.connection.execute(delete(exchange_due).where(*due))


def rules_of(
    snapshot: Snapshot, *, channel: str = "", sends: OutboundKind | None = None
) -> list[OutboundRule]:
    """Rules in use, of one channel or one kind or all."""
    table, way = exchange_rule.c, exchange_channel.c
    wanted = (
        select(exchange_rule, way.partner)
        .join(exchange_channel, way.name == table.channel)
        .where(table.ended.is_(None), way.ended.is_(None))
        .order_by(table.channel, table.sends)
    )
    if channel:
        wanted = wanted.where(table.channel == channel)
    if sends is not None:
        wanted = wanted.where(table.sends == sends.value)
    return [
        OutboundRule(
            row["channel"],
            row["partner"],
            OutboundKind(row["sends"]),
            orjson.loads(row["style"]),
            row["changed"],
            row["by"],
        )
        for row in snapshot.connection.execute(wanted).mappings()
    ]


def leave_due(tx: Transaction, sends: OutboundKind, subject: str, partners: Iterable[str]) -> int:
    """Have something sent to partners (GLN-13) over each channel with a rule for it; how many."""
    wanted = {one for one in partners if one}
    rules = [one for one in rules_of(tx, sends=sends) if one.partner in wanted]
    for rule in rules:
        known = select(exchange_due.c.id).where(
            exchange_due.c.channel == rule.channel,
            exchange_due.c.sends == sends.value,
            exchange_due.c.subject == subject,
        )
        if tx.connection.scalar(known) is None:
            row = {
                "channel": rule.channel,
                "sends": sends.value,
                "subject": subject,
                "created": tx.now,
                "reason": "",
            }
            tx.connection.execute(insert(exchange_due).values(row))
    return len(rules)


def due_messages(
    snapshot: Snapshot, *, channel: str = "", is_held: bool | None = None, rows_max: int = 200
) -> list[DueMessage]:
    """What is due, oldest first: of one channel, held back or not, or all."""
    table = exchange_due.c
    wanted = select(exchange_due).order_by(table.id).limit(rows_max)
    if channel:
        wanted = wanted.where(table.channel == channel)
    if is_held is not None:
        wanted = wanted.where(table.reason != "" if is_held else table.reason == "")
    return [
        DueMessage(
            row["id"],
            row["channel"],
            OutboundKind(row["sends"]),
            row["subject"],
            row["created"],
            row["reason"],
        )
        for row in snapshot.connection.execute(wanted).mappings()
    ]


def held_messages(snapshot: Snapshot) -> int:
    """How much is held back until a person has looked at it."""
    held = select(func.count()).select_from(exchange_due).where(exchange_due.c.reason != "")
    return snapshot.connection.scalar(held) or 0


def take_due(tx: Transaction, due: Iterable[DueMessage]) -> bool:
    """Take rows out whose message is put in line now; False where another server did."""
    numbers = [one.id for one in due]
    taken = delete(exchange_due).where(exchange_due.c.id.in_(numbers))
    return tx.connection.execute(taken).rowcount == len(numbers)


def hold_due(tx: Transaction, due: Iterable[DueMessage], reason: str) -> None:
    """Hold rows back, with the reason, until the rule changes or a person asks again."""
    here = exchange_due.c.id.in_([one.id for one in due])
    values = {"reason": reason[:REASON_CHARACTERS_MAX]}
    tx.connection.execute(update(exchange_due).where(here).values(values))


def make_again(tx: Transaction, number: int) -> None:
    """Make once more what was held back. Raises `ChannelRefused`."""
    if not _hold_no_more(tx, exchange_due.c.id == number, exchange_due.c.reason != ""):
        raise ChannelRefused(f"nothing with the number {number} is held back")


def _hold_no_more(tx: Transaction, *here: object) -> int:
    freed = update(exchange_due).where(*here)  # type: ignore[arg-type]  # conditions of SQLAlchemy
    return tx.connection.execute(freed.values(reason="")).rowcount
