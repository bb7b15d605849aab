"""Identifiers inside addresses: URNs, Digital Links and `ni:` hashes as one segment of a path.

An identifier is percent-encoded once by the caller and decoded once here, from the bytes of the
request line, because a path that was decoded before cannot tell `a%2Fb` from `a/b`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit

from epcis.routes.problems import not_found, refusal

if TYPE_CHECKING:
    from fastapi import Request

ROOT: Final = "/epcis"


def identifier(request: Request, collection: str, tail: str = "") -> str:
    """The identifier between `/epcis/{collection}/` and `tail`, decoded once.

    Raises a 404 problem where there is none, 400 where the bytes are no UTF-8.
    """
    raw = raw_path(request)
    begin = f"{ROOT}/{collection}/"
    start = raw.find(begin)
    if start < 0 or not raw.endswith(tail):
        raise not_found(f"no such {collection}")
    coded = raw[start + len(begin) : len(raw) - len(tail)]
    try:
        text = unquote(coded, errors="strict")
    except UnicodeDecodeError:
        raise refusal("ValidationException", "the address holds bytes that are no UTF-8") from None
    if not text or "\x00" in text:
        raise not_found(f"no such {collection}")
    return text


def raw_path(request: Request) -> str:
    """The path as it stands in the request line, without the query string."""
    raw: bytes | None = request.scope.get("raw_path")
    if raw is None:
        return quote(request.scope["path"], safe="/:@;,+=$!*'()&~")
    return raw.split(b"?")[0].decode("latin-1")


def address(request: Request, *segments: str) -> str:
    """The absolute address of a resource below `/epcis`, its segments percent-encoded."""
    base = urlsplit(str(request.base_url))
    path = "/".join(quote(segment, safe="") for segment in segments)
    return f"{base.scheme}://{base.netloc}{base.path.rstrip('/')}{ROOT}/{path}"
