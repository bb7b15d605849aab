"""A shipment of four packages in two cases on a pallet, and every mistake a partner makes in it.

The file `docs/examples/shipment.xml` is right. Each mistake is one that partners really make.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from material import EXAMPLES

from compliance.rules.catalogue import GuidelineRelease
from compliance.rules.file import check_file
from compliance.rules.shipped_file import GS1US

RIGHT = (EXAMPLES / "shipment.xml").read_text(encoding="utf-8")
NOW = datetime(2026, 2, 21, tzinfo=UTC)
EVENT = re.compile(r" {6}<(ObjectEvent|AggregationEvent)>.*?</\1>\n", re.DOTALL)
UNITS, CASES, FILL_1, FILL_2, PALLET, LOAD, SHIP = range(7)
UNIT = "urn:epc:id:sgtin:0355555.067890.U1"
CASE = "urn:epc:id:sgtin:0355555.167890.C1"
SSCC = "urn:epc:id:sscc:0355555.0000000123"
ILMD = "            <cbvmda:lotNumber>L77</cbvmda:lotNumber>\n"


def events(text):
    return [match.group() for match in EVENT.finditer(text)]


def swap(old, new, text=RIGHT, times=1):
    assert old in text, f"the right file holds no {old!r}"
    return text.replace(old, new, times)


def drop(old, text=RIGHT):
    return swap(old, "", text)


def in_event(which, old, new, text=RIGHT):
    event = events(text)[which]
    return swap(event, swap(old, new, event), text)


def without_event(*which):
    text = RIGHT
    for event in (events(RIGHT)[each] for each in which):
        text = drop(event, text)
    return text


def with_event(event, after=SHIP, text=RIGHT):
    there = events(text)[after]
    return swap(there, there + event, text)


def copied(which, *changes):
    event = events(RIGHT)[which]
    for old, new in changes:
        event = swap(old, new, event, times=-1)
    return event


def line(start):
    """The whole line of the right file that begins so, after its indent."""
    return next(each for each in RIGHT.splitlines(keepends=True) if each.lstrip().startswith(start))


def element(head, name=""):
    """The first element that begins so, with all its lines."""
    return re.search(rf" *<{head}>.*?</{name or head}>\n", RIGHT, re.DOTALL).group()


def quantities(name, epc_class, count):
    return (
        f"<{name}><quantityElement><epcClass>{epc_class}</epcClass><quantity>{count}</quantity>"
        f"</quantityElement></{name}>\n"
    )


ROLE = '<{0} type="urn:epcglobal:cbv:sdt:{1}">'
PRODUCT = element(
    'VocabularyElement id="urn:epc:idpat:sgtin:0355555.067890.\\*"', "VocabularyElement"
)
STATEMENT = element("gs1ushc:dscsaTransactionStatement")
DROP_SHIPMENT = line("<gs1ushc:dropShipment>")
LATER = ("2026-02-20T14:30", "2026-02-20T14:40")
EARLIER = ("2026-02-20T14:30", "2026-02-17T14:30")
UNPACK = copied(
    FILL_1,
    ("<action>ADD", "<action>DELETE"),
    ("bizstep:packing", "bizstep:unpacking"),
    ("12:10:00", "12:20:00"),
)
DESTROY = copied(
    UNITS,
    ("<action>ADD", "<action>DELETE"),
    ("bizstep:commissioning", "bizstep:destroying"),
    ("disp:active", "disp:destroyed"),
    ("12:00:00", "14:00:00"),
)
RECEIVE = copied(
    SHIP,
    ("bizstep:shipping", "bizstep:receiving"),
    ("disp:in_transit", "disp:in_progress"),
    EARLIER,
    ("2026-02-17T14:30", "2026-02-19T14:30"),
)
PARTLY = (
    '<gs1ushc:directPurchase qualifier="PARTIALLY_DIRECT"><gs1ushc:indirectPurchaseEPCs>'
    "<epc>urn:epc:id:sscc:0355555.0000000999</epc>"
    "</gs1ushc:indirectPurchaseEPCs></gs1ushc:directPurchase>\n"
)

MISTAKES = [
    ("D09", "no events at all", without_event(*range(7))),
    ("D11", "the file of another release", swap("DSCSA R1.3", "DSCSA R1.2")),
    ("D11", "an NDC as R1.2 writes it", swap("US_FDA_NDC", "FDA_NDC_11")),
    ("H01", "no business header", drop(element("sbdh:StandardBusinessDocumentHeader"))),
    ("H01", "no receiver", drop(element("sbdh:Receiver"))),
    ("H01", "two senders", swap(element("sbdh:Sender"), element("sbdh:Sender") * 2)),
    ("H02", "a sender that is no GLN", swap("urn:epc:id:sgln:0355555.00001.0<", "ACME<")),
    ("H02", "a GLN with a wrong check digit", swap(">urn:epc:id:sgln:0355555.00001.0</sbdh",
                                                   ">0355555000014</sbdh")),
    ("H04", "an authority nobody knows", swap('Authority="GS1"', 'Authority="DUNS"')),
    ("H05", "another kind of document", swap(">Events<", ">Orders<")),
    ("H05", "another header version", swap("Version>1.0<", "Version>2.0<")),
    ("H07", "a sender that is not the seller", swap("sgln:0355555.00001.0</sbdh",
                                                    "sgln:0366666.00001.0</sbdh")),
    ("H08", "no transaction statement", drop(STATEMENT)),
    ("H08", "the statement in the body", in_event(
        SHIP, DROP_SHIPMENT, DROP_SHIPMENT + STATEMENT, drop(STATEMENT))),
    ("H09", "a statement that is not affirmed", swap("Statement>true<", "Statement>false<")),
    ("H09", "a statement left blank", swap("Statement>true<", "Statement><")),
    ("H10", "another legal notice", swap("FDCA Sec. 581(27)(A)-(G)", "all laws")),
    ("H10", "a legal notice that leaves duties out", swap("(A)-(G)", "(A)-(C)")),
    ("H11", "the statement in the shipping event", in_event(
        SHIP, DROP_SHIPMENT, DROP_SHIPMENT + STATEMENT)),
    ("H12", "no guideline version", drop(line("<gs1ushc:guidelineVersion>"))),
    ("H13", "the namespace of somebody else", swap(GS1US, "http://epcis.gs1us.org/hc/v1")),
    ("H14", "dropShipment in the header", swap(STATEMENT, STATEMENT + DROP_SHIPMENT)),
    ("H15", "a file for somebody who gets none of the goods", swap(
        "sgln:0366666.00001.0</sbdh", "sgln:0377777.00001.0</sbdh")),
    ("M01", "no master data of the unit", swap('id="urn:epc:idpat:sgtin:0355555.067890.*"',
                                               'id="urn:epc:idpat:sgtin:0355555.067891.*"')),
    ("M02", "no NDC", swap(line('<attribute id="urn:epcglobal:cbv:mda#additionalTradeItemIde'
                                'ntification">'), "")),
    ("M02", "an NDC of eleven digits with dashes missing", swap(">55555-678-90<", ">555556789<")),
    ("M03", "the NDC of another product", swap(">55555-678-90<", ">55555-678-91<")),
    ("M04", "a type code of another country", swap(">US_FDA_NDC<", ">CNK<")),
    ("M05", "no strength", drop(line('<attribute id="urn:epcglobal:cbv:mda#strengthDescrip'))),
    ("M05", "an empty product name", swap(">Examplol<", "><")),
    ("M06", "a placeholder", swap(">20 mg<", ">N/A<")),
    ("M07", "one GTIN, two descriptions", swap(
        element("VocabularyElementList").splitlines(keepends=True)[0],
        element("VocabularyElementList").splitlines(keepends=True)[0]
        + '<VocabularyElement id="https://id.gs1.org/01/00355555678908">'
          '<attribute id="urn:epcglobal:cbv:mda#regulatedProductName">Otherol</attribute>'
          "</VocabularyElement>\n")),
    ("M07", "one entry twice, with another name", swap(
        PRODUCT, PRODUCT + PRODUCT.replace(">Examplol<", ">Otherol<"))),
    ("M09", "a buyer without a street", drop(line('<attribute id="urn:epcglobal:cbv:mda#str'
                                                  'eetAddressOne">1 Sample Way'))),
    ("M10", "a ship-to nobody describes", swap('id="urn:epc:id:sgln:0366666.00002.0"',
                                               'id="urn:epc:id:sgln:0366666.00003.0"')),
    ("M11", "a state spelt out", swap(">DE<", ">Delaware<")),
    ("M11", "a postal code of four digits", swap(">19901<", ">1990<")),
    ("M15", "master data nobody uses", swap('id="urn:epc:id:sgln:0366666.00002.0"',
                                            'id="urn:epc:id:sgln:0366666.00009.0"')),
    ("I02", "a purchase order under a broken GLN", swap("bt:0366666000014", "bt:0366666000015")),
    ("I04", "the company prefix parted elsewhere", in_event(
        FILL_1, "sgtin:0355555.067890.U1", "sgtin:03555556.07890.U1")),
    ("I04", "a prefix GS1 never gave out so", swap("sscc:0355555.0000000123",
                                                   "sscc:035555.05000000123", times=-1)),
    ("I05", "a serial without its leading zero", in_event(
        FILL_1, "067890.U1", "067890.1", RIGHT.replace("067890.U1<", "067890.01<", 1))),
    ("I06", "a returnable asset on the pallet", in_event(
        LOAD, CASE, "urn:epc:id:grai:0355555.12345.A1")),
    ("I06", "a lot shipped by quantity", in_event(
        SHIP, "        <extension>\n", "        <extension>\n" + quantities(
            "quantityList", "urn:epc:class:lgtin:0355555.067890.L77", 2))),
    ("I07", "a package named twice", in_event(UNITS, f"<epc>{UNIT}</epc>",
                                              f"<epc>{UNIT}</epc><epc>{UNIT}</epc>")),
    ("I08", "a serial in lower case", in_event(FILL_1, "067890.U1", "067890.u1")),
    ("I09", "an owner with a dock", in_event(
        SHIP, ROLE.format("source", "owning_party") + "urn:epc:id:sgln:0355555.00001.0",
        ROLE.format("source", "owning_party") + "urn:epc:id:sgln:0355555.00001.D7")),
    ("I10", "a read point in bare digits", in_event(
        SHIP, "<id>urn:epc:id:sgln:0355555.00002.0", "<id>0355555000020")),
    ("I11", "packages and a pallet commissioned at once", in_event(
        UNITS, f"<epc>{UNIT}</epc>", f"<epc>{UNIT}</epc><epc>{SSCC}</epc>")),
    ("I12", "a Digital Link with the serial in lower case", in_event(
        FILL_1, UNIT, "https://id.gs1.org/01/00355555678908/21/u1")),
    ("T01", "a time without zone", in_event(SHIP, "14:30:00Z", "14:30:00")),
    ("T02", "a shipment of tomorrow", in_event(SHIP, "2026-02-20T", "2026-02-25T")),
    ("T03", "a year that cannot be", in_event(UNITS, "2026-02-18T", "2024-11-18T")),
    ("T04", "summer time in February", in_event(
        SHIP, "<eventTimeZoneOffset>-05:00", "<eventTimeZoneOffset>-04:00")),
    ("T04", "two zones in one event", in_event(SHIP, "14:30:00Z", "15:30:00+01:00")),
    ("T05", "commissioned after packing", in_event(UNITS, "2026-02-18T12:00", "2026-02-18T12:30")),
    ("T06", "a case on the pallet before it is filled", in_event(
        FILL_1, "2026-02-18T12:10", "2026-02-18T13:20")),
    ("T07", "packed and commissioned in one moment", in_event(
        FILL_1, "12:10:00Z", "12:00:00Z")),
    ("T08", "events in disorder", with_event(
        events(RIGHT)[UNITS], after=LOAD, text=without_event(UNITS))),
    ("T09", "received before it is shipped", with_event(RECEIVE, after=LOAD)),
    ("T10", "one time for everything", re.sub(
        r"<eventTime>[^<]*", "<eventTime>2026-02-18T12:00:00Z", RIGHT)),
    ("T11", "shipped long after the sale", in_event(
        SHIP, DROP_SHIPMENT,
        DROP_SHIPMENT + "<gs1ushc:transactionDate>2026-02-10</gs1ushc:transactionDate>\n")),
    ("V03", "shipping that leaves goods active", in_event(SHIP, "disp:in_transit", "disp:active")),
    ("V04", "commissioning that observes", in_event(UNITS, "<action>ADD", "<action>OBSERVE")),
    ("V05", "packing that observes", in_event(FILL_1, "<action>ADD", "<action>OBSERVE")),
    ("V06", "shipping with a business location", in_event(
        SHIP, "</readPoint>", "</readPoint><bizLocation>"
        "<id>urn:epc:id:sgln:0355555.00002.0</id></bizLocation>")),
    ("V07", "shipping that deletes", in_event(SHIP, "<action>OBSERVE", "<action>DELETE")),
    ("V08", "shipping told by an aggregation", with_event(
        copied(LOAD, ("bizstep:packing", "bizstep:shipping"), ("13:10", "13:15")), after=LOAD)),
    ("V09", "no shipping event", without_event(SHIP)),
    ("V09", "nothing commissioned", without_event(UNITS, CASES, PALLET)),
    ("V10", "an extension the guideline does not know", in_event(
        SHIP, DROP_SHIPMENT, DROP_SHIPMENT + "<gs1ushc:rush>true</gs1ushc:rush>\n")),
    ("V13", "a voided shipment without parties", with_event(
        copied(CASES, ("bizstep:commissioning", "bizstep:void_shipping"),
               ("<action>ADD", "<action>OBSERVE"), ("2026-02-18T12:05", "2026-02-20T16:05")))),
    ("V14", "recalled goods that are packed", in_event(
        LOAD, "disp:in_progress", "disp:recalled")),
    ("L01", "no lot", in_event(UNITS, ILMD, "")),
    ("L01", "no expiry", in_event(
        UNITS, "<cbvmda:itemExpirationDate>2035-10-31</cbvmda:itemExpirationDate>", "")),
    ("L03", "an expiry as the barcode has it", in_event(UNITS, ">2035-10-31<", ">351031<")),
    ("L03", "an expiry on no day", in_event(UNITS, ">2035-10-31<", ">2035-02-30<")),
    ("L03", "an expiry with an hour", swap(
        "2035-10-31</cbvmda", "2035-10-31T00:00:00Z</cbvmda")),
    ("L04", "lot in the old namespace", in_event(
        UNITS, ILMD, "            <gs1ushc:lotNumber>L77</gs1ushc:lotNumber>\n")),
    ("L05", "one lot, two expiries", with_event(
        copied(UNITS, (".U", ".W"), ("2035-10-31", "2034-10-31"), ("12:00", "12:02")),
        after=UNITS)),
    ("L06", "a serial commissioned twice", with_event(
        copied(UNITS, ("L77", "L78"), ("12:00", "12:02")), after=UNITS)),
    ("L07", "expired on the day before", in_event(UNITS, "2035-10-31", "2026-02-19")),
    ("L08", "an expiry in thirty years", swap("2035-10-31", "2065-10-31", times=-1)),
    ("L09", "a case labelled with another lot", in_event(CASES, ">L77<", ">L78<")),
    ("L10", "two lots in one case", in_event(
        FILL_1 + 1, "067890.U2", "067890.W2", with_event(
            copied(UNITS, (".U", ".W"), ("L77", "L78"), ("12:00", "12:02")), after=UNITS))),
    ("L11", "a lot that no label can hold", in_event(UNITS, ">L77<", ">LOT NUMBER SEVENTY SEVEN<")),
    ("L12", "packages in pieces and in grams", with_event(
        copied(FILL_1, ("      </AggregationEvent>\n", "        <extension>\n"
               + quantities("childQuantityList", "urn:epc:idpat:sgtin:0355555.067890.*", 2)
               + "        </extension>\n      </AggregationEvent>\n"), ("12:10", "12:11")),
        after=FILL_1, text=in_event(
            FILL_2, "      </AggregationEvent>\n", "        <extension>\n" + quantities(
                "childQuantityList", "urn:epc:idpat:sgtin:0355555.067890.*", 2
            ).replace("</quantity>", "</quantity><uom>GRM</uom>")
            + "        </extension>\n      </AggregationEvent>\n"))),
    ("M13", "a package too many in one of three cases", with_event(
        copied(FILL_2, ("167890.C2", "167890.C3"), ("067890.U3", "067890.U5"),
               ("067890.U4", "067890.U6"), ("12:11", "12:12")), after=FILL_2, text=in_event(
            FILL_1, f"<epc>{UNIT}</epc>", f"<epc>{UNIT}</epc><epc>{UNIT}7</epc>"))),
    ("M14", "two products in cases of one GTIN", in_event(
        FILL_1, UNIT, "urn:epc:id:sgtin:0355555.067891.U1")),
    ("G03", "a package that was never commissioned", in_event(FILL_1, "067890.U1", "067890.X1")),
    ("G04", "one package in two cases", in_event(FILL_2, "067890.U3", "067890.U1")),
    ("G05", "a case within itself", in_event(FILL_1, UNIT, CASE)),
    ("G06", "unpacked what was not in there", with_event(
        copied(FILL_1, ("<action>ADD", "<action>DELETE"), (".U1", ".U3"), ("12:10", "12:40"),
               ("bizstep:packing", "bizstep:unpacking")), after=LOAD)),
    ("G08", "seven containers within each other", with_event("".join(
        copied(LOAD, ("0355555.0000000123", f"0355555.000000090{level}"),
               (CASE, f"urn:epc:id:sscc:0355555.000000090{level - 1}" if level else SSCC),
               ("urn:epc:id:sgtin:0355555.167890.C2", f"urn:epc:id:sscc:0355555.00000008{level}1"),
               ("13:10", f"13:2{level}"))
        for level in range(6)), after=LOAD)),
    ("G09", "a package left over", in_event(FILL_1, "          <epc>" + UNIT + "</epc>\n", "")),
    ("G10", "a pallet left empty", without_event(LOAD)),
    ("G11", "a case shipped off its pallet", in_event(SHIP, SSCC, CASE)),
    ("G12", "a case nobody commissioned", without_event(CASES)),
    ("G13", "seven declared and two named", in_event(
        FILL_1, "      </AggregationEvent>\n", "        <extension>\n" + quantities(
            "childQuantityList", "urn:epc:idpat:sgtin:0355555.067890.*", 7)
        + "        </extension>\n      </AggregationEvent>\n")),
    ("G14", "unpacked before packed", with_event(
        swap("12:20:00", "12:07:00", UNPACK), after=CASES)),
    ("G15", "a case with one package less", in_event(
        FILL_1, "          <epc>" + UNIT + "</epc>\n", "")),
    ("S01", "a pallet nobody knows", in_event(SHIP, SSCC, "urn:epc:id:sscc:0355555.0000000999")),
    ("S02", "a destroyed package on the way", with_event(DESTROY, after=LOAD)),
    ("S05", "no seller", in_event(
        SHIP, ROLE.format("source", "owning_party"), ROLE.format("source", "possessing_party"))),
    ("S05", "no buyer", in_event(
        SHIP, ROLE.format("destination", "owning_party"),
        ROLE.format("destination", "possessing_party"))),
    ("S06", "no ship-to", in_event(
        SHIP, ROLE.format("destination", "location"),
        ROLE.format("destination", "possessing_party"))),
    ("S07", "holders and no owners", in_event(
        SHIP, ROLE.format("source", "owning_party"), ROLE.format("source", "possessing_party"),
        in_event(SHIP, ROLE.format("destination", "owning_party"),
                 ROLE.format("destination", "possessing_party")))),
    ("S08", "sold to oneself", in_event(
        SHIP, ROLE.format("destination", "owning_party") + "urn:epc:id:sgln:0366666.00001.0",
        ROLE.format("destination", "owning_party") + "urn:epc:id:sgln:0355555.00001.0")),
    ("S09", "no purchase order", drop(line('<bizTransaction type="urn:epcglobal:cbv:btt:po">'))),
    ("S09", "an order under the seller's GLN", in_event(
        SHIP, "bt:0366666000014:PO", "bt:0355555000013:PO")),
    ("S10", "papers of no kind", in_event(SHIP, ' type="urn:epcglobal:cbv:btt:po"', "")),
    ("S11", "one despatch advice for two buyers", with_event(
        copied(SHIP, LATER, ("0366666.00001.0", "0377777.00001.0")))),
    ("S12", "no word about drop shipping", drop(DROP_SHIPMENT)),
    ("S12", "a word that says nothing", swap("Shipment>false<", "Shipment>maybe<")),
    ("S13", "a drop shipment to the buyer", in_event(
        SHIP, ROLE.format("destination", "location") + "urn:epc:id:sgln:0366666.00002.0",
        ROLE.format("destination", "location") + "urn:epc:id:sgln:0366666.00001.0",
        swap("Shipment>false<", "Shipment>true<"))),
    ("S14", "a direct purchase of no kind", in_event(
        SHIP, DROP_SHIPMENT,
        DROP_SHIPMENT + "<gs1ushc:directPurchase>true</gs1ushc:directPurchase>\n")),
    ("S14", "a wholesaler that does not say how it bought", (
        RIGHT.replace("sgln:0355555", "sgln:0344444")
        .replace("bt:0355555000013", "bt:0344444000014")
        .replace(">Example Pharma Inc<", ">Trade Corp<", 2))),
    ("S15", "an indirect EPC that is not shipped", in_event(
        SHIP, DROP_SHIPMENT, DROP_SHIPMENT + PARTLY)),
    ("S17", "shipped twice", with_event(copied(SHIP, LATER))),
    ("S25", "goods that leave from the buyer's dock", in_event(
        SHIP, "<id>urn:epc:id:sgln:0355555.00002.0", "<id>urn:epc:id:sgln:0366666.00002.0")),
    ("S21", "a pallet without contents", without_event(UNITS, CASES, FILL_1, FILL_2, LOAD)),
]  # fmt: skip


def checked(text, profile=GuidelineRelease.R1_3):
    return check_file(text.encode(), profile.value, now=NOW)


def again(text, number=1):
    """The same trade in a document of its own: another instance, other bytes."""
    return re.sub(r"(<sbdh:InstanceIdentifier>)[^<]*", rf"\g<1>again-{number}", text)
