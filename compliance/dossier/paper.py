"""The parts of a dossier that people read: the report and the instructions for checking it."""

from __future__ import annotations

import json
from dataclasses import asdict
from textwrap import wrap
from typing import TYPE_CHECKING

from compliance.dossier.redaction import Treatment
from compliance.reports import Report, Section
from compliance.reports.transactions import INFORMATION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from compliance.dossier.contents import DossierContents
    from compliance.dossier.gather import Gathered
    from compliance.seal.keys import Keys

README_CHARACTERS = 98
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

Is anything missing?

{complete}

Is anything hidden?

{redaction}

What is inside
  report.pdf        the summary for people
  events.csv        the events as a table; quoted so that no formula runs (.xlsx the same)
  events.ndjson     the events, EPCIS 2.0 JSON, one a line, in the order of the log
  records.ndjson    other entries of the log: verifications, pack operations, recalls, access
  extracts.ndjson   of entries that are not shown whole: what may be shown, as the maker states it
  report.json       the report's tables for machines
  manifest.json     what was asked for, what was left out, how much there is
  log/checkpoint    the signed size and root of the log; checkpoint.tsr its time stamp
  log/index.bin     each entry's place in the log; proof.bin leads from them to the root
  log/key.pem       the key that signed the checkpoint
  viewer.html       shows all of this in a browser, without any network
"""


def readme_of(keys: Keys, contents: DossierContents) -> bytes:
    """The README of a dossier."""
    return README.format(
        subject=contents.subject,
        fingerprint=keys.root_fingerprint(),
        signed_at=int(keys.clock().timestamp()),
        complete="\n".join(wrap(_completeness(contents), README_CHARACTERS)),
        redaction="\n".join(wrap(_hidden(contents), README_CHARACTERS)),
    ).encode()


def report_of(asked: Mapping[str, str], sections: tuple[Section, ...]) -> bytes:
    """The sections for machines; the same selection gives the same bytes."""
    content = {"selection": asked, "sections": [asdict(one) for one in sections]}
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def paper_of(contents: DossierContents, keys: Keys, *, now: datetime, by: str) -> bytes:
    """The report of a dossier as PDF, unsigned."""
    from compliance.reports.printing import print_report

    return print_report(
        Report(
            title=f"Dossier: {contents.selection.kind}",
            made=now,
            made_by=by,
            sections=(
                _in_short(contents, keys),
                *_at_a_glance(contents.sections),
                *contents.sections,
                _proof(contents, keys),
            ),
        )
    )


def _in_short(contents: DossierContents, keys: Keys) -> Section:
    """The summary an inspector reads first: subject, period, amount, completeness, redaction."""
    gathered, profile = contents.gathered, contents.redactor.profile
    return Section(
        "In short",
        facts=(
            *((_ASKED.get(name, name), value) for name, value in contents.asked.items()),
            ("made for", f"{profile.about} (profile {profile.name}, version {profile.version})"),
            ("sealed under", keys.root.subject.rfc4514_string()),
            ("events", _span(gathered)),
            ("other entries", f"{gathered.records} of verifications, recalls, cases and the like"),
            ("is anything missing?", _completeness(contents)),
            ("is anything hidden?", _hidden(contents)),
            ("how to check it", "README.txt in the dossier has the commands; openssl is enough."),
        ),
    )


def _at_a_glance(sections: tuple[Section, ...]) -> tuple[Section, ...]:
    """The figures of all sections on the first page, where a report has several."""
    lines = tuple(
        (one.title, "; ".join(f"{name}: {value}" for name, value in one.facts))
        for one in sections
        if one.facts and one.title != INFORMATION
    )
    return (Section("At a glance", facts=lines),) if len(lines) > 1 else ()


def _proof(contents: DossierContents, keys: Keys) -> Section:
    checkpoint = contents.sealed.checkpoint
    return Section(
        "How it is proved",
        sentences=(
            "The file is signed as a whole. Every line stands in a log that only grows.",
            "Its size and root were signed and stamped with the time when this dossier was made.",
        ),
        facts=(
            ("log", checkpoint.origin),
            ("entries in the log", str(checkpoint.size)),
            ("root of the log", checkpoint.root.hex()),
            ("root certificate", keys.root_fingerprint()),
        ),
    )


def _span(gathered: Gathered) -> str:
    if not gathered.events:
        return "none shown"
    return f"{gathered.events}, from {gathered.first_event} to {gathered.last_event}"


def _completeness(contents: DossierContents) -> str:
    """Whether the dossier proves that nothing is missing, and how a reader checks that."""
    run = contents.complete
    if run is None:
        return (
            "This dossier proves everything it holds. That nothing else exists is proved by a "
            "dossier of a period by time of recording (--complete)."
        )
    if not run:
        return (
            "No: nothing was recorded in this period. The two neighbouring entries of the log are "
            "shown with their times, one before and one after it."
        )
    return (
        f"No: entries {run.start} to {run.stop - 1} of the log are here without a gap, each with "
        "its content or, where that is hidden, with the hash that holds its place. The entries "
        "just outside are shown with their times: the run begins and ends with the period."
    )


def _hidden(contents: DossierContents) -> str:
    """What the profile hides, and how that shows."""
    gathered, profile = contents.gathered, contents.redactor.profile
    by_treatment = {
        treatment: ", ".join(one.value for one, its in profile.classes if its is treatment)
        for treatment in Treatment
    }
    hidden = []
    if names := by_treatment[Treatment.LEAVE_OUT]:
        hidden.append(f"Left out: {names}.")
    if names := by_treatment[Treatment.HASH]:
        hidden.append(f"Replaced by signs: {names}.")
    if gathered.withheld:
        hidden.append(f"Of {gathered.withheld} entries the log shows only that they exist.")
    if gathered.extracts:
        hidden.append(
            f"Of {gathered.extracts} entries extracts.ndjson states what may be shown; this is "
            "proved by the signature of the maker, not by the log."
        )
    return " ".join(hidden) or "No."


_ASKED = {"kind": "dossier of", "who": "about the acts of", "by": "period counted by"}
