"""`packtrail check FILE --fix OUT`: a corrected copy of a file, and the list of changes.

Each repair is tried by itself and kept only if it cures findings and brings no new ones; all other
bytes of the file stay as they are.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compliance.rules.catalogue import GuidelineRelease
from compliance.rules.file import check_file
from compliance.rules.repairs import repairs
from compliance.rules.xml_spans import NotMendable, XmlFile, apply
from epcis.check.rules import LIKE_MAX
from epcis.codec.sniff import SNIFF_BYTES, Packing, Syntax, sniff
from schemas.finding import Finding

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from compliance.rules.repairs import FileRepair


@dataclass(frozen=True, slots=True)
class RepairDone:
    """One change of a file."""

    rule: str
    """Number in the catalogue, as `L03`."""
    line: int
    """1-based line of the file as it was when the repair was made."""
    what: str

    def as_dict(self) -> dict[str, object]:
        """The change as `check --fix --json` shows it."""
        return {"rule": self.rule, "line": self.line, "what": self.what}


@dataclass(frozen=True, slots=True)
class MendedFile:
    """A corrected file, what was changed, and what only its sender can mend."""

    data: bytes
    changes: tuple[RepairDone, ...]
    left: tuple[Finding, ...]


def mend(
    data: bytes, profile: str, *, now: datetime | None = None, published: Path | None = None
) -> MendedFile:
    """Make every safe repair that the findings of a profile call for.

    Raises NotMendable for a file that is packed or no XML, and ValueError for an unknown profile.
    """
    found = sniff(data[:SNIFF_BYTES])
    if isinstance(found, Finding) or found.packing is not Packing.PLAIN:
        raise NotMendable("only a plain file can be corrected: unpack it first")
    if found.syntax is Syntax.JSON_LD:
        raise NotMendable("only XML can be corrected: `packtrail convert FILE --to xml-2.0` first")
    release = "R1.2" if profile == GuidelineRelease.R1_2.value else "R1.3"
    left = check_file(data, profile, now=now, published=published)
    changes: list[RepairDone] = []
    for repair in repairs(release):
        if repair.codes.isdisjoint(finding.code for finding in left):
            continue
        new, made = _made(data, repair)
        if not made:
            continue
        after = check_file(new, profile, now=now, published=published)
        if _is_better(repair, left, after):
            data, left = new, after
            changes += made
    return MendedFile(data, tuple(changes), tuple(left))


def _made(data: bytes, repair: FileRepair) -> tuple[bytes, list[RepairDone]]:
    done = list(repair.changes(XmlFile.read(data)))
    edits = [edit for change in done for edit in change.edits]
    made = [RepairDone(repair.rule, change.line, change.what) for change in done]
    return apply(data, edits), made


def _is_better(repair: FileRepair, before: list[Finding], after: list[Finding]) -> bool:
    """Whether findings of the repair's rule are fewer, and no other finding has come."""
    was = Counter(finding.code for finding in before)
    now = Counter(finding.code for finding in after)
    if repair.rule == "D13":  # nothing inside the envelope had been looked at
        return not repair.codes & now.keys()
    cured = any(was[code] > now[code] or was[code] >= LIKE_MAX for code in repair.codes)
    come = {code for code in now if now[code] > was[code] and code != "document.more-findings"}
    return cured and not come
