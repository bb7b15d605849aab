"""Cases: suspect product from the first doubt to its end, and differences between goods and data.

Suspect product is quarantined, investigated, and cleared or declared illegitimate; then FDA and
the immediate partners are notified within 24 hours, and the case ends when FDA agrees to terminate
the notice (FD&C Act 582(b)(4), (c)(4), (d)(4), (e)(4)). An exception is a difference between
goods and data that is not suspect by itself. From the moment a case about suspect product is open,
no verification answers OK for it (CHECK while it is suspect, STOP once it is illegitimate): the
transaction that changes the case also sets, raises or lifts the doubt about the product.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import insert, select, update

from compliance.cases.form_3911_fields import FACTS
from compliance.duty_tables import case_file, case_step
from epcis.database.columns import microseconds, moment_of
from epcis.exchange.outbound import OutboundKind, leave_due
from epcis.ledger.entry import LeafKind
from schemas.refusal import Refused
from verification.decision.words import Doubt
from verification.registry.pack_registry import set_doubt

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import RowMapping

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction

NOTICE_DUE = timedelta(hours=24)
"""FDA and immediate partners are notified within this time of the decision (582(b)(4)(B)(ii))."""
WORDS_CHARACTERS_MAX = 4_000
FACT_CHARACTERS_MAX = 2_000
INCIDENT_CHARACTERS_MAX = 40
STEPS_MAX = 500
LISTED_MAX = 1_000


class CaseKind(StrEnum):
    """What a case is about."""

    SUSPECT = "suspect"
    EXCEPTION = "exception"


class State(StrEnum):
    """State of a case."""

    OPEN = "open"
    QUARANTINED = "quarantined"
    INVESTIGATING = "investigating"
    CLEARED = "cleared"
    ILLEGITIMATE = "illegitimate"
    DISPOSED = "disposed"
    TERMINATION_REQUESTED = "termination requested"
    TERMINATED = "terminated"
    RESOLVED = "resolved"


class Notice(StrEnum):
    """A notice that was given to somebody; it changes no state, and its time is recorded."""

    FDA = "fda notified"
    PARTNERS = "partners notified"
    NOTE = "note"


FACTS_CORRECTED = "facts corrected"
"""Name of a step that changes facts of Form FDA 3911; its note has each value before and after."""
SUSPICIONS = ("counterfeit", "diverted", "stolen", "adulterated", "fraudulent transaction", "unfit")
"""Why product is suspect (581(21)), and the classifications of Form FDA 3911."""
EXCEPTIONS = (
    "data issue", "product no data", "data no product", "packaging and labeling",
    "unavailable for distribution", "overage", "shortage", "clerical error",
)  # fmt: skip
"""How goods and data may differ, in the trade's words."""
_NEXT = {
    State.OPEN: {State.QUARANTINED, State.INVESTIGATING},
    State.QUARANTINED: {State.INVESTIGATING},
    State.INVESTIGATING: {State.QUARANTINED, State.CLEARED, State.ILLEGITIMATE},
    State.ILLEGITIMATE: {State.DISPOSED},
    State.DISPOSED: {State.TERMINATION_REQUESTED},
    State.TERMINATION_REQUESTED: {State.TERMINATED},
}
_NEXT_OF_EXCEPTION = {
    State.OPEN: {State.INVESTIGATING, State.RESOLVED},
    State.INVESTIGATING: {State.RESOLVED},
}
_DOUBTS = {State.CLEARED: None, State.ILLEGITIMATE: Doubt.ILLEGITIMATE}
"""Illegitimate product stays stopped even after the notice about it is terminated."""


class CaseRefused(Refused):
    """The case cannot be opened or change to that state; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class NewCase:
    """What opening a case needs."""

    kind: CaseKind
    category: str
    """One of `SUSPICIONS` or of `EXCEPTIONS`."""
    gtin: str
    """GTIN-14."""
    what: str
    """What was seen, in words."""
    lot: str = ""
    serial: str = ""
    partner: str = ""
    """GLN-13 of the partner it came from or went to; empty where there is none."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Further data for Form FDA 3911, by the names of `FACTS`."""
    mark: str = ""
    """What tells a problem that was found by itself from others; empty for a person's case."""


@dataclass(frozen=True, slots=True)
class CaseStep:
    """One thing that was done about a case."""

    at: datetime
    by: str
    act: str
    """The new state, or a notice."""
    note: str


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A case with its steps, oldest first."""

    id: str
    kind: CaseKind
    category: str
    state: State
    opened: datetime
    opened_by: str
    gtin: str
    lot: str
    serial: str
    partner: str
    what: str
    illegitimate: datetime | None
    """When it was declared illegitimate; the 24 hours for the notices begin here."""
    incident: str
    """FDA's incident number; empty until FDA gave one."""
    facts: dict[str, str]
    steps: tuple[CaseStep, ...] = ()

    @property
    def due(self) -> datetime | None:
        """The time by which FDA and partners must be notified."""
        return self.illegitimate + NOTICE_DUE if self.illegitimate else None

    @property
    def why(self) -> str:
        """The note with which the case came into its state; later notes do not replace it."""
        return next(step.note for step in reversed(self.steps) if step.act == self.state)

    def notified(self, whom: Notice) -> datetime | None:
        """Time of the first notice; None where there is none yet."""
        return next((step.at for step in self.steps if step.act == whom), None)

    def as_dict(self) -> dict[str, object]:
        """The case as `case show --json` and `/cases` show it."""
        return {
            "id": self.id,
            "kind": self.kind,
            "category": self.category,
            "state": self.state,
            "opened": self.opened.isoformat(),
            "openedBy": self.opened_by,
            "gtin": self.gtin,
            "lot": self.lot,
            "serial": self.serial,
            "partner": self.partner,
            "what": self.what,
            "illegitimate": self.illegitimate.isoformat() if self.illegitimate else None,
            "noticesDue": self.due.isoformat() if self.due else None,
            "incident": self.incident,
            "facts": self.facts,
            "steps": [
                {"at": one.at.isoformat(), "by": one.by, "act": one.act, "note": one.note}
                for one in self.steps
            ],
        }


def open_case(tx: Transaction, wanted: NewCase, *, by: str) -> CaseFile:
    """Open a case; from then on verification does not answer OK for it. Raises CaseRefused."""
    _check(wanted)
    case_id = f"C-{tx.now:%Y%m%d}-{secrets.token_hex(4)}"
    tx.connection.execute(
        insert(case_file).values(
            id=case_id,
            kind=wanted.kind.value,
            category=wanted.category,
            state=State.OPEN.value,
            opened_us=microseconds(tx.now),
            opened_by=by,
            gtin=wanted.gtin,
            lot=wanted.lot,
            serial=wanted.serial,
            partner=wanted.partner,
            what=wanted.what,
            illegitimate_us=None,
            incident="",
            facts=orjson.dumps(dict(wanted.facts), option=orjson.OPT_SORT_KEYS).decode(),
            mark=wanted.mark,
        )
    )
    _add_step(tx, case_id, 1, by=by, what=State.OPEN, note=wanted.what)
    opened = _found(tx, case_id)
    if opened.kind is CaseKind.SUSPECT:
        _doubt(tx, opened, Doubt.SUSPECT)
    else:
        leave_due(tx, OutboundKind.EXCEPTION, case_id, [wanted.partner])
    _log(tx, opened, State.OPEN, note=wanted.what, by=by)
    return opened


def take_step(
    tx: Transaction, case_id: str, what: str, *, by: str, note: str = "", incident: str = ""
) -> CaseFile:
    """Change the state of a case, or record a notice. Raises CaseRefused.

    `incident` is FDA's incident number, given with the notice to FDA or later.
    """
    before = _found(tx, case_id)
    if len(before.steps) >= STEPS_MAX:
        raise CaseRefused(f"a case has {STEPS_MAX} steps at most; open another")
    if len(note) > WORDS_CHARACTERS_MAX or len(incident) > INCIDENT_CHARACTERS_MAX:
        raise CaseRefused(f"a note has {WORDS_CHARACTERS_MAX} characters at most, an incident 40")
    changes: dict[str, Any] = {"incident": incident} if incident else {}
    if what not in set(Notice):
        state = _next_state(before, what, note)
        changes["state"] = state.value
        if state is State.ILLEGITIMATE:
            changes["illegitimate_us"] = microseconds(tx.now)
    if changes:
        here = case_file.c.id == case_id
        tx.connection.execute(update(case_file).where(here).values(**changes))
    _add_step(tx, case_id, len(before.steps) + 1, by=by, what=what, note=note)
    after = _found(tx, case_id)
    moved = after.kind is CaseKind.SUSPECT and after.state is not before.state
    if moved and after.state in _DOUBTS:
        _doubt(tx, after, _DOUBTS[after.state])
    _log(tx, after, what, note=note, by=by)
    return after


def correct_facts(
    tx: Transaction, case_id: str, facts: Mapping[str, str], *, by: str, reason: str = ""
) -> CaseFile:
    """Add or correct facts for Form FDA 3911, in any state; the history stays as a step.

    An empty value takes a fact away. A reason is needed where a value changes that the case had:
    FDA may have been notified with it. Raises CaseRefused.
    """
    before = _found(tx, case_id)
    _check_facts(facts)
    changed = {
        name: value.strip()
        for name, value in sorted(facts.items())
        if value.strip() != before.facts.get(name, "")
    }
    if not changed:
        raise CaseRefused("none of these facts differs from what the case has")
    if len(before.steps) >= STEPS_MAX:
        raise CaseRefused(f"a case has {STEPS_MAX} steps at most; open another")
    if len(reason) > WORDS_CHARACTERS_MAX:
        raise CaseRefused(f"a reason has {WORDS_CHARACTERS_MAX} characters at most")
    replaced = [name for name in changed if before.facts.get(name)]
    if replaced and not reason.strip():
        raise CaseRefused(f"say in a reason why this changes: {', '.join(replaced)}")
    after = {name: value for name, value in {**before.facts, **changed}.items() if value}
    kept = orjson.dumps(after, option=orjson.OPT_SORT_KEYS).decode()
    tx.connection.execute(update(case_file).where(case_file.c.id == case_id).values(facts=kept))
    lines = [
        f"{name}: {value or 'nothing'} (before: {before.facts.get(name) or 'nothing'})"
        for name, value in changed.items()
    ]
    note = "\n".join([*lines, *([f"reason: {reason.strip()}"] if reason.strip() else [])])
    _add_step(tx, case_id, len(before.steps) + 1, by=by, what=FACTS_CORRECTED, note=note)
    corrected = _found(tx, case_id)
    _log(tx, corrected, FACTS_CORRECTED, note=note, by=by)
    return corrected


def find_case(snapshot: Snapshot, case_id: str) -> CaseFile | None:
    """A case by its id, with its steps."""
    row = (
        snapshot.connection.execute(select(case_file).where(case_file.c.id == case_id))
        .mappings()
        .first()
    )
    return None if row is None else _of_row(snapshot, row)


def list_cases(
    snapshot: Snapshot, *, since: datetime | None = None, until: datetime | None = None
) -> list[CaseFile]:
    """Cases opened in a period, newest first, at most `LISTED_MAX`."""
    wanted = select(case_file)
    if since is not None:
        wanted = wanted.where(case_file.c.opened_us >= microseconds(since))
    if until is not None:
        wanted = wanted.where(case_file.c.opened_us < microseconds(until))
    order = (case_file.c.opened_us.desc(), case_file.c.id)
    rows = snapshot.connection.execute(wanted.order_by(*order).limit(LISTED_MAX)).mappings().all()
    return [_of_row(snapshot, row) for row in rows]


def _check(wanted: NewCase) -> None:
    known = SUSPICIONS if wanted.kind is CaseKind.SUSPECT else EXCEPTIONS
    if wanted.category not in known:
        raise CaseRefused(f"a case of {wanted.kind} is one of: {', '.join(known)}")
    if wanted.kind is CaseKind.SUSPECT and not (wanted.lot or wanted.serial):
        raise CaseRefused("say which product is suspect: a lot, or a serial number")
    if not wanted.what.strip() or len(wanted.what) > WORDS_CHARACTERS_MAX:
        raise CaseRefused(f"say what was seen, in at most {WORDS_CHARACTERS_MAX} characters")
    _check_facts(wanted.facts)


def _check_facts(facts: Mapping[str, str]) -> None:
    if odd := sorted(set(facts) - set(FACTS)):
        raise CaseRefused(f"not a fact of Form FDA 3911: {', '.join(odd)}; see {', '.join(FACTS)}")
    if any(len(value) > FACT_CHARACTERS_MAX for value in facts.values()):
        raise CaseRefused(f"a fact has {FACT_CHARACTERS_MAX} characters at most")


def _next_state(before: CaseFile, what: str, note: str) -> State:
    ways = _NEXT if before.kind is CaseKind.SUSPECT else _NEXT_OF_EXCEPTION
    possible = ways.get(before.state, set())
    if what not in possible:
        onward = ", ".join(sorted([*possible, *Notice]))
        raise CaseRefused(f"a case that is {before.state} cannot become {what}; it can: {onward}")
    if what in {State.CLEARED, State.ILLEGITIMATE, State.RESOLVED} and not note.strip():
        raise CaseRefused(f"say in a note why the case becomes {what}")
    return State(what)


def _doubt(tx: Transaction, about: CaseFile, doubt: Doubt | None) -> None:
    # The serial alone identifies the pack: its lot may be the very thing in doubt.
    lot = "" if about.serial else about.lot
    set_doubt(tx, about.gtin, doubt, case_id=about.id, now=tx.now, lot=lot, serial=about.serial)


def _add_step(tx: Transaction, case_id: str, number: int, *, by: str, what: str, note: str) -> None:
    tx.connection.execute(
        insert(case_step).values(
            case=case_id, step=number, at_us=microseconds(tx.now), by=by, act=what, note=note
        )
    )


def _found(snapshot: Snapshot, case_id: str) -> CaseFile:
    found = find_case(snapshot, case_id)
    if found is None:
        raise CaseRefused(f"there is no case {case_id}")
    return found


def _of_row(snapshot: Snapshot, row: RowMapping) -> CaseFile:
    table = case_step.c
    steps = snapshot.connection.execute(
        select(case_step).where(table.case == row["id"]).order_by(table.step)
    )
    return CaseFile(
        id=row["id"],
        kind=CaseKind(row["kind"]),
        category=row["category"],
        state=State(row["state"]),
        opened=moment_of(row["opened_us"]),
        opened_by=row["opened_by"],
        gtin=row["gtin"],
        lot=row["lot"],
        serial=row["serial"],
        partner=row["partner"],
        what=row["what"],
        illegitimate=moment_of(row["illegitimate_us"])
        if row["illegitimate_us"] is not None
        else None,
        incident=row["incident"],
        facts=orjson.loads(row["facts"]),
        steps=tuple(CaseStep(moment_of(one.at_us), one.by, one.act, one.note) for one in steps),
    )


def _log(tx: Transaction, about: CaseFile, what: str, *, note: str, by: str) -> None:
    public = {
        "act": f"case-{what.replace(' ', '-')}",
        "case": about.id,
        "kind": about.kind,
        "category": about.category,
        "gtin": about.gtin,
        "lot": about.lot,
        "serial": about.serial,
    }
    details = {"partner": about.partner, "incident": about.incident, "note": note, "by": by}
    tx.log(LeafKind.CASE, orjson.dumps(public), orjson.dumps(details))
