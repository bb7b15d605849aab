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
    """Serials, and lots, of one product that differ only in case or in leading zeros."""
    first_of: dict[str, str] = {}
    variants: set[str] = set()
    for step in file.steps:
        for key in step.ids:
            plain = _plain(key) if is_sgtin(key) else ""
            first = first_of.setdefault(plain, key) if plain else key
            if first != key:
                rule = _rule_of(key, first, file)
                if rule not in variants:
                    yield _alike(rule, key, first, step.where, say)
                variants.add(rule)
    yield from _lots(file, say)


def _plain(key: str) -> str:
    """A key without what people change when they copy a serial: case and leading zeros."""
    head, serial = key[:22], key[22:]
    return head + (serial.lstrip("0") or "0").casefold()


def _rule_of(key: str, first: str, file: ShippedFile) -> str:
    if (key in file.links) != (first in file.links):
        return "I12"
    return "I08" if key.casefold() == first.casefold() else "I05"


def _alike(rule: str, one: str, other: str, where: Where, say: Findings) -> Finding:
    differ, hint = _DIFFER[rule]
    return say.found(rule, f"{one} and {other} {differ}", hint, where)


_DIFFER = {
    "I05": (
        "differ in leading zeros",
        "Zeros belong to a serial or lot: check which is printed.",
    ),
    "I08": (
        "differ in case alone",
        "Serials and lots tell upper from lower case: check which is printed.",
    ),
    "I12": (
        "are written as Digital Link and as URN, with unlike serials",
        "Write both by the serial that is printed.",
    ),
}


def _lots(file: ShippedFile, say: Findings) -> Iterator[Finding]:
    first_of: dict[tuple[str, str], str] = {}
    for step in file.steps:
        for gtin in {key[4:18] for key in step.ids if step.lot and is_sgtin(key)}:
            plain = step.lot.lstrip("0").casefold()
            first = first_of.setdefault((gtin, plain), step.lot)
            if first != step.lot:
                rule = "I08" if first.casefold() == step.lot.casefold() else "I05"
                yield _alike(rule, f"lot {step.lot}", f"lot {first}", step.where, say)
