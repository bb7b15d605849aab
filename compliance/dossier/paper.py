"""The parts of a dossier that people read: the report and the way to check it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from compliance.dossier.about import under_transaction
from compliance.dossier.history import link_of
from compliance.dossier.selection import (
    AuthorityReport,
    Case,
    Inspection,
    Lot,
    Pack,
    RecallOf,
    Shipment,
    Verifications,
)
from compliance.recall import find_recall
from compliance.reports import Report, Section, print_report
from compliance.reports.custody import custody_section
from compliance.reports.questions import (
    daily_section,
    pack_questions_section,
    questions_section,
)
from compliance.reports.recalls import lot_recalls_section, recalls_section
from compliance.reports.transactions import shipped_between, transaction_sections
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from datetime import datetime

    from compliance.dossier.gather import Gathered
    from compliance.dossier.selection import Period, Recorded, Selection
    from compliance.seal.checkpoint import Sealed
    from compliance.seal.keys import Keys
    from epcis.store.database import View

README = """\
PACKTRAIL DOSSIER
{subject}

This file is a ZIP archive (ASiC-E). Rename it to .zip or use unzip. It proves itself with
programs you already have; you need only the root certificate of its maker, root.pem, which you
got from him once by a way you trust. Its SHA-256 fingerprint:

  {fingerprint}

1. Is the list of files signed by him, and was his certificate valid and not revoked?

  openssl cms -verify -cades -binary -inform DER -in META-INF/signature001.p7s \\
    -content META-INF/ASiCManifest001.xml -CAfile root.pem -purpose any \\
    -crl_check_all -out /dev/null

   Years from now, when certificates have expired, add:  -attime {signed_at}

2. Are the files those on the list? Both commands must succeed.

  grep -F "$(openssl dgst -sha256 -binary SHA256SUMS | base64)" META-INF/ASiCManifest001.xml
  sha256sum --strict -c SHA256SUMS

   The archive must hold no other file than those in SHA256SUMS, SHA256SUMS itself, mimetype and
   the two in META-INF:  unzip -l

3. Is the printed report signed as a whole?

  pdfsig report.pdf

Or all of it, and that every event stands in the log, in one step (Python 3.9 or newer, openssl):

  python3 verify_dossier.py DOSSIER.asice root.pem

What is inside
  report.pdf        the summary for people
  events.csv        the events as a table; quoted so that no formula runs (.xlsx the same)
  events.ndjson     the events, EPCIS 2.0 JSON, one a line, in the order of the log
  records.ndjson    other entries of the log: verifications, pack operations, recalls, access
  report.json       the report's tables for machines
  manifest.json     what was asked for, what was left out, how much there is
  log/checkpoint    the signed size and root of the log; checkpoint.tsr its time stamp
  log/index.bin     each entry's place in the log; proof.bin leads from them to the root
  log/key.pem       the key that signed the checkpoint
  viewer.html       shows all of this in a browser, without any network
"""


def readme_of(keys: Keys, subject: str) -> bytes:
    """The README of a dossier."""
    return README.format(
        subject=subject,
        fingerprint=keys.root_fingerprint(),
        signed_at=int(keys.clock().timestamp()),
    ).encode()


def sections_of(view: View, selection: Selection) -> tuple[Section, ...]:
    """What a report about a selection tells, beyond what every report does."""
    if isinstance(selection, Pack):
        key = canonical_key(link_of(selection))
        asked = pack_questions_section(view, selection.gtin, selection.serial)
        return (custody_section(view, key), asked)
    if isinstance(selection, Case):
        return (custody_section(view, f"/00/{selection.sscc}"),)
    if isinstance(selection, Lot):
        return (lot_recalls_section(view, selection.gtin, selection.lot),)
    if isinstance(selection, RecallOf):
        recall = find_recall(view, selection.id)
        return (lot_recalls_section(view, recall.gtin, recall.lot),) if recall else ()
    if isinstance(selection, Shipment):
        return transaction_sections(view, under_transaction(view, selection.transaction))
    return _sections_of_period(view, selection)


def _sections_of_period(view: View, selection: Period | Recorded) -> tuple[Section, ...]:
    since, until = selection.from_, selection.to
    if isinstance(selection, Verifications):
        return (questions_section(view, since, until),)
    if isinstance(selection, Inspection | AuthorityReport):
        common = (questions_section(view, since, until), recalls_section(view, since, until))
        if isinstance(selection, AuthorityReport):
            return (*common, daily_section(view, since, until))
        shipped = shipped_between(view, since, until)
        return (*common, *transaction_sections(view, shipped))
    return ()


def report_of(selection: Selection, sections: tuple[Section, ...]) -> bytes:
    """The sections for machines; the same selection gives the same bytes."""
    said = {"selection": selection.as_dict(), "sections": [asdict(one) for one in sections]}
    return (json.dumps(said, indent=1, ensure_ascii=False) + "\n").encode()


def paper_of(
    selection: Selection,
    gathered: Gathered,
    sealed: Sealed,
    keys: Keys,
    sections: tuple[Section, ...],
    *,
    now: datetime,
    by: str,
) -> bytes:
    """The report of a dossier as PDF, unsigned."""
    asked = tuple((name, value) for name, value in selection.as_dict().items())
    found = (
        ("events", str(gathered.events)),
        ("other entries", str(gathered.records)),
        ("entries without content", str(gathered.withheld)),
        ("first event", gathered.first_event or "none"),
        ("last event", gathered.last_event or "none"),
    )
    proof = (
        ("log", sealed.checkpoint.origin),
        ("entries in the log", str(sealed.checkpoint.size)),
        ("root of the log", sealed.checkpoint.root.hex()),
        ("root certificate", keys.root_fingerprint()),
    )
    return print_report(
        Report(
            title=f"Dossier: {selection.as_dict()['kind']}",
            made=now,
            made_by=by,
            sections=(
                Section("What was asked for", facts=asked),
                Section("What was found", facts=found),
                *sections,
                Section(
                    "How to check it",
                    sentences=("README.txt in the dossier has the commands.",),
                    facts=proof,
                ),
            ),
        )
    )
