"""Report sections about cases: suspect product with its notices, Form FDA 3911, exceptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from compliance.cases.cases import CaseKind, Notice, State, list_cases
from compliance.cases.form_3911 import form_3911
from compliance.partners.names import product_attributes
from compliance.reports.sheet import Section
from epcis.store.event_tables import event

if TYPE_CHECKING:
    from datetime import datetime

    from compliance.cases.cases import CaseFile
    from epcis.database.transactions import Snapshot

FORMS_MAX = 50
"""Most forms printed in one report; all cases are listed."""
CORRECTIONS_MAX = 2_000


def case_sections(snapshot: Snapshot, since: datetime, until: datetime) -> tuple[Section, ...]:
    """Suspect product, a form for each case that needs one, exceptions, and corrected events."""
    found = list_cases(snapshot, since=since, until=until)
    suspect = [one for one in found if one.kind is CaseKind.SUSPECT]
    illegitimate = [one for one in suspect if one.illegitimate]
    return (
        _suspect(suspect),
        *(form_section(snapshot, one) for one in illegitimate[:FORMS_MAX]),
        _exceptions([one for one in found if one.kind is CaseKind.EXCEPTION]),
        corrections_section(snapshot, since, until),
    )


def form_section(snapshot: Snapshot, case: CaseFile) -> Section:
    """The content of Form FDA 3911 about a case; empty fields are to be filled in by hand."""
    filled = form_3911(case, product_attributes(snapshot, case.gtin))
    return Section(
        title=f"Form FDA 3911 for case {case.id}",
        sentences=("Fields of the edition of August 2015; to be sent by FDA's portal.",),
        columns=("field", "what the form asks", "answer"),
        rows=tuple(
            (str(one.number), one.label, one.value or "(to be filled in)") for one in filled
        ),
        rows_total=len(filled),
    )


def _suspect(cases: list[CaseFile]) -> Section:
    late = sum(_is_late(one, Notice.FDA) or _is_late(one, Notice.PARTNERS) for one in cases)
    return Section(
        title="Suspect and illegitimate product",
        facts=(("cases", str(len(cases))), ("notices late or not made", str(late))),
        columns=(
            "case", "GTIN", "lot", "serial", "suspicion", "opened", "state", "illegitimate since",
            "FDA notified", "partners notified", "FDA incident", "why",
        ),
        rows=tuple(
            (
                one.id,
                one.gtin,
                one.lot,
                one.serial,
                one.category,
                one.opened.isoformat(timespec="minutes"),
                one.state,
                one.illegitimate.isoformat(timespec="minutes") if one.illegitimate else "",
                _notified_at(one, Notice.FDA),
                _notified_at(one, Notice.PARTNERS),
                one.incident,
                one.why,
            )
            for one in cases
        ),
        rows_total=len(cases),
    )  # fmt: skip


def _exceptions(cases: list[CaseFile]) -> Section:
    return Section(
        title="Exceptions",
        sentences=("Differences between goods and data, and how they were resolved.",),
        facts=(
            ("exceptions", str(len(cases))),
            ("not yet resolved", str(sum(one.state is not State.RESOLVED for one in cases))),
        ),
        columns=("case", "GTIN", "lot", "kind", "GLN", "opened", "state", "resolved", "why"),
        rows=tuple(
            (
                one.id,
                one.gtin,
                one.lot,
                one.category,
                one.partner,
                one.opened.isoformat(timespec="minutes"),
                one.state,
                next(
                    (s.at.isoformat(timespec="minutes") for s in one.steps if s.act == "resolved"),
                    "",
                ),
                one.why,
            )
            for one in cases
        ),
        rows_total=len(cases),
    )


def corrections_section(snapshot: Snapshot, since: datetime, until: datetime) -> Section:
    """Events that were declared wrong in a period: the clerical errors and their correction."""
    rows = snapshot.connection.execute(
        select(event.c.event_id, event.c.type, event.c.biz_step, event.c.declared_error,
               event.c.error_reason)
        .where(event.c.declared_error >= since, event.c.declared_error < until)
        .order_by(event.c.declared_error, event.c.seq)
        .limit(CORRECTIONS_MAX)
    ).all()  # fmt: skip
    return Section(
        title="Corrected events",
        sentences=("Events that their maker declared wrong; they stay, and their correction too.",),
        columns=("event", "type", "step", "declared wrong", "cause"),
        rows=tuple(
            (one[0], one[1], one[2] or "", one[3].isoformat(), one[4] or "") for one in rows
        ),
        rows_total=len(rows),
    )


def _notified_at(case: CaseFile, whom: Notice) -> str:
    at = case.notified(whom)
    if at is None:
        return f"not yet; due {case.due.isoformat(timespec='minutes')}" if case.due else ""
    late = " (late)" if _is_late(case, whom) else ""
    return at.isoformat(timespec="minutes") + late


def _is_late(case: CaseFile, whom: Notice) -> bool:
    at = case.notified(whom)
    return case.due is not None and (at is None or at > case.due)
