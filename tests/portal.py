"""An old portal: it asks by SOAP, in the words of EPCIS 1.2."""

from __future__ import annotations

from lxml import etree

from epcis.query.envelope import QUERY_1, SOAP_1_1

XSI = "http://www.w3.org/2001/XMLSchema-instance"


def ask(repository, message: str, *, envelope=SOAP_1_1, namespace=QUERY_1, token="all"):
    """The name and text of what comes back, and the whole answer."""
    content = f"""<e:Envelope xmlns:e="{envelope}" xmlns:q="{namespace}" xmlns:xsi="{XSI}"
        xmlns:xsd="http://www.w3.org/2001/XMLSchema"><e:Body>{message}</e:Body></e:Envelope>"""
    with repository.client(token) as client:
        answer = client.post("/epcis/soap", content=content, headers={"Content-Type": "text/xml"})
    body = etree.fromstring(answer.content).find(f"{{{envelope}}}Body")
    inside = body[0]
    if etree.QName(inside).localname == "Fault":
        inside = next(iter(inside.findall("detail") + inside.findall(f"{{{envelope}}}Detail")))[0]
    assert etree.QName(inside).namespace == namespace
    return etree.QName(inside).localname, inside, answer


def poll(params: str = "", name: str = "SimpleEventQuery") -> str:
    return f"<q:Poll><queryName>{name}</queryName><params>{params}</params></q:Poll>"


def param(name: str, value: str, kind: str = "") -> str:
    declared = f' xsi:type="{kind}"' if kind else ""
    return f"<param><name>{name}</name><value{declared}>{value}</value></param>"
