"""Single faults in shipment files, each with the number of the rule that must name it.

A fault is a function from the text of a right file, as `shipment_files` makes it, to a wrong one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmarks.shipment_files import BUYER, CBV, MAKER, SHOP, gln, sgln

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS = re.compile(r"<(ObjectEvent|AggregationEvent)>.*?</\1>", re.DOTALL)


def of_step(text, step, which=0):
    return [m.group() for m in EVENTS.finditer(text) if f"bizstep:{step}<" in m.group()][which]


def within(step, old, new, which=0, times=1):
    """A fault in one event of a step."""

    def put(text):
        event = of_step(text, step, which)
        changed = re.sub(old, new, event, count=times, flags=re.DOTALL)
        assert changed != event, (step, old)
        return text.replace(event, changed, 1)

    return put


def anywhere(old, new, times=1):
    def put(text):
        changed = re.sub(old, new, text, count=times, flags=re.DOTALL)
        assert changed != text, old
        return changed

    return put


def without(step, which=0):
    return lambda text: text.replace(of_step(text, step, which), "", 1)


def again(step, *changes, which=0):
    """One more event like another, with changes."""

    def put(text):
        event = of_step(text, step, which)
        more = event
        for old, new in changes:
            more = re.sub(old, new, more, flags=re.DOTALL)
        return text.replace(event, event + more, 1)

    return put


def at(stamp):
    return r"<eventTime>[^<]*</eventTime>", f"<eventTime>{stamp}</eventTime>"


def swapped(first, second):
    """Two events change places."""

    def put(text):
        one, other = of_step(text, *first), of_step(text, *second)
        return text.replace(one, "@@", 1).replace(other, one, 1).replace("@@", other, 1)

    return put


def attribute(name, value):
    return anywhere(rf'(mda#{name}">)[^<]*<', rf"\g<1>{value}<")


def no_attribute(name):
    return anywhere(rf'<attribute id="[^"]*mda#{name}">[^<]*</attribute>', "")


UNIT_SERIAL = rf"(sgtin:{MAKER}\.0\d+\.)(\d+)"
PARTY = r'<source type="[^"]*owning_party">[^<]*</source>'
FAULTS: list[tuple[str, Callable]] = [
    ("D09", anywhere(r"<EventList>.*</EventList>", "<EventList></EventList>")),
    ("D11", anywhere("DSCSA R1.3", "DSCSA R1.2")),
    ("D11", attribute("additionalTradeItemIdentificationTypeCode", "FDA_NDC_11")),
    ("H01", anywhere(r"<sbdh:Sender>.*?</sbdh:Sender>", "")),
    ("H01", anywhere(r"(<sbdh:Receiver>.*?</sbdh:Receiver>)", r"\1\1")),
    ("H01", anywhere(r"<sbdh:Standard\w+Header>.*?</sbdh:Standard\w+Header>", "")),
    ("H02", anywhere(r'GS1">urn:epc:id:sgln:[^<]*', 'GS1">MIDDLE TRADE')),
    ("H02", anywhere(r'GS1">urn:epc:id:sgln:[^<]*', 'GS1">0355555000014')),
    ("H04", anywhere('Authority="GS1"', 'Authority="DUNS"')),
    ("H05", anywhere(">EPCglobal<", ">EANCOM<")),
    ("H05", anywhere("<sbdh:Type>Events<", "<sbdh:Type>Orders<")),
    ("H07", anywhere(r'GS1">urn:epc:id:sgln:0355555', 'GS1">urn:epc:id:sgln:0377777')),
    ("H08", anywhere(r"<gs1ushc:dscsaTransactionStatement>.*?</gs1ushc:dscsaTransactionStatement>",
                     "")),
    ("H09", anywhere("Statement>true<", "Statement>no<")),
    ("H10", anywhere("each applicable subsection of", "some subsections of")),
    ("H10", anywhere(r"<gs1ushc:legalNotice>.*?</gs1ushc:legalNotice>", "")),
    ("H10", anywhere(r"\(A\)-\(G\)", "(A)-(F)")),
    ("H11", anywhere(r"(<gs1ushc:dropShipment>false</gs1ushc:dropShipment>)",
                     r"\1<gs1ushc:dscsaTransactionStatement><gs1ushc:affirmTransactionStatement>true"
                     r"</gs1ushc:affirmTransactionStatement></gs1ushc:dscsaTransactionStatement>")),
    ("H12", anywhere(r"<gs1ushc:guidelineVersion>.*?</gs1ushc:guidelineVersion>", "")),
    ("H13", anywhere("http://epcis.gs1us.org/hc/ns", "http://epcis.gs1us.org/ns/hc")),
    ("H14", anywhere("</EPCISHeader>",
                     "<gs1ushc:dropShipment>false</gs1ushc:dropShipment></EPCISHeader>")),
    ("H15", anywhere(r'(Receiver><sbdh:Identifier Authority="GS1">urn:epc:id:sgln:)0366666',
                     r"\g<1>0377777")),
    ("M01", anywhere(r"idpat:sgtin:0355555\.0\d+", "idpat:sgtin:0355555.099999")),
    ("M02", no_attribute("additionalTradeItemIdentification")),
    ("M02", attribute("additionalTradeItemIdentification", "5555-67-890")),
    ("M03", attribute("additionalTradeItemIdentification", "55555-999-99")),
    ("M04", attribute("additionalTradeItemIdentificationTypeCode", "EU_CODE")),
    ("M05", no_attribute("dosageFormType")),
    ("M05", attribute("strengthDescription", "")),
    ("M05", no_attribute("netContentDescription")),
    ("M06", attribute("regulatedProductName", "TBD")),
    ("M06", attribute("city", "n/a")),
    ("M07", anywhere(r"(<VocabularyElement id=\"[^\"]*idpat[^>]*>)(.*?)(</VocabularyElement>)",
                     r"\1\2\3\1" + '<attribute id="urn:epcglobal:cbv:mda#regulatedProductName">'
                     r"Another</attribute>\3")),
    ("M09", no_attribute("postalCode")),
    ("M09", no_attribute("streetAddressOne")),
    ("M10", anywhere(r'(VocabularyElement id="urn:epc:id:sgln:0366666\.)00002', r"\g<1>00007")),
    ("M11", attribute("state", "New Jersey")),
    ("M11", attribute("countryCode", "USA")),
    ("M15", anywhere(r'(VocabularyElement id="urn:epc:id:sgln:0366666\.)00002', r"\g<1>00008")),
    ("M13", within("packing", r"(<childEPCs>)",
                   r"\g<1><epc>urn:epc:id:sgtin:0355555.067890.X9</epc>")),
    ("M14", within("packing", UNIT_SERIAL, r"sgtin:0355555.054321.\2")),
    ("I02", anywhere(rf"bt:{gln(BUYER)}", "bt:0366666000013")),
    ("I04", within("packing", UNIT_SERIAL, r"sgtin:03555550.67890.\2")),
    ("I05", within("packing", UNIT_SERIAL, r"\g<1>0\2")),
    ("I06", within("packing", r"<epc>[^<]*</epc>", "<epc>urn:epc:id:giai:0355555.77</epc>")),
    ("I06", within("shipping", "<extension>", "<extension><quantityList><quantityElement><epcClass>"
                   "urn:epc:class:lgtin:0355555.067890.L1</epcClass><quantity>5</quantity>"
                   "</quantityElement></quantityList>")),
    ("I07", within("commissioning", r"(<epc>[^<]*</epc>)", r"\1\1")),
    ("I07", within("packing", r"(<epc>[^<]*</epc>)", r"\1\1")),
    ("I08", lambda text: within("packing", UNIT_SERIAL, r"\g<1>a\2")(
        within("commissioning", UNIT_SERIAL, r"\g<1>A\2")(text))),
    ("I09", within("shipping", r'(owning_party">urn:epc:id:sgln:0355555\.00001\.)0',
                   r"\g<1>DOCK1")),
    ("I10", within("shipping", r"<readPoint><id>[^<]*", f"<readPoint><id>{gln(MAKER)}")),
    ("I11", within("commissioning", "<epcList>",
                   "<epcList><epc>urn:epc:id:sscc:0355555.0000000001</epc>")),
    ("I12", within("packing", r"urn:epc:id:sgtin:0355555\.0\d+\.(\d+)",
                   r"https://id.gs1.org/01/00355555678908/21/0\1")),
    ("T01", within("shipping", r"(<eventTime>[^<]{19})[^<]*", r"\1")),
    ("T01", within("commissioning", r"(<eventTime>[^<]{19})[^<]*", r"\1")),
    ("T02", within("shipping", *at("2027-01-05T10:00:00-05:00"))),
    ("T03", within("commissioning", *at("2024-11-18T04:07:00-05:00"))),
    ("T04", within("shipping", "<eventTimeZoneOffset>-05:00", "<eventTimeZoneOffset>-07:00")),
    ("T04", within("packing", r"(\d)-05:00<(.*?)>-05:00<", r"\1-04:00<\2>-04:00<")),
    ("T05", within("commissioning", *at("2026-11-19T01:00:00-05:00"))),
    ("T06", within("packing", *at("2026-11-18T20:00:00-05:00"))),
    ("T07", lambda text: within("packing", r"<eventTime>[^<]*", re.search(
        r"<eventTime>[^<]*", of_step(text, "commissioning")).group())(text)),
    ("T08", swapped(("commissioning", 0), ("packing", 1))),
    ("T09", again("shipping", (r"bizstep:shipping", "bizstep:receiving"),
                               ("disp:in_transit", "disp:in_progress"),
                               at("2026-11-18T08:50:00-05:00"))),
    ("T10", anywhere(r"<eventTime>[^<]*", "<eventTime>2026-11-18T10:00:00-05:00", times=0)),
    ("T11", anywhere(r"(<gs1ushc:dropShipment>)",
                     r"<gs1ushc:transactionDate>2026-11-02</gs1ushc:transactionDate>\1")),
    ("V03", within("shipping", "disp:in_transit", "disp:in_progress")),
    ("V03", within("commissioning", f"<disposition>{CBV}:disp:active</disposition>", "")),
    ("V04", within("commissioning", "<action>ADD", "<action>OBSERVE")),
    ("V04", within("commissioning", r"<bizLocation>.*?</bizLocation>", "")),
    ("V04", within("commissioning", r"<readPoint>.*?</readPoint>", "")),
    ("V05", within("packing", r"<readPoint>.*?</readPoint>", "")),
    ("V05", within("packing", "<action>ADD", "<action>OBSERVE")),
    ("V05", within("packing", r"<bizLocation>.*?</bizLocation>", "")),
    ("V06", within("shipping", "</readPoint>",
                   f"</readPoint><bizLocation><id>{sgln(MAKER)}</id></bizLocation>")),
    ("V07", within("shipping", "<action>OBSERVE", "<action>ADD")),
    ("V07", within("shipping", "<action>OBSERVE", "<action>DELETE")),
    ("V08", again("packing", ("bizstep:packing", "bizstep:shipping"), which=-1)),
    ("V09", without("shipping")),
    ("V09", lambda text: EVENTS.sub(lambda m: "" if "commissioning" in m[0] else m[0], text)),
    ("V10", anywhere("(<gs1ushc:dropShipment>)", r"<gs1ushc:speed>fast</gs1ushc:speed>\1")),
    ("V13", lambda text: text.replace("</EventList>", re.sub(
        r"<(disposition|extension|bizTransactionList|gs1ushc:\w+)>.*?</\1>", "",
        of_step(text, "shipping").replace("bizstep:shipping", "bizstep:void_shipping").replace(
            "2026-11-18T", "2026-11-19T"), flags=re.DOTALL) + "</EventList>")),
    ("V14", within("packing", "disp:in_progress", "disp:recalled")),
    ("L01", within("commissioning", r"<cbvmda:lotNumber>.*?</cbvmda:lotNumber>", "")),
    ("L01", within("commissioning", r"<extension>.*?</extension>", "")),
    ("L01", within("commissioning", r"<cbvmda:itemExp.*?</cbvmda:itemExpirationDate>", "")),
    ("L03", within("commissioning", r"(Date>)2029-0(\d)-28", r"\g<1>290\g<2>28")),
    ("L03", within("commissioning", r"2029-0\d-28", "2029-02-31")),
    ("L03", within("commissioning", r"2029-0(\d)-28", r"2029-0\1")),
    ("L03", within("commissioning", r"2029-0\d-28", "28 Jan 2029")),
    ("L03", within("commissioning", r"(2029-0\d-28)", r"\1T23:59:59Z")),
    ("L04", within("commissioning", r"cbvmda:lotNumber", "gs1ushc:lotNumber", times=0)),
    ("L05", within("commissioning", r"2029-0\d-28", "2029-09-30")),
    ("L06", again("commissioning", (r"L(\d+)", r"M\1"), at("2026-11-18T04:08:00-05:00"))),
    ("L07", anywhere(r"2029-0\d-28", "2026-11-17", times=0)),
    ("L08", anywhere(r"2029-0(\d)-28", r"2059-0\1-28", times=0)),
    ("L08", anywhere(r"2029-0(\d)-28", "2026-11-25", times=0)),
    ("L09", within("commissioning", r"(lotNumber>)L", r"\g<1>Q", which=1)),
    ("L10", lambda text: within("packing", UNIT_SERIAL, r"\g<1>8\2")(again(
        "commissioning", (r"(lotNumber>)L", r"\g<1>Q"), (UNIT_SERIAL, r"\g<1>8\2"),
        at("2026-11-18T04:08:00-05:00"))(text))),
    ("L11", within("commissioning", r"(lotNumber>)[^<]*", r"\g<1>A LOT WITH SPACES")),
    ("L11", within("commissioning", r"(lotNumber>)[^<]*", r"\g<1>123456789012345678901")),
    ("L12", lambda text: within("packing", "</AggregationEvent>", quantity("MGM") +
                                "</AggregationEvent>")(within(
                                    "packing", "</AggregationEvent>", quantity("GRM")
                                    + "</AggregationEvent>", which=1)(text))),
    ("G03", within("packing", UNIT_SERIAL, r"\g<1>9\2")),
    ("G04", lambda text: within("packing", r"(<childEPCs>)", r"\1" + re.search(
        r"<epc>[^<]*</epc>", of_step(text, "packing")).group(), which=1)(text)),
    ("G05", lambda text: within("packing", r"(<childEPCs>)", r"\1<epc>" + re.search(
        r"<parentID>([^<]*)", of_step(text, "packing"))[1] + "</epc>")(text)),
    ("G06", again("packing", ("<action>ADD", "<action>DELETE"),
                               ("bizstep:packing", "bizstep:unpacking"),
                               (UNIT_SERIAL, r"\g<1>7\2"), at("2026-11-18T09:00:00-05:00"))),
    ("G09", without("packing")),
    ("G10", lambda text: text.replace(of_step(text, "packing", -1), "", 1)),
    ("G11", lambda text: within("shipping", r"<epcList>.*?</epcList>", "<epcList><epc>" + re.search(
        r"<childEPCs><epc>([^<]*)", of_step(text, "packing", -1))[1] + "</epc></epcList>")(text)),
    ("G12", without("commissioning", 1)),
    ("G13", within("packing", "</AggregationEvent>", lambda m: quantity("", 99) + m.group())),
    ("G14", again("packing", ("<action>ADD", "<action>DELETE"),
                               ("bizstep:packing", "bizstep:unpacking"),
                               at("2026-11-18T04:20:00-05:00"))),
    ("G15", within("packing", r"<epc>[^<]*</epc>", "")),
    ("S01", within("shipping", r"<epc>[^<]*</epc>",
                   "<epc>urn:epc:id:sscc:0355555.0999999999</epc>")),
    ("S02", again("commissioning", ("<action>ADD", "<action>DELETE"),
                               ("bizstep:commissioning", "bizstep:destroying"),
                               ("disp:active", "disp:destroyed"),
                               at("2026-11-18T08:30:00-05:00"))),
    ("S05", within("shipping", PARTY, "")),
    ("S05", within("shipping", r'<destination type="[^"]*owning_party">[^<]*</destination>', "")),
    ("S06", within("shipping", r'<destination type="[^"]*location">[^<]*</destination>', "")),
    ("S06", within("shipping", r'<source type="[^"]*location">[^<]*</source>', "")),
    ("S07", within("shipping", "sdt:owning_party", "sdt:possessing_party", times=0)),
    ("S08", within("shipping", r'(destination type="[^"]*owning_party">)[^<]*',
                   rf"\g<1>{sgln(MAKER)}")),
    ("S09", within("shipping", r'<bizTransaction type="[^"]*po">[^<]*</bizTransaction>', "")),
    ("S09", within("shipping", r"<bizTransactionList>.*?</bizTransactionList>", "")),
    ("S09", within("shipping", rf"bt:{gln(BUYER)}:PO", f"bt:{gln(SHOP)}:PO")),
    ("S10", within("shipping", r' type="[^"]*btt:po"', "")),
    ("S11", again("shipping", (BUYER + r"\.0000", "0377777.0000"),
                  at("2026-11-18T21:00:00-05:00"))),
    ("S12", anywhere(r"<gs1ushc:dropShipment>.*?</gs1ushc:dropShipment>", "")),
    ("S12", anywhere("dropShipment>false<", "dropShipment>no<")),
    ("S13", lambda text: within("shipping", r'(destination type="[^"]*location">)[^<]*',
                                rf"\g<1>{sgln(BUYER)}")(
        text.replace("dropShipment>false<", "dropShipment>true<"))),
    ("S14", anywhere("(<gs1ushc:dropShipment>)",
                     r'<gs1ushc:directPurchase qualifier="DIRECT"></gs1ushc:directPurchase>\1')),
    ("S14", lambda text: anywhere(f"{gln(MAKER)}", "0344444000014", times=0)(
        anywhere(r"sgln:0355555", "sgln:0344444", times=0)(text).replace(
            '#name">Sample Labs', '#name">Other Trade'))),
    ("S15", anywhere("(<gs1ushc:dropShipment>)",
                     '<gs1ushc:directPurchase qualifier="PARTIALLY_DIRECT">'
                     "<gs1ushc:indirectPurchaseEPCs><epc>urn:epc:id:sscc:0355555.0123123123</epc>"
                     r"</gs1ushc:indirectPurchaseEPCs></gs1ushc:directPurchase>\1")),
    ("S17", again("shipping", at("2026-11-18T20:00:00-05:00"))),
    ("S25", within("shipping", r"<readPoint><id>[^<]*", f"<readPoint><id>{sgln(BUYER, 2)}")),
    ("S21", lambda text: EVENTS.sub(
        lambda m: m[0] if "bizstep:shipping<" in m[0] or (
            "sscc" in m[0].split("<action>")[0] and "commissioning" in m[0]) else "", text)),
]  # fmt: skip


def quantity(unit, count=3):
    told = f"<uom>{unit}</uom>" if unit else ""
    return (
        "<extension><childQuantityList><quantityElement>"
        f"<epcClass>urn:epc:idpat:sgtin:{MAKER}.067890.*</epcClass><quantity>{count}</quantity>{told}</quantityElement></childQuantityList>"
        "</extension>"
    )
