"""The service description of the query interface, made from the operations it has."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from fastapi.responses import Response
from lxml import etree

from epcis.query.envelope import QUERY_1, QueryOperation
from epcis.routes.addresses import address
from epcis.routes.problems import not_found

if TYPE_CHECKING:
    from fastapi import Request

_WSDL: Final = "http://schemas.xmlsoap.org/wsdl/"
_SOAP: Final = "http://schemas.xmlsoap.org/wsdl/soap/"
_XSD: Final = "http://www.w3.org/2001/XMLSchema"
_TARGET: Final = "urn:epcglobal:epcis:wsdl:1"
_HTTP: Final = "http://schemas.xmlsoap.org/soap/http"
_XSD_NAME: Final = re.compile(r"[a-z]+(-[0-9.]+)?\.xsd")
_LOCATION: Final = re.compile(rb'schemaLocation="([a-z0-9.-]+\.xsd)"')
_ALL: Final = ("SecurityException", "ValidationException", "ImplementationException")
_FAULTS: Final = {
    QueryOperation.GET_QUERY_NAMES: _ALL,
    QueryOperation.SUBSCRIBE: (
        "NoSuchNameException",
        "InvalidURIException",
        "DuplicateSubscriptionException",
        "QueryParameterException",
        "QueryTooComplexException",
        "SubscriptionControlsException",
        "SubscribeNotPermittedException",
        *_ALL,
    ),
    QueryOperation.UNSUBSCRIBE: ("NoSuchSubscriptionException", *_ALL),
    QueryOperation.GET_SUBSCRIPTION_IDS: ("NoSuchNameException", *_ALL),
    QueryOperation.POLL: (
        "QueryParameterException",
        "QueryTooLargeException",
        "QueryTooComplexException",
        "NoSuchNameException",
        *_ALL,
    ),
    QueryOperation.GET_STANDARD_VERSION: _ALL,
    QueryOperation.GET_VENDOR_VERSION: _ALL,
}
"""The exceptions each operation can answer with."""


def wsdl(request: Request) -> Response:
    """The WSDL document, or one of the schema files it imports."""
    wanted = request.query_params.get("xsd")
    if wanted is not None:
        return Response(_schema(request, wanted), media_type="application/xml")
    content = etree.tostring(_description(request), xml_declaration=True, encoding="UTF-8")
    return Response(content, media_type="text/xml")


def _schema(request: Request, name: str) -> bytes:
    """A schema file with its imports pointing back here."""
    source = files("schemas") / "xsd" / name
    if not _XSD_NAME.fullmatch(name) or not source.is_file():
        raise not_found(f"no schema file '{name[:100]}'")
    base = address(request, "soap").encode()
    return _LOCATION.sub(
        lambda found: b'schemaLocation="' + base + b"?xsd=" + found[1] + b'"', source.read_bytes()
    )


def _description(request: Request) -> etree._Element:
    names = {"wsdl": _WSDL, "soap": _SOAP, "xsd": _XSD, "impl": _TARGET, "epcisq": QUERY_1}
    root = etree.Element(f"{{{_WSDL}}}definitions", nsmap=names, targetNamespace=_TARGET)
    _types(root, address(request, "soap"))
    _messages(root)
    _port_type(root)
    _binding(root)
    service = _add(root, "service", name="EPCglobalEPCISService")
    port = _add(
        service, "port", name="EPCglobalEPCISServicePort", binding="impl:EPCISServiceBinding"
    )
    etree.SubElement(port, f"{{{_SOAP}}}address", location=address(request, "soap"))
    return root


def _add(parent: etree._Element, tag: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{_WSDL}}}{tag}", attributes)


def _types(root: etree._Element, base: str) -> None:
    schema = etree.SubElement(_add(root, "types"), f"{{{_XSD}}}schema", targetNamespace=_TARGET)
    etree.SubElement(
        schema,
        f"{{{_XSD}}}import",
        namespace=QUERY_1,
        schemaLocation=f"{base}?xsd=query-1.2.xsd",
    )


def _lower(operation: QueryOperation) -> str:
    return operation.value[0].lower() + operation.value[1:]


def _result(operation: QueryOperation) -> str:
    return "QueryResults" if operation is QueryOperation.POLL else f"{operation.value}Result"


def _messages(root: etree._Element) -> None:
    for operation in QueryOperation:
        request = _add(root, "message", name=f"{_lower(operation)}Request")
        _add(request, "part", name="parms", element=f"epcisq:{operation.value}")
        response = _add(root, "message", name=f"{_lower(operation)}Response")
        name = f"{_lower(operation)}Return"
        _add(response, "part", name=name, element=f"epcisq:{_result(operation)}")
    for fault in dict.fromkeys(one for faults in _FAULTS.values() for one in faults):
        message = _add(root, "message", name=f"{fault}Response")
        _add(message, "part", name="fault", element=f"epcisq:{fault}")


def _port_type(root: etree._Element) -> None:
    port = _add(root, "portType", name="EPCISServicePortType")
    for operation, faults in _FAULTS.items():
        name = _lower(operation)
        element = _add(port, "operation", name=name)
        _add(element, "input", message=f"impl:{name}Request", name=f"{name}Request")
        _add(element, "output", message=f"impl:{name}Response", name=f"{name}Response")
        for fault in faults:
            _add(element, "fault", message=f"impl:{fault}Response", name=f"{fault}Fault")


def _binding(root: etree._Element) -> None:
    binding = _add(root, "binding", name="EPCISServiceBinding", type="impl:EPCISServicePortType")
    etree.SubElement(binding, f"{{{_SOAP}}}binding", style="document", transport=_HTTP)
    for operation, faults in _FAULTS.items():
        name = _lower(operation)
        element = _add(binding, "operation", name=name)
        etree.SubElement(element, f"{{{_SOAP}}}operation", soapAction="")
        for direction in ("input", "output"):
            suffix = "Request" if direction == "input" else "Response"
            inside = _add(element, direction, name=f"{name}{suffix}")
            etree.SubElement(inside, f"{{{_SOAP}}}body", use="literal")
        for fault in faults:
            inside = _add(element, "fault", name=f"{fault}Fault")
            etree.SubElement(inside, f"{{{_SOAP}}}fault", name=f"{fault}Fault", use="literal")
