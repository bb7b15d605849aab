"""One JSON-LD event, any of its members in any order, as an event.

This is the full reading; `epcis.codec.jsonld.fast` reads the plain majority faster.
Standard: EPCIS 2.0 section 10.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import structs

from epcis.codec.fields import NEW_EVENT, SHAPES, unknown_event_hint
from epcis.codec.jsonld.nodes import JsonNumber, carries_attributes, members_to_nodes
from epcis.codec.namespaces import OWN, STANDARD_PREFIXES
from epcis.codec.quantity_event import restored
from epcis.codec.refusal import EventRefused
from epcis.codec.required import require
from epcis.codec.sensors import NUMBERS, SENSOR_FIELDS
from epcis.model import (
    BizTransaction,
    ErrorDeclaration,
    Event,
    Node,
    Party,
    PersistentDisposition,
    Place,
    QuantityElement,
    SensorElement,
    SensorMetadata,
    SensorReport,
)
from schemas.finding import Severity, Where
from schemas.wording import brief

if TYPE_CHECKING:
    from collections.abc import Callable

    from epcis.codec.jsonld.context import Context
    from epcis.codec.refusal import FindingCollector
    from schemas.json_value import JsonObject, JsonValue

NIL: Final = f"{OWN}nil"
"""Lists the classes of quantities that XML wrote as `xsi:nil`: JSON has no such thing."""
_EPCIS: Final = STANDARD_PREFIXES["epcis"]
_SensorPart = TypeVar("_SensorPart", SensorMetadata, SensorReport)


def event_name(written: JsonValue) -> str:
    """The name of an event type without the standard's prefix; empty where it is no text.

    >>> event_name("epcis:ObjectEvent"), event_name(["ObjectEvent"])
    ('ObjectEvent', '')
    """
    name = written if type(written) is str else ""
    return name.removeprefix("epcis:").removeprefix(_EPCIS)


class WrongType(Exception):  # noqa: N818  # caught where the event is read, never shown
    """A member has a value of a type it cannot have."""

    def __init__(self, path: str, wanted: str) -> None:
        super().__init__(f"{path} must be {wanted}")
        self.path = path
        self.wanted = wanted


class FullJsonReader:
    """Reads the events of one document."""

    def __init__(self, collector: FindingCollector) -> None:
        self._collector = collector
        self._context: Context
        self._own_context = False
        self._at = ""
        self._line: int | None = None
        self._readers: dict[str, Callable[[str, JsonValue], object]] = {
            "EPCListType": _texts,
            "QuantityListType": self._quantities,
            "ReadPointType": self._place,
            "BusinessLocationType": self._place,
            "BusinessTransactionListType": self._transactions,
            "SourceListType": self._parties,
            "DestinationListType": self._parties,
            "SensorElementListType": self._sensors,
            "PersistentDispositionType": self._persistent_disposition,
            "ILMDType": self._ilmd,
            "ErrorDeclarationType": self._error_declaration,
        }

    def read(self, members: JsonObject, context: Context, at: str, line: int | None) -> Event:
        """The event of a JSON object. Raises EventRefused where it cannot be one.

        `at` is the JSON pointer of the object, for findings.
        """
        self._at, self._line = at, line
        written = members.get("@context")
        self._own_context = written is not None
        self._context = context if written is None else context.extended(written)
        try:
            return self._event(members)
        except WrongType as wrong:
            raise EventRefused(
                "json.wrong-type",
                f"{wrong.path} must be {wrong.wanted}",
                "Have the sender check the event against the EPCIS JSON Schema.",
                Where(line=self._line, path=f"{self._at}/{wrong.path}"),
            ) from None

    def _event(self, members: JsonObject) -> Event:
        name = self._event_name(members)
        shape = SHAPES[name]
        values: dict[str, object] = {}
        foreign: JsonObject = {}
        for key, value in members.items():
            if key in ("type", "@context", NIL):
                continue
            field = shape.by_name.get(key) or shape.by_name.get(self._standard_name(key))
            if field is None or field.attribute in values:
                foreign[key] = value
            elif field.attribute == "certification_info":
                values[field.attribute] = (value,) if type(value) is str else _texts(key, value)
            else:
                read = self._readers.get(field.holds)
                values[field.attribute] = read(key, value) if read else _text(key, value)
        require(shape, values, self._collector, Where(line=self._line, path=self._at))
        if NIL in members:
            _mark_nil(values, members[NIL])
        self._extend(values, foreign)
        return restored(NEW_EVENT[name](**values))

    def _extend(self, values: dict[str, object], foreign: JsonObject) -> None:
        extensions = []
        for node in self._foreign(foreign):
            if carries_attributes(node):
                values["attributes"] = node.attributes
            else:
                extensions.append(node)
        if extensions:
            values["extensions"] = tuple(extensions)
        if self._own_context and self._context.added:
            values["namespaces"] = tuple(self._context.added.items())

    def _event_name(self, members: JsonObject) -> str:
        written = members.get("type")
        name = event_name(written)
        if name in SHAPES:
            return name
        what = f"{written!r} is no event type of the standard" if written else "it has no type"
        raise EventRefused(
            "document.event-unknown",
            f"an event cannot be taken in: {brief(what)}",
            unknown_event_hint(name),
            Where(line=self._line, path=f"{self._at}/type"),
        )

    def _standard_name(self, key: str) -> str:
        """The standard member a custom term or a full IRI stands for."""
        namespace, name = self._context.resolve(key)
        return name if namespace == _EPCIS else ""

    def _note(self, code: str, severity: Severity, what: str, hint: str, below: str = "") -> None:
        path = f"{self._at}/{below}" if below else self._at
        self._collector.note(code, severity, what, hint, line=self._line, path=path)

    def _foreign(self, members: JsonObject) -> tuple[Node, ...]:
        for key in members:
            if self._context.names_nothing(key):
                self._note(
                    "context.prefix-unknown",
                    Severity.WARNING,
                    f"no context says what the prefix of {key!r} means",
                    "Bind the prefix in the document's @context.",
                    key,
                )
            elif ":" not in key and not self._context.resolve(key)[0] and not key.startswith("@"):
                self._note(
                    "event.field-unknown",
                    Severity.WARNING,
                    f"{key} is not a field of this event",
                    "It is kept as an extension; user fields need a namespace of their own.",
                    key,
                )
        return tuple(members_to_nodes(members, self._context))

    def _quantities(self, key: str, value: JsonValue) -> tuple[QuantityElement, ...]:
        return tuple(self._quantity(key, part) for part in _objects(key, value))

    def _quantity(self, key: str, members: JsonObject) -> QuantityElement:
        self._drop_unknown(key, members, ("epcClass", "quantity", "uom"))
        amount = members.get("quantity")
        if amount is not None and not isinstance(amount, str):
            raise WrongType(f"{key}/quantity", "a number")
        return QuantityElement(
            epc_class=_text(f"{key}/epcClass", members.get("epcClass")),
            quantity=None if amount is None else str(amount),
            uom=_optional(f"{key}/uom", members.get("uom")),
            is_nil="quantity" in members and amount is None,
        )

    def _drop_unknown(self, key: str, members: JsonObject, known: tuple[str, ...]) -> None:
        unknown = sorted(members.keys() - set(known))
        if unknown:
            self._note(
                "event.element-not-kept",
                Severity.WARNING,
                f"{', '.join(unknown)} is not known inside {key}",
                "It stays in the document as received, but not in the event.",
                key,
            )

    def _place(self, key: str, value: JsonValue) -> Place:
        if type(value) is str:
            self._note(
                "event.place-without-object",
                Severity.WARNING,
                f"{key} is a string, it should be an object with an id",
                'Write {"id": …}.',
                key,
            )
            return Place(id=value)
        members = _object(key, value)
        rest = {name: part for name, part in members.items() if name != "id"}
        identifier = _text(f"{key}/id", members.get("id", ""))
        return Place(id=identifier, extensions=self._foreign(rest))

    def _transactions(self, key: str, value: JsonValue) -> tuple[BizTransaction, ...]:
        found = []
        for members in _objects(key, value):
            self._drop_unknown(key, members, ("bizTransaction", "type"))
            found.append(
                BizTransaction(
                    id=_text(f"{key}/bizTransaction", members.get("bizTransaction")),
                    type=_optional(f"{key}/type", members.get("type")),
                )
            )
        return tuple(found)

    def _parties(self, key: str, value: JsonValue) -> tuple[Party, ...]:
        role = key.rpartition(":")[2].removesuffix("List")
        found = []
        for members in _objects(key, value):
            self._drop_unknown(key, members, (role, "type"))
            found.append(
                Party(
                    id=_text(f"{key}/{role}", members.get(role)),
                    type=_text(f"{key}/type", members.get("type", "")),
                )
            )
        return tuple(found)

    def _persistent_disposition(self, key: str, value: JsonValue) -> PersistentDisposition:
        members = _object(key, value)
        self._drop_unknown(key, members, ("set", "unset"))
        return PersistentDisposition(
            set=_texts(f"{key}/set", members["set"]) if "set" in members else None,
            unset=_texts(f"{key}/unset", members["unset"]) if "unset" in members else None,
        )

    def _ilmd(self, key: str, value: JsonValue) -> tuple[Node, ...]:
        return self._foreign(_object(key, value))

    def _error_declaration(self, key: str, value: JsonValue) -> ErrorDeclaration:
        members = dict(_object(key, value))
        corrective = members.pop("correctiveEventIDs", None)
        declared = members.pop("declarationTime", "")
        reason = members.pop("reason", None)
        attributes: tuple[tuple[str, str, str], ...] = ()
        extensions = []
        for node in self._foreign(members):
            if carries_attributes(node):
                attributes = node.attributes
            else:
                extensions.append(node)
        return ErrorDeclaration(
            declaration_time=_text(f"{key}/declarationTime", declared),
            reason=_optional(f"{key}/reason", reason),
            corrective_event_ids=(
                None if corrective is None else _texts(f"{key}/correctiveEventIDs", corrective)
            ),
            extensions=tuple(extensions),
            attributes=attributes,
        )

    def _sensors(self, key: str, value: JsonValue) -> tuple[SensorElement, ...]:
        return tuple(self._sensor(key, part) for part in _objects(key, value))

    def _sensor(self, key: str, members: JsonObject) -> SensorElement:
        members = dict(members)
        metadata = members.pop("sensorMetadata", None)
        reports = members.pop("sensorReport", [])
        return SensorElement(
            metadata=(
                None
                if metadata is None
                else self._sensor_part(SensorMetadata, f"{key}/sensorMetadata", metadata)
            ),
            reports=tuple(
                self._sensor_part(SensorReport, f"{key}/sensorReport", part)
                for part in _objects(f"{key}/sensorReport", reports)
            ),
            extensions=self._foreign(members),
        )

    def _sensor_part(self, kind: type[_SensorPart], key: str, value: JsonValue) -> _SensorPart:
        fields = SENSOR_FIELDS[kind]
        values: dict[str, str] = {}
        foreign: JsonObject = {}
        for name, part in _object(key, value).items():
            if name not in fields:
                foreign[name] = part
            elif isinstance(part, bool):
                values[fields[name]] = "true" if part else "false"
            elif isinstance(part, JsonNumber) and name in NUMBERS:
                values[fields[name]] = str(part)
            else:
                values[fields[name]] = _text(f"{key}/{name}", part)
        return kind(**values, extensions=self._foreign(foreign))


def _mark_nil(values: dict[str, object], written: JsonValue) -> None:
    """Give quantities back the `xsi:nil` they had in XML."""
    classes = set(_texts("nil", written))
    for attribute, value in values.items():
        if attribute.endswith("quantities") and isinstance(value, tuple):
            values[attribute] = tuple(
                structs.replace(amount, is_nil=True)
                if amount.quantity is None and amount.epc_class in classes
                else amount
                for amount in value
            )


def _object(path: str, value: JsonValue) -> JsonObject:
    if not isinstance(value, dict):
        raise WrongType(path, "an object")
    return value


def _objects(path: str, value: JsonValue) -> list[JsonObject]:
    objects = [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []
    if not isinstance(value, list) or len(objects) < len(value):
        raise WrongType(path, "an array of objects")
    return objects


def _text(path: str, value: JsonValue) -> str:
    if type(value) is not str:
        raise WrongType(path, "a string")
    return value


def _optional(path: str, value: JsonValue) -> str | None:
    return None if value is None else _text(path, value)


def _texts(path: str, value: JsonValue) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise WrongType(path, "an array of strings")
    return tuple(_text(path, part) for part in value)
