"""The rules over EPCIS files in the US supply chain: id, severity and what each demands.

Groups: D document, H header, M master data, I identifiers, T time, V events and vocabulary,
L lot and expiry, G aggregation, S shipment and ownership. Rules that need a history, a partner
list or a clock beyond the file are not listed here; they run where that data is known.
Guideline: GS1 US, Applying GS1 Standards for DSCSA and Traceability, R1.2 and R1.3.

>>> RULES["M02"].code
'dscsa.m02-ndc'
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schemas.finding import Finding, Severity, Where
from schemas.wording import brief


class GuidelineRelease(StrEnum):
    """The release of the guideline a file is checked against."""

    R1_2 = "dscsa-r1.2"
    R1_3 = "dscsa-r1.3"


@dataclass(frozen=True, slots=True)
class CatalogueRule:
    """One rule; `severity_1_2` is its severity where R1.2 demands less."""

    id: str
    slug: str
    severity: Severity
    asks: str
    severity_1_2: Severity | None = None

    @property
    def code(self) -> str:
        """The code of its findings."""
        return f"dscsa.{self.id.lower()}-{self.slug}"

    def weight(self, profile: GuidelineRelease) -> Severity:
        """Its severity under a profile."""
        if profile is GuidelineRelease.R1_2 and self.severity_1_2 is not None:
            return self.severity_1_2
        return self.severity


_C, _E, _W, _I = Severity.CRITICAL, Severity.ERROR, Severity.WARNING, Severity.INFO

_ALL: Final = (
    CatalogueRule("D09", "no-events", _E, "the file holds at least one event"),
    CatalogueRule(
        "D11", "mixed-guidelines", _W, "it follows one release of the guideline throughout"
    ),
    CatalogueRule("H01", "parties", _E, "the SBDH names exactly one sender and one receiver"),
    CatalogueRule("H02", "party-id", _E, "sender and receiver are valid GLNs or SGLNs"),
    CatalogueRule("H04", "authority", _W, "the authority of their identifiers is known"),
    CatalogueRule("H05", "standard", _E, "HeaderVersion 1.0, Standard EPCglobal, Type Events"),
    CatalogueRule("H07", "sender-not-seller", _W, "the sender is the source's owning party"),
    CatalogueRule("H08", "statement-missing", _C, "a shipment affirms the transaction statement"),
    CatalogueRule("H09", "statement-denied", _E, "the transaction statement is affirmed"),
    CatalogueRule("H10", "legal-notice", _W, "the legal notice has the required wording"),
    CatalogueRule("H11", "statement-in-body", _W, "the statement stands in the header"),
    CatalogueRule("H12", "guideline-version", _W, "the file says which release it follows", _I),
    CatalogueRule("H13", "namespace", _W, "extensions are in the namespace of the guideline"),
    CatalogueRule("H14", "drop-shipment-in-header", _W, "dropShipment stands in the event"),
    CatalogueRule("H15", "receiver-not-buyer", _W, "the receiver is a party of each shipment"),
    CatalogueRule("M01", "product-missing", _W, "every GTIN has an entry of master data"),
    CatalogueRule("M02", "ndc", _E, "the NDC is there and laid out as its type code says"),
    CatalogueRule("M03", "ndc-gtin", _E, "NDC and GTIN agree"),
    CatalogueRule("M04", "ndc-type", _W, "the type code is the release's own"),
    CatalogueRule("M05", "product-incomplete", _E, "name, maker, form, strength, size are given"),
    CatalogueRule("M06", "placeholder", _W, "no value is a mere placeholder"),
    CatalogueRule("M07", "product-conflict", _W, "one GTIN is described one way"),
    CatalogueRule("M09", "owner-address", _E, "owning parties have name and address"),
    CatalogueRule("M10", "place-missing", _W, "parties and places used are described"),
    CatalogueRule("M11", "address-form", _W, "state, postal code and country have their form"),
    CatalogueRule("M15", "entry-unused", _I, "entries of master data are used"),
    CatalogueRule("I02", "check-digit", _E, "keys given in digits have the right check digit"),
    CatalogueRule("I04", "prefix-length", _W, "company prefixes end where they should"),
    CatalogueRule("I06", "scheme", _E, "only SGTINs and SSCCs are traced"),
    CatalogueRule("I07", "epc-repeated", _E, "an EPC stands once in a list"),
    CatalogueRule("I08", "case-variant", _W, "serials do not differ in case alone"),
    CatalogueRule("I09", "owner-extension", _E, "an owning party is a whole party, not a dock"),
    CatalogueRule("I10", "place-form", _W, "places and parties are GLNs, in EPCIS 1.2 as URNs"),
    CatalogueRule("I11", "mixed-levels", _W, "an event names SGTINs or SSCCs, not both"),
    CatalogueRule("T01", "no-zone", _E, "event times carry their zone"),
    CatalogueRule("T02", "future", _E, "no event lies in the future"),
    CatalogueRule("T03", "old", _W, "no event is older than a year"),
    CatalogueRule("T04", "zone", _W, "the zone agrees with the event time and the season"),
    CatalogueRule("T05", "commissioned-late", _C, "objects are commissioned before they move"),
    CatalogueRule("T06", "packed-before-filled", _E, "a container is filled before it is packed"),
    CatalogueRule("T07", "same-time", _W, "one object's events have different times"),
    CatalogueRule("T08", "order", _W, "events stand in the order they happened"),
    CatalogueRule("T09", "received-before-shipped", _E, "goods are shipped before received"),
    CatalogueRule("T10", "one-time", _W, "events do not all share one time"),
    CatalogueRule("T11", "transaction-date", _I, "a shipment over 24 h later gives its own date"),
    CatalogueRule("V03", "disposition", _W, "step and disposition fit each other"),
    CatalogueRule("V04", "commissioning", _E, "commissioning is an ADD with places"),
    CatalogueRule("V05", "packing", _E, "packing is an aggregation that adds, with places"),
    CatalogueRule("V06", "ship-location", _W, "shipping has no business location"),
    CatalogueRule("V07", "ship-action", _E, "shipping observes"),
    CatalogueRule("V08", "ship-event", _E, "shipping is an ObjectEvent"),
    CatalogueRule("V09", "steps-missing", _E, "a shipment file holds its shipping event"),
    CatalogueRule("V10", "extension-unknown", _I, "extensions are those of the guideline"),
    CatalogueRule("V13", "void-incomplete", _W, "voiding a shipment names its parties"),
    CatalogueRule("V14", "recalled-moving", _W, "recalled goods are held, returned or destroyed"),
    CatalogueRule("L01", "lot-expiry-missing", _E, "commissioned SGTINs have lot and expiry"),
    CatalogueRule("L03", "expiry-form", _E, "an expiry is a day of the calendar"),
    CatalogueRule("L04", "ilmd-namespace", _W, "lot and expiry are in the CBV namespace"),
    CatalogueRule("L05", "lot-expiries", _E, "a lot of a GTIN has one expiry"),
    CatalogueRule("L06", "serial-twice", _E, "a serial is commissioned once, with one lot"),
    CatalogueRule("L07", "expired", _C, "nothing is shipped after its expiry"),
    CatalogueRule("L08", "expiry-range", _W, "expiry is over 30 days and under 10 years away"),
    CatalogueRule("L09", "case-lot", _E, "a case has the lot and expiry of its contents"),
    CatalogueRule("L10", "mixed-lots", _E, "a homogeneous case holds one lot"),
    CatalogueRule("L11", "lot-form", _E, "a lot has at most 20 characters of the GS1 set"),
    CatalogueRule("G03", "not-commissioned", _E, "what is packed has been commissioned"),
    CatalogueRule("G04", "two-parents", _C, "nothing is in two containers at once"),
    CatalogueRule("G05", "cycle", _E, "nothing contains itself"),
    CatalogueRule("G06", "not-packed", _E, "only what is packed is unpacked"),
    CatalogueRule("G08", "depth", _W, "containers nest at most six deep"),
    CatalogueRule("G09", "orphan", _W, "commissioned units are packed or shipped"),
    CatalogueRule("G10", "empty-container", _W, "a commissioned SSCC is filled"),
    CatalogueRule("G11", "shipped-inside", _E, "what is shipped alone has been unpacked"),
    CatalogueRule("G12", "parent-unknown", _W, "a container that is no SSCC is commissioned"),
    CatalogueRule("G13", "miscounted", _E, "declared quantities are those that are named"),
    CatalogueRule("G14", "unpacked-early", _E, "unpacking follows packing"),
    CatalogueRule("S01", "never-commissioned", _E, "what is shipped has been commissioned"),
    CatalogueRule("S02", "gone", _C, "what is shipped has not left the supply chain"),
    CatalogueRule("S05", "owner-missing", _E, "a shipment names both owning parties"),
    CatalogueRule("S06", "location-missing", _E, "a shipment names both locations", _W),
    CatalogueRule("S08", "same-owner", _E, "a shipment changes the owner"),
    CatalogueRule("S09", "documents", _W, "a shipment names its order and despatch advice"),
    CatalogueRule("S10", "document-type", _W, "business transactions say what they are"),
    CatalogueRule("S12", "drop-shipment-missing", _E, "a shipment says if it is a drop ship", _I),
    CatalogueRule("S13", "drop-shipment", _E, "a drop shipment goes elsewhere than to the buyer"),
    CatalogueRule("S14", "direct-purchase", _W, "a direct purchase is declared in full"),
    CatalogueRule("S15", "indirect-epcs", _E, "indirectly bought EPCs are among the shipped"),
    CatalogueRule("S17", "shipped-twice", _E, "nothing is shipped twice without coming back"),
    CatalogueRule("S25", "shipped-elsewhere", _W, "goods leave from a place of the seller"),
    CatalogueRule("S21", "no-contents", _W, "what is shipped leads to packages"),
)

RULES: Final = {rule.id: rule for rule in _ALL}


@dataclass(frozen=True, slots=True)
class Findings:
    """Makes findings of the catalogue under one profile."""

    profile: GuidelineRelease

    def found(
        self,
        rule_id: str,
        what: str,
        hint: str,
        where: Where | None = None,
        severity: Severity | None = None,
    ) -> Finding:
        """The finding of one rule; `severity` overrides the catalogue for a weaker case."""
        rule = RULES[rule_id]
        weight = severity or rule.weight(self.profile)
        return Finding(rule.code, weight, brief(what), brief(hint), where or Where())
