"""The parts of a dossier that people read: the report and the way to check it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compliance.reports import Report, Section, print_report

if TYPE_CHECKING:
    from datetime import datetime

    from compliance.dossier.gather import Gathered
    from compliance.dossier.selection import Selection
    from compliance.seal.checkpoint import Sealed
    from compliance.seal.keys import Keys

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
  events.csv        the events as a table; quoted so that no formula runs
  events.ndjson     the events, EPCIS 2.0 JSON, one a line, in the order of the log
  records.ndjson    other entries of the log: verifications, pack operations, recalls, access
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


def paper_of(
    selection: Selection,
    gathered: Gathered,
    sealed: Sealed,
    keys: Keys,
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
                Section(
                    "How to check it",
                    sentences=("README.txt in the dossier has the commands.",),
                    facts=proof,
                ),
            ),
        )
    )
