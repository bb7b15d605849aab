"""Effectiveness checks: whether holders really did what the notice of a recall asks.

The level says how many holders are checked (21 CFR 7.42(b)(3)). They are drawn by the SHA-256 of
the recall's list of packs and the notice's id, so that nobody can pick them, and everybody can draw
them again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import orjson
from sqlalchemy import insert, select, update

from compliance.recall.recall_tables import recall, recall_check, recall_notice
from compliance.recall.scope import RecallRefused
from epcis.database.columns import microseconds, moment_of
from epcis.ledger.entry import LeafKind

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import RowMapping

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction

PERCENT_OF_LEVEL: Final = {"A": 100, "C": 10, "D": 2, "E": 0}
"""Share of the holders that a level checks; level B is between C and A, case by case."""
LEVELS: Final = ("A", "B", "C", "D", "E")
NOTE_CHARS_MAX: Final = 1_000
HOWS: Final = ("visit", "telephone", "letter", "e-mail")
"""How a holder is checked."""


class CheckOutcome(StrEnum):
    """What a check found."""

    EFFECTIVE = "effective"
    """The holder had the notice and did what it asks."""
    NOT_EFFECTIVE = "not effective"
    """The notice did not arrive, or recalled packs are still for sale."""
    NOT_REACHED = "not reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallCheck:
    """The check of one holder."""

    notice: str
    gln: str
    name: str
    chosen: datetime
    checked: datetime | None
    by: str
    how: str
    outcome: str
    """One of `CheckOutcome`; empty before the check."""
    note: str

    def as_dict(self) -> dict[str, object]:
        """As `/recalls/{id}/checks` lists it."""
        return {
            "notice": self.notice,
            "gln": self.gln or None,
            "name": self.name or None,
            "chosen": self.chosen.isoformat(),
            "checked": self.checked.isoformat() if self.checked else None,
            "by": self.by,
            "how": self.how,
            "outcome": self.outcome or None,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """The level of a recall's checks, and the holders that were drawn."""

    level: str
    """A to E; empty while nobody has planned any."""
    percent: int
    """Of the holders."""
    checks: tuple[RecallCheck, ...]
    """By GLN."""

    @property
    def done(self) -> int:
        """Checks that were made."""
        return sum(one.checked is not None for one in self.checks)

    def of(self, outcome: CheckOutcome) -> int:
        """Checks with an outcome."""
        return sum(one.outcome == outcome for one in self.checks)

    def as_dict(self) -> dict[str, object]:
        """As `/recalls/{id}/checks` shows it."""
        return {
            "level": self.level or None,
            "percent": self.percent,
            "holders": len(self.checks),
            "done": self.done,
            "outcomes": {one.value: self.of(one) for one in CheckOutcome},
            "checks": [one.as_dict() for one in self.checks],
        }


def percent_of(level: str, percent: int | None = None) -> int:
    """The share of holders that a level checks; raises RecallRefused.

    >>> percent_of("C"), percent_of("B", 40)
    (10, 40)
    """
    if level not in LEVELS:
        raise RecallRefused(f"the level of effectiveness checks is one of {', '.join(LEVELS)}")
    if level == "B":
        if percent is None or not PERCENT_OF_LEVEL["C"] < percent < PERCENT_OF_LEVEL["A"]:
            raise RecallRefused("level B checks more than 10 and less than 100 percent: say which")
        return percent
    if percent not in (None, PERCENT_OF_LEVEL[level]):
        raise RecallRefused(
            f"level {level} checks {PERCENT_OF_LEVEL[level]} percent, no other share"
        )
    return PERCENT_OF_LEVEL[level]


def plan_checks(
    tx: Transaction, recall_id: str, level: str, *, percent: int | None = None, by: str
) -> CheckPlan:
    """Set the level of a recall's checks and draw the holders. Raises RecallRefused.

    A higher level later draws further holders; who was drawn once stays drawn.
    """
    share = percent_of(level, percent)
    row = _need_open(tx, recall_id)
    if share < row["check_percent"]:
        raise RecallRefused(
            f"{row['check_percent']} percent of the holders were drawn already, which stay drawn"
        )
    here = update(recall).where(recall.c.id == recall_id)
    tx.connection.execute(here.values(check_level=level, check_percent=share))
    draw_holders(tx, recall_id)
    entry = {"act": "recall-checks-planned", "recall": recall_id, "level": level, "by": by}
    tx.log(LeafKind.RECALL, orjson.dumps(entry, option=orjson.OPT_SORT_KEYS))
    return checks_of(tx, recall_id)


def draw_holders(tx: Transaction, recall_id: str) -> None:
    """Draw as many holders as the level of a recall asks for now; nothing where none is planned."""
    kept = recall.c
    wanted = select(kept.check_percent, kept.list_sha256).where(kept.id == recall_id)
    about = tx.connection.execute(wanted).one()
    columns = recall_notice.c
    rows = select(columns.id).where(columns.recall == recall_id, columns.party != "")
    notices = list(tx.connection.scalars(rows))
    drawn = set(
        tx.connection.scalars(
            select(recall_check.c.notice).where(recall_check.c.recall == recall_id)
        )
    )
    missing = -(-len(notices) * about.check_percent // 100) - len(drawn)
    if missing <= 0:
        return
    left = (one for one in notices if one not in drawn)
    order = sorted(left, key=lambda one: sha256(f"{about.list_sha256} {one}".encode()).digest())
    us = microseconds(tx.now)
    blank = {"recall": recall_id, "chosen_us": us, "by": "", "how": "", "outcome": "", "note": ""}
    tx.connection.execute(
        insert(recall_check), [{"notice": one, **blank} for one in order[:missing]]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What somebody found at a holder."""

    outcome: str
    how: str
    note: str = ""

    def check(self) -> None:
        """Raise RecallRefused, saying what is wrong."""
        if self.outcome not in set(CheckOutcome):
            raise RecallRefused(f"a check is one of: {', '.join(CheckOutcome)}")
        if self.how not in HOWS:
            raise RecallRefused(f"a holder is checked by one of: {', '.join(HOWS)}")
        if len(self.note) > NOTE_CHARS_MAX:
            raise RecallRefused(f"a note has at most {NOTE_CHARS_MAX} characters")
        if self.outcome == CheckOutcome.NOT_EFFECTIVE and not self.note.strip():
            raise RecallRefused("say in a note what was found: somebody must act on it")


def keep_check(tx: Transaction, notice_id: str, result: CheckResult, *, by: str) -> RecallCheck:
    """Enter what the check of a drawn holder found. Raises RecallRefused.

    A later check of the same holder takes the place of the earlier one, which stays in the log.
    """
    result.check()
    here = recall_check.c.notice == notice_id
    row = tx.connection.execute(select(recall_check).where(here)).mappings().first()
    if row is None:
        raise RecallRefused(
            f"the holder of notice {notice_id} is not among those to be checked;"
            " `packtrail recall checks` lists them"
        )
    _need_open(tx, row["recall"])
    values = {
        "checked_us": microseconds(tx.now),
        "by": by,
        "how": result.how,
        "outcome": str(result.outcome),
        "note": result.note,
    }
    tx.connection.execute(update(recall_check).where(here).values(**values))
    plan = checks_of(tx, row["recall"])
    return next(one for one in plan.checks if one.notice == notice_id)


def checks_of(snapshot: Snapshot, recall_id: str) -> CheckPlan:
    """The checks of a recall, by GLN. Raises RecallRefused where there is no such recall."""
    about = _need(snapshot, recall_id)
    kept, columns = recall_check.c, recall_notice.c
    wanted = (
        select(recall_check, columns.party, columns.name)
        .join(recall_notice, columns.id == kept.notice)
        .where(kept.recall == recall_id)
        .order_by(columns.party)
    )
    rows = snapshot.connection.execute(wanted).mappings()
    checks = tuple(
        RecallCheck(
            notice=row["notice"],
            gln=row["party"],
            name=row["name"] or "",
            chosen=moment_of(row["chosen_us"]),
            checked=moment_of(row["checked_us"]) if row["checked_us"] is not None else None,
            by=row["by"],
            how=row["how"],
            outcome=row["outcome"],
            note=row["note"],
        )
        for row in rows
    )
    return CheckPlan(about["check_level"], about["check_percent"], checks)


def _need(snapshot: Snapshot, recall_id: str) -> RowMapping:
    wanted = select(recall).where(recall.c.id == recall_id)
    row = snapshot.connection.execute(wanted).mappings().first()
    if row is None:
        raise RecallRefused(f"no recall {recall_id}; `packtrail recall status` lists them")
    return row


def _need_open(snapshot: Snapshot, recall_id: str) -> RowMapping:
    row = _need(snapshot, recall_id)
    if row["approved_us"] is None:
        raise RecallRefused(f"recall {recall_id} is not approved: no holder has its notice yet")
    if row["withdrawn_us"] is not None:
        raise RecallRefused(f"recall {recall_id} was taken back: there is nothing to check")
    return row
