"""What `/epcis` answers with: query documents, collections, capabilities.

Standard: EPCIS 2.0 section 12.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import orjson
from fastapi import APIRouter
from fastapi.responses import Response
from lxml import etree

from epcis.codec.document import write_document
from epcis.model import Header
from epcis.problem import Problem
from epcis.query import paging
from epcis.query.values import BadValue, count
from epcis.routes.addresses import raw_path
from epcis.routes.described import REFUSED, path_described
from epcis.routes.negotiation import discovery
from epcis.routes.problems import EpcisRoute, refusal, writable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from fastapi import Request

    from epcis.model import Event
    from epcis.routes.negotiation import Agreement

CONTEXT: Final = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE")
_EPCIS_2: Final = "urn:epcglobal:epcis:xsd:2"


def new_router(tag: str) -> APIRouter:
    """An empty router below `/epcis`."""
    return APIRouter(prefix="/epcis", route_class=EpcisRoute, tags=[tag], responses=REFUSED)


def capable(routes: APIRouter, path: str, methods: str, *, is_described: bool = True) -> None:
    """Let `path` answer OPTIONS with what can be done there, and other methods with 405."""
    allow = f"OPTIONS, {methods}"

    async def options() -> Response:
        return Response(status_code=204, headers={"Allow": allow, **discovery()})

    async def refuse() -> Response:
        raise Problem(
            405,
            "Method not allowed",
            f"this address takes {allow}",
            type="epcisException:ValidationException",
            headers={"Allow": allow},
        )

    options.__doc__ = "What can be done here, and which versions and formats are spoken."
    routes.add_api_route(
        path,
        options,
        methods=["OPTIONS"],
        status_code=204,
        name=f"options {path}",
        openapi_extra=path_described(path),
        include_in_schema=is_described,
    )
    taken = {one.strip() for one in allow.split(",")}
    others = [one for one in _METHODS if one not in taken]
    routes.add_api_route(path, refuse, methods=others, include_in_schema=False)


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
    told = {**agreement.headers, **headers}
    if not agreement.is_xml:
        prefixes = dict(agreement.names.prefixes)
        context: Any = [CONTEXT, prefixes] if prefixes else CONTEXT
        body = {"@context": context, "type": "Collection", "member": members}
        return Response(orjson.dumps(body), headers=told, media_type=agreement.media_type)
    root = etree.Element(f"{{{_EPCIS_2}}}Collection", nsmap={"epcis": _EPCIS_2})
    for member in members:
        etree.SubElement(root, "member").text = writable(member)
    content = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return Response(content, headers=told, media_type=agreement.media_type)


def per_page(request: Request) -> int:
    """How many rows the caller wants on a page, within bounds; raises a 400 problem."""
    stated = request.query_params.get("perPage")
    if stated is None:
        return paging.PER_PAGE
    try:
        return min(count(stated), paging.PER_PAGE_MAX)
    except BadValue as fault:
        raise refusal("QueryParameterException", f"perPage {fault}") from None


def next_page(request: Request, cursor: paging.PageCursor) -> dict[str, str]:
    """The headers that say where the list goes on."""
    kept = [
        (name, value)
        for name, value in request.query_params.multi_items()
        if name != "nextPageToken"
    ]
    pairs = [*kept, ("nextPageToken", paging.token(cursor))]
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    base = str(request.base_url).rstrip("/")
    target = f"{base}{quote(raw_path(request), safe='/%')}?{query}"
    return {
        "Link": f'<{target}>; rel="next"',
        "GS1-Next-Page-Token-Expires": cursor.ends.isoformat().replace("+00:00", "Z"),
    }
