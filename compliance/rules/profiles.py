"""The profiles by which a file can be checked, and how rules weigh in each of them.

A profile is a release of the guideline and the rules that weigh less for one kind of business, each
with a reason. A partner's own settings (`compliance.rules.partner_rules`) are of the same form.

>>> PROFILES["dscsa-returns"].weights["H08"] is None
True
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from compliance.rules.catalogue import RULE_OF_CODE, RULES, GuidelineRelease
from schemas.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

AUTO: Final = "auto"
"""The profile that the file itself names."""
_INFO, _WARNING = Severity.INFO, Severity.WARNING


@dataclass(frozen=True, slots=True)
class RuleProfile:
    """One way to check a file."""

    name: str
    about: str
    release: GuidelineRelease | None
    """None: nothing is asked beyond the standard."""
    weights: Mapping[str, Severity | None] = field(default_factory=dict)
    """Number of a rule -> its severity here; None: it is not asked."""


_R1_3 = GuidelineRelease.R1_3
_ALL: Final = (
    RuleProfile("epcis", "the standard alone: schema, and what a schema cannot hold", None),
    RuleProfile(_R1_3.value, "a serialized shipment by release 1.3 of the guideline", _R1_3),
    RuleProfile(
        GuidelineRelease.R1_2.value,
        "a serialized shipment by release 1.2 of the guideline",
        GuidelineRelease.R1_2,
    ),
    RuleProfile(
        "dscsa-lot-level",
        "goods without serials: exempt, grandfathered or under a waiver of FDA, 582(a)(3), (5)",
        _R1_3,
        {"I06": None, "S21": None, "G13": _WARNING, "I11": None, "G09": None},
    ),
    RuleProfile(
        "dscsa-returns",
        "goods that go back to who sold them, 582(c)(1)(B), (d)(1)(C)",
        _R1_3,
        {
            # No transaction statement goes with a return, and its maker's events stay with the
            # files of the first sale.
            **dict.fromkeys(("H08", "H09", "H10", "S12", "S13", "S14"), None),
            **dict.fromkeys(("V09", "S01", "G03", "G12", "S09", "V03", "S21"), _INFO),
        },
    ),
    RuleProfile(
        "dscsa-3pl",
        "goods that a logistics provider moves for their owner, who does not change",
        _R1_3,
        {
            **dict.fromkeys(("H07", "H15", "S08", "S25", "S14"), None),
            **dict.fromkeys(("H08", "H09", "S05"), _WARNING),
        },
    ),
)
PROFILES: Final = {one.name: one for one in _ALL}
"""Every profile by its name."""
_UNKNOWN: Final = {rule for one in _ALL for rule in one.weights if rule not in RULES}
assert not _UNKNOWN, f"profiles weigh rules that do not exist: {_UNKNOWN}"


def profile_named(name: str) -> RuleProfile:
    """The profile of a name. Raises ValueError."""
    if name not in PROFILES:
        raise ValueError(f"no profile '{name}'; there are {', '.join(PROFILES)}")
    return PROFILES[name]


def weighed(
    findings: Iterable[Finding], weights: Mapping[str, Severity | None], why: str
) -> Iterator[Finding]:
    """Findings with the severity that settings give them; those that are left out are counted.

    >>> found = [Finding("dscsa.h08-statement-missing", Severity.CRITICAL, "none")]
    >>> [one.code for one in weighed(found, {"H08": None}, "settings of the partner")]
    ['dscsa.p09-suppressed']
    """
    left_out: Counter[str] = Counter()
    for finding in findings:
        rule = RULE_OF_CODE[finding.code].id if finding.code in RULE_OF_CODE else finding.code
        if rule not in weights:
            yield finding
            continue
        weight = weights[rule]
        if weight is None:
            left_out[rule] += 1
        else:
            yield replace(finding, severity=weight)
    for rule, count in left_out.items():
        yield Finding(
            RULES["P09"].code,
            Severity.INFO,
            f"{count} findings of rule {rule} are not listed: {why}",
            "Nothing is to be done; the settings say who decided it and until when.",
        )
