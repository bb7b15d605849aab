"""`packtrail case`, `licence` and `audit`: what an inspector asks besides goods and packs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Annotated

import typer

from compliance.service.cli.options import (
    BAD,
    CANNOT_TELL,
    Database,
    Json,
    Now,
    acting,
    grouped,
    opened_store,
    show,
    stop,
)
from compliance.service.cli.packs import gtin14

cases = typer.Typer(no_args_is_help=True, help="Suspect product, exceptions, Form FDA 3911.")
licence_commands = typer.Typer(no_args_is_help=True, help="Licences of trading partners.")
audit_commands = typer.Typer(no_args_is_help=True, help="The calendar of audits.")


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(cases, name="case")
    app.add_typer(licence_commands, name="licence")
    app.add_typer(audit_commands, name="audit")


@dataclass(frozen=True, kw_only=True)
class CaseOptions:
    """What a new case is about."""

    kind: Annotated[str, typer.Argument(help="suspect or exception.")]
    category: Annotated[
        str,
        typer.Argument(
            help="Suspect: counterfeit, diverted, stolen, adulterated, fraudulent transaction, "
            "unfit. Exception: data issue, product no data, data no product, overage, shortage, …"
        ),
    ]
    gtin: Annotated[str, typer.Argument(help="GTIN of the product.")]
    what: Annotated[str, typer.Option(help="What was seen.")]
    lot: Annotated[str, typer.Option(help="Lot; suspect is all of it.")] = ""
    serial: Annotated[str, typer.Option(help="Serial number; suspect is this pack.")] = ""
    partner: Annotated[str, typer.Option(help="GLN of the partner concerned.")] = ""
    fact: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="What Form FDA 3911 asks besides; may be repeated."
        ),
    ] = None

    def facts(self) -> dict[str, str]:
        """The facts by name; one that is not NAME=VALUE ends the command."""
        pairs = [one.partition("=") for one in self.fact or ()]
        if not all(mark for _, mark, _ in pairs):
            stop(CANNOT_TELL, "write a fact as NAME=VALUE")
        return {name: value for name, _, value in pairs}


@cases.command(name="open")
@grouped
def open_(about: CaseOptions, database: Database = "", now: Now = None, json: Json = False) -> None:
    """Open a case; verification of suspect product answers CHECK from this moment on."""
    from compliance.cases.cases import CaseKind, NewCase, open_case

    facts = about.facts()
    if about.kind not in set(CaseKind):
        stop(CANNOT_TELL, f"a case is of kind {' or '.join(CaseKind)}")
    wanted = NewCase(
        CaseKind(about.kind), about.category, gtin14(about.gtin), about.what, about.lot,
        about.serial, about.partner, facts,
    )  # fmt: skip
    with acting(database, now) as tx:
        opened = open_case(tx, wanted, by="command").as_dict()
    show(opened, f"{opened['id']}  {opened['state']}", json=json)


@cases.command()
def step(
    case: Annotated[str, typer.Argument(help="Case to take further.")],
    act: Annotated[
        str,
        typer.Argument(
            help="quarantined, investigating, cleared, illegitimate, 'fda notified', 'partners "
            "notified', disposed, 'termination requested', terminated, resolved, note."
        ),
    ],
    note: Annotated[str, typer.Option(help="Why, or what was done.")] = "",
    incident: Annotated[str, typer.Option(help="FDA's incident number.")] = "",
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Take a case to its next state, or note who was notified."""
    from compliance.cases.cases import take_step

    with acting(database, now) as writing:
        moved = take_step(writing, case, act, by="command", note=note, incident=incident).as_dict()
    show(moved, f"{moved['id']}  {moved['state']}", json=json)


@cases.command()
def correct(
    case: Annotated[str, typer.Argument(help="Case whose facts change.")],
    fact: Annotated[
        list[str],
        typer.Option(metavar="NAME=VALUE", help="New value; empty takes it away; may be repeated."),
    ],
    reason: Annotated[str, typer.Option(help="Why; needed where a value changes.")] = "",
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Add or correct what Form FDA 3911 asks; the values before stay in the case's steps."""
    from compliance.cases.cases import correct_facts

    if odd := [one for one in fact if "=" not in one]:
        stop(CANNOT_TELL, f"--fact is NAME=VALUE, not '{odd[0]}'")
    facts = dict(one.partition("=")[::2] for one in fact)
    with acting(database, now) as writing:
        after = correct_facts(writing, case, facts, by="command", reason=reason).as_dict()
    show(after, f"{after['id']}  {len(facts)} facts", json=json)


@cases.command(name="list")
def list_cases_(database: Database = "", json: Json = False) -> None:
    """The newest cases, newest first."""
    from compliance.cases.cases import list_cases

    with opened_store(database) as store, store.read() as snapshot:
        found = [one.as_dict() for one in list_cases(snapshot)]
    lines = "\n".join(
        f"{one['id']}  {one['kind']}  {one['state']}  {one['gtin']} {one['lot']} {one['serial']}"
        for one in found
    )
    show(found, lines or "no cases", json=json)


@cases.command(name="form-3911")
def form_3911_(
    case: Annotated[str, typer.Argument(help="Case to report.")],
    edition: Annotated[str, typer.Option(help="Edition of the form: 2015 or 2025-draft.")] = "2015",
    report: Annotated[
        str, typer.Option(help="Initial, Follow-up or Request for Termination; empty: what is due.")
    ] = "",
    database: Database = "",
    json: Json = False,
) -> None:
    """Form FDA 3911 about a case, filled as far as the case and the master data go."""
    from compliance.cases.cases import find_case
    from compliance.cases.form_3911 import form_3911
    from compliance.partners.names import product_attributes

    with opened_store(database) as store, store.read() as snapshot:
        found = find_case(snapshot, case)
        if found is None:
            stop(BAD, f"no case {case}; `packtrail case list` lists them")
        master = product_attributes(snapshot, found.gtin)
    try:
        filled = form_3911(found, master, edition=edition, report_type=report)
    except LookupError as fault:
        stop(CANNOT_TELL, str(fault))
    lines = "\n".join(f"{one.number:>2} {one.label}: {one.value or '—'}" for one in filled)
    show([one._asdict() for one in filled], lines, json=json)


@dataclass(frozen=True, kw_only=True)
class LicenceOptions:
    """A licence as the command line says it; the names are those of `licence_from`."""

    gln: Annotated[str, typer.Argument(help="GLN of the partner.")]
    role: Annotated[
        str, typer.Argument(help="manufacturer, repackager, wholesaler, dispenser or 3pl.")
    ]
    kind: Annotated[
        str,
        typer.Argument(
            help="registration, 'state licence', 'federal licence', 'DEA registration' or "
            "'ATP credential'."
        ),
    ]
    number: Annotated[str, typer.Argument(help="Number of the licence.")]
    name: Annotated[str, typer.Option(help="Name of the partner.")]
    authority: Annotated[str, typer.Option(help="Who gave it.")]
    valid_from: Annotated[str, typer.Option(help="First day, as 2026-01-31.")]
    valid_to: Annotated[str, typer.Option(help="Last day; empty: no end.")] = ""
    source: Annotated[str, typer.Option(help="Where it was checked.")] = ""


@licence_commands.command()
@grouped
def enter(
    licence: LicenceOptions, database: Database = "", now: Now = None, json: Json = False
) -> None:
    """Enter a partner's licence that you have checked."""
    from compliance.partners.licences import enter_licence, licence_from

    with acting(database, now) as tx:
        entered = enter_licence(tx, licence_from(asdict(licence)), by="command").as_dict()
    show(entered, f"{entered['id']}  {entered['name']}", json=json)


@licence_commands.command()
def end(
    licence: Annotated[str, typer.Argument(help="Licence that ended early.")],
    day: Annotated[str, typer.Argument(help="First day on which it was no longer good.")],
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Mark that a licence was revoked or suspended; it stays for what happened before."""
    from compliance.partners.licences import end_licence

    with acting(database, now) as tx:
        ended = end_licence(tx, licence, _day(day), by="command").as_dict()
    show(ended, f"{ended['id']}  ended {ended['ended']}", json=json)


@licence_commands.command(name="list")
def list_licences(
    gln: Annotated[str, typer.Option(help="Only this partner's.")] = "",
    database: Database = "",
    json: Json = False,
) -> None:
    """The licences of all partners, or of one."""
    from compliance.partners.licences import licences

    with opened_store(database) as store, store.read() as snapshot:
        found = [one.as_dict() for one in licences(snapshot, [gln] if gln else None)]
    lines = "\n".join(
        f"{one['id']}  {one['gln']}  {one['name']}  {one['kind']} {one['number']}"
        f"  {one['valid_from']} to {one['ended'] or one['valid_to'] or 'no end'}"
        for one in found
    )
    show(found, lines or "no licences", json=json)


@audit_commands.command()
def plan(
    day: Annotated[str, typer.Argument(help="Day it is planned for.")],
    scope: Annotated[str, typer.Option(help="What is audited.")],
    auditor: Annotated[str, typer.Option(help="Who audits.")],
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Put an audit of this repository into the calendar."""
    from compliance.partners.audits import plan_audit

    with acting(database, now) as tx:
        details = {"scope": scope, "auditor": auditor, "by": "command"}
        planned = plan_audit(tx, _day(day), **details).as_dict()
    show(planned, f"{planned['id']}  planned for {planned['planned']}", json=json)


@audit_commands.command()
def done(
    audit: Annotated[str, typer.Argument(help="Audit that was done.")],
    day: Annotated[str, typer.Argument(help="Day it was done.")],
    outcome: Annotated[str, typer.Option(help="What came of it.")],
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Note that an audit was done, and what came of it."""
    from compliance.partners.audits import close_audit

    with acting(database, now) as tx:
        closed = close_audit(tx, audit, _day(day), outcome=outcome, by="command").as_dict()
    show(closed, f"{closed['id']}  done on {closed['done']}", json=json)


@audit_commands.command(name="list")
def list_audits_(database: Database = "", json: Json = False) -> None:
    """All audits, in the order of the calendar."""
    from compliance.partners.audits import list_audits

    with opened_store(database) as store, store.read() as snapshot:
        found = [one.as_dict() for one in list_audits(snapshot)]
    lines = "\n".join(
        f"{one['id']}  planned {one['planned']}  done {one['done'] or 'not yet'}  {one['scope']}"
        for one in found
    )
    show(found, lines or "no audits", json=json)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        stop(CANNOT_TELL, f"'{text}' is not a day; write it as 2026-01-31")
