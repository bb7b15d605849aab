"""Which schema file declares what: documents, master data, queries, headers, single events.

>>> [file.namespace.file for file in schema_files("1.2")]
['epcis-1.2.xsd', 'masterdata-1.2.xsd', 'query-1.2.xsd', 'event-1.2.xsd']
"""

from __future__ import annotations

from typing import Final

from schemas.epcis import parts
from schemas.epcis.events import EVENT_TYPES
from schemas.epcis.grammar import (
    MANY,
    AnyOrder,
    Attribute,
    Namespace,
    Open,
    Part,
    RecordType,
    SchemaFile,
    WordType,
)

SBDH_URI: Final = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"
SBDH: Final = Namespace("sbdh", SBDH_URI, "sbdh.xsd", qualified=True)
EPCGLOBAL: Final = Namespace("epcglobal", "urn:epcglobal:xsd:1", "epcglobal.xsd")


def namespace(kind: str, version: str) -> Namespace:
    """The namespace of `epcis`, `epcismd` (master data), `epcisq` (queries) or `event`.

    >>> namespace("epcisq", "2.0").uri
    'urn:epcglobal:epcis-query:xsd:2'
    """
    number = version[0]
    return {
        "epcis": Namespace("epcis", f"urn:epcglobal:epcis:xsd:{number}", f"epcis-{version}.xsd"),
        "epcismd": Namespace(
            "epcismd",
            f"urn:epcglobal:epcis-masterdata:xsd:{number}",
            f"masterdata-{version}.xsd",
        ),
        "epcisq": Namespace(
            "epcisq", f"urn:epcglobal:epcis-query:xsd:{number}", f"query-{version}.xsd"
        ),
        "event": Namespace("", "", f"event-{version}.xsd"),
    }[kind]


def _texts(*names: str) -> tuple[Part, ...]:
    return tuple(Part(name, "text") for name in names)


def _optional_texts(*names: str) -> tuple[Part, ...]:
    return tuple(Part(name, "text", 0) for name in names)


EPCGLOBAL_FILE: Final = SchemaFile(
    EPCGLOBAL,
    (),
    (),
    (RecordType("EPC", text="text"),),
    about="The Electronic Product Code as EPCIS lists hold it.",
)

_SCOPE: Final = (
    Part("Type", "text"),
    Part("InstanceIdentifier", "text"),
    Part("Identifier", "text", 0),
    Part("", "ref:ScopeInformation", 0, MANY),
)
_SERVICE_ATTRIBUTES: Final = tuple(
    Attribute(name, "text")
    for name in (
        "IsNonRepudiationRequired",
        "IsAuthenticationRequired",
        "IsNonRepudiationOfReceiptRequired",
        "IsIntegrityCheckRequired",
        "IsApplicationErrorResponseRequested",
        "TimeToAcknowledgeReceipt",
        "TimeToAcknowledgeAcceptance",
        "TimeToPerform",
        "Recurrence",
    )
)
SBDH_FILE: Final = SchemaFile(
    SBDH,
    (),
    (
        Part("StandardBusinessDocumentHeader", "StandardBusinessDocumentHeader"),
        Part("StandardBusinessDocument", "StandardBusinessDocument"),
        Part("ScopeInformation", "abstract"),
        Part("CorrelationInformation", "substitutes:ScopeInformation"),
        Part("BusinessService", "substitutes:ScopeInformation"),
    ),
    (
        RecordType(
            "StandardBusinessDocumentHeader",
            (
                Part("HeaderVersion", "text"),
                Part("Sender", "Partner", 1, MANY),
                Part("Receiver", "Partner", 1, MANY),
                Part("DocumentIdentification", "DocumentIdentification"),
                Part("Manifest", "Manifest", 0),
                Part("BusinessScope", "BusinessScope", 0),
            ),
        ),
        RecordType(
            "StandardBusinessDocument",
            (Part("", "ref:StandardBusinessDocumentHeader", 0), Part("", "foreign")),
        ),
        RecordType(
            "Partner",
            (
                Part("Identifier", "PartnerIdentification"),
                Part("ContactInformation", "ContactInformation", 0, MANY),
            ),
        ),
        RecordType(
            "PartnerIdentification", text="text", attributes=(Attribute("Authority", "text"),)
        ),
        RecordType(
            "ContactInformation",
            (
                *_texts("Contact"),
                *_optional_texts(
                    "EmailAddress", "FaxNumber", "TelephoneNumber", "ContactTypeIdentifier"
                ),
            ),
        ),
        RecordType(
            "DocumentIdentification",
            (
                *_texts("Standard", "TypeVersion", "InstanceIdentifier", "Type"),
                Part("MultipleType", "boolean", 0),
                Part("CreationDateAndTime", "dateTime"),
            ),
        ),
        RecordType(
            "Manifest",
            (Part("NumberOfItems", "integer"), Part("ManifestItem", "ManifestItem", 1, MANY)),
        ),
        RecordType(
            "ManifestItem",
            (
                Part("MimeTypeQualifierCode", "text"),
                Part("UniformResourceIdentifier", "uri"),
                *_optional_texts("Description", "LanguageCode"),
            ),
        ),
        RecordType("BusinessScope", (Part("Scope", "Scope", 0, MANY),)),
        RecordType("Scope", _SCOPE),
        RecordType(
            "CorrelationInformation",
            (
                Part("RequestingDocumentCreationDateTime", "dateTime", 0),
                Part("RequestingDocumentInstanceIdentifier", "text", 0),
                Part("ExpectedResponseDateTime", "dateTime", 0),
            ),
        ),
        RecordType(
            "BusinessService",
            (
                Part("BusinessServiceName", "text", 0),
                Part("ServiceTransaction", "ServiceTransaction", 0),
            ),
        ),
        RecordType(
            "ServiceTransaction",
            attributes=(
                Attribute("TypeOfServiceTransaction", "TypeOfServiceTransaction"),
                *_SERVICE_ATTRIBUTES,
            ),
        ),
    ),
    (
        WordType(
            "TypeOfServiceTransaction",
            words=("RequestingServiceTransaction", "RespondingServiceTransaction"),
        ),
    ),
    about="The Standard Business Document Header, version 1.3.",
)

_CAPTURE_JOB: Final = (
    RecordType(
        "EPCISCaptureJobType",
        (
            Part("captureErrorBehaviour", "EPCISCaptureErrorBehaviourType"),
            Part("createdAt", "time", 0),
            Part("finishedAt", "time", 0),
            AnyOrder(
                (Part("errors", "EPCISCaptureDocumentErrorListType"), Part("errorFile", "uri")),
                once=True,
            ),
        ),
        (
            Attribute("running", "boolean", required=True),
            Attribute("success", "boolean", required=True),
            Attribute("captureID", "text", required=True),
        ),
        open=Open.TAIL,
        any_attribute=True,
    ),
    RecordType(
        "EPCISCaptureDocumentErrorListType",
        (Part("error", "RFC7807ProblemResponseBodyType", 1, MANY),),
    ),
    RecordType(
        "RFC7807ProblemResponseBodyType",
        (
            Part("type", "uri"),
            Part("title", "text"),
            Part("status", "int", 0),
            Part("detail", "text", 0),
            Part("instance", "uri", 0),
        ),
        open=Open.TAIL,
    ),
)
_CAPTURE_ROOTS: Final = (
    Part("EPCISCaptureJob", "EPCISCaptureJobType"),
    Part("EPCISException", "RFC7807ProblemResponseBodyType"),
)
_BEHAVIOUR: Final = WordType("EPCISCaptureErrorBehaviourType", words=("rollback", "proceed"))


def _document_file(version: str) -> SchemaFile:
    is_2_0 = version == "2.0"
    return SchemaFile(
        namespace("epcis", version),
        (EPCGLOBAL, SBDH),
        (Part("EPCISDocument", "EPCISDocumentType"), *(_CAPTURE_ROOTS if is_2_0 else ())),
        (
            *parts.DOCUMENT,
            parts.HEADER_2_0 if is_2_0 else parts.HEADER_1_2,
            *parts.MASTER_DATA,
            *parts.event_list(version),
            *parts.event_records(version),
            *parts.LISTS,
            *parts.ENTRIES,
            *(parts.SENSORS if is_2_0 else ()),
            *(_CAPTURE_JOB if is_2_0 else ()),
        ),
        (parts.ACTIONS, *((parts.TIME_WITH_ZONE, _BEHAVIOUR) if is_2_0 else ())),
        about=f"EPCIS {version} documents, events and master data.",
    )


def _master_data_file(version: str) -> SchemaFile:
    return SchemaFile(
        namespace("epcismd", version),
        (namespace("epcis", version),),
        (Part("EPCISMasterDataDocument", "EPCISMasterDataDocumentType"),),
        (
            parts.document("EPCISMasterDataDocumentType", "EPCISMasterDataBodyType"),
            RecordType(
                "EPCISMasterDataBodyType",
                (Part("VocabularyList", "epcis:VocabularyListType", 0),),
                open=Open.LOCAL,
                any_attribute=True,
            ),
        ),
        about=f"EPCIS {version} master data documents.",
    )


_PLAIN_EXCEPTIONS: Final = (
    "DuplicateNameException",
    "InvalidURIException",
    "NoSuchNameException",
    "NoSuchSubscriptionException",
    "DuplicateSubscriptionException",
    "QueryParameterException",
    "QueryTooComplexException",
    "SubscriptionControlsException",
    "SubscribeNotPermittedException",
    "SecurityException",
    "ValidationException",
)
_REASON: Final = Part("reason", "text")
_WHICH_QUERY: Final = _optional_texts("queryName", "subscriptionID")
QUERY_MESSAGES: Final = {
    "GetQueryNames": "EmptyParms",
    "GetQueryNamesResult": "ArrayOfString",
    "Subscribe": "Subscribe",
    "SubscribeResult": "VoidHolder",
    "Unsubscribe": "Unsubscribe",
    "UnsubscribeResult": "VoidHolder",
    "GetSubscriptionIDs": "GetSubscriptionIDs",
    "GetSubscriptionIDsResult": "ArrayOfString",
    "Poll": "Poll",
    "GetStandardVersion": "EmptyParms",
    "GetStandardVersionResult": "text",
    "GetVendorVersion": "EmptyParms",
    "GetVendorVersionResult": "text",
    **{name: name for name in _PLAIN_EXCEPTIONS},
    "QueryTooLargeException": "QueryTooLargeException",
    "ImplementationException": "ImplementationException",
    "QueryResults": "QueryResults",
}
"""What a query document's body, or a SOAP body, may hold, and the record of each."""

_SCHEDULE: Final = _optional_texts("second", "minute", "hour", "dayOfMonth", "month", "dayOfWeek")
_QUERY_RECORDS: Final = (
    RecordType(
        "EPCISQueryBodyType",
        (
            AnyOrder(
                tuple(Part("", f"ref:{message}") for message in QUERY_MESSAGES),
                once=True,
                least=1,
            ),
        ),
    ),
    RecordType("EmptyParms"),
    RecordType("VoidHolder"),
    RecordType("ArrayOfString", (Part("string", "text", 0, MANY),)),
    RecordType(
        "Subscribe",
        (
            Part("queryName", "text"),
            Part("params", "QueryParams"),
            Part("dest", "uri"),
            Part("controls", "SubscriptionControls"),
            Part("subscriptionID", "text"),
        ),
    ),
    RecordType("Unsubscribe", _texts("subscriptionID")),
    RecordType("GetSubscriptionIDs", _texts("queryName")),
    RecordType("Poll", (Part("queryName", "text"), Part("params", "QueryParams"))),
    RecordType("QueryParams", (Part("param", "QueryParam", 0, MANY),)),
    RecordType("QueryParam", (Part("name", "text"), Part("value", "anything"))),
    RecordType(
        "SubscriptionControls",
        (
            Part("schedule", "QuerySchedule", 0),
            Part("trigger", "uri", 0),
            Part("initialRecordTime", "time", 0),
            Part("reportIfEmpty", "boolean"),
        ),
        open=Open.LOCAL,
    ),
    RecordType("QuerySchedule", _SCHEDULE, open=Open.LOCAL),
    RecordType(
        "QueryResults",
        (
            Part("queryName", "text"),
            Part("subscriptionID", "text", 0),
            Part("resultsBody", "QueryResultsBody"),
        ),
        open=Open.LOCAL,
    ),
    RecordType(
        "QueryResultsBody",
        (
            AnyOrder(
                (
                    Part("EventList", "epcis:EventListType"),
                    Part("VocabularyList", "epcis:VocabularyListType"),
                ),
                once=True,
                least=1,
            ),
        ),
    ),
    *(RecordType(name, (_REASON,)) for name in ("EPCISException", *_PLAIN_EXCEPTIONS)),
    RecordType("QueryTooLargeException", (_REASON, *_WHICH_QUERY)),
    RecordType(
        "ImplementationException",
        (_REASON, Part("severity", "ImplementationExceptionSeverity"), *_WHICH_QUERY),
    ),
)


def _query_file(version: str) -> SchemaFile:
    roots = {
        "EPCISQueryDocument": "EPCISQueryDocumentType",
        **QUERY_MESSAGES,
        "VoidHolder": "VoidHolder",
        "EPCISException": "EPCISException",
    }
    return SchemaFile(
        namespace("epcisq", version),
        (namespace("epcis", version),),
        tuple(Part(name, holds) for name, holds in roots.items()),
        (parts.document("EPCISQueryDocumentType", "EPCISQueryBodyType"), *_QUERY_RECORDS),
        (
            WordType(
                "ImplementationExceptionSeverity",
                words=("ERROR", "SEVERE"),
                of="NCName",
            ),
        ),
        about=f"EPCIS {version} query documents and the messages of the query interface.",
    )


def _event_file(version: str) -> SchemaFile:
    """Single events without a document: for `POST /events` and for findings about one event."""
    kinds = (k for k in EVENT_TYPES if (k.in_2_0 if version == "2.0" else k.in_1_2))
    return SchemaFile(
        namespace("event", version),
        (namespace("epcis", version),),
        tuple(Part(kind.name, f"epcis:{kind.name}Type") for kind in kinds),
        (),
        about=f"Single EPCIS {version} events outside any document.",
    )


def schema_files(version: str) -> tuple[SchemaFile, ...]:
    """The files that are written for one version, `1.2` or `2.0`."""
    return (
        _document_file(version),
        _master_data_file(version),
        _query_file(version),
        _event_file(version),
    )


SHARED_FILES: Final = (EPCGLOBAL_FILE, SBDH_FILE)
"""The files that both versions import."""
