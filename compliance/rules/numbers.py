"""Rules I over all numbers of a file together: company prefixes, and serials too much alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compliance.rules.shipped_file import is_sgtin
from schemas.gs1.company_prefix import CompanyPrefixes
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compliance.rules.catalogue import Findings
    from compliance.rules.shipped_file import ShippedFile
    from epcis.model import Header
    from schemas.finding import Finding, Where


def judge_numbers(file: ShippedFile, header: Header, say: Findings) -> Iterator[Finding]:
    """Check what only the comparison of all numbers of a file shows."""
    yield from _places(file, header, say)
    yield from _prefixes(file, say)
    yield from _variants(file, say)


def _places(file: ShippedFile, header: Header, say: Findings) -> Iterator[Finding]:
    wants_urns = header.schema_version.startswith("1")
    for uri, where in file.places.items():
        is_place = canonical_key(uri).startswith(("/414/", "/417/"))
        if not is_place or (wants_urns and not uri.startswith("urn:")):
            yield say.found(
                "I10",
                f"'{uri}' is no place or party as EPCIS writes one",
                "Write it as urn:epc:id:sgln:prefix.reference.extension.",
                where,
            )


def _prefixes(file: ShippedFile, say: Findings) -> Iterator[Finding]:
    known = CompanyPrefixes()
    for thing, heads in file.urns.items():
        if len(heads) > 1:
            yield say.found(
                "I04",
                f"one thing is written as {' and '.join(sorted(heads)[:2])}",
                "The company prefix ends at one place: ask its owner where.",
                list(heads.values())[-1],
            )
            continue
        head, where = next(iter(heads.items()))
        yield from _against_table(thing, head, where, known, say)


def _against_table(
    thing: str, head: str, where: Where, known: CompanyPrefixes, say: Findings
) -> Iterator[Finding]:
    prefix = head.split(":")[4].partition(".")[0] if head.count(":") >= 4 else ""
    number = thing.split("/")[2] if thing.count("/") >= 2 else ""
    # In GTIN and SSCC a digit of the reference comes before the company prefix.
    digits = number[1:] if thing.startswith(("/01/", "/00/")) else number
    length = known(digits) if digits.isdigit() else None
    if length and prefix and length != len(prefix):
        yield say.found(
            "I04",
            f"{head} takes {prefix} as company prefix; GS1 gave out {digits[:length]}",
            "Part the number where GS1's list does.",
            where,
        )


def _variants(file: ShippedFile, say: Findings) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for step in file.steps:
        for key in step.ids:
            if not is_sgtin(key) or key == key.casefold() == key.upper():
                continue
            first = seen.setdefault(key.casefold(), key)
            if first != key:
                yield say.found(
                    "I08",
                    f"{key} and {first} differ in case alone",
                    "Serials tell upper from lower case: check which is printed.",
                    step.where,
                )
                return
