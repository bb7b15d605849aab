"""The bodies `/epcis` answers with: query documents and collections.

Standard: EPCIS 2.0 section 12.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import orjson
from fastapi.responses import Response
from lxml import etree

from epcis.codec.document import write_document
from epcis.model import Header
from epcis.routes.problems import writable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from epcis.model import Event
    from epcis.routes.negotiation import Agreement

CONTEXT: Final = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
_EPCIS_2: Final = "urn:epcglobal:epcis:xsd:2"


def document(
    agreement: Agreement,
    events: Iterable[Event],
    now: datetime,
    *,
    query_name: str = "SimpleEventQuery",
    subscription_id: str | None = None,
) -> bytes:
    """Events as an EPCISQueryDocument in the agreed syntax and formats."""
    header = Header(
        kind="query",
        schema_version="1.2" if agreement.syntax.value == "xml-1.2" else "2.0",
        creation_date=now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        namespaces=tuple(agreement.names.prefixes.items()),
        query_name=query_name,
        subscription_id=subscription_id,
    )
    out = BytesIO()
    write_document(header, events, out, agreement.syntax, agreement.options)
    return out.getvalue()


def collection(agreement: Agreement, members: list[str], headers: dict[str, str]) -> Response:
    """A list of values or of resource names, as JSON-LD or XML."""
    merged = {**agreement.headers, **headers}
    if not agreement.is_xml:
        prefixes = dict(agreement.names.prefixes)
        context: Any = [CONTEXT, prefixes] if prefixes else CONTEXT
        body = {"@context": context, "type": "Collection", "member": members}
        return Response(orjson.dumps(body), headers=merged, media_type=agreement.media_type)
    root = etree.Element(f"{{{_EPCIS_2}}}Collection", nsmap={"epcis": _EPCIS_2})
    for member in members:
        etree.SubElement(root, "member").text = writable(member)
    content = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return Response(content, headers=merged, media_type=agreement.media_type)
