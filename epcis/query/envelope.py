"""Messages of the EPCIS 1.2 query interface: what was asked, in a SOAP envelope or bare.

Pure: bytes in, one of seven operations out, and answers or exceptions back into the same wrapping.
Standard: EPCIS 1.2 section 11.2; namespace `urn:epcglobal:epcis-query:xsd:1`, and `:2` for 2.0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from lxml import etree

from epcis.units import number

if TYPE_CHECKING:
    from collections.abc import Iterable

QUERY_1: Final = "urn:epcglobal:epcis-query:xsd:1"
QUERY_2: Final = "urn:epcglobal:epcis-query:xsd:2"
SOAP_1_1: Final = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_1_2: Final = "http://www.w3.org/2003/05/soap-envelope"
MESSAGE_BYTES_MAX: Final = 1024 * 1024
"""Largest message that is read."""
ID_LENGTH_MAX: Final = 200
Parameter: TypeAlias = list[str] | str | Decimal | None
_XSI_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"
_SCHEDULE: Final = ("second", "minute", "hour", "dayOfMonth", "month", "dayOfWeek")
_NUMBER_TYPES: Final = ("int", "integer", "long", "short", "float", "double", "decimal")


class QueryOperation(StrEnum):
    """The seven operations of the query control interface."""

    GET_QUERY_NAMES = "GetQueryNames"
    SUBSCRIBE = "Subscribe"
    UNSUBSCRIBE = "Unsubscribe"
    GET_SUBSCRIPTION_IDS = "GetSubscriptionIDs"
    POLL = "Poll"
    GET_STANDARD_VERSION = "GetStandardVersion"
    GET_VENDOR_VERSION = "GetVendorVersion"


class SoapFault(Exception):  # noqa: N818  # SOAP calls it a fault
    """An exception of the query interface, by the standard's name."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Controls:
    """When a subscription reports (section 8.2.5.1)."""

    schedule: dict[str, str] | None = None
    trigger: str | None = None
    initial_record_time: str | None = None
    report_if_empty: bool = False


@dataclass(frozen=True, slots=True)
class Wrapping:
    """How a message came and its answer goes: the envelope, if any, and the version."""

    envelope: str | None = None
    """Namespace of the SOAP envelope; None for a bare message."""
    namespace: str = QUERY_1

    @property
    def is_2_0(self) -> bool:
        """Whether the caller speaks the query interface of EPCIS 2.0."""
        return self.namespace == QUERY_2

    def wrap(self, content: etree._Element) -> bytes:
        """An answer as bytes, in the envelope its question came in."""
        if self.envelope is None:
            return etree.tostring(content, xml_declaration=True, encoding="UTF-8")
        root = etree.Element(f"{{{self.envelope}}}Envelope", nsmap={"soapenv": self.envelope})
        body = etree.SubElement(root, f"{{{self.envelope}}}Body")
        body.append(content)
        return etree.tostring(root, xml_declaration=True, encoding="UTF-8")

    def element(self, name: str) -> etree._Element:
        """An empty element of the query namespace."""
        return etree.Element(f"{{{self.namespace}}}{name}", nsmap={"epcisq": self.namespace})

    def fault(self, fault: SoapFault) -> bytes:
        """An exception: a SOAP fault with the standard's element as detail, or that element."""
        element = self.element(fault.name)
        etree.SubElement(element, "reason").text = fault.reason
        if fault.name == "ImplementationException":
            etree.SubElement(element, "severity").text = "ERROR"
        if self.envelope is None:
            return self.wrap(element)
        return self.wrap(self._soap_fault(fault, element))

    def _soap_fault(self, fault: SoapFault, inside: etree._Element) -> etree._Element:
        envelope = self.envelope or SOAP_1_1
        is_ours = fault.name == "ImplementationException"
        element = etree.Element(f"{{{envelope}}}Fault", nsmap={"soapenv": envelope})
        if envelope == SOAP_1_1:
            code = "Server" if is_ours else "Client"
            etree.SubElement(element, "faultcode").text = f"soapenv:{code}"
            etree.SubElement(element, "faultstring").text = fault.reason
            etree.SubElement(element, "detail").append(inside)
            return element
        code_element = etree.SubElement(element, f"{{{envelope}}}Code")
        code = "Receiver" if is_ours else "Sender"
        etree.SubElement(code_element, f"{{{envelope}}}Value").text = f"soapenv:{code}"
        reason = etree.SubElement(element, f"{{{envelope}}}Reason")
        text = etree.SubElement(reason, f"{{{envelope}}}Text")
        text.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
        text.text = fault.reason
        etree.SubElement(element, f"{{{envelope}}}Detail").append(inside)
        return element

    def texts(self, name: str, members: Iterable[str]) -> etree._Element:
        """An answer that is a list of texts."""
        element = self.element(name)
        for member in members:
            etree.SubElement(element, "string").text = member
        return element


@dataclass(frozen=True, slots=True)
class QueryMessage:
    """One operation with what it carries."""

    operation: QueryOperation
    query_name: str = ""
    parameters: dict[str, Parameter] = field(default_factory=dict)
    dest: str = ""
    controls: Controls = field(default_factory=Controls)
    subscription_id: str = ""


def parse(content: bytes) -> etree._Element:
    """The message as XML, without entities or network; raises `SoapFault`."""
    if len(content) > MESSAGE_BYTES_MAX:
        raise SoapFault(
            "QueryTooComplexException", f"a message has {MESSAGE_BYTES_MAX} bytes at most"
        )
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,  # one inside a text would cut it in two
        remove_pis=True,
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as reason:
        raise SoapFault("ValidationException", f"the message is no XML: {reason}") from None
    if getattr(root.getroottree().docinfo, "doctype", ""):
        raise SoapFault("ValidationException", "a message has no document type declaration")
    return root


def wrapping_of(root: etree._Element) -> Wrapping:
    """How a message came, whatever it holds."""
    name = etree.QName(root)
    inside = _inside(root)
    speaks_2_0 = any(etree.QName(one).namespace == QUERY_2 for one in inside)
    is_soap = name.localname == "Envelope" and name.namespace in (SOAP_1_1, SOAP_1_2)
    return Wrapping(name.namespace if is_soap else None, QUERY_2 if speaks_2_0 else QUERY_1)


def _inside(root: etree._Element) -> list[etree._Element]:
    """The elements where the operation stands: in the SOAP body, or the message itself."""
    name = etree.QName(root)
    if name.localname != "Envelope":
        return [root]
    bodies = root.findall(f"{{{name.namespace}}}Body")
    return [one for body in bodies for one in body if isinstance(one.tag, str)]


def operation_of(root: etree._Element) -> etree._Element:
    """The operation's element; raises `SoapFault` where there is not exactly one."""
    name = etree.QName(root)
    if name.localname == "Envelope" and name.namespace not in (SOAP_1_1, SOAP_1_2):
        raise SoapFault("ValidationException", "the envelope is neither SOAP 1.1 nor SOAP 1.2")
    inside = _inside(root)
    if len(inside) != 1:
        raise SoapFault("ValidationException", "the SOAP body must hold exactly one operation")
    return inside[0]


def read(element: etree._Element) -> QueryMessage:
    """The operation of a message; raises `SoapFault` naming what is wrong.

    >>> root = parse(b'<q:Poll xmlns:q="urn:epcglobal:epcis-query:xsd:1">'
    ...     b'<queryName>SimpleEventQuery</queryName><params/></q:Poll>')
    >>> read(operation_of(root)).query_name
    'SimpleEventQuery'
    """
    name = etree.QName(element)
    if name.namespace not in (QUERY_1, QUERY_2) or name.localname not in tuple(QueryOperation):
        raise SoapFault("ValidationException", f"'{name.localname}' is no operation here")
    operation = QueryOperation(name.localname)
    if operation in _EMPTY and (len(element) or (element.text or "").strip()):
        raise SoapFault("ValidationException", f"{operation} carries nothing")
    subscription_id = _text(element, "subscriptionID", operation in _SUBSCRIBED)
    if len(subscription_id) > ID_LENGTH_MAX:
        raise SoapFault(
            "ValidationException", f"subscriptionID may have {ID_LENGTH_MAX} characters"
        )
    return QueryMessage(
        operation,
        query_name=_text(element, "queryName", operation in _NAMED),
        parameters=_parameters(element),
        dest=_text(element, "dest", operation is QueryOperation.SUBSCRIBE),
        controls=_controls(element),
        subscription_id=subscription_id,
    )


_EMPTY: Final = (
    QueryOperation.GET_QUERY_NAMES,
    QueryOperation.GET_STANDARD_VERSION,
    QueryOperation.GET_VENDOR_VERSION,
)
_NAMED: Final = (QueryOperation.POLL, QueryOperation.SUBSCRIBE, QueryOperation.GET_SUBSCRIPTION_IDS)
_SUBSCRIBED: Final = (QueryOperation.SUBSCRIBE, QueryOperation.UNSUBSCRIBE)


def _child(element: etree._Element, name: str) -> etree._Element | None:
    found = [one for one in element if isinstance(one.tag, str) and _local(one) == name]
    if len(found) > 1:
        raise SoapFault("ValidationException", f"{name} stands twice in {_local(element)}")
    return found[0] if found else None


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname


def _content(element: etree._Element) -> str:
    return "".join(str(part) for part in element.itertext(with_tail=False)).strip()


def _text(element: etree._Element, name: str, is_needed: bool) -> str:  # noqa: FBT001  # its name says it
    found = _child(element, name)
    text = "" if found is None else _content(found)
    if is_needed and not text:
        raise SoapFault("ValidationException", f"{_local(element)} needs {name}")
    return text


def _parameters(element: etree._Element) -> dict[str, Parameter]:
    params = _child(element, "params")
    found: dict[str, Parameter] = {}
    for param in params if params is not None else ():
        if not isinstance(param.tag, str):
            continue
        name = _text(param, "name", is_needed=True)
        value = _child(param, "value")
        if value is None:
            raise SoapFault("ValidationException", f"the parameter {name} has no value")
        if name in found:
            raise SoapFault("QueryParameterException", f"the parameter {name} is given twice")
        found[name] = _value(value)
    return found


def _value(value: etree._Element) -> Parameter:
    """A parameter's value by its declared type, or by its shape where none is declared."""
    declared = (value.get(_XSI_TYPE) or "").rpartition(":")[2]
    members = [one for one in value if isinstance(one.tag, str)]
    if declared == "ArrayOfString" or any(_local(one) == "string" for one in members):
        return [_content(one) for one in members]
    text = _content(value)
    if declared == "VoidHolder" or not text:
        return None
    amount = number(text) if declared in _NUMBER_TYPES else None
    return Decimal(amount) if amount is not None else text


def _controls(element: etree._Element) -> Controls:
    controls = _child(element, "controls")
    if controls is None:
        return Controls()
    schedule = _child(controls, "schedule")
    fields = None
    if schedule is not None:
        parts = (one for one in schedule if isinstance(one.tag, str))
        fields = {_local(one): _content(one) for one in parts if _local(one) in _SCHEDULE}
    report = _text(controls, "reportIfEmpty", is_needed=False)
    if report not in ("", "true", "false", "1", "0"):
        raise SoapFault("ValidationException", f"reportIfEmpty '{report[:40]}' is no boolean")
    return Controls(
        fields,
        _text(controls, "trigger", is_needed=False) or None,
        _text(controls, "initialRecordTime", is_needed=False) or None,
        report in ("true", "1"),
    )
