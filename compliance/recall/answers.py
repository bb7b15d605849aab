"""What holders answer to the notice of a recall: by its link without an account, or by telephone.

The newest answer of a notice counts; earlier ones stay in the record (21 CFR 7.49(d), 7.53(b)).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select, update

from compliance.recall.recall_tables import (
    recall,
    recall_answer,
    recall_contact,
    recall_link,
    recall_notice,
)
from compliance.recall.scope import RecallRefused
from epcis.database.columns import microseconds, moment_of
from epcis.database.many_writers import hold_names
from schemas.gs1.keys import Gln

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import RowMapping

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction

PACKS_MAX = 100_000_000
NOTE_CHARS_MAX = 1_000
NAME_CHARS_MAX = 100
EMAIL_CHARS_MAX = 254
PHONE_CHARS_MAX = 40
TOKEN_CHARS_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallAnswer:
    """How many packs a holder received, and what became of those that were found."""

    by: str
    """Who answers, as named there."""
    received: int
    found: int
    quarantined: int = 0
    returned: int = 0
    destroyed: int = 0
    note: str = ""
    at: datetime | None = None
    """When it came; None before it is kept."""
    entered_by: str = ""
    """Who entered it for the holder; empty where the link was used."""

    def check(self) -> None:
        """Raise RecallRefused where the numbers cannot be right, saying which.

        >>> RecallAnswer(by="Ann", received=4, found=3, quarantined=2, returned=1).check()
        """
        numbers = (self.received, self.found, self.quarantined, self.returned, self.destroyed)
        if not self.by.strip() or len(self.by) > NAME_CHARS_MAX:
            raise RecallRefused(f"give your name, in {NAME_CHARS_MAX} characters")
        if len(self.note) > NOTE_CHARS_MAX:
            raise RecallRefused(f"a note has at most {NOTE_CHARS_MAX} characters")
        if min(numbers) < 0 or max(numbers) > PACKS_MAX:
            raise RecallRefused(f"a number of packs is 0 to {PACKS_MAX}")
        if self.found > self.received:
            raise RecallRefused(
                f"{self.found} packs were found and only {self.received} received: count what was"
                " received too"
            )
        gone = self.quarantined + self.returned + self.destroyed
        if gone > self.found:
            raise RecallRefused(
                f"{gone} packs are quarantined, returned or destroyed and only {self.found} were"
                " found: each pack counts once"
            )

    def as_dict(self) -> dict[str, object]:
        """The answer, ready for JSON."""
        return {
            "at": self.at.isoformat() if self.at else None,
            "by": self.by,
            "enteredBy": self.entered_by,
            "received": self.received,
            "found": self.found,
            "quarantined": self.quarantined,
            "returned": self.returned,
            "destroyed": self.destroyed,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallNotice:
    """The notice of one holder: what went out, and what came back."""

    id: str
    recall: str
    gln: str
    """GLN-13; empty where nobody knows who holds the packs."""
    name: str
    packs: int
    packs_sent: int
    """So many the last message named; fewer than `packs`: another message is due."""
    due: datetime | None
    """By when an answer is expected, once a message went out."""
    sent: datetime | None
    last_sent: datetime | None
    messages: int
    channel: str
    fault: str
    """Why the last message did not go out; empty: it did."""
    escalated: datetime | None
    acknowledged: datetime | None
    answer: RecallAnswer | None = None

    def is_overdue(self, now: datetime) -> bool:
        """Whether the answer should be there by now."""
        return self.acknowledged is None and self.due is not None and now > self.due

    @property
    def missing(self) -> int | None:
        """Packs of which the answer does not say what became of them; None before it came."""
        if self.answer is None:
            return None
        return max(self.packs - self.answer.found, 0)

    def as_dict(self, now: datetime) -> dict[str, object]:
        """As `/recalls/{id}/notices` lists it."""
        return {
            "id": self.id,
            "recall": self.recall,
            "gln": self.gln or None,
            "name": self.name or None,
            "packs": self.packs,
            "packsSent": self.packs_sent,
            "sent": _iso(self.sent),
            "lastSent": _iso(self.last_sent),
            "messages": self.messages,
            "channel": self.channel,
            "fault": self.fault,
            "due": _iso(self.due),
            "overdue": self.is_overdue(now),
            "escalated": _iso(self.escalated),
            "acknowledged": _iso(self.acknowledged),
            "missing": self.missing,
            "answer": self.answer.as_dict() if self.answer else None,
        }


def notices_of(snapshot: Snapshot, recall_id: str) -> list[RecallNotice]:
    """The notices of a recall with their newest answers, most packs first."""
    kept = recall_notice.c
    wanted = select(recall_notice).where(kept.recall == recall_id)
    rows = snapshot.connection.execute(wanted.order_by(kept.packs.desc(), kept.party)).mappings()
    return _with_answers(snapshot, list(rows))


def find_notice(snapshot: Snapshot, notice_id: str) -> RecallNotice | None:
    """A notice by its id."""
    wanted = select(recall_notice).where(recall_notice.c.id == notice_id)
    rows = snapshot.connection.execute(wanted).mappings().all()
    return next(iter(_with_answers(snapshot, rows)), None)


def notice_of_link(snapshot: Snapshot, token: str) -> RecallNotice | None:
    """The notice that a link is for."""
    if len(token) > TOKEN_CHARS_MAX:
        return None
    wanted = select(recall_link.c.notice).where(recall_link.c.token_sha256 == _digest(token))
    found = snapshot.connection.scalar(wanted)
    return find_notice(snapshot, found) if found is not None else None


def answers_of(snapshot: Snapshot, notice_id: str) -> list[RecallAnswer]:
    """Every answer to a notice, oldest first."""
    kept = recall_answer.c
    wanted = select(recall_answer).where(kept.notice == notice_id).order_by(kept.at_us, kept.id)
    return [_answer(row) for row in snapshot.connection.execute(wanted).mappings()]


def new_link(tx: Transaction, notice_id: str) -> str:
    """The token of a new link to a notice; only its SHA-256 is kept."""
    token = secrets.token_urlsafe(24)
    tx.connection.execute(
        insert(recall_link).values(
            token_sha256=_digest(token), notice=notice_id, made_us=microseconds(tx.now)
        )
    )
    return token


def keep_answer(
    tx: Transaction, notice_id: str, answer: RecallAnswer, *, entered_by: str = ""
) -> RecallNotice:
    """Keep what a holder answers; from then on the notice is acknowledged.

    Raises `RecallRefused` where the numbers cannot be right, nobody was to answer yet, or the
    recall is over.
    """
    answer.check()
    hold_names(tx, [f"answer-{notice_id}"])  # of two answers at once one is the newest
    notice = need_notice(tx, notice_id)
    row = tx.connection.execute(select(recall).where(recall.c.id == notice.recall)).mappings().one()
    if row["closed_us"] is not None:
        raise RecallRefused(f"recall {notice.recall} is closed: call who sent the notice")
    if row["approved_us"] is None:
        raise RecallRefused(f"recall {notice.recall} is not approved: no notice has gone out")
    last = answers_of(tx, notice_id)[-1:]
    us = max([microseconds(tx.now), *(microseconds(one.at) + 1 for one in last if one.at)])
    tx.connection.execute(
        insert(recall_answer).values(
            id=f"A-{secrets.token_hex(8)}",
            notice=notice_id,
            at_us=us,
            by=answer.by.strip(),
            entered_by=entered_by,
            received=answer.received,
            found=answer.found,
            quarantined=answer.quarantined,
            returned=answer.returned,
            destroyed=answer.destroyed,
            note=answer.note,
        )
    )
    if notice.acknowledged is None:
        here = update(recall_notice).where(recall_notice.c.id == notice_id)
        tx.connection.execute(here.values(acknowledged_us=us))
    return need_notice(tx, notice_id)


def need_notice(snapshot: Snapshot, notice_id: str) -> RecallNotice:
    """A notice by its id; raises RecallRefused."""
    found = find_notice(snapshot, notice_id)
    if found is None:
        raise RecallRefused(f"no notice {notice_id}; `packtrail recall notices` lists them")
    return found


@dataclass(frozen=True, slots=True)
class RecallContact:
    """Where the notices of a holder go."""

    gln: str
    """GLN-13."""
    email: str
    phone: str

    @classmethod
    def parse(cls, gln: str, email: str, phone: str = "") -> RecallContact:
        """A contact from a person's input; raises RecallRefused.

        >>> RecallContact.parse("0366666000014", "qa@pharmacy.example").email
        'qa@pharmacy.example'
        """
        try:
            number = Gln.parse(gln).number
        except ValueError as fault:
            raise RecallRefused(str(fault)) from None
        name, at, host = email.partition("@")
        is_plain = email.isascii() and email.isprintable() and " " not in email
        if not (name and at and "." in host and is_plain) or set(email) & set('<>,;:"()[]\\'):
            raise RecallRefused(f"'{email[:60]}' is no e-mail address, as qa@pharmacy.example")
        if email.count("@") != 1 or len(email) > EMAIL_CHARS_MAX:
            raise RecallRefused(
                f"an e-mail address has one @ and at most {EMAIL_CHARS_MAX} characters"
            )
        if len(phone) > PHONE_CHARS_MAX or not phone.isprintable():
            raise RecallRefused(f"a telephone number has at most {PHONE_CHARS_MAX} characters")
        return cls(number, email, phone)

    def as_dict(self) -> dict[str, str]:
        """The contact, ready for JSON."""
        return {"gln": self.gln, "email": self.email, "phone": self.phone}


def keep_contact(tx: Transaction, contact: RecallContact, *, by: str) -> None:
    """Enter where notices of a holder go, in place of what was entered before."""
    values = {
        "email": contact.email,
        "phone": contact.phone,
        "changed_us": microseconds(tx.now),
        "by": by,
    }
    here = update(recall_contact).where(recall_contact.c.gln == contact.gln).values(**values)
    if not tx.connection.execute(here).rowcount:
        tx.connection.execute(insert(recall_contact).values(gln=contact.gln, **values))


def contacts(snapshot: Snapshot) -> list[RecallContact]:
    """Where notices go, by GLN."""
    rows = snapshot.connection.execute(select(recall_contact).order_by(recall_contact.c.gln))
    return [RecallContact(row.gln, row.email, row.phone) for row in rows]


def _with_answers(snapshot: Snapshot, rows: Sequence[RowMapping]) -> list[RecallNotice]:
    newest: dict[str, RecallAnswer] = {}
    kept = recall_answer.c
    for row in rows[:1]:
        own = select(recall_notice.c.id).where(recall_notice.c.recall == row["recall"])
        wanted = select(recall_answer).where(kept.notice.in_(own)).order_by(kept.at_us, kept.id)
        for one in snapshot.connection.execute(wanted).mappings():
            newest[one["notice"]] = _answer(one)
    return [_notice(row, newest.get(row["id"])) for row in rows]


def _answer(row: RowMapping) -> RecallAnswer:
    return RecallAnswer(
        by=row["by"],
        received=row["received"],
        found=row["found"],
        quarantined=row["quarantined"],
        returned=row["returned"],
        destroyed=row["destroyed"],
        note=row["note"],
        at=moment_of(row["at_us"]),
        entered_by=row["entered_by"],
    )


def _notice(row: RowMapping, answer: RecallAnswer | None) -> RecallNotice:
    return RecallNotice(
        id=row["id"],
        recall=row["recall"],
        gln=row["party"],
        name=row["name"] or "",
        packs=row["packs"],
        packs_sent=row["named_packs"],
        due=_moment(row["due_us"]),
        sent=_moment(row["sent_us"]),
        last_sent=_moment(row["last_sent_us"]),
        messages=row["messages"],
        channel=row["channel"],
        fault=row["fault"],
        escalated=_moment(row["escalated_us"]),
        acknowledged=_moment(row["acknowledged_us"]),
        answer=answer,
    )


def _moment(us: int | None) -> datetime | None:
    return moment_of(us) if us is not None else None


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def count_answers(snapshot: Snapshot, recall_id: str) -> tuple[int, int]:
    """How many notices a recall has, and how many of them are answered."""
    kept = recall_notice.c
    counted = select(func.count(), func.count(kept.acknowledged_us)).where(kept.recall == recall_id)
    row = snapshot.connection.execute(counted).one()
    return row[0], row[1]
