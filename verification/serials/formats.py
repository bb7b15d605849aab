"""A grant as a line takes it: CSV, XML or JSON, a portion at a time."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias
from xml.sax.saxutils import escape, quoteattr

import orjson

from schemas.gs1.element_string import bracketed
from verification.serials.grant import serials_between, spans_of
from verification.serials.numbers import tails_at
from verification.serials.pool import need_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from epcis.ledger.store import Store
    from verification.serials.grant import SerialGrant
    from verification.serials.pool import SerialPool

    _Row: TypeAlias = tuple[str, str]
    """A number, and its element string with brackets."""
    _Frame: TypeAlias = tuple[bytes, Callable[[list[_Row]], bytes], bytes, bytes]
    """What comes first, how rows are written, what stands between portions, what comes last."""

_SPECIAL = re.compile(r"[\",&<>]")
"""Characters that CSV or XML give a meaning, among those a number may have."""


class GrantFormat(StrEnum):
    """How the numbers of a grant are written."""

    CSV = "csv"
    XML = "xml"
    JSON = "json"


MEDIA_TYPES = {
    GrantFormat.CSV: "text/csv; charset=utf-8",
    GrantFormat.XML: "application/xml",
    GrantFormat.JSON: "application/json",
}


def write_grant(store: Store, grant: SerialGrant, wanted: GrantFormat) -> Iterator[bytes]:
    """The numbers of a grant, each with the whole element string to print.

    Each portion is read by itself, so a slow reader holds nothing in the database.
    """
    with store.read() as snapshot:
        pool = need_pool(snapshot, grant.pool)
    frame = {GrantFormat.CSV: _csv, GrantFormat.XML: _xml, GrantFormat.JSON: _json}[wanted]
    head, write, between, end = frame(pool, grant)
    yield head
    is_first = True
    for first, after in spans_of(grant):
        with store.read() as snapshot:
            tails = tails_at(snapshot, pool, first, after)
            numbers = serials_between(snapshot, pool, first, after)
        if numbers:
            rows = write([(number, _printed(pool, number, tails)) for number in numbers])
            yield rows if is_first else between + rows
            is_first = False
    yield end


def _printed(pool: SerialPool, number: str, tails: dict[str, str]) -> str:
    """The element string, with brackets."""
    if pool.is_sscc:
        return f"(00){number}"
    written = number if "(" not in number else bracketed({"21": number})[4:]
    return f"(01){pool.code}(21){written}{tails.get(number, '')}"


def _csv(pool: SerialPool, _grant: SerialGrant) -> _Frame:
    def rows(portion: list[_Row]) -> bytes:
        lines = [
            f"{pool.code},{number},{printed}\r\n"
            if not _SPECIAL.search(printed)
            else f"{pool.code},{_quoted(number)},{_quoted(printed)}\r\n"
            for number, printed in portion
        ]
        return "".join(lines).encode()

    return b"code,serial,print\r\n", rows, b"", b""


def _quoted(text: str) -> str:
    """A field by RFC 4180."""
    return '"' + text.replace('"', '""') + '"'


def _xml(pool: SerialPool, grant: SerialGrant) -> _Frame:
    def rows(portion: list[_Row]) -> bytes:
        lines = [
            f'<serial print="{printed}">{number}</serial>\n'
            if not _SPECIAL.search(printed)
            else f"<serial print={quoteattr(printed)}>{escape(number)}</serial>\n"
            for number, printed in portion
        ]
        return "".join(lines).encode()

    head = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<serials grant={quoteattr(grant.id)}'
        f" requestId={quoteattr(grant.request_id)} code={quoteattr(pool.code)}"
        f' count="{grant.count}">\n'
    )
    return head.encode(), rows, b"", b"</serials>\n"


def _json(pool: SerialPool, grant: SerialGrant) -> _Frame:
    def rows(portion: list[_Row]) -> bytes:
        return orjson.dumps([{"serial": one, "print": printed} for one, printed in portion])[1:-1]

    head = orjson.dumps({**grant.as_dict(), "code": pool.code})
    return head[:-1] + b',"serials":[', rows, b",", b"]}"
