"""Send the notices of recalls, remind who does not answer, and tell our own people then.

A holder with an e-mail address and a webhook gets both; one that arrived is enough.

A message goes out before its row says so: a crash between sends it twice, never not at all.
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson
import structlog
from sqlalchemy import update

from compliance.recall.answers import contacts, need_notice, new_link, notices_of
from compliance.recall.recall_tables import recall_notice
from compliance.recall.record import RecallRecord, find_recall, list_recalls
from compliance.recall.scope import RecallRefused
from compliance.recall.webhook import HookRefused, NoticeHooks, notice_body
from epcis.database.columns import microseconds
from epcis.database.many_writers import is_first
from epcis.database.transactions import StoreAway, StoreFull
from epcis.ledger.entry import LeafKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from compliance.recall.answers import RecallContact, RecallNotice
    from epcis.clock import Clock
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store, Transaction

ANSWER_DAYS: Final = {"I": 1, "II": 3, "III": 7, "": 3}
"""Days in which a holder answers, by the class of the recall."""
REMIND_HOURS: Final = 24
REMINDERS_MAX: Final = 7
RETRY_MINUTES: Final = 10
"""Pause after a message that could not be sent."""
LOOK_S: Final = 5.0
STORE_PAUSE_S: Final = 5.0
MAIL_TIMEOUT_S: Final = 20.0
FAULT_CHARS_MAX: Final = 300
BY_MAIL, BY_HOOK, BY_HAND = "e-mail", "webhook", "by hand"
_log = structlog.get_logger(__name__)


class MailRefused(Exception):  # noqa: N818  # a refusal, shown beside the notice
    """A message did not go out; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """The server that takes our messages (SMTP, RFC 5321; STARTTLS, RFC 3207)."""

    host: str
    port: int
    security: str
    """`starttls`, `tls` or `none`."""
    sender: str
    user: str = ""
    password: str = ""

    def send(self, to: str, subject: str, text: str) -> None:
        """Hand one message over. Raises MailRefused."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.sender, to, subject
        message.set_content(text)
        try:
            with self._connected() as server:
                if self.user:
                    server.login(self.user, self.password)
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as fault:
            raise MailRefused(f"{self.host}: {fault}"[:FAULT_CHARS_MAX]) from fault

    def _connected(self) -> smtplib.SMTP:
        trusted = ssl.create_default_context()
        if self.security == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=MAIL_TIMEOUT_S, context=trusted)
        server = smtplib.SMTP(self.host, self.port, timeout=MAIL_TIMEOUT_S)
        if self.security == "starttls":
            try:
                server.starttls(context=trusted)
            except BaseException:
                server.close()
                raise
        return server


class NoticePost(NamedTuple):
    """What sending needs beside the store."""

    mail: MailServer | None
    """None: no server is set, so notices are handed over by people."""
    address: str = ""
    """Under which holders reach this server, as https://track.example."""
    escalate_to: str = ""
    """E-mail address of ours that hears of holders who do not answer."""
    hooks: NoticeHooks = NoticeHooks()


class DueNotice(NamedTuple):
    """A notice with something to send."""

    about: RecallRecord
    notice: RecallNotice
    to: RecallContact | None
    """Where it goes; None: nothing is entered."""


def notice_text(about: RecallRecord, notice: RecallNotice, link: str, due: datetime) -> str:
    """What a holder reads: short, with what to do first (21 CFR 7.49(c))."""
    drill = "THIS IS A DRILL. Answer as you would; leave the packs as they are.\n\n"
    facts = {
        "Recall": about.id,
        "Product": about.facts.get("product_name", ""),
        "What is recalled": str(about.scope),
        "Reason": about.reason,
        "Class": about.recall_class,
        "Depth": about.depth,
        "Reference of the authority": about.facts.get("authority_reference", ""),
        "Packs that you have by our records": str(notice.packs),
    }
    listed = "\n".join(f"{name}: {value}" for name, value in facts.items() if value)
    return (
        f"{drill if about.is_drill else ''}"
        "Stop selling and dispensing these packs now. Find them, put them apart, and answer.\n"
        "If you passed any on, send this notice on to who has them.\n\n"
        f"{listed}\n\n"
        f"Answer by {due:%Y-%m-%d %H:%M} UTC, without an account:\n{link}\n"
    )


def notice_subject(about: RecallRecord, *, is_reminder: bool) -> str:
    """The subject; urgent for the classes I and II (21 CFR 7.49(b))."""
    marks = (
        "DRILL: " if about.is_drill else "",
        "REMINDER: " if is_reminder else "",
        "URGENT: " if about.recall_class in ("I", "II") else "",
    )
    return f"{''.join(marks)}recall of {about.scope}"


def link_of(address: str, token: str) -> str:
    """The address of a notice's page."""
    return f"{address.rstrip('/')}/answer/{token}"


def hand_over(tx: Transaction, notice_id: str, *, by: str) -> str:
    """Make a link that a person gives to the holder, as by telephone; returns its token.

    Raises `RecallRefused`.
    """
    notice = need_notice(tx, notice_id)
    about = find_recall(tx, notice.recall)
    if about is None or about.approved is None or about.closed is not None:
        raise RecallRefused(f"recall {notice.recall} is not open: nobody is to answer now")
    token = new_link(tx, notice_id)
    _mark_sent(tx, about, notice, BY_HAND)
    entry = {"act": "recall-link", "recall": about.id, "notice": notice_id, "by": by}
    tx.log(LeafKind.RECALL, orjson.dumps(entry, option=orjson.OPT_SORT_KEYS))
    return token


def send_due(store: Store, post: NoticePost, now: datetime) -> int:
    """Send the messages that are due, one transaction for each; how many went out."""
    with store.read() as snapshot:
        where = {one.gln: one for one in contacts(snapshot)}
        waiting = [
            DueNotice(about, notice, where.get(notice.gln))
            for about in list_recalls(snapshot, only_open=True)
            if about.approved is not None
            for notice in notices_of(snapshot, about.id)
            if _is_due(notice, now) or _is_to_escalate(notice, now)
        ]
    sent = 0
    for one in waiting:
        # A server that finds the notice taken by another one leaves it to that one.
        with store.read() as held:
            if is_first(held, f"notice-{one.notice.id}") and _is_unchanged(held, one.notice):
                if _is_due(one.notice, now):
                    sent += _send(store, post, one, now)
                if _is_to_escalate(one.notice, now):
                    _escalate(store, post, one, now)
    return sent


async def run_notices(store: Store, post: NoticePost, clock: Clock, stop: asyncio.Event) -> None:
    """Send what is due until `stop` is set."""
    while not stop.is_set():
        pause_s = LOOK_S
        try:
            await asyncio.to_thread(send_due, store, post, clock())
        except (StoreFull, StoreAway) as fault:
            _log.warning("notices wait", reason=str(fault))
            pause_s = STORE_PAUSE_S
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause_s)


def _is_due(notice: RecallNotice, now: datetime) -> bool:
    """Whether a first message, one about more packs, or a reminder is due."""
    is_news = notice.packs > notice.packs_sent
    if not notice.gln or not (is_news or notice.acknowledged is None):
        return False
    if notice.fault and notice.last_sent is not None:
        return now >= notice.last_sent + timedelta(minutes=RETRY_MINUTES)
    return is_news or (
        notice.last_sent is not None
        and notice.messages <= REMINDERS_MAX
        and now >= notice.last_sent + timedelta(hours=REMIND_HOURS)
    )


def _is_unchanged(snapshot: Snapshot, notice: RecallNotice) -> bool:
    return need_notice(snapshot, notice.id) == notice


def _is_to_escalate(notice: RecallNotice, now: datetime) -> bool:
    return notice.is_overdue(now) and notice.escalated is None


def _send(store: Store, post: NoticePost, one: DueNotice, now: datetime) -> int:
    """Send one message by every way that is entered, and keep how it went; 1 where one arrived."""
    notice = one.notice
    ways = list(_ways(post, one))
    if not ways:
        why = "no mail server is set"
        if post.mail is not None:
            why = f"no e-mail address or webhook of {notice.gln} is entered"
        if notice.fault != why:
            _keep(store, now, lambda tx: _mark_fault(tx, notice, why))
        return 0
    with store.write(now) as tx:
        token = new_link(tx, notice.id)
    link = link_of(post.address, token)
    faults = {way: why for way in ways if (why := _sent_by(way, post, one, link, now))}
    if len(faults) == len(ways):
        why = "; ".join(faults.values())
        _keep(store, now, lambda tx: _mark_fault(tx, notice, why))
        return 0
    # What arrived by one way is a notice; the other way's fault stands beside it.
    went = ", ".join(way for way in ways if way not in faults)
    channel = went + "".join(f"; {way} failed: {why}" for way, why in faults.items())
    _keep(store, now, lambda tx: _mark_sent(tx, one.about, notice, channel))
    return 1


def _ways(post: NoticePost, one: DueNotice) -> Iterator[str]:
    if one.to is not None and one.to.email and post.mail is not None:
        yield BY_MAIL
    if one.to is not None and one.to.webhook:
        yield BY_HOOK


def _sent_by(way: str, post: NoticePost, one: DueNotice, link: str, now: datetime) -> str:
    """Send one message by one way; why it did not go out, else an empty text."""
    about, notice, to = one
    is_reminder = notice.packs <= notice.packs_sent
    due = notice.due if is_reminder else None
    due = due or now + timedelta(days=ANSWER_DAYS[about.recall_class])
    try:
        if way == BY_HOOK and to is not None:
            post.hooks.send(to, notice_body(about, notice, link, due, is_reminder=is_reminder), now)
        elif post.mail is not None and to is not None:
            subject = notice_subject(about, is_reminder=is_reminder)
            post.mail.send(to.email, subject, notice_text(about, notice, link, due))
    except (MailRefused, HookRefused) as refused:
        return str(refused)[:FAULT_CHARS_MAX]
    return ""


def _escalate(store: Store, post: NoticePost, one: DueNotice, now: datetime) -> None:
    """Tell our own people that a holder did not answer in time; the notice says so either way."""
    about, notice = one.about, one.notice
    who = f"{notice.name or 'not named'} ({notice.gln or 'GLN unknown'})"
    text = (
        f"{who} has not answered the notice of recall {about.id} ({about.scope}).\n"
        f"Packs by our records: {notice.packs}. Messages sent: {notice.messages}.\n"
        f"Call them: packtrail recall link {notice.id} makes a link for them.\n"
    )
    if post.mail is not None and post.escalate_to:
        try:
            post.mail.send(post.escalate_to, f"No answer: recall of {about.scope}", text)
        except MailRefused as refused:
            _log.warning("an escalation waits", message=notice.id, reason=str(refused))
            return

    def mark(tx: Transaction) -> None:
        _change(tx, notice.id, escalated_us=microseconds(now))

    _keep(store, now, mark)


def _mark_sent(tx: Transaction, about: RecallRecord, notice: RecallNotice, channel: str) -> None:
    us = microseconds(tx.now)
    news: dict[str, object] = {}
    if notice.packs > notice.packs_sent or notice.due is None:
        due = tx.now + timedelta(days=ANSWER_DAYS[about.recall_class])
        news = {"due_us": microseconds(due), "escalated_us": None, "named_packs": notice.packs}
    _change(
        tx,
        notice.id,
        sent_us=us if notice.sent is None else microseconds(notice.sent),
        last_sent_us=us,
        messages=notice.messages + 1,
        channel=channel,
        fault="",
        **news,
    )


def _mark_fault(tx: Transaction, notice: RecallNotice, why: str) -> None:
    _change(tx, notice.id, fault=why, last_sent_us=microseconds(tx.now))


def _keep(store: Store, now: datetime, what: Callable[[Transaction], None]) -> None:
    with store.write(now) as tx:
        what(tx)


def _change(tx: Transaction, notice_id: str, **values: object) -> None:
    here = update(recall_notice).where(recall_notice.c.id == notice_id)
    tx.connection.execute(here.values(**values))
