"""Right shipment files of many kinds, made from nothing but numbers that are drawn.

Every value is written here from the guideline, not by the code that checks the files.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from schemas.gs1.content_rules import check_digit

MAKER, BUYER, SHOP = "0355555", "0366666", "0377777"
CBV = "urn:epcglobal:cbv"
MDA = f"{CBV}:mda#"


def sgln(prefix, place=1, ext="0"):
    return f"urn:epc:id:sgln:{prefix}.{place:05}.{ext}"


def gln(prefix, place=1):
    body = f"{prefix}{place:05}"
    return body + check_digit(body)


@dataclass
class Shipment:
    """One right file, in parts; a fault alters a part or the text."""

    draw: random.Random
    release: str = "R1.3"
    cases: int = 2
    packs: int = 3
    lots: int = 1
    buyers: tuple = (BUYER,)
    offset: str = "-05:00"
    prefix: str = "gs1ushc"
    extra: str = ""
    drop: bool = False
    start: datetime = field(default_factory=lambda: datetime(2026, 11, 18, 9, tzinfo=UTC))
    seller: str = MAKER
    direct: str = ""
    inner: str = "067890"
    fractions: bool = False
    pallet: bool = True

    def unit(self, serial):
        return f"urn:epc:id:sgtin:{MAKER}.{self.inner}.{serial}"

    def case(self, serial):
        return f"urn:epc:id:sgtin:{MAKER}.1{self.inner[1:]}.{serial}"

    def sscc(self, number):
        return f"urn:epc:id:sscc:{MAKER}.0{number:09}"

    def build(self):
        self.clock = self.start
        self.events = []
        serial = self.draw.randrange(100_000, 800_000)
        for shipment, buyer in enumerate(self.buyers):
            lots = [f"L{serial % 1000}{chr(65 + n)}" for n in range(self.lots)]
            cases = []
            for number in range(self.cases):
                lot, expiry = lots[number % self.lots], f"2029-0{1 + number % self.lots}-28"
                units = [self.unit(f"{serial}{shipment}{number}{n}") for n in range(self.packs)]
                case = self.case(f"{serial}{shipment}{number}")
                cases.append(case)
                self.make(units, lot, expiry)
                self.make([case], lot, expiry)
                self.pack(case, units)
            outer = cases
            if self.pallet:
                pallet = self.sscc(serial + shipment)
                self.make([pallet])
                self.pack(pallet, cases)
                outer = [pallet]
            self.clock += timedelta(hours=5)
            self.ship(outer, buyer, shipment)
        return self.text()

    def time(self):
        self.clock += timedelta(minutes=7)
        hours = int(self.offset[:3])
        local = self.clock.astimezone(UTC) + timedelta(hours=hours)
        form = "%Y-%m-%dT%H:%M:%S.250" if self.fractions else "%Y-%m-%dT%H:%M:%S"
        return (
            f"<eventTime>{local:{form}}{self.offset}</eventTime>"
            f"<eventTimeZoneOffset>{self.offset}</eventTimeZoneOffset>"
        )

    def event(self, kind, body, step, *, disposition, action, rest):
        self.events.append(
            f"<{kind}>{self.time()}{body}<action>{action}</action>"
            f"<bizStep>{CBV}:bizstep:{step}</bizStep>"
            f"<disposition>{CBV}:disp:{disposition}</disposition>{rest}</{kind}>"
        )

    def here(self):
        place = sgln(self.seller)
        return f"<readPoint><id>{place}</id></readPoint><bizLocation><id>{place}</id></bizLocation>"

    def make(self, epcs, lot="", expiry=""):
        ilmd = (
            f"<extension><ilmd><cbvmda:lotNumber>{lot}</cbvmda:lotNumber>"
            f"<cbvmda:itemExpirationDate>{expiry}</cbvmda:itemExpirationDate></ilmd></extension>"
        )
        body = f"<epcList>{listed(epcs)}</epcList>"
        self.event("ObjectEvent", body, "commissioning", disposition="active", action="ADD", rest=
                   self.here() + (ilmd if lot else ""))  # fmt: skip

    def pack(self, parent, children):
        body = f"<parentID>{parent}</parentID><childEPCs>{listed(children)}</childEPCs>"
        self.event(
            "AggregationEvent",
            body,
            "packing",
            disposition="in_progress",
            action="ADD",
            rest=self.here(),
        )

    def ship(self, epcs, buyer, number):
        goal = sgln(SHOP, 2) if self.drop else sgln(buyer, 2)
        own = f"{self.prefix}:dropShipment"
        rest = (
            f"<readPoint><id>{sgln(self.seller)}</id></readPoint><bizTransactionList>"
            f'<bizTransaction type="{CBV}:btt:po">{CBV}:bt:{gln(buyer)}:PO-{number}'
            "</bizTransaction>"
            f'<bizTransaction type="{CBV}:btt:desadv">{CBV}:bt:{gln(self.seller)}:ASN-{number}'
            "</bizTransaction></bizTransactionList><extension><sourceList>"
            f'<source type="{CBV}:sdt:owning_party">{sgln(self.seller)}</source>'
            f'<source type="{CBV}:sdt:location">{sgln(self.seller)}</source></sourceList>'
            f'<destinationList><destination type="{CBV}:sdt:owning_party">{sgln(buyer)}'
            f'</destination><destination type="{CBV}:sdt:location">{goal}</destination>'
            f"</destinationList></extension><{own}>{str(self.drop).lower()}</{own}>"
            f"{self.direct}{self.extra}"
        )
        body = f"<epcList>{listed(epcs)}</epcList>"
        self.event(
            "ObjectEvent", body, "shipping", disposition="in_transit", action="OBSERVE", rest=rest
        )

    def text(self):
        own, made = self.prefix, self.clock + timedelta(hours=1)
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<epcis:EPCISDocument'
            ' xmlns:epcis="urn:epcglobal:epcis:xsd:1" xmlns:cbvmda="urn:epcglobal:cbv:mda"'
            f' xmlns:{own}="http://epcis.gs1us.org/hc/ns" xmlns:mine="http://example.com/own"'
            ' xmlns:sbdh="http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"'
            f' schemaVersion="1.2" creationDate="{made:%Y-%m-%dT%H:%M:%SZ}">\n<EPCISHeader>'
            "<sbdh:StandardBusinessDocumentHeader><sbdh:HeaderVersion>1.0</sbdh:HeaderVersion>"
            f'<sbdh:Sender><sbdh:Identifier Authority="GS1">{sgln(self.seller)}</sbdh:Identifier>'
            f'</sbdh:Sender><sbdh:Receiver><sbdh:Identifier Authority="GS1">{sgln(self.buyers[0])}'
            "</sbdh:Identifier></sbdh:Receiver><sbdh:DocumentIdentification><sbdh:Standard>EPCglobal"
            "</sbdh:Standard><sbdh:TypeVersion>1.0</sbdh:TypeVersion><sbdh:InstanceIdentifier>"
            f"{self.draw.randrange(10**9)}</sbdh:InstanceIdentifier><sbdh:Type>Events</sbdh:Type>"
            f"<sbdh:CreationDateAndTime>{made:%Y-%m-%dT%H:%M:%SZ}</sbdh:CreationDateAndTime>"
            "</sbdh:DocumentIdentification></sbdh:StandardBusinessDocumentHeader>\n<extension>"
            f"<EPCISMasterData><VocabularyList>{self.masters()}</VocabularyList></EPCISMasterData>"
            f"</extension>\n<{own}:guidelineVersion>GS1 US DSCSA {self.release}"
            f"</{own}:guidelineVersion><{own}:dscsaTransactionStatement>"
            f"<{own}:affirmTransactionStatement>true</{own}:affirmTransactionStatement>"
            f"<{own}:legalNotice>Seller has complied with each applicable subsection of FDCA Sec."
            f" 581(27)(A)-(G).</{own}:legalNotice></{own}:dscsaTransactionStatement>"
            "</EPCISHeader>\n"
            "<EPCISBody><EventList>\n" + "\n".join(self.events)
            + "\n</EventList></EPCISBody></epcis:EPCISDocument>\n"
        )  # fmt: skip

    def masters(self):
        old = self.release == "R1.2"
        item = f"1{self.inner[1:]}"
        ndc = f"{MAKER[2:]}-{self.inner[1:4]}-{self.inner[4:]}"
        if old:
            ndc = f"{MAKER[2:]}0{self.inner[1:]}"
        product = {
            "additionalTradeItemIdentification": ndc,
            "additionalTradeItemIdentificationTypeCode": "FDA_NDC_11" if old else "US_FDA_NDC",
            "regulatedProductName": "Samplin", "dosageFormType": "CAPSULE",
            "manufacturerOfTradeItemPartyName": "Sample Labs", "strengthDescription": "5 mg",
            "netContentDescription": "90 capsules",
        }  # fmt: skip
        products = "".join(
            entry(f"urn:epc:idpat:sgtin:{MAKER}.{each}.*", product) for each in (self.inner, item)
        )
        names = {MAKER: "Sample Labs", BUYER: "Middle Trade", SHOP: "Corner Pharmacy",
                 "0344444": "Other Trade"}  # fmt: skip
        used = {(self.seller, 1), *((buyer, 1) for buyer in self.buyers)}
        used |= {(SHOP, 2)} if self.drop else {(buyer, 2) for buyer in self.buyers}
        places = "".join(
            entry(sgln(prefix, place), {
                "name": names[prefix], "streetAddressOne": f"{place} Main Street",
                "city": "Newark", "state": "NJ", "postalCode": "07101", "countryCode": "US",
            }) for prefix, place in sorted(used)
        )  # fmt: skip
        return vocabulary("EPCClass", products) + vocabulary("Location", places)


def entry(uri, attributes):
    told = "".join(f'<attribute id="{MDA}{name}">{v}</attribute>' for name, v in attributes.items())
    return f'<VocabularyElement id="{uri}">{told}</VocabularyElement>'


def vocabulary(kind, entries):
    return (
        f'<Vocabulary type="urn:epcglobal:epcis:vtype:{kind}"><VocabularyElementList>{entries}'
        "</VocabularyElementList></Vocabulary>"
    )


def listed(epcs):
    return "".join(f"<epc>{epc}</epc>" for epc in epcs)


def kinds(seed):
    """Right files of every kind, by name."""

    def one(name, **parts):
        return name, Shipment(random.Random(f"{seed}{name}"), **parts)

    rush = "<mine:rush>true</mine:rush><mine:lane><mine:door>4</mine:door></mine:lane>"
    direct = (
        '<gs1ushc:directPurchase qualifier="ENTIRELY_DIRECT"><gs1ushc:directPurchaseStatement>We'
        " bought directly.</gs1ushc:directPurchaseStatement></gs1ushc:directPurchase>"
    )
    summer = datetime(2026, 7, 6, 13, tzinfo=UTC)
    return [
        one("plain"), one("one case", cases=1), one("many cases", cases=9, packs=6),
        one("two lots", cases=4, lots=2), one("another prefix", prefix="us"),
        one("prefix ns9", prefix="ns9"), one("central time", offset="-06:00"),
        one("pacific time", offset="-08:00"), one("summer", start=summer, offset="-04:00"),
        one("universal time", offset="+00:00"), one("fractions", fractions=True),
        one("extensions", extra=rush), one("two shipments", buyers=(BUYER, BUYER)),
        one("three shipments", buyers=(BUYER, BUYER, BUYER), cases=3),
        one("drop shipment", drop=True), one("drop shipment, two lots", drop=True, lots=2),
        one("no pallet", pallet=False), one("single packs", cases=3, packs=1),
        one("wholesaler", seller="0344444", direct=direct),
        one("wholesaler, drop shipment", seller="0344444", direct=direct, drop=True),
        one("release 1.2", release="R1.2"), one("release 1.2, two lots", release="R1.2", lots=2),
        one("another product", inner="012345"), one("many packs", cases=3, packs=40),
    ]  # fmt: skip


def variants(name, text):
    """The same file written otherwise."""
    yield name, text
    yield f"{name}, line by line", re.sub(r"><(?!/)", ">\n<", text)
    if name == "plain":
        yield "single quotes", re.sub(r'(\w+)="([^"\']*)"', r"\1='\2'", text)
        yield "a comment", text.replace("<EPCISBody>", "<!-- sent by hand --><EPCISBody>")
        yield "Windows lines", text.replace("\n", "\r\n")
        root = text.replace("epcis:EPCISDocument", "e:EPCISDocument")
        yield "another prefix of the root", root.replace("xmlns:epcis=", "xmlns:e=")
        yield (
            "entries in another order",
            re.sub(
                r"(<Vocabulary type=.*?</Vocabulary>)(<Vocabulary type=.*?</Vocabulary>)",
                r"\2\1",
                text,
            ),
        )
        yield "GLNs in digits in the business header", re.sub(
            r"(Authority=\"GS1\">)urn:epc:id:sgln:(\d+)\.(\d+)\.0",
            lambda m: m[1] + gln(m[2], int(m[3])), text)  # fmt: skip
        yield "release 1.3 told with more words", text.replace("DSCSA R1.3<", "DSCSA R1.3 <")
