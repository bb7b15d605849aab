"""Pages of a list: how many rows the caller wants, and where the list goes on.

Standard: EPCIS 2.0 section 12.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from epcis.query import paging
from epcis.query.values import BadValue, count
from epcis.routes.addresses import raw_path
from epcis.routes.problems import refusal

if TYPE_CHECKING:
    from fastapi import Request


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
