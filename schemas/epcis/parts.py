"""The records inside events and documents, other than the event types themselves.

Standard: EPCIS 1.2 and 2.0 section 7.3 (parts of events) and section 9 (documents); SBDH 1.3.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from schemas.epcis.events import COMMON_FIELDS, EVENT_TYPES
from schemas.epcis.grammar import (
    MANY,
    AnyOrder,
    Attribute,
    Content,
    Open,
    Part,
    RecordType,
    Tied,
    WordType,
)

if TYPE_CHECKING:
    from schemas.epcis.events import EventType, Field, Home

VERSIONS: Final = ("1.2", "2.0")

ACTIONS: Final = WordType("ActionType", words=("ADD", "OBSERVE", "DELETE"))
TIME_WITH_ZONE: Final = WordType(
    "DateTimeStamp",
    of="dateTime",
    pattern=(
        r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
        r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?"
        r"(Z|[+\-](0[0-9]|1[0-3]):[0-5][0-9]|[+\-]14:00)"
    ),
)
OFFSET_PATTERN: Final = r"^[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00)$"
"""The lexical form of eventTimeZoneOffset (2.0 section 7.4.1)."""


def _list(name: str, item: str, holds: str, least: int = 0) -> RecordType:
    return RecordType(name, (Part(item, holds, least, MANY),))


def _place(name: str) -> RecordType:
    return RecordType(name, (Part("id", "uri"),), open=Open.LOCAL)


LISTS: Final = (
    _list("EPCListType", "epc", "epcglobal:EPC"),
    _list("QuantityListType", "quantityElement", "QuantityElementType"),
    _list("BusinessTransactionListType", "bizTransaction", "BusinessTransactionType", least=1),
    _list("SourceListType", "source", "SourceDestType", least=1),
    _list("DestinationListType", "destination", "SourceDestType", least=1),
    _list("CorrectiveEventIDsType", "correctiveEventID", "uri"),
)
ENTRIES: Final = (
    RecordType(
        "QuantityElementType",
        (
            Part("epcClass", "uri"),
            Tied((Part("quantity", "decimal", may_be_nil=True), Part("uom", "text", 0))),
        ),
    ),
    RecordType("BusinessTransactionType", text="uri", attributes=(Attribute("type", "uri"),)),
    RecordType("SourceDestType", text="uri", attributes=(Attribute("type", "uri", required=True),)),
    _place("ReadPointType"),
    _place("BusinessLocationType"),
    RecordType("ILMDType", open=Open.LOCAL, any_attribute=True),
)

_DECLARATION: Final = (
    Part("declarationTime", "time"),
    Part("reason", "uri", 0),
    Part("correctiveEventIDs", "CorrectiveEventIDsType", 0),
)
ERROR_DECLARATION_1_2: Final = RecordType(
    "ErrorDeclarationType", _DECLARATION, open=Open.LOCAL, any_attribute=True
)
# EPCIS 2.0 allows these in any order and number, including none.
ERROR_DECLARATION_2_0: Final = RecordType(
    "ErrorDeclarationType",
    (AnyOrder((*_DECLARATION, Part("extension", "LocalExtension", 0)), with_foreign=True),),
    any_attribute=True,
)

SENSOR_METADATA: Final = tuple(
    Attribute(name, holds)
    for name, holds in (
        ("time", "time"),
        ("startTime", "time"),
        ("endTime", "time"),
        ("deviceID", "uri"),
        ("deviceMetadata", "uri"),
        ("rawData", "uri"),
        ("dataProcessingMethod", "uri"),
        ("bizRules", "uri"),
    )
)
SENSOR_REPORT: Final = tuple(
    Attribute(name, holds)
    for name, holds in (
        ("type", "uri"),
        ("exception", "uri"),
        ("deviceID", "uri"),
        ("deviceMetadata", "uri"),
        ("rawData", "uri"),
        ("dataProcessingMethod", "uri"),
        ("time", "time"),
        ("microorganism", "uri"),
        ("chemicalSubstance", "uri"),
        ("value", "double"),
        ("component", "uri"),
        ("stringValue", "text"),
        ("booleanValue", "boolean"),
        ("hexBinaryValue", "hex"),
        ("uriValue", "uri"),
        ("minValue", "double"),
        ("maxValue", "double"),
        ("meanValue", "double"),
        ("sDev", "double"),
        ("percRank", "double"),
        ("percValue", "double"),
        ("uom", "text"),
        ("coordinateReferenceSystem", "uri"),
    )
)
SENSORS: Final = (
    RecordType("SensorMetadataType", text="text", attributes=SENSOR_METADATA, any_attribute=True),
    RecordType("SensorReportType", text="text", attributes=SENSOR_REPORT, any_attribute=True),
    RecordType(
        "SensorElementType",
        (
            Part("sensorMetadata", "SensorMetadataType", 0),
            Part("sensorReport", "SensorReportType", 1, MANY),
        ),
        open=Open.LOCAL,
    ),
    RecordType(
        "SensorElementListType",
        (Part("sensorElement", "SensorElementType", 1, MANY),),
        open=Open.NESTED,
    ),
    RecordType(
        "PersistentDispositionType",
        (Part("unset", "uri", 0, MANY), Part("set", "uri", 0, MANY)),
    ),
)

MASTER_DATA: Final = (
    RecordType(
        "EPCISMasterDataType",
        (Part("VocabularyList", "VocabularyListType"),),
        open=Open.NESTED_PLAIN,
    ),
    _list("VocabularyListType", "Vocabulary", "VocabularyType"),
    RecordType(
        "VocabularyType",
        (Part("VocabularyElementList", "VocabularyElementListType", 0),),
        (Attribute("type", "uri", required=True),),
        open=Open.LOCAL,
        any_attribute=True,
    ),
    _list("VocabularyElementListType", "VocabularyElement", "VocabularyElementType", least=1),
    RecordType(
        "VocabularyElementType",
        (Part("attribute", "AttributeType", 0, MANY), Part("children", "IDListType", 0)),
        (Attribute("id", "uri", required=True),),
        open=Open.LOCAL,
        any_attribute=True,
    ),
    RecordType(
        "AttributeType",
        attributes=(Attribute("id", "uri", required=True),),
        any_attribute=True,
        mixed=True,
    ),
    replace(_list("IDListType", "id", "uri"), any_attribute=True),
)

_SBDH: Final = "ref:sbdh:StandardBusinessDocumentHeader"
HEADER_1_2: Final = RecordType(
    "EPCISHeaderType",
    (Part("", _SBDH), Part("extension", "EPCISHeaderExtensionType", 0)),
    open=Open.TAIL,
    any_attribute=True,
)
HEADER_2_0: Final = RecordType(
    "EPCISHeaderType",
    (Part("", _SBDH, 0), Part("extension", "EPCISHeaderExtensionType", 0)),
    any_attribute=True,
)
HEADER_EXTENSION: Final = RecordType(
    "EPCISHeaderExtensionType",
    (Part("EPCISMasterData", "EPCISMasterDataType", 0),),
    open=Open.NESTED,
    any_attribute=True,
)
DOCUMENT_ATTRIBUTES: Final = (
    Attribute("schemaVersion", "decimal", required=True),
    Attribute("creationDate", "dateTime", required=True),
)


def document(name: str, body: str) -> RecordType:
    """The record of a document: a header, a body, and a place for extension elements."""
    return RecordType(
        name,
        (Part("EPCISHeader", "epcis:EPCISHeaderType", 0), Part("EPCISBody", body)),
        DOCUMENT_ATTRIBUTES,
        open=Open.LOCAL,
        any_attribute=True,
    )


DOCUMENT: Final = (
    document("EPCISDocumentType", "EPCISBodyType"),
    HEADER_EXTENSION,
    RecordType(
        "EPCISBodyType",
        (Part("EventList", "EventListType", 0),),
        open=Open.LOCAL,
        any_attribute=True,
    ),
)


def event_list(version: str) -> tuple[RecordType, ...]:
    """The records of `EventList` in one XML version."""
    events = tuple(
        Part(kind.name, f"{kind.name}Type", 0, MANY)
        for kind in EVENT_TYPES
        if (kind.in_2_0 if version == "2.0" else kind.in_1_2 and not _is_nested_in_1_2(kind))
    )
    if version == "2.0":
        extension = Part("extension", "ForeignExtension")
        return (RecordType("EventListType", (AnyOrder((*events, extension)),), any_attribute=True),)
    extension = Part("extension", "EPCISEventListExtensionType")
    nested = AnyOrder(
        (
            Part("TransformationEvent", "TransformationEventType"),
            Part("extension", "LocalExtension"),
        ),
        once=True,
        least=1,
    )
    return (
        RecordType("EventListType", (AnyOrder((*events, extension)),), any_attribute=True),
        RecordType("EPCISEventListExtensionType", (nested,)),
    )


def _is_nested_in_1_2(kind: EventType) -> bool:
    # It came with 1.1, after the list of event types was closed.
    return kind.name == "TransformationEvent"


def event_records(version: str) -> tuple[RecordType, ...]:
    """One record for each event type of this XML version, and the records nested in them."""
    records: list[RecordType] = [
        ERROR_DECLARATION_1_2 if version == "1.2" else ERROR_DECLARATION_2_0
    ]
    if version == "1.2":
        records.append(_nested("EPCISEventExtensionType", COMMON_FIELDS, "baseExtension"))
    for kind in EVENT_TYPES:
        if version == "2.0" and kind.in_2_0:
            records.append(_event_2_0(kind))
        elif version == "1.2" and kind.in_1_2:
            records.extend(_event_1_2(kind))
    return tuple(records)


def _event_2_0(kind: EventType) -> RecordType:
    base = (*_parts(COMMON_FIELDS, "2.0"), Part("baseExtension", "ForeignExtension", 0))
    own = _parts(kind.fields, "2.0")
    return RecordType(f"{kind.name}Type", (*base, *own), open=Open.FOREIGN, any_attribute=True)


def _event_1_2(kind: EventType) -> tuple[RecordType, ...]:
    base: tuple[Content, ...] = (
        *_parts(COMMON_FIELDS, "1.2"),
        Part("baseExtension", "EPCISEventExtensionType", 0),
    )
    own = _parts(kind.fields, "1.2")
    name = f"{kind.name}Type"
    if not any(field.xml_1_2 and field.xml_1_2.below for field in kind.fields):
        return (RecordType(name, (*base, *own), open=Open.LOCAL, any_attribute=True),)
    extension = f"{kind.name}ExtensionType"
    return (
        RecordType(
            name,
            (*base, *own, Part("extension", extension, 0)),
            open=Open.TAIL,
            any_attribute=True,
        ),
        _nested(extension, kind.fields, "extension"),
    )


def _nested(name: str, fields: tuple[Field, ...], below: str) -> RecordType:
    return RecordType(name, _parts(fields, "1.2", below), open=Open.NESTED, any_attribute=True)


def _parts(fields: tuple[Field, ...], version: str, below: str = "") -> tuple[Part, ...]:
    return tuple(
        Part(field.name, field.holds, int(home.required))
        for field in fields
        if (home := home_of(field, version)) is not None and home.below == below
    )


def home_of(field: Field, version: str) -> Home | None:
    """Where a field appears in one XML version; None where that version has no such field."""
    return field.xml_1_2 if version == "1.2" else field.xml_2_0
