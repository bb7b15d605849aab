"""Rules H and D over the business header and the statements of a file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from compliance.rules.catalogue import GuidelineRelease
from compliance.rules.shipped_file import GS1US, named
from schemas.finding import Where
from schemas.gs1.content_rules import has_check_digit
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compliance.rules.catalogue import Findings
    from compliance.rules.shipped_file import ShippedFile
    from epcis.model import Header, Node
    from schemas.finding import Finding

HEADER: Final = "/EPCISDocument/EPCISHeader"
SBDH: Final = f"{HEADER}/StandardBusinessDocumentHeader"
STATEMENT: Final = f"{HEADER}/dscsaTransactionStatement"
AUTHORITIES: Final = frozenset({"GS1", "GLN", "SGLN", "EAN.UCC", ""})
LEGAL_NOTICES: Final = (
    "Seller has complied with each applicable subsection of FDCA Sec. 581(27)(A)-(G).",
)
"""The legal notices of the guideline's releases (GS1 US R1.2 and R1.3 write the same)."""
STATEMENT_NAME: Final = "dscsaTransactionStatement"
_TRUE: Final = frozenset({"true", "1"})
_OWN_WORDS: Final = frozenset(
    {
        "guidelineVersion",
        "dscsaTransactionStatement",
        "affirmTransactionStatement",
        "legalNotice",
        "dropShipment",
        "directPurchase",
        "transactionDate",
    }
)


def judge_header(file: ShippedFile, header: Header, say: Findings) -> Iterator[Finding]:
    """Check the business header."""
    yield from _business_header(header.sbdh, say)
    if file.trades:
        yield from _statement(header, say)
    yield from _guideline(header, say)
    yield from _namespaces(header.header_extensions, say)
    yield from _sender_sells(file, header, say)
    yield from _receiver_is_named(file, header, say)
    for node in named(header.header_extensions, "dropShipment"):
        yield say.found(
            "H14",
            "dropShipment stands in the header",
            "Put it into the shipping event, after its <extension>.",
            Where(path=f"{HEADER}/{node.name}"),
        )


def _business_header(sbdh: Node | None, say: Findings) -> Iterator[Finding]:
    if sbdh is None:
        yield say.found(
            "H01",
            "the file has no StandardBusinessDocumentHeader",
            "Say who sends the file to whom.",
            Where(path=HEADER),
        )
        return
    for role in ("Sender", "Receiver"):
        parties = list(named(sbdh.children, role))
        if len(parties) != 1:
            yield say.found(
                "H01",
                f"the business header names {len(parties)} times a {role}",
                f"Name exactly one {role}.",
                Where(path=SBDH),
            )
        for party in parties:
            yield from _party(party, role, say)
    yield from _identification(sbdh, say)


def _party(party: Node, role: str, say: Findings) -> Iterator[Finding]:
    where = Where(path=f"{SBDH}/{role}/Identifier")
    identifier = next(named(party.children, "Identifier"), None)
    text = identifier.text if identifier is not None else ""
    if not is_party(text):
        yield say.found(
            "H02",
            f"{role} '{text}' is no GLN",
            "Give a GLN of 13 digits with its check digit, or an SGLN URN.",
            where,
        )
    authority = _attribute(identifier, "Authority") if identifier is not None else ""
    if authority not in AUTHORITIES:
        yield say.found(
            "H04",
            f"the authority '{authority}' of {role} is not known",
            "Write GS1, GLN or SGLN.",
            where,
        )


def is_party(text: str) -> bool:
    """Whether a text names a party by GLN, SGLN or party GLN.

    >>> is_party("0614141000012"), is_party("urn:epc:id:sgln:0614141.00001.0"), is_party("ACME")
    (True, True, False)
    """
    if text.isascii() and text.isdigit():
        return len(text) == 13 and has_check_digit(text)
    return canonical_key(text).startswith(("/414/", "/417/"))


def _attribute(node: Node, name: str) -> str:
    return next((value for _, local, value in node.attributes if local == name), "")


def _identification(sbdh: Node, say: Findings) -> Iterator[Finding]:
    document = next(named(sbdh.children, "DocumentIdentification"), None)
    inside = document.children if document is not None else ()
    for holder, name, wanted, path in (
        (sbdh.children, "HeaderVersion", "1.0", SBDH),
        (inside, "Standard", "EPCglobal", f"{SBDH}/DocumentIdentification"),
        (inside, "Type", "Events", f"{SBDH}/DocumentIdentification"),
    ):
        text = next((node.text for node in named(holder, name)), "")
        if text != wanted:
            yield say.found(
                "H05", f"{name} is '{text}'", f"Write {wanted}.", Where(path=f"{path}/{name}")
            )


def _statement(header: Header, say: Findings) -> Iterator[Finding]:
    statement = next(named(header.header_extensions, STATEMENT_NAME), None)
    if statement is None:
        yield say.found(
            "H08",
            "the shipment carries no transaction statement in its header",
            "Put gs1ushc:dscsaTransactionStatement into the EPCISHeader, after its extension.",
            Where(path=HEADER),
        )
        return
    affirmed = next((n.text for n in named(statement.children, "affirmTransactionStatement")), "")
    if affirmed.lower() not in _TRUE:
        yield say.found(
            "H09",
            f"the transaction statement is not affirmed, it says '{affirmed}'",
            "Only an affirmed statement meets section 582(g)(1)(B).",
            Where(path=f"{STATEMENT}/affirmTransactionStatement"),
        )
    notice = next((n.text for n in named(statement.children, "legalNotice")), "")
    if _letters(notice) not in map(_letters, LEGAL_NOTICES):
        yield say.found(
            "H10",
            f"the legal notice is '{notice}'" if notice else "the legal notice is missing",
            f"Write: {LEGAL_NOTICES[-1]}",
            Where(path=f"{STATEMENT}/legalNotice"),
        )


def _letters(notice: str) -> str:
    """A notice without typographic differences: spaces, dashes, full stops, case."""
    return re.sub(r"[\s.\u2010-\u2015-]+", "", notice).casefold().replace("section", "sec")


def _guideline(header: Header, say: Findings) -> Iterator[Finding]:
    version = next((n.text for n in named(header.header_extensions, "guidelineVersion")), "")
    where = Where(path=f"{HEADER}/guidelineVersion")
    wanted = "R1.3" if say.profile is GuidelineRelease.R1_3 else "R1.2"
    if not version:
        yield say.found(
            "H12",
            "the file does not say which release of the guideline it follows",
            f"Add gs1ushc:guidelineVersion 'GS1 US DSCSA {wanted}'; without it R1.2 is assumed.",
            where,
        )
    elif wanted not in version:
        yield say.found(
            "D11",
            f"the file says it follows '{version}', and is held against {wanted}",
            "Check it with the other profile, or have the sender correct the version.",
            where,
        )


def _namespaces(nodes: tuple[Node, ...], say: Findings) -> Iterator[Finding]:
    for node in nodes:
        if node.name in _OWN_WORDS and node.namespace != GS1US:
            yield say.found(
                "H13",
                f"{node.name} is in the namespace '{node.namespace}'",
                f"Use {GS1US}.",
                Where(path=f"{HEADER}/{node.name}"),
            )


def _sender_sells(file: ShippedFile, header: Header, say: Findings) -> Iterator[Finding]:
    sender = next(named(header.sbdh.children, "Sender"), None) if header.sbdh else None
    identifier = next(named(sender.children, "Identifier"), None) if sender else None
    if identifier is None or not is_party(identifier.text):
        return
    own = gln_of(identifier.text)
    for trade in file.trades:
        owner = trade.sources.get("owning_party")
        if owner is not None and gln_of(owner) != own:
            yield say.found(
                "H07",
                f"{identifier.text} sends the file, {owner} sells the goods",
                "Make sure that the sender acts for the seller.",
                trade.where,
            )
            return


def _receiver_is_named(file: ShippedFile, header: Header, say: Findings) -> Iterator[Finding]:
    receiver = next(named(header.sbdh.children, "Receiver"), None) if header.sbdh else None
    identifier = next(named(receiver.children, "Identifier"), None) if receiver else None
    if identifier is None or not is_party(identifier.text):
        return
    own = gln_of(identifier.text)
    for trade in file.trades:
        goals = {gln_of(party) for party in trade.destinations.values()}
        if goals and own not in goals:
            yield say.found(
                "H15",
                f"{identifier.text} receives the file, and the shipment goes to"
                f" {', '.join(sorted(trade.destinations.values()))}",
                "Send each partner the shipments that are its own, in a file of their own.",
                trade.where,
            )
            return


def gln_of(text: str) -> str:
    """The GLN of 13 digits in a text, or the text itself.

    >>> gln_of("urn:epc:id:sgln:0614141.00001.dock5"), gln_of("0614141000012")
    ('0614141000012', '0614141000012')
    """
    key = canonical_key(text)
    return key[5:18] if key.startswith(("/414/", "/417/")) else text
