"""The rules over EPCIS files in the US supply chain: id, severity and what each demands.

Groups: D document, H header, M master data, I identifiers, T time, V events and vocabulary,
L lot and expiry, G aggregation, S shipment and ownership, P partner. Rules that `needs` the store
compare the file with what was captured before, with partners, licences, holds and recalls; they
run where a database is at hand. `ELSEWHERE` says of every other number of the trade's list where
it is dealt with. Guideline: GS1 US, Applying GS1 Standards for DSCSA and Traceability, R1.2, R1.3.

>>> RULES["M02"].code
'dscsa.m02-ndc'
>>> RULES["S03"].needs
<RuleNeed.STORE: 'store'>
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


class RuleNeed(StrEnum):
    """What a rule must know to judge a file."""

    FILE = "file"
    """The file alone."""
    STORE = "store"
    """What was captured before, and the lists of partners, licences, holds and recalls."""


@dataclass(frozen=True, slots=True)
class CatalogueRule:
    """One rule; `severity_1_2` is its severity where R1.2 demands less."""

    id: str
    slug: str
    severity: Severity
    asks: str
    severity_1_2: Severity | None = None
    needs: RuleNeed = RuleNeed.FILE

    @property
    def code(self) -> str:
        """The code of its findings."""
        return f"dscsa.{self.id.lower()}-{self.slug}"

    @property
    def citation(self) -> str:
        """The law or standard that it follows."""
        return _CITED.get(self.id) or _CITED[self.id[0]]

    def weight(self, profile: GuidelineRelease) -> Severity:
        """Its severity under a profile."""
        if profile is GuidelineRelease.R1_2 and self.severity_1_2 is not None:
            return self.severity_1_2
        return self.severity


_STORE = RuleNeed.STORE
_C, _E, _W, _I = Severity.CRITICAL, Severity.ERROR, Severity.WARNING, Severity.INFO

_ALL: Final = (
    CatalogueRule("D09", "no-events", _E, "the file holds at least one event"),
    CatalogueRule(
        "D11", "mixed-guidelines", _W, "it follows one release of the guideline throughout"
    ),
    CatalogueRule(
        "D06", "sent-before", _W, "the same bytes were not received before", needs=_STORE
    ),
    CatalogueRule(
        "D07", "instance-reused", _E, "an InstanceIdentifier stands for one document", needs=_STORE
    ),
    CatalogueRule(
        "D08", "events-known", _W, "it tells at least one event that is not known yet", needs=_STORE
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
    CatalogueRule(
        "H03", "receiver-not-us", _E, "the receiver is a party of this installation", needs=_STORE
    ),
    CatalogueRule(
        "H06",
        "sender-not-authorized",
        _E,
        "sender and seller hold a licence on the day they ship",
        needs=_STORE,
    ),
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
    CatalogueRule(
        "M12", "product-differs", _W, "products are described as in our own records", needs=_STORE
    ),
    CatalogueRule("M13", "overfull-case", _W, "cases of one GTIN hold no more packages than usual"),
    CatalogueRule("M14", "hierarchy", _W, "cases of one GTIN hold packages of one GTIN"),
    CatalogueRule("I02", "check-digit", _E, "keys given in digits have the right check digit"),
    CatalogueRule("I04", "prefix-length", _W, "company prefixes end where they should"),
    CatalogueRule("I06", "scheme", _E, "only SGTINs and SSCCs are traced"),
    CatalogueRule("I07", "epc-repeated", _E, "an EPC stands once in a list"),
    CatalogueRule("I08", "case-variant", _W, "serials do not differ in case alone"),
    CatalogueRule("I09", "owner-extension", _E, "an owning party is a whole party, not a dock"),
    CatalogueRule("I10", "place-form", _W, "places and parties are GLNs, in EPCIS 1.2 as URNs"),
    CatalogueRule("I11", "mixed-levels", _W, "an event names SGTINs or SSCCs, not both"),
    CatalogueRule(
        "I05", "leading-zeros", _W, "serials and lots do not differ in leading zeros alone"
    ),
    CatalogueRule("I12", "two-spellings", _E, "Digital Link and URN name one object by one serial"),
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
    CatalogueRule("L12", "units", _W, "quantities of a product are given in one unit"),
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
    CatalogueRule(
        "G07", "sscc-reused", _E, "an SSCC is not given a second time within a year", needs=_STORE
    ),
    CatalogueRule("G15", "partial-case", _W, "cases of one GTIN hold as many packages as usual"),
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
    CatalogueRule(
        "S03",
        "held",
        _C,
        "nothing is shipped that is recalled, held, suspect or illegitimate",
        needs=_STORE,
    ),
    CatalogueRule("S04", "not-theirs", _C, "the seller has the goods", needs=_STORE),
    CatalogueRule(
        "S07", "owner-unclear", _W, "parties are named as owners, not by their places alone"
    ),
    CatalogueRule("S11", "advice-reused", _E, "a despatch advice stands for one shipment"),
    CatalogueRule(
        "S16",
        "buyer-not-authorized",
        _E,
        "the buyer holds a licence on the day of the shipment",
        needs=_STORE,
    ),
    CatalogueRule("S19", "return-unsold", _E, "what is returned was sold before", needs=_STORE),
    CatalogueRule(
        "S20", "return-unchecked", _E, "a return is verified before it is sold again", needs=_STORE
    ),
    CatalogueRule("S22", "late-data", _W, "the data arrives before the goods", needs=_STORE),
    CatalogueRule(
        "S23",
        "seen-twice",
        _C,
        "a serial is commissioned once, in all files together",
        needs=_STORE,
    ),
    CatalogueRule(
        "S24", "exempt", _I, "an exemption of the product is named with the finding", needs=_STORE
    ),
    CatalogueRule(
        "P05", "partner-unknown", _W, "sender and owning parties are known partners", needs=_STORE
    ),
    CatalogueRule("P09", "suppressed", _I, "findings that settings leave out are counted"),
    CatalogueRule("P10", "partner-errs", _W, "the partner sends few faulty files", needs=_STORE),
)

RULES: Final = {rule.id: rule for rule in _ALL}
RULE_OF_CODE: Final = {rule.code: rule for rule in _ALL}

ELSEWHERE: Final = {
    "D01": "`xml.malformed`, `json.malformed`, `document.encoding` (any EPCIS file)",
    "D02": "`xml.doctype-subset` (any EPCIS file)",
    "D03": "`document.version-unknown` (any EPCIS file)",
    "D04": "`xml.…`, `json.…` of the schema (any EPCIS file)",
    "D05": "`document.too-large`, `document.too-many-events` (any EPCIS file)",
    "D10": "`document.created-before-events`, `document.created-in-future` (any EPCIS file)",
    "D12": "`xml.not-epcis`, `json.not-epcis` (any EPCIS file)",
    "D13": "`xml.not-epcis`: a SOAP envelope is refused; `--fix` takes the document out of it",
    "I01": "`event.id-malformed` (any EPCIS file)",
    "I03": "`event.id-malformed` (any EPCIS file)",
    "V01": "`xml.…`, `json.…` of the schema (any EPCIS file)",
    "V02": "`event.word-unknown`, `event.word-of-cbv-1` (any EPCIS file)",
    "V11": "`event.corrects-itself`; a correction of an unknown event is found at capture",
    "V12": "`document.event-id-repeated`; across files `event.id-taken` at capture",
    "G01": "`event.parent-missing` (any EPCIS file)",
    "G02": "`event.children-missing` (any EPCIS file)",
    "M08": "nothing to find: one NDC on several packaging levels is legal",
    "L02": "nothing to find: an SSCC is commissioned without lot and expiry",
    "S18": "not judged: ordered quantities are not known here",
    "P01": "at the message that was sent: `dead`, with what the partner refused (`/messages`)",
    "P02": "at the message that was sent: it goes again, and is `dead` in the end (`/messages`)",
    "P03": "at the message that was sent: a late receipt still settles it (`/messages`)",
    "P04": "at the channel: an end within 30 days is shown (`/channels`, `packtrail doctor`)",
    "P06": "not judged: only files hold master data",
    "P07": "not judged: packaging lines do not report here",
    "P08": "not judged: nothing is decommissioned without a person",
}
"""Numbers of the trade's list of 140 rules that are no rule of this catalogue, and why."""

_CITED: Final = {
    "D": "EPCIS 1.2 section 11, EPCIS 2.0 section 10",
    "H": "GS1 US DSCSA guideline, document header; Standard Business Document Header 1.3",
    "M": "FD&C Act 581(26)(A)-(E); GS1 US DSCSA guideline, master data",
    "I": "GS1 Tag Data Standard, EPC URIs; GS1 General Specifications section 7.9",
    "T": "EPCIS 2.0 section 7.4.1 (eventTime, eventTimeZoneOffset)",
    "V": "CBV 2.0 sections 7.1 and 7.2; GS1 US DSCSA guideline, events",
    "L": "FD&C Act 581(14), 581(26)(F); CBV 2.0 section 9.2 (ILMD)",
    "G": "EPCIS 2.0 section 7.4.3 (AggregationEvent); GS1 US DSCSA guideline, aggregation",
    "S": "FD&C Act 582(g)(1)(A)-(B); GS1 US DSCSA guideline, shipping",
    "P": "FD&C Act 582(b)(3), (c)(3), (d)(3), (e)(3)",
    "H06": "FD&C Act 581(2), 582(b)(3), (c)(3), (d)(3), (e)(3)",
    "H08": "FD&C Act 581(27), 582(g)(1)(A)",
    "H09": "FD&C Act 581(27)",
    "H10": "FD&C Act 581(27)(A)-(G)",
    "I06": "FD&C Act 582(g)(1)(B)",
    "M09": "FD&C Act 581(26)(I)-(J)",
    "T11": "FD&C Act 581(26)(G)-(H)",
    "G07": "GS1 General Specifications section 4.4 (SSCC: not within one year)",
    "S03": "FD&C Act 582(c)(4)(A)-(B)",
    "S08": "FD&C Act 581(24)(A)-(B)",
    "S14": "FD&C Act 582(c)(1)(A)(ii)",
    "S15": "FD&C Act 582(c)(1)(A)(ii)",
    "S16": "FD&C Act 581(2), 582(b)(3), (c)(3), (d)(3), (e)(3)",
    "S19": "FD&C Act 582(c)(1)(B), 582(g)(1)(F)",
    "S20": "FD&C Act 582(c)(4)(D)",
    "S21": "FD&C Act 581(26), 582(g)(1)(B)",
    "S24": "FD&C Act 582(a)(3), 581(24)(B)",
}
"""What each rule follows: by its number, else by the letter of its group."""


def as_listed(finding: Finding) -> dict[str, object]:
    """A finding as `check --json` shows it: with the rule's number and what it follows.

    >>> listed = as_listed(Finding("dscsa.m02-ndc", Severity.ERROR, "no NDC"))
    >>> listed["rule"], listed["citation"][:12]
    ('M02', 'FD&C Act 581')
    """
    rule = RULE_OF_CODE.get(finding.code)
    fields = finding.as_dict()
    return fields if rule is None else {**fields, "rule": rule.id, "citation": rule.citation}


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
