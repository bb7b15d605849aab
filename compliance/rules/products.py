"""Rules M over master data: products with their NDC, parties and places with their address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from compliance.rules.catalogue import GuidelineRelease
from compliance.rules.header import gln_of
from epcis.check.document import MASTER_DATA
from epcis.lot_facts import attributes_of
from schemas.finding import Severity, Where
from schemas.gs1.code_lists import COUNTRIES_ALPHA_2, US_STATES
from schemas.gs1.content_rules import check_digit
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compliance.rules.catalogue import Findings
    from compliance.rules.shipped_file import ShippedFile
    from epcis.model import Header, VocabularyElement
    from schemas.finding import Finding

MDA: Final = "urn:epcglobal:cbv:mda#"
PRODUCT: Final = {
    "regulatedProductName": "name",
    "manufacturerOfTradeItemPartyName": "manufacturer",
    "dosageFormType": "dosage form",
    "strengthDescription": "strength",
    "netContentDescription": "container size",
}
ADDRESS: Final = {
    "name": "name",
    "streetAddressOne": "street",
    "city": "city",
    "state": "state",
    "postalCode": "postal code",
    "countryCode": "country",
}
_PLACEHOLDER: Final = re.compile(
    r"(?:null|none|nil|n\.?/?a\.?|not (?:available|applicable|known)|unknown|undefined|default"
    r"|tbd|tba|to be (?:determined|announced|done)|test|dummy|sample|xxx*|-+|_+|0+|\.+|\?+)\Z",
    re.IGNORECASE,
)
_NDC_10: Final = re.compile(r"(?:\d{4}-\d{4}-\d{2}|\d{5}-\d{3}-\d{2}|\d{5}-\d{4}-\d)\Z")
_NDC_11: Final = re.compile(r"\d{11}\Z|\d{5}-\d{4}-\d{2}\Z")
_TYPE_CODE: Final = {GuidelineRelease.R1_3: "US_FDA_NDC", GuidelineRelease.R1_2: "FDA_NDC_11"}
STATE_FORM: Final = re.compile(r"[A-Z]{2}\Z")
"""Of codes of states and countries."""
_ZIP: Final = re.compile(r"\d{5}(?:-?\d{4})?\Z")
_INNER_PRODUCT: Final = "03"
"""GS1 prefix of the United States under which NDCs stand in GTINs."""


def judge_master_data(file: ShippedFile, header: Header, say: Findings) -> Iterator[Finding]:
    """Check the master data of a file about everything its events name."""
    stated_products = list(_elements(header, "EPCClass"))
    products = dict(stated_products)
    places = dict(_elements(header, "Location")) | dict(_elements(header, "Party"))
    for uri, element in stated_products:
        yield from _product(uri, element, say)
    for uri, element in places.items():
        yield from _address_form(uri, element, say)
    yield from _products_named(file, stated_products, say)
    yield from _places_named(file, places, say)
    yield from _unused(file, products, places, say)


def _elements(header: Header, kind: str) -> Iterator[tuple[str, VocabularyElement]]:
    for vocabulary in header.master_data:
        if vocabulary.type.rpartition(":")[2] == kind:
            for element in vocabulary.elements:
                yield element.id, element


def _at(uri: str, attribute: str = "") -> Where:
    path = f"{MASTER_DATA}/VocabularyElement[@id='{uri}']"
    return Where(path=f"{path}/attribute[@id='{MDA}{attribute}']" if attribute else path)


def _product(uri: str, element: VocabularyElement, say: Findings) -> Iterator[Finding]:
    facts = attributes_of(element)
    lacking = [name for key, name in PRODUCT.items() if not facts.get(key)]
    if lacking:
        yield say.found(
            "M05",
            f"{uri} lacks its {', '.join(lacking)}",
            "Transaction information needs each of them, section 581(26)(A)-(D).",
            _at(uri),
        )
    yield from _placeholders(uri, facts, PRODUCT, say)
    yield from _ndc(uri, facts, say)


def _placeholders(
    uri: str, facts: dict[str, str], names: dict[str, str], say: Findings
) -> Iterator[Finding]:
    for key, name in names.items():
        if facts.get(key) and _PLACEHOLDER.match(facts[key]):
            yield say.found(
                "M06",
                f"the {name} of {uri} is '{facts[key]}'",
                "Write what it is, or leave the attribute out.",
                _at(uri, key),
            )


def _ndc(uri: str, facts: dict[str, str], say: Findings) -> Iterator[Finding]:
    ndc = facts.get("additionalTradeItemIdentification", "")
    code = facts.get("additionalTradeItemIdentificationTypeCode", "")
    where = _at(uri, "additionalTradeItemIdentification")
    if not ndc:
        yield say.found("M02", f"{uri} has no NDC", "Give it as 12345-678-90.", where)
        return
    layout = _NDC_11 if code == "FDA_NDC_11" else _NDC_10
    if not layout.match(ndc):
        form = "11 digits" if code == "FDA_NDC_11" else "4-4-2, 5-3-2 or 5-4-1 digits"
        yield say.found("M02", f"'{ndc}' is no NDC", f"Write it in {form}.", where)
    elif layout is _NDC_10:
        yield from _ndc_in_gtin(uri, ndc, say)
    wanted = _TYPE_CODE[say.profile]
    if code != wanted:
        yield say.found(
            "M04",
            f"the type code of the NDC is '{code}'",
            f"{say.profile.value.removeprefix('dscsa-').upper()} writes {wanted}.",
            _at(uri, "additionalTradeItemIdentificationTypeCode"),
        )
    if say.profile is GuidelineRelease.R1_3 and code == "FDA_NDC_11":
        yield say.found(
            "D11",
            "a file of R1.3 writes the NDC as R1.2 does",
            "Write it with dashes and the type code US_FDA_NDC.",
            where,
        )


def _ndc_in_gtin(uri: str, ndc: str, say: Findings) -> Iterator[Finding]:
    gtin = gtin_of(uri)
    if gtin is None or not gtin[1:].startswith(_INNER_PRODUCT):
        return
    body = gtin[0] + _INNER_PRODUCT + ndc.replace("-", "")
    if body + check_digit(body) != gtin:
        yield say.found(
            "M03",
            f"the NDC {ndc} stands in GTIN {body + check_digit(body)}, not in {gtin}",
            "Correct the NDC or the GTIN; they name one product.",
            _at(uri, "additionalTradeItemIdentification"),
        )


def is_ndc_10(text: str) -> bool:
    """Whether a text is an NDC of ten digits with its dashes.

    >>> is_ndc_10("55555-678-90"), is_ndc_10("55555067890")
    (True, False)
    """
    return _NDC_10.match(text) is not None


def dashed_ndc(text: str, gtin: str) -> str | None:
    """An NDC of eleven digits as ten with dashes, where the GTIN tells which zero was put in.

    >>> dashed_ndc("55555067890", "00355555678908")
    '55555-678-90'
    >>> dashed_ndc("55555067890", "00614141007349") is None
    True
    """
    digits = text.replace("-", "")
    if not _NDC_11.match(text) or not gtin[1:].startswith(_INNER_PRODUCT):
        return None
    labeler, product, package = digits[:5], digits[5:9], digits[9:]
    parted = [
        "-".join(parts)
        for zero, parts in (
            (labeler[0], (labeler[1:], product, package)),
            (product[0], (labeler, product[1:], package)),
            (package[0], (labeler, product, package[1:])),
        )
        if zero == "0"
    ]
    fitting = {one for one in parted if one.replace("-", "") == gtin[3:13]}
    return fitting.pop() if len(fitting) == 1 else None


def gtin_of(uri: str) -> str | None:
    """The GTIN-14 of a product class, however written.

    >>> gtin_of("urn:epc:idpat:sgtin:0614141.107346.*")
    '10614141073464'
    """
    key = canonical_key(uri)
    return key[4:18] if key.startswith("/01/") else None


def _products_named(
    file: ShippedFile, products: list[tuple[str, VocabularyElement]], say: Findings
) -> Iterator[Finding]:
    by_gtin: dict[str, dict[str, str]] = {}
    for uri, element in products:
        gtin = gtin_of(uri) or uri
        facts = attributes_of(element)
        if gtin in by_gtin and by_gtin[gtin] != facts:
            yield say.found(
                "M07",
                f"GTIN {gtin} is described in two ways, which differ in"
                f" {', '.join(_differing(by_gtin[gtin], facts))}",
                "Keep the entry that is right.",
                _at(uri),
            )
        by_gtin[gtin] = facts
    for gtin, where in file.gtins.items():
        if gtin not in by_gtin and f"/01/{gtin}" not in file.known_masters:
            yield say.found(
                "M01",
                f"GTIN {gtin} has no entry of master data in the file",
                "Add one to the EPCClass vocabulary, or have it in your own records.",
                where,
            )


def _differing(one: dict[str, str], other: dict[str, str]) -> list[str]:
    return sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))


def products_stated(header: Header) -> Iterator[tuple[str, dict[str, str]]]:
    """Every product that the master data describes, with its attributes."""
    for uri, element in _elements(header, "EPCClass"):
        yield uri, attributes_of(element)


def places_stated(header: Header) -> Iterator[tuple[str, dict[str, str]]]:
    """Every place and party that the master data describes, with its attributes."""
    for kind in ("Location", "Party"):
        for uri, element in _elements(header, kind):
            yield uri, attributes_of(element)


def _places_named(
    file: ShippedFile, places: dict[str, VocabularyElement], say: Findings
) -> Iterator[Finding]:
    by_key = {canonical_key(uri): (uri, attributes_of(element)) for uri, element in places.items()}
    owners = {
        uri
        for trade in file.trades
        for uri in (trade.sources.get("owning_party"), trade.destinations.get("owning_party"))
        if uri
    }
    for uri, where in file.places.items():
        entry = by_key.get(canonical_key(uri))
        if entry is None and f"/414/{gln_of(uri)}" in file.known_masters:
            continue
        if entry is None:
            what = "owning party" if uri in owners else "place"
            yield say.found(
                "M10",
                f"the {what} {uri} ({gln_of(uri)}) is not described in the file",
                "Add it to the Location vocabulary, or have it in your own records.",
                where,
            )
        elif uri in owners:
            yield from _owner(entry[0], entry[1], say)


def _owner(uri: str, facts: dict[str, str], say: Findings) -> Iterator[Finding]:
    lacking = [name for key, name in ADDRESS.items() if not facts.get(key)]
    if lacking:
        yield say.found(
            "M09",
            f"the owning party {uri} lacks {', '.join(lacking)}",
            "Transaction information needs its business name and address, 581(26)(I)-(J).",
            _at(uri),
        )


def _address_form(uri: str, element: VocabularyElement, say: Findings) -> Iterator[Finding]:
    facts = attributes_of(element)
    yield from _placeholders(uri, facts, ADDRESS, say)
    country, state = facts.get("countryCode") or "US", facts.get("state") or "NJ"
    checks = [("countryCode", country in COUNTRIES_ALPHA_2, "a country code of two letters")]
    if country == "US":
        is_zip = _ZIP.match(facts.get("postalCode") or "00000") is not None
        checks += [("state", state in US_STATES, "a state of two letters")]
        checks += [("postalCode", is_zip, "a ZIP code")]
    for key, is_right, name in checks:
        if facts.get(key) and not is_right:
            yield say.found(
                "M11", f"'{facts[key]}' of {uri} is not {name}", f"Write {name}.", _at(uri, key)
            )


def _unused(
    file: ShippedFile,
    products: dict[str, VocabularyElement],
    places: dict[str, VocabularyElement],
    say: Findings,
) -> Iterator[Finding]:
    if file.is_cut or not file.steps:
        return
    used = {canonical_key(uri) for uri in file.places}
    idle = [uri for uri in products if (gtin_of(uri) or uri) not in file.gtins]
    idle += [uri for uri in places if canonical_key(uri) not in used]
    for uri in idle:
        yield say.found(
            "M15",
            f"{uri} is described and not used by any event",
            "Leave it out, or check whether an event is missing.",
            _at(uri),
            Severity.INFO,
        )
