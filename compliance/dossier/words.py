"""The classes of data in events, entries of the log and reports, to which redaction profiles refer.

Members of entries and columns of reports that are in no table here have the class `other`, so
that data nobody has classified is not shown to strangers.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class DataClass(StrEnum):
    """What a value reveals to a stranger."""

    CERTIFICATES = "certificates"
    DOCUMENTS = "documents"
    """Orders, invoices, despatch advices, and other data of partners' files on a transaction."""
    LOTS = "lots"
    """Lot, expiry and the other master data of a lot."""
    NOTES = "notes"
    """Free text: reasons and comments."""
    OTHER = "other"
    """Extensions, and whatever has no class."""
    PARTIES = "parties"
    """Owners and possessors: who sold, bought or holds something."""
    PEOPLE = "people"
    """Names of users, and data that identifies them."""
    PLACES = "places"
    """Read points, business locations, premises."""
    PRICES = "prices"
    SENSORS = "sensors"


def _named(data: DataClass | None, names: str) -> dict[str, DataClass | None]:
    return dict.fromkeys(names.split(), data)


EVENT_MEMBERS: Final[Mapping[str, DataClass | None]] = {
    **_named(
        None,
        "@context type eventTime recordTime eventTimeZoneOffset eventID action bizStep disposition"
        " persistentDisposition epcList childEPCs parentID quantityList childQuantityList"
        " inputEPCList outputEPCList inputQuantityList outputQuantityList transformationID"
        " errorDeclaration",
    ),
    **_named(DataClass.PLACES, "readPoint bizLocation"),
    **_named(DataClass.DOCUMENTS, "bizTransactionList"),
    **_named(DataClass.PARTIES, "sourceList destinationList"),
    **_named(DataClass.LOTS, "ilmd"),
    **_named(DataClass.SENSORS, "sensorElementList"),
    **_named(DataClass.CERTIFICATES, "certificationInfo"),
}
"""Members of an event, as EPCIS 2.0 JSON names them; None is open to everybody."""

RECORD_MEMBERS: Final[Mapping[str, DataClass | None]] = {
    **_named(
        None,
        "act operation result rules code gtin serial sscc kind market state to from recall packs"
        " alert status decision return day at scanned role scopes verified answered upload version"
        " events sha256 record request known outcome facts asked pack verdict also becomes hub"
        " case step category incident audit product who confidence key sum received_us size_bytes"
        " syntax at_us manual alerting is_bulk handed_over undo_of exempt extended intermarket"
        " product_state lot_state serial_shape unlike counts_repeat marks_stolen since repeats"
        " quarantine serial_to serialTo"
        " stolen corr_uuid context in_possession info status tries why_not question answer",
    ),
    **_named(
        DataClass.PEOPLE,
        "by client name user subuser sub_user address email phone telephone contact auditor",
    ),
    **_named(DataClass.PLACES, "location place"),
    **_named(
        DataClass.PARTIES,
        "party partner holder gln authorisation owner authority number licence responder requester"
        " sender",
    ),
    **_named(DataClass.DOCUMENTS, "transaction document file header places selection"),
    **_named(DataClass.NOTES, "reason comment note say findings"),
    **_named(DataClass.LOTS, "lot expiry expires"),
}
"""Members of the other entries of the log."""

SELECTION_MEMBERS: Final[Mapping[str, DataClass]] = {
    "transaction": DataClass.DOCUMENTS,
    "who": DataClass.PEOPLE,
    "lot": DataClass.LOTS,
}
"""Fields of a request that may be hidden from the dossier's recipient."""


def _titled(data: DataClass | None, titles: str) -> dict[str, DataClass | None]:
    return dict.fromkeys(titles.split("|"), data)


COLUMNS: Final[Mapping[str, DataClass | None]] = {
    **_titled(
        None,
        "operation|result|how many|alerts|late|last|when|alert|rule pack|operations|day|recall"
        "|GTIN|opened|closed|packs|to tell|answered|since|until|kept offline and sent late"
        "|name|strength|form|NDC|container size|containers|date of transaction|date of shipment"
        "|drop shipment|direct purchase|direct purchase by the previous wholesaler"
        "|not bought directly|bought directly before"
        "|role|market|markets|verified|decommissioned|undone|typed|alerts in 1,000|participants"
        "|without any operation|product|uploaded|released|before release|recalled in|lots"
        "|uploaded after release|of products without master data|state|code|serial|likely cause"
        "|still open|hours to close, middle of all|packs: supply|packs: partial-supply"
        "|packs: undo|answers|within 300 ms|is the limit kept?|area|median ms|95 % ms|99 % ms"
        "|acts|how often|users|may|log entry|act|audit|planned|done|next audit due|scope|outcome"
        "|partners and days|of them not shown to be authorized|authorized|valid from|valid to"
        "|checked|case|cases|suspicion|illegitimate since|FDA notified|partners notified"
        "|FDA incident"
        "|notices late or not made|exceptions|not yet resolved|kind|resolved|type|step|event"
        "|declared wrong|cause|return|decision|request|asked|due|tries|not verified|open"
        "|shipments|transaction information below|field|what the form asks"
        "|verdict|verdict now|against it|gravest|packs now|may be supplied|to be checked first"
        "|not to be supplied|not recorded here",
    ),
    **_titled(DataClass.PEOPLE, "who|by|auditor"),
    **_titled(DataClass.PLACES, "place"),
    **_titled(DataClass.PARTIES, "holder|GLN|held by now|from|to|held by|licence|given by"),
    **_titled(DataClass.DOCUMENTS, "documents"),
    **_titled(DataClass.NOTES, "reason|why|answer"),
    **_titled(DataClass.LOTS, "lot|expiry"),
}
"""Columns and facts of reports; one that is not here is shown to the operator only."""
