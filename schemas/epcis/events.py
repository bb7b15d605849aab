"""The event types of EPCIS, field by field: order, cardinality and type, per version and syntax.

This is the one description. The XSD and JSON Schema files below `schemas/`, the page
`docs/reference/events.md` and the checks of `epcis.check` are made from it, and a test keeps
them in step with the event model. Standard: EPCIS 1.2 section 7.4 and EPCIS 2.0 section 7.4.

>>> [field.name for field in event("QuantityEvent").fields[:2]]
['epcClass', 'quantity']
>>> event("AssociationEvent").in_1_2
False
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Final


@dataclass(frozen=True, slots=True)
class Home:
    """Where a field appears in one XML version, and whether it is mandatory."""

    required: bool = False
    below: str = ""
    """The nested element that holds it: `extension` or `baseExtension`; empty for the event."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an event."""

    name: str
    """The element's name and the JSON key."""
    attribute: str
    """The attribute of the event model (`epcis.model`) that holds it."""
    holds: str
    """A plain type or the name of a record in `schemas.epcis.parts`."""
    meaning: str
    xml_1_2: Home | None = None
    xml_2_0: Home | None = None
    json: str = ""
    """The JSON type; empty where JSON has no such field, `any` where any type is allowed."""
    json_required: bool = False

    def needed(self) -> Field:
        """A copy of the field that is mandatory in every version that has the field."""
        return replace(
            self,
            xml_1_2=self.xml_1_2 and replace(self.xml_1_2, required=True),
            xml_2_0=self.xml_2_0 and replace(self.xml_2_0, required=True),
            json_required=bool(self.json),
        )

    def needed_in_1_2(self) -> Field:
        """A copy that only EPCIS 1.2 makes mandatory, though it may be empty."""
        return replace(self, xml_1_2=self.xml_1_2 and replace(self.xml_1_2, required=True))

    def below_extension(self) -> Field:
        """A copy that EPCIS 1.2 nests in the event's `extension`."""
        return replace(self, xml_1_2=Home(below="extension"))

    def typed(self, json: str) -> Field:
        """A copy with another JSON type."""
        return replace(self, json=json)


@dataclass(frozen=True, slots=True)
class Needs:
    """One sufficient set of contents for an event; all of its conditions hold together."""

    some: tuple[str, ...] = ()
    """Lists of which each has at least one entry."""
    has: tuple[str, ...] = ()
    """Fields that are present, even empty."""
    action: str = ""
    """The action the event has."""


@dataclass(frozen=True, slots=True)
class EventType:
    """One event type: its fields in document order and what it must contain at least."""

    name: str
    meaning: str
    fields: tuple[Field, ...]
    """Beside `COMMON_FIELDS`."""
    in_1_2: bool = True
    in_2_0: bool = True
    what: tuple[Needs, ...] = ()
    """JSON: an event meets at least one of these sets (2.0 section 7.4)."""
    ilmd_only_on_add: bool = False


_DIRECT: Final = Home()
_BASE: Final = Home(below="baseExtension")

COMMON_FIELDS: Final = (
    Field(
        "eventTime",
        "event_time",
        "time",
        "when it happened",
        Home(required=True),
        Home(required=True),
        "time",
        json_required=True,
    ),
    Field(
        "recordTime",
        "record_time",
        "time",
        "when a repository took it in",
        _DIRECT,
        _DIRECT,
        "time",
    ),
    Field(
        "eventTimeZoneOffset",
        "event_time_zone_offset",
        "text",
        "the local time's distance from UTC where it happened",
        Home(required=True),
        Home(required=True),
        "offset",
        json_required=True,
    ),
    Field("eventID", "event_id", "uri", "the event's own id", _BASE, _DIRECT, "uri"),
    Field(
        "errorDeclaration",
        "error_declaration",
        "ErrorDeclarationType",
        "that an earlier event was wrong",
        _BASE,
        _DIRECT,
        "errorDeclaration",
    ),
    Field(
        "certificationInfo",
        "certification_info",
        "uri",
        "a certificate that concerns the event",
        None,
        _DIRECT,
        "certificationInfo",
    ),
)


def _both(name: str, attribute: str, holds: str, meaning: str, json: str) -> Field:
    return Field(name, attribute, holds, meaning, _DIRECT, _DIRECT, json)


_ACTION = _both("action", "action", "ActionType", "added, seen or taken away", "action").needed()
_BIZ_STEP = _both("bizStep", "biz_step", "uri", "the step of the business", "bizStep")
_DISPOSITION = _both(
    "disposition", "disposition", "uri", "the state the objects are in after it", "disposition"
)
_READ_POINT = _both("readPoint", "read_point", "ReadPointType", "where it was seen", "place")
_BIZ_LOCATION = _both(
    "bizLocation", "biz_location", "BusinessLocationType", "where the objects are after it", "place"
)
_TRANSACTIONS = _both(
    "bizTransactionList",
    "biz_transactions",
    "BusinessTransactionListType",
    "orders, despatch advices and the like it belongs to",
    "bizTransactionList",
)
_SOURCES = _both(
    "sourceList", "sources", "SourceListType", "from whom the objects come", "sourceList"
)
_DESTINATIONS = _both(
    "destinationList",
    "destinations",
    "DestinationListType",
    "to whom the objects go",
    "destinationList",
)
_SENSORS = Field(
    "sensorElementList",
    "sensor_elements",
    "SensorElementListType",
    "what sensors measured",
    None,
    _DIRECT,
    "sensorElementList",
)
_PERSISTENT = Field(
    "persistentDisposition",
    "persistent_disposition",
    "PersistentDispositionType",
    "dispositions that hold until unset",
    None,
    _DIRECT,
    "any",
)
_ILMD = _both("ilmd", "ilmd", "ILMDType", "master data of the instance or lot, as lot", "ilmd")
_PARENT = _both("parentID", "parent_id", "uri", "what holds the children", "uri")
_EPC_LIST = _both("epcList", "epcs", "EPCListType", "the objects, each by its own id", "uriList")
_CHILDREN = _both(
    "childEPCs", "child_epcs", "EPCListType", "the children, each by its own id", "uriList"
)


def _quantities(name: str, attribute: str) -> Field:
    return _both(name, attribute, "QuantityListType", "amounts of classes", "quantityList")


_WHERE_AND_WHY: Final = (_BIZ_STEP, _DISPOSITION, _READ_POINT, _BIZ_LOCATION)
_SOURCES_1_2_BELOW: Final = (_SOURCES.below_extension(), _DESTINATIONS.below_extension())
_CHILDREN_NEEDED: Final = (
    Needs(some=("childEPCs",)),
    Needs(some=("childQuantityList",)),
    Needs(action="DELETE"),
)

OBJECT_EVENT: Final = EventType(
    "ObjectEvent",
    "Something happened to objects.",
    (
        _EPC_LIST.needed_in_1_2().typed("uniqueUriList"),
        _ACTION,
        *_WHERE_AND_WHY,
        _TRANSACTIONS,
        _quantities("quantityList", "quantities").below_extension(),
        *_SOURCES_1_2_BELOW,
        _SENSORS,
        _PERSISTENT.typed("persistentDisposition"),
        _ILMD.below_extension(),
    ),
    what=(
        Needs(has=("epcList",)),
        Needs(some=("quantityList",)),
        Needs(some=("sensorElementList",), has=("readPoint",)),
    ),
    ilmd_only_on_add=True,
)
AGGREGATION_EVENT: Final = EventType(
    "AggregationEvent",
    "Children were put into, seen in, or taken out of a parent.",
    (
        _PARENT,
        _CHILDREN.needed_in_1_2(),
        _ACTION,
        *_WHERE_AND_WHY,
        _TRANSACTIONS,
        _quantities("childQuantityList", "child_quantities").below_extension(),
        *_SOURCES_1_2_BELOW,
        _SENSORS,
        _PERSISTENT,
    ),
    what=_CHILDREN_NEEDED,
)
QUANTITY_EVENT: Final = EventType(
    "QuantityEvent",
    "An amount of a class was seen; only in EPCIS 1.x.",
    (
        Field("epcClass", "epc_class", "uri", "the class", Home(required=True)),
        Field("quantity", "quantity", "int", "how many", Home(required=True)),
        *(replace(field, xml_2_0=None, json="") for field in (*_WHERE_AND_WHY, _TRANSACTIONS)),
    ),
    in_2_0=False,
)
TRANSACTION_EVENT: Final = EventType(
    "TransactionEvent",
    "Objects were tied to, or freed from, business transactions.",
    (
        _TRANSACTIONS.needed().typed("someBizTransactionList"),
        _PARENT,
        _EPC_LIST.needed_in_1_2(),
        _ACTION,
        *_WHERE_AND_WHY,
        _quantities("quantityList", "quantities").below_extension(),
        *_SOURCES_1_2_BELOW,
        _SENSORS,
        _PERSISTENT,
    ),
    what=(
        Needs(has=("epcList",)),
        Needs(some=("quantityList",)),
        Needs(action="DELETE"),
    ),
)

_INPUTS: Final = ("inputEPCList", "inputQuantityList")
_OUTPUTS: Final = ("outputEPCList", "outputQuantityList")

TRANSFORMATION_EVENT: Final = EventType(
    "TransformationEvent",
    "Inputs were used up and outputs made.",
    (
        _both("inputEPCList", "input_epcs", "EPCListType", "used up, by id", "uniqueUriList"),
        _quantities("inputQuantityList", "input_quantities"),
        _both("outputEPCList", "output_epcs", "EPCListType", "made, by id", "uniqueUriList"),
        _quantities("outputQuantityList", "output_quantities"),
        _both("transformationID", "transformation_id", "uri", "ties parts of one process", "uri"),
        *_WHERE_AND_WHY,
        _TRANSACTIONS,
        _SOURCES,
        _DESTINATIONS,
        _SENSORS,
        _PERSISTENT.typed("persistentDisposition"),
        _ILMD,
    ),
    what=(
        *(Needs(some=(used, made)) for used in _INPUTS for made in _OUTPUTS),
        *(Needs(some=(part,), has=("transformationID",)) for part in (*_INPUTS, *_OUTPUTS)),
    ),
)
ASSOCIATION_EVENT: Final = EventType(
    "AssociationEvent",
    "Children were tied to a parent, or a place, that they do not travel in; since EPCIS 2.0.",
    tuple(
        replace(field, xml_1_2=None)
        for field in (
            _PARENT.needed(),
            _CHILDREN,
            _quantities("childQuantityList", "child_quantities"),
            _ACTION,
            *_WHERE_AND_WHY,
            _TRANSACTIONS,
            _SOURCES,
            _DESTINATIONS,
            _SENSORS,
            _PERSISTENT,
        )
    ),
    in_1_2=False,
    what=_CHILDREN_NEEDED,
)

EVENT_TYPES: Final = (
    OBJECT_EVENT,
    AGGREGATION_EVENT,
    QUANTITY_EVENT,
    TRANSACTION_EVENT,
    TRANSFORMATION_EVENT,
    ASSOCIATION_EVENT,
)


@cache
def event(name: str) -> EventType:
    """The description of one event type; KeyError where there is none of that name.

    >>> event("ObjectEvent").ilmd_only_on_add
    True
    """
    return {kind.name: kind for kind in EVENT_TYPES}[name]
